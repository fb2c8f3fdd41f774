/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(authorization);

enum { HTTP = 1 << CHALLENGE_HTTP_01, DNS = 1 << CHALLENGE_DNS_01 };

/* 2026-01-02T03:04:05Z */
static const int64_t expiry = 1767323045;

#define BASE         "https://acme.internal/acme/corp"
#define HTTP_URL     "\"type\":\"http-01\",\"url\":\"" BASE "/challenge/9/http-01\","
#define DNS_URL      "\"type\":\"dns-01\",\"url\":\"" BASE "/challenge/9/dns-01\","
#define HTTP_PENDING "{" HTTP_URL "\"status\":\"pending\",\"token\":\"tok\"}"
#define DNS_PENDING  "{" DNS_URL "\"status\":\"pending\",\"token\":\"tok\"}"
#define EXPIRES      "\"expires\":\"2026-01-02T03:04:05Z\","
#define ERROR        "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"no TXT\",\"status\":400}"

static const struct urls urls = {.base = "https://acme.internal", .endpoint = "corp"};
static const struct authorization_view view = {.urls = &urls};

static struct authorization authorization_of(enum authorization_status status)
{
    return (struct authorization){
        .id = 9,
        .identifier = {IDENTIFIER_DNS, "a.example"},
        .status = status,
        .expires_at = expiry,
        .token = "tok",
        .offered = HTTP | DNS,
    };
}

