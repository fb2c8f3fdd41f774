/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account.h"
#include "acme/key_change.h"
#include "gateway/frontend/routes.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log_gate.h"
#include "store/accounts.h"
#include "store/eab_keys.h"
#include "store/events.h"
#include "store/orders.h"

enum { ORDERS_PER_PAGE = 50 };

/* State between the steps of new-account, account and key-change. */
struct account_state {
    struct account_request request;
    bool is_bound; /* the request has a binding, and the endpoint accepts them */
    struct eab_request eab;
    struct jwk new_key; /* of a key change */
    bool created;
    bool watched; /* for proxies: once, however often `apply` runs */
};

static bool record(struct exchange *exchange, struct store_writer *writer, enum event_type type,
                   const char *detail)
{
    struct event event = {.type = type, .account_id = exchange->account.id, .detail = detail};
    return exchange_store_ok(exchange, exchange_record(exchange, writer, &event));
}

/* ---- external account binding ---- */

static const struct problem *read_binding(struct exchange *exchange, struct account_state *state)
{
    const struct json *binding = state->request.eab;
    if (binding == NULL || exchange->endpoint->eab == EAB_OFF)
        return NULL;
    state->is_bound = true;
    return eab_read(exchange->arena, binding, url_new_account(exchange->arena, &exchange->urls),
                    &exchange->signer, &state->eab);
}

/* Anybody can cause this line by naming a kid. */
static struct log_gate sealed_keys_gate;

/* The MAC key is sealed for its endpoint and kid. */
static const struct problem *verify_binding(struct exchange *exchange, const struct eab_request *request,
                                            const struct eab_key *key)
{
    struct bytes mac_key;
    if (secret_unseal(atomic_load(&exchange->frontend->secrets), exchange->arena, key->sealed_key,
                      eab_key_place(exchange->arena, key->endpoint, key->kid), &mac_key))
        return eab_verify(exchange->arena, request, mac_key);
    log_gate_write(
        &sealed_keys_gate, LOG_LEVEL_ERROR,
        "the external account key \"%s\" cannot be opened: was the file of secret_key_path replaced?",
        key->kid);
    return problem_new(exchange->arena, PROBLEM_SERVER_INTERNAL, "The external account key cannot be read.");
}

/* Returns why this key's owner gets no account; NULL when nothing prevents it. `key` is then filled if there
 * is a binding. */
static const struct problem *check_binding(struct exchange *exchange, struct store_reader *reader,
                                           const struct account_state *state, struct eab_key *key)
{
    if (!state->is_bound)
        return exchange->endpoint->eab != EAB_REQUIRED
                   ? NULL
                   : problem_new(
                         exchange->arena, PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
                         "New accounts at this endpoint need an external account key from its operator.");
    enum store_result found =
        store_eab_key_by_kid(reader, exchange->arena, exchange->endpoint->name, state->eab.kid, key);
    if (!exchange_store_ok(exchange, found))
        return exchange->problem;
    const struct problem *problem =
        eab_check_key(exchange->arena, found == STORE_OK ? key : NULL, exchange->now);
    return problem != NULL ? problem : verify_binding(exchange, &state->eab, key);
}

/* ---- new-account ---- */

void new_account_prepare(struct exchange *exchange)
{
    struct account_state *state = arena_alloc(exchange->arena, sizeof *state);
    exchange->state = state;
    exchange->problem =
        exchange->envelope.post_as_get
            ? problem_new(exchange->arena, PROBLEM_MALFORMED, "The payload must be a JSON object.")
            : account_parse_new(exchange->arena, exchange->envelope.payload, &state->request);
    if (exchange->problem == NULL)
        exchange->problem = read_binding(exchange, state);
}

static const struct problem *check_terms(struct exchange *exchange, const struct account_request *request)
{
    const char *terms = exchange->endpoint->terms_of_service;
    if (terms == NULL || request->terms_agreed)
        return NULL;
    exchange_add_header(exchange, "Link",
                        arena_printf(exchange->arena, "<%s>;rel=\"terms-of-service\"", terms));
    return problem_new(exchange->arena, PROBLEM_USER_ACTION_REQUIRED,
                       "Agree to the terms of service at %s (\"termsOfServiceAgreed\": true).", terms);
}

static const struct problem *check_rate(struct exchange *exchange)
{
    const struct rate_demand demand = {&config_now(exchange->frontend->parts.config)->accounts_per_address,
                                       "new accounts from", exchange->request->client_network, NULL};
    return exchange_take_rate(exchange, &demand, METRIC_LIMIT_ACCOUNTS_PER_ADDRESS);
}

/* The limit applies to changes, because each is an event. */
static const struct problem *check_change_rate(struct exchange *exchange)
{
    const struct rate_demand demand = {
        &config_now(exchange->frontend->parts.config)->changes_per_account, "changes of account",
        arena_printf(exchange->arena, "%lld", (long long)exchange->account.id), NULL};
    return exchange_take_rate(exchange, &demand, METRIC_LIMIT_CHANGES_PER_ACCOUNT);
}

