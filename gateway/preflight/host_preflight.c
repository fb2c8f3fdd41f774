/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/preflight/host_preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "acme/eab.h"
#include "acme/urls.h"
#include "gateway/http/http.h"
#include "gateway/preflight/shared_key.h"
#include "gateway/runtime/passed_sockets.h"
#include "store/accounts.h"
#include "store/eab_keys.h"

enum { LINE_MAX_BYTES = 1024, EAB_KEYS_MAX = 256, HTTPS_PORT = 443, CROWDS_MAX = 32 };

[[gnu::format(printf, 3, 4)]] static void tell(struct host_preflight *preflight,
                                               enum preflight_verdict verdict, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    preflight->failed = preflight->failed || verdict == PREFLIGHT_FAULT;
    preflight->tell(preflight->context, verdict, line);
}

/* ---- the database ---- */

static void check_disk(struct host_preflight *preflight)
{
    struct store_size size;
    store_read_size(preflight->location, &size);
    const char *name = store_location_text(preflight->location);
    if (size.free == STORE_SIZE_UNKNOWN || size.free >= STORE_FREE_LOW_BYTES)
        return;
    if (size.free < STORE_FREE_LEAST_BYTES)
        tell(preflight, PREFLIGHT_FAULT,
             "database %s: its disk is full: %lld KiB are left for this user; free some, or put `database` "
             "on a "
             "larger one",
             name, (long long)size.free / 1024);
    else
        tell(preflight, PREFLIGHT_WARNING, "database %s: its disk has only %lld MiB left", name,
             (long long)size.free / (1024 * 1024));
}

/* Returns a reader when the database exists, is sound and current; NULL otherwise. */
static struct store_reader *check_database(struct host_preflight *preflight)
{
    const struct store_location *location = preflight->location;
    const char *name = store_location_text(location);
    struct fault fault;
    if (!store_place_is_usable(location, &fault)) {
        tell(preflight, PREFLIGHT_FAULT, "database %s", fault.message);
        return NULL;
    }
    check_disk(preflight);
    if (!store_exists(location)) {
        if (store_was_lost(location, &fault))
            tell(preflight, PREFLIGHT_FAULT, "database %s", fault.message);
        else
            tell(preflight, PREFLIGHT_OK, "database %s: does not exist yet, `acmegate serve` creates it",
                 name);
        return NULL;
    }
    struct store_reader *reader = store_reader_open(location, &fault);
    bool good = reader != NULL && (!preflight->whole_database || store_check(location, NULL, &fault));
    if (good)
        tell(preflight, PREFLIGHT_OK, "database %s: opens, its schema is current", name);
    else if (store_is_older(location))
        tell(preflight, PREFLIGHT_OK, "database %s: `acmegate serve` brings its schema up to date", name);
    else
        tell(preflight, PREFLIGHT_FAULT, "database %s", fault.message);
    if (good)
        return reader;
    store_reader_close(reader);
    return NULL;
}

/* ---- secrets ---- */

struct seals {
    size_t count;  /* keys that a client may still use */
    size_t broken; /* of these, sealed with another secret key */
};

static bool read_seals(struct host_preflight *preflight, struct store_reader *reader,
                       const struct secret_box *box, struct seals *out)
{
    struct arena *arena = preflight->arena;
    struct eab_key *keys = arena_alloc_array(arena, EAB_KEYS_MAX, sizeof keys[0]);
    size_t count = 0;
    struct bytes opened;
    *out = (struct seals){0};
    if (store_eab_keys_after(reader, arena, 0, keys, EAB_KEYS_MAX, &count) != STORE_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].revoked_at != 0)
            continue;
        out->count++;
        out->broken +=
            box != NULL && !secret_unseal(box, arena, keys[i].sealed_key,
                                          eab_key_place(arena, keys[i].endpoint, keys[i].kid), &opened);
    }
    return true;
}

static void check_seals(struct host_preflight *preflight, const char *path, const struct secret_box *box,
                        struct store_reader *reader)
{
    struct seals seals = {0};
    if (reader == NULL || !read_seals(preflight, reader, box, &seals))
        return;
    if (box == NULL && seals.count != 0)
        tell(preflight, PREFLIGHT_FAULT,
             "secret_key_path %s: the file is missing, and %zu external account keys are sealed with it: "
             "restore "
             "it from its back-up; or revoke them ('acmegate eab revoke') and give out new ones",
             path, seals.count);
    else if (seals.broken != 0)
        tell(preflight, seals.broken == seals.count ? PREFLIGHT_FAULT : PREFLIGHT_WARNING,
             "secret_key_path %s: %zu of %zu external account keys were sealed with another file: restore "
             "that "
             "from its back-up; or revoke them ('acmegate eab revoke') and give out new ones",
             path, seals.broken, seals.count);
    else if (box != NULL)
        tell(preflight, PREFLIGHT_OK, "secret_key_path %s: opens the sealed secrets of the database", path);
}

