/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/permission.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(permission);

enum { NOW = 1767225600, LATER = NOW + 3600 };

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct account account = {.id = 1, .endpoint = "acme", .status = ACCOUNT_VALID};
static const char *const profiles[] = {"default", "short"};
static const char *const trusted[] = {"*.lab", "10.0.0.0/8"};
static const struct name_policy anything;
static const struct eab_key plain_key = {.id = 5, .kid = "k5"};
static const struct eab_key trusted_key = {.id = 6, .kid = "k6", .trusted = true};
static const struct eab_key revoked_key = {.id = 6, .kid = "k6", .trusted = true, .revoked_at = NOW - 1};

/* Everything that could be trusted is. */
static struct permission permission_of(const struct eab_key *key)
{
    return (struct permission){.now = NOW,
                               .account = &account,
                               .eab_key = key,
                               .policy = {.endpoint_names = &anything,
                                          .profiles = profiles,
                                          .profile_count = COUNT(profiles),
                                          .profile = "default",
                                          .profile_names = &anything,
                                          .keyless_names = &anything,
                                          .trusted_names = trusted,
                                          .trusted_name_count = COUNT(trusted),
                                          .network_is_trusted = true,
                                          .subdomains = true}};
}

static struct identifier dns(const char *name)
{
    struct identifier identifier = {.type = IDENTIFIER_DNS};
    snprintf(identifier.value, sizeof identifier.value, "%s", name);
    return identifier;
}

/* A valid one of "zone.lab", for the names below as well where its basis can give that. */
static struct authorization authorization_of(enum authorization_basis basis)
{
    return (struct authorization){.id = 100,
                                  .account_id = 1,
                                  .identifier = dns("zone.lab"),
                                  .subdomains = true,
                                  .status = AUTHORIZATION_VALID,
                                  .basis = basis,
                                  .expires_at = LATER,
                                  .chosen = basis == AUTHORIZATION_PROVEN ? CHALLENGE_DNS_01 : 0};
}

static struct authorization child_of(const struct authorization *parent, const char *name)
{
    struct authorization child = authorization_of(AUTHORIZATION_INHERITED);
    child.id = 200;
    child.identifier = dns(name);
    child.subdomains = false;
    child.parent_id = parent->id;
    return child;
}

static void expect(const char *why, const char *expected, const char *what, size_t n)
{
    if (expected == NULL)
        cr_expect_null(why, "%s, case %zu: %s", what, n, why);
    else
        cr_expect(why != NULL && strstr(why, expected) != NULL, "%s, case %zu: %s", what, n,
                  why == NULL ? "permitted" : why);
}

Test(permission, S4_S6_what_each_basis_permits)
{
    static const char only_dns[] = "only a DNS proof covers", not_proven[] = "was not proven";
    static const struct {
        enum authorization_basis basis;
        const char *why_not[4]; /* by use; NULL: it permits it */
    } cases[] = {
        {0,
         {[PERMISSION_ISSUE] = "the reason why it was valid is unknown",
          [PERMISSION_ANCESTOR] = only_dns,
          [PERMISSION_CONTROL] = not_proven}},
        {AUTHORIZATION_PROVEN, {NULL}},
        {AUTHORIZATION_INHERITED,
         {[PERMISSION_ISSUE] = "is gone",
          [PERMISSION_ANCESTOR] = only_dns,
          [PERMISSION_CONTROL] = not_proven}},
        {AUTHORIZATION_TRUSTED_NAME, {[PERMISSION_ANCESTOR] = only_dns, [PERMISSION_CONTROL] = not_proven}},
        {AUTHORIZATION_TRUSTED_NETWORK,
         {[PERMISSION_ANCESTOR] = only_dns, [PERMISSION_CONTROL] = not_proven}},
        {AUTHORIZATION_TRUSTED_KEY, {[PERMISSION_ANCESTOR] = only_dns, [PERMISSION_CONTROL] = not_proven}},
    };
    struct arena *arena = arena_new();
    const struct permission permission = permission_of(&trusted_key);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct authorization one = authorization_of(cases[i].basis);
        for (int use = PERMISSION_ISSUE; use <= PERMISSION_CONTROL; use++)
            expect(permission_why_not(arena, &permission, &one, NULL, (enum permission_use)use),
                   cases[i].why_not[use], "use", i * 10 + (size_t)use);
    }
    arena_free(arena);
}

