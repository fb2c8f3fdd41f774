/* SPDX-License-Identifier: Apache-2.0 */
/* The challenges that a TXT record answers, and CAA behind a proof. */
#include "acme/authorization.h"
#include "acme/dns_challenge.h"
#include "leaks.h"
#include "validation_try.h"

LEAK_CHECKED_SUITE(validation_dns);

#define NAME    "_acme-challenge.www.test"
#define PERSIST "_validation-persist.www.test"
/* base64url(SHA-256("token.thumbprint")) */
#define DIGEST  "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I"
#define ACCOUNT "https://acme.test/acme/account/1"
#define TEXTS(...) \
    (const struct world_texts[]) \
    { \
        __VA_ARGS__, {0} \
    }

static const struct validation_case dns_01[] = {
    {"the digest", CHALLENGE_DNS_01, "www.test", .world = {.texts = TEXTS({NAME, .records = {DIGEST}})},
     .tried = "TXT " NAME ": 1 record(s), one as expected", .asked = "TXT " NAME "\n"},
    {"the digest among others", CHALLENGE_DNS_01, "www.test", .wildcard = true,
     .world = {.texts = TEXTS({NAME, .records = {"old", "older", DIGEST}})},
     .tried = "TXT " NAME ": 3 record(s), one as expected", .asked = "TXT " NAME "\n"},
    {"no record", CHALLENGE_DNS_01, "www.test", .world = {.texts = TEXTS({NAME, .records = {NULL}})},
     .expected = "There is no TXT record at " NAME "; it should contain " DIGEST ".", .type = PROBLEM_DNS,
     .cause = CAUSE_NO_TXT_RECORD, .passing = true, .tried = "TXT " NAME ": no record",
     .asked = "TXT " NAME "\n"},
    {"an alias without a record", CHALLENGE_DNS_01, "www.test",
     .world = {.texts = TEXTS({NAME, .records = {NULL}, .alias = "txt.test"})},
     .expected =
         NAME " is an alias (CNAME) of txt.test, which has no TXT record; it should contain " DIGEST ".",
     .type = PROBLEM_DNS, .cause = CAUSE_NO_TXT_RECORD_BEHIND_ALIAS, .passing = true,
     .tried = "TXT " NAME ": an alias of txt.test, no record", .asked = "TXT " NAME "\n"},
    {"an alias with another record", CHALLENGE_DNS_01, "www.test",
     .world = {.texts = TEXTS({NAME, .records = {"old"}, .alias = "txt.test"})},
     .expected = "The TXT records at " NAME " are \"old\"; none is " DIGEST ".",
     .type = PROBLEM_INCORRECT_RESPONSE, .cause = CAUSE_WRONG_TXT_RECORD, .passing = true,
     .tried = "TXT " NAME ": got \"old\"", .asked = "TXT " NAME "\n"},
    {"three other records", CHALLENGE_DNS_01, "www.test",
     .world = {.texts = TEXTS({NAME, .records = {"a", "b", "c"}})},
     .expected = "The TXT records at " NAME " are \"a\", \"b\", \"c\"; none is " DIGEST ".",
     .type = PROBLEM_INCORRECT_RESPONSE, .cause = CAUSE_WRONG_TXT_RECORD, .passing = true,
     .tried = "TXT " NAME ": got \"a\", \"b\", \"c\"", .asked = "TXT " NAME "\n"},
    {"five other records", CHALLENGE_DNS_01, "www.test",
     .world = {.texts = TEXTS({NAME, .records = {"a", "b", "c", "d", "e"}})},
     .expected = "The TXT records at " NAME " are \"a\", \"b\", \"c\" and 2 more; none is " DIGEST ".",
     .type = PROBLEM_INCORRECT_RESPONSE, .cause = CAUSE_WRONG_TXT_RECORD, .passing = true,
     .tried = "TXT " NAME ": got \"a\", \"b\", \"c\" and 2 more", .asked = "TXT " NAME "\n"},
    {"the name server fails", CHALLENGE_DNS_01, "www.test",
     .world = {.texts =
                   TEXTS({NAME, .records = {DIGEST}, .error = "SERVFAIL", .fault = OUTBOUND_DNS_REFUSED})},
     .expected = "The TXT look-up of " NAME " failed: SERVFAIL", .type = PROBLEM_DNS,
     .cause = CAUSE_NAME_SERVER_REFUSED, .passing = true, .tried = "TXT " NAME ": SERVFAIL",
     .asked = "TXT " NAME "\n"},
};

