/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"
#include "gateway/cli/cli_explain.h"
#include "gateway/cli/terminal.h"
#include "store/events.h"

/* ---- the cause ---- */

static void say_cause(enum cause cause)
{
    const struct cause_info *info = cause_info(cause);
    say("  cause     %s", info->name);
    say("  turn      %s", turn_name(info->turn));
    say("  next      %s", info->next_step);
}

void story_say_cause(enum cause cause)
{
    say("What to do next");
    say_cause(cause);
}

/* Returns the cause of the newest event with these ids. 0 means that the event has no such id, ANY matches
 * all. */
enum { ANY = -1 };
static enum cause last_cause(const struct story *story, int64_t authorization_id, int64_t certificate_id,
                             enum cause otherwise)
{
    for (size_t i = story->event_count; i-- > 0;) {
        const struct event *event = &story->events[i].event;
        if (event->cause != CAUSE_NONE && event->authorization_id == authorization_id &&
            (certificate_id == ANY || event->certificate_id == certificate_id))
            return event->cause;
    }
    return otherwise;
}

/* Returns the first authorization that is not valid; NULL when all are. */
static const struct authorization *blocking(const struct story *story)
{
    for (size_t i = 0; i < story->order.identifier_count; i++) {
        if (authorization_status_at(&story->authorizations[i], story->now) != AUTHORIZATION_VALID)
            return &story->authorizations[i];
    }
    return NULL;
}

static enum cause cause_of_pending(const struct story *story)
{
    const struct authorization *authorization = blocking(story);
    if (authorization == NULL)
        return CAUSE_WAITING_FOR_FINALIZE;
    if (authorization->chosen == 0)
        return CAUSE_WAITING_FOR_CHALLENGE;
    return last_cause(story, authorization->id, ANY, CAUSE_VALIDATION_UNDER_WAY);
}

static const struct attempt *last_attempt(const struct story *story)
{
    return story->attempt_count == 0 ? NULL : &story->attempts[story->attempt_count - 1];
}

static enum cause cause_of_processing(const struct story *story)
{
    const struct attempt *last = last_attempt(story);
    return last == NULL || last->status == ATTEMPT_STARTED
               ? CAUSE_ISSUANCE_UNDER_WAY
               : last_cause(story, 0, ANY, CAUSE_ISSUANCE_UNDER_WAY);
}

static enum cause cause_of_valid(const struct story *story)
{
    const struct certificate *certificate = &story->certificate;
    if (!story->has_certificate)
        return CAUSE_CERTIFICATE_GOOD;
    if (certificate->revoked_at != 0 && !certificate->correction_asked)
        return certificate->revocation_error == NULL ? CAUSE_CERTIFICATE_REVOKED
                                                     : CAUSE_REVOCATION_REASON_KEPT;
    if (certificate->revocation_requested_at != 0)
        return last_cause(story, 0, certificate->id, CAUSE_REVOCATION_UNDER_WAY);
    return certificate->not_after <= story->now ? CAUSE_CERTIFICATE_EXPIRED : CAUSE_CERTIFICATE_GOOD;
}

static enum cause cause_of_invalid(const struct story *story)
{
    const struct authorization *authorization = blocking(story);
    const char *error = story->order.error_json;
    if (error == NULL && authorization != NULL)
        error = authorization->error_json;
    const struct problem *problem = problem_read(story->arena, error);
    return problem == NULL ? CAUSE_SERVER_FAULT : problem->cause;
}

enum cause story_cause(const struct story *story)
{
    if (story_is_expired(story))
        return CAUSE_ORDER_EXPIRED;
    switch (story->order.status) {
    case ORDER_PENDING:
        return cause_of_pending(story);
    case ORDER_READY:
        return last_cause(story, 0, ANY, CAUSE_WAITING_FOR_FINALIZE);
    case ORDER_PROCESSING:
        return cause_of_processing(story);
    case ORDER_VALID:
        return cause_of_valid(story);
    case ORDER_INVALID:
        break;
    }
    return cause_of_invalid(story);
}

/* ---- when ---- */

static void say_when(const struct story *story)
{
    const struct order *order = &story->order;
    const struct certificate *certificate = &story->certificate;
    const struct authorization *authorization = blocking(story);
    if (story_is_expired(story))
        return;
    if (order->status == ORDER_PENDING && authorization != NULL && authorization->chosen != 0)
        say("  %s is checked again %s", authorization->identifier.value,
            story_when(story,
                       authorization->next_attempt_at == 0 ? story->now : authorization->next_attempt_at));
    else if (order->status == ORDER_PENDING && authorization != NULL)
        say("  the client has not asked for %s to be checked", authorization->identifier.value);
    else if (order->status == ORDER_PROCESSING && last_attempt(story) != NULL &&
             last_attempt(story)->status != ATTEMPT_STARTED)
        say("  the issuer is asked again %s", story_when(story, order->next_attempt_at));
    else if (order->status == ORDER_INVALID)
        say("  an invalid order stays invalid: the client makes a new one");
    else if (order->status == ORDER_VALID && certificate->revocation_next_attempt_at != 0)
        say("  the revocation is requested again %s",
            story_when(story, certificate->revocation_next_attempt_at));
    else if (order->status == ORDER_VALID && certificate->revocation_requested_at == 0 &&
             certificate->not_after > story->now)
        say("  the client should renew it before %s", story_when(story, certificate->not_after));
}

/* ---- leftovers ---- */

/* The revocation of a rejected certificate goes on apart from the order. */
static void advise_about_rejected(const struct story *story)
{
    const struct certificate *certificate = &story->certificate;
    if (!story->has_certificate || certificate->status != CERTIFICATE_REJECTED ||
        certificate->revoked_at != 0)
        return;
    say("The certificate that nobody got");
    enum cause cause = last_cause(story, 0, certificate->id, CAUSE_REVOCATION_UNDER_WAY);
    say_cause(certificate->revocation_attempt_count == 0 ? CAUSE_REVOCATION_UNDER_WAY : cause);
}

static void advise_about_orphans(const struct story *story)
{
    for (size_t i = 0; i < story->attempt_count; i++) {
        if (story->attempts[i].status == ATTEMPT_UNKNOWN)
            say("  possible orphan: it is unknown whether the CA signed for token %s. Look it up in the CA's "
                "records, and revoke there a certificate that nobody has",
                story->attempts[i].token_id);
    }
}

void story_advise(const struct story *story)
{
    story_say_cause(story_cause(story));
    say_when(story);
    advise_about_orphans(story);
    advise_about_rejected(story);
}
