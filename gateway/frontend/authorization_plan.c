/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/authorization_plan.h"

#include <stdio.h>

#include "acme/authorization.h"
#include "gateway/runtime/clock.h"
#include "store/authorizations.h"
#include "store/events.h"

/* ---- the permitted names ---- */

/* A proof for the names below a name equals one for its wildcard: only DNS gives it. */
static challenge_set offered_challenges(const struct exchange *exchange,
                                        const struct authorization_plan *plan,
                                        const struct identifier *identifier)
{
    return challenges_for_identifier(exchange->endpoint->challenges, identifier, plan->subdomains);
}

/* Returns why the name needs no proof; 0 when it does. Trust covers only the name itself, never those below
 * it. */
static enum authorization_basis trust(struct exchange *exchange, const struct authorization_plan *plan,
                                      const struct identifier *identifier, const char **why)
{
    return plan->subdomains ? 0 : permission_trust(exchange->arena, &plan->permission, identifier, why);
}

static const struct problem *check_challenges_exist(struct exchange *exchange,
                                                    const struct authorization_plan *plan)
{
    for (size_t i = 0; i < plan->identifier_count; i++) {
        const struct identifier *identifier = &plan->identifiers[i];
        if (offered_challenges(exchange, plan, identifier) == 0 &&
            trust(exchange, plan, identifier, NULL) == 0)
            return problem_with_cause(exchange->arena, CAUSE_NO_CHALLENGE_FITS, PROBLEM_REJECTED_IDENTIFIER,
                                      "This endpoint offers no challenge that could prove control of %s%s.",
                                      identifier->value, plan->subdomains ? " and the names below it" : "");
    }
    return NULL;
}

const struct problem *authorization_plan_check(struct exchange *exchange, struct store_reader *reader,
                                               struct authorization_plan *plan)
{
    struct permission *permission = &plan->permission;
    *permission = (struct permission){.now = exchange->now, .account = &exchange->account};
    permit_set_policy(permission, exchange->frontend->parts.config, exchange->endpoint, plan->profile,
                      exchange->request->client_address);
    if (!exchange_store_ok(exchange, permit_load_key(reader, exchange->arena, permission)))
        return exchange->problem;
    const struct problem *problem =
        permission_check_names(exchange->arena, permission, plan->identifiers, plan->identifier_count);
    return problem != NULL ? problem : check_challenges_exist(exchange, plan);
}

const struct problem *authorization_plan_check_rates(struct exchange *exchange,
                                                     const struct authorization_plan *plan)
{
    const struct config *config = config_now(exchange->frontend->parts.config);
    size_t count = plan->identifier_count;
    struct rate_demand *demands = arena_alloc_array(exchange->arena, count + 1, sizeof demands[0]);
    const char *account = arena_printf(exchange->arena, "%lld", (long long)exchange->account.id);
    for (size_t i = 0; i < count; i++)
        demands[i] = (struct rate_demand){&config->orders_per_name, "orders of this account for",
                                          plan->identifiers[i].value, account};
    demands[count] = (struct rate_demand){&config->orders_per_account, "orders of account", account, NULL};
    size_t refused = 0;
    const struct problem *problem = exchange_take_rates(exchange, demands, count + 1, &refused);
    if (problem != NULL)
        exchange_count_limit(exchange, refused == count ? METRIC_LIMIT_ORDERS_PER_ACCOUNT
                                                        : METRIC_LIMIT_ORDERS_PER_NAME);
    return problem;
}

/* ---- refusals ---- */

enum store_apply_result authorization_plan_refuse(struct exchange *exchange, struct store_writer *writer,
                                                  const struct authorization_plan *plan, enum event_type type,
                                                  const struct problem *problem)
{
    struct event event = {
        .type = type, .names = identifiers_join(exchange->arena, plan->identifiers, plan->identifier_count)};
    return exchange_refuse_and_record(exchange, writer, &event, problem);
}

/* ---- the authorizations ---- */

/* Inserts an authorization that is valid from the beginning, without a challenge. */
static enum store_result insert_valid(struct exchange *exchange, struct store_writer *writer,
                                      struct authorization *authorization, enum event_type type,
                                      const char *why)
{
    authorization->status = AUTHORIZATION_VALID;
    authorization->validated_at = exchange->now;
    enum store_result result = store_authorization_insert(writer, authorization);
    if (result != STORE_OK)
        return result;
    struct event event = event_of_authorization(exchange->arena, type, authorization);
    event.detail = why;
    return exchange_record(exchange, writer, &event);
}

enum { REUSE_LEFT_MOST_S = 60, REUSE_LEFT_PARTS = 10 };

/* Returns the least remaining life of an authorization that serves an order: a minute, or a tenth of a short
 * life. The order ends with it, and its client needs time to finalize. */
