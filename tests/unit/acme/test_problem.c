/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/problem.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(problem);

Test(problem, every_type_has_its_name_and_status)
{
    static const struct {
        enum problem_type type;
        const char *name;
        int status;
    } cases[] = {
        {PROBLEM_ACCOUNT_DOES_NOT_EXIST, "accountDoesNotExist", 400},
        {PROBLEM_ALREADY_REPLACED, "alreadyReplaced", 409},
        {PROBLEM_ALREADY_REVOKED, "alreadyRevoked", 400},
        {PROBLEM_BAD_CSR, "badCSR", 400},
        {PROBLEM_BAD_NONCE, "badNonce", 400},
        {PROBLEM_BAD_PUBLIC_KEY, "badPublicKey", 400},
        {PROBLEM_BAD_REVOCATION_REASON, "badRevocationReason", 400},
        {PROBLEM_BAD_SIGNATURE_ALGORITHM, "badSignatureAlgorithm", 400},
        {PROBLEM_CAA, "caa", 400},
        {PROBLEM_COMPOUND, "compound", 400},
        {PROBLEM_CONNECTION, "connection", 400},
        {PROBLEM_DNS, "dns", 400},
        {PROBLEM_EXTERNAL_ACCOUNT_REQUIRED, "externalAccountRequired", 403},
        {PROBLEM_INCORRECT_RESPONSE, "incorrectResponse", 400},
        {PROBLEM_INVALID_CONTACT, "invalidContact", 400},
        {PROBLEM_INVALID_PROFILE, "invalidProfile", 400},
        {PROBLEM_MALFORMED, "malformed", 400},
        {PROBLEM_ORDER_NOT_READY, "orderNotReady", 403},
        {PROBLEM_RATE_LIMITED, "rateLimited", 429},
        {PROBLEM_REJECTED_IDENTIFIER, "rejectedIdentifier", 403},
        {PROBLEM_SERVER_INTERNAL, "serverInternal", 500},
        {PROBLEM_TLS, "tls", 400},
        {PROBLEM_UNAUTHORIZED, "unauthorized", 403},
        {PROBLEM_UNSUPPORTED_CONTACT, "unsupportedContact", 400},
        {PROBLEM_UNSUPPORTED_IDENTIFIER, "unsupportedIdentifier", 400},
        {PROBLEM_USER_ACTION_REQUIRED, "userActionRequired", 403},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct problem *problem = problem_new(arena, cases[i].type, "x");
        cr_expect_str_eq(problem_type_name(cases[i].type), cases[i].name);
        cr_expect_eq(problem->status, cases[i].status, "%s: %d", cases[i].name, problem->status);
    }
    arena_free(arena);
}

static const char *rendered(struct arena *arena, const struct problem *problem)
{
    return (const char *)problem_render(arena, problem).p;
}

Test(problem, document_names_type_detail_and_status)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(rendered(arena, problem_new(arena, PROBLEM_BAD_CSR, "identifier %s is not in the CSR",
                                                 "www.example.org")),
                     "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"identifier "
                     "www.example.org is not in the "
                     "CSR\",\"status\":400,\"cause\":\"csr-malformed\"}");
    cr_expect_str_eq(
        rendered(arena, problem_with_status(arena, 405, PROBLEM_MALFORMED, "use POST")),
        "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"use POST\",\"status\":405,"
        "\"cause\":\"request-malformed\"}");
    arena_free(arena);
}

Test(problem, several_failing_identifiers_become_subproblems)
{
    struct arena *arena = arena_new();
    static const struct subproblem parts[] = {
        {PROBLEM_REJECTED_IDENTIFIER, "not here", "dns", "a.example"},
        {PROBLEM_MALFORMED, "not canonical", "ip", "010.0.0.1"},
    };
    struct problem *problem = problem_new(arena, PROBLEM_REJECTED_IDENTIFIER, "two");
    problem->subproblems = parts;
    problem->subproblem_count = 2;
    cr_expect_str_eq(
        rendered(arena, problem),
        "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"two\",\"status\":403,"
        "\"cause\":\"name-refused\","
        "\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"not "
        "here\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}},"
        "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"not canonical\","
        "\"identifier\":{\"type\":\"ip\",\"value\":\"010.0.0.1\"}}]}");
    arena_free(arena);
}

