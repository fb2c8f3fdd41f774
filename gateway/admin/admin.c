/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin/admin_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/loads/readers.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

/* The most connections on TCP, and as many again on the Unix socket: neither takes from the other. */
enum { MAX_CONNECTIONS = 64, HOLD_MS = 1000, REQUEST_TIMEOUT_MS = 10 * 1000 };

/* ---- replies ---- */

void admin_finish(struct admin_exchange *exchange)
{
    http_reply_add_header(&exchange->reply, "Cache-Control", "no-store");
    http_reply(exchange->request, &exchange->reply);
}

void admin_set_json(struct admin_exchange *exchange, int status, struct json_writer *writer)
{
    struct bytes body = json_writer_finish(writer);
    if (body.p == NULL) {
        admin_set_problem(exchange, 500, "The reply could not be written.", NULL, 0);
        return;
    }
    exchange->reply.status = status;
    exchange->reply.content_type = "application/json";
    exchange->reply.body = body;
}

static struct bytes problem_body(struct arena *arena, int status, const char *detail,
                                 const char *const *reasons, size_t reason_count)
{
    struct json_writer *writer = json_writer_new(arena, ADMIN_REPLY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "type", "about:blank");
    json_put_integer(writer, "status", status);
    json_put_string(writer, "detail", detail);
    if (reason_count != 0) {
        json_key(writer, "reasons");
        json_begin_array(writer);
        for (size_t i = 0; i < reason_count; i++)
            json_write_bytes(writer, bytes_from_string(reasons[i]));
        json_end_array(writer);
    }
    json_end_object(writer);
    struct bytes body = json_writer_finish(writer);
    /* When the reasons are too long, the client still gets the detail. */
    return body.p == NULL && reason_count != 0 ? problem_body(arena, status, detail, NULL, 0) : body;
}

void admin_set_problem(struct admin_exchange *exchange, int status, const char *detail,
                       const char *const *reasons, size_t reason_count)
{
    exchange->reply.status = status;
    exchange->reply.content_type = "application/problem+json";
    exchange->reply.body = problem_body(exchange->arena, status, detail, reasons, reason_count);
}

void admin_refuse(struct admin_exchange *exchange, int status, const char *detail)
{
    admin_set_problem(exchange, status, detail, NULL, 0);
    admin_finish(exchange);
}

static void render_refusal(void *context, struct arena *arena, const struct http_refusal *refusal,
                           struct http_reply *reply)
{
    (void)context;
    reply->status = refusal->status;
    reply->content_type = "application/problem+json";
    reply->body = problem_body(arena, refusal->status,
                               "The request is not well-formed HTTP/1.1, or too long.", NULL, 0);
}

/* ---- authorization ---- */

/* Compares hashes, so that the time reveals neither content nor length. */
static bool is_token(struct bytes shown, struct bytes token)
{
    uint8_t hashes[2][EVP_MAX_MD_SIZE];
    unsigned n = 0;
    return EVP_Digest(shown.p, shown.n, hashes[0], &n, EVP_sha256(), NULL) == 1 &&
           EVP_Digest(token.p, token.n, hashes[1], &n, EVP_sha256(), NULL) == 1 &&
           CRYPTO_memcmp(hashes[0], hashes[1], n) == 0;
}

static bool shows_token(const struct admin_exchange *exchange)
{
    const struct bytes scheme = BYTES_LITERAL("Bearer ");
    struct bytes header = exchange->request->authorization;
    if (header.n <= scheme.n || !bytes_equal_ignore_case(bytes_of(header.p, scheme.n), scheme))
        return false;
    return is_token(bytes_of(header.p + scheme.n, header.n - scheme.n),
                    config_now(exchange->admin->parts.config)->admin_token);
}

/* Anybody who reaches the port can cause refusals at will. */
static void log_refusal(struct admin_exchange *exchange, const char *what)
{
    log_gate_write(&exchange->admin->refusals_gate, LOG_LEVEL_WARNING, "admin: %s", what);
}

