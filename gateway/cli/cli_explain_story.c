/* SPDX-License-Identifier: Apache-2.0 */
/* The history of an order, for people. */
#include <stdio.h>

#include "acme/authorization.h"
#include "acme/base/json.h"
#include "acme/base/time_text.h"
#include "acme/revocation.h"
#include "gateway/cli/cli_explain.h"
#include "gateway/cli/terminal.h"
#include "stepca/outcome.h"

/* ---- words ---- */

const char *story_when(const struct story *story, int64_t at)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    char text[TIME_TEXT_BYTES];
    time_format(text, at);
    int64_t distance = at > story->now ? at - story->now : story->now - at;
    size_t unit = 0;
    while (unit < 3 && distance < 2 * units[unit].seconds)
        unit++;
    int64_t count = distance / units[unit].seconds;
    return arena_printf(story->arena, at > story->now ? "%s (in %lld %s%s)" : "%s (%lld %s%s ago)", text,
                        (long long)count, units[unit].name, count == 1 ? "" : "s");
}

struct stored_problem story_problem(const struct story *story, const char *problem_json)
{
    static const char prefix[] = "urn:ietf:params:acme:error:";
    struct stored_problem problem = {"", ""};
    struct bytes text;
    if (problem_json == NULL)
        return problem;
    const struct json *json =
        json_parse(story->arena, bytes_from_string(problem_json), &json_limits_request, NULL);
    if (json_member_string(json, "detail", &text))
        problem.detail = arena_string(story->arena, text);
    if (json_member_string(json, "type", &text) && bytes_has_prefix(text, bytes_from_string(prefix)))
        problem.type =
            arena_string(story->arena, bytes_of(text.p + sizeof prefix - 1, text.n - sizeof prefix + 1));
    return problem;
}

static const char *or_unknown(const char *text)
{
    return text == NULL || text[0] == '\0' ? "unknown" : text;
}

bool story_is_expired(const struct story *story)
{
    const struct order *order = &story->order;
    return (order->status == ORDER_PENDING || order->status == ORDER_READY) &&
           order->expires_at <= story->now;
}

/* ---- the parts ---- */

static void show_order(const struct story *story)
{
    const struct order *order = &story->order;
    bool expired = story_is_expired(story);
    say("Order %lld for %s", (long long)order->id,
        identifiers_join(story->arena, order->identifiers, order->identifier_count));
    say("  state     %s since %s", expired ? "expired" : order_status_name(order->status),
        story_when(story, expired ? order->expires_at : order->status_since));
    if (order->error_json != NULL)
        say("  because   %s", story_problem(story, order->error_json).detail);
    say("  ordered   %s", story_when(story, order->created_at));
    say("  from      %s, \"%s\"", or_unknown(order->client_address), or_unknown(order->user_agent));
    say("  account   %lld (%s, contacts %s), made %s", (long long)story->account.id,
        account_status_name(story->account.status), story->account.contacts_json,
        story_when(story, story->account.created_at));
    say("  endpoint  %s, profile %s", or_unknown(order->endpoint), order->profile);
}

static void show_event(const struct story *story, const struct event_row *row)
{
    const struct event *event = &row->event;
    say("    %s  %s, by %s%s%s", story_when(story, event->at), row->type_name, event->actor,
        event->detail == NULL ? "" : ": ", event->detail == NULL ? "" : event->detail);
}

static void show_authorization(const struct story *story, size_t i)
{
    const struct authorization *authorization = &story->authorizations[i];
    enum authorization_status status = authorization_status_at(authorization, story->now);
    bool lasting = authorization->expires_at > story->now;
    say("  %s: authorization %lld, %s, %s %s", story->order.identifiers[i].value,
        (long long)authorization->id, authorization_status_name(status), lasting ? "lasts until" : "ended",
        story_when(story, authorization->expires_at));
    if (authorization->basis == AUTHORIZATION_INHERITED)
        say("    inherited from authorization %lld", (long long)authorization->parent_id);
    else if (authorization->basis > AUTHORIZATION_INHERITED)
        say("    not proven: %s", authorization_basis_name(authorization->basis));
    else if (authorization->chosen == 0) {
        say("    the client has not asked for a challenge");
    } else {
        say("    %s is %s, tries: %lld", challenge_type_info(authorization->chosen)->name,
            challenge_status_name(authorization->challenge_status), (long long)authorization->attempt_count);
    }
    if (authorization->error_json != NULL) {
        struct stored_problem problem = story_problem(story, authorization->error_json);
        say("    reason: %s: %s", problem.type, problem.detail);
    }
    for (size_t n = 0; n < story->event_count; n++) {
        if (story->events[n].event.authorization_id == authorization->id)
            show_event(story, &story->events[n]);
    }
}