Test(problem, bad_algorithm_lists_the_accepted_ones)
{
    struct arena *arena = arena_new();
    struct problem *problem = problem_new(arena, PROBLEM_BAD_SIGNATURE_ALGORITHM, "no");
    problem->algorithms_json = "[\"ES256\",\"EdDSA\"]";
    cr_expect_str_eq(
        rendered(arena, problem),
        "{\"type\":\"urn:ietf:params:acme:error:badSignatureAlgorithm\",\"detail\":\"no\",\"status\":400,"
        "\"cause\":\"signature-algorithm-refused\","
        "\"algorithms\":[\"ES256\",\"EdDSA\"]}");
    arena_free(arena);
}

Test(problem, headers_stay_out_of_the_document)
{
    struct arena *arena = arena_new();
    struct problem *problem = problem_with_status(arena, 503, PROBLEM_SERVER_INTERNAL, "later");
    problem->retry_after_s = 30;
    problem->location = "https://acme.internal/x";
    cr_expect_null(strstr(rendered(arena, problem), "30"));
    cr_expect_null(strstr(rendered(arena, problem), "acme.internal"));
    arena_free(arena);
}

Test(problem, S12_words_from_outside_cannot_break_the_document)
{
    struct arena *arena = arena_new();
    const char *document =
        rendered(arena, problem_new(arena, PROBLEM_DNS, "%s",
                                    "quote \" and \xff and \n, \xe2\x80\xae and \xc2\x9b, \xc3\xa4"));
    const struct json *json = json_parse(arena, bytes_from_string(document), &json_limits_request, NULL);
    struct bytes detail;
    cr_assert(json_member_string(json, "detail", &detail));
    cr_expect(bytes_equal_string(detail, "quote \" and ? and  , ? and ?, \xc3\xa4"));

    char *long_text = arena_alloc(arena, 100001);
    memset(long_text, 'x', 100000);
    cr_expect_lt(strlen(rendered(arena, problem_new(arena, PROBLEM_DNS, "%s", long_text))), 2000);
    arena_free(arena);
}

Test(problem, document_over_its_limit_keeps_type_and_detail)
{
    struct arena *arena = arena_new();
    char *long_text = arena_alloc(arena, 100001);
    memset(long_text, 'x', 100000);
    struct subproblem parts[4];
    for (size_t i = 0; i < 4; i++) {
        parts[i] = (struct subproblem){PROBLEM_DNS, long_text, "dns", "a.example"};
    }
    struct problem *problem = problem_new(arena, PROBLEM_DNS, "many");
    problem->subproblems = parts;
    problem->subproblem_count = 4;
    cr_expect_str_eq(rendered(arena, problem),
                     "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"many\",\"status\":400,"
                     "\"cause\":\"name-server-failed\"}");
    arena_free(arena);
}

/* A stored document is read again; anything else is not a document. */
Test(problem, is_read_as_it_was_written)
{
    static const char *const others[] = {
        "",
        "{}",
        "[]",
        "{\"type\":\"urn:ietf:params:acme:error:nosuch\",\"detail\":\"x\"}",
        "{\"type\":\"about:blank\",\"detail\":\"x\"}",
        "{\"type\":\"urn:ietf:params:acme:error:tls\"}",
        "{\"type\":\"urn:ietf:params:acme:error:tls\",\"detail\":7}",
        "{\"type\":\"urn:ietf:params:acme:error:tls\",\"detail\":\"x\"",
    };
    struct arena *arena = arena_new();
    for (int type = PROBLEM_ACCOUNT_DOES_NOT_EXIST; type <= PROBLEM_USER_ACTION_REQUIRED; type++) {
        const struct problem *written = problem_new(arena, (enum problem_type)type, "why \"%d\"", type);
        const struct problem *read = problem_read(arena, (const char *)problem_render(arena, written).p);
        cr_assert_not_null(read, "%d", type);
        cr_expect_eq(read->type, written->type);
        cr_expect_eq(read->status, written->status);
        cr_expect_str_eq(read->detail, written->detail);
    }
    cr_expect_null(problem_read(arena, NULL));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect_null(problem_read(arena, others[i]), "%s", others[i]);
    arena_free(arena);
}
