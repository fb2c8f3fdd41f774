/* SPDX-License-Identifier: Apache-2.0 */
/* A front end on sockets that a service manager has passed. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "front.h"
#include "gateway/passing.h"
#include "gateway/runtime/passed_sockets.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_passed_sockets);

#define ASK  "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define LAST "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

enum { CLIENTS = 16 };

Test(http_passed_sockets, its_address_is_not_tried)
{
    struct fault fault;
    uint16_t port = passing_address(0, "127.0.0.1", 0, true);
    passing_take(1);
    cr_expect_eq(http_address_try(&(struct listen_address){.host = "127.0.0.1", .port = port}, &fault),
                 HTTP_ADDRESS_PASSED);
    cr_expect_eq(http_address_try(&(struct listen_address){.host = "127.0.0.2", .port = port}, &fault),
                 HTTP_ADDRESS_FREE);
    passed_sockets_close();
    cr_expect_eq(http_address_try(&(struct listen_address){.host = "127.0.0.1", .port = port}, &fault),
                 HTTP_ADDRESS_FREE);
}

/* Connections that come before the start and between two servers wait; all loops share the one socket. */
Test(http_passed_sockets, no_connection_is_refused_before_between_and_after_servers)
{
    uint16_t port = passing_address(0, "127.0.0.1", 0, true);
    cr_assert_eq(listen(PASSING_FIRST, CLIENTS), 0);
    passing_take(1);
    struct arena *arena = arena_new();
    for (int i = 0; i < 2; i++) {
        struct client *waiting[CLIENTS];
        for (size_t k = 0; k < CLIENTS; k++) {
            waiting[k] = client_open(arena, "127.0.0.1", port, NULL);
            client_send(waiting[k], k % 2 == 0 ? ASK : LAST);
        }
        FRONT_START(.port = port, .loops = 3);
        cr_expect_eq(front.port, port);
        for (size_t k = 0; k < CLIENTS; k++) {
            cr_expect_eq(client_read(waiting[k]).status, 200, "server %d, client %zu", i, k);
            client_close(waiting[k]);
        }
        front_stop();
    }
    cr_expect_not(client_is_refused("127.0.0.1", port));
    passed_sockets_close();
    cr_expect(client_is_refused("127.0.0.1", port));
    arena_free(arena);
}

Test(http_passed_sockets, a_unix_socket_stays_in_its_folder)
{
    const char *path = passing_new_path();
    passing_path(0, path);
    cr_assert_eq(chmod(path, 0620), 0);
    passing_take(1);
    struct fault fault;
    struct stat status;
    cr_expect(http_local_try(path, &fault), "%s", fault.message);
    for (int i = 0; i < 2; i++) {
        FRONT_START(.socket_path = path);
        struct client *client = client_open_local(front.arena, path);
        cr_expect_eq(client_ask(client, ASK).status, 200);
        client_close(client);
        front_stop();
        cr_expect_eq(lstat(path, &status), 0);
        cr_expect_eq(status.st_mode & 0777, 0620, "its mode is the socket unit's");
    }
    passed_sockets_close();
    passing_drop_path();
}

Test(http_passed_sockets, a_start_that_fails_leaves_them_open)
{
    struct fault fault = {0};
    uint16_t port = passing_address(0, "127.0.0.1", 0, true);
    passing_take(1);
    const struct listen_address addresses[] = {{.host = "127.0.0.1", .port = port},
                                               {.host = "192.0.2.1", .port = 9}};
    cr_expect_null(bare_server_start(addresses, 2, NULL, &fault));
    cr_expect_not_null(strstr(fault.message, "192.0.2.1"), "%s", fault.message);
    cr_expect_not(client_is_refused("127.0.0.1", port));
    struct http_server *server = bare_server_start(addresses, 1, NULL, &fault);
    cr_assert_not_null(server, "%s", fault.message);
    http_server_stop(server);
    passed_sockets_close();
}

/* IPv6 takes the port of IPv4, unless its unit forbids it. */
Test(http_passed_sockets, a_socket_for_both_families_is_named)
{
    struct fault fault;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    socklen_t length = sizeof any;
    const int off = 0;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
              bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 1) == 0 &&
              getsockname(fd, (struct sockaddr *)&any, &length) == 0);
    passing_descriptor(fd, 0);
    passing_take(1);
    const struct listen_address v4 = {.host = "0.0.0.0", .port = ntohs(any.sin6_port)};
    cr_expect_eq(http_address_try(&v4, &fault), HTTP_ADDRESS_IN_USE);
    cr_expect_not_null(strstr(fault.message,
                              "in use; the socket that was passed for [::] takes IPv4 too: its "
                              "unit needs BindIPv6Only=ipv6-only"),
                       "%s", fault.message);
    passed_sockets_close();
}
