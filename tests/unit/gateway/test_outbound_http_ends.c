/* SPDX-License-Identifier: Apache-2.0 */
/* Whom HTTPS requests trust, and how requests end when the server stops. */
#include <string.h>

#include "gateway/outbound/outbound_wait.h"
#include "leaks.h"
#include "outbound_thread.h"
#include "tls_server.h"
#include "web_server.h"

LEAK_CHECKED_SUITE(outbound_http_ends);

enum { PATIENT_MS = 20 * 1000, BODY_MAX_BYTES = 16, WAITERS = 4 };

#define EMPTY_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* ---- trust ---- */

enum trust { ITS_ROOT, ANOTHER_ROOT, NOT_A_CERTIFICATE, ANYBODY };

/* RFC 8555 §8.3: what http-01 is redirected to may show any certificate. */
Test(outbound_http_ends, a_server_is_trusted_by_these_roots_alone)
{
    static const struct {
        const char *name, *host;
        enum trust trust;
        bool slow_key, is_good, untrusted;
    } cases[] = {
        {"its root", "127.0.0.1", ITS_ROOT, false, true, false},
        {"another host", "127.0.0.2", ITS_ROOT, false, false, true},
        {"another root of the same name", "127.0.0.1", ANOTHER_ROOT, false, false, true},
        {"no root", "127.0.0.1", NOT_A_CERTIFICATE, false, false, true},
        {"anybody", "127.0.0.1", ANYBODY, false, true, false},
        {"anybody, by another name", "127.0.0.2", ANYBODY, false, true, false},
        {"anybody, with a slow key", "127.0.0.1", ANYBODY, true, false, true},
    };
    struct arena *arena = arena_new();
    struct tls_identity identity, slow, other;
    tls_identity_make(arena, NULL, &identity);
    tls_identity_make(arena, NULL, &other);
    tls_identity_make(arena, tls_slow_key(arena), &slow);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bytes roots[] = {identity.root_pem, other.root_pem, bytes_from_string("none"), {0}};
        struct outbound *outbound = outbound_thread_start(NULL);
        struct web_server web = {.replies = (const char *const[]){EMPTY_OK, NULL},
                                 .tls = cases[i].slow_key ? slow.context : identity.context};
        web_server_start(&web, AF_INET);
        struct outbound_http_request request = {
            .method = "GET",
            .url = arena_printf(arena, "https://%s:%u/", cases[i].host, web.server.port),
            .trusted_pem = roots[cases[i].trust],
            .address = strcmp(cases[i].host, "127.0.0.1") == 0 ? NULL : &web.server.address,
            .timeout_ms = PATIENT_MS,
            .max_body_bytes = BODY_MAX_BYTES};
        struct outbound_http_reply reply;
        outbound_http_and_wait(outbound, arena, &request, &reply);
        outbound_thread_stop(outbound);
        web_server_stop(&web);
        cr_expect_eq(reply.status, cases[i].is_good ? 200 : 0, "%s: %s", cases[i].name,
                     reply.transport_error);
        cr_expect_eq(reply.fault, cases[i].is_good ? OUTBOUND_NO_FAULT : OUTBOUND_TLS_FAILED, "%s: %d",
                     cases[i].name, (int)reply.fault);
        cr_expect_eq(reply.untrusted, cases[i].untrusted, "%s", cases[i].name);
        cr_expect_eq(reply.connected, cases[i].is_good, "%s", cases[i].name);
    }
    arena_free(arena);
}

static void speak_another_language(void *context, int fd)
{
    static const char banner[] = "SSH-2.0-OpenSSH\r\n";
    (void)context;
    cr_assert_eq(send(fd, banner, sizeof banner - 1, MSG_NOSIGNAL), (ssize_t)sizeof banner - 1);
    loopback_read_to_end(fd);
}

Test(outbound_http_ends, a_server_without_tls_is_no_untrusted_one)
{
    struct arena *arena = arena_new();
    struct outbound *outbound = outbound_thread_start(NULL);
    struct loopback_server server = {.serve = speak_another_language};
    loopback_server_start(&server, AF_INET);
    struct outbound_http_request request = {.method = "GET",
                                            .url = arena_printf(arena, "https://127.0.0.1:%u/", server.port),
                                            .timeout_ms = PATIENT_MS,
                                            .max_body_bytes = BODY_MAX_BYTES};
    struct outbound_http_reply reply;
    outbound_http_and_wait(outbound, arena, &request, &reply);
    outbound_thread_stop(outbound);
    loopback_server_stop(&server);
    cr_expect_eq(reply.fault, OUTBOUND_TLS_FAILED);
    cr_expect_not(reply.untrusted);
    cr_expect_not(reply.connected);
    arena_free(arena);
}

