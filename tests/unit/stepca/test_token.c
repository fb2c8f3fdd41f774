/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include <openssl/sha.h>

#include "acme/base/base64.h"
#include "stepca/token.h"

LEAK_CHECKED_SUITE(token);

static const char *const two_names[] = {"A.internal", "10.0.0.1"};

static struct stepca_token_request sample_request(void)
{
    struct stepca_token_request request = {
        .provisioner = "acme gate",
        .key_id = "advertised-kid",
        .ca_url = "https://ca.internal:9000",
        .subject = "A.internal",
        .sans = two_names,
        .san_count = 2,
        .csr_der = BYTES_LITERAL("not parsed here"),
        .root_fingerprint_hex = "0a0b",
        .now = 1700000000,
    };
    cr_assert(stepca_token_id_new(request.id));
    return request;
}

static void expect_text(const struct json *object, const char *name, const char *expected)
{
    struct bytes value;
    cr_assert(json_member_string(object, name, &value), "%s is missing", name);
    cr_expect(bytes_equal_string(value, expected), "%s is %.*s", name, (int)value.n, (const char *)value.p);
}

static void expect_integer(const struct json *object, const char *name, int64_t expected)
{
    int64_t value = 0;
    cr_assert(json_member_integer(object, name, &value), "%s is missing", name);
    cr_expect_eq(value, expected, "%s", name);
}

struct signed_token {
    struct arena *arena;
    EVP_PKEY *key;
    struct fixture_token token;
};

static struct signed_token make(const char *key_type, bool for_revoke,
                                const struct stepca_token_request *request)
{
    struct signed_token made = {.arena = arena_new(), .key = fixture_new_key(key_type)};
    struct provisioner_key key;
    fixture_provisioner_key(made.arena, made.key, &key);
    char *text = NULL;
    cr_assert(
        (for_revoke ? stepca_token_for_revoke : stepca_token_for_sign)(made.arena, &key, request, &text));
    fixture_read_token(made.arena, text, &made.token);
    return made;
}

static void drop(struct signed_token *made)
{
    EVP_PKEY_free(made->key);
    arena_free(made->arena);
}

Test(token, sign_token_carries_every_claim_that_step_ca_reads)
{
    struct stepca_token_request request = sample_request();
    struct signed_token made = make("P-256", false, &request);
    expect_text(made.token.header, "alg", "ES256");
    expect_text(made.token.header, "kid", "advertised-kid");
    expect_text(made.token.header, "typ", "JWT");
    const struct json *claims = made.token.claims;
    expect_text(claims, "iss", "acme gate");
    expect_text(claims, "sub", "A.internal");
    expect_text(claims, "aud", "https://ca.internal:9000/1.0/sign");
    expect_text(claims, "jti", request.id);
    expect_text(claims, "sha", "0a0b");
    expect_integer(claims, "nbf", 1700000000);
    expect_integer(claims, "iat", 1700000000);
    expect_integer(claims, "exp", 1700000300);
    const struct json *sans = json_member(claims, "sans");
    cr_assert(sans != NULL && sans->type == JSON_ARRAY && sans->count == 2);
    cr_expect(bytes_equal_string(sans->items[0]->string, "A.internal"));
    cr_expect(bytes_equal_string(sans->items[1]->string, "10.0.0.1"));
    drop(&made);
}

Test(token, sign_token_is_bound_to_its_csr)
{
    struct stepca_token_request request = sample_request();
    struct signed_token made = make("P-256", false, &request);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(request.csr_der.p, request.csr_der.n, digest);
    expect_text(json_member(made.token.claims, "cnf"), "x5rt#S256",
                base64url_encode(made.arena, bytes_of(digest, sizeof digest)));
    drop(&made);
}

Test(token, defect_01_revoke_token_has_the_revoke_audience)
{
    struct stepca_token_request request = sample_request();
    request.subject = "202844670875184539526576077448259577975";
    struct signed_token made = make("P-256", true, &request);
    expect_text(made.token.claims, "aud", "https://ca.internal:9000/1.0/revoke");
    expect_text(made.token.claims, "sub", "202844670875184539526576077448259577975");
    cr_expect_null(json_member(made.token.claims, "sans"));
    cr_expect_null(json_member(made.token.claims, "cnf"));
    drop(&made);
}

Test(token, defect_05_every_kind_of_provisioner_key_signs_with_its_own_algorithm)
{
    static const struct {
        const char *type, *algorithm, *digest;
        size_t signature_bytes;
    } cases[] = {
        {"P-256", "ES256", "SHA256", 64}, {"P-384", "ES384", "SHA384", 96}, {"P-521", "ES512", "SHA512", 132},
        {"ED25519", "EdDSA", NULL, 64},   {"RSA", "RS256", "SHA256", 256},
    };
    struct stepca_token_request request = sample_request();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct signed_token made = make(cases[i].type, false, &request);
        expect_text(made.token.header, "alg", cases[i].algorithm);
        cr_expect_eq(made.token.signature.n, cases[i].signature_bytes, "%s", cases[i].type);
        cr_expect(fixture_token_verifies(made.arena, &made.token, made.key, cases[i].digest), "%s",
                  cases[i].type);
        drop(&made);
    }
}

/* One signature in 128 has an r or s with a leading zero octet: each must keep its full length. */
Test(token, defect_05_short_signature_halves_are_padded)
{
    struct arena *arena = arena_new();
    autofree_evp_pkey EVP_PKEY *openssl_key = fixture_new_key("P-521");
    struct provisioner_key key;
    fixture_provisioner_key(arena, openssl_key, &key);
    struct stepca_token_request request = sample_request();
    for (int i = 0; i < 64; i++) {
        request.now++;
        char *text = NULL;
        struct fixture_token token;
        cr_assert(stepca_token_for_sign(arena, &key, &request, &text));
        fixture_read_token(arena, text, &token);
        cr_assert_eq(token.signature.n, 132);
        cr_assert(fixture_token_verifies(arena, &token, openssl_key, "SHA512"));
    }
    arena_free(arena);
}

Test(token, an_empty_subject_is_refused)
{
    struct arena *arena = arena_new();
    autofree_evp_pkey EVP_PKEY *openssl_key = fixture_new_key("P-256");
    struct provisioner_key key;
    fixture_provisioner_key(arena, openssl_key, &key);
    struct stepca_token_request request = sample_request();
    char *text = NULL;
    request.subject = "";
    cr_expect_not(stepca_token_for_sign(arena, &key, &request, &text));
    request.subject = NULL;
    cr_expect_not(stepca_token_for_revoke(arena, &key, &request, &text));
    arena_free(arena);
}

Test(token, without_a_root_the_sha_claim_is_left_out)
{
    struct stepca_token_request request = sample_request();
    request.root_fingerprint_hex = NULL;
    struct signed_token made = make("P-256", false, &request);
    cr_expect_null(json_member(made.token.claims, "sha"));
    drop(&made);
}

Test(token, ids_are_64_hexadecimal_characters_and_never_twice_the_same)
{
    char one[STEPCA_TOKEN_ID_BYTES];
    char two[STEPCA_TOKEN_ID_BYTES];
    cr_assert(stepca_token_id_new(one) && stepca_token_id_new(two));
    cr_expect_eq(strspn(one, "0123456789abcdef"), 64);
    cr_expect_eq(strlen(one), 64);
    cr_expect_str_neq(one, two);
}
