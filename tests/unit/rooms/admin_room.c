/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_room.h"

#include <criterion/criterion.h>

#include "gateway/loads/readers.h"

#include "store/sqlite/session.h"

struct admin_room room;

static void preflight(void *context, const struct issuer_config *section, struct issuer_preflight *out)
{
    (void)context;
    (void)section;
    out->faults = &room.preflight_fault;
    out->fault_count = room.preflight_fault == NULL ? 0 : 1;
    out->key_id = room.preflight_fault == NULL ? "k1" : NULL;
}

static void after_all_threads(void *context, void (*over)(void *what), void *what)
{
    (void)context;
    over(what);
}

static void *open_gauges(void *context)
{
    return context;
}

static void close_gauges(void *reader)
{
    (void)reader;
}

static void load_gauges(void *context, struct store_reader *reader, struct metric_gauges *gauges)
{
    (void)context;
    cr_expect(reader != NULL && gauges->arena != NULL);
    room.gauges_loaded++;
}

static bool read_gauges(void *reader, struct metric_gauges *gauges)
{
    (void)reader;
    (void)gauges;
    return room.started;
}

static void issuer_written(void *context, const char *id, struct bytes sealed)
{
    (void)context;
    room.written_issuer = arena_duplicate(room.place.arena, id);
    room.written_bytes = sealed.n;
}

static void issuer_changed(void *context, const char *id)
{
    (void)context;
    room.changed_issuer = arena_duplicate(room.place.arena, id);
}

static size_t count_no_routes(void)
{
    return 0;
}

static const struct metric_routes metric_routes = {.count = count_no_routes};

const char *admin_section(const char *members)
{
    const char *folder = room.place.folder;
    return arena_printf(
        room.place.arena,
        "{\"type\":\"stepca\"%s,\"provisioner_name\":\"acmegate\","
        "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/root.crt\"}",
        members, folder, folder);
}

void admin_room_write_configuration(const char *issuer, const char *section)
{
    const char *folder = room.place.folder;
    place_write(&room.place, "token", ADMIN_TOKEN "\n");
    place_write(&room.place, "config.json",
                arena_printf(
                    room.place.arena,
                    "{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:1\"],\"database\":\"%s/db\","
                    "\"admin\":{\"socket\":\"%s/socket\",\"listen\":[\"127.0.0.1:2\"],"
                    "\"token_file\":\"%s/token\"},\"tls\":{\"issuer\":\"%s\"},"
                    "\"issuers\":{\"%s\":%s},\"profiles\":{\"p\":{\"issuer\":\"%s\"}},"
                    "\"endpoints\":{\"e\":{\"profiles\":[\"p\"]}}}",
                    folder, folder, folder, issuer, issuer, section, issuer));
}

static void load_configuration(const char *path)
{
    struct config_errors errors;
    admin_room_write_configuration("one", admin_section(",\"ca_url\":\"https://ca.test:9000\""));
    room.config = config_load(room.place.arena, path, (char *const[]){NULL}, &errors);
    cr_assert(room.config != NULL, "%s", errors.lines[0]);
}

void admin_room_begin(bool overridden)
{
    struct fault fault;
    place_begin(&room.place);
    room.preflight_fault = room.changed_issuer = room.written_issuer = NULL;
    room.started = false;
    room.gauges_loaded = 0;
    const char *path = arena_printf(room.place.arena, "%s/config.json", room.place.folder);
    load_configuration(path);
    const struct store_location *location = store_location_new(room.place.arena, room.config->database);
    fake_store_use(location, NULL);
    room.outbound = outbound_start(NULL, NULL);
    struct issuer_config *served = arena_alloc(room.place.arena, sizeof *served);
    *served = room.config->issuers[0];
    served->overridden = overridden;
    room.parts = (struct admin_parts){
        .config = room.config,
        .config_path = path,
        .store = store_open(location, STORE_MIGRATE, &fault),
        .issuers = issuers_new(&(struct issuers_parts){room.config, location, room.outbound, preflight,
                                                       after_all_threads, NULL}),
        .secrets = config_open_secrets(room.config, SECRET_BOX_MAKE, &fault),
        .background = background_new(),
        .open_gauges = open_gauges,
        .close_gauges = close_gauges,
        .location = location,
        .load_gauges = load_gauges,
        .read_gauges = read_gauges,
        .issuer_written = issuer_written,
        .issuer_changed = issuer_changed,
        .context = &room,
    };
    cr_assert(room.parts.store != NULL && room.parts.secrets != NULL);
    room.parts.readers = fake_readers_new(location);
    cr_assert(issuers_open(room.parts.issuers, served, 1, &fault), "%s", fault.message);
    metrics_start(room.config, &metric_routes, "edge");
    room.admin = admin_start(&room.parts, &fault);
    cr_assert(room.admin != NULL, "%s", fault.message);
}

void admin_room_run_background(void)
{
    cr_assert(background_begin(room.parts.background));
    background_stop(room.parts.background);
    fakes_settle();
}

void admin_room_end(void)
{
    fakes_settle();
    admin_stop(room.admin);
    fake_outbound_end_all();
    outbound_stop(room.outbound);
    readers_stop(room.parts.readers);
    admin_free(room.admin);
    readers_free(room.parts.readers);
    store_close(room.parts.store);
    issuers_stop(room.parts.issuers);
    outbound_free(room.outbound);
    background_free(room.parts.background);
    secret_box_free(room.parts.secrets);
    metrics_stop();
    place_end(&room.place);
}

int64_t admin_rows(const char *sql)
{
    struct fault fault;
    int64_t count = -1;
    cr_assert(database_integer(database_of(fake_store_command()->writer->reader), sql, &count, &fault), "%s",
              fault.message);
    return count;
}

bool reply_says(const struct fake_reply *reply, const char *words)
{
    return memmem(reply->body.p, reply->body.n, words, strlen(words)) != NULL;
}

void expect_answer(const char *what, const struct fake_reply *reply, int status, const char *words)
{
    const char *type = status == 200 ? "application/json" : PROBLEM;
    cr_assert(reply->done, "%s: no answer", what);
    cr_expect_eq(reply->status, status, "%s: %d", what, reply->status);
    cr_expect(reply_says(reply, words), "%s: %.*s", what, (int)reply->body.n, (const char *)reply->body.p);
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store", "%s", what);
    cr_expect_str_eq(reply->content_type, type, "%s", what);
    if (status != 200)
        cr_expect(reply_says(reply, arena_printf(room.place.arena, "{\"type\":\"about:blank\",\"status\":%d,",
                                                 status)),
                  "%s", what);
}
