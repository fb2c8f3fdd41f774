/* SPDX-License-Identifier: Apache-2.0 */
/* Ports below 1024, as a user without rights sees them. */
#pragma once

/* Takes the capability for these ports from the test's process. Skips the test where the host gives them to
 * everybody. */
void deny_low_ports(void);
