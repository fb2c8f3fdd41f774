/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the inputs of acme/permission.h from the configuration and the store. Any thread, with a reader of
 * its own. Within `apply` they hold until the COMMIT. */
#pragma once

#include "acme/objects.h"
#include "acme/permission.h"
#include "gateway/config/config.h"
#include "store/store.h"

/* The configuration's part, for a client at `client_address`. `profile` may be NULL: not chosen yet. The
 * address of a trusted proxy is in no trusted network: whoever is behind the proxy may have it. */
void permit_set_policy(struct permission *out, const struct config *config,
                       const struct endpoint_config *endpoint, const struct profile_config *profile,
                       const char *client_address);

/* Loads the external account key of `out->account`, in its present state. */
[[gnu::warn_unused_result]] enum store_result permit_load_key(struct store_reader *reader,
                                                              struct arena *arena, struct permission *out);

/* Loads the authorization that an inherited one rests on. Its id is 0 when there is none, or it is gone. */
[[gnu::warn_unused_result]] enum store_result permit_load_parent(struct store_reader *reader,
                                                                 struct arena *arena,
                                                                 const struct authorization *authorization,
                                                                 struct authorization *parent);

/* Checks whether a certificate for the account's order may be requested now (permission_check_issue). On
 * STORE_OK `problem` is NULL, or the problem that ends the order. */
[[gnu::warn_unused_result]] enum store_result permit_issue(const struct config *config,
                                                           struct store_reader *reader, struct arena *arena,
                                                           const struct account *account,
                                                           const struct order *order, int64_t now,
                                                           const struct problem **problem);
