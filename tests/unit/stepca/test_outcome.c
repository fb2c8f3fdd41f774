/* SPDX-License-Identifier: Apache-2.0 */
#include "leaks.h"
#include "stepca/outcome.h"

LEAK_CHECKED_SUITE(outcome);

struct outcome_case {
    enum stepca_call call;
    int status;
    const char *body;
    enum stepca_outcome outcome;
    const char *message; /* a part of it */
    enum stepca_refusal refusal;
};

#define FORBIDDEN "The request was forbidden by the certificate authority: "
#define SIGNED    "{\"crt\":\"x\",\"ca\":\"x\",\"certChain\":[\"x\"]}"

/* The bodies are those of step-ca 0.30.2, and of what may stand in its place. */
static const struct outcome_case outcome_cases[] = {
    {STEPCA_SIGN, 201, SIGNED, STEPCA_OK, "", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 200, SIGNED, STEPCA_OK, "", STEPCA_REFUSAL_NONE},
    {STEPCA_REVOKE, 200, "{\"status\":\"ok\"}", STEPCA_OK, "", STEPCA_REFUSAL_NONE},
    {STEPCA_READ, 200, "{\"provisioners\":[]}", STEPCA_OK, "", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 201, "{\"crt\":\"x\"}", STEPCA_GARBAGE, "reports success, but step-ca did not write it",
     STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 200, "<html>log in first</html>", STEPCA_GARBAGE,
     "reports success, but step-ca did not write it", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 201, "", STEPCA_GARBAGE, "reports success, but step-ca did not write it",
     STEPCA_REFUSAL_NONE},
    {STEPCA_REVOKE, 200, "{}", STEPCA_GARBAGE, "reports success, but step-ca did not write it",
     STEPCA_REFUSAL_NONE},
    {STEPCA_READ, 200, "[]", STEPCA_GARBAGE, "reports success, but step-ca did not write it",
     STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 204, "", STEPCA_GARBAGE, "204", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 400,
     "{\"status\":400,\"message\":\"The request could not be completed: notAfter cannot be in the past.\"}",
     STEPCA_REFUSED, "notAfter cannot be in the past", STEPCA_REFUSAL_CSR},
    {STEPCA_SIGN, 401,
     "{\"status\":401,\"message\":\"The request lacked necessary authorization to be completed.\"}",
     STEPCA_UNAUTHORIZED, "lacked necessary authorization", STEPCA_REFUSAL_NONE},
    {STEPCA_REVOKE, 401,
     "{\"status\":401,\"message\":\"The request lacked necessary authorization to be completed.\"}",
     STEPCA_UNAUTHORIZED, "lacked necessary authorization", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 403,
     "{\"status\":403,\"message\":\"" FORBIDDEN
     "certificate request does not contain the valid DNS names - got "
     "[a.internal], want [b.internal].\"}",
     STEPCA_REFUSED, "got [a.internal], want [b.internal]", STEPCA_REFUSAL_NAMES},
    {STEPCA_SIGN, 403,
     "{\"status\":403,\"message\":\"" FORBIDDEN "dns name \\\"x.example.org\\\" not allowed\"}",
     STEPCA_REFUSED, "dns name \"x.example.org\" not allowed", STEPCA_REFUSAL_POLICY},
    {STEPCA_SIGN, 403,
     "{\"status\":403,\"message\":\"" FORBIDDEN
     "requested duration of 1000h1m0s is more than the authorized maximum "
     "certificate duration of 72h1m0s.\"}",
     STEPCA_REFUSED, "more than the authorized maximum", STEPCA_REFUSAL_TOO_LONG},
    {STEPCA_SIGN, 404, "404 page not found\n", STEPCA_NOT_FOUND, "404 page not found", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 405, "", STEPCA_NOT_FOUND, "405", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 302, "", STEPCA_NOT_FOUND, "302", STEPCA_REFUSAL_NONE},
    {STEPCA_REVOKE, 501, "{\"status\":501,\"message\":\"The requested method is not implemented\"}",
     STEPCA_NOT_FOUND, "not implemented", STEPCA_REFUSAL_NONE},
    {STEPCA_REVOKE, 501, "{\"status\":501,\"message\":\"The requested method is not implemented\"}",
     STEPCA_NOT_FOUND, "has no database", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 199, "", STEPCA_NOT_FOUND, "199", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 202, SIGNED, STEPCA_GARBAGE, "202", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 299, "", STEPCA_GARBAGE, "299", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 300, "", STEPCA_NOT_FOUND, "300", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 402, "", STEPCA_NOT_FOUND, "402", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 499, "", STEPCA_NOT_FOUND, "499", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 600, "", STEPCA_NOT_FOUND, "600", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 408, "", STEPCA_BUSY, "408", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 429, "slow down", STEPCA_BUSY, "slow down", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 500,
     "{\"status\":500,\"message\":\"The certificate authority encountered an Internal Server Error.\"}",
     STEPCA_BUSY, "Internal Server Error", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 502, "<html>bad gateway</html>", STEPCA_BUSY, "bad gateway", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 503, "{\"status\":503}", STEPCA_BUSY, "503", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 599, "", STEPCA_BUSY, "599", STEPCA_REFUSAL_NONE},
    {STEPCA_REVOKE, 400,
     "{\"status\":400,\"message\":\"The request could not be completed: certificate with serial number '12' "
     "is already "
     "revoked.\"}",
     STEPCA_ALREADY_REVOKED, "is already revoked", STEPCA_REFUSAL_NONE},
    {STEPCA_REVOKE, 400,
     "{\"status\":400,\"message\":\"The request could not be completed: reasonCode out of bounds.\"}",
     STEPCA_REFUSED, "reasonCode out of bounds", STEPCA_REFUSAL_NONE},
    {STEPCA_SIGN, 400,
     "{\"status\":400,\"message\":\"certificate with serial number '12' is already revoked\"}",
     STEPCA_REFUSED, "already revoked", STEPCA_REFUSAL_TEMPLATE},
};

