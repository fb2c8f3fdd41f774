/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's routes: who may ask, what is found, what a PUT checks, and what is written down. */
#include <unistd.h>

#include "acme/base/json.h"
#include "gateway/admin/admin.h"
#include "gateway/ca/issuer_overrides.h"
#include "leaks.h"
#include "place.h"
#include "store/objects.h"
#include "store/session.h"

LEAK_CHECKED_SUITE(admin);

#define TOKEN   "0123456789abcdef0123"
#define PROBLEM "application/problem+json"
#define SECTION \
    "\"provisioner_name\":\"acmegate\",\"provisioner_key_path\":\"%s/provisioner.json\"," \
    "\"root_cert_path\":\"%s/root.crt\"}"

/* ---- the room and its parts ---- */

static struct place place;
static const struct config *config;
static struct admin_parts parts;
static struct admin *admin;
static struct outbound *outbound;
static const char *preflight_fault;
static const char *changed_issuer;
static bool started;

static void preflight(void *context, const struct issuer_config *section, struct issuer_preflight *out)
{
    (void)context;
    (void)section;
    out->faults = &preflight_fault;
    out->fault_count = preflight_fault == NULL ? 0 : 1;
    out->key_id = preflight_fault == NULL ? "k1" : NULL;
}

/* There is one thread, and it is here. */
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

static bool read_gauges(void *reader, struct metric_gauges *gauges)
{
    (void)reader;
    (void)gauges;
    return started;
}

static void issuer_changed(void *context, const char *id)
{
    (void)context;
    changed_issuer = arena_duplicate(place.arena, id);
}

static size_t count_no_routes(void)
{
    return 0;
}

static const struct metric_routes metric_routes = {.count = count_no_routes};

static const char *section(const char *members)
{
    return arena_printf(place.arena, "{\"type\":\"stepca\"%s," SECTION, members, place.folder, place.folder);
}

static void write_configuration(const char *path)
{
    struct config_errors errors;
    place_write(&place, "token", TOKEN "\n");
    place_write(&place, "config.json",
                arena_printf(
                    place.arena,
                    "{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:1\"],\"database\":\"%s/db\","
                    "\"admin\":{\"socket\":\"%s/socket\",\"listen\":[\"127.0.0.1:2\"],"
                    "\"token_file\":\"%s/token\"},\"tls\":{\"issuer\":\"one\"},"
                    "\"issuers\":{\"one\":%s},\"profiles\":{\"p\":{\"issuer\":\"one\"}},"
                    "\"endpoints\":{\"e\":{\"profiles\":[\"p\"]}}}",
                    place.folder, place.folder, place.folder,
                    section(",\"ca_url\":\"https://ca.test:9000\"")));
    config = config_load(place.arena, path, (char *const[]){NULL}, &errors);
    cr_assert(config != NULL, "%s", errors.lines[0]);
}

static void begin(bool overridden)
{
    struct fault fault;
    const char *reason;
    place_begin(&place);
    preflight_fault = changed_issuer = NULL;
    const char *path = arena_printf(place.arena, "%s/config.json", place.folder);
    write_configuration(path);
    fake_store_use(config->database, NULL);
    outbound = outbound_start(NULL, &reason);
    struct issuer_config *served = arena_alloc(place.arena, sizeof *served);
    *served = config->issuers[0];
    served->overridden = overridden;
    parts = (struct admin_parts){
        .config = config,
        .config_path = path,
        .store = store_open(config->database, STORE_MIGRATE, &fault),
        .issuers = issuers_new(&(struct issuers_parts){config, outbound, preflight, after_all_threads, NULL}),
        .secrets = config_open_secrets(config, SECRET_BOX_MAKE, &fault),
        .background = background_new(),
        .open_gauges = open_gauges,
        .close_gauges = close_gauges,
        .read_gauges = read_gauges,
        .issuer_changed = issuer_changed,
        .context = &place,
    };
    cr_assert(parts.store != NULL && parts.secrets != NULL);
    cr_assert(issuers_open(parts.issuers, served, 1, &fault), "%s", fault.message);
    metrics_start(config, &metric_routes);
    admin = admin_start(&parts, &fault);
    cr_assert(admin != NULL, "%s", fault.message);
}

