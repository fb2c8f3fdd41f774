/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order.h"

#include <stdlib.h>

#include "acme/authorization.h"
#include "acme/base/base64.h"
#include "acme/base/time_text.h"
#include "acme/base/visible.h"
#include "acme/pki/csr.h"
#include "acme/renewal.h"

enum { ORDER_MAX_BYTES = 256 * 1024 };

/* ---- newOrder ---- */

/* The ancestor must be a domain above the name (RFC 9444). */
static const struct problem *parse_identifier(struct arena *arena, const struct json *json,
                                              struct identifier *out, const char **ancestor)
{
    const struct problem *problem = identifier_parse_json(arena, json, out);
    struct bytes text;
    struct identifier domain;
    if (problem != NULL || json_member(json, "ancestorDomain") == NULL)
        return problem;
    if (!json_member_string(json, "ancestorDomain", &text) ||
        !identifier_from_name(IDENTIFIER_DNS, text, &domain) || !identifier_is_below(out, domain.value))
        return problem_new(arena, PROBLEM_MALFORMED, "The ancestorDomain of %s is not a domain above it.",
                           out->value);
    *ancestor = arena_duplicate(arena, domain.value);
    return NULL;
}

/* Quotes a refused identifier: text as it was received, cut short. */
static const char *quoted_member(struct arena *arena, const struct json *json, const char *name)
{
    struct bytes text = {0};
    if (!json_member_string(json, name, &text) || !bytes_is_text(text))
        return "";
    return visible_copy(arena,
                        arena_printf(arena, "%.*s", text.n > 253 ? 253 : (int)text.n, (const char *)text.p));
}

/* Combines the problems. One bad name is answered with its own problem; several with a subproblem each, under
 * their common type when they have one (RFC 8555 §6.7.1). */
static const struct problem *combine(struct arena *arena, const struct problem *first,
                                     const struct subproblem *subproblems, size_t count)
{
    if (count == 1)
        return first;
    enum problem_type type = first->type;
    for (size_t i = 1; i < count; i++)
        if (subproblems[i].type != type)
            type = PROBLEM_COMPOUND;
    struct problem *problem = problem_new(arena, type, "%zu of the identifiers are refused.", count);
    problem->subproblems = subproblems;
    problem->subproblem_count = count;
    return problem;
}

static const struct problem *parse_identifiers(struct arena *arena, const struct json *list,
                                               struct order_request *out)
{
    const struct problem *first = NULL;
    struct subproblem *subproblems = arena_alloc_array(arena, list->count, sizeof subproblems[0]);
    size_t refused = 0;
    const char **ancestors = arena_alloc_array(arena, list->count, sizeof ancestors[0]);
    out->identifiers = arena_alloc_array(arena, list->count, sizeof out->identifiers[0]);
    out->ancestors = ancestors;
    for (size_t i = 0; i < list->count; i++) {
        const struct problem *problem =
            parse_identifier(arena, list->items[i], &out->identifiers[i], &ancestors[i]);
        if (problem == NULL)
            continue;
        if (first == NULL)
            first = problem;
        subproblems[refused++] =
            (struct subproblem){problem->type, problem->detail, quoted_member(arena, list->items[i], "type"),
                                quoted_member(arena, list->items[i], "value")};
    }
    out->identifier_count = list->count;
    return first == NULL ? NULL : combine(arena, first, subproblems, refused);
}

static const struct problem *check_unique(struct arena *arena, const struct order_request *request)
{
    size_t count = request->identifier_count;
    struct identifier *sorted = arena_alloc_array(arena, count, sizeof sorted[0]);
    memcpy(sorted, request->identifiers, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], identifier_compare);
    for (size_t i = 1; i < count; i++)
        if (identifier_compare(&sorted[i - 1], &sorted[i]) == 0)
            return problem_new(arena, PROBLEM_MALFORMED, "The identifier %s appears twice.", sorted[i].value);
    return NULL;
}

/* Go's form of a time that is not set: smallstep's `step` sends it in each of its orders. */
static const char go_zero_time[] = "0001-01-01T00:00:00Z";

static const struct problem *parse_time(struct arena *arena, const struct json *payload, const char *name,
                                        int64_t *out)
{
    const struct json *value = json_member(payload, name);
    if (value == NULL || (value->type == JSON_STRING && bytes_equal_string(value->string, go_zero_time)))
        return NULL;
    if (value->type != JSON_STRING || !time_parse(out, value->string) || *out <= 0)
        return problem_new(arena, PROBLEM_MALFORMED,
                           "\"%s\" is not a time such as 2026-01-02T03:04:05Z (RFC 3339).", name);
    return NULL;
}