Test(permission, no_basis_permits_anything_but_for_its_account_and_while_it_is_valid)
{
    static const struct {
        enum authorization_status status;
        int64_t account_id, expires_at;
        const char *why_not;
    } cases[] = {
        {AUTHORIZATION_VALID, 1, LATER, NULL},
        {AUTHORIZATION_VALID, 1, NOW + 1, NULL},
        {AUTHORIZATION_VALID, 1, NOW, "it is expired"},
        {AUTHORIZATION_PENDING, 1, LATER, "it is pending"},
        {AUTHORIZATION_INVALID, 1, LATER, "it is invalid"},
        {AUTHORIZATION_DEACTIVATED, 1, LATER, "it is deactivated"},
        {AUTHORIZATION_REVOKED, 1, LATER, "it is revoked"},
        {AUTHORIZATION_VALID, 2, LATER, "another account"},
    };
    static const enum authorization_basis bases[] = {AUTHORIZATION_PROVEN, AUTHORIZATION_TRUSTED_NAME,
                                                     AUTHORIZATION_TRUSTED_NETWORK,
                                                     AUTHORIZATION_TRUSTED_KEY};
    struct arena *arena = arena_new();
    const struct permission permission = permission_of(&trusted_key);
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t b = 0; b < COUNT(bases); b++) {
            struct authorization one = authorization_of(bases[b]);
            one.status = cases[i].status;
            one.account_id = cases[i].account_id;
            one.expires_at = cases[i].expires_at;
            expect(permission_why_not(arena, &permission, &one, NULL, PERMISSION_ISSUE), cases[i].why_not,
                   "state", i);
        }
        struct authorization parent = authorization_of(AUTHORIZATION_PROVEN);
        const struct authorization child = child_of(&parent, "www.zone.lab");
        parent.status = cases[i].status;
        parent.account_id = cases[i].account_id;
        parent.expires_at = cases[i].expires_at;
        expect(permission_why_not(arena, &permission, &child, &parent, PERMISSION_ISSUE), cases[i].why_not,
               "parent's state", i);
    }
    arena_free(arena);
}

