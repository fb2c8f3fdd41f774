/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that a service manager passes, by the protocol of sd_listen_fds(3). */
#include "gateway/runtime/passed_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acme/base/arena.h"
#include "leaks.h"
#include "passing.h"

LEAK_CHECKED_SUITE(passed_sockets);

static void expect_no_variables(const char *what)
{
    cr_expect(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_PID") == NULL &&
                  getenv("LISTEN_FDNAMES") == NULL,
              "%s: no child takes them for its own", what);
}

Test(passed_sockets, each_is_found_by_its_own_address)
{
    uint16_t v4 = passing_address(0, "127.0.0.1", 0, true);
    uint16_t v6 = passing_address(1, "::1", 0, true);
    const char *path = passing_new_path();
    passing_path(2, path);
    struct arena *arena = arena_new();
    struct fault fault;
    passing_set(passing_own_process(), "3", "acmegate.socket::admin");
    cr_assert(passed_sockets_take(PASSING_FIRST, &fault), "%s", fault.message);
    expect_no_variables("taken");
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(passed_socket((size_t)i)->fd, PASSING_FIRST + i);
        cr_expect_eq(fcntl(PASSING_FIRST + i, F_GETFD), FD_CLOEXEC, "no child has it");
        cr_expect(fcntl(PASSING_FIRST + i, F_GETFL) & O_NONBLOCK, "another may have accepted what was there");
    }
    cr_expect_null(passed_socket(3));
    cr_expect_eq(passed_socket_of_address("127.0.0.1", v4), passed_socket(0));
    cr_expect_eq(passed_socket_of_address("::1", v6), passed_socket(1));
    cr_expect_eq(passed_socket_of_address("0:0::1", v6), passed_socket(1), "in any spelling");
    cr_expect_eq(passed_socket_of_path(path), passed_socket(2));
    cr_expect_eq(passed_socket_of_path(arena_printf(arena, "/tmp/../%s", path)), passed_socket(2));
    cr_expect_str_eq(passed_socket(0)->text,
                     arena_printf(arena, "socket acmegate.socket (descriptor 200) on 127.0.0.1 port %u", v4));
    cr_expect_str_eq(passed_socket(1)->text,
                     arena_printf(arena, "socket unknown (descriptor 201) on ::1 port %u", v6));
    cr_expect_str_eq(passed_socket(2)->text,
                     arena_printf(arena, "socket admin (descriptor 202) at %s", path));

    cr_expect_null(passed_socket_of_address("127.0.0.2", v4));
    cr_expect_null(passed_socket_of_address("0.0.0.0", v4));
    cr_expect_null(passed_socket_of_address("127.0.0.1", (uint16_t)(v4 + 1)));
    cr_expect_null(passed_socket_of_address("", 0), "a Unix socket has no address");
    cr_expect_null(passed_socket_of_path("/tmp"));
    cr_expect_null(passed_socket_of_path(""), "an address has no path");
    passed_sockets_close();
    cr_expect_null(passed_socket(0));
    cr_expect_eq(fcntl(PASSING_FIRST, F_GETFD), -1);
    arena_free(arena);
    passing_drop_path();
}

Test(passed_sockets, IPv4_may_come_by_a_socket_of_IPv6)
{
    const struct {
        int only_v6;
        bool both;
    } cases[] = {{0, true}, {1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in6 any = {.sin6_family = AF_INET6};
        socklen_t length = sizeof any;
        struct fault fault;
        int fd = socket(AF_INET6, SOCK_STREAM, 0);
        cr_assert(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &cases[i].only_v6, sizeof(int)) == 0 &&
                  bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 1) == 0 &&
                  getsockname(fd, (struct sockaddr *)&any, &length) == 0);
        passing_descriptor(fd, 0);
        passing_set(passing_own_process(), "1", NULL);
        cr_assert(passed_sockets_take(PASSING_FIRST, &fault), "%s", fault.message);
        cr_expect_eq(passed_socket_of_both(ntohs(any.sin6_port)) != NULL, cases[i].both, "%zu", i);
        cr_expect_null(passed_socket_of_both(0));
        passed_sockets_close();
    }
}

