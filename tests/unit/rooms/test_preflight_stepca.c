/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a step-ca before it is used, and what is told of its answers. */
#include "preflight_ca.h"

LEAK_CHECKED_SUITE(preflight_stepca);

Test(preflight_stepca, a_ca_that_is_as_it_should_be_is_told_line_by_line)
{
    place_begin(&preflight_place);
    preflight_make_ca();
    struct preflight_outcome outcome = preflight_run(DAY_S, DAY_S);
    static const char *const lines[] = {
        "ok: issuer one: root ",
        "provisioner.json opens (",
        "ok: issuer one: https://ca.test:9000 answers and is trusted\n",
        "ok: issuer one: the clock agrees with the CA's\n",
        "ok: issuer one: step-ca 0.28.0\n",
        "ok: issuer one: the CA has a database, which revocations need\n",
        "ok: issuer one: every root that the CA lists is pinned\n",
        "ok: issuer one: the CA has the JWK provisioner acmegate, kid k1\n",
        "ok: issuer one: the key is the one that the CA knows for acmegate\n",
        "ok: issuer one: a one-time token is accepted (for a request that is refused after it)\n",
        "ok: issuer one: validity_days, 24h, is within the CA's limits\n",
        "ok: profile p: max_ttl, 24h, is within the CA's limits\n",
        "warn: issuer one: certificates of acmegate can be renewed at the CA itself",
        "ok: issuer one: no other provisioner of the CA signs\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        preflight_expect_told("good", lines[i]);
    cr_expect_not(outcome.failed, "%s", preflight_told);
    cr_assert_not_null(outcome.key_id);
    cr_expect_str_eq(outcome.key_id, "k1");
    place_end(&preflight_place);
}

static const struct {
    const char *name;
    struct world_page page;
    bool failed, knows_key;
    const char *words;
} cases[] = {
    {"nobody answers",
     {.url = CA "health"},
     true,
     false,
     "FAIL: issuer one: cannot connect to https://ca.test:9000"},
    {"not well",
     {.url = CA "health", .status = 500},
     true,
     false,
     "FAIL: issuer one: https://ca.test:9000 answers 500 to"},
    {"not trusted",
     {.url = CA "health", .error = "unknown CA", .untrusted = true},
     true,
     false,
     "but is not trusted: "},
    {"not yet valid",
     {.url = CA "health", .error = "certificate is not yet valid", .untrusted = true},
     true,
     false,
     "set both clocks by NTP"},
    {"the time is not told",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}"},
     false,
     true,
     "warn: issuer one: the CA does not send its time"},
    {"30 s ahead",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW + 30},
     false,
     true,
     "ok: issuer one: the clock agrees"},
    {"31 s ahead",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW + 31},
     false,
     true,
     "warn: issuer one: the CA's clock is 31 s ahead of ours"},
    {"an hour ahead",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW + HOUR_S},
     true,
     true,
     "FAIL: issuer one: the CA's clock is 3600 s ahead of ours"},
    {"30 s behind",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW - 30},
     false,
     true,
     "ok: issuer one: the clock agrees"},
    {"60 s behind",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW - 60},
     false,
     true,
     "warn: issuer one: the CA's clock is 60 s behind ours"},
    {"61 s behind",
     {.url = CA "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = PLACE_NOW - 61},
     true,
     true,
     "FAIL: issuer one: the CA's clock is 61 s behind ours"},
    {"no version",
     {.url = CA "version", .status = 404},
     false,
     true,
     "warn: issuer one: the CA does not send its version"},
    {"no database",
     {.url = CA "1.0/ssh/check-host", .status = 501},
     false,
     true,
     "warn: issuer one: the CA has no database and revokes nothing"},
    {"no list of roots",
     {.url = CA "roots", .status = 404},
     false,
     true,
     "warn: issuer one: the CA does not list its roots"},
    {"no provisioners",
     {.url = CA "provisioners?limit=100", .status = 404},
     true,
     false,
     "FAIL: issuer one: the CA does not list its provisioners"},
    {"unreadable provisioners",
     {.url = CA "provisioners?limit=100", .status = 200, .body = "[]"},
     true,
     false,
     "the reply reports success, but step-ca did not write it"},
    {"another name",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("other", JWK, CLAIMS))},
     true,
     false,
     "FAIL: issuer one: the CA has no JWK provisioner named acmegate; it has: other\n"},
    {"none at all",
     {.url = CA "provisioners?limit=100", .status = 200, .body = PROVISIONERS("")},
     true,
     false,
     "it has: none\n"},
    {"another key",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("acmegate", OTHER_JWK, CLAIMS))},
     true,
     false,
     "provisioner.json is not the key that the CA knows for acmegate (kid k1)"},
    {"our key behind another of the name",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("acmegate", OTHER_JWK, CLAIMS) "," OURS)},
     false,
     true,
     "ok: issuer one: the key is the one that the CA knows for acmegate"},
    {"others that sign",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(
          OURS "," PROVISIONER("other", OTHER_JWK, CLAIMS) ",{\"type\":\"ACME\",\"name\":\"acme\"}")},
     false,
     true,
     "warn: issuer one: the CA also signs through other provisioners: other (JWK), acme (ACME): "},
    {"no renewal",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(PROVISIONER("acmegate", JWK, CLAIMS ",\"disableRenewal\":true"))},
     false,
     true,
     "ok: issuer one: certificates of acmegate cannot be renewed at the CA itself"},
    {"a maximum below the profile's",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(
          PROVISIONER("acmegate", JWK, "\"minTLSCertDuration\":\"5m\",\"maxTLSCertDuration\":\"12h\""))},
     false,
     true,
     "warn: profile p: max_ttl is 24h, the CA's maximum 12h: that is the limit"},
    {"a minimum above the profile's",
     {.url = CA "provisioners?limit=100",
      .status = 200,
      .body = PROVISIONERS(
          PROVISIONER("acmegate", JWK, "\"minTLSCertDuration\":\"25h\",\"maxTLSCertDuration\":\"48h\""))},
     true,
     true,
     "FAIL: profile p: max_ttl is 24h, the CA's minimum 25h: nothing could be signed; raise it"},
    {"the token is refused",
     {.url = CA "1.0/sign", .status = 401, .body = "{\"status\":401,\"message\":\"no\"}"},
     true,
     true,
     "FAIL: issuer one: the CA refuses our token: "},
    {"no word of the token",
     {.url = CA "1.0/sign", .status = 500},
     true,
     true,
     "FAIL: issuer one: the CA does not say whether it accepts our token: "},
    {"it signs for another name",
     {.url = CA "1.0/sign", .status = 201, .body = "{}"},
     true,
     true,
     "signed for a name that is not in it"},
};

Test(preflight_stepca, each_fault_of_a_ca_is_told_with_what_to_do)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place_begin(&preflight_place);
        preflight_make_ca();
        preflight_change_page(&cases[i].page);
        struct preflight_outcome outcome = preflight_run(DAY_S, DAY_S);
        preflight_expect_told(cases[i].name, cases[i].words);
        cr_expect_eq(outcome.failed, cases[i].failed, "%s:\n%s", cases[i].name, preflight_told);
        cr_expect_eq(outcome.key_id != NULL, cases[i].knows_key, "%s:\n%s", cases[i].name, preflight_told);
        place_end(&preflight_place);
    }
}