/* False when the request was refused. */
static bool authorize(struct admin_exchange *exchange)
{
    int64_t user = exchange->request->local_user;
    if (user == 0 || (user > 0 && user == (int64_t)geteuid()))
        return true;
    if (user != -1) {
        log_refusal(exchange, arena_printf(exchange->arena, "user %lld is refused", (long long)user));
        admin_refuse(exchange, 403, "Only root and the server's own user may use this socket.");
        return false;
    }
    if (shows_token(exchange))
        return true;
    log_refusal(exchange, arena_printf(exchange->arena, "%s sent no token, or a wrong one",
                                       exchange->request->client_address));
    http_reply_add_header(&exchange->reply, "WWW-Authenticate", "Bearer");
    admin_refuse(exchange, 401, "Send the token of admin.token_file: Authorization: Bearer …");
    return false;
}

/* ---- routes ---- */

struct admin_route {
    const char *path; /* a path that ends with '/' is followed by an id */
    const char *method;
    /* Reads from the database into the exchange's arena. NULL: nothing. It may run on another thread than the
     * loop, and uses no state of the loop. `handle` follows also when it cannot run. */
    void (*load)(struct admin_exchange *exchange, struct store_reader *reader);
    void (*handle)(struct admin_exchange *exchange);
};

static const struct admin_route routes[] = {
    {"/metrics", "GET", .load = admin_load_metrics, .handle = admin_show_metrics},
    {"/api/v1/issuers", "GET", .handle = admin_list_issuers},
    {"/api/v1/issuers/", "GET", .handle = admin_show_issuer},
    {"/api/v1/issuers/", "PUT", .handle = admin_put_issuer},
    {"/api/v1/issuers/", "DELETE", .handle = admin_delete_issuer},
};

static bool path_matches(const struct admin_route *route, struct bytes path, struct bytes *id)
{
    struct bytes pattern = bytes_from_string(route->path);
    if (route->path[pattern.n - 1] != '/')
        return bytes_equal(path, pattern);
    if (!bytes_has_prefix(path, pattern) || path.n == pattern.n ||
        memchr(path.p + pattern.n, '/', path.n - pattern.n) != NULL)
        return false;
    *id = bytes_of(path.p + pattern.n, path.n - pattern.n);
    return true;
}

/* A load that a reader's thread runs. */
struct elsewhere {
    struct readers_load reading; /* first */
    struct http_message message;
    struct admin_exchange *exchange;
    const struct admin_route *route;
};

static void load_elsewhere(struct readers_load *reading, struct store_reader *reader)
{
    const struct elsewhere *elsewhere = (struct elsewhere *)reading;
    elsewhere->route->load(elsewhere->exchange, reader);
}

static void post_back(struct readers_load *reading, bool loaded)
{
    struct elsewhere *elsewhere = (struct elsewhere *)reading;
    (void)loaded;
    http_loop_post(elsewhere->exchange->request->loop, &elsewhere->message);
}

static void go_on(struct http_message *message)
{
    const struct elsewhere *elsewhere =
        (struct elsewhere *)((char *)message - offsetof(struct elsewhere, message));
    elsewhere->route->handle(elsewhere->exchange);
}

static void run_elsewhere(struct admin_exchange *exchange, const struct admin_route *route)
{
    struct elsewhere *elsewhere = arena_alloc(exchange->arena, sizeof *elsewhere);
    *elsewhere = (struct elsewhere){.reading = {.load = load_elsewhere, .done = post_back},
                                    .message = {.run = go_on},
                                    .exchange = exchange,
                                    .route = route};
    if (!readers_submit(exchange->admin->parts.readers, READERS_OTHER, &elsewhere->reading))
        route->handle(exchange);
}

/* The one place where the admin's loop reads the database (gateway/frontend/loop.c has the other loops'). */
static void load_and_handle(struct admin_exchange *exchange, const struct admin_route *route)
{
    if (route->load != NULL && exchange->admin->parts.readers != NULL) {
        run_elsewhere(exchange, route);
        return;
    }
    if (route->load != NULL)
        route->load(exchange, http_loop_data(exchange->request->loop));
    route->handle(exchange);
}

