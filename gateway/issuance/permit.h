/* SPDX-License-Identifier: Apache-2.0 */
/* What acme/permission.h decides on, read from the configuration and the store. Any thread, with a reader of
 * its own; within `apply` what was read holds until the COMMIT. */
#pragma once

#include "acme/permission.h"
#include "gateway/config/config.h"
#include "store/objects.h"

/* The configuration's part, for a client at `client_address`. `profile` may be NULL: not chosen yet. */
void permit_set_policy(struct permission *out, const struct endpoint_config *endpoint,
                       const struct profile_config *profile, const char *client_address);

/* The external account key of `out->account`, as it is now. */
[[gnu::warn_unused_result]] enum store_result permit_load_key(struct store_reader *reader,
                                                              struct arena *arena, struct permission *out);

/* What an inherited authorization rests on; id 0 where there is none, or it is gone. */
[[gnu::warn_unused_result]] enum store_result permit_load_parent(struct store_reader *reader,
                                                                 struct arena *arena,
                                                                 const struct authorization *authorization,
                                                                 struct authorization *parent);

/* Whether a certificate for the account's order may be asked for now (permission_check_issue). On STORE_OK
 * `problem` is NULL, or what ends the order. */
[[gnu::warn_unused_result]] enum store_result permit_issue(const struct config *config,
                                                           struct store_reader *reader, struct arena *arena,
                                                           const struct account *account,
                                                           const struct order *order, int64_t now,
                                                           const struct problem **problem);
