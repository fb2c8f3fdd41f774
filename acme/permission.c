/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/permission.h"

#include "acme/account.h"
#include "acme/authorization.h"

/* ---- names and profiles ---- */

static bool is_listed(const char *profile, const char *const *profiles, size_t count)
{
    return bytes_equal_any(bytes_from_string(profile), profiles, count);
}

static const struct problem *check_profile(struct arena *arena, const struct permission_policy *policy)
{
    if (policy->profile == NULL || is_listed(policy->profile, policy->profiles, policy->profile_count))
        return NULL;
    return problem_with_cause(arena, CAUSE_PROFILE_GONE, PROBLEM_INVALID_PROFILE,
                              "This endpoint no longer offers the profile \"%s\".", policy->profile);
}

/* Checks an account without an external account key. */
static const struct problem *check_keyless(struct arena *arena, const struct permission_policy *policy,
                                           const struct identifier *identifiers, size_t count)
{
    if (policy->profile != NULL && policy->keyless_profile_count != 0 &&
        !is_listed(policy->profile, policy->keyless_profiles, policy->keyless_profile_count))
        return problem_with_cause(arena, CAUSE_KEYLESS_REFUSED, PROBLEM_INVALID_PROFILE,
                                  "The profile \"%s\" is for accounts with an external account key.",
                                  policy->profile);
    return problem_because(arena, CAUSE_KEYLESS_REFUSED,
                           name_policy_check(arena, policy->keyless_names,
                                             "this endpoint, for accounts without an external account key,",
                                             identifiers, count));
}

const struct problem *permission_check_names(struct arena *arena, const struct permission *permission,
                                             const struct identifier *identifiers, size_t count)
{
    const struct permission_policy *policy = &permission->policy;
    const struct problem *problem = account_check_usable(arena, permission->account);
    if (problem == NULL)
        problem = name_underscores_check(arena, policy->endpoint_names, identifiers, count);
    if (problem == NULL)
        problem = check_profile(arena, policy);
    if (problem == NULL)
        problem = name_policy_check(arena, policy->endpoint_names, "this endpoint", identifiers, count);
    if (problem == NULL && policy->profile != NULL)
        problem =
            name_policy_check(arena, policy->profile_names,
                              arena_printf(arena, "the profile \"%s\"", policy->profile), identifiers, count);
    if (problem != NULL)
        return problem;
    return permission->eab_key == NULL
               ? check_keyless(arena, policy, identifiers, count)
               : eab_check_order(arena, permission->eab_key, policy->profile, identifiers, count);
}

/* ---- trust ---- */

/* Returns in words why this one reason is still valid; NULL when it is not. */
static const char *standing_trust(struct arena *arena, const struct permission *permission,
                                  const struct identifier *identifier, enum authorization_basis basis)
{
    const struct permission_policy *policy = &permission->policy;
    const struct eab_key *key = permission->eab_key;
    const char *pattern = NULL;
    switch (basis) {
    case AUTHORIZATION_TRUSTED_NAME:
        pattern = name_patterns_find(policy->trusted_names, policy->trusted_name_count, identifier);
        return pattern == NULL ? NULL : arena_printf(arena, "the endpoint trusts the name \"%s\"", pattern);
    case AUTHORIZATION_TRUSTED_NETWORK:
        return policy->network_is_trusted ? "the endpoint trusts the network of the client" : NULL;
    case AUTHORIZATION_TRUSTED_KEY:
        return key == NULL || !key->trusted || key->revoked_at != 0
                   ? NULL
                   : arena_printf(arena, "the external account key \"%s\" is trusted", key->kid);
    case AUTHORIZATION_PROVEN:
    case AUTHORIZATION_INHERITED:
        break;
    }
    return NULL;
}

enum authorization_basis permission_trust(struct arena *arena, const struct permission *permission,
                                          const struct identifier *identifier, const char **why)
{
    static const enum authorization_basis in_order[] = {
        AUTHORIZATION_TRUSTED_NAME, AUTHORIZATION_TRUSTED_NETWORK, AUTHORIZATION_TRUSTED_KEY};
    for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
        const char *words = standing_trust(arena, permission, identifier, in_order[i]);
        if (words == NULL)
            continue;
        if (why != NULL)
            *why = words;
        return in_order[i];
    }
    return 0;
}

/* ---- authorizations ---- */

/* Returns the identifier as it was ordered: with "*." for a wildcard. */
static struct identifier identifier_of(const struct authorization *authorization)
{
    struct identifier identifier = {.type = authorization->identifier.type};
    const char *before = authorization->wildcard ? "*." : "";
    int room = (int)(sizeof identifier.value - sizeof "*."); /* a name has at most 253 octets */
    snprintf(identifier.value, sizeof identifier.value, "%s%.*s", before, room,
             authorization->identifier.value);
    return identifier;
}

