/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/exchange_internal.h"

#include <stdatomic.h>

#include "gateway/frontend/routes.h"
#include "gateway/jobs/jobs.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log_gate.h"
#include "store/accounts.h"
#include "store/events.h"

enum { OVERLOADED_RETRY_AFTER_S = 5, USER_AGENT_MAX_BYTES = 200 };

static const char *actor(struct exchange *exchange)
{
    return arena_printf(exchange->arena, "client %s", exchange->request->client_address);
}

const char *exchange_user_agent(const struct exchange *exchange)
{
    return arena_printable(exchange->arena, exchange->request->user_agent, USER_AGENT_MAX_BYTES);
}

enum store_result exchange_record(struct exchange *exchange, struct store_writer *writer, struct event *event)
{
    event->at = exchange->now;
    event->actor = actor(exchange);
    event->request = exchange->request_id;
    return store_event_insert(writer, event);
}

/* Returns the problem for STORE_REFUSED and STORE_FAULT. */
static const struct problem *refused_problem(const struct exchange *exchange)
{
    return problem_new(exchange->arena, PROBLEM_SERVER_INTERNAL,
                       "Internal server error; nothing was changed. The server's log has the reason.");
}

bool exchange_store_ok(struct exchange *exchange, enum store_result result)
{
    if (result == STORE_REFUSED)
        exchange->problem = refused_problem(exchange);
    if (result == STORE_FAILED || result == STORE_LOST_RACE) {
        struct problem *problem = problem_with_status(
            exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
            result == STORE_FAILED ? "The database is not available; try again later."
                                   : "Another request has just changed this object; try again.");
        problem->retry_after_s = OVERLOADED_RETRY_AFTER_S;
        exchange->problem = problem;
    }
    return result == STORE_OK || result == STORE_NOT_FOUND || result == STORE_KNOWN;
}

const struct problem *exchange_check_owner(struct exchange *exchange, enum store_result result,
                                           const char *what, const char *endpoint, int64_t account_id)
{
    if (!exchange_store_ok(exchange, result))
        return exchange->problem;
    bool is_own = result == STORE_OK && endpoint != NULL && strcmp(endpoint, exchange->endpoint->name) == 0 &&
                  account_id == exchange->account.id;
    return is_own ? NULL
                  : problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                        "This account has no such %s.", what);
}

bool exchange_reload_account(struct exchange *exchange, struct store_reader *reader)
{
    struct bytes verified_key = exchange->account.key;
    struct account now;
    enum store_result result = store_account_load(reader, exchange->arena, exchange->account.id, &now);
    if (!exchange_store_ok(exchange, result))
        return false;
    if (result == STORE_NOT_FOUND || !bytes_equal(now.key, verified_key))
        exchange->problem =
            problem_new(exchange->arena, PROBLEM_UNAUTHORIZED, "The account or its key changed meanwhile.");
    else
        exchange->problem = account_check_usable(exchange->arena, &now);
    exchange->account = now;
    return exchange->problem == NULL;
}

/* ---- apply ---- */

static void drop_draft(void *argument)
{
    struct exchange *exchange = argument;
    job_draft_drop(exchange->draft);
    exchange->draft = NULL;
}

void exchange_keep_draft(struct exchange *exchange, struct job *draft)
{
    if (exchange->draft != NULL)
        job_draft_drop(exchange->draft);
    else if (draft != NULL)
        arena_on_free(exchange->arena, drop_draft, exchange);
    exchange->draft = draft;
}

/* Begins with `apply`, or begins again: undoes what the one before left in the exchange. */
static void exchange_try(struct exchange *exchange)
{
    struct exchange_tries *tries = &exchange->tries;
    if (!tries->began) {
        tries->began = true;
        tries->account = exchange->account;
        tries->header_count = exchange->reply.header_count;
        return;
    }
    exchange_give_back_rates(exchange);
    exchange->account = tries->account;
    exchange->reply.header_count = tries->header_count;
    exchange->problem = NULL;
    exchange->hold_key = 0;
    exchange->jobs_due = 0;
    exchange->notes.count = 0;
    exchange->hand_over = false;
}

static enum store_apply_result run_apply(struct store_operation *operation, struct store_writer *writer)
{
    struct exchange *exchange = (struct exchange *)operation;
    exchange_try(exchange);
    if (exchange->route->ask != NULL)
        exchange->route->ask(exchange, store_reader_of(writer));
    enum store_apply_result result = exchange->route->apply(exchange, writer);
    exchange_limit_refusals(exchange);
    if (result != STORE_APPLIED)
        exchange->notes.count = 0;
    return result;
}

