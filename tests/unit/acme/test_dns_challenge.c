/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/dns_challenge.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(dns_challenge);

#define ACCOUNT "https://example.com/acme/acct/ExampleAccount"
#define OTHER   "https://acme.other/acme/acct/ExampleAccount"

static const char *const accounts[] = {ACCOUNT, OTHER};
static const char *const issuers[] = {"ca.internal", "acme.internal"};

static struct dns_challenge challenge_of(enum challenge_type type, bool wildcard)
{
    return (struct dns_challenge){.type = type,
                                  .name = "example.org",
                                  .wildcard = wildcard,
                                  .key_authorization = "token.thumbprint",
                                  .account_urls = accounts,
                                  .account_url_count = 2,
                                  .issuer_names = issuers,
                                  .issuer_name_count = 2,
                                  .now = 1767225600};
}

/* The label of dns-account-01 is the example of draft-ietf-acme-dns-account-label. */
Test(dns_challenge, where_the_record_stands)
{
    static const struct {
        enum challenge_type type;
        size_t count, n;
        const char *name;
    } cases[] = {
        {CHALLENGE_DNS_01, 1, 0, "_acme-challenge.example.org"},
        {CHALLENGE_DNS_ACCOUNT_01, 2, 0, "_ujmmovf2vn55tgye._acme-challenge.example.org"},
        {CHALLENGE_DNS_ACCOUNT_01, 2, 1, "_pynfjamxtej7cabr._acme-challenge.example.org"},
        {CHALLENGE_DNS_PERSIST_01, 1, 0, "_validation-persist.example.org"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_challenge challenge = challenge_of(cases[i].type, false);
        cr_expect_eq(dns_challenge_name_count(&challenge), cases[i].count);
        cr_expect_str_eq(dns_challenge_name(arena, &challenge, cases[i].n), cases[i].name);
    }
    arena_free(arena);
}

/* SHA-256 of "token.thumbprint" in base64url. */
#define DIGEST "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I"

Test(dns_challenge, what_it_should_say)
{
    static const struct {
        enum challenge_type type;
        bool wildcard;
        const char *expected;
    } cases[] = {
        {CHALLENGE_DNS_01, false, DIGEST},
        {CHALLENGE_DNS_ACCOUNT_01, true, DIGEST},
        {CHALLENGE_DNS_PERSIST_01, false, "ca.internal; accounturi=" ACCOUNT},
        {CHALLENGE_DNS_PERSIST_01, true, "ca.internal; accounturi=" ACCOUNT "; policy=wildcard"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_challenge challenge = challenge_of(cases[i].type, cases[i].wildcard);
        const char *expected = dns_challenge_expected(arena, &challenge);
        cr_expect_str_eq(expected, cases[i].expected);
        cr_expect_null(dns_challenge_fault(arena, &challenge, bytes_from_string(expected)));
        cr_expect_not_null(dns_challenge_fault(arena, &challenge, BYTES_LITERAL("another")));
        cr_expect_not_null(dns_challenge_fault(arena, &challenge, (struct bytes){0}));
    }
    arena_free(arena);
}

/* draft-ietf-acme-dns-persist-01 §4.1 */
Test(dns_challenge, records_that_persist)
{
    static const struct {
        bool wildcard;
        const char *record;
        const char *fault; /* a part of it; NULL: it proves */
    } cases[] = {
        {false, "acme.internal;accounturi=" ACCOUNT, NULL},
        {false, "CA.Internal ; accounturi = " OTHER, NULL},
        {false, "ca.internal; color=red; accounturi=" ACCOUNT, NULL},
        {false, "ca.internal; accounturi=" ACCOUNT "; policy=wildcard", NULL},
        {true, "ca.internal; accounturi=" ACCOUNT "; POLICY=WildCard", NULL},
        {true, "ca.internal; accounturi=" ACCOUNT, "policy=wildcard"},
        {true, "ca.internal; accounturi=" ACCOUNT "; policy=host", "policy=wildcard"},
        {false, "ca.internal; accounturi=" ACCOUNT "; policy=other", NULL},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistUntil=1767225600", NULL},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistuntil=1767225599", "has passed"},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistUntil=", "not one time"},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistUntil=-1", "not one time"},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistUntil=0x7fffffff", "not one time"},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistUntil=9999999999999999999", "not one time"},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistUntil=1767225601; persistUntil=1",
         "not one time"},
        {false, "other.internal; accounturi=" ACCOUNT, "another issuer"},
        {false, "; accounturi=" ACCOUNT, "another issuer"},
        {false, "ca.internal", "one accounturi"},
        {false, "ca.internal; accounturi=", "another account"},
        {false, "ca.internal; accounturi=" ACCOUNT "; policy=host; policy=wildcard", "more than one policy"},
        /* S13: malformed */
        {false, "ca.internal; accounturi", "RFC 8659"},
        {false, "ca.internal; accounturi " ACCOUNT, "RFC 8659"},
        {false, "ca.internal; accounturi=" ACCOUNT "; persistUntil 1", "RFC 8659"},
        {false, "ca.internal; accounturi=" ACCOUNT ";", "RFC 8659"},
        {false, "ca.internal; accounturi=" ACCOUNT "; ; policy=wildcard", "RFC 8659"},
        {false, "ca.internal accounturi=" ACCOUNT, "RFC 8659"},
        {false, "ca.internal, accounturi=" ACCOUNT, "RFC 8659"},
        {false, "ca.internal; accounturi=" ACCOUNT "; accounturi=" ACCOUNT, "one accounturi"},
        {false, "ca.internal; accounturi=" ACCOUNT "2", "another account"},
        {false, "ca.internal; accounturi=HTTPS://example.com/acme/acct/ExampleAccount", "another account"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_challenge challenge = challenge_of(CHALLENGE_DNS_PERSIST_01, cases[i].wildcard);
        const char *fault = dns_challenge_fault(arena, &challenge, bytes_from_string(cases[i].record));
        if (cases[i].fault == NULL)
            cr_expect_null(fault, "%s: %s", cases[i].record, fault);
        else
            cr_expect(fault != NULL && strstr(fault, cases[i].fault) != NULL, "%s: %s", cases[i].record,
                      fault == NULL ? "no fault" : fault);
    }
    arena_free(arena);
}