static const struct problem *parse_profile(struct arena *arena, const struct json *payload, const char **out)
{
    const struct json *value = json_member(payload, "profile");
    if (value == NULL)
        return NULL;
    if (value->type != JSON_STRING || !bytes_is_text(value->string))
        return problem_new(arena, PROBLEM_MALFORMED, "\"profile\" is not a string.");
    *out = arena_string(arena, value->string);
    return NULL;
}

static const struct problem *parse_replaces(struct arena *arena, const struct json *payload,
                                            struct order_request *out)
{
    const struct json *value = json_member(payload, "replaces");
    if (value == NULL)
        return NULL;
    if (value->type != JSON_STRING || !renewal_id_parse(arena, value->string, out->replaces_serial))
        return problem_new(arena, PROBLEM_MALFORMED,
                           "\"replaces\" is not a certificate identifier (RFC 9773 §4.1).");
    out->replaces = arena_string(arena, value->string);
    return NULL;
}

const struct problem *order_parse_new(struct arena *arena, const struct json *payload, size_t max_identifiers,
                                      struct order_request *out)
{
    *out = (struct order_request){0};
    const struct json *list = json_member(payload, "identifiers");
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0)
        return problem_new(arena, PROBLEM_MALFORMED,
                           "An order needs \"identifiers\", an array of one at least.");
    if (list->count > max_identifiers)
        return problem_new(arena, PROBLEM_MALFORMED,
                           "An order may name %zu identifiers at most; this one names %zu.", max_identifiers,
                           list->count);
    const struct problem *problem = parse_identifiers(arena, list, out);
    if (problem == NULL)
        problem = check_unique(arena, out);
    if (problem == NULL)
        problem = parse_time(arena, payload, "notBefore", &out->not_before);
    if (problem == NULL)
        problem = parse_time(arena, payload, "notAfter", &out->not_after);
    if (problem == NULL)
        problem = parse_profile(arena, payload, &out->profile);
    if (problem == NULL)
        problem = parse_replaces(arena, payload, out);
    return problem;
}

/* ---- finalize ---- */

const struct problem *order_parse_finalize(struct arena *arena, const struct json *payload, struct bytes *csr)
{
    struct bytes text;
    if (!json_member_string(payload, "csr", &text))
        return problem_new(arena, PROBLEM_MALFORMED, "The payload has no \"csr\".");
    if (!base64url_decode(arena, text, csr))
        return problem_new(arena, PROBLEM_MALFORMED, "The \"csr\" is not base64url without padding.");
    return NULL;
}

/* ---- states ---- */

void order_fail(struct arena *arena, struct order *order, const struct problem *problem, int64_t now)
{
    order->status = ORDER_INVALID;
    order->status_since = now;
    order->next_attempt_at = 0;
    order->error_json = (const char *)problem_render(arena, problem).p;
}

/* Returns why an authorization ends its order for good; NULL when it does not. */
static const struct problem *authorization_fault(struct arena *arena,
                                                 const struct authorization *authorization, const char *name,
                                                 int64_t now)
{
    char when[TIME_TEXT_BYTES];
    const struct problem *problem;
    switch (authorization_status_at(authorization, now)) {
    case AUTHORIZATION_PENDING:
    case AUTHORIZATION_VALID:
        return NULL;
    case AUTHORIZATION_INVALID:
        problem = problem_read(arena, authorization->error_json);
        return problem != NULL
                   ? problem
                   : problem_new(arena, PROBLEM_UNAUTHORIZED, "Control of %s was not proven.", name);
    case AUTHORIZATION_DEACTIVATED:
        return problem_with_cause(arena, CAUSE_AUTHORIZATION_DEACTIVATED, PROBLEM_UNAUTHORIZED,
                                  "The client deactivated the authorization for %s.", name);
    case AUTHORIZATION_EXPIRED:
        time_format(when, authorization->expires_at);
        return problem_with_cause(arena, CAUSE_AUTHORIZATION_EXPIRED, PROBLEM_UNAUTHORIZED,
                                  "The authorization for %s expired at %s.", name, when);
    case AUTHORIZATION_REVOKED:
        break;
    }
    return problem_with_cause(arena, CAUSE_AUTHORIZATION_LAPSED, PROBLEM_UNAUTHORIZED,
                              "The authorization for %s was revoked.", name);
}

