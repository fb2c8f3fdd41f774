#include "gateway/routes/authorizing.h"

#include <stdio.h>

#include "acme/authorization.h"
#include "gateway/outbound/address_policy.h"
#include "gateway/runtime/clock.h"

/* ---- what may be asked for ---- */

/* Why a name needs no proof, in words and as the basis of its authorization; NULL and 0 when it does. */
static const char *why_trusted(struct exchange *exchange, const struct authorizing *authorizing,
                               const struct identifier *identifier, enum authorization_basis *basis)
{
    const struct endpoint_config *endpoint = exchange->endpoint;
    const char *address = exchange->request->client_address;
    const char *pattern =
        name_patterns_find(endpoint->trusted_names, endpoint->trusted_name_count, identifier);
    if (pattern != NULL) {
        *basis = AUTHORIZATION_TRUSTED_NAME;
        return arena_printf(exchange->arena, "the endpoint trusts the name \"%s\"", pattern);
    }
    if (networks_hold(endpoint->trusted_networks, endpoint->trusted_network_count, address)) {
        *basis = AUTHORIZATION_TRUSTED_NETWORK;
        return arena_printf(exchange->arena, "the endpoint trusts the network of %s", address);
    }
    if (authorizing->eab_key.trusted) {
        *basis = AUTHORIZATION_TRUSTED_KEY;
        return arena_printf(exchange->arena, "the external account key \"%s\" is trusted",
                            authorizing->eab_key.kid);
    }
    *basis = 0;
    return NULL;
}

/* A proof for the names below one is as much as one for its wildcard: only the DNS gives it. */
static challenge_set offered_challenges(const struct exchange *exchange,
                                        const struct authorizing *authorizing,
                                        const struct identifier *identifier)
{
    return challenges_for_identifier(exchange->endpoint->challenges, identifier, authorizing->subdomains);
}

static const struct problem *check_challenges_exist(struct exchange *exchange,
                                                    const struct authorizing *authorizing)
{
    for (size_t i = 0; i < authorizing->identifier_count; ++i) {
        const struct identifier *identifier = &authorizing->identifiers[i];
        enum authorization_basis basis;
        if (offered_challenges(exchange, authorizing, identifier) == 0 &&
            why_trusted(exchange, authorizing, identifier, &basis) == NULL)
            return problem_new(exchange->arena, PROBLEM_REJECTED_IDENTIFIER,
                               "This endpoint offers no challenge that could prove control of %s%s.",
                               identifier->value, authorizing->subdomains ? " and the names below it" : "");
    }
    return NULL;
}

/* What the key that the account was made with allows. */
static const struct problem *check_eab(struct exchange *exchange, struct store_session *session,
                                       struct authorizing *authorizing)
{
    if (exchange->account.eab_key_id == 0)
        return NULL;
    enum store_result found =
        store_eab_key_load(session, exchange->arena, exchange->account.eab_key_id, &authorizing->eab_key);
    if (!exchange_store_ok(exchange, found) || found != STORE_OK)
        return exchange->problem;
    return eab_check_order(exchange->arena, &authorizing->eab_key,
                           authorizing->profile == NULL ? NULL : authorizing->profile->name,
                           authorizing->identifiers, authorizing->identifier_count);
}

const struct problem *authorizing_check(struct exchange *exchange, struct store_session *session,
                                        struct authorizing *authorizing)
{
    struct arena *arena = exchange->arena;
    const struct identifier *identifiers = authorizing->identifiers;
    size_t count = authorizing->identifier_count;
    const struct profile_config *profile = authorizing->profile;
    const struct problem *problem =
        name_policy_check(arena, &exchange->endpoint->names, "this endpoint", identifiers, count);
    if (problem == NULL && profile != NULL)
        problem =
            name_policy_check(arena, &profile->names,
                              arena_printf(arena, "the profile \"%s\"", profile->name), identifiers, count);
    if (problem == NULL)
        problem = check_eab(exchange, session, authorizing);
    return problem != NULL ? problem : check_challenges_exist(exchange, authorizing);
}

const struct problem *authorizing_check_rates(struct exchange *exchange,
                                              const struct authorizing *authorizing)
{
    const struct config *config = exchange->server->config;
    size_t count = authorizing->identifier_count;
    struct rate_demand *demands = arena_alloc_array(exchange->arena, count + 1, sizeof(demands[0]));
    const char *account = arena_printf(exchange->arena, "%lld", (long long)exchange->account.id);
    for (size_t i = 0; i < count; ++i)
        demands[i] = (struct rate_demand){&config->orders_per_name, "orders of this account for",
                                          authorizing->identifiers[i].value, account};
    demands[count] = (struct rate_demand){&config->orders_per_account, "orders of account", account, NULL};
    size_t refused = 0;
    const struct problem *problem = rate_limiter_take(exchange->server->rates, exchange->arena, demands,
                                                      count + 1, clock_now_ms(), &refused);
    if (problem != NULL)
        METRICS_COUNT(METRIC_RATE_LIMITED,
                      refused == count ? METRIC_LIMIT_ORDERS_PER_ACCOUNT : METRIC_LIMIT_ORDERS_PER_NAME);
    return problem;
}

