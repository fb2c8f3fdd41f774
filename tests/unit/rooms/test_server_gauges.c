/* SPDX-License-Identifier: Apache-2.0 */
/* The gauges of a running server: each is what the server's state tells. */
#include "gateway/server/gauges.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "disk.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/version.h"
#include "server_place.h"
#include "store/attempts.h"
#include "store/authorizations.h"

LEAK_CHECKED_SUITE(server_gauges);

#define OWN_END       "acmegate_own_certificate_not_after_timestamp_seconds"
#define RESPONDER_END "acmegate_ocsp_responder_not_after_timestamp_seconds"

static void expect_gauge(const char *name, int64_t expected)
{
    const char *shown = server_place_metric(name);
    cr_expect_str_eq(shown, arena_printf(house.arena, "%lld", (long long)expected), "%s: %s", name, shown);
}

static void expect_none(const char *name)
{
    cr_expect_str_empty(server_place_metric(name), "%s", name);
}

Test(server_gauges, none_is_read_while_the_server_starts)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    struct gauges_reader *reader = gauges_reader_new(house.server);
    struct metric_gauges gauges = {.arena = house.arena};
    atomic_store(&house.server->started, false);
    cr_expect_not(gauges_read(reader, &gauges));
    cr_expect_null(gauges.values[METRIC_BUILD]);
    cr_expect_eq(server_place_get(HOUSE_ADMIN, "/metrics")->status, 503);
    atomic_store(&house.server->started, true);
    cr_expect(gauges_read(reader, &gauges));
    cr_expect_not_null(gauges.values[METRIC_BUILD]);
    gauges_reader_free(reader);
    gauges_reader_free(NULL);
    server_place_stop();
    server_place_end();
}

/* The others are shown: they tell of the trouble. */
Test(server_gauges, those_of_the_database_are_left_out_when_it_cannot_be_read)
{
    server_place_begin();
    for (int wait = 0; wait < 2; wait++) {
        fake_reads_wait(wait);
        server_place_start(NULL, NULL);
        expect_gauge("acmegate_validations_waiting", 0);
        server_place_stop();
    }
    server_place_start(NULL, NULL);
    for (enum fake_hindrance how = 0; how < FAKE_HINDRANCES; how++) {
        fake_loads_hinder(how, 1);
        expect_none("acmegate_validations_waiting");
        cr_expect(fake_loads_hindered(how));
        expect_gauge("acmegate_http_connections_limit", 77);
    }
    server_place_stop();
    server_place_end();
}

Test(server_gauges, the_front_ends_tell_their_connections)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    fake_server_set_connections(HOUSE_HTTP, 3);
    fake_server_set_connections(HOUSE_PKI, 5);
    fake_server_set_connections(HOUSE_ADMIN, 7);
    expect_gauge("acmegate_http_connections{listener=\"acme\"}", 3);
    expect_gauge("acmegate_http_connections{listener=\"pki\"}", 5);
    expect_gauge("acmegate_http_connections{listener=\"admin\"}", 7);
    expect_gauge("acmegate_http_connections_limit", 77);
    server_place_stop();
    server_place_start("\"pki_listen\":[\"127.0.0.1:2\"],", "");
    struct metric_gauges gauges = {.arena = house.arena};
    struct gauges_reader *reader = gauges_reader_new(house.server);
    cr_expect(gauges_read(reader, &gauges));
    struct bytes text = metrics_render(house.arena, &gauges);
    cr_expect_null(strstr(arena_string(house.arena, text), "acmegate_http_connections{listener=\"pki\"}"));
    gauges_reader_free(reader);
    server_place_stop();
    server_place_end();
}

Test(server_gauges, the_process_and_the_build_are_there)
{
    server_place_begin();
    server_place_start("\"pki_listen\":", "\"gateway_id\":\"edge\",\"pki_listen\":");
    expect_gauge("acmegate_build_info{version=\"" ACMEGATE_VERSION "\",gateway=\"edge\"}", 1);
    expect_gauge("acmegate_gateways_serving", 1);
    expect_gauge("acmegate_issuer_objects", 2);
    cr_expect_gt(atoll(server_place_metric("process_open_fds")), 0);
    server_place_stop();
    server_place_end();
}

Test(server_gauges, the_database_tells_its_size_and_what_waits_for_it)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    struct stat file, wal;
    cr_assert_eq(stat(house.config->database, &file), 0);
    cr_assert_eq(stat(arena_printf(house.arena, "%s-wal", house.config->database), &wal), 0);
    expect_gauge("acmegate_database_size_bytes{file=\"database\"}", file.st_size);
    expect_gauge("acmegate_database_size_bytes{file=\"wal\"}", wal.st_size);
    disk_leave(3 * 1024 * 1024);
    expect_gauge("acmegate_database_free_bytes", 3 * 1024 * 1024);
    fake_store_set_backlog(12);
    expect_gauge("acmegate_committer_waiting_operations", 12);
    expect_gauge("acmegate_database_waiting_reads", 0);
    fake_store_set_backlog(0);
    server_place_stop();
    server_place_end();
}

/* ---- what waits ---- */