Test(outcome, defect_12_each_status_has_its_own_consequence)
{
    for (size_t i = 0; i < sizeof outcome_cases / sizeof outcome_cases[0]; i++) {
        const struct outcome_case *expected = &outcome_cases[i];
        struct arena *arena = arena_new();
        struct stepca_error error;
        stepca_read_outcome(arena, expected->call, expected->status, bytes_from_string(expected->body), NULL,
                            &error);
        cr_expect_eq(error.outcome, expected->outcome, "%zu (%d): %d", i, expected->status,
                     (int)error.outcome);
        cr_expect_eq(error.http_status, expected->status);
        cr_expect(strstr(error.message, expected->message) != NULL, "%zu: %s", i, error.message);
        cr_expect_eq(error.refusal, expected->refusal, "%zu: %d", i, (int)error.refusal);
        arena_free(arena);
    }
}

Test(outcome, defect_12_no_reply_is_worth_another_try_and_says_why)
{
    struct arena *arena = arena_new();
    struct stepca_error error;
    stepca_read_outcome(arena, STEPCA_SIGN, 0, (struct bytes){0}, "connection refused by ca.internal",
                        &error);
    cr_expect_eq(error.outcome, STEPCA_BUSY);
    cr_expect_eq(error.http_status, 0);
    cr_expect_str_eq(error.message, "connection refused by ca.internal");
    stepca_read_outcome(arena, STEPCA_SIGN, 0, (struct bytes){0}, NULL, &error);
    cr_expect_eq(error.outcome, STEPCA_BUSY);
    cr_expect_str_eq(error.message, "no reply came");
    stepca_read_outcome(arena, STEPCA_SIGN, 0, (struct bytes){0}, "", &error);
    cr_expect_str_eq(error.message, "no reply came");
    stepca_read_outcome(arena, STEPCA_SIGN, 501, BYTES_LITERAL("{\"message\":\"none\"}"), NULL, &error);
    cr_expect_str_eq(error.message, "none", "revocations alone need a database");
    arena_free(arena);
}

