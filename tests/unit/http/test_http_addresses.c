/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that a front end listens on. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front.h"
#include "leaks.h"
#include "low_ports.h"

LEAK_CHECKED_SUITE(http_addresses);

#define ASK "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static uint16_t port_of(int fd)
{
    struct sockaddr_in at;
    socklen_t length = sizeof at;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &length), 0);
    return ntohs(at.sin_port);
}

/* A socket of somebody else on a free port of 127.0.0.1. */
static int taken_port(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd != -1 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0);
    *port = port_of(fd);
    return fd;
}

Test(http_addresses, an_address_is_tried_without_listening)
{
    uint16_t port;
    int fd = taken_port(&port);
    struct arena *arena = arena_new();
    const struct {
        struct listen_address address;
        enum http_address_state state;
        const char *words;
    } cases[] = {
        {{.host = "127.0.0.1", .port = 0}, HTTP_ADDRESS_FREE, ""},
        {{.host = "::1", .port = 0}, HTTP_ADDRESS_FREE, ""},
        {{.host = "127.0.0.2", .port = port}, HTTP_ADDRESS_FREE, ""},
        {{.host = "::1", .port = port}, HTTP_ADDRESS_FREE, ""},
        {{.host = "127.0.0.1", .port = port},
         HTTP_ADDRESS_IN_USE,
         arena_printf(arena,
                      "cannot listen on 127.0.0.1 port %u: Address already in use; another program has this "
                      "port: 'ss -ltnp' shows which",
                      port)},
        {{.host = "192.0.2.1", .port = 9000},
         HTTP_ADDRESS_UNUSABLE,
         "cannot listen on 192.0.2.1 port 9000: Cannot assign requested address; this host does not have "
         "this "
         "address: 'ip address' shows those that it has"},
        {{.host = "localhost", .port = 9000}, HTTP_ADDRESS_UNUSABLE, "localhost is not an IP address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        cr_expect_eq(http_address_try(&cases[i].address, &fault), cases[i].state, "%zu", i);
        cr_expect_str_eq(fault.message, cases[i].words, "%zu", i);
    }
    close(fd);
    arena_free(arena);
}

Test(http_addresses, a_free_address_stays_free)
{
    uint16_t port;
    close(taken_port(&port));
    for (int i = 0; i < 2; i++) {
        struct fault fault = {0};
        const struct listen_address address = {.host = "127.0.0.1", .port = port};
        cr_expect_eq(http_address_try(&address, &fault), HTTP_ADDRESS_FREE, "%s", fault.message);
        cr_expect(client_is_refused("127.0.0.1", port));
    }
}

Test(http_addresses, a_port_below_1024_needs_a_capability)
{
    deny_low_ports();
    struct fault fault = {0};
    cr_expect_eq(http_address_try(&(struct listen_address){.host = "127.0.0.1", .port = 1023}, &fault),
                 HTTP_ADDRESS_DENIED);
    cr_expect_str_eq(fault.message,
                     "cannot listen on 127.0.0.1 port 1023: Permission denied; ports below 1024 need root or "
                     "CAP_NET_BIND_SERVICE (AmbientCapabilities= of the systemd unit)");
}

Test(http_addresses, IPv6_does_not_take_the_port_of_IPv4)
{
    FRONT_START(.host = "::");
    cr_expect(client_is_refused("127.0.0.1", front.port));
    struct client *client = client_open(front.arena, "::1", front.port, NULL);
    cr_expect_eq(client_ask(client, ASK).status, 200);
    client_close(client);
    front_stop();
}

/* ---- several, and what a start that fails leaves ---- */

Test(http_addresses, it_listens_on_each)
{
    struct fault fault = {0};
    const struct listen_address addresses[] = {{.host = "127.0.0.1", .port = 0},
                                               {.host = "127.0.0.2", .port = 0}};
    struct http_server *server = bare_server_start(addresses, 1, NULL, &fault);
    cr_assert_not_null(server, "%s", fault.message);
    uint16_t port = http_server_port(server, 0);
    cr_expect_gt(port, 0);
    cr_expect_not(client_is_refused("127.0.0.1", port));
    http_server_stop(server);

    const struct listen_address both[] = {{.host = "127.0.0.1", .port = port},
                                          {.host = "127.0.0.2", .port = port}};
    server = bare_server_start(both, 2, NULL, &fault);
    cr_assert_not_null(server, "%s", fault.message);
    cr_expect_eq(http_server_port(server, 0), port);
    cr_expect(!client_is_refused("127.0.0.1", port) && !client_is_refused("127.0.0.2", port));
    http_server_stop(server);
    cr_expect(client_is_refused("127.0.0.1", port) && client_is_refused("127.0.0.2", port));
}

Test(http_addresses, an_IPv6_address_has_a_port_too)
{
    struct fault fault = {0};
    struct http_server *server =
        bare_server_start(&(struct listen_address){.host = "::1", .port = 0}, 1, NULL, &fault);
    cr_assert_not_null(server, "%s", fault.message);
    cr_expect_not(client_is_refused("::1", http_server_port(server, 0)));
    http_server_stop(server);
}

Test(http_addresses, a_start_that_fails_lets_go_of_what_it_has)
{
    uint16_t port, free_port;
    int fd = taken_port(&port);
    close(taken_port(&free_port));
    struct fault fault = {0};
    const struct listen_address addresses[] = {{.host = "127.0.0.1", .port = free_port},
                                               {.host = "127.0.0.1", .port = port}};
    cr_expect_null(bare_server_start(addresses, 2, NULL, &fault));
    cr_expect_not_null(strstr(fault.message, "Address already in use"));
    cr_expect(client_is_refused("127.0.0.1", free_port));

    cr_expect_null(bare_server_start(addresses, 1, "/nowhere/socket", &fault));
    cr_expect_not_null(
        strstr(fault.message, "/nowhere/socket cannot be made: folder /nowhere: No such file"));
    cr_expect(client_is_refused("127.0.0.1", free_port));
    close(fd);
}
