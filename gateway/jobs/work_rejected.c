/* Certificates that were asked for without an order, for the server itself, and do not fit. */
#include "acme/certificate.h"
#include "gateway/jobs/work_internal.h"
#include "gateway/runtime/log.h"

struct rejected_work {
    struct certificate certificate;
    struct certificate_facts facts;
};

/* A row that is there already stays as it is. */
static enum store_apply_result apply_rejected(struct work_item *item, struct store_session *session)
{
    struct rejected_work *state = item->state;
    struct certificate *certificate = &state->certificate;
    enum store_result result = store_certificate_insert(session, certificate, state->facts.identifiers,
                                                        state->facts.identifier_count);
    if (result == STORE_NOT_FOUND)
        return STORE_APPLIED;
    METRICS_NOTE(&item->notes, METRIC_REVOCATIONS_REQUESTED, metrics_issuer(certificate->issuer));
    const struct event event = {.kind = "certificate.rejected",
                                .certificate_id = certificate->id,
                                .detail = certificate->rejected_because,
                                .cause = CAUSE_CERTIFICATE_MISFIT};
    if (result == STORE_OK)
        result = work_record(item, session, &event);
    return store_applied(result);
}

static void on_stored(struct work_item *item)
{
    struct work *work = item->work;
    work_draft_drop(item);
    work_wake(work, WORK_DUE_REVOCATIONS);
}

void work_keep_rejected(struct work *work, const struct issuer *issuer, const struct bytes *chain,
                        size_t count, const char *why)
{
    struct work_item *item = count == 0 ? NULL : work_item_draft(work, WORK_REVOCATION);
    if (item == NULL)
        return;
    struct rejected_work *state = arena_alloc(item->arena, sizeof(*state));
    *state = (struct rejected_work){0};
    item->state = state;
    struct bytes leaf = arena_copy(item->arena, chain[0]);
    if (!certificate_read_facts(item->arena, leaf, &state->facts)) {
        work_draft_drop(item);
        return;
    }
    state->certificate = (struct certificate){
        .issuer = arena_duplicate(item->arena, issuer->id),
        .root_fingerprint = arena_duplicate(item->arena, issuer->root_fingerprint),
        .serial = state->facts.serial,
        .leaf = leaf,
        .chain_pem = certificates_to_pem(item->arena, chain + 1, count - 1),
        .key_hash = bytes_of(state->facts.key_hash, sizeof(state->facts.key_hash)),
        .not_before = state->facts.not_before,
        .not_after = state->facts.not_after,
        .status = CERTIFICATE_REJECTED,
        .origin = CERTIFICATE_NATIVE,
        .created_at = item->now,
        .rejected_because = arena_duplicate(item->arena, why),
        .revocation_requested_at = item->now,
        .revocation_requested_by = "gateway",
        .revocation_next_attempt_at = item->now,
    };
    log_error("issuer %s: certificate %s is rejected, and revoked: %s", issuer->id, state->facts.serial, why);
    work_item_commit(item, apply_rejected, on_stored);
}
