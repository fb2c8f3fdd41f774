/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/objects.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- names ---- */

static const char *const account_names[] = {
    [ACCOUNT_VALID] = "valid", [ACCOUNT_DEACTIVATED] = "deactivated", [ACCOUNT_REVOKED] = "revoked"};

static const char *const order_names[] = {[ORDER_PENDING] = "pending",
                                          [ORDER_READY] = "ready",
                                          [ORDER_PROCESSING] = "processing",
                                          [ORDER_VALID] = "valid",
                                          [ORDER_INVALID] = "invalid"};

static const char *const authorization_names[] = {
    [AUTHORIZATION_PENDING] = "pending", [AUTHORIZATION_VALID] = "valid",
    [AUTHORIZATION_INVALID] = "invalid", [AUTHORIZATION_DEACTIVATED] = "deactivated",
    [AUTHORIZATION_EXPIRED] = "expired", [AUTHORIZATION_REVOKED] = "revoked"};

static const char *const basis_names[] = {[AUTHORIZATION_PROVEN] = "proven",
                                          [AUTHORIZATION_INHERITED] = "inherited",
                                          [AUTHORIZATION_TRUSTED_NAME] = "trusted name",
                                          [AUTHORIZATION_TRUSTED_NETWORK] = "trusted network",
                                          [AUTHORIZATION_TRUSTED_KEY] = "trusted key"};

static const char *const challenge_names[] = {[CHALLENGE_PENDING] = "pending",
                                              [CHALLENGE_PROCESSING] = "processing",
                                              [CHALLENGE_VALID] = "valid",
                                              [CHALLENGE_INVALID] = "invalid"};

static const char *const certificate_names[] = {
    [CERTIFICATE_GOOD] = "good", [CERTIFICATE_REVOKED] = "revoked", [CERTIFICATE_REJECTED] = "rejected"};

static const char *const origin_names[] = {[CERTIFICATE_FROM_ACME] = "acme",
                                           [CERTIFICATE_EXTERNAL] = "external",
                                           [CERTIFICATE_IMPORTED] = "imported"};

static const char *const attempt_names[] = {
    [ATTEMPT_STARTED] = "started", [ATTEMPT_SIGNED] = "signed",   [ATTEMPT_REFUSED] = "refused",
    [ATTEMPT_FAILED] = "failed",   [ATTEMPT_UNKNOWN] = "unknown", [ATTEMPT_REJECTED] = "rejected"};

static const char *name_of(const char *const *names, size_t count, size_t value)
{
    return value < count && names[value] != NULL ? names[value] : "none";
}

const char *account_status_name(enum account_status status)
{
    return name_of(account_names, COUNT(account_names), (size_t)status);
}

const char *order_status_name(enum order_status status)
{
    return name_of(order_names, COUNT(order_names), (size_t)status);
}

const char *authorization_status_name(enum authorization_status status)
{
    return name_of(authorization_names, COUNT(authorization_names), (size_t)status);
}

const char *authorization_basis_name(enum authorization_basis basis)
{
    return name_of(basis_names, COUNT(basis_names), (size_t)basis);
}

const char *challenge_status_name(enum challenge_status status)
{
    return name_of(challenge_names, COUNT(challenge_names), (size_t)status);
}

const char *certificate_status_name(enum certificate_status status)
{
    return name_of(certificate_names, COUNT(certificate_names), (size_t)status);
}

const char *certificate_origin_name(enum certificate_origin origin)
{
    return name_of(origin_names, COUNT(origin_names), (size_t)origin);
}

const char *attempt_status_name(enum attempt_status status)
{
    return name_of(attempt_names, COUNT(attempt_names), (size_t)status);
}

/* ---- transitions: for each state the states that may follow, as bits; row 0 has the initial states ---- */

static const uint32_t order_next[] = {
    /* Ready: its names are proven already. Invalid: one of them has just expired. */
    [0] = 1U << ORDER_PENDING | 1U << ORDER_READY | 1U << ORDER_INVALID,
    [ORDER_PENDING] = 1U << ORDER_READY | 1U << ORDER_INVALID,
    [ORDER_READY] = 1U << ORDER_PROCESSING | 1U << ORDER_INVALID,
    [ORDER_PROCESSING] = 1U << ORDER_VALID | 1U << ORDER_INVALID,
    [ORDER_VALID] = 0,
    [ORDER_INVALID] = 0,
};

static const uint32_t authorization_next[] = {
    /* Valid: trusted, or inherited from a domain above (RFC 9444). */
    [0] = 1U << AUTHORIZATION_PENDING | 1U << AUTHORIZATION_VALID,
    [AUTHORIZATION_PENDING] = 1U << AUTHORIZATION_VALID | 1U << AUTHORIZATION_INVALID |
                              1U << AUTHORIZATION_EXPIRED | 1U << AUTHORIZATION_DEACTIVATED,
    [AUTHORIZATION_VALID] =
        1U << AUTHORIZATION_EXPIRED | 1U << AUTHORIZATION_DEACTIVATED | 1U << AUTHORIZATION_REVOKED,
    [AUTHORIZATION_INVALID] = 0,
    [AUTHORIZATION_DEACTIVATED] = 0,
    [AUTHORIZATION_EXPIRED] = 0,
    [AUTHORIZATION_REVOKED] = 0,
};

static const uint32_t challenge_next[] = {
    /* A challenge is stored once the client has chosen it. */
    [0] = 1U << CHALLENGE_PROCESSING,
    [CHALLENGE_PENDING] = 1U << CHALLENGE_PROCESSING,
    /* Back to processing: a try failed for a passing reason (RFC 8555 §8.2). */
    [CHALLENGE_PROCESSING] = 1U << CHALLENGE_PROCESSING | 1U << CHALLENGE_VALID | 1U << CHALLENGE_INVALID,
    [CHALLENGE_VALID] = 0,
    [CHALLENGE_INVALID] = 0,
};

/* A number outside the enumeration neither follows nor is followed. */
static bool has_next(const uint32_t *table, size_t count, size_t from, size_t to)
{
    return from < count && to < count && (table[from] & 1U << to) != 0;
}

bool order_may_become(enum order_status from, enum order_status to)
{
    return has_next(order_next, COUNT(order_next), (size_t)from, (size_t)to);
}

bool authorization_may_become(enum authorization_status from, enum authorization_status to)
{
    return has_next(authorization_next, COUNT(authorization_next), (size_t)from, (size_t)to);
}

bool challenge_may_become(enum challenge_status from, enum challenge_status to)
{
    return has_next(challenge_next, COUNT(challenge_next), (size_t)from, (size_t)to);
}

/* ---- writes ---- */

/* An object keeps its state while it is not final. */
static bool may_stay(const uint32_t *table, size_t count, size_t status)
{
    return status != 0 && status < count && table[status] != 0;
}

bool order_may_be_written(enum order_status was, enum order_status status)
{
    return order_may_become(was, status) ||
           (was == status && may_stay(order_next, COUNT(order_next), (size_t)was));
}

bool authorization_may_be_written(enum authorization_status was, enum challenge_status challenge_was,
                                  enum authorization_status status, enum challenge_status challenge_status)
{
    bool stays = was == status && may_stay(authorization_next, COUNT(authorization_next), (size_t)was);
    bool challenge_stays = challenge_was == challenge_status;
    return (stays || authorization_may_become(was, status)) &&
           (challenge_stays || challenge_may_become(challenge_was, challenge_status));
}
