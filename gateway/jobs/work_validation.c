#include "acme/authorization.h"
#include "acme/order.h"
#include "gateway/jobs/work_internal.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"
#include "gateway/validation/validator.h"

enum { RETRY_FIRST_S = 1, RETRY_MOST_S = 10 };

struct validation_work {
    struct authorization authorization;
    const char *thumbprint; /* the account key's */
    bool caa_checked;
    int64_t began_us;
    struct validation validation;
};

static const char *challenge_name(const struct authorization *authorization)
{
    return challenge_type_info(authorization->chosen)->name;
}

static enum store_result record(struct work_item *item, struct store_session *session, const char *kind,
                                int64_t order_id, const char *detail, enum cause cause)
{
    const struct validation_work *state = item->state;
    struct event event = {.kind = kind,
                          .account_id = state->authorization.account_id,
                          .order_id = order_id,
                          .authorization_id = state->authorization.id,
                          .detail = detail,
                          .cause = cause};
    return work_record(item, session, &event);
}

/* ---- what a final outcome means for the orders that wait ---- */

static enum store_result load_authorizations(struct work_item *item, struct store_session *session,
                                             const struct order *order, struct authorization **out)
{
    *out = arena_alloc_array(item->arena, order->identifier_count, sizeof(**out));
    for (size_t i = 0; i < order->identifier_count; ++i) {
        enum store_result result =
            store_authorization_load(session, item->arena, order->authorization_ids[i], &(*out)[i]);
        if (result != STORE_OK)
            return result;
    }
    return STORE_OK;
}

static enum store_result settle_order(struct work_item *item, struct store_session *session, int64_t order_id)
{
    struct order order;
    struct authorization *authorizations = NULL;
    enum store_result result = store_order_load(session, item->arena, order_id, &order);
    if (result == STORE_OK)
        result = load_authorizations(item, session, &order, &authorizations);
    if (result != STORE_OK)
        return result;
    const struct order was = order;
    const struct problem *problem =
        order_settle(item->arena, &order, authorizations, order.identifier_count, item->now);
    if (order.status == was.status && order.expires_at == was.expires_at)
        return STORE_OK;
    result = store_order_update(session, &order, was.status);
    if (result != STORE_OK || order.status == was.status)
        return result;
    if (problem == NULL)
        return record(item, session, "order.ready", order.id, NULL, CAUSE_NONE);
    METRICS_NOTE(&item->notes, METRIC_ORDERS_INVALID, problem->type);
    return record(item, session, "order.invalid", order.id, problem->detail, problem->cause);
}

static enum store_result settle_orders(struct work_item *item, struct store_session *session)
{
    int64_t *ids = NULL;
    size_t count = 0;
    enum store_result result = store_orders_waiting_on(session, item->arena, item->id, &ids, &count);
    for (size_t i = 0; result == STORE_OK && i < count; ++i)
        result = settle_order(item, session, ids[i]);
    return result;
}

/* ---- recording ---- */

static enum cause cause_of(const struct validation_work *state)
{
    const struct problem *problem = state->validation.problem;
    return problem == NULL ? CAUSE_NONE : problem->cause;
}

/* STORE_NOT_FOUND: the client deactivated the authorization meanwhile, and the outcome no longer matters. */
static enum store_apply_result apply_final(struct work_item *item, struct store_session *session)
{
    struct validation_work *state = item->state;
    struct authorization *authorization = &state->authorization;
    enum store_result result =
        store_authorization_update(session, authorization, AUTHORIZATION_PENDING, CHALLENGE_PROCESSING);
    bool good = authorization->challenge_status == CHALLENGE_VALID;
    METRICS_NOTE(&item->notes, METRIC_VALIDATIONS, authorization->chosen,
                 good ? METRIC_VALIDATION_VALID : METRIC_VALIDATION_INVALID);
    if (result == STORE_OK)
        result = record(item, session, good ? "challenge.valid" : "challenge.invalid", 0,
                        state->validation.tried, cause_of(state));
    if (result == STORE_OK)
        result = settle_orders(item, session);
    return store_applied(result);
}

static enum store_apply_result apply_retry(struct work_item *item, struct store_session *session)
{
    struct validation_work *state = item->state;
    METRICS_NOTE(&item->notes, METRIC_VALIDATIONS, state->authorization.chosen, METRIC_VALIDATION_RETRIED);
    enum store_result result = store_authorization_update(session, &state->authorization,
                                                          AUTHORIZATION_PENDING, CHALLENGE_PROCESSING);
    if (result == STORE_OK)
        result = record(item, session, "challenge.retried", 0, state->validation.tried, cause_of(state));
    return store_applied(result);
}

