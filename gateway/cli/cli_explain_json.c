/* SPDX-License-Identifier: Apache-2.0 */
/* The same explanations for programs, as members of one JSON object (docs/commands.md). */
#include "acme/authorization.h"
#include "acme/revocation.h"
#include "gateway/cli/cli_explain.h"
#include "gateway/cli/cli_json.h"
#include "store/events.h"

static void put_stored(struct json_writer *writer, const struct story *story, const char *name,
                       const char *json_text)
{
    if (json_text == NULL)
        return;
    json_key(writer, name);
    cli_json_write_stored(writer, story->arena, json_text);
}

static void put_id(struct json_writer *writer, const char *name, int64_t id)
{
    if (id != 0)
        json_put_integer(writer, name, id);
}

static void write_event(struct json_writer *writer, const struct event_row *row)
{
    const struct event *event = &row->event;
    json_begin_object(writer);
    json_put_integer(writer, "id", row->id);
    json_put_time(writer, "at", event->at);
    json_put_string(writer, "kind", row->type_name);
    json_put_string(writer, "who", event->actor);
    json_put_string(writer, "detail", event->detail);
    json_put_string(writer, "cause", cause_name(event->cause));
    put_id(writer, "account", event->account_id);
    put_id(writer, "authorization_id", event->authorization_id);
    put_id(writer, "certificate_id", event->certificate_id);
    json_put_string(writer, "request", event->request);
    json_end_object(writer);
}

static void put_account(struct json_writer *writer, const struct story *story)
{
    const struct account *account = &story->account;
    json_key(writer, "account");
    json_begin_object(writer);
    json_put_integer(writer, "id", account->id);
    json_put_string(writer, "state", account_status_name(account->status));
    put_stored(writer, story, "contacts", account->contacts_json);
    json_put_time(writer, "created", account->created_at);
    json_end_object(writer);
}

static void put_order(struct json_writer *writer, const struct story *story)
{
    const struct order *order = &story->order;
    bool expired = story_is_expired(story);
    json_key(writer, "order");
    json_begin_object(writer);
    json_put_integer(writer, "id", order->id);
    json_put_string(writer, "state", expired ? "expired" : order_status_name(order->status));
    json_put_time(writer, "since", expired ? order->expires_at : order->status_since);
    json_key(writer, "names");
    json_begin_array(writer);
    for (size_t i = 0; i < order->identifier_count; i++)
        json_write_string(writer, order->identifiers[i].value);
    json_end_array(writer);
    put_stored(writer, story, "error", order->error_json);
    json_put_time(writer, "created", order->created_at);
    json_put_time(writer, "expires", order->expires_at);
    json_put_string(writer, "address", order->client_address);
    json_put_string(writer, "user_agent", order->user_agent);
    json_put_string(writer, "endpoint", order->endpoint);
    json_put_string(writer, "profile", order->profile);
    put_account(writer, story);
    json_end_object(writer);
}

static void put_challenge(struct json_writer *writer, const struct authorization *authorization)
{
    if (authorization->chosen == 0)
        return;
    json_key(writer, "challenge");
    json_begin_object(writer);
    json_put_string(writer, "type", challenge_type_info(authorization->chosen)->name);
    json_put_string(writer, "state", challenge_status_name(authorization->challenge_status));
    json_put_integer(writer, "attempts", authorization->attempt_count);
    json_put_time(writer, "next_attempt", authorization->next_attempt_at);
    json_end_object(writer);
}

