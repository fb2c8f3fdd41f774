#include "leaks.h"
#include "stepca/outcome.h"

LEAK_CHECKED_SUITE(outcome);

struct outcome_case {
    enum stepca_call call;
    int status;
    const char *body;
    enum stepca_outcome outcome;
    const char *message; /* a part of it */
    bool about_names;
};

#define FORBIDDEN "The request was forbidden by the certificate authority: "
#define SIGNED    "{\"crt\":\"x\",\"ca\":\"x\",\"certChain\":[\"x\"]}"

/* The bodies are those of step-ca 0.30.2, and of what may stand in its place. */
static const struct outcome_case outcome_cases[] = {
    {STEPCA_SIGN, 201, SIGNED, STEPCA_OK, "", false},
    {STEPCA_SIGN, 200, SIGNED, STEPCA_OK, "", false},
    {STEPCA_REVOKE, 200, "{\"status\":\"ok\"}", STEPCA_OK, "", false},
    {STEPCA_READ, 200, "{\"provisioners\":[]}", STEPCA_OK, "", false},
    {STEPCA_SIGN, 201, "{\"crt\":\"x\"}", STEPCA_GARBAGE, "none of step-ca's", false},
    {STEPCA_SIGN, 200, "<html>log in first</html>", STEPCA_GARBAGE, "none of step-ca's", false},
    {STEPCA_SIGN, 201, "", STEPCA_GARBAGE, "none of step-ca's", false},
    {STEPCA_REVOKE, 200, "{}", STEPCA_GARBAGE, "none of step-ca's", false},
    {STEPCA_READ, 200, "[]", STEPCA_GARBAGE, "none of step-ca's", false},
    {STEPCA_SIGN, 204, "", STEPCA_GARBAGE, "204", false},
    {STEPCA_SIGN, 400,
     "{\"status\":400,\"message\":\"The request could not be completed: notAfter cannot be in the past.\"}",
     STEPCA_REFUSED, "notAfter cannot be in the past", false},
    {STEPCA_SIGN, 401,
     "{\"status\":401,\"message\":\"The request lacked necessary authorization to be completed.\"}",
     STEPCA_UNAUTHORIZED, "lacked necessary authorization", false},
    {STEPCA_REVOKE, 401,
     "{\"status\":401,\"message\":\"The request lacked necessary authorization to be completed.\"}",
     STEPCA_UNAUTHORIZED, "lacked necessary authorization", false},
    {STEPCA_SIGN, 403,
     "{\"status\":403,\"message\":\"" FORBIDDEN
     "certificate request does not contain the valid DNS names - got "
     "[a.internal], want [b.internal].\"}",
     STEPCA_REFUSED, "got [a.internal], want [b.internal]", true},
    {STEPCA_SIGN, 403,
     "{\"status\":403,\"message\":\"" FORBIDDEN "dns name \\\"x.example.org\\\" not allowed\"}",
     STEPCA_REFUSED, "dns name \"x.example.org\" not allowed", true},
    {STEPCA_SIGN, 403,
     "{\"status\":403,\"message\":\"" FORBIDDEN
     "requested duration of 1000h1m0s is more than the authorized maximum "
     "certificate duration of 72h1m0s.\"}",
     STEPCA_REFUSED, "more than the authorized maximum", false},
    {STEPCA_SIGN, 404, "404 page not found\n", STEPCA_NOT_FOUND, "404 page not found", false},
    {STEPCA_SIGN, 405, "", STEPCA_NOT_FOUND, "405", false},
    {STEPCA_SIGN, 302, "", STEPCA_NOT_FOUND, "302", false},
    {STEPCA_REVOKE, 501, "{\"status\":501,\"message\":\"The requested method is not implemented\"}",
     STEPCA_NOT_FOUND, "not implemented", false},
    {STEPCA_SIGN, 408, "", STEPCA_BUSY, "408", false},
    {STEPCA_SIGN, 429, "slow down", STEPCA_BUSY, "slow down", false},
    {STEPCA_SIGN, 500,
     "{\"status\":500,\"message\":\"The certificate authority encountered an Internal Server Error.\"}",
     STEPCA_BUSY, "Internal Server Error", false},
    {STEPCA_SIGN, 502, "<html>bad gateway</html>", STEPCA_BUSY, "bad gateway", false},
    {STEPCA_SIGN, 503, "{\"status\":503}", STEPCA_BUSY, "503", false},
    {STEPCA_SIGN, 599, "", STEPCA_BUSY, "599", false},
    {STEPCA_REVOKE, 400,
     "{\"status\":400,\"message\":\"The request could not be completed: certificate with serial number '12' "
     "is already "
     "revoked.\"}",
     STEPCA_ALREADY_REVOKED, "is already revoked", false},
    {STEPCA_REVOKE, 400,
     "{\"status\":400,\"message\":\"The request could not be completed: reasonCode out of bounds.\"}",
     STEPCA_REFUSED, "reasonCode out of bounds", false},
    {STEPCA_SIGN, 400,
     "{\"status\":400,\"message\":\"certificate with serial number '12' is already revoked\"}",
     STEPCA_REFUSED, "already revoked", false},
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
        cr_expect_eq(error.about_names, expected->about_names, "%zu", i);
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
    cr_expect(error.message[0] != '\0');
    arena_free(arena);
}

Test(outcome, a_message_is_one_line_without_control_characters)
{
    static const struct {
        const char *body, *message;
    } cases[] = {
        {"{\"message\":\"one\\ntwo\\r\\n\\u001b[31mthree\\u009b\\u007f\"}", "one two [31mthree"},
        {"{\"message\":\"schl\xc3\xbcssel\"}", "schl\xc3\xbcssel"},
        {"plain\x1b[2J\xff text\n", "plain [2J? text"},
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
