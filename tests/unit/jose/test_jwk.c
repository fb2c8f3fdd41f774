/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "acme/base/base64.h"
#include "fixtures.h"

LEAK_CHECKED_SUITE(jwk);

#define OTHER_32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"

Test(jwk, thumbprints_are_those_of_the_rfcs)
{
    static const struct {
        const char *json;
        enum public_key_type type;
        const char *thumbprint;
    } cases[] = {
        /* RFC 7638 §3.1 */
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
         PUBLIC_KEY_RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
        /* RFC 8037 A.3 */
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}", PUBLIC_KEY_ED25519,
         "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwk key;
        struct jose_error error = {0};
        cr_assert(jwk_parse_public(arena, parse_json(arena, cases[i].json), &key, &error), "%s",
                  error.detail);
        cr_expect_eq(key.type, cases[i].type);
        cr_expect_str_eq(key.thumbprint, cases[i].thumbprint);
    }
    arena_free(arena);
}

Test(jwk, every_kind_of_key_survives_its_canonical_form)
{
    struct arena *arena = arena_new();
    for (enum public_key_type type = PUBLIC_KEY_P256; type <= PUBLIC_KEY_ED25519; type++) {
        struct jwk key, again;
        struct jose_error error = {0};
        make_key(arena, type, &key);
        const struct json *json = json_parse(arena, key.canonical, &json_limits_request, NULL);
        cr_assert(jwk_parse_public(arena, json, &again, &error), "%d: %s", (int)type, error.detail);
        cr_expect_eq(again.type, type);
        cr_expect(bytes_equal(again.canonical, key.canonical));
        cr_expect_str_eq(again.thumbprint, key.thumbprint);
        cr_expect_eq(EVP_PKEY_eq(again.key, key.key), 1);
    }
    arena_free(arena);
}

/* acme-server.md 12. */
Test(jwk, public_keys_that_are_refused)
{
    static const struct {
        const char *json;
        enum jose_error_code code;
    } cases[] = {
        {"[]", JOSE_MALFORMED},
        {"{}", JOSE_BAD_KEY},
        {"{\"kty\":7}", JOSE_BAD_KEY},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", JOSE_BAD_KEY},
        {"{\"kty\":\"ec\"}", JOSE_BAD_KEY},
        {"{\"kty\":\"EC\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}", JOSE_BAD_KEY},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}",
         JOSE_BAD_KEY},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\"}", JOSE_BAD_KEY},
        /* not on the curve */
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" OTHER_32 "\"}",
         JOSE_BAD_KEY},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" OTHER_32 "\",\"y\":\"" OTHER_32 "\"}", JOSE_BAD_KEY},
        /* coordinates not of full length */
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83O\",\"y\":\"" RFC7515_A3_Y "\"}", JOSE_BAD_KEY},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}",
         JOSE_BAD_KEY},
        /* disclosed */
        {RFC7515_A3_PRIVATE, JOSE_BAD_KEY},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\",\"d\":\"" RFC8037_D "\"}",
         JOSE_BAD_KEY},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" RFC8037_X "\"}", JOSE_BAD_KEY},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", JOSE_BAD_KEY},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\"}", JOSE_BAD_KEY},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"Aw\"}", JOSE_BAD_KEY},           /* 3 */
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAC\"}", JOSE_BAD_KEY},         /* even */
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AAEAAQ\"}", JOSE_BAD_KEY},       /* leading zero */
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAAAAAAAAAB\"}", JOSE_BAD_KEY}, /* over 64 bits */
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", JOSE_BAD_KEY},                  /* 17 bits */
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwk key;
        struct jose_error error = {0};
        cr_expect_not(jwk_parse_public(arena, parse_json(arena, cases[i].json), &key, &error), "%s",
                      cases[i].json);
        cr_expect_eq(error.code, cases[i].code, "%s: %s", cases[i].json, error.detail);
        cr_expect_not_null(error.detail);
    }
    arena_free(arena);
}

Test(jwk, rsa_keys_have_2048_to_4096_bits)
{
    static const struct {
        unsigned bits;
        bool accepted;
    } cases[] = {{1024, false}, {2047, false}, {2048, true}, {4096, true}, {4097, false}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t modulus[513] = {0};
        size_t n = (cases[i].bits + 7) / 8;
        modulus[0] = (uint8_t)(1U << (cases[i].bits - 1) % 8);
        modulus[n - 1] |= 1;
        const char *json = arena_printf(arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}",
                                        base64url_encode(arena, bytes_of(modulus, n)));
        struct jwk key;
        struct jose_error error = {0};
        cr_expect_eq(jwk_parse_public(arena, parse_json(arena, json), &key, &error), cases[i].accepted,
                     "%u bits: %s", cases[i].bits, error.detail);
    }
    arena_free(arena);
}

Test(jwk, private_keys_open_and_their_halves_must_belong_together)
{
    static const struct {
        const char *json;
        bool accepted;
    } cases[] = {
        {RFC7515_A3_PRIVATE, true},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\",\"d\":\"" RFC8037_D "\"}", true},
        {RFC7515_A3_PUBLIC, false},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y
         "\",\"d\":\"" OTHER_32 "\"}",
         false},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_D "\",\"d\":\"" RFC8037_D "\"}", false},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwk key;
        struct jose_error error = {0};
        cr_expect_eq(jwk_parse_private(arena, parse_json(arena, cases[i].json), &key, &error),
                     cases[i].accepted, "%s: %s", cases[i].json, error.detail);
    }
    arena_free(arena);
}

static const char *number(struct arena *arena, const struct jwk *key, const char *param)
{
    BIGNUM *value = NULL;
    uint8_t octets[512];
    cr_assert_eq(EVP_PKEY_get_bn_param(key->key, param, &value), 1, "%s", param);
    int n = BN_bn2bin(value, octets);
    BN_clear_free(value);
    return base64url_encode(arena, bytes_of(octets, (size_t)n));
}

static const char *rsa_private_json(struct arena *arena, const struct jwk *key, const char *d)
{
    return arena_printf(
        arena,
        "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\",\"d\":\"%s\",\"p\":\"%s\",\"q\":\"%s\",\"dp\":\"%s\","
        "\"dq\":\"%s\","
        "\"qi\":\"%s\"}",
        number(arena, key, OSSL_PKEY_PARAM_RSA_N), number(arena, key, OSSL_PKEY_PARAM_RSA_E), d,
        number(arena, key, OSSL_PKEY_PARAM_RSA_FACTOR1), number(arena, key, OSSL_PKEY_PARAM_RSA_FACTOR2),
        number(arena, key, OSSL_PKEY_PARAM_RSA_EXPONENT1), number(arena, key, OSSL_PKEY_PARAM_RSA_EXPONENT2),
        number(arena, key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1));
}

Test(jwk, an_rsa_private_key_needs_all_its_parts_and_the_right_ones)
{
    struct arena *arena = arena_new();
    struct jwk key, again;
    struct jose_error error = {0};
    make_key(arena, PUBLIC_KEY_RSA, &key);
    const char *good = rsa_private_json(arena, &key, number(arena, &key, OSSL_PKEY_PARAM_RSA_D));
    cr_assert(jwk_parse_private(arena, parse_json(arena, good), &again, &error), "%s", error.detail);
    cr_expect_str_eq(again.thumbprint, key.thumbprint);
    const char *wrong = rsa_private_json(arena, &key, "AQAB");
    cr_expect_not(jwk_parse_private(arena, parse_json(arena, wrong), &again, &error));
    cr_expect_eq(error.code, JOSE_BAD_KEY);
    arena_free(arena);
}
