/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's routes: who may ask, what is found, what a PUT checks, and what is written down. */
#include <unistd.h>

#include "admin_room.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(admin);

enum { SOME_USER = 65534 };

/* ---- who may ask ---- */

static const struct {
    int64_t user;
    const char *authorization;
    int status;
    const char *words;
} askers[] = {
    {0, NULL, 200, "\"issuers\":["},
    {INT64_MAX, NULL, 403, "Only root and the server's own user"},
    {-2, "Bearer " ADMIN_TOKEN, 403, "Only root and the server's own user"},
    {-1, NULL, 401, "Send the token"},
    {-1, "", 401, "Send the token"},
    {-1, "Bearer ", 401, "Send the token"},
    {-1, "Bearer 0123456789abcdef012", 401, "Send the token"},
    {-1, "Bearer 0123456789abcdef01234", 401, "Send the token"},
    {-1, "Bearer  " ADMIN_TOKEN, 401, "Send the token"},
    {-1, "Basic  " ADMIN_TOKEN, 401, "Send the token"},
    {-1, ADMIN_TOKEN, 401, "Send the token"},
    {-1, "Bearer " ADMIN_TOKEN, 200, "\"issuers\":["},
    {-1, "bearer " ADMIN_TOKEN, 200, "\"issuers\":["},
};

Test(admin, answers_root_and_the_own_user_and_who_shows_the_token)
{
    admin_room_begin(false);
    for (size_t i = 0; i < sizeof askers / sizeof *askers; i++) {
        struct place_request asked = {"GET", "/api/v1/issuers", askers[i].user, askers[i].authorization, NULL,
                                      false};
        const struct fake_reply *reply = place_send(&room.place, &asked);
        const char *what = arena_printf(room.place.arena, "asker %zu", i);
        expect_answer(what, reply, askers[i].status, askers[i].words);
        cr_expect_str_eq(fake_header(reply, "WWW-Authenticate"), askers[i].status == 401 ? "Bearer" : "",
                         "%s", what);
    }
    bool is_root = geteuid() == 0; /* then it is another user for a moment */
    cr_assert(!is_root || seteuid(SOME_USER) == 0);
    struct place_request own = {"GET", "/api/v1/issuers", geteuid(), NULL, NULL, false};
    expect_answer("the own user", place_send(&room.place, &own), 200, "\"issuers\":[");
    cr_assert(!is_root || seteuid(0) == 0);
    admin_room_end();
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
    {"GET", "/api/v1/issuers/two", NULL, false, 404, "No issuer with this id.", ""},
    {"GET", "/api/v1/issuers/on", NULL, false, 404, "No issuer with this id.", ""},
    {"GET", "/api/v1/issuers/", NULL, false, 404, "No such resource", ""},
    {"GET", "/api/v1/issuers/one/", NULL, false, 404, "No such resource", ""},
    {"GET", "/api/v1/issuer", NULL, false, 404, "No such resource", ""},
    {"GET", "/", NULL, false, 404, "No such resource", ""},
    {"GET", "/metrics", NULL, false, 503, "The server is starting.", ""},
    {"POST", "/metrics", NULL, false, 405, "This resource accepts GET.", "GET"},
    {"PUT", "/api/v1/issuers", "{}", false, 405, "This resource accepts GET.", "GET"},
    {"get", "/api/v1/issuers", NULL, false, 405, "This resource accepts GET.", "GET"},
    {"POST", "/api/v1/issuers/one", "{}", false, 405, "accepts GET, PUT, DELETE.", "GET, PUT, DELETE"},
    {"PUT", "/api/v1/issuers/two", "{}", false, 404, "No issuer with this id.", ""},
    {"PUT", "/api/v1/issuers/one", NULL, false, 400, "Send the issuer's section", ""},
    {"PUT", "/api/v1/issuers/one", NULL, true, 413, "The request body is too long.", ""},
    {"DELETE", "/api/v1/issuers/two", NULL, false, 404, "No issuer with this id.", ""},
    {"DELETE", "/api/v1/issuers/one", NULL, false, 404, "there is nothing to reset", ""},
};

Test(admin, routes_a_request_by_path_and_method)
{
    admin_room_begin(false);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct place_request asked = {routes[i].method, routes[i].path,    0, NULL,
                                      routes[i].body,   routes[i].too_long};
        const struct fake_reply *reply = place_send(&room.place, &asked);
        fakes_settle();
        const char *what = arena_printf(room.place.arena, "%s %s", routes[i].method, routes[i].path);
        expect_answer(what, reply, routes[i].status, routes[i].words);
        cr_expect_str_eq(fake_header(reply, "Allow"), routes[i].allow, "%s", what);
    }
    cr_expect_eq(admin_rows("SELECT count(*) FROM events"), 0);
    admin_room_end();
}