/* RFC 8555 §7.5.2. */
Test(authorization, can_only_be_updated_to_deactivated)
{
    static const struct {
        const char *payload;
        bool good;
    } cases[] = {
        {"{\"status\":\"deactivated\"}", true},
        {"{\"status\":\"deactivated\",\"unknown\":1}", true},
        {"{}", false},
        {"{\"status\":\"valid\"}", false},
        {"{\"status\":\"revoked\"}", false},
        {"{\"status\":\"Deactivated\"}", false},
        {"{\"status\":\"deactivated\\u0000\"}", false},
        {"{\"status\":true}", false},
        {"{\"status\":null}", false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct json *json =
            json_parse(arena, bytes_from_string(cases[i].payload), &json_limits_payload, NULL);
        cr_assert_not_null(json);
        const struct problem *problem = authorization_parse_update(arena, json);
        cr_expect_eq(problem == NULL, cases[i].good, "%s", cases[i].payload);
        cr_expect(problem == NULL || problem->type == PROBLEM_MALFORMED);
    }
    arena_free(arena);
}

Test(authorization, pending_and_valid_ones_expire)
{
    static const struct {
        enum authorization_status status, after;
    } cases[] = {
        {AUTHORIZATION_PENDING, AUTHORIZATION_EXPIRED},
        {AUTHORIZATION_VALID, AUTHORIZATION_EXPIRED},
        {AUTHORIZATION_INVALID, AUTHORIZATION_INVALID},
        {AUTHORIZATION_DEACTIVATED, AUTHORIZATION_DEACTIVATED},
        {AUTHORIZATION_EXPIRED, AUTHORIZATION_EXPIRED},
        {AUTHORIZATION_REVOKED, AUTHORIZATION_REVOKED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authorization authorization = authorization_of(cases[i].status);
        cr_expect_eq(authorization_status_at(&authorization, expiry - 1), cases[i].status);
        cr_expect_eq(authorization_status_at(&authorization, expiry), cases[i].after);
        cr_expect_eq(authorization_status_at(&authorization, expiry + 1), cases[i].after);
    }
}

/* RFC 8555 §8 and §11.3: base64url, 128 bits of entropy at least; ours has 256. */
Test(authorization, begins_with_a_token_of_its_own)
{
    struct arena *arena = arena_new();
    struct authorization one = authorization_of(AUTHORIZATION_PENDING);
    struct authorization other = one;
    cr_assert(authorization_begin(arena, &one));
    cr_assert(authorization_begin(arena, &other));
    cr_expect_eq(strlen(one.token), 43);
    cr_expect_eq(strspn(one.token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    cr_expect_str_neq(one.token, other.token);
    arena_free(arena);
}

static void expect_shown(const struct authorization *authorization, int64_t now, const char *expected)
{
    struct arena *arena = arena_new();
    struct bytes document =
        authorization_render(arena, &(struct authorization_view){.urls = &urls, .now = now}, authorization);
    cr_assert_not_null(document.p);
    cr_expect_str_eq((const char *)document.p, expected);
    arena_free(arena);
}

#define IDENTIFIER "{\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"

Test(authorization, offers_every_challenge_while_none_is_chosen)
{
    struct authorization authorization = authorization_of(AUTHORIZATION_PENDING);
    expect_shown(&authorization, expiry - 1,
                 IDENTIFIER "\"status\":\"pending\"," EXPIRES "\"challenges\":[" HTTP_PENDING "," DNS_PENDING
                            "]}");
    authorization.offered = DNS;
    expect_shown(&authorization, expiry - 1,
                 IDENTIFIER "\"status\":\"pending\"," EXPIRES "\"challenges\":[" DNS_PENDING "]}");
}

Test(authorization, of_a_wildcard_names_the_domain_and_says_so)
{
    struct authorization authorization = authorization_of(AUTHORIZATION_PENDING);
    authorization.wildcard = true;
    authorization.offered = DNS;
    expect_shown(&authorization, expiry - 1,
                 IDENTIFIER "\"status\":\"pending\"," EXPIRES "\"challenges\":[" DNS_PENDING
                            "],\"wildcard\":true}");
}

Test(authorization, of_an_address_has_its_type)
{
    struct authorization authorization = authorization_of(AUTHORIZATION_PENDING);
    authorization.identifier = (struct identifier){IDENTIFIER_IP, "2001:db8::1"};
    authorization.offered = HTTP;
    expect_shown(&authorization, expiry - 1,
                 "{\"identifier\":{\"type\":\"ip\",\"value\":\"2001:db8::1\"},\"status\":\"pending\"," EXPIRES
                 "\"challenges\":[" HTTP_PENDING "]}");
}

Test(authorization, shows_the_others_while_the_chosen_challenge_is_processing)
{
    struct authorization authorization = authorization_of(AUTHORIZATION_PENDING);
    authorization.chosen = CHALLENGE_DNS_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    authorization.error_json = ERROR;
    expect_shown(&authorization, expiry - 1,
                 IDENTIFIER "\"status\":\"pending\"," EXPIRES "\"challenges\":[" HTTP_PENDING ",{" DNS_URL
                            "\"status\":\"processing\",\"token\":\"tok\",\"error\":" ERROR "}]}");
}

/* RFC 8555 §7.1.4: of a valid one the challenge that was validated, of an invalid one the one that failed. */
Test(authorization, shows_only_the_chosen_challenge_once_it_is_decided)
{
    struct authorization authorization = authorization_of(AUTHORIZATION_VALID);
    authorization.chosen = CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_VALID;
    authorization.validated_at = expiry - 3600;
    expect_shown(&authorization, expiry - 1,
                 IDENTIFIER
                 "\"status\":\"valid\"," EXPIRES "\"challenges\":[{" HTTP_URL
                 "\"status\":\"valid\",\"token\":\"tok\",\"validated\":\"2026-01-02T02:04:05Z\"}]}");

    authorization = authorization_of(AUTHORIZATION_INVALID);
    authorization.chosen = CHALLENGE_DNS_01;
    authorization.challenge_status = CHALLENGE_INVALID;
    authorization.error_json = ERROR;
    expect_shown(&authorization, expiry - 1,
                 IDENTIFIER "\"status\":\"invalid\",\"challenges\":[{" DNS_URL
                            "\"status\":\"invalid\",\"token\":\"tok\",\"error\":" ERROR "}]}");
}

Test(authorization, tells_when_it_ends_only_before_that)
{
    static const struct {
        enum authorization_status status;
        int64_t now;
        const char *shown;
    } cases[] = {
        {AUTHORIZATION_PENDING, 1767323045, "\"status\":\"expired\",\"challenges\""},
        {AUTHORIZATION_VALID, 1767323045, "\"status\":\"expired\",\"challenges\""},
        {AUTHORIZATION_DEACTIVATED, 0, "\"status\":\"deactivated\",\"challenges\""},
        {AUTHORIZATION_REVOKED, 0, "\"status\":\"revoked\",\"challenges\""},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authorization authorization = authorization_of(cases[i].status);
        const char *document =
            (const char *)authorization_render(
                arena, &(struct authorization_view){.urls = &urls, .now = cases[i].now}, &authorization)
                .p;
        cr_expect_not_null(strstr(document, cases[i].shown), "%s", document);
    }
    arena_free(arena);
}

/* RFC 8555 §8: type, url, status, token, and what became of the chosen one. */
Test(authorization, each_challenge_is_shown_alone)
{
    struct arena *arena = arena_new();
    struct authorization authorization = authorization_of(AUTHORIZATION_PENDING);
    cr_expect_str_eq((const char *)challenge_render(arena, &view, &authorization, CHALLENGE_HTTP_01).p,
                     HTTP_PENDING);
    authorization.chosen = CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_VALID;
    authorization.validated_at = expiry;
    cr_expect_str_eq((const char *)challenge_render(arena, &view, &authorization, CHALLENGE_HTTP_01).p,
                     "{" HTTP_URL
                     "\"status\":\"valid\",\"token\":\"tok\",\"validated\":\"2026-01-02T03:04:05Z\"}");
    cr_expect_str_eq((const char *)challenge_render(arena, &view, &authorization, CHALLENGE_DNS_01).p,
                     DNS_PENDING);
    authorization.challenge_status = CHALLENGE_INVALID;
    authorization.validated_at = 0;
    authorization.error_json = ERROR;
    cr_expect_str_eq((const char *)challenge_render(arena, &view, &authorization, CHALLENGE_HTTP_01).p,
                     "{" HTTP_URL "\"status\":\"invalid\",\"token\":\"tok\",\"error\":" ERROR "}");
    cr_expect_str_eq((const char *)challenge_render(arena, &view, &authorization, CHALLENGE_DNS_01).p,
                     DNS_PENDING);
    arena_free(arena);
}

/* draft-ietf-acme-dns-persist-01 §3.1: no token, but who the record must name. */
Test(authorization, a_persistent_challenge_says_what_its_record_names)
{
    static const char *const issuers[] = {"ca.internal", "acme.internal"};
    const struct authorization_view named = {.urls = &urls, .issuer_names = issuers, .issuer_name_count = 2};
    struct arena *arena = arena_new();
    struct authorization authorization = authorization_of(AUTHORIZATION_PENDING);
    authorization.account_id = 5;
    cr_expect_str_eq(
        (const char *)challenge_render(arena, &named, &authorization, CHALLENGE_DNS_PERSIST_01).p,
        "{\"type\":\"dns-persist-01\",\"url\":\"" BASE "/challenge/9/dns-persist-01\","
        "\"status\":\"pending\",\"accounturi\":\"" BASE
        "/account/5\",\"issuer-domain-names\":[\"ca.internal\",\"acme.internal\"]}");
    arena_free(arena);
}

Test(authorization, only_the_chosen_challenge_leaves_pending)
{
    struct authorization authorization = authorization_of(AUTHORIZATION_PENDING);
    cr_expect_eq(challenge_status_of(&authorization, CHALLENGE_HTTP_01), CHALLENGE_PENDING);
    cr_expect_eq(challenge_status_of(&authorization, CHALLENGE_DNS_01), CHALLENGE_PENDING);
    authorization.chosen = CHALLENGE_DNS_01;
    for (int status = CHALLENGE_PENDING; status <= CHALLENGE_INVALID; status++) {
        authorization.challenge_status = (enum challenge_status)status;
        cr_expect_eq(challenge_status_of(&authorization, CHALLENGE_HTTP_01), CHALLENGE_PENDING);
        cr_expect_eq(challenge_status_of(&authorization, CHALLENGE_DNS_01), (enum challenge_status)status);
    }
}

/* RFC 8555 §7.1.6. However a validation ends, the challenge is decided, nothing is due, and what failed says
 * why. */
Test(authorization, S2_one_that_expired_meanwhile_is_not_proven)
{
    static const struct {
        int64_t now;
        enum authorization_status status;
        enum challenge_status challenge_status;
        int64_t expires_at, validated_at;
        const char *why;
    } cases[] = {
        {1499, AUTHORIZATION_VALID, CHALLENGE_VALID, 9000, 1499, NULL},
        {1500, AUTHORIZATION_EXPIRED, CHALLENGE_INVALID, 1500, 0, "expired at 1970-01-01T00:25:00Z"},
        {1501, AUTHORIZATION_EXPIRED, CHALLENGE_INVALID, 1500, 0, "expired at 1970-01-01T00:25:00Z"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authorization one = {.status = AUTHORIZATION_PENDING,
                                    .challenge_status = CHALLENGE_PROCESSING,
                                    .expires_at = 1500,
                                    .next_attempt_at = 1400};
        authorization_prove(arena, &one, cases[i].now, 9000);
        cr_expect_eq(one.status, cases[i].status, "case %zu", i);
        cr_expect_eq(one.basis == AUTHORIZATION_PROVEN, cases[i].why == NULL, "case %zu", i);
        cr_expect_eq(one.challenge_status, cases[i].challenge_status, "case %zu", i);
        cr_expect_eq(one.expires_at, cases[i].expires_at, "case %zu", i);
        cr_expect_eq(one.validated_at, cases[i].validated_at, "case %zu", i);
        cr_expect_eq(one.next_attempt_at, 0, "case %zu", i);
        cr_assert_eq(one.error_json != NULL, cases[i].why != NULL, "case %zu", i);
        cr_expect(cases[i].why == NULL || strstr(one.error_json, cases[i].why) != NULL, "case %zu", i);
    }
    arena_free(arena);
}
