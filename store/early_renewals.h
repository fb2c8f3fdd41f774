/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals that operators want before their time (RFC 9773). Functions that write are called only inside
 * `apply`. */
#pragma once

#include "acme/objects.h"
#include "acme/renewal.h"
#include "store/store.h"

struct early_renewal_order {
    const char *scope;     /* "all", "issuer:main", "serial:1a2b" */
    int64_t issued_before; /* unix seconds */
    struct early_renewal window;
    int64_t created_at;
};
[[gnu::warn_unused_result]] enum store_result store_early_renewal_insert(
    struct store_writer *writer, const struct early_renewal_order *order);
/* Returns the latest request that covers the certificate. */
[[gnu::warn_unused_result]] enum store_result store_early_renewal_of(struct store_reader *reader,
                                                                     struct arena *arena,
                                                                     const struct certificate *certificate,
                                                                     struct early_renewal *out);
