/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/issuance/permit.h"

#include "gateway/runtime/address_policy.h"
#include "store/authorizations.h"
#include "store/eab_keys.h"

static bool is_in_trusted_network(const struct config *config, const struct endpoint_config *endpoint,
                                  const char *client_address)
{
    config = config_now(config);
    return client_address != NULL &&
           networks_hold(endpoint->trusted_networks, endpoint->trusted_network_count, client_address) &&
           !networks_hold(config->trusted_proxies, config->trusted_proxy_count, client_address);
}

void permit_set_policy(struct permission *out, const struct config *config,
                       const struct endpoint_config *endpoint, const struct profile_config *profile,
                       const char *client_address)
{
    out->policy = (struct permission_policy){
        .endpoint_names = &endpoint->names,
        .profiles = endpoint->profiles,
        .profile_count = endpoint->profile_count,
        .profile = profile == NULL ? NULL : profile->name,
        .profile_names = profile == NULL ? NULL : &profile->names,
        .keyless_names = &endpoint->without_eab_names,
        .keyless_profiles = endpoint->without_eab_profiles,
        .keyless_profile_count = endpoint->without_eab_profile_count,
        .trusted_names = endpoint->trusted_names,
        .trusted_name_count = endpoint->trusted_name_count,
        .network_is_trusted = is_in_trusted_network(config, endpoint, client_address),
        .subdomains = endpoint->subdomains,
    };
}

enum store_result permit_load_key(struct store_reader *reader, struct arena *arena, struct permission *out)
{
    int64_t id = out->account->eab_key_id;
    out->eab_key = NULL;
    if (id == 0)
        return STORE_OK;
    struct eab_key *key = arena_alloc(arena, sizeof *key);
    /* Without its key the account would have more rights than the key allows. */
    if (store_eab_key_load(reader, arena, id, key) != STORE_OK)
        return STORE_FAILED;
    out->eab_key = key;
    return STORE_OK;
}

enum store_result permit_load_parent(struct store_reader *reader, struct arena *arena,
                                     const struct authorization *authorization, struct authorization *parent)
{
    *parent = (struct authorization){0};
    if (authorization->parent_id == 0)
        return STORE_OK;
    enum store_result result = store_authorization_load(reader, arena, authorization->parent_id, parent);
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}

static const struct problem *not_configured(struct arena *arena, const struct order *order,
                                            const struct endpoint_config *endpoint)
{
    if (endpoint == NULL)
        return problem_with_cause(arena, CAUSE_PROFILE_GONE, PROBLEM_UNAUTHORIZED,
                                  "The endpoint \"%s\" is no longer configured.", order->endpoint);
    return problem_with_cause(arena, CAUSE_PROFILE_GONE, PROBLEM_INVALID_PROFILE,
                              "The profile \"%s\" is no longer configured.", order->profile);
}

enum store_result permit_issue(const struct config *config, struct store_reader *reader, struct arena *arena,
                               const struct account *account, const struct order *order, int64_t now,
                               const struct problem **problem)
{
    const struct endpoint_config *endpoint = config_endpoint(config, bytes_from_string(order->endpoint));
    const struct profile_config *profile = config_profile(config, order->profile);
    size_t count = order->identifier_count;
    struct authorization *authorizations = NULL;
    struct authorization *parents = arena_alloc_array(arena, count, sizeof *parents);
    struct permission permission = {.now = now, .account = account};
    *problem = NULL;
    if (endpoint == NULL || profile == NULL) {
        *problem = not_configured(arena, order, endpoint);
        return STORE_OK;
    }
    permit_set_policy(&permission, config, endpoint, profile, order->client_address);
    enum store_result result = permit_load_key(reader, arena, &permission);
    if (result == STORE_OK)
        result = store_authorizations_of_order(reader, arena, order, &authorizations);
    for (size_t i = 0; result == STORE_OK && i < count; i++)
        result = permit_load_parent(reader, arena, &authorizations[i], &parents[i]);
    if (result == STORE_OK)
        *problem =
            permission_check_issue(arena, &permission, order->identifiers, authorizations, parents, count);
    return result;
}