/* The background thread runs what was posted, and is joined: from here on it takes nothing more. */
static void run_background(void)
{
    cr_assert(background_begin(parts.background));
    background_stop(parts.background);
    fakes_settle();
}

static void end(void)
{
    fakes_settle();
    admin_stop(admin);
    fake_outbound_end_all();
    outbound_stop(outbound);
    store_close(parts.store);
    issuers_stop(parts.issuers);
    outbound_free(outbound);
    background_free(parts.background);
    secret_box_free(parts.secrets);
    metrics_stop();
    place_end(&place);
}

static int64_t rows(const char *sql)
{
    struct fault fault;
    int64_t count = -1;
    cr_assert(database_integer(fake_store_command()->writer->reader.db, sql, &count, &fault), "%s",
              fault.message);
    return count;
}

static bool says(const struct fake_reply *reply, const char *words)
{
    return memmem(reply->body.p, reply->body.n, words, strlen(words)) != NULL;
}

static void expect_answer(const char *what, const struct fake_reply *reply, int status, const char *words)
{
    const char *type = status == 200 ? "application/json" : PROBLEM;
    cr_assert(reply->done, "%s: no answer", what);
    cr_expect_eq(reply->status, status, "%s: %d", what, reply->status);
    cr_expect(says(reply, words), "%s: %.*s", what, (int)reply->body.n, (const char *)reply->body.p);
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store", "%s", what);
    cr_expect_str_eq(reply->content_type, type, "%s", what);
    if (status != 200)
        cr_expect(says(reply, arena_printf(place.arena, "{\"type\":\"about:blank\",\"status\":%d,", status)),
                  "%s", what);
}

/* ---- who may ask ---- */

static const struct {
    int64_t user;
    const char *authorization;
    int status;
    const char *words;
} askers[] = {
    {0, NULL, 200, "\"issuers\":["},
    {INT64_MAX, NULL, 403, "Only root and the server's own user"},
    {-2, "Bearer " TOKEN, 403, "Only root and the server's own user"},
    {-1, NULL, 401, "Show the token"},
    {-1, "", 401, "Show the token"},
    {-1, "Bearer ", 401, "Show the token"},
    {-1, "Bearer 0123456789abcdef012", 401, "Show the token"},
    {-1, "Bearer 0123456789abcdef01234", 401, "Show the token"},
    {-1, "Bearer  " TOKEN, 401, "Show the token"},
    {-1, "Basic  " TOKEN, 401, "Show the token"},
    {-1, TOKEN, 401, "Show the token"},
    {-1, "Bearer " TOKEN, 200, "\"issuers\":["},
    {-1, "bearer " TOKEN, 200, "\"issuers\":["},
};

Test(admin, answers_root_and_the_own_user_and_who_shows_the_token)
{
    begin(false);
    for (size_t i = 0; i < sizeof askers / sizeof *askers; i++) {
        struct place_request asked = {"GET", "/api/v1/issuers", askers[i].user, askers[i].authorization, NULL,
                                      false};
        const struct fake_reply *reply = place_send(&place, &asked);
        const char *what = arena_printf(place.arena, "asker %zu", i);
        expect_answer(what, reply, askers[i].status, askers[i].words);
        cr_expect_str_eq(fake_header(reply, "WWW-Authenticate"), askers[i].status == 401 ? "Bearer" : "",
                         "%s", what);
    }
    struct place_request own = {"GET", "/api/v1/issuers", geteuid(), NULL, NULL, false};
    expect_answer("the own user", place_send(&place, &own), 200, "\"issuers\":[");
    end();
}

/* ---- every route ---- */

