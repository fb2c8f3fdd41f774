/* SPDX-License-Identifier: Apache-2.0 */
/* Orders (RFC 8555 §7.1.3, §7.4). */
#pragma once

#include "acme/urls.h"
#include "acme/validity.h"

enum { ORDER_MAX_IDENTIFIERS = 100 };

struct order_request {
    struct identifier *identifiers; /* in the client's order, without duplicates */
    size_t identifier_count;
    const char *const *ancestors; /* the ancestorDomain of each identifier (RFC 9444), or NULL */
    int64_t not_before;           /* 0 when absent */
    int64_t not_after;
    const char *profile;                    /* NULL when absent */
    const char *replaces;                   /* a certificate identifier (RFC 9773 §5); NULL when absent */
    char replaces_serial[SERIAL_HEX_BYTES]; /* the serial number in it */
};

/* Reads newOrder's payload. malformed, unsupportedIdentifier; several bad names make subproblems. */
[[gnu::warn_unused_result]] const struct problem *order_parse_new(struct arena *arena,
                                                                  const struct json *payload,
                                                                  size_t max_identifiers,
                                                                  struct order_request *out);

/* Reads finalize's payload: the DER of `csr`. */
[[gnu::warn_unused_result]] const struct problem *order_parse_finalize(struct arena *arena,
                                                                       const struct json *payload,
                                                                       struct bytes *csr);

/*
 * Settles a pending order by its authorizations (RFC 8555 §7.1.6). It becomes ready when all are valid and
 * unexpired. It becomes invalid when one of them can no longer be proven, or when the order itself has
 * expired; the reason is then returned, and stored in `error_json`. NULL for every other outcome; the order
 * then ends no later than any of its authorizations. An order in another state is not changed.
 */
const struct problem *order_settle(struct arena *arena, struct order *order,
                                   const struct authorization *authorizations, size_t count, int64_t now);

/* Makes an order invalid. No other code does: so no invalid order lacks its reason, and none is due. */
[[gnu::nonnull]] void order_fail(struct arena *arena, struct order *order, const struct problem *problem,
                                 int64_t now);

/*
 * True when finalize was called with this CSR (DER) before. An order that is processing or valid is then
 * shown unchanged, so that a client that missed the reply can repeat the request. One CSR never signs twice.
 */
bool order_is_finalized_with(const struct order *order, struct bytes csr);

/* Returns NULL for an order that is ready. Else it returns 403 orderNotReady, which tells what the client can
 * do (RFC 8555 §7.4). */
[[gnu::warn_unused_result]] const struct problem *order_check_ready(struct arena *arena,
                                                                    const struct order *order);

/* Returns a copy that shares nothing with `order`. */
struct order order_copy(struct arena *arena, const struct order *order);

struct bytes order_render(struct arena *arena, const struct urls *urls, const struct order *order);