static void check_secrets(struct host_preflight *preflight, struct store_reader *reader)
{
    struct fault fault;
    const char *path = config_secret_path(preflight->arena, preflight->config);
    if (!config_needs_secrets(preflight->config))
        return;
    struct secret_box *box = NULL;
    if (access(path, F_OK) == 0) {
        box = secret_box_open(path, &fault);
        if (box == NULL) {
            tell(preflight, PREFLIGHT_FAULT, "secret_key_path %s; restore it from its back-up",
                 fault.message);
            return;
        }
    }
    if (reader != NULL && !shared_key_check(reader, preflight->config, box, &fault))
        tell(preflight, PREFLIGHT_FAULT, "%s", fault.message);
    else
        check_seals(preflight, path, box, reader);
    secret_box_free(box);
}

/* ---- addresses ---- */

static void check_address(struct host_preflight *preflight, const char *key,
                          const struct listen_address *address, bool served)
{
    struct fault fault;
    enum preflight_verdict denied = preflight->before_start ? PREFLIGHT_WARNING : PREFLIGHT_FAULT;
    const char *host = address->host;
    unsigned port = address->port;
    enum http_address_state state = http_address_try(address, &fault);
    if (state == HTTP_ADDRESS_FREE)
        tell(preflight, PREFLIGHT_OK, "%s: %s port %u is free", key, host, port);
    else if (state == HTTP_ADDRESS_PASSED)
        tell(preflight, PREFLIGHT_OK, "%s: the service manager passed %s port %u", key, host, port);
    else if (state == HTTP_ADDRESS_IN_USE && served)
        tell(preflight, PREFLIGHT_OK, "%s: %s port %u is in use, and a running acmegate has the database",
             key, host, port);
    else if (state == HTTP_ADDRESS_DENIED && served)
        tell(preflight, PREFLIGHT_OK,
             "%s: %s port %u is not for this user, and a running acmegate has the database", key, host, port);
    else
        tell(preflight, state == HTTP_ADDRESS_DENIED ? denied : PREFLIGHT_FAULT, "%s: %s", key,
             fault.message);
}

static void check_addresses(struct host_preflight *preflight, const char *key,
                            const struct listen_address *addresses, size_t count)
{
    bool served = store_is_served(preflight->location);
    for (size_t i = 0; i < count; i++)
        check_address(preflight, key, &addresses[i], served);
}

static void check_socket(struct host_preflight *preflight)
{
    struct fault fault;
    const char *path = preflight->config->admin_socket;
    if (path == NULL)
        return;
    if (passed_socket_of_path(path) != NULL)
        tell(preflight, PREFLIGHT_OK, "admin.socket: the service manager passed %s", path);
    else if (http_local_try(path, &fault))
        tell(preflight, PREFLIGHT_OK, "admin.socket: %s can be made", path);
    else
        tell(preflight, PREFLIGHT_FAULT, "admin.socket: %s", fault.message);
}

static bool is_one_of(const struct passed_socket *passed, const struct listen_address *addresses,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (passed_socket_has(passed, addresses[i].host, addresses[i].port))
            return true;
    return false;
}

/* Nobody would answer clients that connect to a socket without a listener. */
static void check_passed_sockets(struct host_preflight *preflight)
{
    const struct config *config = preflight->config;
    const struct passed_socket *passed;
    for (size_t i = 0; (passed = passed_socket(i)) != NULL; i++) {
        if (is_one_of(passed, config->listen, config->listen_count) ||
            is_one_of(passed, config->pki_listen, config->pki_listen_count) ||
            is_one_of(passed, config->admin_listen, config->admin_listen_count) ||
            (config->admin_socket != NULL && passed_socket_is_at(passed, config->admin_socket)))
            continue;
        tell(preflight, PREFLIGHT_FAULT,
             "%s was passed by the service manager, but %s: change that key, or %s", passed->text,
             passed->is_local ? "admin.socket is another path"
                              : "no address of listen, pki_listen and admin.listen is the same",
             "ListenStream= of the socket unit");
    }
}