static const struct {
    const char *method, *path;
    const char *body;
    bool too_long;
    int status;
    const char *words;
    const char *allow;
} routes[] = {
    {"GET", "/api/v1/issuers", NULL, false, 200, "{\"issuers\":[{\"id\":\"one\",\"type\":\"stepca\"", ""},
    {"GET", "/api/v1/issuers/one", NULL, false, 200,
     "{\"id\":\"one\",\"type\":\"stepca\",\"source\":\"file\"", ""},
    {"GET", "/api/v1/issuers/one", NULL, false, 200, "\"ca_url\":\"https://ca.test:9000\"", ""},
    {"GET", "/api/v1/issuers/one", NULL, false, 200, "\"provisioner_name\":\"acmegate\"", ""},
    {"GET", "/api/v1/issuers/one", NULL, false, 200, "\"calls\":{\"running\":0,\"waiting\":0}", ""},
    {"GET", "/api/v1/issuers/two", NULL, false, 404, "There is no issuer of this id.", ""},
    {"GET", "/api/v1/issuers/on", NULL, false, 404, "There is no issuer of this id.", ""},
    {"GET", "/api/v1/issuers/", NULL, false, 404, "There is nothing here", ""},
    {"GET", "/api/v1/issuers/one/", NULL, false, 404, "There is nothing here", ""},
    {"GET", "/api/v1/issuer", NULL, false, 404, "There is nothing here", ""},
    {"GET", "/", NULL, false, 404, "There is nothing here", ""},
    {"GET", "/metrics", NULL, false, 503, "The server is starting.", ""},
    {"POST", "/metrics", NULL, false, 405, "This resource takes GET.", "GET"},
    {"PUT", "/api/v1/issuers", "{}", false, 405, "This resource takes GET.", "GET"},
    {"get", "/api/v1/issuers", NULL, false, 405, "This resource takes GET.", "GET"},
    {"POST", "/api/v1/issuers/one", "{}", false, 405, "takes GET, PUT, DELETE.", "GET, PUT, DELETE"},
    {"PUT", "/api/v1/issuers/two", "{}", false, 404, "There is no issuer of this id.", ""},
    {"PUT", "/api/v1/issuers/one", NULL, false, 400, "Send the issuer's section", ""},
    {"PUT", "/api/v1/issuers/one", NULL, true, 413, "The request body is too long.", ""},
    {"DELETE", "/api/v1/issuers/two", NULL, false, 404, "There is no issuer of this id.", ""},
    {"DELETE", "/api/v1/issuers/one", NULL, false, 404, "there is nothing to return from", ""},
};

Test(admin, routes_a_request_by_path_and_method)
{
    begin(false);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct place_request asked = {routes[i].method, routes[i].path,    0, NULL,
                                      routes[i].body,   routes[i].too_long};
        const struct fake_reply *reply = place_send(&place, &asked);
        const char *what = arena_printf(place.arena, "%s %s", routes[i].method, routes[i].path);
        expect_answer(what, reply, routes[i].status, routes[i].words);
        cr_expect_str_eq(fake_header(reply, "Allow"), routes[i].allow, "%s", what);
    }
    cr_expect_eq(rows("SELECT count(*) FROM events"), 0);
    end();
}

Test(admin, shows_metrics_once_the_server_has_started)
{
    begin(false);
    started = true;
    struct place_request asked = {"GET", "/metrics", 0, NULL, NULL, false};
    const struct fake_reply *reply = place_send(&place, &asked);
    cr_assert(reply->done);
    cr_expect_eq(reply->status, 200);
    cr_expect(says(reply, "# TYPE acmegate_"));
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store");
    cr_expect_str_eq(reply->content_type, "text/plain; version=0.0.4; charset=utf-8");
    end();
}

/* ---- what a PUT checks ---- */

static const struct {
    const char *members; /* behind the type; NULL: `text` is all of it */
    const char *text;
    const char *fault; /* of the preflight */
    int status;
    const char *words;
} sections[] = {
    {NULL, "no JSON", NULL, 400, "This is no section for an issuer"},
    {NULL, "[]", NULL, 400, "This is no section for an issuer"},
    {NULL, "{}", NULL, 400, "\"reasons\":["},
    {"", NULL, NULL, 400, "issuers.one.ca_url"},
    {",\"ca_url\":\"https://ca2.test:9000\",\"what\":1", NULL, NULL, 400, "what"},
    {NULL, "{\"type\":\"local\",\"directory\":\"/nowhere\"}", NULL, 422,
     "An issuer's type changes with a restart"},
    {",\"ca_url\":\"https://ca2.test:9000\"", NULL, "the CA is away", 422,
     "\"reasons\":[\"the CA is away\"]"},
    {",\"ca_url\":\"https://ca2.test:9000\",\"max_concurrent\":7", NULL, NULL, 200,
     "{\"id\":\"one\",\"source\":\"override\",\"changed\":{"
     "\"ca_url\":{\"from\":\"https://ca.test:9000\",\"to\":\"https://ca2.test:9000\"}"},
};

