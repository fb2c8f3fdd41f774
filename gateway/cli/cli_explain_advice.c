#include "acme/authorization.h"
#include "gateway/cli/cli_explain.h"
#include "stepca/outcome.h"

static const char *advice_for(const char *problem_type)
{
    static const struct {
        const char *type, *advice;
    } table[] = {
        {"connection",
         "let this server reach the name: look at its address, the firewall and who listens there"},
        {"dns", "make the name resolve as seen from this server (validation.resolvers says whom it asks)"},
        {"unauthorized",
         "what answered is not what the client prepared: look at the address that was dialled, and for a"
         " proxy or an older web server in front of the client"},
        {"incorrectResponse",
         "what answered is not what the client prepared: look at the address that was dialled, and"
         " for a proxy or an older web server in front of the client"},
        {"tls", "look at the TLS listener of the name"},
        {"rejectedIdentifier",
         "the CA or this endpoint does not issue for such a name: change its policy, or the name"},
        {"badCSR", "the client has to send another request: its names and key must be those of the order"},
        {"serverInternal",
         "look at the CA's words above and at 'acmegate check'; then have the client order again"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].type, problem_type) == 0)
            return table[i].advice;
    }
    return "the reason above says what to change";
}

/* ---- a refusal of the CA's ---- */

/* Whose turn it is. NULL: an attempt that no step-ca refused. */
static const char *advice_for_refusal(const struct story *story, const struct attempt *attempt)
{
    struct stepca_error error = {.message = attempt->message};
    if (attempt->status != ATTEMPT_REFUSED || attempt->http_status == 0 || attempt->message == NULL)
        return NULL;
    stepca_read_refusal(&error);
    switch (error.refusal) {
    case STEPCA_REFUSAL_CA:
        return arena_printf(
            story->arena,
            "the CA's operator: look at the CA's log of %s. Its policy, name constraints, template or "
            "webhook refused; the request itself fits the order",
            story_when(story, attempt->ended_at));
    case STEPCA_REFUSAL_TOO_LONG:
    case STEPCA_REFUSAL_TOO_SHORT:
        if (story->order.not_before != 0 || story->order.not_after != 0)
            return "the client: it asked for notBefore or notAfter that the CA does not grant";
        return arena_printf(
            story->arena,
            "the operator of acmegate: profile %s's max_ttl lies outside of what the CA grants. Change it, "
            "or the CA's claims; 'acmegate check' shows the CA's limits",
            story->order.profile);
    case STEPCA_REFUSAL_NAMES:
        return "the client: the names of its request must be those of the order";
    case STEPCA_REFUSAL_CSR:
    case STEPCA_REFUSAL_NONE:
        break;
    }
    return "the client: it has to send another request, with another key";
}

/* ---- what to do ---- */

/* The first name that keeps the order from going on; NULL when all are proven. */
static const struct authorization *blocking(const struct story *story)
{
    for (size_t i = 0; i < story->order.identifier_count; i++) {
        if (authorization_status_at(&story->authorizations[i], story->now) != AUTHORIZATION_VALID)
            return &story->authorizations[i];
    }
    return NULL;
}

static void advise_pending(const struct story *story)
{
    const struct authorization *authorization = blocking(story);
    if (authorization == NULL) {
        say("  nothing: every name is proven, the order goes on with the client's next request");
    } else if (authorization->chosen == 0) {
        say("  wait for the client: it has not asked for %s to be checked. If it is gone, start it again",
            authorization->identifier.value);
    } else {
        say("  %s is checked again %s; until then: %s", authorization->identifier.value,
            story_when(story,
                       authorization->next_attempt_at == 0 ? story->now : authorization->next_attempt_at),
            authorization->error_json == NULL
                ? "see that the client's answer stays in place"
                : advice_for(story_problem(story, authorization->error_json).type));
    }
}

static void advise_processing(const struct story *story)
{
    const struct attempt *last =
        story->attempt_count == 0 ? NULL : &story->attempts[story->attempt_count - 1];
    if (last == NULL || last->status == ATTEMPT_STARTED)
        say("  wait: the issuer is being asked");
    else
        say("  the issuer is asked again %s; see to the CA: its words above say what is wrong ('acmegate "
            "check' tries it)",
            story_when(story, story->order.next_attempt_at));
}

static void advise_valid(const struct story *story)
{
    const struct certificate *certificate = &story->certificate;
    if (!story->has_certificate)
        return;
    if (certificate->revoked_at != 0)
        say("  nothing: it is revoked; a new order gets a new certificate");
    else if (certificate->revocation_requested_at != 0)
        say("  see to the CA: the revocation is repeated %s and until it confirms",
            story_when(story, certificate->revocation_next_attempt_at));
    else if (certificate->not_after <= story->now)
        say("  it expired: if the name is still in use, see why the client did not renew it");
    else
        say("  nothing: the client should renew it before %s", story_when(story, certificate->not_after));
}

static void advise_invalid(const struct story *story)
{
    const struct authorization *authorization = blocking(story);
    const char *error = story->order.error_json;
    const char *refusal = story->attempt_count == 0
                              ? NULL
                              : advice_for_refusal(story, &story->attempts[story->attempt_count - 1]);
    if (refusal != NULL) {
        say("  it is the turn of %s", refusal);
        say("  then have the client order again: an invalid order stays invalid");
        return;
    }
    if (error == NULL && authorization != NULL)
        error = authorization->error_json;
    say("  %s", advice_for(story_problem(story, error).type));
    say("  then have the client order again: an invalid order stays invalid");
}

static void advise_about_orphans(const struct story *story)
{
    for (size_t i = 0; i < story->attempt_count; i++) {
        if (story->attempts[i].status == ATTEMPT_UNKNOWN)
            say("  possible orphan: whether the CA signed for token %s is not known. Look it up in the CA's "
                "records and"
                " revoke there what nobody has",
                story->attempts[i].token_id);
    }
}

void story_advise(const struct story *story)
{
    say("What to do next");
    if (story_is_expired(story))
        say("  have the client order again: this order was not finished in time");
    else if (story->order.status == ORDER_PENDING)
        advise_pending(story);
    else if (story->order.status == ORDER_READY)
        say("  wait for the client: every name is proven, its certificate request (finalize) is missing");
    else if (story->order.status == ORDER_PROCESSING)
        advise_processing(story);
    else if (story->order.status == ORDER_VALID)
        advise_valid(story);
    else
        advise_invalid(story);
    advise_about_orphans(story);
}
