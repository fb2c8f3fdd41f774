/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/identifier.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(name_policy);

Test(name_policy, patterns_are_checked_when_configured)
{
    static const struct {
        const char *pattern;
        bool valid;
    } cases[] = {
        {"*", true},
        {"host.internal", true},
        {"*.internal", true},
        {"Host.Internal", true},
        {"10.0.0.0/8", true},
        {"10.1.2.3", true},
        {"0.0.0.0/0", true},
        {"2001:db8::/32", true},
        {"::1", true},
        {"2001:db8::1/128", true},
        {"", false},
        {"**", false},
        {"*.*.internal", false},
        {"a.*.internal", false},
        {"*internal", false},
        {".internal", false},
        {"10.0.0.1/8", false},
        {"10.0.0.0/33", false},
        {"10.0.0.0/", false},
        {"10.0.0.0/-1", false},
        {"10.0.0.0/+8", false},
        {"10.0.0.0/8x", false},
        {"10.0.0/8", false},
        {"2001:db8::/129", false},
        {"2001:db8::1/32", false},
        {"10.0.0.0/0008", false},
        {"host name", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(name_pattern_is_valid(cases[i].pattern), cases[i].valid, "%s", cases[i].pattern);
    }
}

/* One pattern as the whole allow list, or the whole deny list. */
static const struct problem *check(struct arena *arena, const char *allow, const char *deny,
                                   enum identifier_type type, const char *value)
{
    struct name_policy policy = {
        .allow = &allow, .allow_count = allow != NULL, .deny = &deny, .deny_count = deny != NULL};
    struct identifier identifier = {.type = type};
    memcpy(identifier.value, value, strlen(value) + 1);
    return name_policy_check(arena, &policy, "this endpoint", &identifier, 1);
}

Test(name_policy, patterns_match_what_they_say)
{
    static const struct {
        const char *pattern;
        enum identifier_type type;
        const char *value;
        bool matches;
    } cases[] = {
        {"*", IDENTIFIER_DNS, "anything.example", true},
        {"*", IDENTIFIER_DNS, "*.example", true},
        {"*", IDENTIFIER_DNS, "single", true},
        {"*", IDENTIFIER_IP, "192.0.2.1", false},
        {"host.internal", IDENTIFIER_DNS, "host.internal", true},
        {"HOST.Internal", IDENTIFIER_DNS, "host.internal", true},
        {"host.internal", IDENTIFIER_DNS, "a.host.internal", false},
        {"host.internal", IDENTIFIER_DNS, "*.host.internal", false},
        {"*.internal", IDENTIFIER_DNS, "host.internal", true},
        {"*.internal", IDENTIFIER_DNS, "a.b.internal", true},
        {"*.internal", IDENTIFIER_DNS, "*.internal", true},
        {"*.internal", IDENTIFIER_DNS, "*.a.internal", true},
        {"*.internal", IDENTIFIER_DNS, "internal", false},
        {"*.internal", IDENTIFIER_DNS, "evilinternal", false},
        {"*.internal", IDENTIFIER_DNS, "host.internal.example", false},
        {"*.a.internal", IDENTIFIER_DNS, "*.internal", false},
        {"10.0.0.0/8", IDENTIFIER_IP, "10.255.0.1", true},
        {"10.0.0.0/8", IDENTIFIER_IP, "11.0.0.1", false},
        {"10.0.0.0/9", IDENTIFIER_IP, "10.127.255.255", true},
        {"10.0.0.0/9", IDENTIFIER_IP, "10.128.0.0", false},
        {"10.0.0.0/8", IDENTIFIER_IP, "2001:db8::1", false},
        {"0.0.0.0/0", IDENTIFIER_IP, "2001:db8::1", false},
        {"0.0.0.0/0", IDENTIFIER_IP, "203.0.113.9", true},
        {"10.1.2.3", IDENTIFIER_IP, "10.1.2.3", true},
        {"10.1.2.3", IDENTIFIER_IP, "10.1.2.4", false},
        {"2001:db8::/32", IDENTIFIER_IP, "2001:db8:ffff::1", true},
        {"2001:db8::/32", IDENTIFIER_IP, "2001:db9::1", false},
        {"2001:DB8:0::1", IDENTIFIER_IP, "2001:db8::1", true},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(check(arena, cases[i].pattern, NULL, cases[i].type, cases[i].value) == NULL,
                     cases[i].matches, "allow %s, %s", cases[i].pattern, cases[i].value);
        cr_expect_eq(check(arena, NULL, cases[i].pattern, cases[i].type, cases[i].value) != NULL,
                     cases[i].matches, "deny %s, %s", cases[i].pattern, cases[i].value);
    }
    arena_free(arena);
}

/* No host name has underscores (RFC 1123 §2.1); private zones do. */
Test(name_policy, P12_underscores_are_for_the_zones_that_are_listed)
{
    static const char *const zones[] = {"*.svc.internal", "one_host.internal"};
    const struct name_policy some = {.underscores = zones, .underscore_count = 2}, none = {0};
    static const struct {
        const char *name;
        bool in_some, in_none;
    } cases[] = {
        {"a-b.internal", true, true},        {"a_b.svc.internal", true, false},
        {"_x.y_.svc.internal", true, false}, {"*.a_b.svc.internal", true, false},
        {"one_host.internal", true, false},  {"other_host.internal", false, false},
        {"a_b.internal", false, false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct identifier both[2] = {{IDENTIFIER_DNS, "plain.internal"}};
        cr_assert_null(
            identifier_parse(arena, BYTES_LITERAL("dns"), bytes_from_string(cases[i].name), &both[1]));
        const struct problem *problem = name_underscores_check(arena, &some, both, 2);
        cr_expect_eq(problem == NULL, cases[i].in_some, "%s", cases[i].name);
        cr_expect(problem == NULL || problem->type == PROBLEM_MALFORMED);
        cr_expect_eq(name_underscores_check(arena, &none, both, 2) == NULL, cases[i].in_none, "%s",
                     cases[i].name);
        cr_expect_eq(name_underscores_check(arena, NULL, both, 2) == NULL, cases[i].in_none, "%s",
                     cases[i].name);
    }
    arena_free(arena);
}

Test(name_policy, empty_allow_list_allows_all)
{
    struct arena *arena = arena_new();
    cr_expect_null(check(arena, NULL, NULL, IDENTIFIER_DNS, "single"));
    cr_expect_null(check(arena, NULL, NULL, IDENTIFIER_IP, "192.0.2.1"));
    cr_expect_null(check(arena, NULL, "a.internal", IDENTIFIER_DNS, "b.internal"));
    arena_free(arena);
}

Test(name_policy, deny_wins_over_allow)
{
    struct arena *arena = arena_new();
    const struct problem *problem = check(arena, "*.internal", "ca.internal", IDENTIFIER_DNS, "ca.internal");
    cr_assert_not_null(problem);
    cr_expect_eq(problem->type, PROBLEM_REJECTED_IDENTIFIER);
    cr_expect_eq(problem->status, 403);
    cr_expect_str_eq(problem->detail, "ca.internal is refused: this endpoint denies \"ca.internal\"");
    arena_free(arena);
}

Test(name_policy, wildcard_does_not_reach_a_denied_name)
{
    struct arena *arena = arena_new();
    const struct problem *problem = check(arena, "*.internal", "CA.internal", IDENTIFIER_DNS, "*.internal");
    cr_assert_not_null(problem);
    cr_expect_not_null(strstr(problem->detail, "it would cover \"CA.internal\""), "%s", problem->detail);
    cr_expect_null(check(arena, "*.internal", "ca.a.internal", IDENTIFIER_DNS, "*.internal"));
    cr_expect_null(check(arena, "*.internal", "*.a.internal", IDENTIFIER_DNS, "*.internal"));
    cr_expect_null(check(arena, NULL, "internal", IDENTIFIER_DNS, "*.internal"));
    arena_free(arena);
}

Test(name_policy, each_refused_name_is_a_subproblem_with_the_rule)
{
    static const char *const allow[] = {"*.internal", "10.0.0.0/8"};
    static const char *const deny[] = {"ca.internal"};
    static const struct name_policy policy = {
        .allow = allow, .allow_count = 2, .deny = deny, .deny_count = 1};
    static const struct identifier names[] = {
        {IDENTIFIER_DNS, "ok.internal"},
        {IDENTIFIER_DNS, "www.example.org"},
        {IDENTIFIER_IP, "192.0.2.1"},
        {IDENTIFIER_DNS, "ca.internal"},
    };
    struct arena *arena = arena_new();
    const struct problem *problem = name_policy_check(arena, &policy, "this endpoint", names, 4);
    cr_assert_not_null(problem);
    cr_expect_eq(problem->type, PROBLEM_REJECTED_IDENTIFIER);
    cr_expect_not_null(strstr(problem->detail, "3 of 4 names are refused"), "%s", problem->detail);
    cr_assert_eq(problem->subproblem_count, 3);
    cr_expect_str_eq(problem->subproblems[0].identifier_value, "www.example.org");
    cr_expect_str_eq(problem->subproblems[0].detail,
                     "www.example.org is not allowed: this endpoint allows only *.internal, 10.0.0.0/8");
    cr_expect_str_eq(problem->subproblems[1].identifier_type, "ip");
    cr_expect_str_eq(problem->subproblems[2].detail,
                     "ca.internal is refused: this endpoint denies \"ca.internal\"");
    arena_free(arena);
}

Test(name_policy, long_allow_list_is_quoted_in_part)
{
    const char *allow[100];
    for (size_t i = 0; i < 100; i++) {
        allow[i] = "some-rather-long-host-name.internal";
    }
    struct name_policy policy = {.allow = allow, .allow_count = 100};
    static const struct identifier name = {IDENTIFIER_DNS, "www.example.org"};
    struct arena *arena = arena_new();
    const struct problem *problem = name_policy_check(arena, &policy, "this endpoint", &name, 1);
    cr_assert_not_null(problem);
    cr_expect_not_null(strstr(problem->detail, "some-rather-long-host-name.internal, "));
    cr_expect_not_null(strstr(problem->detail, "…"), "%s", problem->detail);
    cr_expect_lt(strlen(problem->detail), 600);
    arena_free(arena);
}