static const struct problem *order_fault(struct arena *arena, const struct order *order,
                                         const struct authorization *authorizations, size_t count,
                                         int64_t now)
{
    char when[TIME_TEXT_BYTES];
    if (order->expires_at <= now) {
        time_format(when, order->expires_at);
        return problem_with_cause(arena, CAUSE_ORDER_EXPIRED, PROBLEM_UNAUTHORIZED,
                                  "The order expired at %s, before all its names were proven; make "
                                  "a new one.",
                                  when);
    }
    for (size_t i = 0; i < count; i++) {
        const struct problem *problem =
            authorization_fault(arena, &authorizations[i], order->identifiers[i].value, now);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

/* The order ends with the first of its authorizations: it needs all of them. */
static void end_with_first(struct order *order, const struct authorization *authorizations, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (authorizations[i].expires_at < order->expires_at)
            order->expires_at = authorizations[i].expires_at;
}

const struct problem *order_settle(struct arena *arena, struct order *order,
                                   const struct authorization *authorizations, size_t count, int64_t now)
{
    if (order->status != ORDER_PENDING)
        return NULL;
    const struct problem *problem = order_fault(arena, order, authorizations, count, now);
    if (problem != NULL) {
        order_fail(arena, order, problem, now);
        return problem;
    }
    end_with_first(order, authorizations, count);
    size_t valid = 0;
    for (size_t i = 0; i < count; i++)
        valid += authorization_status_at(&authorizations[i], now) == AUTHORIZATION_VALID;
    if (count != 0 && valid == count) {
        order->status = ORDER_READY;
        order->status_since = now;
    }
    return NULL;
}

bool order_is_finalized_with(const struct order *order, struct bytes csr)
{
    bool is_finalized = order->status == ORDER_PROCESSING || order->status == ORDER_VALID;
    return is_finalized && csr.n != 0 && bytes_equal(order->csr, csr);
}

static const char *what_to_do_until_ready(enum order_status status)
{
    switch (status) {
    case ORDER_PENDING:
        return "Prove its pending authorizations first.";
    case ORDER_PROCESSING:
    case ORDER_VALID:
        return "It was finalized with another CSR; make a new order for this one.";
    case ORDER_INVALID:
        return "Its \"error\" says why; make a new one.";
    case ORDER_READY:
        break;
    }
    return "";
}

const struct problem *order_check_ready(struct arena *arena, const struct order *order)
{
    if (order->status == ORDER_READY)
        return NULL;
    return problem_new(arena, PROBLEM_ORDER_NOT_READY, "The order is %s, not ready. %s",
                       order_status_name(order->status), what_to_do_until_ready(order->status));
}

/* ---- rendering ---- */

static void write_identifiers(struct json_writer *writer, const struct order *order)
{
    json_key(writer, "identifiers");
    json_begin_array(writer);
    for (size_t i = 0; i < order->identifier_count; i++) {
        json_begin_object(writer);
        json_put_string(writer, "type", identifier_type_name(order->identifiers[i].type));
        json_put_string(writer, "value", order->identifiers[i].value);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void *copy_array(struct arena *arena, const void *items, size_t count, size_t item_bytes)
{
    void *copy = arena_alloc_array(arena, count, item_bytes);
    if (count != 0)
        memcpy(copy, items, count * item_bytes);
    return copy;
}

struct order order_copy(struct arena *arena, const struct order *order)
{
    struct order copy = *order;
    copy.endpoint = arena_duplicate(arena, order->endpoint);
    copy.profile = arena_duplicate(arena, order->profile);
    copy.identifiers =
        copy_array(arena, order->identifiers, order->identifier_count, sizeof copy.identifiers[0]);
    copy.authorization_ids = copy_array(arena, order->authorization_ids, order->identifier_count,
                                        sizeof copy.authorization_ids[0]);
    copy.csr = order->csr.n == 0 ? (struct bytes){0} : arena_copy(arena, order->csr);
    copy.error_json = arena_duplicate(arena, order->error_json);
    copy.client_address = arena_duplicate(arena, order->client_address);
    copy.user_agent = arena_duplicate(arena, order->user_agent);
    copy.replaces = arena_duplicate(arena, order->replaces);
    return copy;
}

struct bytes order_render(struct arena *arena, const struct urls *urls, const struct order *order)
{
    struct json_writer *writer = json_writer_new(arena, ORDER_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "status", order_status_name(order->status));
    json_put_time(writer, "expires", order->expires_at);
    write_identifiers(writer, order);
    json_put_time(writer, "notBefore", order->not_before);
    json_put_time(writer, "notAfter", order->not_after);
    json_put_string(writer, "profile", order->profile);
    json_put_string(writer, "replaces", order->replaces);
    if (order->error_json != NULL) {
        json_key(writer, "error");
        json_write_raw(writer, bytes_from_string(order->error_json));
    }
    json_key(writer, "authorizations");
    json_begin_array(writer);
    for (size_t i = 0; i < order->identifier_count; i++)
        json_write_string(writer, url_authorization(arena, urls, order->authorization_ids[i]));
    json_end_array(writer);
    json_put_string(writer, "finalize", url_finalize(arena, urls, order->id));
    if (order->status == ORDER_VALID)
        json_put_string(writer, "certificate", url_certificate(arena, urls, order->certificate_id));
    json_end_object(writer);
    return json_writer_finish(writer);
}
