/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_connections.h"
#include "gateway/http/http_forwarded.h"
#include "gateway/http/http_framing.h"
#include "gateway/runtime/log.h"

static struct bytes to_bytes(h2o_iovec_t v)
{
    return bytes_of(v.base, v.len);
}

/* White space around a value is none of it (RFC 9110 §5.5). libh2o 2.2 leaves what is behind it. */
static struct bytes copy_header(struct arena *arena, const h2o_req_t *req, const h2o_token_t *token)
{
    ssize_t at = h2o_find_header(&req->headers, token, -1);
    if (at == -1)
        return (struct bytes){0};
    return arena_copy(arena, http_trim(to_bytes(req->headers.entries[at].value)));
}

static struct bytes copy_authorization(struct arena *arena, const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);
    if (at == -1)
        return (struct bytes){0};
    return arena_copy_secret(arena, http_trim(to_bytes(req->headers.entries[at].value)));
}

static const struct http_listener *listener_of(const h2o_req_t *req)
{
    return http_connection_listener(http_connection_of(http_h2o_socket(req)));
}

/* Returns -1 for a connection that is not on the Unix socket. */
static int64_t local_user_of(const h2o_req_t *req)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (listener_of(req)->address != NULL ||
        getsockopt(h2o_socket_get_fd(http_h2o_socket(req)), SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
        return -1;
    return peer.uid;
}

/* The scheme that a target in absolute form has. NULL for either: a proxy ended TLS, and may keep the target
 * as the client sent it. */
static const char *scheme_of(const struct http_listener *listener)
{
    if (listener->address != NULL && listener->address->plain)
        return NULL;
    return http_listener_is_plain(listener) ? "http" : "https";
}

/* Called when the answer is sent, or when the client left earlier. The application's request then continues
 * without it. */
static void on_request_gone(void *data)
{
    struct http_guard *guard = data;
    if (guard->request != NULL)
        guard->request->guard = NULL;
    http_connection_end_request(guard->connection);
    http_accept_resume(http_connection_listener(guard->connection)->loop);
}

/* Replaces the address of a trusted proxy by that of its client. NULL, or why it did not. */
static const char *read_forwarded(const struct http_loop *loop, const h2o_req_t *req, struct address *client)
{
    struct http_forwarded x = {0}, standard = {0};
    const struct config *config = config_now(loop->server->config.config);
    const struct network *proxies = config->trusted_proxies;
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (h2o_memis(header->name->base, header->name->len, H2O_STRLIT("x-forwarded-for")))
            http_forwarded_take_x(&x, to_bytes(header->value), proxies, config->trusted_proxy_count);
        else if (h2o_memis(header->name->base, header->name->len, H2O_STRLIT("forwarded")))
            http_forwarded_take(&standard, to_bytes(header->value), proxies, config->trusted_proxy_count);
    }
    return http_forwarded_client(&x, &standard, client);
}

/* The one place that decides whose request it is. */
static void set_client(struct http_request *request, const h2o_req_t *req)
{
    const struct http_connection *connection = request->guard->connection;
    const struct http_listener *listener = http_connection_listener(connection);
    struct address client = *http_connection_client(connection);
    if (listener->address == NULL)
        return;
    if (listener->address->forwarded_headers && http_is_trusted_proxy(listener->loop, &client)) {
        const char *why = read_forwarded(listener->loop, req, &client);
        if (why != NULL)
            http_tell_unclear(listener->loop, &client, why);
    }
    address_write(request->client_address, &client);
    address_write_network(request->client_network, &client);
}

static const char *read_head(const h2o_req_t *req, struct http_head *head, struct http_target *target)
{
    const char *why = http_head_read(http_h2o_head(req), head);
    return why != NULL ? why : http_target_read(head->target, scheme_of(listener_of(req)), target);
}

static struct http_request *new_request(h2o_req_t *req, const struct http_head *head,
                                        const struct http_target *target)
{
    struct arena *arena = arena_new();
    struct http_request *request = arena_alloc(arena, sizeof *request);
    struct http_guard *guard = h2o_mem_alloc_shared(&req->pool, sizeof *guard, on_request_gone);
    *guard = (struct http_guard){request, req, http_connection_of(http_h2o_socket(req))};
    http_connection_begin_request(guard->connection);
    *request = (struct http_request){
        .arena = arena,
        .loop = (struct http_loop *)req->conn->ctx,
        .method = arena_copy(arena, to_bytes(req->method)),
        .target = arena_copy(arena, target->origin),
        .path = arena_copy(arena, target->path),
        .query = arena_copy(arena, target->query),
        /* The host of the absolute form counts, whatever the header says (RFC 9112 §3.2.2). */
        .host = arena_copy(arena, target->authority.p != NULL ? target->authority : head->host),
        .content_type = copy_header(arena, req, H2O_TOKEN_CONTENT_TYPE),
        .user_agent = copy_header(arena, req, H2O_TOKEN_USER_AGENT),
        .authorization = copy_authorization(arena, req),
        .body_too_long = req->entity.len > HTTP_MAX_BODY_BYTES,
        .guard = guard,
    };
    /* Without a length there is no body: an upgrade is not taken up, whatever libh2o read for it. */
    if (!request->body_too_long && (head->has_length || head->is_chunked))
        request->body = arena_copy(arena, to_bytes(req->entity));
    return request;
}