/* A client behind a proxy that does not tell its clients has the proxy's address, with the trust in it. */
static void watch_for_proxies(struct exchange *exchange, struct account_state *state)
{
    if (state->watched)
        return;
    state->watched = true;
    const struct config *config = config_now(exchange->frontend->parts.config);
    const struct endpoint_config *endpoint = exchange->endpoint;
    const char *address = exchange->request->client_address;
    bool is_proxy = networks_hold(config->trusted_proxies, config->trusted_proxy_count, address);
    bool is_trusted = networks_hold(endpoint->trusted_networks, endpoint->trusted_network_count, address);
    if ((!is_proxy && !is_trusted) || !crowd_watch_count(&exchange->frontend->crowds, address))
        return;
    if (is_proxy)
        log_warning(
            "%d new accounts came from %s, one of trusted_proxies: this proxy does not tell its clients' "
            "addresses, or the listener does not believe it",
            ACCOUNTS_OF_A_CROWD, address);
    else
        log_warning(
            "%d new accounts came from %s, which endpoints.%s.trusted.networks holds: if a proxy is there, "
            "all its clients get every name; add it to trusted_proxies",
            ACCOUNTS_OF_A_CROWD, address, endpoint->name);
}

static enum store_apply_result create_account(struct exchange *exchange, struct store_writer *writer,
                                              struct account_state *state, const struct eab_key *key)
{
    exchange->account = (struct account){
        .endpoint = exchange->endpoint->name,
        .status = ACCOUNT_VALID,
        .key = exchange->signer.canonical,
        .thumbprint = exchange->signer.thumbprint,
        .contacts_json = state->request.contacts_json == NULL ? "[]" : state->request.contacts_json,
        .terms_agreed = state->request.terms_agreed,
        .created_at = exchange->now,
        .created_from = exchange->request->client_address,
        .user_agent = exchange_user_agent(exchange),
        .eab_key_id = key->id,
        .eab_json = state->eab.binding_json,
    };
    if ((key->id != 0 && !exchange_store_ok(exchange, store_eab_key_use(writer, key->id))) ||
        !exchange_store_ok(exchange, store_account_insert(writer, &exchange->account)))
        return STORE_DISCARD;
    state->created = true;
    watch_for_proxies(exchange, state);
    METRICS_NOTE(&exchange->notes, METRIC_ACCOUNTS_CREATED, metrics_endpoint(exchange->endpoint->name));
    const char *detail =
        key->id == 0 ? NULL : arena_printf(exchange->arena, "external account key %s", key->kid);
    return record(exchange, writer, EVENT_ACCOUNT_CREATED, detail) ? STORE_APPLIED : STORE_DISCARD;
}

enum store_apply_result new_account_apply(struct exchange *exchange, struct store_writer *writer)
{
    struct account_state *state = exchange->state;
    enum store_result found =
        store_account_by_key(store_reader_of(writer), exchange->arena, exchange->endpoint->name,
                             exchange->signer.thumbprint, &exchange->account);
    if (!exchange_store_ok(exchange, found))
        return STORE_DISCARD;
    state->created = false;
    if (found == STORE_OK)
        return exchange_refuse(exchange, account_check_usable(exchange->arena, &exchange->account));
    if (state->request.only_return_existing)
        return exchange_refuse(exchange, problem_new(exchange->arena, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
                                                     "No account at this endpoint has this key."));
    struct eab_key key = {0};
    const struct problem *problem = check_terms(exchange, &state->request);
    if (problem == NULL)
        problem = check_binding(exchange, store_reader_of(writer), state, &key);
    if (problem == NULL)
        problem = check_rate(exchange);
    return problem != NULL ? exchange_refuse_and_log(exchange, "account refused", problem)
                           : create_account(exchange, writer, state, &key);
}

/* ---- account ---- */

void account_prepare(struct exchange *exchange)
{
    struct account_state *state = arena_alloc(exchange->arena, sizeof *state);
    exchange->state = state;
    if (exchange->id != exchange->account.id) {
        exchange->problem = problem_new(exchange->arena, PROBLEM_UNAUTHORIZED,
                                        "This is not the account that signed the request.");
        return;
    }
    if (!exchange->envelope.post_as_get)
        exchange->problem =
            account_parse_update(exchange->arena, exchange->envelope.payload, &state->request);
    /* An empty update, which is how some clients read their account, writes nothing. */
    exchange->answered = !state->request.deactivate && state->request.contacts_json == NULL &&
                         (!state->request.terms_agreed || exchange->account.terms_agreed);
}

enum store_apply_result account_apply(struct exchange *exchange, struct store_writer *writer)
{
    const struct account_request *request = &((struct account_state *)exchange->state)->request;
    if (!exchange_reload_account(exchange, store_reader_of(writer)))
        return STORE_DISCARD;
    struct account *account = &exchange->account;
    const struct problem *problem = request->deactivate ? NULL : check_change_rate(exchange);
    if (problem != NULL)
        return exchange_refuse(exchange, problem);
    if (request->contacts_json != NULL)
        account->contacts_json = request->contacts_json;
    if (request->terms_agreed)
        account->terms_agreed = true;
    if (request->deactivate)
        account->status = ACCOUNT_DEACTIVATED;
    enum event_type type = request->deactivate ? EVENT_ACCOUNT_DEACTIVATED : EVENT_ACCOUNT_UPDATED;
    if (!exchange_store_ok(exchange, store_account_update(writer, account)) ||
        !record(exchange, writer, type, NULL))
        return STORE_DISCARD;
    return STORE_APPLIED;
}