static int64_t least_left(const struct endpoint_config *endpoint)
{
    int64_t part = endpoint->authorization_lifetime_s / REUSE_LEFT_PARTS;
    return part < REUSE_LEFT_MOST_S ? part : REUSE_LEFT_MOST_S;
}

/* Finds an authorization that permits `use`. */
static enum store_result find_permitted(struct exchange *exchange, struct store_reader *reader,
                                        const struct authorization_plan *plan, const char *name,
                                        bool wildcard, enum permission_use use, struct authorization *out)
{
    const struct authorization_wanted wanted = {
        .account_id = exchange->account.id,
        .name = name,
        .wildcard = wildcard,
        .subdomains = use == PERMISSION_ANCESTOR,
        .proven = use == PERMISSION_ANCESTOR,
        .until = exchange->now + least_left(exchange->endpoint) + 1,
    };
    struct authorization parent;
    enum store_result found = store_authorization_find_valid(reader, exchange->arena, &wanted, out);
    if (found == STORE_OK)
        found = permit_load_parent(reader, exchange->arena, out, &parent);
    if (found != STORE_OK)
        return found;
    const char *why =
        permission_why_not(exchange->arena, &plan->permission, out, parent.id == 0 ? NULL : &parent, use);
    return why == NULL ? STORE_OK : STORE_NOT_FOUND;
}

/* Finds the authorization of a domain above the name that covers the names below it (RFC 9444): that of the
 * domain that the client named, else of the closest. A wildcard is not below anything. */
static enum store_result find_ancestor(struct exchange *exchange, struct store_reader *reader,
                                       const struct authorization_plan *plan, size_t n,
                                       struct authorization *out)
{
    const struct identifier *identifier = &plan->identifiers[n];
    const char *named = plan->ancestors == NULL ? NULL : plan->ancestors[n];
    if (!exchange->endpoint->subdomains || identifier->type != IDENTIFIER_DNS ||
        identifier_is_wildcard(identifier) || plan->subdomains)
        return STORE_NOT_FOUND;
    if (named != NULL)
        return find_permitted(exchange, reader, plan, named, false, PERMISSION_ANCESTOR, out);
    for (const char *dot = strchr(identifier->value, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        enum store_result found =
            find_permitted(exchange, reader, plan, dot + 1, false, PERMISSION_ANCESTOR, out);
        if (found != STORE_NOT_FOUND)
            return found;
    }
    return STORE_NOT_FOUND;
}

enum store_result authorization_plan_use(struct exchange *exchange, struct store_writer *writer,
                                         const struct authorization_plan *plan, size_t n,
                                         struct authorization *out, bool *made)
{
    const struct endpoint_config *endpoint = exchange->endpoint;
    const struct identifier *identifier = &plan->identifiers[n];
    struct authorization ancestor;
    bool ignored;
    made = made == NULL ? &ignored : made;
    *made = false;
    enum store_result above = STORE_NOT_FOUND;
    if (endpoint->authorization_lifetime_s > 0) {
        enum store_result found =
            find_permitted(exchange, store_reader_of(writer), plan, identifier_base_name(identifier),
                           identifier_is_wildcard(identifier),
                           plan->subdomains ? PERMISSION_ANCESTOR : PERMISSION_ISSUE, out);
        if (found != STORE_NOT_FOUND)
            return found;
        above = find_ancestor(exchange, store_reader_of(writer), plan, n, &ancestor);
        if (above == STORE_FAILED)
            return above;
    }
    *made = true;
    *out = (struct authorization){
        .account_id = exchange->account.id,
        .endpoint = endpoint->name,
        .identifier = {.type = identifier->type},
        .wildcard = identifier_is_wildcard(identifier),
        .subdomains = plan->subdomains,
        .status = AUTHORIZATION_PENDING,
        .created_at = exchange->now,
        .expires_at = exchange->now + config_now(exchange->frontend->parts.config)->order_lifetime_s,
        .offered = offered_challenges(exchange, plan, identifier),
    };
    snprintf(out->identifier.value, sizeof out->identifier.value, "%s", identifier_base_name(identifier));
    if (!authorization_begin(exchange->arena, out))
        return STORE_FAILED;
    if (above == STORE_OK) {
        out->basis = AUTHORIZATION_INHERITED;
        out->parent_id = ancestor.id;
        if (ancestor.expires_at < out->expires_at)
            out->expires_at = ancestor.expires_at;
        return insert_valid(exchange, writer, out, EVENT_AUTHORIZATION_INHERITED,
                            arena_printf(exchange->arena, "authorization %lld of %s covers the names below",
                                         (long long)ancestor.id, ancestor.identifier.value));
    }
    const char *why;
    out->basis = trust(exchange, plan, identifier, &why);
    return out->basis != 0 ? insert_valid(exchange, writer, out, EVENT_AUTHORIZATION_TRUSTED, why)
                           : store_authorization_insert(writer, out);
}
