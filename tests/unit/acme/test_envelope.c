/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/base64.h"
#include "acme/envelope.h"
#include "acme/jose/openssl_handles.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(envelope);

#define ACCOUNT "https://acme.internal/acme/corp/account/7"
#define URL     "https://acme.internal/acme/corp/new-order"
#define KID     "\"kid\":\"" ACCOUNT "\""
#define REST    "\"nonce\":\"bm9uY2U\",\"url\":\"" URL "\""
/* Never parsed here: only whether it is there, and an object, is looked at. */
#define JWK "\"jwk\":{\"kty\":\"EC\"}"

static const struct urls urls = {.base = "https://acme.internal", .endpoint = "corp"};

static struct jwk new_key(struct arena *arena, const char *curve)
{
    struct jwk key;
    struct jose_error error;
    autofree_evp_pkey EVP_PKEY *pkey = EVP_EC_gen(curve);
    cr_assert_not_null(pkey);
    cr_assert(jwk_from_key(arena, pkey, &key, &error));
    return key;
}

/* The compact form and the flattened one hold the same three texts. */
static struct bytes sign(struct arena *arena, const struct jwk *key, const char *header, const char *payload)
{
    char *compact;
    cr_assert(jws_sign_compact(arena, key, bytes_from_string(header), bytes_from_string(payload), &compact));
    int protected_length = (int)strcspn(compact, ".");
    const char *middle = compact + protected_length + 1;
    int payload_length = (int)strcspn(middle, ".");
    return bytes_from_string(
        arena_printf(arena, "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%s\"}",
                     protected_length, compact, payload_length, middle, middle + payload_length + 1));
}

static const struct problem *parse(struct arena *arena, const char *header, const char *payload,
                                   enum envelope_key wanted, bool post_as_get_only, struct envelope *out)
{
    struct jwk key = new_key(arena, "P-256");
    return envelope_parse(arena, sign(arena, &key, header, payload), wanted, post_as_get_only, URL, &urls,
                          out);
}

Test(envelope, P4_a_payload_has_no_member_that_is_null)
{
    struct arena *arena = arena_new();
    struct envelope envelope;
    cr_assert_null(parse(arena, "{\"alg\":\"ES256\"," KID "," REST "}",
                         "{\"a\":null,\"b\":{\"c\":null,\"d\":[{\"e\":null}]}}", ENVELOPE_KID, false,
                         &envelope));
    cr_expect_null(json_member(envelope.payload, "a"));
    const struct json *inner = json_member(envelope.payload, "b");
    cr_expect_null(json_member(inner, "c"));
    cr_expect_eq(json_member(inner, "d")->items[0]->count, 0);
    cr_expect_not_null(parse(arena, "{\"alg\":\"ES256\"," KID "," REST ",\"crit\":null}", "{}", ENVELOPE_KID,
                             false, &envelope),
                       "a header is not a payload");
    arena_free(arena);
}

Test(envelope, of_an_account_names_it_by_kid)
{
    struct arena *arena = arena_new();
    struct envelope envelope;
    cr_assert_null(parse(arena, "{\"alg\":\"ES256\"," KID "," REST "}", "{\"csr\":\"AQID\"}", ENVELOPE_KID,
                         false, &envelope));
    cr_expect_eq(envelope.account_id, 7);
    cr_expect_null(envelope.jwk);
    cr_expect(bytes_equal_string(envelope.nonce, "bm9uY2U"));
    cr_expect_not(envelope.post_as_get);
    struct bytes csr;
    cr_assert(json_member_string(envelope.payload, "csr", &csr));
    cr_expect(bytes_equal_string(csr, "AQID"));
    arena_free(arena);
}

Test(envelope, of_a_new_account_carries_its_key)
{
    struct arena *arena = arena_new();
    struct envelope envelope;
    cr_assert_null(
        parse(arena, "{\"alg\":\"ES256\"," JWK "," REST "}", "{}", ENVELOPE_JWK, false, &envelope));
    cr_expect_eq(envelope.account_id, 0);
    struct bytes type;
    cr_assert(json_member_string(envelope.jwk, "kty", &type));
    cr_expect(bytes_equal_string(type, "EC"));
    cr_expect_not(envelope.post_as_get);
    cr_assert_not_null(envelope.payload);
    cr_expect_eq(envelope.payload->type, JSON_OBJECT);
    arena_free(arena);
}

Test(envelope, of_a_revocation_may_have_either)
{
    struct arena *arena = arena_new();
    struct envelope envelope;
    cr_assert_null(
        parse(arena, "{\"alg\":\"ES256\"," KID "," REST "}", "{}", ENVELOPE_EITHER, false, &envelope));
    cr_expect_eq(envelope.account_id, 7);
    cr_assert_null(
        parse(arena, "{\"alg\":\"ES256\"," JWK "," REST "}", "{}", ENVELOPE_EITHER, false, &envelope));
    cr_expect_eq(envelope.account_id, 0);
    cr_expect_not_null(envelope.jwk);
    arena_free(arena);
}

