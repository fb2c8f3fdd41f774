/* SPDX-License-Identifier: Apache-2.0 */
#include "front.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/jose/private_key.h"
#include "acme/pki.h"
#include "moving_clock.h"

enum { HELD_MAX = 256, TEST_LIMIT_S = 60 };

struct front front;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
    size_t told[HTTP_EVENTS];
    struct http_request *held[HELD_MAX];
    size_t held_count, held_taken;
    size_t parked;
    size_t refusing_loop_starts;
} seen;

static void count(size_t *what)
{
    pthread_mutex_lock(&lock);
    ++*what;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void await(const size_t *what, size_t n)
{
    pthread_mutex_lock(&lock);
    while (*what < n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- the application ---- */

static void told(enum http_event event)
{
    count(&seen.told[event]);
}

static bool loop_started(void *context, struct http_loop *loop)
{
    cr_assert_eq(context, &front);
    http_loop_set_data(loop, &front);
    pthread_mutex_lock(&lock);
    bool good = seen.refusing_loop_starts == 0;
    seen.refusing_loop_starts -= good ? 0 : 1;
    front.loops_started += good ? 1 : 0;
    pthread_mutex_unlock(&lock);
    return good;
}

static void loop_stopped(void *context, struct http_loop *loop)
{
    cr_assert(context == &front && http_loop_data(loop) == &front);
    count(&front.loops_stopped);
}

static void reply_text(struct http_request *request, int status, const char *text)
{
    const struct http_reply reply = {
        .status = status, .content_type = "application/test", .body = bytes_from_string(text)};
    http_reply(request, &reply);
}

static const char *text_of(const struct http_request *request, struct bytes member)
{
    return arena_string(request->arena, member);
}

static void reply_members(struct http_request *request)
{
    const char *text = arena_printf(
        request->arena,
        "method %s\ntarget %s\npath %s\nquery %s\nhost %s\ntype %s\nagent %s\nauthorization %s\nbody %zu\n"
        "too long %d\nclient %s\nnetwork %s\nuser %lld\n",
        text_of(request, request->method), text_of(request, request->target), text_of(request, request->path),
        text_of(request, request->query), text_of(request, request->host),
        text_of(request, request->content_type), text_of(request, request->user_agent),
        text_of(request, request->authorization), request->body.n, request->body_too_long,
        request->client_address, request->client_network, (long long)request->local_user);
    reply_text(request, 200, text);
}

static void reply_headers(struct http_request *request)
{
    struct http_reply reply = {
        .status = 503, .content_type = "application/test", .body = BYTES_LITERAL("later")};
    http_reply_add_header(&reply, "Link", "<a>;rel=\"up\"");
    http_reply_add_header(&reply, "Link", arena_printf(request->arena, "<%s>", "b"));
    http_reply_add_header(&reply, "Retry-After", "5");
    http_reply(request, &reply);
}

static void hold(struct http_request *request)
{
    pthread_mutex_lock(&lock);
    cr_assert_lt(seen.held_count, HELD_MAX);
    seen.held[seen.held_count++] = request;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void resumed(struct http_request *request)
{
    reply_text(request, 200, "resumed");
}

static void looked(struct http_request *request)
{
    reply_text(request, 200, "looked");
}

static void handle(void *context, struct http_request *request)
{
    static const struct bytes status = BYTES_LITERAL("/status/");
    cr_assert_eq(context, &front);
    if (bytes_equal_string(request->path, "/hold")) {
        hold(request);
    } else if (bytes_equal_string(request->path, "/park")) {
        http_park(request, atoll(text_of(request, request->query)), resumed);
        count(&seen.parked);
    } else if (bytes_equal_string(request->path, "/look")) {
        http_park_with_looks(request, atoll(text_of(request, request->query)), resumed, looked);
        count(&seen.parked);
    } else if (bytes_equal_string(request->path, "/headers")) {
        reply_headers(request);
    } else if (bytes_has_prefix(request->path, status)) {
        int wanted = atoi(text_of(request, request->path) + status.n);
        reply_text(request, wanted, wanted == 204 ? NULL : "{}");
    } else {
        reply_members(request);
    }
}

static void render_refusal(void *context, struct arena *arena, const struct http_refusal *refusal,
                           struct http_reply *reply)
{
    const int status = refusal->status;
    const bool is_post = bytes_equal_string(refusal->method, "POST");
    cr_assert_eq(context, &front);
    cr_expect_eq(http_loop_data(refusal->loop), &front);
    reply->content_type = "application/problem+json";
    reply->body = bytes_from_string(arena_printf(arena, "refused %d%s", status, is_post ? " POST" : ""));
    http_reply_add_header(reply, "X-Refused", arena_printf(arena, "%d", status));
    http_reply_add_header(reply, "X-Refused-Target", arena_string(arena, refusal->target));
    http_reply_add_header(reply, "X-Refused-Client", arena_duplicate(arena, refusal->client_address));
}

/* ---- start and stop ---- */

static const struct config *trusting(const struct front_options *options)
{
    struct config *config = arena_alloc(front.arena, sizeof *config);
    struct network *networks = arena_alloc_array(front.arena, 2, sizeof *networks);
    size_t count = 0;
    for (; count < 2 && options->trusted_proxies[count] != NULL; count++)
        cr_assert(network_parse(options->trusted_proxies[count], &networks[count]));
    *config = (struct config){.trusted_proxies = networks, .trusted_proxy_count = count};
    return count == 0 ? NULL : config;
}

void front_try(const struct front_options *options, struct fault *fault)
{
    alarm(TEST_LIMIT_S);
    front = (struct front){.arena = arena_new()};
    memset(&seen, 0, sizeof seen);
    seen.refusing_loop_starts = options->refusing_loop_starts;
    const struct listen_address listen = {.host = options->host == NULL ? "127.0.0.1" : options->host,
                                          .port = options->port,
                                          .plain = options->behind_a_proxy,
                                          .proxy_protocol = options->proxy_protocol,
                                          .forwarded_headers =
                                              options->behind_a_proxy || options->forwarded_headers};
    struct listen_address *addresses = arena_alloc(front.arena, sizeof *addresses);
    *addresses = listen;
    const struct http_server_config config = {
        .config = trusting(options),
        .listen = addresses,
        .listen_count = 1,
        .socket_path = options->socket_path,
        .plain = !options->tls && !options->behind_a_proxy,
        .loops = options->loops == 0 ? 1 : options->loops,
        .max_connections = options->max_connections == 0 ? FRONT_CONNECTIONS : options->max_connections,
        .request_timeout_ms =
            options->request_timeout_ms == 0 ? FRONT_REQUEST_TIMEOUT_MS : options->request_timeout_ms,
        .hold_ms = FRONT_HOLD_MS,
        .application = {.context = &front,
                        .told = told,
                        .loop_started = loop_started,
                        .loop_stopped = loop_stopped,
                        .handle = handle,
                        .render_refusal = render_refusal},
    };
    front.server = http_server_start(&config, fault);
    if (front.server == NULL)
        return;
    front.port = http_server_port(front.server, 0);
    if (options->tls && !options->no_certificate) {
        struct front_identity first = front_identity("first");
        front_use(&first);
    }
}

void front_start(const struct front_options *options)
{
    struct fault fault = {0};
    front_try(options, &fault);
    cr_assert_not_null(front.server, "%s", fault.message);
    cr_assert_eq(front.loops_started, options->loops == 0 ? 1 : options->loops);
}

static pthread_t stopper;

static void *stop(void *server)
{
    http_server_stop(server);
    return NULL;
}

void front_begin_stop(void)
{
    cr_assert_eq(pthread_create(&stopper, NULL, stop, front.server), 0);
}

void front_end_stop(void)
{
    pthread_join(stopper, NULL);
    cr_expect_eq(front.loops_stopped, front.loops_started);
    arena_free(front.arena);
    alarm(0);
}

void front_stop(void)
{
    front_begin_stop();
    front_end_stop();
}

/* ---- one that answers nothing ---- */

static bool begin_loop(void *context, struct http_loop *loop)
{
    (void)context, (void)loop;
    return true;
}

static void end_loop(void *context, struct http_loop *loop)
{
    (void)context, (void)loop;
}

struct http_server *bare_server_start(const struct listen_address *addresses, size_t count, const char *path,
                                      struct fault *fault)
{
    const struct http_server_config config = {
        .listen = addresses,
        .listen_count = count,
        .socket_path = path,
        .plain = true,
        .loops = 1,
        .max_connections = 8,
        .request_timeout_ms = 1000,
        .application = {.loop_started = begin_loop, .loop_stopped = end_loop},
    };
    return http_server_start(&config, fault);
}

/* ---- clients and time ---- */

struct client *front_client_from(const char *source)
{
    return client_open(front.arena, NULL, front.port, source);
}

struct client *front_client(void)
{
    return front_client_from(NULL);
}

struct errand {
    struct http_message message;
    void (*run)(void *argument);
    void *argument;
    size_t done;
};

static void run_errand(struct http_message *message)
{
    struct errand *errand = (struct errand *)message;
    if (errand->run != NULL)
        errand->run(errand->argument);
    count(&errand->done);
}

void front_run_at(struct http_loop *loop, void (*run)(void *argument), void *argument)
{
    struct errand errand = {.message.run = run_errand, .run = run, .argument = argument};
    http_loop_post(loop, &errand.message);
    await(&errand.done, 1);
}

static void note_turn(void *argument)
{
    *(size_t *)argument = moving_clock_turn();
}

/* The turn of the first message may have looked at the clock before; the next one has not, and has ended once
 * a third has begun. */
static void pass_at(struct http_loop *loop)
{
    size_t first, now;
    front_run_at(loop, note_turn, &first);
    do
        front_run_at(loop, note_turn, &now);
    while (now < first + 2);
}

void front_pass(int64_t ms)
{
    moving_clock_move(ms);
    for (size_t i = 0; i < http_server_loops(front.server); i++)
        pass_at(http_server_loop(front.server, i));
}

size_t front_told(enum http_event event)
{
    pthread_mutex_lock(&lock);
    size_t n = seen.told[event];
    pthread_mutex_unlock(&lock);
    return n;
}

void front_await_told(enum http_event event, size_t n)
{
    await(&seen.told[event], n);
}

void front_await_connections(size_t n)
{
    while (http_server_connections(front.server) != n)
        front_pass(0);
}

/* ---- requests that wait ---- */

struct http_request *front_take_held(void)
{
    await(&seen.held_count, seen.held_taken + 1);
    return seen.held[seen.held_taken++];
}

struct answer {
    struct http_request *request;
    int status;
    const char *body;
};

static void run_answer(void *argument)
{
    const struct answer *answer = argument;
    reply_text(answer->request, answer->status, answer->body);
}

void front_answer(struct http_request *request, int status, const char *body)
{
    struct answer answer = {request, status, body};
    front_run_at(request->loop, run_answer, &answer);
}

void front_answer_all(void)
{
    for (size_t i = 0; i < seen.held_count; i++)
        front_answer(seen.held[i], 200, "done");
}

void front_await_parked(size_t n)
{
    await(&seen.parked, n);
}

struct parking {
    struct http_request *request;
    int64_t key;
};

static void run_park(void *argument)
{
    const struct parking *parking = argument;
    http_park(parking->request, parking->key, resumed);
}

void front_park(struct http_request *request, int64_t key)
{
    struct parking parking = {request, key};
    front_run_at(request->loop, run_park, &parking);
}

/* ---- certificates ---- */

struct front_identity front_identity(const char *common_name)
{
    EVP_PKEY *key = pki_key(front.arena, "P-256");
    X509 *certificate = pki_certificate(front.arena, &(struct pki_certificate){.key = key,
                                                                               .common_name = common_name,
                                                                               .names = "DNS:localhost",
                                                                               .not_after = UINT32_MAX});
    return (struct front_identity){.certificate = certificate,
                                   .chain_pem = pki_pem(front.arena, certificate),
                                   .key_pem = private_key_to_pem(front.arena, key, (struct bytes){0})};
}

void front_use(const struct front_identity *identity)
{
    struct fault fault = {0};
    struct http_certificate_change *change =
        http_certificate_prepare(front.server, identity->chain_pem, identity->key_pem, &fault);
    cr_assert_not_null(change, "%s", fault.message);
    http_certificate_commit(change);
    front_pass(0);
}