/* The ports may differ when something forwards another port, as proxies do. */
static void check_base_port(struct host_preflight *preflight)
{
    const struct config *config = preflight->config;
    struct host_port authority = config_base_authority(config);
    uint16_t port = authority.has_port ? authority.port : HTTPS_PORT;
    if (config->trusted_proxy_count != 0)
        return;
    for (size_t i = 0; i < config->listen_count; i++)
        if (config->listen[i].port == port || config->listen[i].port == 0)
            return;
    tell(preflight, PREFLIGHT_WARNING,
         "base_url: clients connect to port %u, but no address of `listen` has that port; correct only if "
         "something forwards it, otherwise use the same port",
         port);
}

/* ---- accounts ---- */

/* A client that may leave its key out is not bound by the key's limits. */
static void check_endpoint(struct host_preflight *preflight, const struct endpoint_config *endpoint,
                           struct store_reader *reader)
{
    int64_t keyless = 0;
    if (endpoint->eab == EAB_OPTIONAL && !config_restricts_without_eab(endpoint))
        tell(preflight, PREFLIGHT_WARNING,
             "endpoint %s: eab is optional, and accounts without an external account key may have all that "
             "the "
             "endpoint allows: set without_eab.names or without_eab.profiles, or eab to required",
             endpoint->name);
    if (endpoint->eab == EAB_REQUIRED && reader != NULL && !config_restricts_without_eab(endpoint) &&
        store_accounts_without_key(reader, endpoint->name, &keyless) == STORE_OK && keyless != 0)
        tell(
            preflight, PREFLIGHT_WARNING,
            "endpoint %s: eab is required, and %lld older accounts without an external account key may still "
            "have all that the endpoint allows: set without_eab.names, or end them ('acmegate account "
            "deactivate')",
            endpoint->name, (long long)keyless);
}

/* Everybody behind a proxy that is not known as one has its address. */
static void check_crowds(struct host_preflight *preflight, const struct endpoint_config *endpoint,
                         struct store_reader *reader)
{
    const struct config *config = preflight->config;
    struct account_crowd crowds[CROWDS_MAX];
    size_t count = 0;
    if (reader == NULL || endpoint->trusted_network_count == 0 ||
        store_account_crowds(reader, preflight->arena, endpoint->name, ACCOUNTS_OF_A_CROWD, crowds,
                             CROWDS_MAX, &count) != STORE_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (networks_hold(endpoint->trusted_networks, endpoint->trusted_network_count, crowds[i].address) &&
            !networks_hold(config->trusted_proxies, config->trusted_proxy_count, crowds[i].address))
            tell(
                preflight, PREFLIGHT_WARNING,
                "endpoint %s: %lld accounts came from %s, which trusted.networks holds: if a proxy is there, "
                "all its clients get every name; add it to trusted_proxies",
                endpoint->name, (long long)crowds[i].accounts, crowds[i].address);
}

static void check_trusted_proxies(struct host_preflight *preflight, const struct endpoint_config *endpoint)
{
    const struct config *config = preflight->config;
    for (size_t i = 0; i < endpoint->trusted_network_count; i++)
        for (size_t k = 0; k < config->trusted_proxy_count; k++)
            if (networks_overlap(&endpoint->trusted_networks[i], &config->trusted_proxies[k])) {
                tell(preflight, PREFLIGHT_WARNING,
                     "endpoint %s: trusted.networks holds addresses of trusted_proxies: clients there prove "
                     "their names, because anybody may be behind a proxy",
                     endpoint->name);
                return;
            }
}

void host_preflight(struct host_preflight *preflight)
{
    const struct config *config = preflight->config;
    for (size_t i = 0; i < config->warning_count; i++)
        tell(preflight, PREFLIGHT_WARNING, "%s", config->warnings[i]);
    struct store_reader *reader = check_database(preflight);
    check_secrets(preflight, reader);
    check_addresses(preflight, "listen", config->listen, config->listen_count);
    check_addresses(preflight, "pki_listen", config->pki_listen, config->pki_listen_count);
    check_addresses(preflight, "admin.listen", config->admin_listen, config->admin_listen_count);
    check_socket(preflight);
    check_passed_sockets(preflight);
    check_base_port(preflight);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        check_endpoint(preflight, &config->endpoints[i], reader);
        check_crowds(preflight, &config->endpoints[i], reader);
        check_trusted_proxies(preflight, &config->endpoints[i]);
    }
    store_reader_close(reader);
}
