/* SPDX-License-Identifier: Apache-2.0 */
/* The outbound thread: messages, timers, URLs, and HTTP against a server of the test's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/outbound/outbound.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(outbound);

static struct outbound *start(void)
{
    struct outbound_config config = {0};
    const char *why = NULL;
    struct outbound *outbound = outbound_start(&config, &why);
    cr_assert_not_null(outbound, "%s", why);
    return outbound;
}

static void stop(struct outbound *outbound)
{
    outbound_stop(outbound);
    outbound_free(outbound);
}

/* Work that is handed to the thread and waited for. */
struct errand {
    struct outbound_message message;
    void (*run)(struct errand *errand);
    struct outbound *outbound;
    void *context;
    sem_t done;
};

static void run_errand(struct outbound_message *message)
{
    struct errand *errand = (struct errand *)message;
    errand->run(errand);
}

static void run_on_thread(struct outbound *outbound, void (*run)(struct errand *errand), void *context)
{
    struct errand errand = {{.run = run_errand}, run, outbound, context, {{0}}};
    sem_init(&errand.done, 0, 0);
    outbound_post(outbound, &errand.message);
    while (sem_wait(&errand.done) != 0 && errno == EINTR)
        continue;
    sem_destroy(&errand.done);
}

/* ---- timers ---- */

enum { TIMERS = 200 };

struct timers {
    struct errand *errand;
    struct timer {
        struct outbound_timer timer;
        struct timers *all;
        int64_t delay_ms;
    } timer[TIMERS];
    int64_t last_delay_ms;
    size_t ran;
    bool in_order;
};

static void timer_ran(void *argument)
{
    struct timer *timer = argument;
    struct timers *all = timer->all;
    all->in_order = all->in_order && timer->delay_ms >= all->last_delay_ms;
    all->last_delay_ms = timer->delay_ms;
    if (++all->ran == TIMERS / 2)
        sem_post(&all->errand->done);
}

/* Set in a shuffled order; every second one is cancelled, some are moved first. */
static void set_timers(struct errand *errand)
{
    struct timers *all = errand->context;
    all->errand = errand;
    for (size_t i = 0; i < TIMERS; i++) {
        struct timer *timer = &all->timer[i * 37 % TIMERS];
        timer->all = all;
        timer->delay_ms = (int64_t)(i * 53 % TIMERS) / 4 * 4;
        timer->timer = (struct outbound_timer){.run = timer_ran, .argument = timer};
        outbound_timer_set(errand->outbound, &timer->timer, i % 3 == 0 ? 60000 : timer->delay_ms);
        if (i % 3 == 0)
            outbound_timer_set(errand->outbound, &timer->timer, timer->delay_ms);
    }
    for (size_t i = 0; i < TIMERS; i += 2) {
        outbound_timer_cancel(errand->outbound, &all->timer[i].timer);
        outbound_timer_cancel(errand->outbound, &all->timer[i].timer);
    }
}

Test(outbound, timers_run_in_the_order_of_their_times_unless_cancelled)
{
    static struct timers all;
    all.in_order = true;
    struct outbound *outbound = start();
    run_on_thread(outbound, set_timers, &all);
    stop(outbound);
    cr_expect_eq(all.ran, TIMERS / 2);
    cr_expect(all.in_order);
}

/* ---- messages ---- */

struct numbered {
    struct outbound_message message;
    unsigned number;
    unsigned *next;
    bool *in_order;
};

static void run_numbered(struct outbound_message *message)
{
    struct numbered *numbered = (struct numbered *)message;
    *numbered->in_order = *numbered->in_order && numbered->number == *numbered->next;
    ++*numbered->next;
}

static void end_errand(struct errand *errand)
{
    sem_post(&errand->done);
}

Test(outbound, messages_run_in_the_order_posted)
{
    static struct numbered messages[1000];
    unsigned next = 0;
    bool in_order = true;
    struct outbound *outbound = start();
    for (unsigned i = 0; i < 1000; i++) {
        messages[i] = (struct numbered){{.run = run_numbered}, i, &next, &in_order};
        outbound_post(outbound, &messages[i].message);
    }
    run_on_thread(outbound, end_errand, NULL);
    stop(outbound);
    cr_expect_eq(next, 1000);
    cr_expect(in_order);
}

