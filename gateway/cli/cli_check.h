/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate check`: what is on this machine, and what ends soon. gateway/preflight/check.h asks the CA. */
#pragma once

#include "gateway/preflight/check.h"

/* A line for each certificate that others rest on: the server's own and its chain, the issuers' intermediates
 * and roots. FAIL for one that ends within the time asked for; a certificate of the server's own that renews
 * itself (and may never live that long) only when less than a sixth of its life is left. */
void check_expiring(struct check *check);
