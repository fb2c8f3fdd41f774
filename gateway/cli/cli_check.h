/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate check`: this host, and certificates that expire soon. gateway/preflight/check.h asks the CA. */
#pragma once

#include "gateway/preflight/check.h"

/* Prints a line for each certificate of the server and its CAs: the server's own with its chain, the issuers'
 * intermediates and roots. FAIL for one that expires within the time asked for; for one that the server
 * renews by itself (and that may never live that long) when less than a sixth of its life is left. */
void check_expiring(struct check *check);

/* Does as `acmegate check` does with this file. Returns the exit status. */
[[nodiscard]] int cli_check_file(struct arena *arena, const char *path);