Test(validation_dns, a_record_of_the_name_proves_it)
{
    for (size_t i = 0; i < sizeof dns_01 / sizeof *dns_01; i++)
        validation_try(&dns_01[i], NULL, 0);
}

static const struct validation_case persist[] = {
    {"the account", CHALLENGE_DNS_PERSIST_01, "www.test",
     .world = {.texts = TEXTS({PERSIST, .records = {"acme.test; accounturi=" ACCOUNT}})},
     .tried = "TXT " PERSIST ": 1 record(s), one as expected", .asked = "TXT " PERSIST "\n"},
    {"the account by another name", CHALLENGE_DNS_PERSIST_01, "www.test",
     .world = {.texts =
                   TEXTS({PERSIST, .records = {"acme.test; accounturi=https://acme2.test/acme/account/1"}})},
     .tried = "TXT " PERSIST ": 1 record(s), one as expected", .asked = "TXT " PERSIST "\n"},
    {"not for wildcards", CHALLENGE_DNS_PERSIST_01, "www.test", .wildcard = true,
     .world = {.texts = TEXTS({PERSIST, .records = {"acme.test; accounturi=" ACCOUNT}})},
     .expected = "The TXT records at " PERSIST " are \"acme.test; accounturi=" ACCOUNT
                 "\" (it needs policy=wildcard); none is acme.test; accounturi=" ACCOUNT "; policy=wildcard.",
     .type = PROBLEM_INCORRECT_RESPONSE, .cause = CAUSE_WRONG_TXT_RECORD, .passing = true,
     .tried = "TXT " PERSIST ": got \"acme.test; accounturi=" ACCOUNT "\" (it needs policy=wildcard)",
     .asked = "TXT " PERSIST "\n"},
    {"the server's time", CHALLENGE_DNS_PERSIST_01, "www.test",
     .world = {.texts = TEXTS(
                   {PERSIST, .records = {"acme.test; accounturi=" ACCOUNT "; persistUntil=1795694400"}})},
     .tried = "TXT " PERSIST ": 1 record(s), one as expected", .asked = "TXT " PERSIST "\n"},
};

Test(validation_dns, a_lasting_record_names_issuer_and_account)
{
    for (size_t i = 0; i < sizeof persist / sizeof *persist; i++)
        validation_try(&persist[i], NULL, 0);
}