static void resume_held(struct http_request *request)
{
    struct exchange *exchange = request->application;
    if (exchange->is_looking)
        exchange->is_woken = true;
    else
        exchange_load(exchange, exchange->route->reload, exchange_finish);
}

/* It waits on during a look, unless that was the last one or it was woken meanwhile. A look that failed is no
 * answer: the next one may not. */
static void go_on_behind_look(struct exchange *exchange)
{
    exchange->is_looking = false;
    if (exchange->is_woken) {
        exchange->problem = NULL;
        resume_held(exchange->request);
    } else if (exchange->problem == NULL && exchange->route->is_over(exchange)) {
        http_unpark(exchange->request, exchange->hold_key);
        exchange_finish(exchange);
    } else {
        exchange->problem = NULL;
    }
}

static void look_at_held(struct http_request *request)
{
    struct exchange *exchange = request->application;
    if (exchange->looks == 0) {
        resume_held(request);
        return;
    }
    exchange->looks--;
    bool looks_already = exchange->is_looking;
    /* Before the wait: it ends at once when the client has left, and the load below is the request's last. */
    exchange->is_looking = true;
    http_park_with_looks(request, exchange->hold_key, resume_held, look_at_held);
    if (!looks_already)
        exchange_load(exchange, exchange->route->reload, go_on_behind_look);
}

/* Another gateway may work on what is awaited: its message can be lost. */
static void hold(struct exchange *exchange)
{
    const struct frontend_parts *parts = &exchange->frontend->parts;
    int64_t looks = config_now(parts->config)->hold_reply_ms / HTTP_LOOK_MS;
    if (!peers_are_there(parts->peers) || looks < 2) {
        http_park(exchange->request, exchange->hold_key, resume_held);
        return;
    }
    exchange->looks = looks - 1;
    http_park_with_looks(exchange->request, exchange->hold_key, resume_held, look_at_held);
}

static void on_applied(struct http_message *message)
{
    struct exchange *exchange = (struct exchange *)((char *)message - offsetof(struct exchange, message));
    if (exchange->outcome == STORE_FAULT) {
        exchange_finish_with(exchange, refused_problem(exchange));
    } else if (exchange->outcome != STORE_COMMITTED) {
        struct problem *problem = problem_with_status(
            exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
            "The server could not record the request; nothing was changed. Try again later.");
        problem->retry_after_s = OVERLOADED_RETRY_AFTER_S;
        exchange_finish_with(exchange, problem);
    } else if (exchange->problem == NULL && exchange->hold_key != 0) {
        hold(exchange);
    } else {
        exchange_finish(exchange);
    }
}

static void on_committed(struct store_operation *operation, enum store_outcome outcome)
{
    struct exchange *exchange = (struct exchange *)operation;
    exchange->outcome = outcome;
    struct jobs *jobs = exchange->frontend->parts.jobs;
    unsigned due = outcome == STORE_COMMITTED ? exchange->jobs_due : 0;
    struct job *handed_over = NULL;
    if (outcome == STORE_COMMITTED) {
        metrics_count_notes(&exchange->notes);
        exchange_tell_rates(exchange);
        handed_over = exchange->hand_over ? exchange->draft : NULL;
    } else {
        exchange_give_back_rates(exchange);
    }
    if (handed_over != NULL)
        exchange->draft = NULL;
    /* Post the message first: the hold must be in place before the outcome of the work can be reported. The
     * exchange is not ours afterwards. */
    http_loop_post(exchange->request->loop, &exchange->message);
    if (due != 0)
        jobs_wake(jobs, due);
    if (handed_over != NULL)
        job_hand_over(handed_over);
}

static void submit(struct exchange *exchange)
{
    if (store_backlog(exchange->frontend->parts.store) >=
        (size_t)config_now(exchange->frontend->parts.config)->max_waiting_writes) {
        METRICS_COUNT(METRIC_OVERLOADED);
        struct problem *problem =
            problem_with_status(exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
                                "The server is overloaded; nothing was done. Try again later.");
        problem->retry_after_s = OVERLOADED_RETRY_AFTER_S;
        exchange_finish_with(exchange, problem);
        return;
    }
    exchange->operation = (struct store_operation){.apply = run_apply, .done = on_committed};
    exchange->message.run = on_applied;
    store_submit(exchange->frontend->parts.store, &exchange->operation);
}

/* ---- who signed ---- */

/* Anybody can cause this line, without a good signature. */
static struct log_gate unreadable_keys_gate;