/* ---- the end of the server ---- */

/* Requests to one server, every second one for a client. */
struct waiters {
    struct outbound_errand errand; /* first */
    struct outbound *outbound;
    struct arena *arena;
    const char *url;
    int64_t hurry_ms; /* -1: it is not called when they have begun */
    struct waiter {
        struct waiters *all;
        int status;
        enum outbound_fault fault; /* no fault: not told */
        const char *words;
    } waiter[WAITERS];
    size_t told, waited_for;
};

static void told(void *context, const struct outbound_http_reply *reply)
{
    struct waiter *waiter = context;
    waiter->status = reply->status;
    waiter->fault = reply->fault;
    waiter->words = arena_duplicate(waiter->all->arena, reply->transport_error);
    if (++waiter->all->told == waiter->all->waited_for)
        outbound_errand_end(&waiter->all->errand);
}

static void begin_waiters(struct outbound_message *message)
{
    struct waiters *all = (struct waiters *)(void *)message;
    struct outbound_http_request request = {
        .method = "GET", .url = all->url, .timeout_ms = PATIENT_MS, .max_body_bytes = BODY_MAX_BYTES};
    for (size_t i = 0; i < WAITERS; i++) {
        all->waiter[i].all = all;
        request.for_client = i % 2 == 1;
        outbound_http(all->outbound, &request, told, &all->waiter[i]);
    }
    if (all->hurry_ms >= 0)
        outbound_hurry(all->outbound, all->hurry_ms);
}

static void begin_no_more(void *unused)
{
    (void)unused;
}

/* The timer of a hurry runs before what is posted behind an errand that was posted behind it. */
static void hurry_and_wait(struct outbound *outbound)
{
    outbound_hurry(outbound, 0);
    outbound_run_and_wait(outbound, begin_no_more, NULL);
}

Test(outbound_http_ends, a_hurry_ends_the_requests_of_clients_alone)
{
    static const char words[] = "acmegate stops and cannot wait for the answer";
    static const struct {
        const char *name;
        bool before; /* they begin when the time is over */
        int64_t hurry_ms;
        bool answers;
        enum outbound_fault fault;
        const char *words;
    } cases[] = {
        {"under way", false, 0, false, OUTBOUND_BROKEN, words},
        {"too late", true, -1, false, OUTBOUND_TIMED_OUT, NULL},
        {"in time", false, PATIENT_MS, true, OUTBOUND_NO_FAULT, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *replies[WAITERS + 1] = {0};
        for (size_t n = 0; cases[i].answers && n < WAITERS; n++)
            replies[n] = EMPTY_OK;
        struct web_server web = {.replies = replies, .closes = true};
        web_server_start(&web, AF_INET);
        struct waiters all = {.outbound = outbound_thread_start(NULL),
                              .arena = arena_new(),
                              .hurry_ms = cases[i].hurry_ms,
                              .waited_for = cases[i].answers ? WAITERS : WAITERS / 2};
        all.url = arena_printf(all.arena, "http://127.0.0.1:%u/", web.server.port);
        if (cases[i].before)
            hurry_and_wait(all.outbound);
        outbound_wait(all.outbound, &all.errand, begin_waiters);
        outbound_thread_stop(all.outbound);
        web_server_stop(&web);
        cr_expect_eq(all.told, all.waited_for, "%s: %zu", cases[i].name, all.told);
        for (size_t n = 0; n < WAITERS; n++) {
            const struct waiter *waiter = &all.waiter[n];
            cr_expect_eq(waiter->status, cases[i].answers ? 200 : 0, "%s: %zu", cases[i].name, n);
            cr_expect_eq(waiter->fault, n % 2 == 1 ? cases[i].fault : OUTBOUND_NO_FAULT, "%s: %zu",
                         cases[i].name, n);
            cr_expect(n % 2 == 0 || cases[i].words == NULL || strcmp(waiter->words, cases[i].words) == 0,
                      "%s: %s", cases[i].name, waiter->words);
        }
        arena_free(all.arena);
    }
}
