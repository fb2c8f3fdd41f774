/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "acme/base/visible.h"

/* A detail holds words from outside (names, a CA's message); these limits bound it. */
enum { DETAIL_MAX_BYTES = 1024, DOCUMENT_MAX_BYTES = 256 * 1024 };

#define TYPE_PREFIX "urn:ietf:params:acme:error:"

static const struct {
    const char *urn;
    int status;
    enum cause cause;
} types[] = {
    [PROBLEM_ACCOUNT_DOES_NOT_EXIST] = {TYPE_PREFIX "accountDoesNotExist", 400, CAUSE_ACCOUNT_UNKNOWN},
    [PROBLEM_ALREADY_REPLACED] = {TYPE_PREFIX "alreadyReplaced", 409, CAUSE_ALREADY_REPLACED},
    [PROBLEM_ALREADY_REVOKED] = {TYPE_PREFIX "alreadyRevoked", 400, CAUSE_ALREADY_REVOKED},
    [PROBLEM_BAD_CSR] = {TYPE_PREFIX "badCSR", 400, CAUSE_CSR_MALFORMED},
    [PROBLEM_BAD_NONCE] = {TYPE_PREFIX "badNonce", 400, CAUSE_NONCE_USED},
    [PROBLEM_BAD_PUBLIC_KEY] = {TYPE_PREFIX "badPublicKey", 400, CAUSE_ACCOUNT_KEY_REFUSED},
    [PROBLEM_BAD_REVOCATION_REASON] = {TYPE_PREFIX "badRevocationReason", 400,
                                       CAUSE_REVOCATION_REASON_REFUSED},
    [PROBLEM_BAD_SIGNATURE_ALGORITHM] = {TYPE_PREFIX "badSignatureAlgorithm", 400,
                                         CAUSE_SIGNATURE_ALGORITHM_REFUSED},
    [PROBLEM_CAA] = {TYPE_PREFIX "caa", 400, CAUSE_CAA_FORBIDS},
    [PROBLEM_COMPOUND] = {TYPE_PREFIX "compound", 400, CAUSE_REQUEST_MALFORMED},
    [PROBLEM_CONNECTION] = {TYPE_PREFIX "connection", 400, CAUSE_CONNECTION_FAILED},
    [PROBLEM_DNS] = {TYPE_PREFIX "dns", 400, CAUSE_NAME_SERVER_FAILED},
    [PROBLEM_EXTERNAL_ACCOUNT_REQUIRED] = {TYPE_PREFIX "externalAccountRequired", 403, CAUSE_EAB_REQUIRED},
    [PROBLEM_INCORRECT_RESPONSE] = {TYPE_PREFIX "incorrectResponse", 400, CAUSE_HTTP_WRONG_CONTENT},
    [PROBLEM_INVALID_CONTACT] = {TYPE_PREFIX "invalidContact", 400, CAUSE_CONTACT_REFUSED},
    [PROBLEM_INVALID_PROFILE] = {TYPE_PREFIX "invalidProfile", 400, CAUSE_PROFILE_UNKNOWN},
    [PROBLEM_MALFORMED] = {TYPE_PREFIX "malformed", 400, CAUSE_REQUEST_MALFORMED},
    [PROBLEM_ORDER_NOT_READY] = {TYPE_PREFIX "orderNotReady", 403, CAUSE_ORDER_NOT_READY},
    [PROBLEM_RATE_LIMITED] = {TYPE_PREFIX "rateLimited", 429, CAUSE_RATE_LIMITED},
    [PROBLEM_REJECTED_IDENTIFIER] = {TYPE_PREFIX "rejectedIdentifier", 403, CAUSE_NAME_REFUSED},
    [PROBLEM_SERVER_INTERNAL] = {TYPE_PREFIX "serverInternal", 500, CAUSE_SERVER_FAULT},
    [PROBLEM_TLS] = {TYPE_PREFIX "tls", 400, CAUSE_TLS_FAILED},
    [PROBLEM_UNAUTHORIZED] = {TYPE_PREFIX "unauthorized", 403, CAUSE_NOT_PERMITTED},
    [PROBLEM_UNSUPPORTED_CONTACT] = {TYPE_PREFIX "unsupportedContact", 400, CAUSE_CONTACT_REFUSED},
    [PROBLEM_UNSUPPORTED_IDENTIFIER] = {TYPE_PREFIX "unsupportedIdentifier", 400,
                                        CAUSE_IDENTIFIER_UNSUPPORTED},
    [PROBLEM_USER_ACTION_REQUIRED] = {TYPE_PREFIX "userActionRequired", 403, CAUSE_TERMS_NOT_AGREED},
};