Test(server_gauges, an_issuers_orders_are_those_of_all_its_profiles)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    int64_t now = clock_now();
    expect_gauge("acmegate_orders_waiting{issuer=\"local\"}", 0);
    expect_gauge("acmegate_orders_oldest_waiting_seconds{issuer=\"local\"}", 0);
    server_place_order("default", "a.test", now - 20);
    server_place_order("default", "b.test", now - 10);
    expect_gauge("acmegate_orders_waiting{issuer=\"local\"}", 2);
    expect_gauge("acmegate_orders_oldest_waiting_seconds{issuer=\"local\"}", 20);
    server_place_order("short", "c.test", now - 5);
    expect_gauge("acmegate_orders_waiting{issuer=\"local\"}", 3);
    expect_gauge("acmegate_orders_oldest_waiting_seconds{issuer=\"local\"}", 20);
    server_place_order("short", "d.test", now - 50);
    expect_gauge("acmegate_orders_oldest_waiting_seconds{issuer=\"local\"}", 50);
    server_place_order("far", "e.test", now - 90);
    expect_gauge("acmegate_orders_waiting{issuer=\"local\"}", 4);
    expect_gauge("acmegate_orders_waiting{issuer=\"main\"}", 1);
    expect_gauge("acmegate_orders_oldest_waiting_seconds{issuer=\"main\"}", 90);
    server_place_stop();
    server_place_end();
}

Test(server_gauges, validations_attempts_and_revocations_that_wait_are_counted)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    expect_gauge("acmegate_validations_waiting", 0);
    struct order order = server_place_order("far", "a.test", NOW);
    struct attempt attempt = make_attempt(&house.database, order.id);
    attempt.status = ATTEMPT_UNKNOWN;
    attempt.ended_at = NOW;
    cr_assert_eq(store_attempt_end(house.database.writer, &attempt), STORE_OK);
    make_certificate(&house.database, &order, "0a");
    database_run(&house.database, "UPDATE certificates SET revocation_requested_at = 1");
    struct account account = make_account(&house.database, "another");
    struct authorization authorization = make_authorization(&house.database, &account, "b.test");
    authorization.chosen = CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    cr_assert_eq(store_authorization_update(house.database.writer, &authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    expect_gauge("acmegate_validations_waiting", 1);
    expect_gauge("acmegate_ca_attempts_unknown{issuer=\"main\"}", 1);
    expect_gauge("acmegate_ca_attempts_unknown{issuer=\"local\"}", 0);
    expect_gauge("acmegate_revocations_waiting{issuer=\"main\"}", 1);
    expect_gauge("acmegate_revocations_waiting{issuer=\"local\"}", 0);
    server_place_stop();
    server_place_end();
}

/* ---- issuers ---- */

Test(server_gauges, an_issuer_tells_how_it_fares)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    expect_gauge("acmegate_ca_up{issuer=\"local\"}", 1);
    expect_gauge("acmegate_ca_state{issuer=\"local\",state=\"healthy\"}", 1);
    expect_gauge("acmegate_ca_state{issuer=\"local\",state=\"degraded\"}", 0);
    expect_gauge("acmegate_ca_state{issuer=\"local\",state=\"down\"}", 0);
    expect_gauge("acmegate_ca_failing_since_timestamp_seconds{issuer=\"local\"}", 0);
    /* Nobody answers at main. */
    expect_gauge("acmegate_ca_state{issuer=\"main\",state=\"down\"}", 1);
    expect_gauge("acmegate_ca_state{issuer=\"main\",state=\"healthy\"}", 0);
    expect_gauge("acmegate_ca_last_success_timestamp_seconds{issuer=\"main\"}", 0);
    cr_expect_geq(atoll(server_place_metric("acmegate_ca_failing_since_timestamp_seconds{issuer=\"main\"}")),
                  NOW);
    cr_expect_geq(atoll(server_place_metric("acmegate_ca_last_failure_timestamp_seconds{issuer=\"main\"}")),
                  NOW);
    fakes_pass(120 * 1000);
    expect_gauge("acmegate_ca_up{issuer=\"main\"}", 0);
    server_place_stop();
    server_place_end();
}

Test(server_gauges, what_ends_is_told_where_it_is_known)
{
    enum { DAY_S = 86400, ROOT_DAYS = 3650 };
    server_place_begin();
    server_place_start(NULL, NULL);
    struct issuer *local = issuers_find(house.server->issuers, "local");
    expect_gauge("acmegate_issuer_root_not_after_timestamp_seconds{issuer=\"local\"}",
                 local->roots_first_end);
    expect_gauge("acmegate_issuer_root_not_after_timestamp_seconds{issuer=\"main\"}",
                 NOW + (int64_t)ROOT_DAYS * DAY_S);
    struct issuer_status status;
    issuer_read_status(local, &status);
    expect_gauge("acmegate_issuer_chain_not_after_timestamp_seconds{issuer=\"local\"}",
                 status.limits.chain_not_after);
    expect_gauge("acmegate_issuer_chain_not_after_timestamp_seconds{issuer=\"main\"}",
                 NOW + (int64_t)ROOT_DAYS * DAY_S);
    cr_expect_gt(atoll(server_place_metric(OWN_END "{part=\"leaf\"}")), NOW);
    expect_gauge(OWN_END "{part=\"intermediates\"}", status.limits.chain_not_after);
    expect_gauge(OWN_END "{part=\"roots\"}", local->roots_first_end);
    cr_expect_gt(atoll(server_place_metric(RESPONDER_END "{issuer=\"local\"}")), NOW);
    expect_none(RESPONDER_END "{issuer=\"main\"}");
    server_place_stop();
    server_place_end();
}

Test(server_gauges, the_revocation_list_in_use_is_told)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    expect_gauge("acmegate_crl_entries{issuer=\"local\"}", 0);
    cr_expect_geq(atoll(server_place_metric("acmegate_crl_this_update_timestamp_seconds{issuer=\"local\"}")),
                  NOW - 3600);
    cr_expect_gt(atoll(server_place_metric("acmegate_crl_next_update_timestamp_seconds{issuer=\"local\"}")),
                 NOW);
    expect_none("acmegate_crl_entries{issuer=\"main\"}");
    server_place_stop();
    server_place_end();
}
