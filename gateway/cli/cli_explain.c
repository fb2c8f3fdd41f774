/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "acme/authorization.h"
#include "acme/base/time_text.h"
#include "acme/base/visible.h"
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_explain.h"
#include "gateway/runtime/clock.h"
#include "stepca/outcome.h"
#include "store/accounts.h"
#include "store/attempts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/orders.h"

enum { EARLIER_ORDERS_SHOWN = 10 };

/* ---- words ---- */

void say(const char *format, ...)
{
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    line[visible_clean(line, strlen(line), VISIBLE_ONE_LINE)] = '\0';
    puts(line);
}

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

/* ---- reading ---- */

static enum store_result load_certificate(struct store_reader *reader, struct story *story)
{
    int64_t id = story->order.certificate_id;
    for (size_t i = 0; i < story->event_count; i++) {
        if (id == 0 && story->events[i].event.type == EVENT_CERTIFICATE_REJECTED)
            id = story->events[i].event.certificate_id;
    }
    if (id == 0)
        return STORE_OK;
    enum store_result result = store_certificate_load(reader, story->arena, id, &story->certificate);
    story->has_certificate = result == STORE_OK;
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}

static enum store_result load_story(struct store_reader *reader, int64_t id, struct story *story)
{
    struct order *order = &story->order;
    enum store_result result = store_order_load(reader, story->arena, id, order);
    if (result == STORE_OK)
        result = store_account_load(reader, story->arena, order->account_id, &story->account);
    story->authorizations =
        arena_alloc_array(story->arena, order->identifier_count, sizeof *story->authorizations);
    for (size_t i = 0; result == STORE_OK && i < order->identifier_count; i++)
        result = store_authorization_load(reader, story->arena, order->authorization_ids[i],
                                          &story->authorizations[i]);
    if (result == STORE_OK)
        result = store_attempts_of_order(reader, story->arena, id, &story->attempts, &story->attempt_count);
    if (result == STORE_OK)
        result = store_events_of_order(reader, story->arena, id, &story->events, &story->event_count);
    return result == STORE_OK ? load_certificate(reader, story) : result;
}

/* The meaning of the argument: an id (or an order's URL), or a name. */
struct asked {
    const char *word;
    int64_t id;             /* 0: a name */
    struct identifier name; /* empty: none that could be ordered */
};

static struct asked read_word(struct arena *arena, const char *word)
{
    const char *slash = strrchr(word, '/');
    struct asked asked = {word, url_parse_id(bytes_from_string(slash == NULL ? word : slash + 1)), {0}};
    struct bytes text = bytes_from_string(word);
    if (asked.id == 0 && !identifier_from_name(IDENTIFIER_DNS, text, &asked.name) &&
        identifier_parse(arena, BYTES_LITERAL("ip"), text, &asked.name) != NULL)
        asked.name.value[0] = '\0';
    return asked;
}

/* Finds the orders of a name, the newest first. */
static enum store_result find_orders(struct store_reader *reader, const struct asked *asked, int64_t *ids,
                                     size_t *count)
{
    *count = asked->id == 0 ? 0 : 1;
    ids[0] = asked->id;
    if (asked->id != 0 || asked->name.value[0] == '\0')
        return STORE_OK;
    return store_orders_of_name(reader, asked->name.value, ids, EARLIER_ORDERS_SHOWN + 1, count);
}

static void show_earlier(struct store_reader *reader, const struct story *story, const int64_t *ids,
                         size_t count)
{
    if (count > 0)
        say("Earlier orders");
    for (size_t i = 0; i < count; i++) {
        struct order order;
        if (store_order_load(reader, story->arena, ids[i], &order) == STORE_OK)
            say("  %lld: %s since %s", (long long)order.id, order_status_name(order.status),
                story_when(story, order.status_since));
    }
}

static int nothing_known(const struct cli_arguments *arguments)
{
    return cli_fail(
        arguments, CLI_FAILED,
        "no order of '%s' in %s, and no refused request for it.\n"
        "Check its spelling (a wildcard begins with \"*.\"), and that the client uses this server's "
        "directory URL.\n"
        "A request without a valid account leaves no record. Its problem names a \"cause\", which "
        "'acmegate explain CAUSE' explains",
        arguments->words[0], store_location_text(arguments->location));
}

static int unreadable(const struct cli_arguments *arguments)
{
    return cli_fail(arguments, CLI_FAILED, "%s cannot be read", store_location_text(arguments->location));
}

/* Without an order, a refused request may have named it. */
static int explain_without_order(const struct cli_arguments *arguments, struct store_reader *reader,
                                 const struct story *story, const struct asked *asked)
{
    enum store_result refused =
        asked->name.value[0] == '\0' ? STORE_NOT_FOUND : explain_refused(reader, story, asked->name.value, 0);
    if (refused == STORE_NOT_FOUND && !explain_word(asked->word))
        return nothing_known(arguments);
    return refused == STORE_FAILED ? unreadable(arguments) : CLI_OK;
}

static int explain(const struct cli_arguments *arguments, struct store_reader *reader)
{
    struct arena *arena = arguments->arena;
    int64_t ids[EARLIER_ORDERS_SHOWN + 1];
    size_t count;
    struct story story = {.arena = arena, .now = clock_now()};
    const struct asked asked = read_word(arena, arguments->words[0]);
    enum store_result result = find_orders(reader, &asked, ids, &count);
    if (result == STORE_OK && count > 0)
        result = load_story(reader, ids[0], &story);
    if (result == STORE_FAILED)
        return unreadable(arguments);
    if (result == STORE_NOT_FOUND || count == 0)
        return explain_without_order(arguments, reader, &story, &asked);
    show_order(&story);
    say("Names");
    for (size_t i = 0; i < story.order.identifier_count; i++)
        show_authorization(&story, i);
    show_attempts(&story);
    show_certificate(&story);
    show_timeline(&story);
    story_advise(&story);
    show_earlier(reader, &story, ids + 1, count - 1);
    return asked.id == 0 && explain_refused(reader, &story, asked.name.value, story.order.id) == STORE_FAILED
               ? unreadable(arguments)
               : CLI_OK;
}

static int run(const struct cli_arguments *arguments)
{
    struct store_reader *reader = cli_open_reader(arguments);
    if (reader == NULL)
        return CLI_FAILED;
    int status = explain(arguments, reader);
    store_reader_close(reader);
    return status;
}

static const struct cli_action actions[] = {
    {.words = "NAME|ORDER|CAUSE|EVENT",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .help = "Shows the history of an order, or of the newest one for a name: whose turn it is, and the next "
             "step. Explains a problem's \"cause\" or a type of event, too.",
     .run = run}};

const struct cli_command cli_explain = {"explain", "show what happened to an order and what to do next",
                                        actions, 1};