void account_render_route(struct exchange *exchange)
{
    const struct account_state *state = exchange->state;
    exchange_add_header(exchange, "Location",
                        url_account(exchange->arena, &exchange->urls, exchange->account.id));
    exchange_reply_json(exchange, state->created ? 201 : 200,
                        account_render(exchange->arena, &exchange->urls, &exchange->account));
}

/* ---- key change ---- */

void key_change_prepare(struct exchange *exchange)
{
    struct account_state *state = arena_alloc(exchange->arena, sizeof *state);
    exchange->state = state;
    exchange->problem = exchange->envelope.post_as_get
                            ? problem_new(exchange->arena, PROBLEM_MALFORMED, "The payload must be a JWS.")
                            : key_change_read(exchange->arena, exchange->envelope.jws.payload,
                                              url_key_change(exchange->arena, &exchange->urls),
                                              &exchange->urls, &exchange->account, &state->new_key);
}

/* Returns the problem that names the account which already has the key (RFC 8555 §7.3.5). */
static const struct problem *key_in_use(struct exchange *exchange, int64_t account_id)
{
    struct problem *problem = problem_with_status(exchange->arena, 409, PROBLEM_MALFORMED,
                                                  "The new key belongs to an account already.");
    problem->location = url_account(exchange->arena, &exchange->urls, account_id);
    return problem;
}

enum store_apply_result key_change_apply(struct exchange *exchange, struct store_writer *writer)
{
    const struct jwk *new_key = &((struct account_state *)exchange->state)->new_key;
    if (!exchange_reload_account(exchange, store_reader_of(writer)))
        return STORE_DISCARD;
    struct account *account = &exchange->account;
    struct account other;
    enum store_result found = store_account_by_key(store_reader_of(writer), exchange->arena,
                                                   account->endpoint, new_key->thumbprint, &other);
    if (!exchange_store_ok(exchange, found))
        return STORE_DISCARD;
    if (found == STORE_OK)
        return exchange_refuse(exchange, key_in_use(exchange, other.id));
    const struct problem *problem = check_change_rate(exchange);
    if (problem != NULL)
        return exchange_refuse(exchange, problem);
    const char *detail =
        arena_printf(exchange->arena, "%s, before %s", new_key->thumbprint, account->thumbprint);
    account->key = new_key->canonical;
    account->thumbprint = new_key->thumbprint;
    account->key_changed_at =
        exchange->now > account->key_changed_at ? exchange->now : account->key_changed_at + 1;
    if (!exchange_store_ok(exchange, store_account_update_key(writer, account)) ||
        !record(exchange, writer, EVENT_ACCOUNT_KEY_CHANGED, detail))
        return STORE_DISCARD;
    return STORE_APPLIED;
}

/* ---- orders of an account ---- */

void account_orders_prepare(struct exchange *exchange)
{
    if (exchange->id != exchange->account.id)
        exchange->problem = problem_new(exchange->arena, PROBLEM_UNAUTHORIZED,
                                        "This is not the account that signed the request.");
}

/* Returns where the page begins: below the id in the link of the previous page. */
static int64_t cursor_of(const struct http_request *request)
{
    struct bytes prefix = BYTES_LITERAL("cursor=");
    if (!bytes_has_prefix(request->query, prefix))
        return 0;
    return url_parse_id(bytes_of(request->query.p + prefix.n, request->query.n - prefix.n));
}

/* One more than the page has: whether there is another. */
struct orders_page {
    int64_t ids[ORDERS_PER_PAGE + 1];
    size_t count;
};

void account_orders_load(struct exchange *exchange, struct store_reader *reader)
{
    struct orders_page *page = arena_alloc(exchange->arena, sizeof *page);
    exchange->state = page;
    (void)exchange_store_ok(exchange, store_orders_of_account(reader, exchange->account.id,
                                                              cursor_of(exchange->request), page->ids,
                                                              ORDERS_PER_PAGE + 1, &page->count));
}

void account_orders_render(struct exchange *exchange)
{
    const struct orders_page *page = exchange->state;
    size_t count = page->count;
    if (count > ORDERS_PER_PAGE) {
        count = ORDERS_PER_PAGE;
        exchange_add_header(
            exchange, "Link",
            arena_printf(exchange->arena, "<%s?cursor=%lld>;rel=\"next\"",
                         url_account_orders(exchange->arena, &exchange->urls, exchange->account.id),
                         (long long)page->ids[count - 1]));
    }
    exchange_reply_json(exchange, 200,
                        account_render_orders(exchange->arena, &exchange->urls, page->ids, count));
}