Test(passed_sockets, variables_of_another_process_are_ignored)
{
    uint16_t port = passing_address(0, "127.0.0.1", 0, true);
    const struct {
        const char *process, *count;
    } cases[] = {{"1", "1"}, {"", "1"}, {"x", "1"}, {NULL, "1"}, {NULL, NULL}, {passing_own_process(), NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault;
        passing_set(cases[i].process, cases[i].count, "one");
        cr_expect(passed_sockets_take(PASSING_FIRST, &fault), "%zu", i);
        expect_no_variables("ignored");
        cr_expect_null(passed_socket(0), "%zu", i);
        cr_expect_null(passed_socket_of_address("127.0.0.1", port), "%zu", i);
    }
    close(PASSING_FIRST);
}

/* ---- what cannot be used ---- */

static void pass_nothing(void)
{
    close(PASSING_FIRST);
}

static void pass_stream(void)
{
    passing_address(0, "127.0.0.1", 0, true);
}

static void pass_stream_that_does_not_listen(void)
{
    passing_address(0, "127.0.0.1", 0, false);
}

static void pass_datagram(void)
{
    passing_descriptor(socket(AF_INET, SOCK_DGRAM, 0), 0);
}

static void pass_pipe(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    close(ends[1]);
    passing_descriptor(ends[0], 0);
}

static void pass_twice(void)
{
    uint16_t port = passing_address(0, "127.0.0.1", 0, true);
    passing_address(1, "127.0.0.1", port, true);
}

static void pass_path_twice(void)
{
    passing_path(0, "@acmegate-test-passed");
    passing_descriptor(dup(PASSING_FIRST), 1);
}

static const struct {
    const char *name;
    void (*pass)(void);
    const char *count;
    const char *words;
} bad[] = {
    {"no number", pass_stream, "one", "LISTEN_FDS 'one' is not a number of sockets from 1 to 64"},
    {"words behind", pass_stream, "1 ", "LISTEN_FDS '1 ' is not"},
    {"zero", pass_stream, "0", "LISTEN_FDS '0' is not"},
    {"below zero", pass_stream, "-1", "LISTEN_FDS '-1' is not"},
    {"too many", pass_stream, "65", "LISTEN_FDS '65' is not"},
    {"far too many", pass_stream, "99999999999999999999", "is not a number of sockets"},
    {"nothing there", pass_nothing, "1",
     "LISTEN_FDS counts descriptor 200 (a), which cannot be used: Bad file descriptor"},
    {"one of two", pass_stream, "2", "LISTEN_FDS counts descriptor 201 (b), which cannot be used"},
    {"not listening", pass_stream_that_does_not_listen, "1",
     "descriptor 200 (a) was passed, but it is no listening stream socket: the socket unit needs "
     "ListenStream= "
     "and Accept=no"},
    {"datagrams", pass_datagram, "1", "it is no listening stream socket"},
    {"a pipe", pass_pipe, "1", "it is no listening stream socket"},
    {"one address twice", pass_twice, "2",
     "two sockets of one address were passed: socket a (descriptor 200)"},
    {"one path twice", pass_path_twice, "2",
     "socket a (descriptor 200) at @acmegate-test-passed, and socket b (descriptor 201) at "
     "@acmegate-test-passed; pass one of them"},
};

Test(passed_sockets, what_cannot_be_used_is_named)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fault fault = {0};
        bad[i].pass();
        passing_set(passing_own_process(), bad[i].count, "a:b");
        cr_expect_not(passed_sockets_take(PASSING_FIRST, &fault), "%s", bad[i].name);
        cr_expect(strstr(fault.message, bad[i].words) != NULL, "%s: %s", bad[i].name, fault.message);
        expect_no_variables(bad[i].name);
        passed_sockets_close();
        close(PASSING_FIRST);
        close(PASSING_FIRST + 1);
    }
}

Test(passed_sockets, the_longest_path_and_name)
{
    struct arena *arena = arena_new();
    struct fault fault;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    path[0] = '@';
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    passing_path(0, path);
    passing_set(passing_own_process(), "1", name);
    cr_assert(passed_sockets_take(PASSING_FIRST, &fault), "%s", fault.message);
    cr_expect_str_eq(passed_socket(0)->path, path);
    cr_expect_str_eq(passed_socket(0)->text,
                     arena_printf(arena, "socket %.63s (descriptor 200) at %s", name, path));
    passed_sockets_close();
    arena_free(arena);
}