int http_on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    struct http_loop *loop = (struct http_loop *)req->conn->ctx;
    struct http_head head;
    struct http_target target;
    const char *why = read_head(req, &head, &target);
    if (why != NULL) {
        log_debug("a request is refused: %s", why);
        h2o_send_error_400(req, "Bad Request", "", H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
        return 0;
    }
    /* libh2o is lenient about chunks: nothing behind them is read. */
    if (head.is_chunked)
        req->http1_is_persistent = 0;
    struct http_request *request = new_request(req, &head, &target);
    request->local_user = local_user_of(req);
    set_client(request, req);
    loop->requests++;
    loop->server->config.application.handle(loop->server->config.application.context, request);
    return 0;
}

static const char *reason_phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Payload Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Status";
    }
}

static void add_headers(h2o_req_t *req, const struct http_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        const struct http_header *header = &reply->headers[i];
        h2o_iovec_t value = h2o_strdup(&req->pool, header->value, SIZE_MAX);
        h2o_add_header_by_str(&req->pool, &req->res.headers, header->name, strlen(header->name), 0, NULL,
                              value.base, value.len);
    }
}

static void send_reply(h2o_req_t *req, struct http_loop *loop, const struct http_reply *reply)
{
    req->res.status = reply->status;
    req->res.reason = reason_phrase(reply->status);
    req->res.content_length = reply->status == 204 ? SIZE_MAX : reply->body.n;
    if (reply->content_type != NULL)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, reply->content_type,
                       strlen(reply->content_type));
    add_headers(req, reply);
    if (loop->draining)
        req->http1_is_persistent = 0;
    h2o_send_inline(req, (const char *)reply->body.p, reply->body.n);
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
    struct http_loop *loop = request->loop;
    struct http_guard *guard = request->guard;
    loop->requests--;
    if (guard != NULL) {
        guard->request = NULL;
        send_reply(guard->req, loop, reply);
    }
    arena_free(request->arena);
}

/* ---- refusals by libh2o ---- */

struct refusal_ostream {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void send_refusal_body(h2o_ostream_t *self, h2o_req_t *req, http_sendvec *bufs, size_t count,
                              h2o_send_state_t state)
{
    (void)bufs;
    http_sendvec body = HTTP_SENDVEC(((struct refusal_ostream *)self)->body);
    h2o_ostream_send_next(self, req, &body, count == 0 ? 0 : 1, state); /* of HEAD: none */
}

/* True for a reply of ours. libh2o's refusals are plain text; ours never are. */
static bool is_own_refusal(const h2o_req_t *req)
{
    if (req->res.status < 400)
        return false;
    ssize_t at = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
    return at == -1 ||
           h2o_memis(req->res.headers.entries[at].value.base, strlen("text/plain"), H2O_STRLIT("text/plain"));
}

static struct http_refusal refusal_of(const h2o_req_t *req)
{
    struct http_refusal refusal = {.loop = (struct http_loop *)req->conn->ctx,
                                   .status = req->res.status,
                                   .method = to_bytes(req->method),
                                   .target = to_bytes(req->path)};
    const struct http_listener *listener = listener_of(req);
    if (listener->address != NULL)
        address_write(refusal.client_address,
                      http_connection_client(http_connection_of(http_h2o_socket(req))));
    return refusal;
}

void http_on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    struct http_loop *loop = (struct http_loop *)req->conn->ctx;
    http_h2o_add_date(req);
    if (is_own_refusal(req)) {
        struct arena *arena = arena_new();
        struct http_reply reply = {.status = req->res.status};
        const struct http_application *application = &loop->server->config.application;
        const struct http_refusal refusal = refusal_of(req);
        application->render_refusal(application->context, arena, &refusal, &reply);
        struct refusal_ostream *ostream = HTTP_ADD_OSTREAM(req, struct refusal_ostream, slot);
        ostream->super.do_send = send_refusal_body;
        ostream->body = h2o_strdup(&req->pool, (const char *)reply.body.p, reply.body.n);
        req->res.content_length = reply.body.n;
        h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, reply.content_type,
                       strlen(reply.content_type), 1);
        add_headers(req, &reply);
        slot = &ostream->super.next;
        arena_free(arena);
    }
    h2o_setup_next_ostream(req, slot);
}