/* ---- the authorizations ---- */

/* Valid from its beginning, without a challenge. */
static enum store_result insert_valid(struct exchange *exchange, struct store_session *session,
                                      struct authorization *authorization, const char *kind, const char *why)
{
    authorization->status = AUTHORIZATION_VALID;
    authorization->validated_at = exchange->now;
    enum store_result result = store_authorization_insert(session, authorization);
    if (result != STORE_OK)
        return result;
    struct event event = {.kind = kind,
                          .account_id = exchange->account.id,
                          .authorization_id = authorization->id,
                          .detail = why};
    return exchange_record(exchange, session, &event);
}

static enum store_result find_valid(struct exchange *exchange, struct store_session *session,
                                    const char *name, bool wildcard, bool subdomains,
                                    struct authorization *out)
{
    const struct authorization_wanted wanted = {
        .account_id = exchange->account.id,
        .name = name,
        .wildcard = wildcard,
        .subdomains = subdomains,
        .until = exchange->now + exchange->server->config->order_lifetime_s,
    };
    return store_authorization_find_valid(session, exchange->arena, &wanted, out);
}

/* A valid authorization of a domain above the name that holds for the names below it (RFC 9444): of the one
 * that the client named, else of the closest. Wildcards are not below anything. */
static enum store_result find_ancestor(struct exchange *exchange, struct store_session *session,
                                       const struct authorizing *authorizing, size_t n,
                                       struct authorization *out)
{
    const struct identifier *identifier = &authorizing->identifiers[n];
    const char *named = authorizing->ancestors == NULL ? NULL : authorizing->ancestors[n];
    if (!exchange->endpoint->subdomains || identifier->type != IDENTIFIER_DNS ||
        identifier_is_wildcard(identifier) || authorizing->subdomains)
        return STORE_NOT_FOUND;
    if (named != NULL)
        return find_valid(exchange, session, named, false, true, out);
    for (const char *dot = strchr(identifier->value, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        enum store_result found = find_valid(exchange, session, dot + 1, false, true, out);
        if (found != STORE_NOT_FOUND)
            return found;
    }
    return STORE_NOT_FOUND;
}

enum store_result authorizing_use(struct exchange *exchange, struct store_session *session,
                                  const struct authorizing *authorizing, size_t n, struct authorization *out,
                                  bool *made)
{
    const struct endpoint_config *endpoint = exchange->endpoint;
    const struct identifier *identifier = &authorizing->identifiers[n];
    struct authorization ancestor;
    bool ignored;
    made = made == NULL ? &ignored : made;
    *made = false;
    enum store_result above = STORE_NOT_FOUND;
    if (endpoint->authorization_lifetime_s > 0) {
        enum store_result found =
            find_valid(exchange, session, identifier_base_name(identifier),
                       identifier_is_wildcard(identifier), authorizing->subdomains, out);
        if (found != STORE_NOT_FOUND)
            return found;
        above = find_ancestor(exchange, session, authorizing, n, &ancestor);
        if (above == STORE_FAILED)
            return above;
    }
    *made = true;
    *out = (struct authorization){
        .account_id = exchange->account.id,
        .endpoint = endpoint->name,
        .identifier = {.type = identifier->type},
        .wildcard = identifier_is_wildcard(identifier),
        .subdomains = authorizing->subdomains,
        .status = AUTHORIZATION_PENDING,
        .created_at = exchange->now,
        .expires_at = exchange->now + exchange->server->config->order_lifetime_s,
        .offered = offered_challenges(exchange, authorizing, identifier),
    };
    snprintf(out->identifier.value, sizeof(out->identifier.value), "%s", identifier_base_name(identifier));
    if (!authorization_begin(exchange->arena, out))
        return STORE_FAILED;
    if (above == STORE_OK) {
        out->basis = AUTHORIZATION_INHERITED;
        out->parent_id = ancestor.id;
        return insert_valid(exchange, session, out, "authorization.inherited",
                            arena_printf(exchange->arena,
                                         "authorization %lld of %s holds for the names below",
                                         (long long)ancestor.id, ancestor.identifier.value));
    }
    const char *trusted = why_trusted(exchange, authorizing, identifier, &out->basis);
    return trusted != NULL ? insert_valid(exchange, session, out, "authorization.trusted", trusted)
                           : store_authorization_insert(session, out);
}
