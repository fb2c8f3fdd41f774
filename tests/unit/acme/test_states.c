/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/objects.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(states);

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Checks that the names are these, in the order of the enumeration that begins at 1. */
#define EXPECT_NAMES(name_of, type, ...) \
    do { \
        static const char *const expected[] = {__VA_ARGS__}; \
        for (size_t i = 0; i < COUNT(expected); i++) \
            cr_expect_str_eq(name_of((type)(i + 1)), expected[i]); \
    } while (0)

/* The statuses' words are the RFC's (§7.1.2 to §7.1.5); the others' are the database's. */
Test(states, every_status_has_its_word)
{
    EXPECT_NAMES(account_status_name, enum account_status, "valid", "deactivated", "revoked");
    EXPECT_NAMES(order_status_name, enum order_status, "pending", "ready", "processing", "valid", "invalid");
    EXPECT_NAMES(authorization_status_name, enum authorization_status, "pending", "valid", "invalid",
                 "deactivated", "expired", "revoked");
    EXPECT_NAMES(challenge_status_name, enum challenge_status, "pending", "processing", "valid", "invalid");
    EXPECT_NAMES(certificate_status_name, enum certificate_status, "good", "revoked", "rejected");
    EXPECT_NAMES(certificate_origin_name, enum certificate_origin, "acme", "external", "imported");
    EXPECT_NAMES(attempt_status_name, enum attempt_status, "started", "signed", "refused", "failed",
                 "unknown", "rejected");
}

struct transition {
    int from, to;
};

static bool is_listed(const struct transition *list, size_t count, int from, int to)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].from == from && list[i].to == to) {
            return true;
        }
    }
    return false;
}

/* Every pair of states is tried, and those beside the enumeration: those listed are legal and all others are
 * not. From 0: what may be at first. */
#define EXPECT_TRANSITIONS(may_become, type, last, list) \
    for (int from = -1; from <= (last) + 33; from++) \
        for (int to = -1; to <= (last) + 33; to++) \
    cr_expect_eq(may_become((type)from, (type)to), is_listed(list, COUNT(list), from, to), "%d to %d", from, \
                 to)

Test(states, orders_move_as_in_rfc_8555_7_1_6)
{
    static const struct transition legal[] = {
        {0, ORDER_PENDING},
        {0, ORDER_READY},
        {0, ORDER_INVALID},
        {ORDER_PENDING, ORDER_READY},
        {ORDER_PENDING, ORDER_INVALID},
        {ORDER_READY, ORDER_PROCESSING},
        {ORDER_READY, ORDER_INVALID},
        {ORDER_PROCESSING, ORDER_VALID},
        {ORDER_PROCESSING, ORDER_INVALID},
    };
    EXPECT_TRANSITIONS(order_may_become, enum order_status, ORDER_INVALID, legal);
}

/* A pending one may be deactivated too: a client relinquishes what it no longer wants to prove (§7.5.2). */
Test(states, authorizations_move_as_in_rfc_8555_7_1_6)
{
    static const struct transition legal[] = {
        {0, AUTHORIZATION_PENDING},
        {0, AUTHORIZATION_VALID},
        {AUTHORIZATION_PENDING, AUTHORIZATION_VALID},
        {AUTHORIZATION_PENDING, AUTHORIZATION_INVALID},
        {AUTHORIZATION_PENDING, AUTHORIZATION_EXPIRED},
        {AUTHORIZATION_PENDING, AUTHORIZATION_DEACTIVATED},
        {AUTHORIZATION_VALID, AUTHORIZATION_EXPIRED},
        {AUTHORIZATION_VALID, AUTHORIZATION_DEACTIVATED},
        {AUTHORIZATION_VALID, AUTHORIZATION_REVOKED},
    };
    EXPECT_TRANSITIONS(authorization_may_become, enum authorization_status, AUTHORIZATION_REVOKED, legal);
}

/* Processing to processing is the server's retry. */
Test(states, challenges_move_as_in_rfc_8555_7_1_6)
{
    static const struct transition legal[] = {
        {0, CHALLENGE_PROCESSING},
        {CHALLENGE_PENDING, CHALLENGE_PROCESSING},
        {CHALLENGE_PROCESSING, CHALLENGE_PROCESSING},
        {CHALLENGE_PROCESSING, CHALLENGE_VALID},
        {CHALLENGE_PROCESSING, CHALLENGE_INVALID},
    };
    EXPECT_TRANSITIONS(challenge_may_become, enum challenge_status, CHALLENGE_INVALID, legal);
}

/* A final state is never written again, and no row is without a state. The store's tests try every pair. */
Test(states, what_is_not_final_may_be_written_as_it_is)
{
    for (int status = -1; status <= AUTHORIZATION_REVOKED + 33; status++) {
        bool of_order = status >= ORDER_PENDING && status <= ORDER_PROCESSING;
        bool of_authorization = status == AUTHORIZATION_PENDING || status == AUTHORIZATION_VALID;
        cr_expect_eq(order_may_be_written((enum order_status)status, (enum order_status)status), of_order,
                     "%d", status);
        cr_expect_eq(authorization_may_be_written((enum authorization_status)status, 0,
                                                  (enum authorization_status)status, 0),
                     of_authorization, "%d", status);
    }
}