Test(permission, S15_an_inherited_one_rests_on_its_parent)
{
    static const struct {
        const char *name;
        enum authorization_basis basis; /* the parent's */
        enum challenge_type proven_by;
        bool for_subdomains, endpoint_has_subdomains;
        int64_t parent_id;
        const char *why_not;
    } cases[] = {
        {"www.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_01, true, true, 100, NULL},
        {"a.b.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_ACCOUNT_01, true, true, 100, NULL},
        {"www.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_PERSIST_01, true, true, 100, NULL},
        {"www.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_HTTP_01, true, true, 100, "only a DNS proof covers"},
        {"www.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_TLS_ALPN_01, true, true, 100,
         "only a DNS proof covers"},
        {"www.zone.lab", AUTHORIZATION_TRUSTED_NAME, 0, true, true, 100, "only a DNS proof covers"},
        {"www.zone.lab", AUTHORIZATION_TRUSTED_NETWORK, 0, true, true, 100, "only a DNS proof covers"},
        {"www.zone.lab", AUTHORIZATION_TRUSTED_KEY, 0, true, true, 100, "only a DNS proof covers"},
        {"www.zone.lab", AUTHORIZATION_INHERITED, 0, true, true, 100, "only a DNS proof covers"},
        {"www.zone.lab", 0, CHALLENGE_DNS_01, true, true, 100, "only a DNS proof covers"},
        {"www.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_01, false, true, 100, "only its own name"},
        {"www.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_01, true, false, 100, "this endpoint"},
        {"www.zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_01, true, true, 101, "is gone"},
        {"zone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_01, true, true, 100, "not below"},
        {"wwwzone.lab", AUTHORIZATION_PROVEN, CHALLENGE_DNS_01, true, true, 100, "not below"},
        {"www.zone.lab.example", AUTHORIZATION_PROVEN, CHALLENGE_DNS_01, true, true, 100, "not below"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct permission permission = permission_of(&trusted_key);
        struct authorization parent = authorization_of(cases[i].basis);
        struct authorization child = child_of(&parent, cases[i].name);
        permission.policy.subdomains = cases[i].endpoint_has_subdomains;
        parent.subdomains = cases[i].for_subdomains;
        parent.chosen = cases[i].proven_by;
        parent.id = cases[i].parent_id;
        expect(permission_why_not(arena, &permission, &child, &parent, PERMISSION_ISSUE), cases[i].why_not,
               "parent", i);
        child.wildcard = true;
        cr_expect_not_null(permission_why_not(arena, &permission, &child, &parent, PERMISSION_ISSUE),
                           "case %zu: a wildcard", i);
    }
    arena_free(arena);
}

/* One reason stands at a time: an authorization of another one is not helped by it. */
Test(permission, S4_a_trusted_one_is_valid_for_its_own_reason_while_that_stands)
{
    static const struct {
        const char *name;
        bool wildcard, network;
        const struct eab_key *key;
        enum authorization_basis standing;
    } cases[] = {
        {"host.lab", false, false, &plain_key, AUTHORIZATION_TRUSTED_NAME},
        {"host.lab", true, false, NULL, AUTHORIZATION_TRUSTED_NAME},
        {"lab", true, false, NULL, AUTHORIZATION_TRUSTED_NAME},
        {"lab", false, false, NULL, 0},
        {"host.example", false, true, NULL, AUTHORIZATION_TRUSTED_NETWORK},
        {"host.example", false, false, &trusted_key, AUTHORIZATION_TRUSTED_KEY},
        {"host.example", false, false, &revoked_key, 0},
        {"host.example", false, false, &plain_key, 0},
        {"host.example", false, false, NULL, 0},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct permission permission = permission_of(cases[i].key);
        permission.policy.network_is_trusted = cases[i].network;
        const struct identifier ordered =
            dns(arena_printf(arena, "%s%s", cases[i].wildcard ? "*." : "", cases[i].name));
        const char *why = NULL;
        cr_expect_eq(permission_trust(arena, &permission, &ordered, &why), cases[i].standing, "case %zu", i);
        cr_expect_eq(why != NULL, cases[i].standing != 0, "case %zu", i);
        for (int basis = AUTHORIZATION_TRUSTED_NAME; basis <= AUTHORIZATION_TRUSTED_KEY; basis++) {
            struct authorization one = authorization_of((enum authorization_basis)basis);
            one.identifier = dns(cases[i].name);
            one.wildcard = cases[i].wildcard;
            one.subdomains = false;
            expect(permission_why_not(arena, &permission, &one, NULL, PERMISSION_ISSUE),
                   basis == (int)cases[i].standing ? NULL : "no longer trusted", "trust",
                   i * 10 + (size_t)basis);
        }
    }
    arena_free(arena);
}

static const char *const only_lab[] = {"*.lab"}, *const no_host[] = {"host.lab"},
                         *const only_short[] = {"short"};
static const struct name_policy lab = {.allow = only_lab, .allow_count = 1};
static const struct name_policy elsewhere = {.deny = no_host, .deny_count = 1};
static const struct account deactivated = {.id = 1, .status = ACCOUNT_DEACTIVATED};
static const struct account revoked_account = {.id = 1, .status = ACCOUNT_REVOKED};
static const struct eab_key key_elsewhere = {
    .id = 5, .names = {.deny = no_host, .deny_count = 1}, .kid = "k"};
static const struct eab_key short_key = {.id = 5, .kid = "k", .profiles = only_short, .profile_count = 1};
static const struct eab_key expired_key = {.id = 5, .kid = "k", .expires_at = NOW - 1};

/* A case's changes to a permission that allows everything. */
static const struct refusal {
    const struct account *account;
    const struct eab_key *key;
    const struct name_policy *endpoint_names, *profile_names, *keyless_names;
    const char *const *keyless_profiles;
    const char *profile;
    enum problem_type type;
    const char *detail; /* NULL: allowed */
} refusals[] = {
    {.detail = NULL},
    {.endpoint_names = &lab, .profile_names = &lab, .keyless_names = &lab},
    {.account = &deactivated, .type = PROBLEM_UNAUTHORIZED, .detail = "deactivated"},
    {.account = &revoked_account, .type = PROBLEM_UNAUTHORIZED, .detail = "revoked"},
    {.key = &plain_key},
    {.key = &expired_key},
    {.key = &revoked_key, .type = PROBLEM_UNAUTHORIZED, .detail = "was revoked"},
    {.key = &key_elsewhere, .type = PROBLEM_REJECTED_IDENTIFIER, .detail = "the external account key"},
    {.key = &short_key, .type = PROBLEM_INVALID_PROFILE, .detail = "does not allow the profile"},
    {.key = &short_key, .profile = "short"},
    {.endpoint_names = &elsewhere, .type = PROBLEM_REJECTED_IDENTIFIER, .detail = "this endpoint denies"},
    {.profile_names = &elsewhere, .type = PROBLEM_REJECTED_IDENTIFIER, .detail = "the profile \"default\""},
    {.profile = "gone", .type = PROBLEM_INVALID_PROFILE, .detail = "no longer offers"},
    {.keyless_names = &elsewhere, .type = PROBLEM_REJECTED_IDENTIFIER, .detail = "without an external"},
    {.keyless_names = &elsewhere, .key = &plain_key},
    {.keyless_profiles = only_short, .type = PROBLEM_INVALID_PROFILE, .detail = "for accounts with"},
    {.keyless_profiles = only_short, .profile = "short"},
    {.keyless_profiles = only_short, .key = &plain_key},
};

static struct permission changed(const struct refusal *by)
{
    struct permission permission = permission_of(by->key);
    struct permission_policy *policy = &permission.policy;
    permission.account = by->account == NULL ? permission.account : by->account;
    policy->endpoint_names = by->endpoint_names == NULL ? &anything : by->endpoint_names;
    policy->profile_names = by->profile_names == NULL ? &anything : by->profile_names;
    policy->keyless_names = by->keyless_names == NULL ? &anything : by->keyless_names;
    policy->keyless_profiles = by->keyless_profiles;
    policy->keyless_profile_count = by->keyless_profiles == NULL ? 0 : 1;
    policy->profile = by->profile == NULL ? "default" : by->profile;
    return permission;
}

static void expect_problem(const struct problem *problem, enum problem_type type, const char *detail,
                           size_t n)
{
    if (detail == NULL) {
        cr_expect_null(problem, "case %zu: %s", n, problem == NULL ? "" : problem->detail);
        return;
    }
    cr_assert_not_null(problem, "case %zu is allowed", n);
    cr_expect_eq(problem->type, type, "case %zu", n);
    cr_expect_not_null(strstr(problem->detail, detail), "case %zu: %s", n, problem->detail);
}

/* At the order, and again before each signature. */
Test(permission, S11_account_key_names_and_profile_as_they_are_now)
{
    struct arena *arena = arena_new();
    const struct identifier ordered[] = {dns("host.lab")};
    struct authorization proven = authorization_of(AUTHORIZATION_PROVEN);
    proven.identifier = ordered[0];
    const struct authorization none = {0};
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct permission permission = changed(&refusals[i]);
        expect_problem(permission_check_names(arena, &permission, ordered, 1), refusals[i].type,
                       refusals[i].detail, i);
        expect_problem(permission_check_issue(arena, &permission, ordered, &proven, &none, 1),
                       refusals[i].type, refusals[i].detail, i);
    }
    arena_free(arena);
}

Test(permission, P11_each_name_of_an_order_needs_its_own_authorization)
{
    enum { NAMES = 3 };
    static const struct {
        size_t spoilt;
        struct authorization with; /* its id, status, name */
        const char *detail;
    } cases[] = {
        {0, {.id = 0}, "for a.zone.lab is no longer valid: it is gone"},
        {1,
         {.id = 100, .status = AUTHORIZATION_DEACTIVATED},
         "for *.zone.lab is no longer valid: it is deactivated"},
        {2,
         {.id = 100, .status = AUTHORIZATION_VALID, .wildcard = true},
         "for c.zone.lab is no longer valid: it is for another"},
    };
    struct arena *arena = arena_new();
    const struct permission permission = permission_of(NULL);
    const struct identifier ordered[NAMES] = {dns("a.zone.lab"), dns("*.zone.lab"), dns("c.zone.lab")};
    struct authorization good[NAMES];
    const struct authorization parents[NAMES] = {0};
    for (size_t i = 0; i < NAMES; i++) {
        good[i] = authorization_of(AUTHORIZATION_PROVEN);
        good[i].identifier = dns(identifier_base_name(&ordered[i]));
        good[i].wildcard = identifier_is_wildcard(&ordered[i]);
    }
    cr_expect_null(permission_check_issue(arena, &permission, ordered, good, parents, NAMES));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct authorization spoilt[NAMES];
        memcpy(spoilt, good, sizeof spoilt);
        struct authorization *one = &spoilt[cases[i].spoilt];
        one->id = cases[i].with.id;
        one->status = cases[i].with.status;
        one->wildcard = one->wildcard || cases[i].with.wildcard;
        const struct problem *problem =
            permission_check_issue(arena, &permission, ordered, spoilt, parents, NAMES);
        expect_problem(problem, PROBLEM_UNAUTHORIZED, cases[i].detail, i);
        cr_expect_eq(problem->subproblem_count, 1, "case %zu", i);
        cr_expect_str_eq(problem->subproblems[0].identifier_value, ordered[cases[i].spoilt].value);
    }
    arena_free(arena);
}