/* How long a valid authorization lasts: the endpoint's time for reuse; where there is none, an order's life.
 */
static int64_t valid_until(const struct work_item *item, const struct authorization *authorization)
{
    const struct config *config = config_now(item->work->parts.config);
    const struct endpoint_config *endpoint =
        config_endpoint(config, bytes_from_string(authorization->endpoint));
    int64_t lifetime = endpoint == NULL ? 0 : endpoint->authorization_lifetime_s;
    return item->now + (lifetime > 0 ? lifetime : config->order_lifetime_s);
}

static bool needs_caa(const struct validation_work *state)
{
    return !state->caa_checked && state->validation.caa_identity_count != 0 &&
           state->authorization.identifier.type == IDENTIFIER_DNS;
}

static void on_validated(struct validation *validation)
{
    struct work_item *item = validation->owner;
    struct validation_work *state = item->state;
    struct authorization *authorization = &state->authorization;
    if (validation->problem == NULL && needs_caa(state)) {
        state->caa_checked = true;
        validation_check_caa(validation);
        return;
    }
    item->now = clock_now();
    METRICS_OBSERVE(METRIC_VALIDATION_DURATION, metrics_clock_us() - state->began_us, authorization->chosen);
    ++authorization->attempt_count;
    int64_t give_up_at =
        authorization->first_attempt_at + config_now(item->work->parts.config)->validation.retry_for_s;
    if (validation->problem != NULL && validation->passing) {
        int64_t next = item->now + backoff_wait(authorization->attempt_count, RETRY_FIRST_S, RETRY_MOST_S);
        if (next < give_up_at && next < authorization->expires_at) {
            authorization->next_attempt_at = next;
            work_item_commit(item, apply_retry, work_item_end);
            return;
        }
    }
    if (validation->problem == NULL)
        authorization_prove(item->arena, authorization, item->now, valid_until(item, authorization));
    else
        authorization_fail(item->arena, authorization, validation->problem);
    work_item_commit(item, apply_final, work_item_end);
}

static void start(struct work_item *item)
{
    struct validation_work *state = item->state;
    const struct authorization *authorization = &state->authorization;
    const struct work_parts *parts = &item->work->parts;
    const struct endpoint_config *endpoint =
        config_endpoint(parts->config, bytes_from_string(authorization->endpoint));
    log_debug("validating %s of %s", challenge_name(authorization), authorization->identifier.value);
    state->began_us = metrics_clock_us();
    state->validation = (struct validation){
        .arena = item->arena,
        .outbound = parts->outbound,
        .config = &config_now(parts->config)->validation,
        .identifier = authorization->identifier,
        .type = authorization->chosen,
        .token = authorization->token,
        .key_authorization = key_authorization(item->arena, authorization->token, state->thumbprint),
        .wildcard = authorization->wildcard,
        .subdomains = authorization->subdomains,
        .now = clock_now(),
        .done = on_validated,
        .owner = item,
    };
    struct validation *validation = &state->validation;
    validation->account_urls = config_account_urls(item->arena, parts->config, authorization->endpoint,
                                                   authorization->account_id, &validation->account_url_count);
    if (endpoint != NULL) {
        validation->issuer_names = config_issuer_names(endpoint, &validation->issuer_name_count);
        validation->caa_identities = endpoint->caa_identities;
        validation->caa_identity_count = endpoint->caa_identity_count;
    }
    validation_start(validation);
}

static void refuse(struct work_item *item)
{
    struct validation_work *state = item->state;
    state->validation.tried = "nothing: the validation was set aside";
    state->validation.problem = problem_with_cause(item->arena, CAUSE_WORK_SET_ASIDE, PROBLEM_SERVER_INTERNAL,
                                                   "%s", work_set_aside_detail);
    authorization_fail(item->arena, &state->authorization, state->validation.problem);
    work_item_commit(item, apply_final, work_item_end);
}

