/* SPDX-License-Identifier: Apache-2.0 */
/* Replies, problems, and the headers of both. */
#include "gateway/frontend/exchange_internal.h"
#include "gateway/runtime/log.h"

void exchange_add_header(struct exchange *exchange, const char *name, const char *value)
{
    http_reply_add_header(&exchange->reply, name, value);
}

void exchange_add_retry_after(struct exchange *exchange, int64_t seconds)
{
    exchange_add_header(exchange, "Retry-After", arena_printf(exchange->arena, "%lld", (long long)seconds));
}

void exchange_reply_json(struct exchange *exchange, int status, struct bytes body)
{
    if (body.p == NULL) {
        exchange->problem =
            problem_new(exchange->arena, PROBLEM_SERVER_INTERNAL, "The reply could not be written.");
        return;
    }
    exchange->reply.status = status;
    exchange->reply.content_type = "application/json";
    exchange->reply.body = body;
}

/* Adds the headers of every reply: acme-server.md 2, 3, 6. */
static void add_common_headers(struct frontend *frontend, struct arena *arena, struct http_reply *reply,
                               bool with_nonce, const char *directory_url)
{
    char *nonce = arena_alloc(arena, NONCE_TEXT_BYTES);
    if (with_nonce && nonce_issue(frontend->nonces, nonce))
        http_reply_add_header(reply, "Replay-Nonce", nonce);
    if (directory_url != NULL)
        http_reply_add_header(reply, "Link", arena_printf(arena, "<%s>;rel=\"index\"", directory_url));
    http_reply_add_header(reply, "Cache-Control", "no-store");
    http_reply_add_header(reply, "Access-Control-Allow-Origin", "*");
    http_reply_add_header(reply, "Access-Control-Expose-Headers",
                          "Link, Replay-Nonce, Location, Retry-After, X-Request-Id");
}

static void render_problem(struct arena *arena, const struct problem *problem, const char *request_id,
                           struct http_reply *reply)
{
    struct problem named = *problem;
    named.request = request_id;
    reply->status = problem->status;
    reply->content_type = "application/problem+json";
    reply->body = problem_render(arena, &named);
    METRICS_COUNT(METRIC_PROBLEMS, problem->type);
    if (problem->retry_after_s > 0)
        http_reply_add_header(reply, "Retry-After",
                              arena_printf(arena, "%lld", (long long)problem->retry_after_s));
    if (problem->location != NULL)
        http_reply_add_header(reply, "Location", problem->location);
}

static void count_request(const struct exchange *exchange)
{
    int status = exchange->problem != NULL ? exchange->problem->status : exchange->reply.status;
    METRICS_COUNT(METRIC_HTTP_REQUESTS, exchange->route_number, (size_t)status / 100);
    METRICS_OBSERVE(METRIC_HTTP_DURATION, metrics_clock_us() - exchange->began_us, exchange->route_number);
}

/* The access log's line (log.access). */
static void log_request(const struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    const struct problem *problem = exchange->problem;
    if (!config_now(exchange->frontend->parts.config)->log_access || !log_is_on(LOG_LEVEL_INFO))
        return;
    const struct log_field fields[] = {
        {"method", arena_string(exchange->arena, request->method), 0},
        {"path", arena_string(exchange->arena, request->path), 0},
        {"status", NULL, problem != NULL ? problem->status : exchange->reply.status},
        {"problem", problem == NULL ? NULL : problem_type_name(problem->type), 0},
        {"client", request->client_address, 0},
        {"account", NULL, exchange->account.id},
        {"duration_us", NULL, metrics_clock_us() - exchange->began_us},
        {"request", exchange->request_id, 0},
        {"user_agent", exchange_user_agent(exchange), 0},
    };
    log_fields(LOG_LEVEL_INFO, fields, sizeof fields / sizeof *fields, "request");
}

