/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(revocation);

static const struct problem *parse(struct arena *arena, const char *text, struct revocation_request *out)
{
    const struct json *payload = json_parse(arena, bytes_from_string(text), &json_limits_payload, NULL);
    cr_assert_not_null(payload, "%s", text);
    return revocation_parse(arena, payload, out);
}

Test(revocation, reads_certificate_and_reason)
{
    static const struct {
        const char *payload;
        int reason;
    } cases[] = {
        {"{\"certificate\":\"AQID\"}", 0},
        {"{\"certificate\":\"AQID\",\"reason\":0}", 0},
        {"{\"certificate\":\"AQID\",\"reason\":1}", 1},
        {"{\"certificate\":\"AQID\",\"reason\":10,\"unknown\":true}", 10},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct revocation_request request;
        cr_assert_null(parse(arena, cases[i].payload, &request), "%s", cases[i].payload);
        cr_expect(bytes_equal(request.certificate_der, BYTES_LITERAL("\1\2\3")));
        cr_expect_eq(request.reason, cases[i].reason);
    }
    arena_free(arena);
}

Test(revocation, refuses_payloads_of_another_form)
{
    static const struct {
        const char *payload;
        enum problem_type type;
    } cases[] = {
        {"{}", PROBLEM_MALFORMED},
        {"{\"certificate\":\"\"}", PROBLEM_MALFORMED},
        {"{\"certificate\":7}", PROBLEM_MALFORMED},
        {"{\"certificate\":\"AQI=\"}", PROBLEM_MALFORMED},
        {"{\"certificate\":\"AQ+D\"}", PROBLEM_MALFORMED},
        {"{\"certificate\":\"AQID\",\"reason\":\"1\"}", PROBLEM_MALFORMED},
        {"{\"certificate\":\"AQID\",\"reason\":1.5}", PROBLEM_MALFORMED},
        {"{\"certificate\":\"AQID\",\"reason\":6}", PROBLEM_BAD_REVOCATION_REASON},
        {"{\"certificate\":\"AQID\",\"reason\":7}", PROBLEM_BAD_REVOCATION_REASON},
        {"{\"certificate\":\"AQID\",\"reason\":8}", PROBLEM_BAD_REVOCATION_REASON},
        {"{\"certificate\":\"AQID\",\"reason\":-1}", PROBLEM_BAD_REVOCATION_REASON},
        {"{\"certificate\":\"AQID\",\"reason\":11}", PROBLEM_BAD_REVOCATION_REASON},
        {"{\"certificate\":\"AQID\",\"reason\":4294967297}", PROBLEM_BAD_REVOCATION_REASON},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct revocation_request request;
        const struct problem *problem = parse(arena, cases[i].payload, &request);
        cr_expect_not_null(problem, "%s is accepted", cases[i].payload);
        if (problem != NULL) {
            cr_expect_eq(problem->type, cases[i].type, "%s: %s", cases[i].payload, problem->detail);
        }
    }
    arena_free(arena);
}

Test(revocation, P1_reasons_are_those_of_rfc_5280_that_revoke)
{
    static const char *const names[] = {
        "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
        "superseded",    "cessationOfOperation", "certificateHold", "unknown",
        "removeFromCRL", "privilegeWithdrawn",   "aACompromise",    "unknown",
    };
    static const char revoking[] = "111111000110";
    struct arena *arena = arena_new();
    for (int reason = 0; reason <= 11; reason++) {
        int found = -1;
        cr_expect_str_eq(revocation_reason_name(reason), names[reason]);
        cr_expect_eq(revocation_reason_revokes(reason), revoking[reason] == '1', "%d", reason);
        cr_expect_eq(revocation_reason_check(arena, reason) == NULL, revoking[reason] == '1', "%d", reason);
        cr_expect_eq(revocation_reason_find(names[reason], &found), strcmp(names[reason], "unknown") != 0);
        cr_expect(found == -1 || found == reason, "%d", reason);
    }
    int found = -1;
    cr_expect(revocation_reason_find("KEYCOMPROMISE", &found) && found == 1);
    cr_expect_not(revocation_reason_find("", &found));
    cr_expect_str_eq(revocation_reason_name(-1), "unknown");
    const struct problem *problem = revocation_reason_check(arena, 7);
    cr_expect_eq(problem->type, PROBLEM_BAD_REVOCATION_REASON);
    cr_expect_eq(problem->status, 400);
    arena_free(arena);
}

Test(revocation, P1_a_reason_gives_way_to_one_that_revokes_or_to_key_compromise)
{
    /* A row for each reason that stands, a column for each that is asked for. */
    static const char *const table[] = {
        [0] = "01000000000", [1] = "00000000000", [2] = "01000000000",  [3] = "01000000000",
        [4] = "01000000000", [5] = "01000000000", [6] = "11111100011",  [7] = "11111100011",
        [8] = "11111100011", [9] = "01000000000", [10] = "01000000000",
    };
    for (int from = 0; from <= 10; from++)
        for (int to = 0; to <= 10; to++)
            cr_expect_eq(revocation_reason_may_become(from, to), table[from][to] == '1', "%d to %d", from,
                         to);
}