/* The label of each URL of the account is asked for until one proves it; the last one's fault is told. */
Test(validation_dns, a_record_at_any_label_of_the_account_proves_it)
{
    struct arena *arena = arena_new();
    static const char *const urls[] = {ACCOUNT, "https://acme2.test/acme/account/1"};
    const struct dns_challenge challenge = {.type = CHALLENGE_DNS_ACCOUNT_01,
                                            .name = "www.test",
                                            .key_authorization = TRY_KEY_AUTHORIZATION,
                                            .account_urls = urls,
                                            .account_url_count = 2};
    const char *first = dns_challenge_name(arena, &challenge, 0),
               *second = dns_challenge_name(arena, &challenge, 1);
    cr_assert_str_neq(first, second);
    const char *one = arena_printf(arena, "TXT %s\n", first),
               *both = arena_printf(arena, "%sTXT %s\n", one, second);
    const struct {
        const char *at_first, *at_second;
        const char *asked, *proven_at;
    } cases[] = {{DIGEST, DIGEST, one, first},
                 {"old", DIGEST, both, second},
                 {NULL, DIGEST, both, second},
                 {"old", NULL, both, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct world_texts texts[] = {
            {first, .records = {cases[i].at_first}}, {second, .records = {cases[i].at_second}}, {0}};
        const char *proven_at = cases[i].proven_at;
        const struct validation_case row = {
            "two labels",
            CHALLENGE_DNS_ACCOUNT_01,
            "www.test",
            .world = {.texts = texts},
            .expected =
                proven_at != NULL
                    ? NULL
                    : arena_printf(arena, "There is no TXT record at %s; it should contain " DIGEST ".",
                                   second),
            .type = PROBLEM_DNS,
            .cause = CAUSE_NO_TXT_RECORD,
            .passing = proven_at == NULL,
            .tried = proven_at != NULL
                         ? arena_printf(arena, "TXT %s: 1 record(s), one as expected", proven_at)
                         : arena_printf(arena, "TXT %s: no record", second),
            .asked = cases[i].asked,
        };
        validation_try(&row, NULL, 0);
    }
    arena_free(arena);
}

/* ---- CAA ---- */

#define PROVEN "TXT " NAME ": 1 record(s), one as expected; "
#define TXT    .texts = TEXTS({NAME, .records = {DIGEST}})
#define CAA(...) \
    .caa = (const struct world_caa[]) \
    { \
        __VA_ARGS__, {0} \
    }
#define ASKED "TXT " NAME "\nCAA www.test\n"
#define REFUSED(at, value) \
    "CAA forbids a certificate for www.test: at " at ", the issue records are \"" value \
    "\"; none allows acme.test."

static const struct validation_case caa[] = {
    {"no record up to the top", CHALLENGE_DNS_01, "www.test", .world = {TXT},
     .tried = PROVEN "CAA test: no record", .asked = ASKED "CAA test\n"},
    {"a record of the name", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "acme.test"})},
     .tried = PROVEN "CAA www.test: issuance is allowed", .asked = ASKED},
    {"a record above the name", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"test", .issue = "acme.test"})}, .tried = PROVEN "CAA test: issuance is allowed",
     .asked = ASKED "CAA test\n"},
    {"the closest record decides", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "other.test"}, {"test", .issue = "acme.test"})},
     .expected = REFUSED("www.test", "other.test"), .type = PROBLEM_CAA, .passing = true,
     .tried = PROVEN "CAA www.test: the issue records are \"other.test\"", .asked = ASKED},
    {"nobody, above the name", CHALLENGE_DNS_01, "www.test", .world = {TXT, CAA({"test", .issue = ";"})},
     .expected = REFUSED("test", ";"), .type = PROBLEM_CAA, .passing = true,
     .tried = PROVEN "CAA test: the issue records are \";\"", .asked = ASKED "CAA test\n"},
    {"the account", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "acme.test; accounturi=" ACCOUNT})},
     .tried = PROVEN "CAA www.test: issuance is allowed", .asked = ASKED},
    {"another account", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "acme.test; accounturi=https://acme.test/acme/account/2"})},
     .expected = REFUSED("www.test", "acme.test; accounturi=https://acme.test/acme/account/2"),
     .type = PROBLEM_CAA, .passing = true,
     .tried = PROVEN "CAA www.test: the issue records are \"acme.test; "
                     "accounturi=https://acme.test/acme/account/2\"",
     .asked = ASKED},
    {"the method", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "acme.test; validationmethods=dns-01"})},
     .tried = PROVEN "CAA www.test: issuance is allowed", .asked = ASKED},
    {"another method", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "acme.test; validationmethods=http-01"})},
     .expected = REFUSED("www.test", "acme.test; validationmethods=http-01"), .type = PROBLEM_CAA,
     .passing = true,
     .tried = PROVEN "CAA www.test: the issue records are \"acme.test; validationmethods=http-01\"",
     .asked = ASKED},
    {"wildcards have a record of their own", CHALLENGE_DNS_01, "www.test", .wildcard = true,
     .world = {TXT, CAA({"www.test", .issue = "other.test", .issuewild = "acme.test"})},
     .tried = PROVEN "CAA www.test: issuance is allowed", .asked = ASKED},
    {"others do not read it", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "acme.test", .issuewild = "other.test"})},
     .tried = PROVEN "CAA www.test: issuance is allowed", .asked = ASKED},
    {"the name server fails", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"www.test", .issue = "acme.test", .error = "SERVFAIL"})},
     .expected = "The CAA look-up of www.test failed: SERVFAIL", .type = PROBLEM_CAA,
     .cause = CAUSE_CAA_LOOKUP_FAILED, .passing = true, .tried = PROVEN "CAA www.test: SERVFAIL",
     .asked = ASKED},
    {"the name server above fails", CHALLENGE_DNS_01, "www.test",
     .world = {TXT, CAA({"test", .issue = "acme.test", .error = "SERVFAIL"})},
     .expected = "The CAA look-up of test failed: SERVFAIL", .type = PROBLEM_CAA,
     .cause = CAUSE_CAA_LOOKUP_FAILED, .passing = true, .tried = PROVEN "CAA test: SERVFAIL",
     .asked = ASKED "CAA test\n"},
    {"without a proof nobody asks", CHALLENGE_DNS_01, "www.test",
     .world = {CAA({"www.test", .issue = "acme.test"})},
     .expected = "The TXT look-up of " NAME " failed: no such name", .type = PROBLEM_DNS,
     .cause = CAUSE_NAME_SERVER_FAILED, .passing = true, .tried = "TXT " NAME ": no such name",
     .asked = "TXT " NAME "\n"},
};

Test(validation_dns, the_closest_caa_records_decide)
{
    static const char *const identities[] = {"acme.test", "ca.test"};
    for (size_t i = 0; i < sizeof caa / sizeof *caa; i++)
        validation_try(&caa[i], identities, 2);
}