static void begin(struct work *work, int64_t id, const struct work_holder *holder)
{
    struct work_item *item = work_item_new(work, WORK_VALIDATION, id, holder);
    struct validation_work *state = arena_alloc(item->arena, sizeof(*state));
    item->state = state;
    struct account account;
    if (store_authorization_load(work->session, item->arena, id, &state->authorization) != STORE_OK ||
        state->authorization.challenge_status != CHALLENGE_PROCESSING ||
        store_account_load(work->session, item->arena, state->authorization.account_id, &account) !=
            STORE_OK) {
        work_item_end(item);
        return;
    }
    const struct event about = {.account_id = account.id, .authorization_id = id};
    if (work_item_set_aside(item, &about, refuse))
        return;
    state->thumbprint = account.thumbprint;
    if (authorization_status_at(&state->authorization, item->now) != AUTHORIZATION_EXPIRED) {
        start(item);
        return;
    }
    state->validation.tried = "nothing: the authorization had expired";
    authorization_expire(item->arena, &state->authorization);
    state->validation.problem = problem_read(item->arena, state->authorization.error_json);
    work_item_commit(item, apply_final, work_item_end);
}

/* ---- taking up what is due: the accounts by turns, each within its share ---- */

/* Anybody can make accounts and leave challenges due. So many are looked at in one turn of the outbound
 * thread, and so many turns follow one another in a second. */
enum { LOOK_ACCOUNTS = 256, LOOKS_A_SECOND = 16 };

static enum store_result take_account(struct work *work, struct work_kind *kind, int64_t now,
                                      int64_t account_id)
{
    struct arena *arena = arena_new();
    struct due_validation *due = NULL;
    size_t count = 0;
    bool is_known = false;
    enum store_result result = store_account_has_certificate(work->session, account_id, &is_known);
    if (result == STORE_OK)
        result = store_validations_due(work->session, arena, account_id, now,
                                       work_ids_wanted(kind, kind->max_under_way), &due, &count);
    for (size_t i = 0; i < count; ++i) {
        const struct work_holder holder = {account_id, work_target(due[i].name), is_known};
        if (!work_may_take_up(work, kind, due[i].id, &holder))
            continue;
        int64_t before = crash_record_set_owner(due[i].id);
        begin(work, due[i].id, &holder);
        crash_record_set_owner(before);
    }
    arena_free(arena);
    return result;
}

/* Those behind `after`, up to `last`, until LOOK_ACCOUNTS have been looked at. */
static enum store_result take_accounts(struct work *work, struct work_kind *kind, int64_t now, int64_t after,
                                       int64_t last, size_t *looked)
{
    int64_t account_id = after;
    enum store_result result = STORE_OK;
    while (kind->under_way < kind->max_under_way && *looked < LOOK_ACCOUNTS &&
           (result = store_validation_queue_after(work->session, account_id, &account_id)) == STORE_OK &&
           account_id <= last) {
        ++*looked;
        work->last_account = account_id;
        result = take_account(work, kind, now, account_id);
        if (result != STORE_OK)
            break;
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* The round goes on in the next turn, with what else the outbound thread has to do between. */
static void go_on(struct work *work, int64_t now)
{
    if (work->looks_second != now) {
        work->looks_second = now;
        work->looks = 0;
    }
    if (++work->looks < LOOKS_A_SECOND)
        work_wake(work, WORK_DUE_CHALLENGES);
}

void work_validation_take(struct work *work, struct work_kind *kind, int64_t now)
{
    int64_t turn = work->last_account;
    size_t looked = 0;
    if (take_accounts(work, kind, now, turn, INT64_MAX, &looked) != STORE_OK ||
        take_accounts(work, kind, now, 0, turn, &looked) != STORE_OK)
        work_look_failed(kind);
    bool is_full = kind->under_way == kind->max_under_way;
    bool has_more = looked == LOOK_ACCOUNTS;
    kind->left_waiting = kind->left_waiting || is_full || has_more;
    if (has_more && !is_full)
        go_on(work, now);
}

struct work_item *work_validation_draft(struct work *work, int64_t now,
                                        const struct authorization *authorization,
                                        const struct account *account)
{
    struct work_item *draft = work_item_draft(work, WORK_VALIDATION);
    if (draft == NULL)
        return NULL;
    struct validation_work *state = arena_alloc(draft->arena, sizeof(*state));
    state->authorization = authorization_copy(draft->arena, authorization);
    state->thumbprint = arena_duplicate(draft->arena, account->thumbprint);
    draft->id = authorization->id;
    /* Whether the account is known is looked at when the others leave no room. */
    draft->holder = (struct work_holder){.account_id = authorization->account_id,
                                         .target = work_target(authorization->identifier.value)};
    draft->now = now;
    draft->state = state;
    draft->step = start;
    return draft;
}
