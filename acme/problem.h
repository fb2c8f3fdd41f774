/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problem documents (RFC 7807 with the types of RFC 8555 §6.7, RFC 9773 §7.4, draft-ietf-acme-profiles). A
 * decision that refuses returns one; NULL means that it agrees. It travels unchanged to the client, and into
 * the database for challenges and orders.
 */
#pragma once

#include "acme/base/json.h"
#include "acme/cause.h"

enum problem_type {
    PROBLEM_ACCOUNT_DOES_NOT_EXIST = 1,
    PROBLEM_ALREADY_REPLACED,
    PROBLEM_ALREADY_REVOKED,
    PROBLEM_BAD_CSR,
    PROBLEM_BAD_NONCE,
    PROBLEM_BAD_PUBLIC_KEY,
    PROBLEM_BAD_REVOCATION_REASON,
    PROBLEM_BAD_SIGNATURE_ALGORITHM,
    PROBLEM_CAA,
    PROBLEM_COMPOUND,
    PROBLEM_CONNECTION,
    PROBLEM_DNS,
    PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
    PROBLEM_INCORRECT_RESPONSE,
    PROBLEM_INVALID_CONTACT,
    PROBLEM_INVALID_PROFILE,
    PROBLEM_MALFORMED,
    PROBLEM_ORDER_NOT_READY,
    PROBLEM_RATE_LIMITED,
    PROBLEM_REJECTED_IDENTIFIER,
    PROBLEM_SERVER_INTERNAL,
    PROBLEM_TLS,
    PROBLEM_UNAUTHORIZED,
    PROBLEM_UNSUPPORTED_CONTACT,
    PROBLEM_UNSUPPORTED_IDENTIFIER,
    PROBLEM_USER_ACTION_REQUIRED,
};

/* One failing identifier among several (RFC 8555 §6.7.1). */
struct subproblem {
    enum problem_type type;
    const char *detail;
    const char *identifier_type; /* "dns" or "ip" */
    const char *identifier_value;
};

struct problem {
    enum problem_type type;
    enum cause cause; /* the type's usual cause, or a closer one; never CAUSE_NONE */
    int status;       /* HTTP status */
    const char *detail;
    const struct subproblem *subproblems;
    size_t subproblem_count;
    int64_t retry_after_s;       /* 0: no Retry-After */
    const char *algorithms_json; /* for badSignatureAlgorithm: the array of accepted algorithms; else NULL */
    const char *location;        /* a Location header to send along, else NULL */
    const char *request;         /* the identifier of the request that it answers, else NULL */
};

/* Makes a problem with the type's usual status and cause. The arena keeps the detail. */
[[gnu::format(printf, 3, 4)]] struct problem *problem_new(struct arena *arena, enum problem_type type,
                                                          const char *format, ...);

/* Makes a problem with a closer cause than the type's own. */
[[gnu::format(printf, 4, 5)]] struct problem *problem_with_cause(struct arena *arena, enum cause cause,
                                                                 enum problem_type type, const char *format,
                                                                 ...);

/* Makes a problem with another status than the type's own: 404, 405, 413, 415, 503… */
[[gnu::format(printf, 4, 5)]] struct problem *problem_with_status(struct arena *arena, int status,
                                                                  enum problem_type type, const char *format,
                                                                  ...);

/* Returns a copy with a closer cause; NULL for NULL. */
const struct problem *problem_because(struct arena *arena, enum cause cause, const struct problem *problem);

/* Returns the type's name behind urn:ietf:params:acme:error:, such as "badCSR". */
const char *problem_type_name(enum problem_type type);

/* Reads a problem that problem_render wrote: type, cause, status and detail, without subproblems. NULL for
 * NULL and for text of another form. */
const struct problem *problem_read(struct arena *arena, const char *text);

/* Writes application/problem+json. */
struct bytes problem_render(struct arena *arena, const struct problem *problem);

/* Writes the problem as a member's value inside another document (a challenge's or an order's `error`). */
void problem_write(struct json_writer *writer, const struct problem *problem);
