/* SPDX-License-Identifier: Apache-2.0 */
/* The front ends: loops without sockets. */
#include <stdlib.h>

#include "dice.h"
#include "fakes.h"
#include "surroundings.h"

enum { SERVERS_MAX = 3 };

struct http_guard {
    struct fake_reply *reply;
};

struct held {
    struct held *next;
    struct http_request *request;
    int64_t key;
    void (*resume)(struct http_request *request);
    void (*late)(struct http_request *request);
};

struct http_loop {
    struct http_server *server;
    struct http_message *first, **last;
    struct held *held;
    size_t requests;
    void *data;
};

struct http_server {
    struct http_server_config config;
    struct http_loop **loops;
    bool draining, refuses_certificates;
    size_t certificates, connections;
    int64_t woken;
};

static struct http_server *servers[SERVERS_MAX];
static size_t starts_to_refusal;

static void *allocate(size_t n)
{
    void *p = calloc(1, n);
    if (p == NULL)
        abort();
    return p;
}

/* A message's place in its queue. */
static struct http_message **next_of(struct http_message *message)
{
    return (struct http_message **)(void *)&message->link[0];
}

/* ---- queues ---- */

void http_loop_post(struct http_loop *loop, struct http_message *message)
{
    if (fake_load_ends_at_once()) {
        message->run(message);
        return;
    }
    *next_of(message) = NULL;
    *loop->last = message;
    loop->last = next_of(message);
}

static bool run_first(struct http_loop *loop)
{
    struct http_message *message = loop->first;
    if (message == NULL)
        return false;
    loop->first = *next_of(message);
    if (loop->first == NULL)
        loop->last = &loop->first;
    message->run(message);
    return true;
}

static struct http_loop *waiting_loop(size_t *count)
{
    struct http_loop *chosen = NULL;
    *count = 0;
    for (size_t i = 0; i < SERVERS_MAX; i++)
        for (size_t j = 0; servers[i] != NULL && j < servers[i]->config.loops; j++)
            if (servers[i]->loops[j]->first != NULL && dice_below(++*count) == 0)
                chosen = servers[i]->loops[j];
    return chosen;
}

void http_server_set_max_connections(struct http_server *server, size_t max_connections)
{
    server->config.max_connections = max_connections;
}

size_t fake_server_max_connections(size_t i)
{
    return servers[i]->config.max_connections;
}

void http_server_set_hold(struct http_server *server, int64_t hold_ms)
{
    server->config.hold_ms = hold_ms;
}

bool fake_loops_turn(void)
{
    size_t count;
    struct http_loop *loop = waiting_loop(&count);
    return loop != NULL && run_first(loop);
}

size_t fake_loops_waiting(void)
{
    for (size_t i = 0; i < SERVERS_MAX; i++)
        for (size_t j = 0; servers[i] != NULL && j < servers[i]->config.loops; j++)
            if (servers[i]->loops[j]->first != NULL)
                return 1;
    return 0;
}

/* ---- holding ---- */

static void leave(struct http_loop *loop, struct held *held)
{
    struct held **link = &loop->held;
    while (*link != held)
        link = &(*link)->next;
    *link = held->next;
    fake_agenda_drop(held);
}

static void go_on(struct http_loop *loop, struct held *held)
{
    leave(loop, held);
    held->resume(held->request);
}

static void on_hold_timeout(void *argument)
{
    struct held *held = argument;
    leave(held->request->loop, held);
    held->late(held->request);
}

static void park(struct http_request *request, int64_t key, int64_t ms,
                 void (*resume)(struct http_request *request), void (*late)(struct http_request *request))
{
    struct http_loop *loop = request->loop;
    if (loop->server->draining || request->guard->reply->gone) {
        resume(request);
        return;
    }
    struct held *held = arena_alloc(request->arena, sizeof *held);
    *held = (struct held){loop->held, request, key, resume, late};
    loop->held = held;
    fake_agenda_put(held, ms, on_hold_timeout, held);
}

void http_park(struct http_request *request, int64_t key, void (*resume)(struct http_request *request))
{
    park(request, key, request->loop->server->config.hold_ms, resume, resume);
}

void http_park_with_looks(struct http_request *request, int64_t key,
                          void (*resume)(struct http_request *request),
                          void (*look)(struct http_request *request))
{
    park(request, key, HTTP_LOOK_MS, resume, look);
}

void http_unpark(struct http_request *request, int64_t key)
{
    struct held *held = request->loop->held;
    while (held != NULL && held->request != request)
        held = held->next;
    if (held == NULL || held->key != key)
        verdict("a request is unparked that does not wait");
    leave(request->loop, held);
}

struct release_message {
    struct http_message message; /* first */
    struct http_loop *loop;
    int64_t key;
};

static void run_release(struct http_message *message)
{
    struct release_message *release = (struct release_message *)message;
    struct held *held = release->loop->held;
    while (held != NULL) {
        struct held *next = held->next;
        if (held->key == release->key)
            go_on(release->loop, held);
        held = next;
    }
    free(release);
}

void http_wake(struct http_server *server, int64_t key)
{
    server->woken = key;
    for (size_t i = 0; i < server->config.loops; i++) {
        struct release_message *release = allocate(sizeof *release);
        *release = (struct release_message){{.run = run_release}, server->loops[i], key};
        http_loop_post(server->loops[i], &release->message);
    }
}

/* ---- requests ---- */

