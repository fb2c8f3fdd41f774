/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server with its threads. tests/unit/rooms has it over the fakes. */
#include <arpa/inet.h>
#include <unistd.h>

#include "threads_house.h"

LEAK_CHECKED_SUITE(server_threads);

Test(server_threads, it_serves_on_each_listener_and_counts)
{
    house_begin();
    house_start();
    struct client *acme = house_client();
    cr_expect_eq(house_ask(acme, "/acme/acme/directory").status, 200);
    cr_expect_eq(house_ask(acme, "/acme/none/directory").status, 404);
    struct client *pki = client_open(house.arena, NULL, http_server_port(house.server->pki_http, 0), NULL);
    cr_expect_eq(house_ask(pki, "/acme/acme/directory").status, 404);
    cr_expect_eq(house_metric("acmegate_http_connections{listener=\"acme\"}"), 1);
    cr_expect_eq(house_metric("acmegate_http_connections{listener=\"pki\"}"), 1);
    cr_expect_eq(house_metric("acmegate_http_connections{listener=\"admin\"}"), 1);
    cr_expect_eq(
        house_metric("acmegate_http_requests_total{route=\"/acme/{endpoint}/directory\",code=\"2xx\"}"), 1);
    cr_expect_geq(house_metric("acmegate_committer_batch_operations_count"), 1, "the start has written");
    cr_expect_geq(house_metric("acmegate_committer_commit_duration_seconds_count"), 1);
    cr_expect_eq(house_metric("acmegate_committer_failed_batches_total"), 0);
    client_close(acme);
    client_close(pki);
    server_stop(house.server);
    house_end();
}

Test(server_threads, it_stops_with_clients_connected_and_starts_again)
{
    house_begin();
    for (int i = 0; i < 2; i++) {
        house_start();
        struct client *client = house_client();
        cr_expect_eq(house_ask(client, "/acme/acme/directory").status, 200);
        uint16_t port = http_server_port(house.server->http, 0);
        server_stop(house.server);
        cr_expect(client_has_ended(client));
        client_close(client);
        cr_expect(client_is_refused("127.0.0.1", port));
    }
    house_end();
}

Test(server_threads, a_reload_takes_what_serves_at_once)
{
    house_begin();
    house_start();
    struct fault fault = {0};
    struct config_changes changes;
    struct arena *arena = arena_new();
    cr_expect(server_reload(house.server, arena, house_parse(0, "61s"), &changes, &fault), "%s",
              fault.message);
    cr_expect_eq(config_now(house.config)->validation.retry_for_s, 61);
    struct client *client = house_client();
    cr_expect_eq(house_ask(client, "/acme/acme/directory").status, 200);
    client_close(client);
    server_stop(house.server);
    arena_free(arena);
    house_end();
}

Test(server_threads, a_start_on_an_address_in_use_leaves_the_database_to_the_next)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    struct fault fault = {0};
    house_begin();
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(taken, (const struct sockaddr *)&at, sizeof at) == 0 && listen(taken, 1) == 0 &&
              getsockname(taken, (struct sockaddr *)&at, &length) == 0);
    const struct config *config = house_parse(ntohs(at.sin_port), "60s");
    for (int i = 0; i < 2; i++) {
        cr_expect_null(server_start(config, "test.json", &fault));
        cr_expect_not_null(strstr(fault.message, "listen: cannot listen on 127.0.0.1 port "), "%s",
                           fault.message);
    }
    close(taken);
    house_start();
    server_stop(house.server);
    house_end();
}
