#include "acme/base/time_text.h"
#include "acme/order.h"
#include "acme/x509_read.h"
#include "gateway/log.h"
#include "gateway/work_internal.h"
#include "stepca/token.h"

enum {
    RETRY_FIRST_S = 2,
    RETRY_MOST_S = 30,
    UNKNOWN_RETRY_MOST_S = 60, /* each may leave a certificate behind that nobody has */
    HAND_OVER_LEASE_S = 60,
};

_Static_assert(CERTIFICATE_SLACK_S > 0, "the CA's clock may be a little ahead");

struct issuance_work {
    struct order order;
    struct issuer *issuer;
    struct attempt attempt;
    struct issuer_sign_job job;
    struct certificate certificate;
    struct certificate_facts facts;
    const struct problem *problem; /* what the order ends with */
};

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

static enum store_result record(struct work_item *item, struct store_session *session, const char *kind,
                                const char *detail)
{
    const struct issuance_work *state = item->state;
    struct event event = {.kind = kind,
                          .account_id = state->order.account_id,
                          .order_id = state->order.id,
                          .certificate_id = state->certificate.id,
                          .detail = detail};
    return work_record(item, session, &event);
}

static enum store_apply_result applied(enum store_result result)
{
    return result == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

/* Within `apply`: the attempt ends. */
static enum store_result end_attempt(struct work_item *item, struct store_session *session)
{
    const struct attempt *attempt = &((struct issuance_work *)item->state)->attempt;
    METRICS_NOTE(&item->notes, METRIC_CA_ATTEMPTS, metrics_issuer(attempt->issuer), attempt->status);
    return store_attempt_end(session, attempt);
}

/* ---- the order fails ---- */

static enum store_apply_result apply_order_failed(struct work_item *item, struct store_session *session)
{
    struct issuance_work *state = item->state;
    struct order *order = &state->order;
    enum store_result result = STORE_OK;
    if (state->attempt.id != 0)
        result = end_attempt(item, session);
    order->status = ORDER_INVALID;
    order->status_since = item->now;
    order->next_attempt_at = 0;
    order->error_json = work_problem_json(item->arena, state->problem);
    METRICS_NOTE(&item->notes, METRIC_ORDERS_INVALID, state->problem->type);
    if (result == STORE_OK)
        result = store_order_update(session, order, ORDER_PROCESSING);
    if (result == STORE_OK)
        result = record(item, session, "order.invalid", state->problem->detail);
    return applied(result);
}

static void fail_order(struct work_item *item, const struct problem *problem)
{
    struct issuance_work *state = item->state;
    state->problem = problem;
    log_warning("order %lld is invalid: %s", (long long)item->id, problem->detail);
    work_item_commit(item, apply_order_failed, work_item_end);
}

/* ---- the order waits ---- */

static enum store_apply_result apply_put_off(struct work_item *item, struct store_session *session)
{
    const struct issuance_work *state = item->state;
    enum store_result result = store_order_update(session, &state->order, ORDER_PROCESSING);
    if (result == STORE_OK && state->attempt.id != 0)
        result = end_attempt(item, session);
    if (result == STORE_OK && state->attempt.id != 0)
        result = record(item, session,
                        state->attempt.status == ATTEMPT_UNKNOWN ? "attempt.unknown" : "attempt.failed",
                        state->attempt.message);
    return applied(result);
}

static void put_off(struct work_item *item, int64_t wait_s)
{
    struct issuance_work *state = item->state;
    state->order.next_attempt_at = item->now + wait_s;
    work_item_commit(item, apply_put_off, work_item_end);
}

/* The call was not made, so there was no attempt: the order is as it was before. */
static enum store_apply_result apply_withdrawn(struct work_item *item, struct store_session *session)
{
    const struct issuance_work *state = item->state;
    enum store_result result = store_order_update(session, &state->order, ORDER_PROCESSING);
    if (result == STORE_OK)
        result = store_attempt_withdraw(session, state->attempt.id);
    return applied(result);
}

static void withdraw(struct work_item *item)
{
    struct order *order = &((struct issuance_work *)item->state)->order;
    --order->attempt_count;
    if (item->leased)
        order->next_attempt_at = order->processing_since;
    work_item_commit(item, apply_withdrawn, work_item_end);
}

/* ---- the certificate came ---- */

static void fill_certificate(struct work_item *item, struct bytes leaf)
{
    struct issuance_work *state = item->state;
    const struct issuer_result *result = &state->job.result;
    const char *chain_pem = "";
    for (size_t i = 1; i < result->chain_count; ++i)
        chain_pem =
            arena_printf(item->arena, "%s%s", chain_pem, certificate_to_pem(item->arena, result->chain[i]));
    state->certificate = (struct certificate){
        .account_id = state->order.account_id,
        .order_id = state->order.id,
        .endpoint = state->order.endpoint,
        .issuer = state->issuer->id,
        .root_fingerprint = state->issuer->root_fingerprint,
        .serial = state->facts.serial,
        .leaf = leaf,
        .chain_pem = bytes_from_string(chain_pem),
        .key_hash = bytes_of(state->facts.key_hash, sizeof(state->facts.key_hash)),
        .not_before = state->facts.not_before,
        .not_after = state->facts.not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_FROM_ACME,
        .created_at = item->now,
    };
}

/* Nobody will get it: kept, and its revocation due. */
static void reject_certificate(struct work_item *item, const char *why)
{
    struct issuance_work *state = item->state;
    struct certificate *certificate = &state->certificate;
    certificate->status = CERTIFICATE_REJECTED;
    certificate->rejected_because = why;
    certificate->revocation_requested_at = item->now;
    certificate->revocation_requested_by = "gateway";
    certificate->revocation_next_attempt_at = item->now;
    state->attempt.status = ATTEMPT_REJECTED;
    state->attempt.message = why;
}

static enum store_result insert_certificate(struct work_item *item, struct store_session *session)
{
    struct issuance_work *state = item->state;
    bool rejected = state->certificate.status == CERTIFICATE_REJECTED;
    METRICS_NOTE(&item->notes, rejected ? METRIC_CERTIFICATES_REJECTED : METRIC_CERTIFICATES_ISSUED,
                 metrics_profile(state->order.profile), CERTIFICATE_FROM_ACME);
    if (rejected)
        METRICS_NOTE(&item->notes, METRIC_REVOCATIONS_REQUESTED, metrics_issuer(state->issuer->id));
    return store_certificate_insert(session, &state->certificate, state->facts.identifiers,
                                    state->facts.identifier_count);
}

static enum store_apply_result apply_rejected(struct work_item *item, struct store_session *session)
{
    const struct issuance_work *state = item->state;
    enum store_result result = insert_certificate(item, session);
    if (result == STORE_OK)
        result = record(item, session, "certificate.rejected", state->certificate.rejected_because);
    return result == STORE_OK ? apply_order_failed(item, session) : STORE_DISCARD;
}

static enum store_apply_result apply_issued(struct work_item *item, struct store_session *session)
{
    struct issuance_work *state = item->state;
    struct order *order = &state->order;
    struct order now;
    enum store_result result = store_order_load(session, item->arena, order->id, &now);
    if (result != STORE_OK)
        return STORE_DISCARD;
    if (now.status != ORDER_PROCESSING) {
        reject_certificate(item, "the order had ended before its certificate came");
        result = insert_certificate(item, session);
        if (result == STORE_OK)
            result = end_attempt(item, session);
        return applied(result == STORE_OK
                           ? record(item, session, "certificate.rejected", state->attempt.message)
                           : result);
    }
    result = insert_certificate(item, session);
    order->status = ORDER_VALID;
    order->status_since = item->now;
    order->next_attempt_at = 0;
    order->certificate_id = state->certificate.id;
    METRICS_NOTE(&item->notes, METRIC_ORDERS_VALID, metrics_profile(order->profile));
    if (result == STORE_OK)
        result = end_attempt(item, session);
    if (result == STORE_OK)
        result = store_order_update(session, order, ORDER_PROCESSING);
    if (result == STORE_OK)
        result = record(item, session, "order.valid", NULL);
    return applied(result);
}

static void on_rejected_stored(struct work_item *item)
{
    struct work *work = item->work;
    work_item_end(item);
    work_wake(work, WORK_DUE_REVOCATIONS);
}

static void take_certificate(struct work_item *item)
{
    struct issuance_work *state = item->state;
    const struct issuer_result *result = &state->job.result;
    const char *why = NULL;
    struct certificate_expectation expectation = {
        .csr = state->job.csr,
        .identifiers = state->order.identifiers,
        .identifier_count = state->order.identifier_count,
        .latest_not_after = state->job.validity.latest_not_after,
        .earliest_not_before =
            state->order.not_before == 0 ? 0 : state->order.not_before - CERTIFICATE_SLACK_S,
        .roots = state->issuer->roots,
        .intermediates = state->issuer->intermediates,
        .now = item->now,
    };
    bool fits =
        certificate_check(item->arena, result->chain, result->chain_count, &expectation, &state->facts, &why);
    if (state->facts.serial[0] == '\0') {
        state->attempt.status = ATTEMPT_UNKNOWN;
        state->attempt.message = why;
        put_off(item, work_backoff(state->order.attempt_count, RETRY_FIRST_S, UNKNOWN_RETRY_MOST_S));
        return;
    }
    fill_certificate(item, result->chain[0]);
    if (fits) {
        state->attempt.status = ATTEMPT_SIGNED;
        work_item_commit(item, apply_issued, work_item_end);
        return;
    }
    reject_certificate(item, why);
    state->problem =
        problem_new(item->arena, PROBLEM_SERVER_INTERNAL,
                    "The certificate authority issued a certificate that does not fit the order (%s); it "
                    "is being revoked.",
                    why);
    log_error("issuer %s: certificate %s for order %lld is rejected: %s", state->issuer->id,
              state->certificate.serial, (long long)item->id, why);
    work_item_commit(item, apply_rejected, on_rejected_stored);
}

/* ---- the CA's answer ---- */

/* What the issuer as a whole has to recover from is paced by its circuit; the rest may be this order's own trouble. */
static int64_t retry_wait(const struct issuer_result *result, int64_t attempts)
{
    if (result->not_reached || result->outcome == ISSUER_UNAUTHORIZED || result->retry_after_s > 0)
        return 0;
    return work_backoff(attempts, RETRY_FIRST_S,
                        result->outcome == ISSUER_UNKNOWN ? UNKNOWN_RETRY_MOST_S : RETRY_MOST_S);
}

/* A place is free at the issuer before what became of this order is stored. */
static void wake_waiting(const struct work_item *item)
{
    if (item->kind->left_waiting)
        work_wake(item->work, item->kind->due_bit);
}

static void on_signed(struct issuer_sign_job *job)
{
    struct work_item *item = job->owner;
    struct issuance_work *state = item->state;
    const struct issuer_result *result = &job->result;
    struct attempt *attempt = &state->attempt;
    item->now = clock_now();
    wake_waiting(item);
    attempt->ended_at = item->now;
    attempt->http_status = result->http_status;
    attempt->message = result->message;
    switch (result->outcome) {
    case ISSUER_OK:
        take_certificate(item);
        return;
    case ISSUER_REFUSED:
    case ISSUER_ALREADY_REVOKED:
        attempt->status = ATTEMPT_REFUSED;
        fail_order(item, problem_new(item->arena,
                                     result->about_names ? PROBLEM_REJECTED_IDENTIFIER : PROBLEM_BAD_CSR,
                                     "The certificate authority refused: %s", result->message));
        return;
    case ISSUER_UNAUTHORIZED:
    case ISSUER_UNAVAILABLE:
    case ISSUER_UNKNOWN:
        attempt->status = result->outcome == ISSUER_UNKNOWN ? ATTEMPT_UNKNOWN : ATTEMPT_FAILED;
        log_warning("issuer %s: order %lld is not signed yet: %s", state->issuer->id, (long long)item->id,
                    result->message);
        put_off(item, retry_wait(result, state->order.attempt_count));
        return;
    case ISSUER_NOT_ASKED:
        withdraw(item);
        return;
    }
}

/* ---- an attempt ---- */

static void call_issuer(struct work_item *item)
{
    struct issuance_work *state = item->state;
    issuer_sign(state->issuer, &state->job);
}

/* Committed before /sign is called: a lost answer is then known to have been possible. */
static enum store_apply_result apply_attempt(struct work_item *item, struct store_session *session)
{
    struct issuance_work *state = item->state;
    enum store_result result = store_order_update(session, &state->order, ORDER_PROCESSING);
    if (result == STORE_OK)
        result = store_attempt_insert(session, &state->attempt);
    return applied(result);
}

static const char *asked_validity(struct arena *arena, const struct validity_request *validity)
{
    if (validity->not_before == NULL && validity->not_after == NULL)
        return "";
    return arena_printf(arena, "%s/%s", validity->not_before == NULL ? "" : validity->not_before,
                        validity->not_after == NULL ? "" : validity->not_after);
}

/* The client has gone by then: what were signed later would be signed for nobody. */
static int64_t ends_at(const struct work_item *item, const struct order *order)
{
    int64_t end = order->processing_since + item->work->server->config->finalize_give_up_after_s;
    return order->expires_at < end ? order->expires_at : end;
}

/* NULL: the issuer's own. */
static const char *usages_of(const struct work_item *item, const struct order *order)
{
    const struct profile_config *profile = config_profile(item->work->server->config, order->profile);
    if (profile == NULL || profile->extended_key_usage_count == 0)
        return NULL;
    return arena_join(item->arena, profile->extended_key_usages, profile->extended_key_usage_count, ",");
}

/* Fills in attempt and job; `csr` is the item's from here on. */
static bool prepare_attempt(struct work_item *item, X509_REQ *csr, const struct validity_request *validity)
{
    struct issuance_work *state = item->state;
    struct order *order = &state->order;
    uint8_t *hash = arena_alloc(item->arena, 32);
    char *token_id = arena_alloc(item->arena, STEPCA_TOKEN_ID_BYTES);
    if (csr == NULL || EVP_Digest(order->csr.p, order->csr.n, hash, NULL, EVP_sha256(), NULL) != 1 ||
        !stepca_token_id_new(token_id))
        return false;
    ++order->attempt_count;
    issuer_hold_with(state->issuer, item->arena);
    state->attempt = (struct attempt){.order_id = order->id,
                                      .issuer = state->issuer->id,
                                      .root_fingerprint = state->issuer->root_fingerprint,
                                      .token_id = token_id,
                                      .csr_hash = bytes_of(hash, 32),
                                      .asked_validity = asked_validity(item->arena, validity),
                                      .status = ATTEMPT_STARTED,
                                      .started_at = item->now};
    state->job = (struct issuer_sign_job){.arena = item->arena,
                                          .permit = state->job.permit,
                                          .deadline = ends_at(item, order),
                                          .csr = csr,
                                          .csr_der = order->csr,
                                          .token_id = token_id,
                                          .validity = *validity,
                                          .extended_key_usages = usages_of(item, order),
                                          .done = on_signed,
                                          .owner = item};
    return true;
}

static X509_REQ *read_csr(struct work_item *item)
{
    const struct issuance_work *state = item->state;
    X509_REQ *csr = x509_request_read(state->order.csr);
    if (csr != NULL)
        arena_on_free(item->arena, free_csr, csr);
    return csr;
}

/* What the CA said last, to this order or to whatever was tried in its place. */
static const char *last_words(struct work_item *item)
{
    struct attempt *attempts = NULL;
    size_t count = 0;
    if (store_attempts_of_order(item->work->session, item->arena, item->id, &attempts, &count) == STORE_OK)
        for (size_t i = count; i-- > 0;)
            if (attempts[i].message != NULL && attempts[i].message[0] != '\0')
                return attempts[i].message;
    struct issuer_status status;
    issuer_read_status(((struct issuance_work *)item->state)->issuer, &status);
    return status.last_error[0] == '\0' ? "it was not reachable" : arena_duplicate(item->arena, status.last_error);
}

static void give_up(struct work_item *item)
{
    const struct order *order = &((struct issuance_work *)item->state)->order;
    char waited[DURATION_TEXT_BYTES];
    duration_format(waited, ends_at(item, order) - order->processing_since);
    fail_order(item,
               problem_new(item->arena, PROBLEM_SERVER_INTERNAL,
                           "The certificate authority did not sign within %s: %s", waited, last_words(item)));
}

static const struct problem *plan_validity(struct work_item *item, const struct profile_config *profile,
                                           struct validity_request *out)
{
    const struct issuance_work *state = item->state;
    struct validity_limits limits;
    server_profile_limits(item->work->server, profile, &limits);
    return validity_plan(item->arena, &limits, item->now, state->order.not_before, state->order.not_after,
                         out);
}

/* An order that is not admitted waits on, as it stands in the database. */
static void attempt_if_admitted(struct work_item *item, const struct validity_request *validity)
{
    struct issuance_work *state = item->state;
    if (!issuer_admit(state->issuer, ISSUER_WORK_SIGN, &state->job.permit)) {
        work_item_end(item);
        return;
    }
    if (prepare_attempt(item, read_csr(item), validity)) {
        work_item_commit(item, apply_attempt, call_issuer);
        return;
    }
    issuer_end(state->issuer, &state->job.permit);
    fail_order(item,
               problem_new(item->arena, PROBLEM_SERVER_INTERNAL, "The signing request could not be prepared."));
}

static void attempt_order(struct work_item *item)
{
    struct issuance_work *state = item->state;
    struct server *server = item->work->server;
    const struct profile_config *profile = NULL;
    state->issuer = server_issuer_of_profile(server, state->order.profile, &profile);
    if (state->issuer == NULL) {
        fail_order(item, problem_new(item->arena, PROBLEM_INVALID_PROFILE,
                                     "The profile \"%s\" is no longer configured.", state->order.profile));
        return;
    }
    if (item->now >= ends_at(item, &state->order)) {
        give_up(item);
        return;
    }
    struct validity_request validity;
    const struct problem *problem = plan_validity(item, profile, &validity);
    if (problem != NULL)
        fail_order(item, problem);
    else
        attempt_if_admitted(item, &validity);
}

void work_issuance_begin(struct work *work, int64_t id)
{
    struct work_item *item = work_item_new(work, WORK_ISSUANCE, id);
    struct issuance_work *state = arena_alloc(item->arena, sizeof(*state));
    item->state = state;
    if (store_order_load(work->session, item->arena, id, &state->order) != STORE_OK ||
        state->order.status != ORDER_PROCESSING) {
        work_item_end(item);
        return;
    }
    attempt_order(item);
}

/* ---- taking up what is due ---- */

/* Whatever their issuer does. */
static enum store_result take_those_at_their_end(struct work *work, struct work_kind *kind, int64_t now)
{
    struct work_ids ids;
    int64_t since = now - work->server->config->finalize_give_up_after_s;
    enum store_result result = store_orders_processing_since(
        work->session, since, ids.id, work_ids_wanted(kind, kind->max_under_way), &ids.count);
    if (result == STORE_OK)
        work_take_up(work, kind, &ids, kind->max_under_way);
    return result;
}

static enum store_result take_queue(struct work *work, struct work_kind *kind, int64_t now, const char *profile)
{
    struct work_ids ids;
    struct issuer *issuer = server_issuer_of_profile(work->server, profile, NULL);
    size_t room = issuer == NULL ? kind->max_under_way : issuer_room(issuer, ISSUER_WORK_SIGN);
    enum store_result result =
        store_orders_due(work->session, profile, now, ids.id, work_ids_wanted(kind, room), &ids.count);
    if (result == STORE_OK)
        work_take_up(work, kind, &ids, room);
    return result;
}

void work_issuance_take(struct work *work, struct work_kind *kind, int64_t now)
{
    struct arena *arena = arena_new();
    const char *profile = "";
    enum store_result result = take_those_at_their_end(work, kind, now);
    while (result == STORE_OK &&
           (result = store_order_queue_after(work->session, arena, profile, &profile)) == STORE_OK)
        result = take_queue(work, kind, now, profile);
    if (result == STORE_FAILED)
        work_look_failed(kind);
    arena_free(arena);
}

/* ---- an issuance that goes straight on from its request ---- */

struct work_item *work_issuance_draft(struct work *work, X509_REQ *csr)
{
    struct work_item *draft = work_item_draft(work, WORK_ISSUANCE);
    if (draft == NULL) {
        X509_REQ_free(csr);
        return NULL;
    }
    struct issuance_work *state = arena_alloc(draft->arena, sizeof(*state));
    state->job.csr = csr;
    arena_on_free(draft->arena, free_csr, csr);
    draft->state = state;
    draft->step = call_issuer;
    draft->leased = true;
    return draft;
}

/* What stands in the way of an attempt is left to the outbound thread, which knows what follows from it. */
static bool plan_first_attempt(struct work_item *draft)
{
    struct issuance_work *state = draft->state;
    const struct profile_config *profile = NULL;
    struct validity_request validity;
    state->issuer = server_issuer_of_profile(draft->work->server, state->order.profile, &profile);
    if (state->issuer == NULL)
        return false;
    struct issuer_status status;
    issuer_read_status(state->issuer, &status);
    return status.well && plan_validity(draft, profile, &validity) == NULL &&
           prepare_attempt(draft, state->job.csr, &validity);
}

enum store_result work_issuance_write_attempt(struct work_item *draft, struct store_session *session,
                                              int64_t now, struct order *order)
{
    struct issuance_work *state = draft->state;
    draft->id = order->id;
    draft->now = now;
    state->order = order_copy(draft->arena, order);
    if (!plan_first_attempt(draft))
        return STORE_NOT_FOUND;
    state->order.next_attempt_at = now + HAND_OVER_LEASE_S;
    enum store_result result = store_attempt_insert(session, &state->attempt);
    if (result == STORE_OK) {
        order->attempt_count = state->order.attempt_count;
        order->next_attempt_at = state->order.next_attempt_at;
    }
    return result;
}
