/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/visible.h"
#include "gateway/config/config_internal.h"
#include "store/store.h"

static void check_issuer_reference(struct config_reader *reader, const char *path, const char *issuer)
{
    if (issuer != NULL && config_issuer(reader->config, issuer) == NULL)
        config_error(reader, path, "there is no issuer named \"%s\"", issuer);
}

static void check_tls(struct config_reader *reader)
{
    const struct config *config = reader->config;
    bool files = config->tls_cert_path != NULL || config->tls_key_path != NULL;
    if (config->tls_issuer != NULL && files)
        config_error(reader, "tls", "set either issuer, or cert and key");
    else if (config->tls_issuer == NULL && !files)
        config_error(reader, "tls",
                     "is missing: set the issuer that signs the server's own certificate, or cert and key");
    else if (files && config->tls_cert_path == NULL)
        config_error(reader, "tls.cert", "is missing beside tls.key");
    else if (files && config->tls_key_path == NULL)
        config_error(reader, "tls.key", "is missing beside tls.cert");
    else if (config->tls_key_password.n != 0 && !files)
        config_error(reader, "tls.key_password_file", "is for tls.key, which is not set");
    check_issuer_reference(reader, "tls.issuer", config->tls_issuer);
}

static bool is_loopback(const struct listen_address *listener)
{
    static const char *const networks[] = {"127.0.0.0/8", "::1/128"};
    struct network network;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (network_parse(networks[i], &network) && networks_hold(&network, 1, listener->host))
            return true;
    return false;
}

/* Without trusted_proxies nobody could use a listener that a proxy must introduce its clients to, and anybody
 * could use one without TLS. */
static void check_listeners(struct config_reader *reader)
{
    const struct config *config = reader->config;
    for (size_t i = 0; i < config->listen_count && config->trusted_proxy_count == 0; i++) {
        const struct listen_address *at = &config->listen[i];
        const char *name = arena_printf(reader->arena, "%s port %u", at->host, (unsigned)at->port);
        if (at->proxy_protocol)
            config_error(reader, "listen",
                         "%s: proxy_protocol needs trusted_proxies, the only ones who may use it", name);
        else if (at->plain && !is_loopback(at))
            config_error(
                reader, "listen",
                "%s: without TLS it must have a loopback address, or trusted_proxies must be set: only "
                "these may then connect",
                name);
        else if (at->forwarded_headers && !at->plain)
            config_error(reader, "listen", "%s: forwarded_headers needs trusted_proxies, whose headers count",
                         name);
    }
}

static void check_database(struct config_reader *reader)
{
    const struct config *config = reader->config;
    if (config->database == NULL)
        return;
    const struct store_location *location = config_location(reader->arena, config);
    const char *refusal = store_location_refusal(location);
    if (refusal != NULL)
        config_error(reader, "database", "%s", refusal);
    if (config->database_password.n != 0 && store_location_is_file(location))
        config_error(reader, "database_password_file", "is for PostgreSQL: the database is a file");
}

enum { GATEWAY_ID_MAX_BYTES = 255 };
_Static_assert((int)GATEWAY_ID_MAX_BYTES < (int)STORE_GATEWAY_NAME_BYTES, "the store keeps the whole name");

/* Events and metrics show it. */
static void check_gateway_id(struct config_reader *reader)
{
    const char *id = reader->config->gateway_id;
    if (id == NULL)
        return;
    if (!visible_is_clean(bytes_from_string(id), VISIBLE_ONE_LINE))
        config_error(reader, "gateway_id", "must have no control characters and no invisible ones");
    else if (strlen(id) > GATEWAY_ID_MAX_BYTES)
        config_error(reader, "gateway_id", "must have at most %d octets", GATEWAY_ID_MAX_BYTES);
}

enum { ADMIN_TOKEN_MIN_BYTES = 16 };

static void check_admin(struct config_reader *reader)
{
    const struct config *config = reader->config;
    if (config->admin_listen_count != 0 && config->admin_token.n == 0)
        config_error(reader, "admin.token_file",
                     "is missing beside admin.listen: over TCP a token is needed");
    else if (config->admin_token.n != 0 && config->admin_token.n < ADMIN_TOKEN_MIN_BYTES)
        config_error(reader, "admin.token_file", "the token must have at least %d characters",
                     ADMIN_TOKEN_MIN_BYTES);
}

enum { ISSUER_NAMES_MAX = 10 }; /* draft-ietf-acme-dns-persist-01 §3.1 */

static void check_issuer_names(struct config_reader *reader, const struct endpoint_config *endpoint)
{
    const char *path = arena_printf(reader->arena, "endpoints.%s.issuer_domain_names", endpoint->name);
    size_t count;
    config_issuer_names(endpoint, &count);
    if ((endpoint->challenges & 1U << CHALLENGE_DNS_PERSIST_01) == 0)
        return;
    if (count == 0)
        config_error(reader, path,
                     "is missing: dns-persist-01 needs the domain names that stand for this server");
    if (count > ISSUER_NAMES_MAX)
        config_error(reader, path, "at most %d can be offered for dns-persist-01", ISSUER_NAMES_MAX);
}

static void check_profile(struct config_reader *reader, const struct profile_config *profile)
{
    check_issuer_reference(reader, arena_printf(reader->arena, "profiles.%s.issuer", profile->name),
                           profile->issuer);
    const struct issuer_config *issuer =
        profile->issuer == NULL ? NULL : config_issuer(reader->config, profile->issuer);
    if (profile->extended_key_usage_count != 0 && issuer != NULL && issuer->type != ISSUER_LOCAL)
        config_error(reader, arena_printf(reader->arena, "profiles.%s.extended_key_usages", profile->name),
                     "cannot be set for issuer \"%s\": with step-ca the template of the provisioner decides",
                     issuer->id);
}

