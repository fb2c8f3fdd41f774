/* SPDX-License-Identifier: Apache-2.0 */
/* The states of an order: what its authorizations, its end and its finalization make of it. */
#include "acme/order.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(order_states);

static const struct authorization pending = {.status = AUTHORIZATION_PENDING, .expires_at = 2000};
static const struct authorization valid = {.status = AUTHORIZATION_VALID, .expires_at = 2000};
static const struct authorization valid_briefly = {.status = AUTHORIZATION_VALID, .expires_at = 1500};
static const struct authorization pending_briefly = {.status = AUTHORIZATION_PENDING, .expires_at = 1500};
static const struct authorization failed = {
    .status = AUTHORIZATION_INVALID,
    .expires_at = 2000,
    .error_json =
        "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"Nobody listens.\",\"status\":400}"};
static const struct authorization failed_silently = {.status = AUTHORIZATION_INVALID, .expires_at = 2000};
static const struct authorization failed_oddly = {
    .status = AUTHORIZATION_INVALID, .expires_at = 2000, .error_json = "{\"type\":\"another\"}"};
static const struct authorization withdrawn = {.status = AUTHORIZATION_DEACTIVATED, .expires_at = 2000};
static const struct authorization revoked = {.status = AUTHORIZATION_REVOKED, .expires_at = 2000};
static const struct authorization lapsed = {.status = AUTHORIZATION_EXPIRED, .expires_at = 2000};

static struct identifier two_names[] = {{IDENTIFIER_DNS, "a.test"}, {IDENTIFIER_DNS, "b.test"}};
static const struct order pending_order = {.status = ORDER_PENDING,
                                           .status_since = 900,
                                           .expires_at = 1800,
                                           .identifiers = two_names,
                                           .identifier_count = 2};

/* RFC 8555 §7.1.6. The order ends at 1800, the brief authorizations at 1500. An order that becomes invalid
 * says why, in its row as well; no other outcome has a problem. */
