/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gateway/server/route_tables.h"
#include "gateway/status/status.h"

enum { DAY_S = 86400, ROOT_DAYS = 3650 };

#define BASE "https://acme.test"

struct site site;

/* ---- files ---- */

static X509 *new_root(const char *name, EVP_PKEY *key)
{
    const struct pki_certificate root = {.key = key,
                                         .common_name = name,
                                         .is_ca = true,
                                         .not_before = NOW - DAY_S,
                                         .not_after = NOW + (int64_t)ROOT_DAYS * DAY_S};
    return pki_certificate(site.arena, &root);
}

static X509 *new_authority(X509 *root, EVP_PKEY *root_key)
{
    const struct pki_certificate authority = {.key = site.ca_key,
                                              .signer_key = root_key,
                                              .signer = root,
                                              .common_name = "The CA",
                                              .serial_hex = "2",
                                              .is_ca = true,
                                              .not_before = NOW - DAY_S,
                                              .not_after = NOW + (int64_t)ROOT_DAYS * DAY_S};
    return pki_certificate(site.arena, &authority);
}

static void make_authorities(void)
{
    EVP_PKEY *other_key = pki_key(site.arena, "P-256");
    site.root_key = pki_key(site.arena, "P-256");
    site.ca_key = pki_key(site.arena, "P-256");
    site.root = new_root("The root", site.root_key);
    site.ca = new_authority(site.root, site.root_key);
    site.ca_pem = pki_pem(site.arena, site.ca);
    site.alternate_pem = pki_pem(site.arena, new_authority(new_root("The other root", other_key), other_key));
    place_write(&site.place, "root.crt", (const char *)pki_pem(site.arena, site.root).p);
    place_write(&site.place, "alternate.pem", (const char *)site.alternate_pem.p);
    cr_assert_eq(mkdir(arena_printf(site.arena, "%s/local", site.place.folder), 0700), 0);
}

static const char configuration[] =
    "{\"base_url\":\"" BASE "\",\"alternate_names\":[\"acme2.test:8443\"],\"listen\":[\"127.0.0.1:1\"],"
    "\"pki_listen\":[\"127.0.0.1:2\"],\"database\":\"%s/"
    "acmegate.db\",\"loops\":2,\"tls\":{\"issuer\":\"main\"},"
    "\"issuers\":{"
    "\"main\":{\"type\":\"stepca\",\"ca_url\":\"https://ca.test:9000\",\"provisioner_name\":\"acmegate\","
    "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/root.crt\","
    "\"alternate_chains\":[\"%s/alternate.pem\"]},"
    "\"twin\":{\"type\":\"stepca\",\"ca_url\":\"https://twin.test:9000\",\"provisioner_name\":\"acmegate\","
    "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/root.crt\"},"
    "\"local\":{\"type\":\"local\",\"directory\":\"%s/local\"}},"
    "\"profiles\":{\"default\":{\"issuer\":\"main\",\"description\":\"The usual one\"},"
    "\"short\":{\"issuer\":\"local\",\"max_ttl\":\"1h\",\"key_types\":[\"P-256\"]},"
    "\"twin\":{\"issuer\":\"twin\"}},"
    "\"endpoints\":{"
    "\"acme\":{\"profiles\":[\"default\",\"short\"],\"challenges\":[\"http-01\",\"dns-01\",\"tls-alpn-01\","
    "\"dns-account-01\",\"dns-persist-01\"],\"issuer_domain_names\":[\"ca.test\"],\"subdomains\":true,"
    "\"authorization_lifetime\":\"48h\",\"trusted\":{\"names\":[\"zone.test\"]},"
    "\"names\":{\"deny\":[\"never.test\"]}},"
    "\"keyed\":{\"profiles\":[\"twin\"],\"eab\":\"required\",\"challenges\":[\"http-01\"]},"
    "\"brief\":{\"profiles\":[\"default\"],\"authorization_lifetime\":\"100s\"},"
    "\"net\":{\"profiles\":[\"default\"],\"eab\":\"optional\",\"caa_identities\":[\"ca.test\"],"
    "\"website\":\"https://acme.test/about\",\"terms_of_service\":\"https://acme.test/terms\","
    "\"trusted\":{\"networks\":[\"10.9.0.0/16\"]}}}%s}";

static const struct config *read_configuration(const char *more)
{
    struct config_errors errors;
    const char *folder = site.place.folder;
    const char *text =
        arena_printf(site.arena, configuration, folder, folder, folder, folder, folder, folder, folder, more);
    const struct config *config =
        config_parse(site.arena, "the test", bytes_from_string(text), NULL, &errors);
    cr_assert(config != NULL, "%s", errors.lines[0]);
    return config;
}

/* ---- parts ---- */

static struct bytes own_intermediates(void *context, struct arena *arena)
{
    (void)context;
    (void)arena;
    return (struct bytes){0};
}

static int64_t own_end(void *context)
{
    (void)context;
    return 0;
}

static void rejected(void *context, const struct issuer *issuer, const struct bytes *chain, size_t count,
                     const char *why)
{
    (void)context;
    (void)chain;
    (void)count;
    cr_expect(false, "a certificate of %s was rejected: %s", issuer->id, why);
}