/* ---- URLs ---- */

Test(outbound, urls_and_what_they_redirect_to)
{
    static const struct {
        const char *base, *reference;
        const char *url; /* NULL: refused */
        const char *host;
        uint16_t port;
    } cases[] = {
        {"http://a.example/x", NULL, "http://a.example/x", "a.example", 80},
        {"http://a.example:5002/x", NULL, "http://a.example:5002/x", "a.example", 5002},
        {"http://[2001:db8::7]:80/x", NULL, "http://[2001:db8::7]:80/x", "2001:db8::7", 80},
        {"http://a.example/x/y", "z", "http://a.example/x/z", "a.example", 80},
        {"http://a.example/x", "/y?q#f", "http://a.example/y?q", "a.example", 80},
        {"http://a.example/x", "//b.example/y", "http://b.example/y", "b.example", 80},
        {"http://a.example/x", "https://b.example/y", "https://b.example/y", "b.example", 443},
        {"http://a.example/x", "ftp://b.example/y", NULL, NULL, 0},
        {"http://a.example/x", "file:///etc/passwd", NULL, NULL, 0},
        {"http://a.example/x", "http://user:secret@b.example/", NULL, NULL, 0},
        {"http://a.example/x", "http://b.example:99999/", NULL, NULL, 0},
        {"not a url", NULL, NULL, NULL, 0},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outbound_url url;
        bool good = outbound_url_parse(arena, cases[i].base, cases[i].reference, &url);
        cr_assert_eq(good, cases[i].url != NULL, "%s %s", cases[i].base, cases[i].reference);
        if (!good)
            continue;
        cr_expect_str_eq(url.url, cases[i].url);
        cr_expect_str_eq(url.host, cases[i].host);
        cr_expect_eq(url.port, cases[i].port, "%s", cases[i].url);
        cr_expect_eq(url.https, strncmp(cases[i].url, "https:", 6) == 0);
    }
    arena_free(arena);
}

/* ---- HTTP ---- */

/* Answers each connection with the same text, after the request's empty line. */
struct web_server {
    int fd;
    uint16_t port;
    const char *reply;
    pthread_t thread;
};

static void answer(const struct web_server *server, int fd)
{
    char request[4096];
    size_t n = 0;
    while (n < sizeof request - 1) {
        ssize_t got = read(fd, request + n, sizeof request - 1 - n);
        if (got <= 0)
            return;
        n += (size_t)got;
        request[n] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL)
            break;
    }
    size_t length = strlen(server->reply);
    while (length != 0 && send(fd, server->reply, length, MSG_NOSIGNAL) == -1 && errno == EINTR)
        continue;
}

static void *serve(void *argument)
{
    const struct web_server *server = argument;
    for (int fd; (fd = accept(server->fd, NULL, NULL)) != -1; close(fd))
        answer(server, fd);
    return NULL;
}

