/* SPDX-License-Identifier: Apache-2.0 */
/* Orders (RFC 8555 §7.1.3, §7.4). */
#pragma once

#include "acme/urls.h"
#include "acme/validity.h"

enum { ORDER_MAX_IDENTIFIERS = 100 };

struct order_request {
    struct identifier *identifiers; /* in the client's order, none twice */
    size_t identifier_count;
    const char *const *ancestors; /* for each identifier its ancestorDomain (RFC 9444), or NULL */
    int64_t not_before;           /* 0 when absent */
    int64_t not_after;
    const char *profile;                    /* NULL when absent */
    const char *replaces;                   /* a certificate identifier (RFC 9773 §5); NULL when absent */
    char replaces_serial[SERIAL_HEX_BYTES]; /* its serial */
};

/* newOrder's payload. malformed, unsupportedIdentifier; several bad names make subproblems. */
[[gnu::warn_unused_result]] const struct problem *order_parse_new(struct arena *arena,
                                                                  const struct json *payload,
                                                                  size_t max_identifiers,
                                                                  struct order_request *out);

/* finalize's payload: the DER of `csr`. */
[[gnu::warn_unused_result]] const struct problem *order_parse_finalize(struct arena *arena,
                                                                       const struct json *payload,
                                                                       struct bytes *csr);

/*
 * Moves a pending order on, given its authorizations (RFC 8555 §7.1.6). It becomes ready when all are valid
 * and unexpired. It becomes invalid when one of them can no longer be proven, or when the order itself has
 * expired; then the reason is returned, and stands in `error_json`. NULL for every other outcome, and then
 * the order ends no later than any of its authorizations. An order in another state is left alone.
 */
const struct problem *order_settle(struct arena *arena, struct order *order,
                                   const struct authorization *authorizations, size_t count, int64_t now);

/* The one way for an order to become invalid: no invalid order is without its reason, and none is due. */
[[gnu::nonnull]] void order_fail(struct arena *arena, struct order *order, const struct problem *problem,
                                 int64_t now);

/*
 * Whether finalize was called with this very CSR (DER) before: the order, processing or valid, is then
 * answered as it stands, so that a client that missed the reply may ask again. One CSR never signs twice.
 */
bool order_is_finalized_with(const struct order *order, struct bytes csr);

/* NULL for an order that is ready; else 403 orderNotReady, which says what the client can do (RFC 8555
 * §7.4). */
[[gnu::warn_unused_result]] const struct problem *order_check_ready(struct arena *arena,
                                                                    const struct order *order);

/* A copy that shares nothing with `order`. */
struct order order_copy(struct arena *arena, const struct order *order);

struct bytes order_render(struct arena *arena, const struct urls *urls, const struct order *order);
