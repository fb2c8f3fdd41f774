/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "acme/base/time_text.h"
#include "gateway/cli/cli_migration.h"

/* True when `authority`, a host with or without a port, names this host. */
static bool is_host(const char *authority, const char *host)
{
    struct host_port parts;
    return host_port_parse(bytes_from_string(authority), &parts) && bytes_equal_string(parts.host, host);
}

/* True for a name of acmegate's own certificate, which no client orders. */
static bool is_own_name(const struct config *config, const char *name)
{
    if (config->tls_issuer == NULL)
        return false;
    bool own = is_host(config->base_url + strlen("https://"), name);
    for (size_t i = 0; !own && i < config->alternate_name_count; i++)
        own = is_host(config->alternate_names[i], name);
    return own;
}

/* A certificate that names a provisioner must name ours. */
bool migration_is_own(const struct config *config, const struct migration_row *row)
{
    if (row->history->newest.origin == CERTIFICATE_FROM_ACME ||
        !is_own_name(config, row->history->newest.name))
        return false;
    const struct issuer_config *issuer = config_issuer(config, config->tls_issuer);
    return row->by.name == NULL || issuer->provisioner_name == NULL ||
           strcmp(row->by.name, issuer->provisioner_name) == 0;
}

/* The directory of the first endpoint that allows the name by its policy and that of its default profile;
 * NULL for none. */
static const char *find_directory(struct arena *arena, const struct config *config, const char *name)
{
    struct identifier identifier;
    if (!identifier_from_name(IDENTIFIER_DNS, bytes_from_string(name), &identifier) &&
        identifier_parse(arena, BYTES_LITERAL("ip"), bytes_from_string(name), &identifier) != NULL)
        return NULL;
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct endpoint_config *endpoint = &config->endpoints[i];
        const struct profile_config *profile = config_profile(config, endpoint->profiles[0]);
        if (name_underscores_check(arena, &endpoint->names, &identifier, 1) == NULL &&
            name_policy_check(arena, &endpoint->names, "", &identifier, 1) == NULL &&
            name_policy_check(arena, &profile->names, "", &identifier, 1) == NULL)
            return arena_printf(arena, "%s/acme/%s/directory", config->base_url, endpoint->name);
    }
    return NULL;
}

static const char *move(struct arena *arena, const struct config *config, const struct migration_row *row)
{
    const struct name_certificate *newest = &row->history->newest;
    const char *directory = find_directory(arena, config, newest->name);
    if (directory == NULL)
        return "no endpoint's name policy allows it: add it to \"names\" of one, or leave it where it is";
    if (row->by.type != NULL && strcmp(row->by.type, "ACME") == 0)
        return arena_printf(arena, "point its ACME client at %s", directory);
    return arena_printf(
        arena,
        "have an ACME client on its host order from %s and stop its `step ca renew`; for a host without "
        "ACME, use `acmegate sign`",
        directory);
}

const char *migration_next(struct arena *arena, const struct config *config, const struct migration_row *row)
{
    char at[TIME_TEXT_BYTES];
    switch (row->state) {
    case MIGRATION_MOVED:
        return "nothing: it renews here";
    case MIGRATION_WENT_BACK:
        time_format(at, row->history->last_acme);
        return arena_printf(
            arena,
            "it was ordered here at %s and the old way after that: stop the old client or timer on its "
            "host",
            at);
    case MIGRATION_OWN:
        return "nothing: acmegate's own certificate renews by itself";
    case MIGRATION_OVER:
        return "nothing, if its host is gone: nobody renews it";
    case MIGRATION_OLD_WAY:
    case MIGRATION_STATE_END:
        break;
    }
    return move(arena, config, row);
}