struct http_server *fake_server(size_t i)
{
    return i < SERVERS_MAX ? servers[i] : NULL;
}

void fake_servers_refuse(size_t start)
{
    starts_to_refusal = start;
}

void fake_server_set_connections(size_t i, size_t connections)
{
    servers[i]->connections = connections;
}

size_t fake_server_certificates(size_t i)
{
    return servers[i]->certificates;
}

int64_t fake_server_woken(size_t i)
{
    return servers[i]->woken;
}

void fake_loops_send(struct http_server *server, struct http_request *request, struct fake_reply *reply)
{
    struct http_loop *loop = server->loops[dice_below(server->config.loops)];
    struct http_guard *guard = arena_alloc(request->arena, sizeof *guard);
    guard->reply = reply;
    request->loop = loop;
    request->guard = guard;
    loop->requests++;
    server->config.application.handle(server->config.application.context, request);
}

void http_reply(struct http_request *request, const struct http_reply *sent)
{
    struct fake_reply *reply = request->guard->reply;
    request->loop->requests--;
    if (reply->done)
        verdict("a request was answered twice");
    reply->done = true;
    reply->done_at_ms = fake_clock_steady_ms();
    if (!reply->gone) {
        reply->status = sent->status;
        reply->content_type = sent->content_type;
        reply->body = arena_copy(reply->arena, sent->body);
        reply->header_count = sent->header_count;
        for (size_t i = 0; i < sent->header_count; i++)
            reply->headers[i] = (struct http_header){sent->headers[i].name,
                                                     arena_duplicate(reply->arena, sent->headers[i].value)};
    }
    arena_free(request->arena);
}

size_t fake_loops_open_requests(void)
{
    size_t open = 0;
    for (size_t i = 0; i < SERVERS_MAX; i++)
        for (size_t j = 0; servers[i] != NULL && j < servers[i]->config.loops; j++)
            open += servers[i]->loops[j]->requests;
    return open;
}

void http_reply_add_header(struct http_reply *reply, const char *name, const char *value)
{
    if (reply->header_count == HTTP_MAX_REPLY_HEADERS)
        verdict("more headers than a reply may have");
    reply->headers[reply->header_count++] = (struct http_header){name, value};
}

/* ---- life ---- */

/* Frees the server and its loops, of which the first `started` have started. */
static void free_server(struct http_server *server, size_t started)
{
    for (size_t i = 0; i < server->config.loops; i++) {
        if (i < started)
            server->config.application.loop_stopped(server->config.application.context, server->loops[i]);
        free(server->loops[i]);
    }
    free(server->loops);
    free(server);
}

struct http_server *http_server_start(const struct http_server_config *config, struct fault *fault)
{
    if (starts_to_refusal != 0 && --starts_to_refusal == 0) {
        fault_set(fault, "the address is taken");
        return NULL;
    }
    struct http_server *server = allocate(sizeof *server);
    server->config = *config;
    server->loops = allocate(config->loops * sizeof(struct http_loop *));
    for (size_t i = 0; i < config->loops; i++) {
        struct http_loop *loop = server->loops[i] = allocate(sizeof *loop);
        loop->server = server;
        loop->last = &loop->first;
        if (!config->application.loop_started(config->application.context, loop)) {
            free_server(server, i);
            fault_set(fault, "a loop did not start");
            return NULL;
        }
    }
    size_t at = 0;
    while (servers[at] != NULL)
        at++;
    servers[at] = server;
    return server;
}

static void drain(struct http_server *server)
{
    server->draining = true;
    for (size_t i = 0; i < server->config.loops; i++)
        while (server->loops[i]->held != NULL)
            go_on(server->loops[i], server->loops[i]->held);
    fakes_settle();
}

void http_server_stop(struct http_server *server)
{
    size_t at = 0;
    drain(server);
    while (servers[at] != server)
        at++;
    for (size_t i = 0; i < server->config.loops; i++)
        if (server->loops[i]->requests != 0)
            verdict("a request is not answered at the stop");
    servers[at] = NULL;
    free_server(server, server->config.loops);
}

uint16_t http_server_port(const struct http_server *server, size_t i)
{
    (void)i;
    (void)server;
    return 443;
}

size_t http_server_loops(const struct http_server *server)
{
    return server->config.loops;
}

struct http_loop *http_server_loop(const struct http_server *server, size_t i)
{
    return i < server->config.loops ? server->loops[i] : NULL;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->connections;
}

struct http_certificate_change {
    struct http_server *server;
};

struct http_certificate_change *http_certificate_prepare(struct http_server *server, struct bytes chain_pem,
                                                         struct bytes key_pem, struct fault *fault)
{
    (void)chain_pem;
    (void)key_pem;
    if (server->refuses_certificates) {
        fault_set(fault, "no loop can use this certificate");
        return NULL;
    }
    struct http_certificate_change *change = malloc(sizeof *change);
    *change = (struct http_certificate_change){server};
    return change;
}

void http_certificate_commit(struct http_certificate_change *change)
{
    change->server->certificates++;
    free(change);
}

void http_certificate_discard(struct http_certificate_change *change)
{
    free(change);
}

void fake_server_refuse_certificates(size_t i)
{
    servers[i]->refuses_certificates = true;
}

void http_loop_set_data(struct http_loop *loop, void *data)
{
    loop->data = data;
}

void *http_loop_data(struct http_loop *loop)
{
    return loop->data;
}