Test(order_states, S2_pending_one_becomes_what_its_authorizations_say)
{
    static const struct {
        const struct authorization *first, *second;
        int64_t now;
        enum order_status expected;
        const char *why; /* NULL unless invalid */
    } cases[] = {
        {&pending, &pending, 1000, ORDER_PENDING, NULL},
        {&valid, &pending, 1000, ORDER_PENDING, NULL},
        {&pending, &valid, 1000, ORDER_PENDING, NULL},
        {&valid, &valid, 1000, ORDER_READY, NULL},
        {&valid, &valid_briefly, 1499, ORDER_READY, NULL},
        {&valid, &valid_briefly, 1500, ORDER_INVALID, "for b.test expired at 1970-01-01T00:25:00Z"},
        {&pending, &pending_briefly, 1500, ORDER_INVALID, "for b.test expired at 1970-01-01T00:25:00Z"},
        {&valid, &failed, 1000, ORDER_INVALID, "Nobody listens."},
        {&failed, &pending, 1000, ORDER_INVALID, "Nobody listens."},
        {&pending, &failed, 1000, ORDER_INVALID, "Nobody listens."},
        {&valid, &failed_silently, 1000, ORDER_INVALID, "Control of b.test was not proven."},
        {&valid, &failed_oddly, 1000, ORDER_INVALID, "Control of b.test was not proven."},
        {&valid, &withdrawn, 1000, ORDER_INVALID, "deactivated the authorization for b.test"},
        {&valid, &revoked, 1000, ORDER_INVALID, "for b.test was revoked"},
        {&valid, &lapsed, 1000, ORDER_INVALID, "for b.test expired"},
        {&valid, &valid, 1799, ORDER_READY, NULL},
        {&valid, &valid, 1800, ORDER_INVALID, "order expired at 1970-01-01T00:30:00Z"},
        {&pending, &pending, 1800, ORDER_INVALID, "order expired at 1970-01-01T00:30:00Z"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authorization both[] = {*cases[i].first, *cases[i].second};
        struct order order = pending_order;
        const struct problem *problem = order_settle(arena, &order, both, 2, cases[i].now);
        cr_expect_eq(order.status, cases[i].expected, "case %zu", i);
        cr_expect_eq(order.status_since, cases[i].expected == ORDER_PENDING ? 900 : cases[i].now, "case %zu",
                     i);
        cr_assert_eq(problem != NULL, cases[i].why != NULL, "case %zu", i);
        cr_assert_eq(order.error_json != NULL, cases[i].why != NULL, "case %zu", i);
        if (problem == NULL)
            continue;
        cr_expect_not_null(strstr(problem->detail, cases[i].why), "case %zu: %s", i, problem->detail);
        cr_expect_not_null(strstr(order.error_json, cases[i].why), "case %zu: %s", i, order.error_json);
    }
    arena_free(arena);
}

Test(order_states, P9_one_ends_no_later_than_its_authorizations)
{
    static const struct {
        const struct authorization *first, *second;
        int64_t expires_at;
        enum order_status status;
    } cases[] = {
        {&valid, &valid, 1800, ORDER_READY},
        {&valid, &valid_briefly, 1500, ORDER_READY},
        {&valid_briefly, &pending, 1500, ORDER_PENDING},
        {&pending, &pending_briefly, 1500, ORDER_PENDING},
        {&valid, &pending, 1800, ORDER_PENDING},
        {&valid_briefly, &valid_briefly, 1500, ORDER_READY},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct authorization both[] = {*cases[i].first, *cases[i].second};
        struct order order = pending_order;
        cr_expect_null(order_settle(arena, &order, both, 2, 1000), "case %zu", i);
        cr_expect_eq(order.expires_at, cases[i].expires_at, "case %zu", i);
        cr_expect_eq(order.status, cases[i].status, "case %zu", i);
    }
    arena_free(arena);
}

Test(order_states, one_without_authorizations_is_never_ready)
{
    struct arena *arena = arena_new();
    struct order order = pending_order;
    cr_expect_null(order_settle(arena, &order, NULL, 0, 1000));
    cr_expect_eq(order.status, ORDER_PENDING);
    arena_free(arena);
}

Test(order_states, one_that_is_no_longer_pending_stays_as_it_is)
{
    static const enum order_status statuses[] = {ORDER_READY, ORDER_PROCESSING, ORDER_VALID, ORDER_INVALID};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct order order = pending_order;
        order.status = statuses[i];
        cr_expect_null(order_settle(arena, &order, &failed, 1, 1000));
        cr_expect_null(order_settle(arena, &order, &valid, 1, 1900));
        cr_expect_eq(order.status, statuses[i]);
        cr_expect_null(order.error_json);
    }
    arena_free(arena);
}

/* RFC 8555 §7.4: 403 orderNotReady. */
Test(order_states, only_a_ready_one_can_be_finalized)
{
    struct arena *arena = arena_new();
    for (int status = ORDER_PENDING; status <= ORDER_INVALID; status++) {
        const struct order order = {.status = (enum order_status)status};
        const struct problem *problem = order_check_ready(arena, &order);
        cr_expect_eq(problem == NULL, status == ORDER_READY, "%s", order_status_name(order.status));
        if (problem != NULL) {
            cr_expect_eq(problem->type, PROBLEM_ORDER_NOT_READY);
            cr_expect_eq(problem->status, 403);
            cr_expect_not_null(strstr(problem->detail, order_status_name(order.status)));
        }
    }
    arena_free(arena);
}

/* RFC 8555 §7.4 knows finalize for ready orders alone; a repeated one is answered as the first. */
Test(order_states, P2_one_that_is_finalized_takes_no_other_csr)
{
    static const struct bytes csr = BYTES_LITERAL("0123"), other = BYTES_LITERAL("0124"),
                              longer = BYTES_LITERAL("01234"), none = {0};
    for (int status = ORDER_PENDING; status <= ORDER_INVALID; status++) {
        const struct order order = {.status = (enum order_status)status, .csr = csr};
        bool is_finalized = status == ORDER_PROCESSING || status == ORDER_VALID;
        cr_expect_eq(order_is_finalized_with(&order, csr), is_finalized, "%s",
                     order_status_name(order.status));
        cr_expect_not(order_is_finalized_with(&order, other));
        cr_expect_not(order_is_finalized_with(&order, longer));
        cr_expect_not(order_is_finalized_with(&order, none));
    }
    const struct order kept_none = {.status = ORDER_VALID};
    cr_expect_not(order_is_finalized_with(&kept_none, none));
}
