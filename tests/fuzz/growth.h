/* SPDX-License-Identifier: Apache-2.0 */
/* S9: what nobody has authenticated costs work in proportion to its length. Measured in CPU time, with the
 * server that runs. */
#pragma once

void growth_check(void);