void exchange_finish(struct exchange *exchange)
{
    if (exchange->problem == NULL && exchange->reply.status == 0)
        exchange->route->render(exchange);
    count_request(exchange);
    log_request(exchange);
    exchange_add_header(exchange, "X-Request-Id", exchange->request_id);
    static const struct route none = {.authentication = ROUTE_OPEN};
    const struct route *route = exchange->route == NULL ? &none : exchange->route;
    if (route->finish != NULL) {
        route->finish(exchange);
        return;
    }
    if (exchange->problem != NULL)
        render_problem(exchange->arena, exchange->problem, exchange->request_id, &exchange->reply);
    if (exchange->problem != NULL && exchange->problem->type == PROBLEM_RATE_LIMITED)
        exchange_add_header(
            exchange, "Link",
            arena_printf(exchange->arena, "<%s>;rel=\"help\"", url_limits(exchange->arena, &exchange->urls)));
    bool is_post = bytes_equal_string(exchange->request->method, "POST");
    const char *directory_url = exchange->endpoint == NULL || route->is_index
                                    ? NULL
                                    : url_directory(exchange->arena, &exchange->urls);
    bool is_plain = route->authentication == ROUTE_PLAIN;
    if (!is_plain || exchange->problem != NULL)
        add_common_headers(exchange->frontend, exchange->arena, &exchange->reply,
                           !is_plain && (is_post || route->gives_nonce), directory_url);
    http_reply(exchange->request, &exchange->reply);
}

static void on_answered(struct http_message *message)
{
    exchange_finish((struct exchange *)((char *)message - offsetof(struct exchange, message)));
}

void exchange_answer(struct exchange *exchange)
{
    exchange->message.run = on_answered;
    http_loop_post(exchange->request->loop, &exchange->message);
}

void exchange_finish_with(struct exchange *exchange, const struct problem *problem)
{
    exchange->problem = problem;
    exchange_finish(exchange);
}

static enum problem_type refusal_type(int status)
{
    return status >= 500 ? PROBLEM_SERVER_INTERNAL : PROBLEM_MALFORMED;
}

const struct problem *exchange_too_long(struct arena *arena)
{
    return problem_with_status(arena, 413, PROBLEM_MALFORMED, "The request body is over %d bytes.",
                               HTTP_MAX_BODY_BYTES);
}

static void log_refusal(const struct frontend *frontend, struct arena *arena,
                        const struct http_refusal *refusal, const struct problem *problem,
                        const char *request)
{
    const uint8_t *query = refusal->target.n == 0 ? NULL : memchr(refusal->target.p, '?', refusal->target.n);
    size_t n = query == NULL ? refusal->target.n : (size_t)(query - refusal->target.p);
    if (!config_now(frontend->parts.config)->log_access || !log_is_on(LOG_LEVEL_INFO))
        return;
    const struct log_field fields[] = {
        {"method", arena_string(arena, refusal->method), 0},
        {"path", arena_string(arena, bytes_of(refusal->target.p, n)), 0},
        {"status", NULL, refusal->status},
        {"problem", problem_type_name(problem->type), 0},
        {"client", refusal->client_address, 0},
        {"request", request, 0},
    };
    log_fields(LOG_LEVEL_INFO, fields, sizeof fields / sizeof *fields, "request");
}

void exchange_render_refusal(void *context, struct arena *arena, const struct http_refusal *refusal,
                             struct http_reply *reply)
{
    const char *request = exchange_new_name(arena, refusal->loop);
    const struct problem *problem =
        refusal->status == 413 ? exchange_too_long(arena)
                               : problem_with_status(arena, refusal->status, refusal_type(refusal->status),
                                                     "The request is not well-formed HTTP/1.1.");
    log_refusal(context, arena, refusal, problem, request);
    render_problem(arena, problem, request, reply);
    METRICS_COUNT(METRIC_HTTP_REQUESTS, 0, (size_t)refusal->status / 100);
    http_reply_add_header(reply, "X-Request-Id", request);
    add_common_headers(context, arena, reply, bytes_equal_string(refusal->method, "POST"), NULL);
}
