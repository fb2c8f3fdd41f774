/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: what starts, what a start that fails leaves, and what it makes of its past. */
#include <unistd.h>

#include "server_place.h"

LEAK_CHECKED_SUITE(server_start);

Test(server_start, each_front_end_serves_what_is_its_own)
{
    static const struct {
        size_t front_end;
        const char *target;
        int status;
    } requests[] = {
        {HOUSE_HTTP, "/acme/acme/directory", 200},  {HOUSE_HTTP, "/acme/keyed/directory", 200},
        {HOUSE_HTTP, "/acme/other/directory", 404}, {HOUSE_HTTP, "/metrics", 404},
        {HOUSE_PKI, "/acme/acme/directory", 404},   {HOUSE_ADMIN, "/metrics", 200},
        {HOUSE_ADMIN, "/acme/acme/directory", 404},
    };
    server_place_begin();
    server_place_start(NULL, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct fake_reply *reply = server_place_get(requests[i].front_end, requests[i].target);
        cr_expect_eq(reply->status, requests[i].status, "%zu%s: %d", requests[i].front_end,
                     requests[i].target, reply->status);
    }
    cr_expect_null(fake_server(HOUSE_ADMIN + 1));
    server_place_stop();
    cr_expect_null(fake_server(HOUSE_HTTP));
    server_place_end();
}

static const struct {
    const char *route; /* and its class */
    bool served;
} routes[] = {
    {"(none)\",code=\"4xx", true},
    {"/acme/{endpoint}/directory\",code=\"2xx", true},
    {"/health\",code=\"2xx", true},
    {"/1.0/sign\",code=\"2xx", false}, /* step-ca's own API is not passed on */
};

Test(server_start, the_metrics_know_the_routes_that_are_served)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        cr_expect_str_eq(server_place_metric(arena_printf(
                             house.arena, "acmegate_http_requests_total{route=\"%s\"}", routes[i].route)),
                         routes[i].served ? "0" : "", "%s", routes[i].route);
    server_place_stop();
    server_place_start("\"loops\":3", "\"loops\":3,\"stepca_api\":{\"profile\":\"far\"}");
    cr_expect_str_eq(server_place_metric("acmegate_http_requests_total{route=\"/1.0/sign\",code=\"2xx\"}"),
                     "0");
    cr_expect_eq(server_place_get(HOUSE_HTTP, "/health")->status, 200);
    cr_expect_str_eq(server_place_metric("acmegate_http_requests_total{route=\"/health\",code=\"2xx\"}"),
                     "1");
    server_place_stop();
    server_place_end();
}

Test(server_start, what_is_not_configured_is_not_started)
{
    server_place_begin();
    server_place_start("\"pki_listen\":[\"127.0.0.1:2\"],", "");
    cr_expect_null(house.server->pki_http);
    cr_expect_null(house.server->account_exporter);
    cr_expect_not_null(house.server->secrets, "the admin API and external accounts need it");
    server_place_stop();
    server_place_start(",\"eab\":\"optional\"", "");
    cr_expect_not_null(house.server->secrets, "the admin API needs it");
    server_place_stop();
    server_place_end();
}

Test(server_start, readers_are_started_where_reads_wait)
{
    server_place_begin();
    for (int wait = 0; wait < 2; wait++) {
        fake_reads_wait(wait);
        server_place_start(NULL, NULL);
        cr_expect_eq(house.server->readers != NULL, wait);
        cr_expect_eq(server_place_get(HOUSE_HTTP, "/acme/acme/renewal-info/AQ.AQ")->status, 404);
        cr_expect_eq(server_place_get(HOUSE_ADMIN, "/metrics")->status, 200);
        cr_expect_eq(server_place_get(HOUSE_HTTP, "/ready")->status, 200);
        server_place_stop();
    }
    server_place_end();
}

Test(server_start, without_the_admin_API_there_are_two_front_ends)
{
    server_place_begin();
    const char *admin =
        arena_printf(house.arena, "\"admin\":{\"socket\":\"%s/socket\"},", house.place.folder);
    server_place_start(admin, "");
    cr_expect_null(house.server->admin);
    cr_expect_not_null(fake_server(HOUSE_PKI));
    cr_expect_null(fake_server(HOUSE_ADMIN));
    cr_expect_not_null(house.server->secrets, "external accounts need it");
    server_place_stop();
    server_place_change(admin, "");
    server_place_start(",\"eab\":\"optional\"", "");
    cr_expect_null(house.server->secrets, "nothing needs it");
    server_place_stop();
    server_place_end();
}

Test(server_start, it_has_as_many_loops_as_are_configured_or_as_processors_up_to_four)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    server_place_begin();
    server_place_start(NULL, NULL);
    cr_expect_eq(http_server_loops(fake_server(HOUSE_HTTP)), 3);
    cr_expect_eq(http_server_loops(fake_server(HOUSE_PKI)), 1);
    server_place_stop();
    server_place_start("\"loops\":3,", "");
    cr_expect_eq(http_server_loops(fake_server(HOUSE_HTTP)), processors > 4 ? 4 : (size_t)processors);
    server_place_stop();
    server_place_end();
}