Test(outcome, S12_a_message_is_one_line_without_control_characters)
{
    static const struct {
        const char *body, *message;
    } cases[] = {
        {"{\"message\":\"one\\ntwo\\r\\n\\u001b[31mthree\\u009b\\u007f\"}", "one two ?[31mthree??"},
        {"{\"message\":\"schl\xc3\xbcssel\"}", "schl\xc3\xbcssel"},
        {"plain\x1b[2J\xff text\n", "plain?[2J? text"},
        {"{\"message\":\"a\xe2\x80\xae\xe2\x80\xa8z\"}", "a??z"},
        {"\n\n", "HTTP status 500 without a reason"},
        {"{\"message\":\"\"}", "HTTP status 500 without a reason"},
        {"{\"message\":7}", "HTTP status 500 without a reason"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_error error;
        stepca_read_outcome(arena, STEPCA_SIGN, 500, bytes_from_string(cases[i].body), NULL, &error);
        cr_expect_str_eq(error.message, cases[i].message, "%zu: %s", i, error.message);
        arena_free(arena);
    }
}

Test(outcome, a_long_message_is_cut_before_a_character_that_does_not_fit)
{
    struct arena *arena = arena_new();
    char *text = arena_alloc(arena, 1000);
    memset(text, 'a', 999);
    struct stepca_error error;
    stepca_read_outcome(arena, STEPCA_SIGN, 500, bytes_from_string(text), NULL, &error);
    cr_expect_eq(strlen(error.message), 500);
    text[499 - 1] = '\xe2'; /* U+20AC in octets 498 to 500 */
    text[500 - 1] = '\x82';
    text[501 - 1] = '\xac';
    const char *body = arena_printf(arena, "{\"message\":\"%s\"}", text);
    stepca_read_outcome(arena, STEPCA_SIGN, 500, bytes_from_string(body), NULL, &error);
    cr_expect_eq(strlen(error.message), 498);
    arena_free(arena);
}

Test(outcome, a_message_has_no_space_at_its_ends_and_none_twice)
{
    static const struct {
        size_t before, spaces, after; /* letters, spaces, letters */
        size_t n;                     /* of the message */
    } cases[] = {
        {500, 0, 0, 500}, {501, 0, 0, 500}, {499, 1, 9, 499}, {498, 1, 9, 500}, {498, 7, 9, 500},
        {0, 3, 4, 4},     {4, 3, 0, 4},     {3, 9, 3, 7},     {499, 0, 0, 499},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_error error;
        char *text = arena_alloc(arena, 1024);
        memset(text, 'a', cases[i].before);
        memset(text + cases[i].before, ' ', cases[i].spaces);
        memset(text + cases[i].before + cases[i].spaces, 'z', cases[i].after);
        stepca_read_outcome(arena, STEPCA_SIGN, 500, bytes_from_string(text), NULL, &error);
        cr_expect_eq(strlen(error.message), cases[i].n, "%zu: %s", i, error.message);
        cr_expect_null(strstr(error.message, "  "), "%zu: %s", i, error.message);
        arena_free(arena);
    }
}

/* In step-ca 0.30.2's words. */
Test(outcome, C2_and_C5_a_refusal_says_what_it_is_for)
{
    static const struct {
        const char *words;
        enum stepca_refusal refusal;
        int64_t requested_s, limit_s;
    } cases[] = {
        {FORBIDDEN
         "requested duration of 18h1m0s is more than the authorized maximum certificate duration of 12h1m0s.",
         STEPCA_REFUSAL_TOO_LONG, 18 * 3600 + 60, 12 * 3600 + 60},
        {FORBIDDEN
         "requested duration of 1h1m0s is less than the authorized minimum certificate duration of 2h0m0s.",
         STEPCA_REFUSAL_TOO_SHORT, 3660, 7200},
        {FORBIDDEN
         "requested duration of 0s is less than the authorized minimum certificate duration of 5m0s.",
         STEPCA_REFUSAL_TOO_SHORT, 0, 300},
        {FORBIDDEN
         "requested duration of 1m0.5s is less than the authorized minimum certificate duration of 5m0s",
         STEPCA_REFUSAL_TOO_SHORT, 60, 300},
        {FORBIDDEN
         "requested duration of ages is more than the authorized maximum certificate duration of 12h1m0s.",
         STEPCA_REFUSAL_CA, 0, 0},
        {FORBIDDEN "requested duration of 1h is more than the authorized maximum certificate duration of .",
         STEPCA_REFUSAL_CA, 0, 0},
        {FORBIDDEN "requested duration of 1h is more than the authorized maximum certificate duration of 0s.",
         STEPCA_REFUSAL_CA, 0, 0},
        {FORBIDDEN "dns name \\\"x.test\\\" not allowed", STEPCA_REFUSAL_POLICY, 0, 0},
        {FORBIDDEN "DNS name \\\"x.test\\\" is not permitted by any constraint",
         STEPCA_REFUSAL_NAME_CONSTRAINTS, 0, 0},
        {FORBIDDEN "DNS name \\\"x.test\\\" is excluded by constraint \\\"test\\\"",
         STEPCA_REFUSAL_NAME_CONSTRAINTS, 0, 0},
        {FORBIDDEN "error creating certificate.", STEPCA_REFUSAL_CA, 0, 0},
        {FORBIDDEN "webhook server did not allow request.", STEPCA_REFUSAL_WEBHOOK, 0, 0},
        {"The request could not be completed: by a template's fail.", STEPCA_REFUSAL_CA, 0, 0},
        {FORBIDDEN "certificate request RSA key must be at least 2048 bits (256 bytes).", STEPCA_REFUSAL_CSR,
         0, 0},
        {FORBIDDEN "certificate request does not contain the valid common name - got a, want b.",
         STEPCA_REFUSAL_NAMES, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_error error;
        const char *body = arena_printf(arena, "{\"message\":\"%s\"}", cases[i].words);
        stepca_read_outcome(arena, STEPCA_SIGN, 403, bytes_from_string(body), NULL, &error);
        cr_expect_eq(error.refusal, cases[i].refusal, "%s: %d", cases[i].words, (int)error.refusal);
        if (cases[i].requested_s + cases[i].limit_s != 0) {
            cr_expect_eq(error.requested_s, cases[i].requested_s, "%s", cases[i].words);
            cr_expect_eq(error.limit_s, cases[i].limit_s, "%s", cases[i].words);
        }
        arena_free(arena);
    }
}