Test(admin, without_a_database_it_does_not_start)
{
    struct fault fault = {0};
    admin_room_begin(false);
    struct admin_parts parts = room.parts;
    parts.location = store_location_new(room.place.arena, "/nowhere/acmegate.db");
    parts.readers = NULL;
    cr_expect_null(admin_start(&parts, &fault));
    cr_expect_str_neq(fault.message, "");
    admin_room_end();
}

Test(admin, shows_metrics_once_the_server_has_started)
{
    admin_room_begin(false);
    room.started = true;
    struct place_request asked = {"GET", "/metrics", 0, NULL, NULL, false};
    const struct fake_reply *reply = place_send(&room.place, &asked);
    fakes_settle();
    cr_assert(reply->done);
    cr_expect_eq(room.gauges_loaded, 1);
    cr_expect_eq(reply->status, 200);
    cr_expect(reply_says(reply, "# TYPE acmegate_"));
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store");
    cr_expect_str_eq(reply->content_type, "text/plain; version=0.0.4; charset=utf-8");
    admin_room_end();
}

/* ---- what a PUT checks ---- */

static const struct {
    const char *members; /* behind the type; NULL: `text` is all of it */
    const char *text;
    const char *fault; /* of the preflight */
    int status;
    const char *words;
} sections[] = {
    {NULL, "no JSON", NULL, 400, "This is not a valid section of an issuer"},
    {NULL, "[]", NULL, 400, "This is not a valid section of an issuer"},
    {NULL, "{}", NULL, 400, "\"reasons\":["},
    {"", NULL, NULL, 400, "issuers.one.ca_url"},
    {",\"ca_url\":\"https://ca2.test:9000\",\"what\":1", NULL, NULL, 400, "what"},
    {NULL, "{\"type\":\"local\",\"directory\":\"/dev/null/ca\"}", NULL, 422,
     "An issuer's type can change only at a restart"},
    {",\"ca_url\":\"https://ca2.test:9000\"", NULL, "the CA is away", 422,
     "\"reasons\":[\"the CA is away\"]"},
    {",\"ca_url\":\"https://ca2.test:9000\",\"max_concurrent\":7", NULL, NULL, 200,
     "{\"id\":\"one\",\"source\":\"override\",\"changed\":{"
     "\"ca_url\":{\"from\":\"https://ca.test:9000\",\"to\":\"https://ca2.test:9000\"}"},
};

static void check_put(size_t i)
{
    admin_room_begin(false);
    room.preflight_fault = sections[i].fault;
    const char *body = sections[i].members == NULL ? sections[i].text : admin_section(sections[i].members);
    struct place_request put = {"PUT", "/api/v1/issuers/one", -1, "Bearer " ADMIN_TOKEN, body, false};
    const struct fake_reply *reply = place_send(&room.place, &put);
    cr_expect(!reply->done);
    const struct fake_reply *second = place_send(&room.place, &put);
    expect_answer("while another is under way", second, 409, "Another change is in progress");
    cr_expect_str_eq(fake_header(second, "Retry-After"), "5");
    admin_room_run_background();
    expect_answer(body, reply, sections[i].status, sections[i].words);
    bool good = sections[i].status == 200;
    cr_expect_eq(admin_rows("SELECT count(*) FROM issuer_overrides WHERE issuer = 'one' AND "
                            "changed_by = 'operator 192.0.2.1' AND changed_at = 1795694400"),
                 good);
    cr_expect_eq(
        admin_rows("SELECT count(*) FROM events WHERE kind = 'issuer.changed' AND "
                   "who = 'operator 192.0.2.1' AND detail LIKE 'one; ca_url from https://ca.test:9000 to "
                   "https://ca2.test:9000%; max_concurrent from % to 7%'"),
        good);
    cr_expect_eq(admin_rows("SELECT count(*) FROM events"), good);
    cr_expect_eq(room.changed_issuer != NULL, good);
    cr_expect_eq(room.written_issuer != NULL && room.written_bytes != 0, good);
    cr_expect_str_eq(issuers_find(room.parts.issuers, "one")->config->ca_url,
                     good ? "https://ca2.test:9000" : "https://ca.test:9000");
    admin_room_end();
}