static void put_authorizations(struct json_writer *writer, const struct story *story)
{
    json_key(writer, "authorizations");
    json_begin_array(writer);
    for (size_t i = 0; i < story->order.identifier_count; i++) {
        const struct authorization *authorization = &story->authorizations[i];
        json_begin_object(writer);
        json_put_integer(writer, "id", authorization->id);
        json_put_string(writer, "name", story->order.identifiers[i].value);
        json_put_string(writer, "state",
                        authorization_status_name(authorization_status_at(authorization, story->now)));
        json_put_string(writer, "basis", authorization_basis_name(authorization->basis));
        put_id(writer, "parent", authorization->parent_id);
        json_put_time(writer, "expires", authorization->expires_at);
        put_challenge(writer, authorization);
        put_stored(writer, story, "error", authorization->error_json);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void put_attempts(struct json_writer *writer, const struct story *story)
{
    json_key(writer, "attempts");
    json_begin_array(writer);
    for (size_t i = 0; i < story->attempt_count; i++) {
        const struct attempt *attempt = &story->attempts[i];
        json_begin_object(writer);
        json_put_string(writer, "state", attempt_status_name(attempt->status));
        json_put_string(writer, "issuer", attempt->issuer);
        json_put_string(writer, "validity", attempt->asked_validity);
        json_put_string(writer, "token", attempt->token_id);
        json_put_time(writer, "started", attempt->started_at);
        json_put_time(writer, "ended", attempt->ended_at);
        put_id(writer, "http_status", attempt->http_status);
        json_put_string(writer, "message", attempt->message);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void put_revocation(struct json_writer *writer, const struct certificate *certificate)
{
    if (certificate->revocation_requested_at == 0)
        return;
    json_key(writer, "revocation");
    json_begin_object(writer);
    json_put_time(writer, "requested", certificate->revocation_requested_at);
    json_put_string(writer, "requested_by", certificate->revocation_requested_by);
    json_put_string(writer, "reason", revocation_reason_name(certificate->revocation_reason));
    json_put_time(writer, "confirmed", certificate->revoked_at);
    json_put_integer(writer, "attempts", certificate->revocation_attempt_count);
    json_put_time(writer, "next_attempt", certificate->revocation_next_attempt_at);
    json_put_string(writer, "error", certificate->revocation_error);
    if (certificate->correction_asked)
        json_put_string(writer, "correction", revocation_reason_name(certificate->correction_reason));
    json_end_object(writer);
}

static void put_certificate(struct json_writer *writer, const struct story *story)
{
    const struct certificate *certificate = &story->certificate;
    if (!story->has_certificate)
        return;
    json_key(writer, "certificate");
    json_begin_object(writer);
    json_put_integer(writer, "id", certificate->id);
    json_put_string(writer, "serial", certificate->serial);
    json_put_string(writer, "state", certificate_status_name(certificate->status));
    json_put_string(writer, "issuer", certificate->issuer);
    json_put_string(writer, "root_fingerprint", certificate->root_fingerprint);
    json_put_time(writer, "begins", certificate->not_before);
    json_put_time(writer, "expires", certificate->not_after);
    json_put_string(writer, "rejected_because", certificate->rejected_because);
    put_revocation(writer, certificate);
    json_end_object(writer);
}

static void put_cause(struct json_writer *writer, enum cause cause)
{
    const struct cause_info *info = cause_info(cause);
    json_key(writer, "cause");
    json_begin_object(writer);
    json_put_string(writer, "name", info->name);
    json_put_string(writer, "turn", turn_name(info->turn));
    json_put_string(writer, "next", info->next_step);
    json_end_object(writer);
}

void explain_json_story(struct json_writer *writer, const struct story *story)
{
    put_order(writer, story);
    put_authorizations(writer, story);
    put_attempts(writer, story);
    put_certificate(writer, story);
    json_key(writer, "events");
    json_begin_array(writer);
    for (size_t i = 0; i < story->event_count; i++)
        write_event(writer, &story->events[i]);
    json_end_array(writer);
    put_cause(writer, story_cause(story));
}

void explain_json_refused(struct json_writer *writer, const struct story *story, const struct event_row *row)
{
    json_key(writer, "refused");
    json_begin_object(writer);
    json_key(writer, "event");
    write_event(writer, row);
    json_key(writer, "names");
    cli_json_write_words(writer, story->arena, row->event.names);
    put_cause(writer, refused_cause(row));
    json_end_object(writer);
}

bool explain_json_word(struct json_writer *writer, const char *word)
{
    enum cause cause = cause_find(bytes_from_string(word));
    const struct event_type_info *type = event_type_info(event_type_find(bytes_from_string(word)));
    if (cause != CAUSE_NONE)
        put_cause(writer, cause);
    if (type != NULL) {
        json_key(writer, "event_type");
        json_begin_object(writer);
        json_put_string(writer, "name", type->name);
        json_put_string(writer, "meaning", type->meaning);
        json_put_string(writer, "about", event_subject_name(type->subject));
        json_put_string(writer, "severity", event_severity_name(type->severity));
        json_put_boolean(writer, "of_note", type->notify);
        json_end_object(writer);
    }
    return cause != CAUSE_NONE || type != NULL;
}