/* Shows a limit of the CA that acmegate did not know. */
static void show_what_was_learned(const struct attempt *attempt)
{
    struct stepca_error error = {.message = attempt->message};
    if (attempt->status != ATTEMPT_REFUSED || attempt->http_status == 0 || attempt->message == NULL)
        return;
    stepca_read_refusal(&error);
    bool too_long = error.refusal == STEPCA_REFUSAL_TOO_LONG;
    char limit[DURATION_TEXT_BYTES];
    duration_format(limit, error.limit_s);
    if (too_long || error.refusal == STEPCA_REFUSAL_TOO_SHORT)
        say("     learned: the CA's %s is %s%s. step-ca does not publish authority-wide claims, so another "
            "one was assumed",
            too_long ? "maximum" : "minimum", limit, too_long ? ", its backdate included" : "");
}

static void show_attempts(const struct story *story)
{
    if (story->attempt_count > 0)
        say("Signing");
    for (size_t i = 0; i < story->attempt_count; i++) {
        const struct attempt *attempt = &story->attempts[i];
        bool asked_validity = attempt->asked_validity != NULL && attempt->asked_validity[0] != '\0';
        say("  %zu. %s: asked issuer %s, validity %s, token %s", i + 1,
            story_when(story, attempt->started_at), attempt->issuer,
            asked_validity ? attempt->asked_validity : "as the CA decides", attempt->token_id);
        say("     %s%s%s%s", attempt_status_name(attempt->status),
            attempt->http_status == 0 ? "" : arena_printf(story->arena, ", HTTP %d", attempt->http_status),
            attempt->message == NULL || attempt->message[0] == '\0' ? "" : ": ",
            attempt->message == NULL ? "" : attempt->message);
        show_what_was_learned(attempt);
    }
}

static void show_revocation(const struct story *story)
{
    const struct certificate *certificate = &story->certificate;
    if (certificate->revocation_requested_at == 0) {
        say("  revoked   no");
        return;
    }
    say("  revoked   requested %s by %s, reason %s", story_when(story, certificate->revocation_requested_at),
        or_unknown(certificate->revocation_requested_by),
        revocation_reason_name(certificate->revocation_reason));
    if (certificate->revoked_at != 0)
        say("            confirmed by the CA %s", story_when(story, certificate->revoked_at));
    if (certificate->correction_asked)
        say("            reason %s is requested instead; the CA has not answered",
            revocation_reason_name(certificate->correction_reason));
    if (certificate->revoked_at != 0 && certificate->revocation_error != NULL)
        say("            %s", certificate->revocation_error);
    if (certificate->revoked_at == 0)
        say("            NOT confirmed by the CA after %lld tries, last answer: %s",
            (long long)certificate->revocation_attempt_count, or_unknown(certificate->revocation_error));
}

static void show_certificate(const struct story *story)
{
    const struct certificate *certificate = &story->certificate;
    if (!story->has_certificate)
        return;
    say("Certificate %lld", (long long)certificate->id);
    say("  serial    %s", certificate->serial);
    say("  issuer    %s, root %s", certificate->issuer, certificate->root_fingerprint);
    say("  from      %s", story_when(story, certificate->not_before));
    say("  expires   %s", story_when(story, certificate->not_after));
    if (certificate->rejected_because != NULL)
        say("  rejected  %s", certificate->rejected_because);
    show_revocation(story);
}

static void show_timeline(const struct story *story)
{
    say("Events");
    for (size_t i = 0; i < story->event_count; i++) {
        if (story->events[i].event.authorization_id == 0)
            show_event(story, &story->events[i]);
    }
}

void story_show(const struct story *story)
{
    show_order(story);
    say("Names");
    for (size_t i = 0; i < story->order.identifier_count; i++)
        show_authorization(story, i);
    show_attempts(story);
    show_certificate(story);
    show_timeline(story);
    story_advise(story);
}
