/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names a client may ask for at an endpoint, and the authorizations for them: what newOrder and
 * newAuthz have in common (RFC 8555 §7.4, §7.4.1).
 */
#pragma once

#include "gateway/frontend/exchange.h"
#include "gateway/issuance/permit.h"

struct authorization_plan {
    const struct identifier *identifiers;
    size_t identifier_count;
    const struct profile_config *profile; /* NULL: not chosen yet */
    const char *const
        *ancestors;  /* NULL, or for each identifier the domain that the client named (RFC 9444) or NULL */
    bool subdomains; /* a proof that holds for the names below is asked for */
    struct permission permission; /* by authorization_plan_check */
};

/* The policies of the endpoint, the profile and the account's external account key, and whether there is a
 * challenge that could prove each name. Within `apply`. */
const struct problem *authorization_plan_check(struct exchange *exchange, struct store_reader *reader,
                                               struct authorization_plan *plan);

/* Refuses, and records it with the names: they are all that tells what the request was about. */
enum store_apply_result authorization_plan_refuse(struct exchange *exchange, struct store_writer *writer,
                                                  const struct authorization_plan *plan, enum event_type type,
                                                  const struct problem *problem);

/* Takes from the account's bucket and from its bucket for each name. */
const struct problem *authorization_plan_check_rates(struct exchange *exchange,
                                                     const struct authorization_plan *plan);

/* The authorization for the n-th identifier: one that is valid already, where the endpoint takes those; one
 * that needs no proof; or a new one to be proven. `made` (may be NULL): it was not there before. Within
 * `apply`, after authorization_plan_check. */
enum store_result authorization_plan_use(struct exchange *exchange, struct store_writer *writer,
                                         const struct authorization_plan *plan, size_t n,
                                         struct authorization *out, bool *made);