const struct jwk *exchange_key(struct exchange *exchange)
{
    if (exchange->envelope.account_id == 0)
        return &exchange->signer;
    const struct jwk *key = account_key_cache_get(exchange_keys(exchange), exchange->account.key);
    if (key == NULL) {
        log_gate_write(&unreadable_keys_gate, LOG_LEVEL_ERROR, "account %lld: its stored key cannot be read",
                       (long long)exchange->account.id);
        exchange->problem =
            problem_new(exchange->arena, PROBLEM_SERVER_INTERNAL, "The account's key cannot be read.");
    }
    return key;
}

static void load_account(struct exchange *exchange, struct store_reader *reader)
{
    int64_t id = exchange->envelope.account_id;
    enum store_result result = store_account_load(reader, exchange->arena, id, &exchange->account);
    if (!exchange_store_ok(exchange, result))
        return;
    if (result == STORE_NOT_FOUND || strcmp(exchange->account.endpoint, exchange->endpoint->name) != 0)
        exchange->problem =
            problem_new(exchange->arena, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
                        "There is no account %lld at this endpoint; register first.", (long long)id);
}

/* Reads the named object too: a wait for the database costs more than a read in vain. */
static void load_signed(struct exchange *exchange, struct store_reader *reader)
{
    const struct route *route = exchange->route;
    if (route->ask != NULL)
        route->ask(exchange, reader);
    load_account(exchange, reader);
    if (exchange->problem == NULL && route->ask != NULL) {
        route->load(exchange, reader);
        exchange->loaded = true;
        exchange->load_problem = exchange->problem;
        exchange->problem = NULL;
    }
}

static bool is_jose(struct bytes content_type)
{
    struct bytes wanted = BYTES_LITERAL("application/jose+json");
    if (content_type.n < wanted.n || !bytes_equal_ignore_case(bytes_of(content_type.p, wanted.n), wanted))
        return false;
    return content_type.n == wanted.n || content_type.p[wanted.n] == ';' || content_type.p[wanted.n] == ' ';
}

static const struct problem *read_envelope(struct exchange *exchange)
{
    static const enum envelope_key keys[] = {[ROUTE_OPEN] = ENVELOPE_EITHER,
                                             [ROUTE_JWK] = ENVELOPE_JWK,
                                             [ROUTE_KID] = ENVELOPE_KID,
                                             [ROUTE_EITHER] = ENVELOPE_EITHER};
    const struct http_request *request = exchange->request;
    if (!is_jose(request->content_type))
        return problem_with_status(exchange->arena, 415, PROBLEM_MALFORMED,
                                   "The Content-Type of a POST must be application/jose+json.");
    const char *url = arena_printf(exchange->arena, "%s%.*s", exchange->urls.base, (int)request->target.n,
                                   (const char *)request->target.p);
    const struct problem *problem =
        envelope_parse(exchange->arena, request->body, keys[exchange->route->authentication],
                       exchange->route->post_as_get_only, url, &exchange->urls, &exchange->envelope);
    struct jose_error error;
    if (problem == NULL && exchange->envelope.account_id == 0 &&
        !jwk_parse_public(exchange->arena, exchange->envelope.jwk, &exchange->signer, &error))
        problem = problem_from_jose(exchange->arena, &error);
    return problem;
}

static void verify(struct exchange *exchange)
{
    const struct jwk *key = exchange_key(exchange);
    if (key != NULL)
        exchange->problem = envelope_verify(exchange->arena, &exchange->envelope, key);
}

/* ---- the route's steps ---- */

static void go_on_behind_load(struct exchange *exchange)
{
    if (exchange->problem == NULL && exchange->route->check != NULL)
        exchange->route->check(exchange);
    if (exchange->problem != NULL || exchange->answered || exchange->route->apply == NULL)
        exchange_finish(exchange);
    else
        submit(exchange);
}

static void run_route(struct exchange *exchange)
{
    if (exchange->route->prepare != NULL)
        exchange->route->prepare(exchange);
    if (exchange->away)
        return;
    if (exchange->loaded && exchange->problem == NULL)
        exchange->problem = exchange->load_problem;
    if (exchange->problem != NULL || exchange->answered)
        exchange_finish(exchange);
    else
        exchange_load(exchange, exchange->loaded ? NULL : exchange->route->load, go_on_behind_load);
}

static void go_on_behind_nonce(struct exchange *exchange)
{
    if (exchange->problem == NULL && exchange->envelope.account_id != 0)
        exchange->problem = account_check_usable(exchange->arena, &exchange->account);
    if (exchange->problem != NULL)
        exchange_finish(exchange);
    else
        run_route(exchange);
}