[[gnu::format(printf, 4, 0)]] static struct problem *make(struct arena *arena, enum problem_type type,
                                                          int status, const char *format, va_list arguments)
{
    char detail[DETAIL_MAX_BYTES];
    if (vsnprintf(detail, sizeof detail, format, arguments) < 0) {
        detail[0] = '\0';
    }
    detail[visible_clean(detail, strlen(detail), VISIBLE_ONE_LINE)] = '\0';
    struct problem *problem = arena_alloc(arena, sizeof *problem);
    problem->type = type;
    problem->cause = types[type].cause;
    problem->status = status;
    problem->detail = arena_duplicate(arena, detail);
    return problem;
}

struct problem *problem_new(struct arena *arena, enum problem_type type, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct problem *problem = make(arena, type, types[type].status, format, arguments);
    va_end(arguments);
    return problem;
}

struct problem *problem_with_cause(struct arena *arena, enum cause cause, enum problem_type type,
                                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct problem *problem = make(arena, type, types[type].status, format, arguments);
    va_end(arguments);
    problem->cause = cause;
    return problem;
}

struct problem *problem_with_status(struct arena *arena, int status, enum problem_type type,
                                    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct problem *problem = make(arena, type, status, format, arguments);
    va_end(arguments);
    return problem;
}

const struct problem *problem_because(struct arena *arena, enum cause cause, const struct problem *problem)
{
    if (problem == NULL)
        return NULL;
    struct problem *copy = arena_alloc(arena, sizeof *copy);
    *copy = *problem;
    copy->cause = cause;
    return copy;
}

const char *problem_type_name(enum problem_type type)
{
    return types[type].urn + strlen(TYPE_PREFIX);
}

static void write_detail(struct json_writer *writer, const char *detail)
{
    json_key(writer, "detail");
    json_write_bytes(writer, bytes_from_string(detail));
}

static void write_subproblem(struct json_writer *writer, const struct subproblem *subproblem)
{
    json_begin_object(writer);
    json_put_string(writer, "type", types[subproblem->type].urn);
    write_detail(writer, subproblem->detail);
    json_key(writer, "identifier");
    json_begin_object(writer);
    json_put_string(writer, "type", subproblem->identifier_type);
    json_key(writer, "value");
    json_write_bytes(writer, bytes_from_string(subproblem->identifier_value));
    json_end_object(writer);
    json_end_object(writer);
}

void problem_write(struct json_writer *writer, const struct problem *problem)
{
    json_begin_object(writer);
    json_put_string(writer, "type", types[problem->type].urn);
    write_detail(writer, problem->detail);
    json_put_integer(writer, "status", problem->status);
    json_put_string(writer, "cause", cause_name(problem->cause));
    json_put_string(writer, "request", problem->request);
    if (problem->algorithms_json != NULL) {
        json_key(writer, "algorithms");
        json_write_raw(writer, bytes_from_string(problem->algorithms_json));
    }
    if (problem->subproblem_count > 0) {
        json_key(writer, "subproblems");
        json_begin_array(writer);
        for (size_t i = 0; i < problem->subproblem_count; i++) {
            write_subproblem(writer, &problem->subproblems[i]);
        }
        json_end_array(writer);
    }
    json_end_object(writer);
}

struct bytes problem_render(struct arena *arena, const struct problem *problem)
{
    struct json_writer *writer = json_writer_new(arena, DOCUMENT_MAX_BYTES);
    problem_write(writer, problem);
    struct bytes document = json_writer_finish(writer);
    if (document.p != NULL) {
        return document;
    }
    /* If the subproblems are too long, the client still gets type and detail. */
    struct problem brief = *problem;
    brief.subproblem_count = 0;
    writer = json_writer_new(arena, DOCUMENT_MAX_BYTES);
    problem_write(writer, &brief);
    return json_writer_finish(writer);
}

static bool find_type(struct bytes urn, enum problem_type *out)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].urn == NULL || !bytes_equal_string(urn, types[i].urn))
            continue;
        *out = (enum problem_type)i;
        return true;
    }
    return false;
}

const struct problem *problem_read(struct arena *arena, const char *text)
{
    struct bytes urn, detail, cause;
    enum problem_type type;
    int64_t status;
    if (text == NULL)
        return NULL;
    const struct json *json = json_parse(arena, bytes_from_string(text), &json_limits_request, NULL);
    if (!json_member_string(json, "type", &urn) || !find_type(urn, &type) ||
        !json_member_string(json, "detail", &detail))
        return NULL;
    struct problem *problem = arena_alloc(arena, sizeof *problem);
    problem->type = type;
    problem->cause = json_member_string(json, "cause", &cause) ? cause_find(cause) : CAUSE_NONE;
    if (problem->cause == CAUSE_NONE)
        problem->cause = types[type].cause;
    problem->status = json_member_integer(json, "status", &status) && status > 0 && status < 1000
                          ? (int)status
                          : types[type].status;
    problem->detail = arena_string(arena, detail);
    return problem;
}
