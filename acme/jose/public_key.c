/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/public_key.h"

#include <openssl/core_names.h>

#include "acme/jose/openssl_handles.h"

enum {
    RSA_MIN_EXPONENT_BITS = 17, /* 65537 is the least odd number of so many bits */
    RSA_MAX_EXPONENT_BITS = 31,
    ED25519_KEY_BYTES = 32,
};

const char *const public_key_type_names[PUBLIC_KEY_TYPES] = {"P-256", "P-384", "P-521", "RSA", "Ed25519"};

static const struct {
    enum public_key_type type;
    const char *group; /* OpenSSL's name */
} curves[] = {
    {PUBLIC_KEY_P256, "prime256v1"}, {PUBLIC_KEY_P384, "secp384r1"}, {PUBLIC_KEY_P521, "secp521r1"}};

static enum public_key_type curve_of(EVP_PKEY *key)
{
    char group[32] = "";
    int is_explicit = 0;
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) != 1 ||
        is_explicit != 0 || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
        return PUBLIC_KEY_OTHER;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (strcmp(group, curves[i].group) == 0)
            return curves[i].type;
    return PUBLIC_KEY_OTHER;
}

enum public_key_type public_key_type(EVP_PKEY *key)
{
    switch (key == NULL ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return PUBLIC_KEY_RSA;
    case EVP_PKEY_EC:
        return curve_of(key);
    case EVP_PKEY_ED25519:
        return PUBLIC_KEY_ED25519;
    default:
        return PUBLIC_KEY_OTHER;
    }
}

const char *public_key_type_name(enum public_key_type type)
{
    return type == PUBLIC_KEY_OTHER ? NULL : public_key_type_names[type - PUBLIC_KEY_P256];
}

bool public_key_is_quick(EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    if (key == NULL || !EVP_PKEY_is_a(key, "RSA"))
        return key != NULL;
    bool read = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1;
    autofree_bignum BIGNUM *exponent = e;
    return read && BN_num_bits(exponent) <= RSA_MAX_EXPONENT_BITS;
}

static const char *rsa_fault(struct arena *arena, EVP_PKEY *key, int max_bits)
{
    BIGNUM *n = NULL, *e = NULL;
    bool read = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1;
    autofree_bignum BIGNUM *modulus = n;
    autofree_bignum BIGNUM *exponent = e;
    if (!read)
        return "its RSA key cannot be read";
    int bits = BN_num_bits(modulus);
    if (bits < PUBLIC_KEY_RSA_MIN_BITS || bits > max_bits)
        return arena_printf(arena, "its RSA key has %d bits: %d to %d are accepted", bits,
                            (int)PUBLIC_KEY_RSA_MIN_BITS, max_bits);
    if (!BN_is_odd(modulus))
        return "the modulus of its RSA key is even";
    if (!BN_is_odd(exponent) || BN_num_bits(exponent) < RSA_MIN_EXPONENT_BITS ||
        BN_num_bits(exponent) > RSA_MAX_EXPONENT_BITS)
        return "the exponent of its RSA key is not an odd number from 65537 to 2147483647";
    return NULL;
}

/* The point at infinity is one octet (SEC 1 §2.3.3). OpenSSL reads it from a certificate request. Anybody can
 * make a signature that verifies with it. */
static const char *ec_fault(EVP_PKEY *key)
{
    size_t n = 0;
    if (curve_of(key) == PUBLIC_KEY_OTHER)
        return "its EC key is not on one of the named curves P-256, P-384 and P-521";
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, NULL, 0, &n) != 1 || n <= 1)
        return "its EC key is the point at infinity";
    return NULL;
}

static bool is_canonical(const uint8_t y[static ED25519_KEY_BYTES])
{
    /* The prime is 2^255 - 19, little-endian. */
    bool all_ones = (y[ED25519_KEY_BYTES - 1] & 0x7f) == 0x7f;
    for (size_t i = 1; i < ED25519_KEY_BYTES - 1; i++)
        all_ones = all_ones && y[i] == 0xff;
    return !all_ones || y[0] < 0xed;
}

/* The y of the points whose order divides 8; the sign of x does not matter. */
static bool has_small_order(const uint8_t y[static ED25519_KEY_BYTES])
{
    static const uint8_t points[][ED25519_KEY_BYTES] = {
        {0}, /* order 4 */
        {1}, /* order 1: the identity */
        /* order 2: -1 */
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        /* order 8 */
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        if (memcmp(y, points[i], ED25519_KEY_BYTES - 1) == 0 &&
            (y[ED25519_KEY_BYTES - 1] & 0x7f) == points[i][ED25519_KEY_BYTES - 1])
            return true;
    return false;
}

static const char *ed25519_fault(EVP_PKEY *key)
{
    uint8_t y[ED25519_KEY_BYTES];
    size_t n = sizeof y;
    if (EVP_PKEY_get_raw_public_key(key, y, &n) != 1 || n != sizeof y)
        return "its Ed25519 key cannot be read";
    if (!is_canonical(y))
        return "its Ed25519 key is not encoded as RFC 8032 requires";
    return has_small_order(y) ? "its Ed25519 key is a point of small order, for which anybody can sign"
                              : NULL;
}

const char *public_key_fault(struct arena *arena, EVP_PKEY *key, int rsa_max_bits)
{
    if (key == NULL)
        return "its public key cannot be read";
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return rsa_fault(arena, key, rsa_max_bits);
    case EVP_PKEY_EC:
        return ec_fault(key);
    case EVP_PKEY_ED25519:
        return ed25519_fault(key);
    default:
        return "its key is of an unsupported type: RSA, EC and Ed25519 are accepted";
    }
}
