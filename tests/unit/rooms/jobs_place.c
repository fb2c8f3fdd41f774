/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gateway/metrics/metrics.h"
#include "gateway/runtime/clock.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/sqlite/session.h"

static const char configuration[] =
    "{\"base_url\":\"https://acme.test\",\"alternate_names\":[\"acme2.test\"],\"listen\":[\"127.0.0.1:1\"],"
    "\"database\":\"%s/acmegate.db\",\"tls\":{\"issuer\":\"main\"},"
    "\"issuers\":{\"main\":{\"type\":\"local\",\"directory\":\"%s/main\"},"
    "\"spare\":{\"type\":\"local\",\"directory\":\"%s/spare\"}},"
    "\"profiles\":{\"default\":{\"issuer\":\"main\"},\"brief\":{\"issuer\":\"main\",\"max_ttl\":\"1h\","
    "\"extended_key_usages\":[\"serverAuth\",\"clientAuth\"]},\"spare\":{\"issuer\":\"spare\"}},"
    "\"endpoints\":{\"acme\":{\"profiles\":[\"default\",\"brief\",\"spare\"],"
    "\"challenges\":[\"http-01\",\"dns-01\",\"dns-persist-01\"],\"issuer_domain_names\":[\"ca.test\"],"
    "\"authorization_lifetime\":\"2h\"},"
    "\"strict\":{\"profiles\":[\"default\"],\"caa_identities\":[\"ca.test\"],\"authorization_lifetime\":"
    "\"0\"}},"
    "\"orders\":{\"lifetime\":\"6h\"},\"finalize\":{\"give_up_after\":\"10m\"},"
    "\"validation\":{\"retry_for\":\"60s\",\"max_concurrent\":8}}";

/* ---- what the room calls back ---- */

static void note_settled(void *context, int64_t id)
{
    struct jobs_place *place = context;
    cr_assert(place->settled_count < JOBS_PLACE_SETTLED);
    place->settled[place->settled_count++] = id;
}

static void note_revoked(void *context, const char *issuer_id, struct bytes leaf)
{
    struct jobs_place *place = context;
    place->revoked_count++;
    place->revoked_by = arena_duplicate(place->place.arena, issuer_id);
    place->revoked_leaf = arena_copy(place->place.arena, leaf);
}

static void no_preflight(void *context, const struct issuer_config *section, struct issuer_preflight *out)
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

static size_t count_no_routes(void)
{
    return 0;
}

static const struct metric_routes no_routes = {.count = count_no_routes};

/* ---- life ---- */

static const char *folder_of(const struct jobs_place *place, const char *name)
{
    const char *path = arena_printf(place->place.arena, "%s/%s", place->place.folder, name);
    cr_assert_eq(mkdir(path, 0700), 0);
    return path;
}

static void read_configuration(struct jobs_place *place)
{
    struct config_errors errors;
    const char *folder = place->place.folder;
    folder_of(place, "main");
    folder_of(place, "spare");
    const char *text = arena_printf(place->place.arena, configuration, folder, folder, folder);
    place->config =
        config_parse(place->place.arena, "the test", bytes_from_string(text), (char *const[]){NULL}, &errors);
    cr_assert(place->config != NULL, "%s", errors.lines[0]);
}

void jobs_place_begin(struct jobs_place *place)
{
    struct fault fault;
    *place = (struct jobs_place){0};
    place_begin(&place->place);
    fake_clock_set(NOW * 1000);
    read_configuration(place);
    database_lay(place->config->database);
    const struct store_location *location = store_location_new(place->place.arena, place->config->database);
    fake_store_use(location, NULL);
    place->outbound = outbound_start(NULL, NULL);
    place->store = store_open(location, STORE_MIGRATE, &fault);
    cr_assert(place->store != NULL, "%s", fault.message);
    place->database = (struct database){
        .arena = place->place.arena, .location = location, .writer = fake_store_command()->writer};
    snprintf(place->database.path, sizeof place->database.path, "%s", place->config->database);
    place->issuers = issuers_new(&(struct issuers_parts){place->config, location, place->outbound,
                                                         no_preflight, after_all_threads, NULL});
    cr_assert(issuers_open(place->issuers, place->config->issuers, place->config->issuer_count, &fault), "%s",
              fault.message);
    fake_ca_take_over(&place->main, place->place.arena, issuers_find(place->issuers, "main"));
    fake_ca_take_over(&place->spare, place->place.arena, issuers_find(place->issuers, "spare"));
    metrics_start(place->config, &no_routes, "edge");
    place->readers = fake_readers_new(location);
    place->loads = loads_new(location, place->outbound, place->readers, &fault);
    cr_assert(place->loads != NULL, "%s", fault.message);
    const struct jobs_parts parts = {
        .config = place->config,
        .store = place->store,
        .outbound = place->outbound,
        .loads = place->loads,
        .issuers = place->issuers,
        .settled = note_settled,
        .revoked = note_revoked,
        .context = place,
    };
    place->jobs = jobs_new(&parts);
    fakes_settle();
}

void jobs_place_end(struct jobs_place *place)
{
    fake_outbound_end_all();
    jobs_stop(place->jobs);
    outbound_stop(place->outbound);
    readers_stop(place->readers);
    loads_stop(place->loads);
    store_close(place->store);
    jobs_drop(place->jobs);
    loads_free(place->loads);
    readers_free(place->readers);
    issuers_stop(place->issuers);
    jobs_free(place->jobs);
    outbound_free(place->outbound);
    metrics_stop();
    place_end(&place->place);
}

