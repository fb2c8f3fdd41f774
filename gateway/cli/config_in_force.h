/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration with what the admin API has changed, for commands that ask the CA. */
#pragma once

#include "gateway/config/config.h"

/* The configuration as a server would take it now: config_load, and issuer_overrides_take. NULL with
 * `errors`. */
[[gnu::warn_unused_result]] const struct config *config_load_in_force(struct arena *arena, const char *path,
                                                                      char *const *environment,
                                                                      struct config_errors *errors);