static const char *why_not_above(const struct permission *permission,
                                 const struct authorization *authorization)
{
    if (!permission->policy.subdomains)
        return "this endpoint no longer accepts a proof for the names below a domain";
    if (!authorization->subdomains)
        return "it covers only its own name";
    if (authorization->basis != AUTHORIZATION_PROVEN || authorization->chosen == 0 ||
        !challenge_type_info(authorization->chosen)->for_wildcard)
        return "only a DNS proof covers the names below";
    return NULL;
}

static const char *why_not_inherited(struct arena *arena, const struct permission *permission,
                                     const struct authorization *authorization,
                                     const struct authorization *parent)
{
    if (parent == NULL || parent->id != authorization->parent_id)
        return arena_printf(arena, "authorization %lld, which it rests on, is gone",
                            (long long)authorization->parent_id);
    const char *why = permission_why_not(arena, permission, parent, NULL, PERMISSION_ANCESTOR);
    if (why == NULL && (authorization->wildcard ||
                        !identifier_is_below(&authorization->identifier, parent->identifier.value)))
        why = "the name is not below it";
    return why == NULL ? NULL
                       : arena_printf(arena, "it rests on authorization %lld of %s: %s",
                                      (long long)parent->id, parent->identifier.value, why);
}

static const char *why_not_trusted(struct arena *arena, const struct permission *permission,
                                   const struct authorization *authorization)
{
    const struct identifier identifier = identifier_of(authorization);
    return standing_trust(arena, permission, &identifier, authorization->basis) != NULL
               ? NULL
               : arena_printf(arena, "it was valid as a %s, which is no longer trusted",
                              authorization_basis_name(authorization->basis));
}

static const char *why_not_issue(struct arena *arena, const struct permission *permission,
                                 const struct authorization *authorization,
                                 const struct authorization *parent)
{
    switch (authorization->basis) {
    case AUTHORIZATION_PROVEN:
        return NULL;
    case AUTHORIZATION_INHERITED:
        return why_not_inherited(arena, permission, authorization, parent);
    case AUTHORIZATION_TRUSTED_NAME:
    case AUTHORIZATION_TRUSTED_NETWORK:
    case AUTHORIZATION_TRUSTED_KEY:
        return why_not_trusted(arena, permission, authorization);
    }
    return "the reason why it was valid is unknown";
}

const char *permission_why_not(struct arena *arena, const struct permission *permission,
                               const struct authorization *authorization, const struct authorization *parent,
                               enum permission_use use)
{
    enum authorization_status status = authorization_status_at(authorization, permission->now);
    if (authorization->account_id != permission->account->id)
        return "it is another account's";
    if (status != AUTHORIZATION_VALID)
        return arena_printf(arena, "it is %s", authorization_status_name(status));
    switch (use) {
    case PERMISSION_ISSUE:
        return why_not_issue(arena, permission, authorization, parent);
    case PERMISSION_ANCESTOR:
        return why_not_above(permission, authorization);
    case PERMISSION_CONTROL:
        return authorization->basis == AUTHORIZATION_PROVEN ? NULL : "control of the name was not proven";
    }
    return "this use is unknown";
}

/* ---- an order's certificate ---- */

static const char *why_not_for(struct arena *arena, const struct permission *permission,
                               const struct identifier *identifier, const struct authorization *authorization,
                               const struct authorization *parent)
{
    const struct identifier own = identifier_of(authorization);
    if (authorization->id == 0)
        return "it is gone";
    if (identifier_compare(identifier, &own) != 0)
        return "it is for another name";
    return permission_why_not(arena, permission, authorization, parent->id == 0 ? NULL : parent,
                              PERMISSION_ISSUE);
}

const struct problem *permission_check_issue(struct arena *arena, const struct permission *permission,
                                             const struct identifier *identifiers,
                                             const struct authorization *authorizations,
                                             const struct authorization *parents, size_t count)
{
    const struct problem *refused = permission_check_names(arena, permission, identifiers, count);
    if (refused != NULL)
        return refused;
    struct subproblem *lapsed = NULL;
    size_t lapsed_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *why = why_not_for(arena, permission, &identifiers[i], &authorizations[i], &parents[i]);
        if (why == NULL)
            continue;
        lapsed = lapsed == NULL ? arena_alloc_array(arena, count, sizeof *lapsed) : lapsed;
        lapsed[lapsed_count++] = (struct subproblem){
            .type = PROBLEM_UNAUTHORIZED,
            .detail = arena_printf(arena, "The authorization for %s is no longer valid: %s.",
                                   identifiers[i].value, why),
            .identifier_type = identifier_type_name(identifiers[i].type),
            .identifier_value = identifiers[i].value,
        };
    }
    if (lapsed_count == 0)
        return NULL;
    struct problem *problem =
        problem_new(arena, PROBLEM_UNAUTHORIZED, "%s Make a new order.", lapsed[0].detail);
    problem->cause = CAUSE_AUTHORIZATION_LAPSED;
    problem->subproblems = lapsed;
    problem->subproblem_count = lapsed_count;
    return problem;
}