/* A record for one name proves nothing of the names below; every other DNS challenge proves both. */
Test(dns_challenge, S3_the_names_below_need_the_policy_wildcard)
{
    static const char plain[] = "ca.internal; accounturi=" ACCOUNT;
    static const char wide[] = "ca.internal; accounturi=" ACCOUNT "; policy=wildcard";
    static const struct {
        enum challenge_type type;
        bool wildcard, subdomains;
        const char *record, *expected;
        bool proves;
    } cases[] = {
        {CHALLENGE_DNS_PERSIST_01, false, false, plain, plain, true},
        {CHALLENGE_DNS_PERSIST_01, false, false, wide, plain, true},
        {CHALLENGE_DNS_PERSIST_01, false, true, plain, wide, false},
        {CHALLENGE_DNS_PERSIST_01, false, true, wide, wide, true},
        {CHALLENGE_DNS_PERSIST_01, true, false, plain, wide, false},
        {CHALLENGE_DNS_PERSIST_01, true, true, plain, wide, false},
        {CHALLENGE_DNS_PERSIST_01, true, true, wide, wide, true},
        {CHALLENGE_DNS_01, false, true, DIGEST, DIGEST, true},
        {CHALLENGE_DNS_ACCOUNT_01, false, true, DIGEST, DIGEST, true},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_challenge challenge = challenge_of(cases[i].type, cases[i].wildcard);
        challenge.subdomains = cases[i].subdomains;
        const char *fault = dns_challenge_fault(arena, &challenge, bytes_from_string(cases[i].record));
        cr_expect_str_eq(dns_challenge_expected(arena, &challenge), cases[i].expected, "case %zu", i);
        cr_expect_eq(fault == NULL, cases[i].proves, "case %zu", i);
    }
    arena_free(arena);
}
