/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that a client may request at an endpoint, and their authorizations: the common part of newOrder
 * and newAuthz (RFC 8555 §7.4, §7.4.1).
 */
#pragma once

#include "gateway/frontend/exchange.h"
#include "gateway/issuance/permit.h"

struct authorization_plan {
    const struct identifier *identifiers;
    size_t identifier_count;
    const struct profile_config *profile; /* NULL: not yet chosen */
    const char *const
        *ancestors;  /* NULL, or for each identifier the domain that the client named (RFC 9444), or NULL */
    bool subdomains; /* the client wants a proof that covers the names below */
    struct permission permission; /* set by authorization_plan_check */
};

/* Checks the policies of the endpoint, the profile and the account's external account key, and that a
 * challenge could prove each name. Within `apply`. */
const struct problem *authorization_plan_check(struct exchange *exchange, struct store_reader *reader,
                                               struct authorization_plan *plan);

/* Refuses, and records the refusal with the names: nothing else shows what the request was about. */
enum store_apply_result authorization_plan_refuse(struct exchange *exchange, struct store_writer *writer,
                                                  const struct authorization_plan *plan, enum event_type type,
                                                  const struct problem *problem);

/* Takes a token from the account's bucket and from its bucket for each name. */
const struct problem *authorization_plan_check_rates(struct exchange *exchange,
                                                     const struct authorization_plan *plan);

/* Gives the authorization for the n-th identifier: an existing valid one, if the endpoint reuses those; one
 * that needs no proof; or a new one to be proven. `made` (may be NULL): it is new. Within `apply`, after
 * authorization_plan_check. */
enum store_result authorization_plan_use(struct exchange *exchange, struct store_writer *writer,
                                         const struct authorization_plan *plan, size_t n,
                                         struct authorization *out, bool *made);