static void check_put(size_t i)
{
    begin(false);
    preflight_fault = sections[i].fault;
    const char *body = sections[i].members == NULL ? sections[i].text : section(sections[i].members);
    struct place_request put = {"PUT", "/api/v1/issuers/one", -1, "Bearer " TOKEN, body, false};
    const struct fake_reply *reply = place_send(&place, &put);
    cr_expect(!reply->done);
    const struct fake_reply *second = place_send(&place, &put);
    expect_answer("while another is under way", second, 409, "Another change is under way");
    cr_expect_str_eq(fake_header(second, "Retry-After"), "5");
    run_background();
    expect_answer(body, reply, sections[i].status, sections[i].words);
    bool good = sections[i].status == 200;
    cr_expect_eq(rows("SELECT count(*) FROM issuer_overrides WHERE issuer = 'one' AND "
                      "changed_by = 'operator 192.0.2.1' AND changed_at = 1795694400"),
                 good);
    cr_expect_eq(rows("SELECT count(*) FROM events WHERE kind = 'issuer.changed' AND "
                      "who = 'operator 192.0.2.1' AND detail LIKE 'one; ca_url from https://ca.test:9000 to "
                      "https://ca2.test:9000%; max_concurrent from % to 7%'"),
                 good);
    cr_expect_eq(rows("SELECT count(*) FROM events"), good);
    cr_expect_eq(changed_issuer != NULL, good);
    cr_expect_str_eq(issuers_find(parts.issuers, "one")->config->ca_url,
                     good ? "https://ca2.test:9000" : "https://ca.test:9000");
    end();
}

Test(admin, a_put_checks_the_section_and_writes_it_down)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        check_put(i);
}

Test(admin, a_delete_returns_to_the_file)
{
    begin(true);
    struct place_request asked = {"DELETE", "/api/v1/issuers/one", 0, NULL, NULL, false};
    const struct fake_reply *reply = place_send(&place, &asked);
    run_background();
    expect_answer("DELETE", reply, 200, "{\"id\":\"one\",\"source\":\"file\",\"changed\":{\"kid\":{");
    cr_expect_eq(rows("SELECT count(*) FROM events WHERE kind = 'issuer.reset' AND detail LIKE 'one; kid "
                      "from % to k1' AND "
                      "who = 'operator, user 0'"),
                 1);
    cr_expect_str_eq(changed_issuer, "one");
    cr_expect(!issuers_find(parts.issuers, "one")->config->overridden);
    end();
}

Test(admin, a_delete_refuses_an_issuer_that_the_file_has_no_more)
{
    begin(true);
    cr_assert_eq(remove(parts.config_path), 0);
    struct place_request asked = {"DELETE", "/api/v1/issuers/one", 0, NULL, NULL, false};
    const struct fake_reply *reply = place_send(&place, &asked);
    run_background();
    expect_answer("DELETE", reply, 400, "No such file");
    cr_expect_eq(rows("SELECT count(*) FROM events"), 0);
    cr_expect_null(changed_issuer);
    cr_expect(issuers_find(parts.issuers, "one")->config->overridden);
    end();
}

Test(admin, begins_no_change_when_the_server_stops)
{
    begin(false);
    run_background();
    struct place_request put = {"PUT", "/api/v1/issuers/one", 0, NULL, "{}", false};
    expect_answer("PUT", place_send(&place, &put), 503, "The server is stopping");
    expect_answer("PUT again", place_send(&place, &put), 503, "The server is stopping");
    end();
}
