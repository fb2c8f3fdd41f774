#include "gateway/config_internal.h"

static bool has_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

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
        config_error(reader, "tls", "give either issuer, or cert and key");
    else if (config->tls_issuer == NULL && !files)
        config_error(reader, "tls",
                     "is missing: name the issuer that signs the server's own certificate, or cert and "
                     "key");
    else if (files && config->tls_cert_path == NULL)
        config_error(reader, "tls.cert", "is missing beside tls.key");
    else if (files && config->tls_key_path == NULL)
        config_error(reader, "tls.key", "is missing beside tls.cert");
    check_issuer_reference(reader, "tls.issuer", config->tls_issuer);
}

static void check_endpoint(struct config_reader *reader, const struct endpoint_config *endpoint)
{
    const char *path = arena_printf(reader->arena, "endpoints.%s.profiles", endpoint->name);
    for (size_t i = 0; i < endpoint->profile_count; i++) {
        if (config_profile(reader->config, endpoint->profiles[i]) == NULL)
            config_error(reader, path, "there is no profile named \"%s\"", endpoint->profiles[i]);
        if (has_name(endpoint->profiles, i, endpoint->profiles[i]))
            config_error(reader, path, "\"%s\" is named twice", endpoint->profiles[i]);
    }
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
    for (size_t i = 0; i < config->profile_count; i++)
        check_issuer_reference(reader,
                               arena_printf(reader->arena, "profiles.%s.issuer", config->profiles[i].name),
                               config->profiles[i].issuer);
    for (size_t i = 0; i < config->endpoint_count; i++)
        check_endpoint(reader, &config->endpoints[i]);
}