static void server_start(struct web_server *server, const char *reply)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    server->reply = reply;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(server->fd, 16), 0);
    cr_assert_eq(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct web_server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

struct fetch {
    struct errand *errand;
    struct outbound_http_request request;
    struct arena *arena;
    struct outbound_http_reply reply;
};

static void fetched(void *context, const struct outbound_http_reply *reply)
{
    struct fetch *fetch = context;
    fetch->reply = *reply;
    fetch->reply.body = arena_copy(fetch->arena, reply->body);
    if (reply->location != NULL)
        fetch->reply.location = arena_duplicate(fetch->arena, reply->location);
    if (reply->transport_error != NULL)
        fetch->reply.transport_error = arena_duplicate(fetch->arena, reply->transport_error);
    sem_post(&fetch->errand->done);
}

static void begin_fetch(struct errand *errand)
{
    struct fetch *fetch = errand->context;
    fetch->errand = errand;
    outbound_http(errand->outbound, &fetch->request, fetched, fetch);
}

static struct outbound_http_reply fetch_from(struct arena *arena, const char *url, const char *address)
{
    struct sockaddr_storage pinned = {.ss_family = AF_INET};
    struct fetch fetch = {.arena = arena,
                          .request = {.method = "GET", .url = url, .timeout_ms = 5000, .max_body_bytes = 16}};
    if (address != NULL) {
        cr_assert_eq(inet_pton(AF_INET, address, &((struct sockaddr_in *)&pinned)->sin_addr), 1);
        fetch.request.address = &pinned;
    }
    struct outbound *outbound = start();
    run_on_thread(outbound, begin_fetch, &fetch);
    stop(outbound);
    return fetch.reply;
}

Test(outbound, a_pinned_request_goes_to_its_address_whatever_the_name)
{
    struct web_server server;
    struct arena *arena = arena_new();
    server_start(&server,
                 "HTTP/1.1 200 OK\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Length: 5\r\n\r\nhello");
    const char *url = arena_printf(arena, "http://no-such-name.invalid:%u/x", (unsigned)server.port);
    struct outbound_http_reply reply = fetch_from(arena, url, "127.0.0.1");
    cr_expect_null(reply.transport_error, "%s", reply.transport_error);
    cr_expect_eq(reply.status, 200);
    cr_expect(bytes_equal_string(reply.body, "hello"));
    cr_expect_eq(reply.date, 1767323045);
    cr_expect(reply.connected);
    server_stop(&server);
    arena_free(arena);
}

Test(outbound, a_redirect_is_a_reply_and_is_not_followed)
{
    struct web_server server;
    struct arena *arena = arena_new();
    server_start(&server, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    struct outbound_http_reply reply =
        fetch_from(arena, arena_printf(arena, "http://127.0.0.1:%u/", (unsigned)server.port), NULL);
    cr_expect_eq(reply.status, 302);
    cr_expect_str_eq(reply.location, "http://127.0.0.1:1/");
    server_stop(&server);
    arena_free(arena);
}

Test(outbound, a_body_over_its_maximum_is_cut_off)
{
    struct web_server server;
    struct arena *arena = arena_new();
    server_start(&server, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789abcdefghij");
    struct outbound_http_reply reply =
        fetch_from(arena, arena_printf(arena, "http://127.0.0.1:%u/", (unsigned)server.port), NULL);
    cr_expect_eq(reply.status, 200);
    cr_expect(reply.body_cut);
    cr_expect(bytes_equal_string(reply.body, "0123456789abcdef"));
    server_stop(&server);
    arena_free(arena);
}

Test(outbound, no_answer_is_told_and_whether_the_request_may_have_arrived)
{
    struct web_server server;
    struct arena *arena = arena_new();
    server_start(&server, "");
    const char *url = arena_printf(arena, "http://127.0.0.1:%u/", (unsigned)server.port);
    struct outbound_http_reply reply = fetch_from(arena, url, NULL);
    cr_expect_eq(reply.status, 0);
    cr_expect_not_null(reply.transport_error);
    cr_expect(reply.connected, "the request was read before the connection closed");
    server_stop(&server);
    reply = fetch_from(arena, url, NULL);
    cr_expect_eq(reply.status, 0);
    cr_expect_not_null(reply.transport_error);
    cr_expect_not(reply.connected, "nobody listens");
    arena_free(arena);
}

/* ---- names ---- */

struct look_up {
    struct errand *errand;
    const char *host;
    struct outbound_addresses addresses;
};

static void looked_up(void *context, const struct outbound_addresses *addresses)
{
    struct look_up *look_up = context;
    look_up->addresses = *addresses;
    sem_post(&look_up->errand->done);
}

static void begin_look_up(struct errand *errand)
{
    struct look_up *look_up = errand->context;
    look_up->errand = errand;
    outbound_resolve(errand->outbound, look_up->host, 2000, looked_up, look_up);
}

Test(outbound, numbers_and_localhost_resolve_without_a_name_server)
{
    static const char *const hosts[] = {"192.0.2.7", "2001:db8::7", "localhost"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct look_up look_up = {.host = hosts[i]};
        struct outbound *outbound = start();
        run_on_thread(outbound, begin_look_up, &look_up);
        stop(outbound);
        cr_expect_null(look_up.addresses.error, "%s: %s", hosts[i], look_up.addresses.error);
        cr_expect_geq(look_up.addresses.count, 1, "%s", hosts[i]);
    }
}