static void check_without_eab(struct config_reader *reader, const struct endpoint_config *endpoint)
{
    const char *path = arena_printf(reader->arena, "endpoints.%s.without_eab", endpoint->name);
    if (endpoint->eab == EAB_OFF && config_restricts_without_eab(endpoint))
        config_error(reader, path,
                     "has no use while eab is off: no account has a key, and names and profiles are for all");
    for (size_t i = 0; i < endpoint->without_eab_profile_count; i++)
        if (!bytes_equal_any(bytes_from_string(endpoint->without_eab_profiles[i]), endpoint->profiles,
                             endpoint->profile_count))
            config_error(reader, arena_printf(reader->arena, "%s.profiles", path),
                         "\"%s\" is not among the profiles of the endpoint",
                         endpoint->without_eab_profiles[i]);
}

static void check_endpoint(struct config_reader *reader, const struct endpoint_config *endpoint)
{
    const char *path = arena_printf(reader->arena, "endpoints.%s.profiles", endpoint->name);
    for (size_t i = 0; i < endpoint->profile_count; i++) {
        if (config_profile(reader->config, endpoint->profiles[i]) == NULL)
            config_error(reader, path, "there is no profile named \"%s\"", endpoint->profiles[i]);
        if (bytes_equal_any(bytes_from_string(endpoint->profiles[i]), endpoint->profiles, i))
            config_error(reader, path, "\"%s\" is named twice", endpoint->profiles[i]);
    }
    check_without_eab(reader, endpoint);
    if (endpoint->subdomains && endpoint->authorization_lifetime_s == 0)
        config_error(reader, arena_printf(reader->arena, "endpoints.%s.subdomains", endpoint->name),
                     "needs authorization_lifetime: the proof of a domain serves later orders");
    if (endpoint->subdomains && endpoint->caa_identity_count != 0)
        config_error(reader, arena_printf(reader->arena, "endpoints.%s.subdomains", endpoint->name),
                     "cannot be used with caa_identities: the CAA records of the names below a proven domain "
                     "would not be checked");
    check_issuer_names(reader, endpoint);
}

enum { ALTERNATE_CHAINS_MAX = 4 }; /* each may become a header of a reply */

static void check_ocsp(struct config_reader *reader, const struct issuer_config *issuer)
{
    const struct ocsp_config *ocsp = &issuer->ocsp;
    const char *path = arena_printf(reader->arena, "issuers.%s.ocsp", issuer->id);
    bool files = ocsp->certificate_path != NULL || ocsp->key_path != NULL;
    bool provisioner = ocsp->provisioner_name != NULL || ocsp->provisioner_key_path != NULL;
    if (files && provisioner)
        config_error(reader, path, "set either certificate and key, or a provisioner");
    else if (files && (ocsp->certificate_path == NULL || ocsp->key_path == NULL))
        config_error(reader, path, "certificate and key need each other");
    else if (provisioner && (ocsp->provisioner_name == NULL || ocsp->provisioner_key_path == NULL))
        config_error(reader, path, "provisioner_name and provisioner_key_path need each other");
}

void config_check_issuer(struct config_reader *reader, const struct issuer_config *issuer)
{
    check_ocsp(reader, issuer);
    if (issuer->alternate_chain_count > ALTERNATE_CHAINS_MAX)
        config_error(reader, arena_printf(reader->arena, "issuers.%s.alternate_chains", issuer->id),
                     "at most %d can be offered", ALTERNATE_CHAINS_MAX);
}

static void check_stepca_api(struct config_reader *reader)
{
    const char *name = reader->config->stepca_api_profile;
    if (name == NULL)
        return;
    const struct profile_config *profile = config_profile(reader->config, name);
    const struct issuer_config *issuer =
        profile == NULL || profile->issuer == NULL ? NULL : config_issuer(reader->config, profile->issuer);
    if (profile == NULL)
        config_error(reader, "stepca_api.profile", "there is no profile named \"%s\"", name);
    else if (issuer != NULL && issuer->type != ISSUER_STEPCA)
        config_error(reader, "stepca_api.profile",
                     "its issuer \"%s\" has no API to pass on: it must be of type stepca", issuer->id);
}

void config_check_rules(struct config_reader *reader)
{
    const struct config *config = reader->config;
    if (config->issuer_count == 0)
        config_error(reader, "issuers", "name at least one");
    if (config->profile_count == 0)
        config_error(reader, "profiles", "name at least one");
    if (config->endpoint_count == 0)
        config_error(reader, "endpoints", "name at least one");
    check_tls(reader);
    check_stepca_api(reader);
    check_admin(reader);
    check_database(reader);
    check_gateway_id(reader);
    check_listeners(reader);
    for (size_t i = 0; i < config->issuer_count; i++)
        config_check_issuer(reader, &config->issuers[i]);
    for (size_t i = 0; i < config->profile_count; i++)
        check_profile(reader, &config->profiles[i]);
    for (size_t i = 0; i < config->endpoint_count; i++)
        check_endpoint(reader, &config->endpoints[i]);
}

void config_check_whole(struct arena *arena, const struct config *config, struct config_errors *errors)
{
    struct config alone = *config;
    alone.versions = NULL;
    struct config_reader reader = {
        .arena = arena, .name = "configuration", .config = &alone, .errors = errors};
    config_check_rules(&reader);
}