/* The signature is checked before the nonce is spent (acme-server.md 15). */
static void authenticate(struct exchange *exchange)
{
    if (exchange->problem == NULL)
        verify(exchange);
    if (exchange->problem != NULL)
        exchange_finish(exchange);
    else
        exchange_spend_nonce(exchange, go_on_behind_nonce);
}

/* ---- the request ---- */

static bool method_is_allowed(const struct exchange *exchange)
{
    struct bytes method = exchange->request->method;
    const char *list = exchange->route->methods;
    const char *at = memmem(list, strlen(list), method.p, method.n);
    return method.n != 0 && at != NULL && (at[method.n] == '\0' || at[method.n] == ',') &&
           (at == list || at[-1] == ' ');
}

/* Splits "/acme/{endpoint}/rest": sets the endpoint, and leaves the rest in `path`. False, with nothing
 * changed, for any other path. */
static bool split_path(struct exchange *exchange, struct bytes *path)
{
    struct bytes prefix = BYTES_LITERAL("/acme/");
    if (!bytes_has_prefix(*path, prefix))
        return false;
    struct bytes below = bytes_of(path->p + prefix.n, path->n - prefix.n);
    const uint8_t *slash = below.n == 0 ? NULL : memchr(below.p, '/', below.n);
    if (slash == NULL)
        return false;
    exchange->endpoint =
        config_endpoint(exchange->frontend->parts.config, bytes_of(below.p, (size_t)(slash - below.p)));
    if (exchange->endpoint == NULL)
        return false;
    *path = bytes_of(slash, (size_t)(below.p + below.n - slash));
    return true;
}

/* Returns the base URL of replies: the configured one, or the Host header when it is one of the configured
 * names. */
static const char *base_url_for(struct exchange *exchange)
{
    const struct config *config = config_now(exchange->frontend->parts.config);
    struct bytes host = url_host_without_default_port(exchange->request->host);
    for (size_t i = 0; i < config->alternate_name_count; i++)
        if (bytes_equal_ignore_case(host, bytes_from_string(config->alternate_names[i])))
            return arena_printf(exchange->arena, "https://%s", config->alternate_names[i]);
    return config->base_url;
}

static const struct problem *route_request(struct exchange *exchange, bool pki_only)
{
    struct bytes path = exchange->request->path;
    if (pki_only && !bytes_has_prefix(path, BYTES_LITERAL("/.well-known/pki/")))
        return problem_with_status(
            exchange->arena, 404, PROBLEM_MALFORMED,
            "Only /.well-known/pki/ is served here; the rest is served with TLS, at %s.",
            config_now(exchange->frontend->parts.config)->base_url);
    bool is_of_endpoint = split_path(exchange, &path);
    exchange->urls = (struct urls){.base = base_url_for(exchange),
                                   .endpoint = is_of_endpoint ? exchange->endpoint->name : NULL};
    if (!routes_find(exchange, path))
        return problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                   "No such resource. The directory of an endpoint is at "
                                   "/acme/{endpoint}/directory.");
    if (!method_is_allowed(exchange)) {
        exchange_add_header(exchange, "Allow", exchange->route->methods);
        return problem_with_status(exchange->arena, 405, PROBLEM_MALFORMED, "This resource accepts %s.",
                                   exchange->route->methods);
    }
    return NULL;
}

static void begin(void *frontend, struct http_request *request, bool pki_only)
{
    struct exchange *exchange = arena_alloc(request->arena, sizeof *exchange);
    *exchange = (struct exchange){
        .request = request, .frontend = frontend, .arena = request->arena, .now = clock_now()};
    exchange->began_us = metrics_clock_us();
    exchange_name(exchange);
    request->application = exchange;
    const struct problem *problem = route_request(exchange, pki_only);
    if (problem == NULL && request->body_too_long)
        problem = exchange_too_long(exchange->arena);
    bool is_signed = problem == NULL && exchange->route->authentication < ROUTE_PLAIN &&
                     bytes_equal_string(request->method, "POST");
    if (is_signed)
        problem = read_envelope(exchange);
    if (problem != NULL)
        exchange_finish_with(exchange, problem);
    else if (is_signed)
        exchange_load(exchange, exchange->envelope.account_id == 0 ? NULL : load_signed, authenticate);
    else
        run_route(exchange);
}

void exchange_begin(void *frontend, struct http_request *request)
{
    begin(frontend, request, false);
}

void exchange_begin_pki(void *frontend, struct http_request *request)
{
    begin(frontend, request, true);
}