Test(server_start, every_listener_with_TLS_gets_the_own_certificate)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    cr_expect_eq(fake_server_certificates(HOUSE_HTTP), 1);
    cr_expect_eq(fake_server_certificates(HOUSE_PKI), 0);
    cr_expect_eq(fake_server_certificates(HOUSE_ADMIN), 1);
    server_place_stop();
    server_place_end();
}

/* ---- starts that fail ---- */

static const struct {
    const char *was, *is;
    size_t refused_server; /* of the front ends, from 1; 0: none */
    const char *words;
} failures[] = {
    {"\"database\":\"", "\"database\":\"/nowhere", 0, "acmegate.db: "},
    {"\"tls\":{\"issuer\":\"local\"}", "\"tls\":{\"cert\":\"/nowhere.crt\",\"key\":\"/nowhere.key\"}", 0,
     "/nowhere.crt"},
    {"\"root_cert_path\":\"", "\"root_cert_path\":\"/nowhere", 0, "/nowhere"},
    {"\"loops\":3", "\"loops\":3,\"secret_key_path\":\"/nowhere/key\"", 0, "/nowhere/key"},
    {NULL, NULL, 1, "listen: the address is taken"},
    {NULL, NULL, 2, "pki_listen: the address is taken"},
    {NULL, NULL, 3, "admin: the address is taken"},
};

Test(server_start, one_that_fails_says_why_and_leaves_nothing)
{
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        server_place_begin();
        fake_servers_refuse(failures[i].refused_server);
        const char *why = server_place_try(failures[i].was, failures[i].is);
        cr_expect(house.server == NULL && strstr(why, failures[i].words) != NULL, "%zu: %s", i, why);
        cr_expect_null(fake_server(HOUSE_HTTP), "%zu", i);
        fake_servers_refuse(0);
        server_place_start(NULL, NULL);
        server_place_stop();
        server_place_end();
    }
}

Test(server_start, a_database_that_cannot_be_written_is_no_start)
{
    server_place_begin();
    fake_store_fail(1);
    cr_expect_str_eq(server_place_try(NULL, NULL),
                     arena_printf(house.arena, "the database %s cannot be written", house.config->database));
    cr_expect_null(house.server);
    server_place_start(NULL, NULL);
    server_place_stop();
    server_place_end();
}

Test(server_start, the_accounts_are_exported_where_a_path_is_configured)
{
    server_place_begin();
    const char *path = arena_printf(house.arena, "%s/accounts", house.place.folder);
    server_place_start("\"loops\":3",
                       arena_printf(house.arena, "\"loops\":3,\"accounts\":{\"export_path\":\"%s\"}", path));
    cr_expect_not_null(house.server->account_exporter);
    server_place_stop();
    cr_expect_eq(access(path, R_OK), 0);
    server_place_end();
}

/* ---- the past ---- */

#define UNKNOWN "acmegate_ca_attempts_unknown{issuer=\"main\"}"

Test(server_start, attempts_that_a_killed_server_left_are_unknown)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    cr_expect_str_eq(server_place_metric(UNKNOWN), "0");
    cr_expect_null(strstr(server_place_log(), "signing attempts"));
    for (int i = 0; i < 2; i++) {
        struct order order = server_place_order("far", i == 0 ? "a.test" : "b.test", NOW);
        make_attempt(&house.database, order.id);
    }
    server_place_stop();
    server_place_start(NULL, NULL);
    cr_expect_not_null(strstr(server_place_log(),
                              "2 signing attempts were without an answer when the server stopped: possible "
                              "orphans, see docs/sql.md"));
    cr_expect_str_eq(server_place_metric(UNKNOWN), "2");
    server_place_stop();
    server_place_end();
}

static void copy_database(const char *from, const char *to)
{
    database_copy_file(arena_printf(house.arena, "%s/%s", house.place.folder, from),
                       arena_printf(house.arena, "%s/%s", house.place.folder, to));
}

#define INVALID "acmegate_orders_invalid_total{reason=\"serverInternal\"}"

Test(server_start, a_copy_that_was_put_back_ends_the_orders_under_way)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    server_place_order("far", "a.test", NOW);
    server_place_stop();
    copy_database("acmegate.db", "copy");
    server_place_start(NULL, NULL);
    cr_expect_null(strstr(server_place_log(), "restored copy"));
    server_place_stop();
    copy_database("copy", "acmegate.db");
    server_place_start(NULL, NULL);
    const char *log = server_place_log();
    cr_expect_not_null(strstr(log, "the database is a restored copy: "), "%s", log);
    cr_expect_not_null(strstr(log, "orders in processing that became invalid: 1"), "%s", log);
    cr_expect_str_eq(server_place_metric(INVALID), "1");
    server_place_stop();
    server_place_start(NULL, NULL);
    cr_expect_null(strstr(server_place_log(), "restored copy"), "it is taken as it is from then on");
    server_place_stop();
    server_place_end();
}
