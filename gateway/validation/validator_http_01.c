/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-01 (RFC 8555 §8.3). Every hop takes the same path: resolve, filter the addresses, dial exactly those,
 * IPv6 first, until one answers. Redirects take it too.
 */
#include "gateway/validation/validator_internal.h"

enum { MAX_REDIRECTS = 10, MAX_BODY_BYTES = 8 * 1024, TRIED_MAX_BYTES = 2 * 1024 };

/* One try, from the first request to its end. In the validation's arena. */
struct http_try {
    struct validation *validation;
    struct outbound_url url;
    unsigned redirects;
    struct validation_addresses addresses; /* of this hop */
    enum outbound_fault fault;             /* of the last dial */
    struct buffer tried;
};

static void start_hop(struct http_try *try);

static void end(struct http_try *try, const struct problem *problem, bool passing)
{
    validation_end(try->validation, problem, passing, buffer_string(&try->tried));
}

static const char *dialled(const struct http_try *try)
{
    return validation_dialled(try->validation->arena, &try->addresses, try->url.port);
}

/* ---- the reply ---- */

static void check_body(struct http_try *try, const struct outbound_http_reply *reply)
{
    struct validation *validation = try->validation;
    struct arena *arena = validation->arena;
    if (!reply->body_cut && http_challenge_body_matches(reply->body, validation->key_authorization)) {
        end(try, NULL, false);
        return;
    }
    /* The body behind a redirect is not shown: it could be that of a host which the client may not read. */
    const char *got = try->redirects != 0
                          ? "another text"
                          : arena_printf(arena, "\"%s\"", validation_quote(arena, reply->body));
    end(try,
        problem_new(arena, PROBLEM_INCORRECT_RESPONSE, "%s at %s answered %s, expected \"%s\".", try->url.url,
                    dialled(try), got, validation->key_authorization),
        false);
}

/* Returns NULL when the redirect is followed. It may lead to the schemes' ports, and to the ports that the
 * configuration sets instead. */
static const struct problem *check_port(const struct http_try *try, const struct outbound_url *to)
{
    const struct validation_config *config = try->validation->config;
    struct arena *arena = try->validation->arena;
    if (to->port == 80 || to->port == 443 || to->port == config->http_port || to->port == config->tls_port)
        return NULL;
    return problem_with_cause(arena, CAUSE_REDIRECT_REFUSED, PROBLEM_CONNECTION,
                              "%s redirects to port %u; redirects are followed to the ports 80, 443, "
                              "validation.http_port (%u) and validation.tls_port (%u) only.",
                              try->url.url, (unsigned)to->port, (unsigned)config->http_port,
                              (unsigned)config->tls_port);
}

static void redirect(struct http_try *try, const struct outbound_http_reply *reply)
{
    struct arena *arena = try->validation->arena;
    struct outbound_url to;
    const struct problem *problem = NULL;
    if (reply->location == NULL || !outbound_url_parse(arena, try->url.url, reply->location, &to))
        problem = problem_with_cause(arena, CAUSE_REDIRECT_REFUSED, PROBLEM_CONNECTION,
                                     "%s redirects to no http or https URL.", try->url.url);
    else if (++try->redirects > MAX_REDIRECTS)
        problem = problem_with_cause(arena, CAUSE_REDIRECT_LOOP, PROBLEM_CONNECTION,
                                     "%s redirects more than %d times.", try->url.url, MAX_REDIRECTS);
    else
        problem = check_port(try, &to);
    if (problem != NULL) {
        end(try, problem, false);
        return;
    }
    try->url = to;
    start_hop(try);
}

static void dial_next(struct http_try *try);

static void on_reply(void *context, const struct outbound_http_reply *reply)
{
    struct http_try *try = context;
    struct arena *arena = try->validation->arena;
    if (reply->transport_error != NULL) {
        validation_note(&try->tried, arena_printf(arena, "GET %s at %s: %s", try->url.url, dialled(try),
                                                  reply->transport_error));
        try->fault = reply->fault;
        dial_next(try);
        return;
    }
    validation_note(&try->tried, arena_printf(arena, "GET %s at %s: status %d", try->url.url, dialled(try),
                                              reply->status));
    if (reply->status == 200)
        check_body(try, reply);
    else if (reply->status >= 301 && reply->status <= 308 && reply->status != 304 && reply->status != 305 &&
             reply->status != 306)
        redirect(try, reply);
    else
        end(try,
            problem_with_cause(arena,
                               reply->status >= 500 ? CAUSE_HTTP_SERVER_ERROR : CAUSE_HTTP_WRONG_STATUS,
                               PROBLEM_UNAUTHORIZED, "%s at %s answered with status %d, expected 200.",
                               try->url.url, dialled(try), reply->status),
            reply->status >= 500 || reply->status == 429);
}

/* ---- dialling ---- */

static void dial_next(struct http_try *try)
{
    struct validation *validation = try->validation;
    const struct sockaddr_storage *address = validation_next_address(&try->addresses, try->url.port);
    if (address == NULL) {
        end(try,
            problem_with_cause(validation->arena, validation_cause_of_dial(try->fault), PROBLEM_CONNECTION,
                               "No address of %s answered: %s", try->url.host, buffer_string(&try->tried)),
            true);
        return;
    }
    struct outbound_http_request request = {.method = "GET",
                                            .url = try->url.url,
                                            .address = address,
                                            .timeout_ms =
                                                validation_dial_time_ms(validation, &try->addresses),
                                            .max_body_bytes = MAX_BODY_BYTES,
                                            .user_agent = "acmegate (RFC 8555 http-01 validation)"};
    outbound_http(validation->outbound, &request, on_reply, try);
}

static void on_addresses(void *context, const struct outbound_addresses *found)
{
    struct http_try *try = context;
    bool passing = false;
    const struct problem *problem = validation_keep_allowed(try->validation, try->url.host, found,
                                                            &try->tried, &try->addresses, &passing);
    if (problem != NULL)
        end(try, problem, passing);
    else
        dial_next(try);
}

static void start_hop(struct http_try *try)
{
    outbound_resolve(try->validation->outbound, try->url.host, validation_time_left_ms(try->validation),
                     on_addresses, try);
}

void validator_http_01_start(struct validation *validation)
{
    struct arena *arena = validation->arena;
    struct http_try *try = arena_alloc(arena, sizeof *try);
    bool is_v6 =
        validation->identifier.type == IDENTIFIER_IP && strchr(validation->identifier.value, ':') != NULL;
    const char *url = arena_printf(
        arena,
        is_v6 ? "http://[%s]:%u/.well-known/acme-challenge/%s" : "http://%s:%u/.well-known/acme-challenge/%s",
        validation->identifier.value, (unsigned)validation->config->http_port, validation->token);
    try->validation = validation;
    buffer_init(&try->tried, arena, TRIED_MAX_BYTES);
    if (outbound_url_parse(arena, url, NULL, &try->url)) {
        start_hop(try);
        return;
    }
    end(try,
        problem_new(arena, PROBLEM_SERVER_INTERNAL, "No URL can be made for %s.",
                    validation->identifier.value),
        false);
}
