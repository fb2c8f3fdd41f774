/*
 * http-01 (RFC 8555 §8.3). Every hop goes through the same gate: resolve, filter the addresses, dial exactly
 * those, IPv6 first, each until one answers. Nothing is followed but by way of that gate.
 */
#include "gateway/address_policy.h"
#include "gateway/validator_internal.h"

enum { MAX_REDIRECTS = 10, MAX_BODY_BYTES = 8 * 1024, TRIED_MAX_BYTES = 2 * 1024, MS_PER_S = 1000 };

/* One try, from the first request to its end. In the validation's arena. */
struct http_try {
    struct validation *validation;
    struct outbound_url url;
    unsigned redirects;
    struct sockaddr_storage addresses[OUTBOUND_MAX_ADDRESSES]; /* of this hop, allowed ones */
    size_t address_count;
    size_t next_address;
    struct buffer tried;
};

static void start_hop(struct http_try *try);

static void note(struct http_try *try, const char *what)
{
    buffer_printf(&try->tried, "%s%s", try->tried.n == 0 ? "" : "; ", what);
}

static void end(struct http_try *try, const struct problem *problem, bool passing)
{
    validation_end(try->validation, problem, passing, buffer_string(&try->tried));
}

static const char *dialled(const struct http_try *try)
{
    char text[INET6_ADDRSTRLEN];
    address_format(text, (const struct sockaddr *)&try->addresses[try->next_address - 1]);
    return arena_printf(try->validation->arena, "%s port %u", text, (unsigned)try->url.port);
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
    /* What a redirect led to is not shown: it could be another host's, which the client may not read. */
    const char *got = try->redirects != 0
                          ? "another text"
                          : arena_printf(arena, "\"%s\"", validation_quote(arena, reply->body));
    end(try,
        problem_new(arena, PROBLEM_INCORRECT_RESPONSE, "%s at %s answered %s, expected \"%s\".", try->url.url,
                    dialled(try), got, validation->key_authorization),
        false);
}

static bool port_is_allowed(const struct http_try *try, const struct outbound_url *url)
{
    return url->port == 80 || url->port == 443 || url->port == try->validation->config->http_port;
}

static void redirect(struct http_try *try, const struct outbound_http_reply *reply)
{
    struct arena *arena = try->validation->arena;
    struct outbound_url to;
    const struct problem *problem = NULL;
    if (reply->location == NULL || !outbound_url_parse(arena, try->url.url, reply->location, &to))
        problem =
            problem_new(arena, PROBLEM_CONNECTION, "%s redirects to no http or https URL.", try->url.url);
    else if (++try->redirects > MAX_REDIRECTS)
        problem = problem_new(arena, PROBLEM_CONNECTION, "%s redirects more than %d times.", try->url.url,
                              MAX_REDIRECTS);
    else if (!port_is_allowed(try, &to))
        problem =
            problem_new(arena, PROBLEM_CONNECTION, "%s redirects to port %u; only 80 and 443 are followed.",
                        try->url.url, (unsigned)to.port);
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
        note(try,
             arena_printf(arena, "GET %s at %s: %s", try->url.url, dialled(try), reply->transport_error));
        dial_next(try);
        return;
    }
    note(try, arena_printf(arena, "GET %s at %s: status %d", try->url.url, dialled(try), reply->status));
    if (reply->status == 200)
        check_body(try, reply);
    else if (reply->status >= 301 && reply->status <= 308 && reply->status != 304 && reply->status != 305 &&
             reply->status != 306)
        redirect(try, reply);
    else
        end(try,
            problem_new(arena, PROBLEM_UNAUTHORIZED, "%s at %s answered with status %d, expected 200.",
                        try->url.url, dialled(try), reply->status),
            reply->status >= 500 || reply->status == 429);
}

/* ---- dialling ---- */

static void dial_next(struct http_try *try)
{
    struct validation *validation = try->validation;
    if (try->next_address == try->address_count) {
        end(try,
            problem_new(validation->arena, PROBLEM_CONNECTION, "No address of %s answered: %s", try->url.host,
                        buffer_string(&try->tried)),
            true);
        return;
    }
    struct outbound_http_request request = {.method = "GET",
                                            .url = try->url.url,
                                            .address = &try->addresses[try->next_address++],
                                            .timeout_ms = validation->config->timeout_s * MS_PER_S,
                                            .max_body_bytes = MAX_BODY_BYTES,
                                            .user_agent = "acmegate (RFC 8555 http-01 validation)"};
    outbound_http(validation->outbound, &request, on_reply, try);
}

static void keep_allowed(struct http_try *try, const struct outbound_addresses *found)
{
    const struct validation_config *config = try->validation->config;
    try->address_count = try->next_address = 0;
    for (size_t i = 0; i < found->count; ++i) {
        const struct sockaddr *address = (const struct sockaddr *)&found->address[i];
        if (address_is_allowed(address, config->allow_addresses, config->allow_address_count)) {
            try->addresses[try->address_count++] = found->address[i];
            continue;
        }
        char text[INET6_ADDRSTRLEN];
        address_format(text, address);
        note(try, arena_printf(
                      try->validation->arena,
                      "%s has the address %s, which validations may not dial (validation.allow_addresses)",
                      try->url.host, text));
    }
}

static void on_addresses(void *context, const struct outbound_addresses *found)
{
    struct http_try *try = context;
    struct arena *arena = try->validation->arena;
    const char *host = try->url.host;
    if (found->error != NULL) {
        note(try, arena_printf(arena, "look-up of %s: %s", host, found->error));
        end(try, problem_new(arena, PROBLEM_DNS, "The look-up of %s failed: %s", host, found->error), true);
        return;
    }
    keep_allowed(try, found);
    if (try->address_count != 0) {
        dial_next(try);
    } else if (found->count != 0) {
        end(try, problem_new(arena, PROBLEM_CONNECTION, "%s", buffer_string(&try->tried)), false);
    } else {
        note(try, arena_printf(arena, "look-up of %s: no address", host));
        end(try, problem_new(arena, PROBLEM_DNS, "%s has no A or AAAA record.", host), false);
    }
}

static void start_hop(struct http_try *try)
{
    outbound_resolve(try->validation->outbound, try->url.host, on_addresses, try);
}

void validator_http_01_start(struct validation *validation)
{
    struct arena *arena = validation->arena;
    struct http_try *try = arena_alloc(arena, sizeof(*try));
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