static void clear_ca(struct fake_ca *ca, const struct config *config)
{
    ca->answer = (struct issuer_result){.message = ""};
    ca->gives = FAKE_CA_FITTING;
    ca->delay_ms = 0;
    ca->meanwhile = NULL;
    ca->signs = ca->revokes = 0;
    issuer_health_init(&ca->issuer->health, (size_t)config->issuers[0].max_concurrent);
}

void jobs_place_clear(struct jobs_place *place)
{
    fakes_pass(60000);
    cr_assert_eq(
        sqlite3_exec(database_of(place->database.writer->reader),
                     "PRAGMA foreign_keys = OFF; DELETE FROM certificate_names; DELETE FROM attempts;"
                     "DELETE FROM order_authorizations; DELETE FROM certificates; DELETE FROM orders;"
                     "DELETE FROM authorizations; DELETE FROM accounts; DELETE FROM events;"
                     "PRAGMA foreign_keys = ON",
                     NULL, NULL, NULL),
        SQLITE_OK);
    clear_ca(&place->main, place->config);
    clear_ca(&place->spare, place->config);
    place->settled_count = place->revoked_count = 0;
    place->revoked_by = NULL;
    world_clear();
    metrics_stop();
    metrics_start(place->config, &no_routes, "edge");
    fake_clock_set(NOW * 1000);
}

void jobs_place_work(struct jobs_place *place, unsigned due, int64_t ms)
{
    jobs_wake(place->jobs, due);
    fakes_pass(ms);
}

/* ---- certificates ---- */

struct certificate jobs_place_certificate(struct jobs_place *place, struct fake_ca *ca, const char *issuer,
                                          int64_t account_id)
{
    size_t count;
    struct certificate_facts facts;
    struct arena *arena = place->place.arena;
    const struct bytes *chain = fake_ca_issue(ca, "DNS:www.test", &count);
    cr_assert(certificate_read_facts(arena, chain[0], &facts));
    struct certificate certificate = {
        .account_id = account_id,
        .issuer = issuer,
        .root_fingerprint = ca->issuer->root_fingerprint,
        .serial = arena_duplicate(arena, facts.serial),
        .leaf = chain[0],
        .chain_pem = certificates_to_pem(arena, chain + 1, count - 1),
        .key_hash = arena_copy(arena, bytes_of(facts.key_hash, sizeof facts.key_hash)),
        .not_before = facts.not_before,
        .not_after = facts.not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_FROM_ACME,
        .created_at = NOW,
    };
    cr_assert_eq(store_certificate_insert(place->database.writer, &certificate, facts.identifiers,
                                          facts.identifier_count),
                 STORE_OK);
    return certificate;
}

struct certificate jobs_place_load(const struct jobs_place *place, int64_t id)
{
    struct certificate certificate;
    cr_assert_eq(
        store_certificate_load(store_reader_of(place->database.writer), place->place.arena, id, &certificate),
        STORE_OK);
    return certificate;
}

/* ---- what came of it ---- */

struct authorization jobs_place_prove(const struct jobs_place *place, struct authorization authorization)
{
    authorization.chosen = CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    cr_assert_eq(store_authorization_update(place->database.writer, &authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    authorization.status = AUTHORIZATION_VALID;
    authorization.basis = AUTHORIZATION_PROVEN;
    authorization.challenge_status = CHALLENGE_VALID;
    authorization.validated_at = NOW;
    cr_assert_eq(store_authorization_update(place->database.writer, &authorization, AUTHORIZATION_PENDING,
                                            CHALLENGE_PROCESSING),
                 STORE_OK);
    return authorization;
}

int64_t jobs_place_number(const struct jobs_place *place, const char *sql)
{
    struct fault fault;
    int64_t number = 0;
    cr_assert(database_integer(database_of(place->database.writer->reader), sql, &number, &fault), "%s: %s",
              sql, fault.message);
    return number;
}

const char *jobs_place_text(const struct jobs_place *place, const char *sql)
{
    return database_text(&place->database,
                         arena_printf(place->place.arena, "SELECT coalesce((%s), '')", sql));
}

const char *jobs_place_events(const struct jobs_place *place)
{
    cr_expect_eq(jobs_place_number(place, "SELECT count(*) FROM events WHERE who != 'gateway'"), 0);
    return jobs_place_text(place,
                           "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM events ORDER BY id)");
}

int64_t jobs_place_metric(const struct jobs_place *place, const char *name)
{
    const struct metric_gauges gauges = {.arena = place->place.arena};
    struct bytes text = metrics_render(place->place.arena, &gauges);
    const char *line = arena_printf(place->place.arena, "\n%s ", name);
    const char *at = memmem(text.p, text.n, line, strlen(line));
    cr_assert(at != NULL, "no metric %s", name);
    return strtoll(at + strlen(line), NULL, 10);
}

bool jobs_place_is_settled(const struct jobs_place *place, int64_t id)
{
    for (size_t i = 0; i < place->settled_count; i++)
        if (place->settled[i] == id)
            return true;
    return false;
}
