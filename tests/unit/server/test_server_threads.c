/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server with its threads, its sockets and a local CA, in this process. tests/unit/rooms has it
 * over the fakes. */
#include <arpa/inet.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/server/server.h"
#include "http/client.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(server_threads);

enum { TEST_LIMIT_S = 120 };

static struct {
    struct arena *arena;
    const char *folder;
    const struct config *config;
    struct server *server;
} house;

static void begin(void)
{
    alarm(TEST_LIMIT_S);
    house.arena = arena_new();
    char *folder = arena_duplicate(house.arena, "/tmp/acmegate-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    house.folder = folder;
    cr_assert_eq(mkdir(arena_printf(house.arena, "%s/local", folder), 0700), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status, (void)type, (void)at;
    return remove(path);
}

static void end(void)
{
    cr_expect_eq(nftw(house.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    arena_free(house.arena);
    alarm(0);
}

static const struct config *parse(uint16_t port, const char *retry_for)
{
    struct config_errors errors = {0};
    const char *text = arena_printf(
        house.arena,
        "{\"base_url\":\"https://localhost\",\"listen\":[\"127.0.0.1:%u\"],\"pki_listen\":[\"127.0.0.1:0\"],"
        "\"database\":\"%s/acmegate.db\",\"loops\":2,\"tls\":{\"issuer\":\"local\"},"
        "\"admin\":{\"socket\":\"%s/socket\"},\"issuers\":{\"local\":{\"type\":\"local\",\"directory\":\"%s/"
        "local\"}},"
        "\"profiles\":{\"default\":{\"issuer\":\"local\"}},"
        "\"endpoints\":{\"acme\":{\"profiles\":[\"default\"]}},\"validation\":{\"retry_for\":\"%s\"}}",
        port, house.folder, house.folder, house.folder, retry_for);
    const struct config *config =
        config_parse(house.arena, "test.json", bytes_from_string(text), (char *const[]){NULL}, &errors);
    cr_assert(config != NULL, "%s", errors.lines[0]);
    return config;
}

static void start(void)
{
    struct fault fault = {0};
    house.config = parse(0, "60s");
    house.server = server_start(house.config, "test.json", &fault);
    cr_assert_not_null(house.server, "%s", fault.message);
}

/* A connection over TLS; nobody is accepted before there is a certificate. */
static struct client *acme_client(void)
{
    struct client *client = client_open(house.arena, NULL, http_server_port(house.server->http, 0), NULL);
    struct client_handshake came = CLIENT_SHAKE(client, .server_name = "localhost");
    cr_assert_eq(came.reason, 0, "%d", came.reason);
    return client;
}

static struct client_reply ask(struct client *client, const char *target)
{
    return client_ask(client,
                      arena_printf(house.arena, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target));
}

/* The value behind the metric's name with its labels; -1: it is not shown. */
static long long metric(const char *name)
{
    struct client *client =
        client_open_local(house.arena, arena_printf(house.arena, "%s/socket", house.folder));
    struct client_reply reply = ask(client, "/metrics");
    cr_assert_eq(reply.status, 200);
    client_close(client);
    const char *line = arena_printf(house.arena, "\n%s ", name);
    const char *at = strstr(reply.body, line);
    return at == NULL ? -1 : atoll(at + strlen(line));
}

Test(server_threads, it_serves_on_each_listener_and_counts)
{
    begin();
    start();
    struct client *acme = acme_client();
    cr_expect_eq(ask(acme, "/acme/acme/directory").status, 200);
    cr_expect_eq(ask(acme, "/acme/none/directory").status, 404);
    struct client *pki = client_open(house.arena, NULL, http_server_port(house.server->pki_http, 0), NULL);
    cr_expect_eq(ask(pki, "/acme/acme/directory").status, 404);
    cr_expect_eq(metric("acmegate_http_connections{listener=\"acme\"}"), 1);
    cr_expect_eq(metric("acmegate_http_connections{listener=\"pki\"}"), 1);
    cr_expect_eq(metric("acmegate_http_connections{listener=\"admin\"}"), 1);
    cr_expect_eq(metric("acmegate_http_requests_total{route=\"/acme/{endpoint}/directory\",code=\"2xx\"}"),
                 1);
    cr_expect_geq(metric("acmegate_committer_batch_operations_count"), 1, "the start has written");
    cr_expect_geq(metric("acmegate_committer_commit_duration_seconds_count"), 1);
    cr_expect_eq(metric("acmegate_committer_failed_batches_total"), 0);
    client_close(acme);
    client_close(pki);
    server_stop(house.server);
    end();
}

Test(server_threads, it_stops_with_clients_connected_and_starts_again)
{
    begin();
    for (int i = 0; i < 2; i++) {
        start();
        struct client *client = acme_client();
        cr_expect_eq(ask(client, "/acme/acme/directory").status, 200);
        uint16_t port = http_server_port(house.server->http, 0);
        server_stop(house.server);
        cr_expect(client_has_ended(client));
        client_close(client);
        cr_expect(client_is_refused("127.0.0.1", port));
    }
    end();
}

Test(server_threads, a_reload_takes_what_serves_at_once)
{
    begin();
    start();
    struct fault fault = {0};
    struct config_changes changes;
    struct arena *arena = arena_new();
    cr_expect(server_reload(house.server, arena, parse(0, "61s"), &changes, &fault), "%s", fault.message);
    cr_expect_eq(config_now(house.config)->validation.retry_for_s, 61);
    struct client *client = acme_client();
    cr_expect_eq(ask(client, "/acme/acme/directory").status, 200);
    client_close(client);
    server_stop(house.server);
    arena_free(arena);
    end();
}

Test(server_threads, a_start_on_an_address_in_use_leaves_the_database_to_the_next)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    struct fault fault = {0};
    begin();
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(taken, (const struct sockaddr *)&at, sizeof at) == 0 && listen(taken, 1) == 0 &&
              getsockname(taken, (struct sockaddr *)&at, &length) == 0);
    const struct config *config = parse(ntohs(at.sin_port), "60s");
    for (int i = 0; i < 2; i++) {
        cr_expect_null(server_start(config, "test.json", &fault));
        cr_expect_not_null(strstr(fault.message, "listen: cannot listen on 127.0.0.1 port "), "%s",
                           fault.message);
    }
    close(taken);
    start();
    server_stop(house.server);
    end();
}