Test(admin, a_put_checks_the_section_and_writes_it_down)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        check_put(i);
}

Test(admin, a_delete_returns_to_the_file)
{
    admin_room_begin(true);
    struct place_request asked = {"DELETE", "/api/v1/issuers/one", 0, NULL, NULL, false};
    const struct fake_reply *reply = place_send(&room.place, &asked);
    admin_room_run_background();
    expect_answer("DELETE", reply, 200, "{\"id\":\"one\",\"source\":\"file\",\"changed\":{\"kid\":{");
    cr_expect_eq(
        admin_rows("SELECT count(*) FROM events WHERE kind = 'issuer.reset' AND detail LIKE 'one; kid "
                   "from % to k1' AND "
                   "who = 'operator, user 0'"),
        1);
    cr_expect_str_eq(room.changed_issuer, "one");
    cr_expect(strcmp(room.written_issuer, "one") == 0 && room.written_bytes == 0);
    cr_expect(!issuers_find(room.parts.issuers, "one")->config->overridden);
    admin_room_end();
}

Test(admin, a_delete_refuses_an_issuer_that_the_file_has_no_more)
{
    admin_room_begin(true);
    cr_assert_eq(remove(room.parts.config_path), 0);
    struct place_request asked = {"DELETE", "/api/v1/issuers/one", 0, NULL, NULL, false};
    const struct fake_reply *reply = place_send(&room.place, &asked);
    admin_room_run_background();
    expect_answer("DELETE", reply, 400, "No such file");
    cr_expect_eq(admin_rows("SELECT count(*) FROM events"), 0);
    cr_expect_null(room.changed_issuer);
    cr_expect(issuers_find(room.parts.issuers, "one")->config->overridden);
    admin_room_end();
}

Test(admin, begins_no_change_when_the_server_stops)
{
    admin_room_begin(false);
    admin_room_run_background();
    struct place_request put = {"PUT", "/api/v1/issuers/one", 0, NULL, "{}", false};
    expect_answer("PUT", place_send(&room.place, &put), 503, "The server is stopping");
    expect_answer("PUT again", place_send(&room.place, &put), 503, "The server is stopping");
    admin_room_end();
}

/* ---- the server itself ---- */

static const char *lines;

static void take_line(struct bytes line)
{
    lines = arena_printf(room.place.arena, "%s%s\n", lines, arena_string(room.place.arena, line));
}

Test(admin, tells_where_it_listens)
{
    static const struct {
        bool socket, port;
    } cases[] = {{true, true}, {true, false}, {false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault;
        admin_room_begin(false);
        lines = "";
        struct config *config = arena_alloc(room.place.arena, sizeof *config);
        *config = *room.config;
        if (!cases[i].socket)
            config->admin_socket = NULL;
        if (!cases[i].port)
            config->admin_listen_count = 0;
        struct admin_parts parts = room.parts;
        parts.config = config;
        admin_stop(room.admin);
        admin_free(room.admin);
        fake_log_listen(take_line);
        room.admin = admin_start(&parts, &fault);
        fake_log_listen(NULL);
        cr_assert(room.admin != NULL, "%s", fault.message);
        const char *socket = arena_printf(room.place.arena, "admin API on %s", room.config->admin_socket);
        cr_expect_eq(strstr(lines, socket) != NULL, cases[i].socket, "%zu: %s", i, lines);
        cr_expect_eq(strstr(lines, "admin API on 127.0.0.1 port ") != NULL, cases[i].port, "%zu: %s", i,
                     lines);
        admin_room_end();
    }
}

static void count_run(struct http_message *message)
{
    (void)message;
    lines = "it ran";
}

Test(admin, has_a_loop_that_takes_messages)
{
    admin_room_begin(false);
    struct http_message message = {.run = count_run};
    lines = "";
    http_loop_post(admin_loop(room.admin), &message);
    fakes_settle();
    cr_expect_str_eq(lines, "it ran");
    admin_room_end();
}

/* Without an admin API there is nothing to give a certificate to, and nothing to stop. */
Test(admin, its_front_end_takes_the_servers_certificate)
{
    admin_room_begin(false);
    fake_server_set_connections(0, 5);
    cr_expect_eq(admin_connections(room.admin), 5);
    cr_expect_eq(admin_http(room.admin), fake_server(0));
    cr_expect_null(admin_http(NULL));
    admin_stop(NULL);
    admin_free(NULL);
    admin_room_end();
}