static void settled(void *context, int64_t id)
{
    (void)context;
    http_wake(site.http, id);
    peers_tell_settled(site.parts.peers, id);
}

static size_t others(void *context)
{
    (void)context;
    return site.is_alone ? 0 : 1;
}

static bool spend(void *context, struct bytes nonce)
{
    (void)context;
    return frontend_spend_nonce(site.frontend, nonce);
}

static void revoked_elsewhere(void *context)
{
    (void)context;
}

static void taken(void *context, const struct rate_demand *demand)
{
    (void)context;
    (void)demand;
}

static void wake(void *context, int64_t key)
{
    (void)context;
    http_wake(site.http, key);
}

static void revoked(void *context, const char *issuer_id, struct bytes leaf)
{
    (void)context;
    (void)leaf;
    status_changed(site.status, issuer_id);
}

static void revoked_at_once(void *context, const char *issuer_id)
{
    (void)context;
    site.revoked = arena_duplicate(site.arena, issuer_id);
}

static void preflight(void *context, const struct issuer_config *section, struct issuer_preflight *out)
{
    (void)context;
    (void)section;
    (void)out;
}

static void after_all_threads(void *context, void (*over)(void *what), void *what)
{
    (void)context;
    over(what);
}

static const struct metric_routes routes = {server_route_count, server_route_label};

static void make_parts(void)
{
    const struct store_location *location = site.database.location;
    struct fault fault = {0};
    struct outbound *outbound = outbound_start(NULL, NULL);
    struct frontend_parts *parts = &site.parts;
    *parts = (struct frontend_parts){
        .config = site.config,
        .route_tables = server_route_tables,
        .location = location,
        .store = store_open(location, STORE_MIGRATE, &fault),
        .outbound = outbound,
        .issuers = issuers_new(
            &(struct issuers_parts){site.config, location, outbound, preflight, after_all_threads, NULL}),
        .secrets = config_open_secrets(site.config, SECRET_BOX_MAKE, &fault),
        .revoked = revoked_at_once,
    };
    cr_assert(parts->store != NULL && parts->secrets != NULL, "%s", fault.message);
    cr_assert(issuers_open(parts->issuers, site.config->issuers, site.config->issuer_count, &fault), "%s",
              fault.message);
    parts->recognition =
        (struct recognition_parts){site.config, parts->issuers, own_intermediates, own_end, NULL};
    site.readers = parts->readers = fake_readers_new(location);
    site.loads = loads_new(location, outbound, site.readers, &fault);
    cr_assert(site.loads != NULL, "%s", fault.message);
    site.status = status_new(&(struct status_parts){site.config, location, parts->store, outbound, site.loads,
                                                    parts->issuers, own_intermediates, rejected, NULL},
                             &fault);
    parts->jobs = jobs_new(&(struct jobs_parts){site.config, parts->store, outbound, site.loads,
                                                parts->issuers, settled, revoked, NULL});
    parts->status = site.status;
    parts->gateway_number = SITE_NUMBER;
    parts->peers = peers_new(&(struct peers_parts){location, SITE_NUMBER, others, spend, wake, wake,
                                                   revoked_elsewhere, taken, NULL});
    cr_assert(site.status != NULL);
}

static struct http_server *start_listener(size_t loops,
                                          void (*handle)(void *frontend, struct http_request *request))
{
    struct fault fault;
    const struct http_server_config http = {.loops = loops,
                                            .hold_ms = site.config->hold_reply_ms,
                                            .application = {site.frontend, NULL, exchange_loop_started,
                                                            exchange_loop_stopped, handle,
                                                            exchange_render_refusal}};
    struct http_server *server = http_server_start(&http, &fault);
    cr_assert(server != NULL, "%s", fault.message);
    return server;
}

void site_begin(const char *more)
{
    site = (struct site){0};
    place_begin(&site.place);
    site.arena = site.place.arena;
    fake_clock_set(NOW * 1000);
    make_authorities();
    site.config = read_configuration(more);
    database_lay(site.config->database);
    site.database = (struct database){.arena = site.arena,
                                      .location = store_location_new(site.arena, site.config->database)};
    fake_store_use(site.database.location, NULL);
    metrics_start(site.config, &routes, "edge");
    make_parts();
    site.database.writer = fake_store_command()->writer;
    site.frontend = frontend_new(&site.parts);
    cr_assert(site.frontend != NULL);
    site.http = start_listener(2, exchange_begin);
    site.pki = start_listener(1, exchange_begin_pki);
    cr_assert(peers_start(site.parts.peers, NULL));
    site_skip_events();
}

void site_end(void)
{
    fake_outbound_end_all();
    peers_stop(site.parts.peers);
    http_server_stop(site.http);
    http_server_stop(site.pki);
    outbound_stop(site.parts.outbound);
    readers_stop(site.readers);
    loads_stop(site.loads);
    store_close(site.parts.store);
    status_free(site.status);
    jobs_drop(site.parts.jobs);
    loads_free(site.loads);
    issuers_stop(site.parts.issuers);
    outbound_free(site.parts.outbound);
    jobs_free(site.parts.jobs);
    secret_box_free(site.parts.secrets);
    frontend_free(site.frontend);
    peers_free(site.parts.peers);
    readers_free(site.readers);
    metrics_stop();
    place_end(&site.place);
}