/* RFC 8555 §6.3: a POST-as-GET has the empty payload; not even {} will do. */
Test(envelope, payload_is_empty_or_an_object_as_the_resource_demands)
{
    static const struct {
        const char *payload;
        bool post_as_get_only, good, post_as_get;
    } cases[] = {
        {"", true, true, true},
        {"", false, true, true},
        {"{}", false, true, false},
        {"{\"a\":[1,{}]}", false, true, false},
        {"{}", true, false, false},
        {"{\"a\":1}", true, false, false},
        {"\"\"", true, false, false},
        {"not JSON", true, false, false},
        {"[]", false, false, false},
        {"null", false, false, false},
        {"\"\"", false, false, false},
        {"7", false, false, false},
        {" ", false, false, false},
        {"{", false, false, false},
        {"{}x", false, false, false},
        {"{}{}", false, false, false},
        {"{\"a\":1,\"a\":1}", false, false, false},
        {"{\"a\":[[[[[[[[[[1]]]]]]]]]]}", false, false, false},
        {"{\"a\":\"\xff\"}", false, false, false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct envelope envelope;
        const struct problem *problem = parse(arena, "{\"alg\":\"ES256\"," KID "," REST "}", cases[i].payload,
                                              ENVELOPE_KID, cases[i].post_as_get_only, &envelope);
        cr_expect_eq(problem == NULL, cases[i].good, "%s", cases[i].payload);
        if (problem != NULL) {
            cr_expect_eq(problem->type, PROBLEM_MALFORMED, "%s", cases[i].payload);
            cr_expect_not_null(strstr(problem->detail, "payload"), "%s", problem->detail);
        } else {
            cr_expect_eq(envelope.post_as_get, cases[i].post_as_get, "%s", cases[i].payload);
            cr_expect_eq(envelope.payload == NULL, cases[i].post_as_get, "%s", cases[i].payload);
        }
    }
    arena_free(arena);
}

/* RFC 8555 §6.2 to §6.5. */
Test(envelope, protected_headers_that_are_refused)
{
    static const struct {
        const char *header; /* behind "alg" */
        enum envelope_key wanted;
        enum problem_type type;
        int status;
        const char *said;
    } cases[] = {
        {KID "," JWK "," REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, "both"},
        {KID "," JWK "," REST, ENVELOPE_JWK, PROBLEM_MALFORMED, 400, "both"},
        {KID "," JWK "," REST, ENVELOPE_EITHER, PROBLEM_MALFORMED, 400, "both"},
        {REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, "neither"},
        {REST, ENVELOPE_JWK, PROBLEM_MALFORMED, 400, "neither"},
        {REST, ENVELOPE_EITHER, PROBLEM_MALFORMED, 400, "neither"},
        {KID "," REST, ENVELOPE_JWK, PROBLEM_MALFORMED, 400, "jwk"},
        {JWK "," REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, "kid"},
        {"\"jwk\":\"EC\"," REST, ENVELOPE_JWK, PROBLEM_MALFORMED, 400, "jwk"},
        {"\"jwk\":null," REST, ENVELOPE_EITHER, PROBLEM_MALFORMED, 400, "jwk"},
        {"\"kid\":7," REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, "kid"},
        {"\"kid\":null," REST, ENVELOPE_EITHER, PROBLEM_MALFORMED, 400, "kid"},
        {"\"kid\":\"7\"," REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, "kid"},
        {"\"kid\":\"\"," REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, "kid"},
        {"\"kid\":\"/acme/corp/account/7\"," REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, "kid"},
        {"\"kid\":\"https://old.example/acme/other/account/7\"," REST, ENVELOPE_KID,
         PROBLEM_ACCOUNT_DOES_NOT_EXIST, 400, "account"},
        {"\"kid\":\"https://acme-v02.api.letsencrypt.org/acme/acct/1\"," REST, ENVELOPE_EITHER,
         PROBLEM_ACCOUNT_DOES_NOT_EXIST, 400, "account"},
        {"\"kid\":\"" ACCOUNT "x\"," REST, ENVELOPE_KID, PROBLEM_ACCOUNT_DOES_NOT_EXIST, 400, "account"},
        {KID ",\"nonce\":\"bm9uY2U\"", ENVELOPE_KID, PROBLEM_MALFORMED, 400, "url"},
        {KID ",\"nonce\":\"bm9uY2U\",\"url\":7", ENVELOPE_KID, PROBLEM_MALFORMED, 400, "url"},
        {KID ",\"nonce\":\"bm9uY2U\",\"url\":\"\"", ENVELOPE_KID, PROBLEM_UNAUTHORIZED, 403, URL},
        {KID ",\"nonce\":\"bm9uY2U\",\"url\":\"" URL "/\"", ENVELOPE_KID, PROBLEM_UNAUTHORIZED, 403, URL},
        {KID ",\"nonce\":\"bm9uY2U\",\"url\":\"" URL "\\u0000\"", ENVELOPE_KID, PROBLEM_UNAUTHORIZED, 403,
         URL},
        {KID ",\"nonce\":\"bm9uY2U\",\"url\":\"https://other/acme/corp/new-order\"", ENVELOPE_KID,
         PROBLEM_UNAUTHORIZED, 403, URL},
        {KID ",\"url\":\"" URL "\"", ENVELOPE_KID, PROBLEM_BAD_NONCE, 400, "nonce"},
        {KID ",\"nonce\":7,\"url\":\"" URL "\"", ENVELOPE_KID, PROBLEM_BAD_NONCE, 400, "nonce"},
        {KID ",\"crit\":[\"exp\"],\"exp\":1," REST, ENVELOPE_KID, PROBLEM_MALFORMED, 400, ""},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct envelope envelope;
        const char *header = arena_printf(arena, "{\"alg\":\"ES256\",%s}", cases[i].header);
        const struct problem *problem = parse(arena, header, "{}", cases[i].wanted, false, &envelope);
        cr_expect_not_null(problem, "%s is accepted", header);
        if (problem != NULL) {
            cr_expect_eq(problem->type, cases[i].type, "%s: %s", header, problem->detail);
            cr_expect_eq(problem->status, cases[i].status, "%s", header);
            cr_expect_not_null(strstr(problem->detail, cases[i].said), "%s: %s", header, problem->detail);
        }
    }
    arena_free(arena);
}

/* An account's URL under the name that the server had before still means the account. */
Test(envelope, kid_of_an_old_base_url_is_the_account)
{
    struct arena *arena = arena_new();
    struct envelope envelope;
    cr_assert_null(parse(arena,
                         "{\"alg\":\"ES256\",\"kid\":\"https://old.example/acme/corp/account/7\"," REST "}",
                         "", ENVELOPE_KID, true, &envelope));
    cr_expect_eq(envelope.account_id, 7);
    arena_free(arena);
}

/* RFC 8555 §6.2: the problem lists what would have been accepted. */
Test(envelope, algorithms_that_accounts_may_not_use_are_told_those_they_may)
{
    static const char *const algorithms[] = {"none", "HS256", "ES256K", "PS256", "RS1"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        struct envelope envelope;
        const char *header = arena_printf(arena, "{\"alg\":\"%s\"," KID "," REST "}", algorithms[i]);
        const struct problem *problem = parse(arena, header, "{}", ENVELOPE_KID, false, &envelope);
        cr_assert_not_null(problem, "%s is accepted", algorithms[i]);
        cr_expect_eq(problem->type, PROBLEM_BAD_SIGNATURE_ALGORITHM, "%s", algorithms[i]);
        cr_expect_str_eq(problem->algorithms_json, jws_account_algorithms_json);
    }
    arena_free(arena);
}

Test(envelope, bodies_that_are_no_flattened_jws_are_malformed)
{
    static const char *const bodies[] = {"", "{}", "[]", "x", "{\"protected\":\"e30\",\"payload\":\"\"}"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct envelope envelope;
        const struct problem *problem = envelope_parse(arena, bytes_from_string(bodies[i]), ENVELOPE_EITHER,
                                                       false, URL, &urls, &envelope);
        cr_expect(problem != NULL && problem->type == PROBLEM_MALFORMED, "%s", bodies[i]);
    }
    arena_free(arena);
}

Test(envelope, is_verified_with_the_signer_s_key_alone)
{
    struct arena *arena = arena_new();
    struct jwk key = new_key(arena, "P-256");
    struct jwk other = new_key(arena, "P-256");
    struct jwk longer = new_key(arena, "P-384");
    struct envelope envelope;
    struct bytes body = sign(arena, &key, "{\"alg\":\"ES256\"," KID "," REST "}", "{}");
    cr_assert_null(envelope_parse(arena, body, ENVELOPE_KID, false, URL, &urls, &envelope));
    cr_expect_null(envelope_verify(arena, &envelope, &key));

    const struct problem *problem = envelope_verify(arena, &envelope, &other);
    cr_assert_not_null(problem);
    cr_expect_eq(problem->type, PROBLEM_MALFORMED);

    problem = envelope_verify(arena, &envelope, &longer);
    cr_assert_not_null(problem);
    cr_expect_eq(problem->type, PROBLEM_BAD_SIGNATURE_ALGORITHM);
    arena_free(arena);
}

Test(envelope, jose_errors_become_the_problems_of_rfc_8555_6_7)
{
    static const struct {
        enum jose_error_code code;
        enum problem_type type;
        bool lists_algorithms;
    } cases[] = {
        {JOSE_MALFORMED, PROBLEM_MALFORMED, false},
        {JOSE_BAD_SIGNATURE, PROBLEM_MALFORMED, false},
        {JOSE_BAD_KEY, PROBLEM_BAD_PUBLIC_KEY, false},
        {JOSE_UNSUPPORTED_ALGORITHM, PROBLEM_BAD_SIGNATURE_ALGORITHM, true},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct jose_error error = {cases[i].code, "what was wrong: 100%s"};
        const struct problem *problem = problem_from_jose(arena, &error);
        cr_expect_eq(problem->type, cases[i].type);
        cr_expect_str_eq(problem->detail, "what was wrong: 100%s");
        cr_expect_eq(problem->algorithms_json != NULL, cases[i].lists_algorithms);
    }
    arena_free(arena);
}