static void route_request(struct admin_exchange *exchange)
{
    const struct http_request *request = exchange->request;
    const char *allowed = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!path_matches(&routes[i], request->path, &exchange->id))
            continue;
        if (bytes_equal_string(request->method, routes[i].method)) {
            load_and_handle(exchange, &routes[i]);
            return;
        }
        allowed = allowed == NULL ? routes[i].method
                                  : arena_printf(exchange->arena, "%s, %s", allowed, routes[i].method);
    }
    if (allowed == NULL) {
        admin_refuse(exchange, 404, "No such resource; docs/operations.md lists the resources.");
        return;
    }
    http_reply_add_header(&exchange->reply, "Allow", allowed);
    admin_refuse(exchange, 405, arena_printf(exchange->arena, "This resource accepts %s.", allowed));
}

static void handle(void *context, struct http_request *request)
{
    struct admin_exchange *exchange = arena_alloc(request->arena, sizeof *exchange);
    *exchange = (struct admin_exchange){.admin = context, .request = request, .arena = request->arena};
    request->application = exchange;
    if (!authorize(exchange))
        return;
    if (request->body_too_long)
        admin_refuse(exchange, 413, "The request body is too long.");
    else
        route_request(exchange);
}

/* ---- life ---- */

/* Opens the reader for /metrics, unless the readers read. It is the loop's data, which only load_and_handle
 * uses. */
static bool loop_started(void *context, struct http_loop *loop)
{
    struct admin *admin = context;
    struct fault fault;
    struct store_reader *reader = NULL;
    if (admin->parts.readers == NULL && (reader = store_reader_open(admin->parts.location, &fault)) == NULL) {
        log_error("%s", fault.message);
        return false;
    }
    http_loop_set_data(loop, reader);
    admin->gauges = admin->parts.open_gauges(admin->parts.context);
    return true;
}

static void loop_stopped(void *context, struct http_loop *loop)
{
    struct admin *admin = context;
    admin->parts.close_gauges(admin->gauges);
    store_reader_close(http_loop_data(loop));
}

static void tell_where(const struct admin *admin)
{
    const struct config *config = admin->parts.config;
    if (config->admin_socket != NULL)
        log_info("admin API on %s", config->admin_socket);
    if (config->admin_listen_count != 0)
        log_info("admin API on %s port %u", config->admin_listen[0].host,
                 (unsigned)http_server_port(admin->http, 0));
}

struct admin *admin_start(const struct admin_parts *parts, struct fault *fault)
{
    struct admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL)
        end_without("memory");
    admin->parts = *parts;
    struct http_server_config http = {
        .listen = parts->config->admin_listen,
        .listen_count = parts->config->admin_listen_count,
        .socket_path = parts->config->admin_socket,
        .loops = 1,
        .max_connections = MAX_CONNECTIONS,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .hold_ms = HOLD_MS,
        .application = {.context = admin,
                        .told = metrics_count_http_event,
                        .loop_started = loop_started,
                        .loop_stopped = loop_stopped,
                        .handle = handle,
                        .render_refusal = render_refusal},
    };
    admin->http = http_server_start(&http, fault);
    if (admin->http == NULL) {
        free(admin);
        return NULL;
    }
    tell_where(admin);
    return admin;
}

struct http_server *admin_http(const struct admin *admin)
{
    return admin == NULL ? NULL : admin->http;
}

size_t admin_connections(const struct admin *admin)
{
    return http_server_connections(admin->http);
}

struct http_loop *admin_loop(const struct admin *admin)
{
    return http_server_loop(admin->http, 0);
}

void admin_stop(struct admin *admin)
{
    if (admin == NULL)
        return;
    http_server_stop(admin->http);
}

void admin_free(struct admin *admin)
{
    free(admin);
}
