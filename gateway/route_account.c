#include "acme/account.h"
#include "acme/key_change.h"
#include "gateway/routes.h"

enum { ORDERS_PER_PAGE = 50 };

/* Between the steps of new-account, account and key-change. */
struct account_state {
    struct account_request request;
    struct jwk new_key; /* of a key change */
    bool created;
};

static bool record(struct exchange *exchange, struct store_session *session, const char *kind,
                   const char *detail)
{
    struct event event = {.at = exchange->now,
                          .kind = kind,
                          .account_id = exchange->account.id,
                          .who = exchange_who(exchange),
                          .detail = detail};
    return exchange_store_ok(exchange, store_event_insert(session, &event));
}

/* ---- new-account ---- */

void new_account_prepare(struct exchange *exchange)
{
    struct account_state *state = arena_alloc(exchange->arena, sizeof(*state));
    exchange->state = state;
    exchange->problem =
        exchange->envelope.post_as_get
            ? problem_new(exchange->arena, PROBLEM_MALFORMED, "The payload must be a JSON object.")
            : account_parse_new(exchange->arena, exchange->envelope.payload, &state->request);
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

static enum store_apply_result create_account(struct exchange *exchange, struct store_session *session,
                                              struct account_state *state)
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
    };
    if (!exchange_store_ok(exchange, store_account_insert(session, &exchange->account)))
        return STORE_DISCARD;
    state->created = true;
    return record(exchange, session, "account.created", NULL) ? STORE_APPLIED : STORE_DISCARD;
}

enum store_apply_result new_account_apply(struct exchange *exchange, struct store_session *session)
{
    struct account_state *state = exchange->state;
    enum store_result found = store_account_by_key(session, exchange->arena, exchange->endpoint->name,
                                                   exchange->signer.thumbprint, &exchange->account);
    if (!exchange_store_ok(exchange, found))
        return STORE_DISCARD;
    state->created = false;
    if (found == STORE_OK)
        return exchange_refuse(exchange, account_check_usable(exchange->arena, &exchange->account));
    if (state->request.only_return_existing)
        return exchange_refuse(exchange, problem_new(exchange->arena, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
                                                     "No account at this endpoint has this key."));
    const struct problem *problem = check_terms(exchange, &state->request);
    return problem != NULL ? exchange_refuse(exchange, problem) : create_account(exchange, session, state);
}

/* ---- account ---- */

void account_prepare(struct exchange *exchange)
{
    struct account_state *state = arena_alloc(exchange->arena, sizeof(*state));
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

enum store_apply_result account_apply(struct exchange *exchange, struct store_session *session)
{
    const struct account_request *request = &((struct account_state *)exchange->state)->request;
    if (!exchange_reload_account(exchange, session))
        return STORE_DISCARD;
    struct account *account = &exchange->account;
    if (request->contacts_json != NULL)
        account->contacts_json = request->contacts_json;
    if (request->terms_agreed)
        account->terms_agreed = true;
    if (request->deactivate)
        account->status = ACCOUNT_DEACTIVATED;
    const char *kind = request->deactivate ? "account.deactivated" : "account.updated";
    if (!exchange_store_ok(exchange, store_account_update(session, account)) ||
        !record(exchange, session, kind, NULL))
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
    struct account_state *state = arena_alloc(exchange->arena, sizeof(*state));
    exchange->state = state;
    exchange->problem = exchange->envelope.post_as_get
                            ? problem_new(exchange->arena, PROBLEM_MALFORMED, "The payload must be a JWS.")
                            : key_change_read(exchange->arena, exchange->envelope.jws.payload,
                                              url_key_change(exchange->arena, &exchange->urls),
                                              &exchange->urls, &exchange->account, &state->new_key);
}

/* The account that has the key already is named (RFC 8555 §7.3.5). */
static const struct problem *key_in_use(struct exchange *exchange, int64_t account_id)
{
    struct problem *problem = problem_with_status(exchange->arena, 409, PROBLEM_MALFORMED,
                                                  "The new key belongs to an account already.");
    problem->location = url_account(exchange->arena, &exchange->urls, account_id);
    return problem;
}

enum store_apply_result key_change_apply(struct exchange *exchange, struct store_session *session)
{
    const struct jwk *new_key = &((struct account_state *)exchange->state)->new_key;
    if (!exchange_reload_account(exchange, session))
        return STORE_DISCARD;
    struct account *account = &exchange->account;
    struct account other;
    enum store_result found =
        store_account_by_key(session, exchange->arena, account->endpoint, new_key->thumbprint, &other);
    if (!exchange_store_ok(exchange, found))
        return STORE_DISCARD;
    if (found == STORE_OK)
        return exchange_refuse(exchange, key_in_use(exchange, other.id));
    const char *detail =
        arena_printf(exchange->arena, "%s, before %s", new_key->thumbprint, account->thumbprint);
    account->key = new_key->canonical;
    account->thumbprint = new_key->thumbprint;
    if (!exchange_store_ok(exchange, store_account_update_key(session, account)) ||
        !record(exchange, session, "account.key_changed", detail))
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

/* The page begins below the id that the link of the page before named. */
static int64_t cursor_of(const struct http_request *request)
{
    struct bytes prefix = BYTES_LITERAL("cursor=");
    if (!bytes_has_prefix(request->query, prefix))
        return 0;
    return url_parse_id(bytes_of(request->query.p + prefix.n, request->query.n - prefix.n));
}

void account_orders_render(struct exchange *exchange)
{
    int64_t ids[ORDERS_PER_PAGE + 1];
    size_t count = 0;
    int64_t before = cursor_of(exchange->request);
    if (!exchange_store_ok(exchange, store_orders_of_account(exchange_session(exchange), exchange->account.id,
                                                             before, ids, ORDERS_PER_PAGE + 1, &count)))
        return;
    if (count > ORDERS_PER_PAGE) {
        count = ORDERS_PER_PAGE;
        exchange_add_header(
            exchange, "Link",
            arena_printf(exchange->arena, "<%s?cursor=%lld>;rel=\"next\"",
                         url_account_orders(exchange->arena, &exchange->urls, exchange->account.id),
                         (long long)ids[count - 1]));
    }
    exchange_reply_json(exchange, 200, account_render_orders(exchange->arena, &exchange->urls, ids, count));
}
