/* SPDX-License-Identifier: Apache-2.0 */
#include "threads_house.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

enum { TEST_LIMIT_S = 120 };

struct threads_house house;

void house_begin(void)
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

void house_end(void)
{
    cr_expect_eq(nftw(house.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    arena_free(house.arena);
    alarm(0);
}

const struct config *house_parse(uint16_t port, const char *retry_for)
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

void house_start(void)
{
    struct fault fault = {0};
    house.config = house_parse(0, "60s");
    house.server = server_start(house.config, "test.json", &fault);
    cr_assert_not_null(house.server, "%s", fault.message);
}

struct client *house_client(void)
{
    struct client *client = client_open(house.arena, NULL, http_server_port(house.server->http, 0), NULL);
    struct client_handshake came = CLIENT_SHAKE(client, .server_name = "localhost");
    cr_assert_eq(came.reason, 0, "%d", came.reason);
    return client;
}

struct client_reply house_ask(struct client *client, const char *target)
{
    return client_ask(client,
                      arena_printf(house.arena, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target));
}

long long house_metric(const char *name)
{
    struct client *client =
        client_open_local(house.arena, arena_printf(house.arena, "%s/socket", house.folder));
    struct client_reply reply = house_ask(client, "/metrics");
    cr_assert_eq(reply.status, 200);
    client_close(client);
    const char *line = arena_printf(house.arena, "\n%s ", name);
    const char *at = strstr(reply.body, line);
    return at == NULL ? -1 : atoll(at + strlen(line));
}
