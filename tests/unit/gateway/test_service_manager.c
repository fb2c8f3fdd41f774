/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager hears, by the protocol of sd_notify(3). */
#include "gateway/runtime/service_manager.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "leaks.h"
#include "log_capture.h"

LEAK_CHECKED_SUITE(service_manager);

static char folder[64];
static char heard[2048];

/* A socket at this name, "@" for the abstract name space, and NOTIFY_SOCKET with it. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

/* The next message; "" when there is none. */
static const char *hear(int fd)
{
    ssize_t n = recv(fd, heard, sizeof heard - 1, 0);
    heard[n < 0 ? 0 : n] = '\0';
    return heard;
}

static const char *path_name(void)
{
    static char path[128];
    memcpy(folder, "/tmp/acmegate-test-XXXXXX", sizeof "/tmp/acmegate-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/notify", folder);
    return path;
}

static const char *abstract_name(void)
{
    static char name[64];
    snprintf(name, sizeof name, "@acmegate-test-%ld", (long)getpid());
    return name;
}

Test(service_manager, each_state_is_one_datagram)
{
    const char *const names[] = {path_name(), abstract_name()};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = listen_at(names[i]);
        service_manager_open();
        cr_expect(service_manager_listens(), "%s", names[i]);
        cr_expect_null(getenv("NOTIFY_SOCKET"), "no child tells the service manager");
        service_manager_ready("Serving https://acme.test");
        cr_expect_str_eq(hear(fd), "READY=1\nSTATUS=Serving https://acme.test");
        service_manager_status("issuer main\tdoes not sign:\nREADY=1");
        cr_expect_str_eq(hear(fd), "STATUS=issuer main does not sign: READY=1", "a status is one line");
        service_manager_stopping("Stopping");
        cr_expect_str_eq(hear(fd), "STOPPING=1\nSTATUS=Stopping");
        service_manager_alive();
        cr_expect_str_eq(hear(fd), "WATCHDOG=1");
        service_manager_reloading();
        long long us = 0;
        cr_expect_eq(sscanf(hear(fd), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading", &us), 1, "%s",
                     heard);
        cr_expect_gt(us, 0);
        service_manager_close();
        cr_expect_not(service_manager_listens());
        service_manager_status("nobody listens");
        cr_expect_str_eq(hear(fd), "");
        close(fd);
    }
    unlink(names[0]);
    rmdir(folder);
}

Test(service_manager, a_long_status_is_cut)
{
    static char text[4096];
    memset(text, 'x', sizeof text - 1);
    int fd = listen_at(abstract_name());
    service_manager_open();
    service_manager_status(text);
    cr_expect_eq(strlen(hear(fd)), 1023);
    service_manager_close();
    close(fd);
}

Test(service_manager, the_watchdog_is_that_of_this_process)
{
    struct arena *arena = arena_new();
    char own[32];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    const struct {
        const char *interval, *process;
        long long ms;
        const char *words;
    } cases[] = {
        {NULL, NULL, 0, ""},
        {"3000000", NULL, 3000, ""},
        {"3000000", own, 3000, ""},
        {"3000000", "1", 0, ""},
        {"3000000", "x", 0, ""},
        {"0", NULL, 0, "WATCHDOG_USEC '0'"},
        {"-5", NULL, 0, "'-5'"},
        {"3s", own, 0, "'3s'"},
        {"", NULL, 0, "WATCHDOG_USEC ''"},
        {"99999999999999999999", NULL, 0, "is not a number of microseconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = listen_at(abstract_name());
        if (cases[i].interval != NULL)
            setenv("WATCHDOG_USEC", cases[i].interval, 1);
        if (cases[i].process != NULL)
            setenv("WATCHDOG_PID", cases[i].process, 1);
        log_capture_begin();
        service_manager_open();
        const char *log = log_capture_end(arena);
        cr_expect_eq(service_manager_watchdog_ms(), cases[i].ms, "%zu", i);
        cr_expect_not_null(strstr(log, cases[i].words), "%zu: %s", i, log);
        cr_expect_eq(*log == '\0', *cases[i].words == '\0', "%zu: %s", i, log);
        cr_expect(getenv("WATCHDOG_USEC") == NULL && getenv("WATCHDOG_PID") == NULL, "%zu", i);
        service_manager_close();
        cr_expect_eq(service_manager_watchdog_ms(), 0);
        close(fd);
    }
    arena_free(arena);
}

Test(service_manager, without_a_socket_nothing_is_told)
{
    struct arena *arena = arena_new();
    static char too_long[200];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    const struct {
        const char *name;
        bool warns;
    } cases[] = {{NULL, false}, {"", false},         {"relative", true},
                 {"@", true},   {"vsock:2:1", true}, {too_long, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].name != NULL)
            setenv("NOTIFY_SOCKET", cases[i].name, 1);
        setenv("WATCHDOG_USEC", "1000000", 1);
        log_capture_begin();
        service_manager_open();
        const char *log = log_capture_end(arena);
        cr_expect_eq(strstr(log, "cannot be used") != NULL, cases[i].warns, "%zu: %s", i, log);
        cr_expect_not(service_manager_listens(), "%zu", i);
        cr_expect_eq(service_manager_watchdog_ms(), 0, "%zu", i);
        cr_expect(getenv("NOTIFY_SOCKET") == NULL && getenv("WATCHDOG_USEC") == NULL, "%zu", i);
        service_manager_ready("");
    }
    arena_free(arena);
}

/* The service manager has gone: the server serves on. */
Test(service_manager, a_socket_that_nobody_reads_is_no_fault)
{
    int fd = listen_at(abstract_name());
    service_manager_open();
    close(fd);
    service_manager_ready("Serving");
    service_manager_alive();
    service_manager_close();
}
