/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/x509.h>

#include "acme/base/base64.h"
#include "acme/jose/openssl_handles.h"
#include "acme/jose/public_key.h"
#include "fixtures.h"

LEAK_CHECKED_SUITE(public_key);

enum { KEY_BYTES = 32, SIGNATURE_BYTES = 64, RSA_MAX_BITS = 4096 };

/* y, little-endian: of order 4, 1, 2, 8 and 8. */
static const char *const small_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
};

static void read_hexadecimal(const char *text, uint8_t out[static KEY_BYTES])
{
    size_t n = 0;
    cr_assert_eq(OPENSSL_hexstr2buf_ex(out, KEY_BYTES, &n, text, '\0'), 1);
    cr_assert_eq(n, KEY_BYTES);
}

static const char *ed25519_fault(struct arena *arena, const uint8_t y[static KEY_BYTES])
{
    autofree_evp_pkey EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, y, KEY_BYTES);
    cr_assert_not_null(key);
    return public_key_fault(arena, key, RSA_MAX_BITS);
}

/* R is the identity and S is zero: it fits every message whose hash the point's order divides, one of eight.
 */
static bool anybody_can_sign_for(const uint8_t y[static KEY_BYTES])
{
    const uint8_t signature[SIGNATURE_BYTES] = {1};
    autofree_evp_pkey EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, y, KEY_BYTES);
    bool verified = false;
    for (uint16_t message = 0; message < 1000 && !verified; message++) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        verified = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                   EVP_DigestVerify(context, signature, sizeof signature, (const uint8_t *)&message,
                                    sizeof message) == 1;
        EVP_MD_CTX_free(context);
    }
    return verified;
}

Test(public_key, S15_points_of_small_order_are_refused_with_either_sign)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++) {
        uint8_t y[KEY_BYTES];
        read_hexadecimal(small_order[i], y);
        cr_expect(anybody_can_sign_for(y), "%s is a point of small order", small_order[i]);
        for (int sign = 0; sign <= 0x80; sign += 0x80) {
            y[KEY_BYTES - 1] = (uint8_t)((y[KEY_BYTES - 1] & 0x7f) | sign);
            const char *fault = ed25519_fault(arena, y);
            cr_assert_not_null(fault, "%s", small_order[i]);
            cr_expect_not_null(strstr(fault, "small order"), "%s: %s", small_order[i], fault);
        }
    }
    arena_free(arena);
}

Test(public_key, S15_an_encoding_of_y_beyond_the_prime_is_refused)
{
    struct arena *arena = arena_new();
    uint8_t y[KEY_BYTES];
    memset(y, 0xff, sizeof y);
    for (int low = 0xeb; low <= 0xff; low++) {
        for (int high = 0x7f; high <= 0xff; high += 0x80) {
            y[0] = (uint8_t)low;
            y[KEY_BYTES - 1] = (uint8_t)high;
            const char *fault = ed25519_fault(arena, y);
            const char *words = low == 0xeb ? NULL : low == 0xec ? "small order" : "RFC 8032";
            cr_expect_eq(fault == NULL, words == NULL, "%02x…%02x: %s", low, high, fault);
            cr_expect(words == NULL || (fault != NULL && strstr(fault, words) != NULL), "%02x…%02x: %s", low,
                      high, fault);
        }
    }
    arena_free(arena);
}

Test(public_key, S15_an_account_key_is_no_point_of_small_order)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++) {
        uint8_t y[KEY_BYTES];
        struct jwk key;
        struct jose_error error = {0};
        read_hexadecimal(small_order[i], y);
        const char *json = arena_printf(arena, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}",
                                        base64url_encode(arena, bytes_of(y, sizeof y)));
        cr_expect_not(jwk_parse_public(arena, parse_json(arena, json), &key, &error), "%s", small_order[i]);
        cr_expect_eq(error.code, JOSE_BAD_KEY);
    }
    arena_free(arena);
}

/* SubjectPublicKeyInfo of P-256 whose point is the one octet 0. */
Test(public_key, S15_the_point_at_infinity_is_refused)
{
    static const uint8_t der[] = {0x30, 0x19, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                  0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                  0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x02, 0x00, 0x00};
    struct arena *arena = arena_new();
    const unsigned char *at = der;
    autofree_evp_pkey EVP_PKEY *key = d2i_PUBKEY(NULL, &at, sizeof der);
    const char *fault = public_key_fault(arena, key, RSA_MAX_BITS);
    cr_assert_not_null(fault);
    cr_expect_str_eq(fault,
                     key == NULL ? "its public key cannot be read" : "its EC key is the point at infinity");
    arena_free(arena);
}

Test(public_key, S9_rsa_exponents_are_short_and_the_modulus_odd)
{
    /* The modulus is a power of two, to which `low` is added. */
    static const struct {
        uint8_t low;
        const char *exponent; /* base64url */
        const char *why;      /* NULL: accepted */
    } cases[] = {
        {1, "AQAB", NULL},          {1, "f____w", NULL}, /* 2^31 - 1 */
        {1, "gAAAAQ", "exponent"},                       /* 2^31 + 1 */
        {1, "AQAAAAE", "exponent"},                      /* 2^32 + 1 */
        {1, "AQAC", "exponent"},                         /* even */
        {1, "__8", "exponent"},                          /* 65535 */
        {1, "Aw", "exponent"},                           /* 3 */
        {0, "AQAB", "modulus"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t modulus[256] = {0x80};
        modulus[255] = cases[i].low;
        struct jwk key;
        struct jose_error error = {0};
        const char *json =
            arena_printf(arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}",
                         base64url_encode(arena, bytes_of(modulus, sizeof modulus)), cases[i].exponent);
        bool accepted = jwk_parse_public(arena, parse_json(arena, json), &key, &error);
        cr_expect_eq(accepted, cases[i].why == NULL, "%s: %s", cases[i].exponent, error.detail);
        cr_expect(accepted || (error.detail != NULL && strstr(error.detail, cases[i].why) != NULL), "%s: %s",
                  cases[i].exponent, error.detail);
    }
    uint8_t long_exponent[384];
    memset(long_exponent, 0xff, sizeof long_exponent);
    struct jwk key;
    struct jose_error error = {0};
    const char *text = base64url_encode(arena, bytes_of(long_exponent, sizeof long_exponent));
    cr_expect_not(jwk_parse_public(
        arena,
        parse_json(arena, arena_printf(arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", text, text)),
        &key, &error));
    cr_expect_not_null(strstr(error.detail, "exponent"), "%s", error.detail);
    arena_free(arena);
}
