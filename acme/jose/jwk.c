/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/jwk.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <stdio.h>

#include "acme/base/base64.h"
#include "acme/jose/openssl_handles.h"

enum {
    RSA_MAX_BITS = 4096,
    ED25519_KEY_BYTES = 32,
    EC_MAX_COORDINATE_BYTES = 66,
    SHA256_BYTES = 32,
};

static const struct curve {
    enum public_key_type type;
    const char *crv;   /* RFC 7518 §6.2.1.1 */
    const char *group; /* OpenSSL's name */
    size_t coordinate_bytes;
} curves[] = {
    {PUBLIC_KEY_P256, "P-256", "prime256v1", 32},
    {PUBLIC_KEY_P384, "P-384", "secp384r1", 48},
    {PUBLIC_KEY_P521, "P-521", "secp521r1", 66},
};

static bool fail(struct jose_error *error, enum jose_error_code code, const char *detail)
{
    *error = (struct jose_error){code, detail};
    return false;
}

static bool bad_key(struct jose_error *error, const char *detail)
{
    return fail(error, JOSE_BAD_KEY, detail);
}

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

static void free_bignum(void *number)
{
    BN_clear_free(number);
}

/* ---- reading members ---- */

static bool member_octets(struct arena *arena, const struct json *json, const char *name, struct bytes *out)
{
    struct bytes text;
    return json_member_string(json, name, &text) && base64url_decode(arena, text, out);
}

/* Reads a Base64urlUInt (RFC 7518 §2): no leading zero octets. The number belongs to the arena. */
static BIGNUM *member_number(struct arena *arena, const struct json *json, const char *name)
{
    struct bytes octets;
    if (!member_octets(arena, json, name, &octets) || octets.n == 0 || octets.p[0] == 0 ||
        octets.n > RSA_MAX_BITS / 8 + 1)
        return NULL;
    BIGNUM *number = BN_bin2bn(octets.p, (int)octets.n, NULL);
    if (number != NULL)
        arena_on_free(arena, free_bignum, number);
    return number;
}

/* ---- making OpenSSL keys ---- */

static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM_BLD *builder, bool private)
{
    autofree_ossl_params OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    autofree_evp_pkey_ctx EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

/* fromdata checks that a point is on its curve. It does not check that d belongs to it, nor the parts of an
 * RSA key. */
static bool halves_belong_together(EVP_PKEY *key)
{
    autofree_evp_pkey_ctx EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    return context != NULL && EVP_PKEY_pairwise_check(context) == 1;
}

static bool make_ec(struct arena *arena, const struct json *json, bool private, EVP_PKEY **key,
                    struct jose_error *error)
{
    struct bytes crv, x, y, d = {0};
    const struct curve *curve = NULL;
    if (!json_member_string(json, "crv", &crv))
        return bad_key(error, "An EC key needs a \"crv\".");
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (bytes_equal_string(crv, curves[i].crv))
            curve = &curves[i];
    if (curve == NULL)
        return bad_key(error, "The curve is not supported; P-256, P-384 and P-521 are.");
    if (!member_octets(arena, json, "x", &x) || !member_octets(arena, json, "y", &y) ||
        x.n != curve->coordinate_bytes || y.n != curve->coordinate_bytes)
        return bad_key(error, "The coordinates of the EC key are not of the curve's full length.");
    if (private && (!member_octets(arena, json, "d", &d) || d.n != curve->coordinate_bytes))
        return bad_key(error, "The private part of the EC key is missing or not of the curve's full length.");
    uint8_t point[1 + 2 * EC_MAX_COORDINATE_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, x.p, x.n);
    memcpy(point + 1 + x.n, y.p, y.n);
    autofree_ossl_param_bld OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *number = private ? BN_secure_new() : NULL;
    bool good =
        builder != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.n + y.n) == 1 &&
        (!private || (BN_bin2bn(d.p, (int)d.n, number) != NULL &&
                      OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1));
    *key = good ? key_from_params("EC", builder, private) : NULL;
    BN_clear_free(number);
    return *key != NULL || bad_key(error, "The EC key is not a point on its curve.");
}

static bool push_rsa_private(struct arena *arena, const struct json *json, OSSL_PARAM_BLD *builder)
{
    static const struct {
        const char *member, *param;
    } parts[] = {
        {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
        {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
        {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        BIGNUM *number = member_number(arena, json, parts[i].member);
        if (number == NULL || OSSL_PARAM_BLD_push_BN(builder, parts[i].param, number) != 1)
            return false;
    }
    return true;
}

static bool make_rsa(struct arena *arena, const struct json *json, bool private, EVP_PKEY **key,
                     struct jose_error *error)
{
    const BIGNUM *n = member_number(arena, json, "n");
    const BIGNUM *e = member_number(arena, json, "e");
    if (n == NULL || e == NULL)
        return bad_key(error, "An RSA key needs \"n\" and \"e\" without leading zero octets.");
    autofree_ossl_param_bld OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return bad_key(error, "The RSA key could not be read.");
    if (private && !push_rsa_private(arena, json, builder))
        return bad_key(error, "The RSA key needs d, p, q, dp, dq and qi.");
    *key = key_from_params("RSA", builder, private);
    return *key != NULL || bad_key(error, "The RSA key could not be read.");
}

static bool make_okp(struct arena *arena, const struct json *json, bool private, EVP_PKEY **key,
                     struct jose_error *error)
{
    struct bytes crv, x, d;
    if (!json_member_string(json, "crv", &crv) || !bytes_equal_string(crv, "Ed25519"))
        return bad_key(error, "The curve is not supported; of the OKP keys only Ed25519 is.");
    if (!member_octets(arena, json, "x", &x) || x.n != ED25519_KEY_BYTES)
        return bad_key(error, "An Ed25519 key has 32 octets.");
    if (!private) {
        *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n);
        return *key != NULL || bad_key(error, "The Ed25519 key could not be read.");
    }
    if (!member_octets(arena, json, "d", &d) || d.n != ED25519_KEY_BYTES)
        return bad_key(error, "The private part of an Ed25519 key has 32 octets.");
    *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d.p, d.n);
    uint8_t derived[ED25519_KEY_BYTES];
    size_t length = sizeof derived;
    if (*key == NULL || EVP_PKEY_get_raw_public_key(*key, derived, &length) != 1 ||
        memcmp(derived, x.p, sizeof derived) != 0)
        return bad_key(error, "The private and the public part of the Ed25519 key do not belong together.");
    return true;
}

/* ---- the canonical form and the thumbprint (RFC 7638) ---- */

static const char *encode_number(struct arena *arena, const EVP_PKEY *key, const char *param, size_t width)
{
    autofree_bignum BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key, param, &number) != 1)
        return NULL;
    size_t length = width == 0 ? (size_t)BN_num_bytes(number) : width;
    uint8_t *octets = arena_alloc(arena, length);
    if (BN_bn2binpad(number, octets, (int)length) != (int)length)
        return NULL;
    return base64url_encode(arena, bytes_of(octets, length));
}

static const char *canonical_ec(struct arena *arena, const struct curve *curve, const EVP_PKEY *key)
{
    const char *x = encode_number(arena, key, OSSL_PKEY_PARAM_EC_PUB_X, curve->coordinate_bytes);
    const char *y = encode_number(arena, key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->coordinate_bytes);
    if (x == NULL || y == NULL)
        return NULL;
    return arena_printf(arena, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", curve->crv, x, y);
}

static const char *canonical_rsa(struct arena *arena, const EVP_PKEY *key)
{
    const char *n = encode_number(arena, key, OSSL_PKEY_PARAM_RSA_N, 0);
    const char *e = encode_number(arena, key, OSSL_PKEY_PARAM_RSA_E, 0);
    if (n == NULL || e == NULL)
        return NULL;
    return arena_printf(arena, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e, n);
}

static const char *canonical_ed25519(struct arena *arena, const EVP_PKEY *key)
{
    uint8_t x[ED25519_KEY_BYTES];
    size_t length = sizeof x;
    if (EVP_PKEY_get_raw_public_key(key, x, &length) != 1)
        return NULL;
    return arena_printf(arena, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}",
                        base64url_encode(arena, bytes_of(x, length)));
}

static const char *canonical_form(struct arena *arena, const EVP_PKEY *key, enum public_key_type type)
{
    if (type == PUBLIC_KEY_RSA)
        return canonical_rsa(arena, key);
    if (type == PUBLIC_KEY_ED25519)
        return canonical_ed25519(arena, key);
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (curves[i].type == type)
            return canonical_ec(arena, &curves[i], key);
    return NULL;
}

/* Takes ownership of the key, on failure too. */
static bool finish(struct arena *arena, EVP_PKEY *key, struct jwk *out, struct jose_error *error)
{
    uint8_t digest[SHA256_BYTES];
    arena_on_free(arena, free_key, key);
    *out = (struct jwk){.key = key, .type = public_key_type(key)};
    const char *fault = public_key_fault(arena, key, RSA_MAX_BITS);
    if (fault != NULL)
        return bad_key(error, arena_printf(arena, "The key is refused: %s.", fault));
    const char *canonical = canonical_form(arena, key, out->type);
    if (canonical == NULL)
        return bad_key(error, "OpenSSL could not write the key.");
    out->canonical = bytes_from_string(canonical);
    if (EVP_Digest(canonical, out->canonical.n, digest, NULL, EVP_sha256(), NULL) != 1)
        return bad_key(error, "OpenSSL could not hash the key.");
    snprintf(out->thumbprint, sizeof out->thumbprint, "%s",
             base64url_encode(arena, bytes_of(digest, sizeof digest)));
    *error = (struct jose_error){JOSE_OK, NULL};
    return true;
}

/* ---- parsing ---- */

static bool carries_private_members(const struct json *json)
{
    static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
    for (size_t i = 0; i < sizeof private_members / sizeof private_members[0]; i++)
        if (json_member(json, private_members[i]) != NULL)
            return true;
    return false;
}

static bool parse(struct arena *arena, const struct json *json, bool private, struct jwk *out,
                  struct jose_error *error)
{
    struct bytes kty;
    EVP_PKEY *key = NULL;
    bool good = false;
    if (json == NULL || json->type != JSON_OBJECT)
        return fail(error, JOSE_MALFORMED, "The key is not a JWK.");
    if (!json_member_string(json, "kty", &kty))
        return fail(error, JOSE_BAD_KEY, "The key has no \"kty\".");
    if (bytes_equal_string(kty, "oct"))
        return bad_key(error, "Symmetric keys (\"oct\") are not accepted.");
    if (bytes_equal_string(kty, "EC"))
        good = make_ec(arena, json, private, &key, error);
    else if (bytes_equal_string(kty, "RSA"))
        good = make_rsa(arena, json, private, &key, error);
    else if (bytes_equal_string(kty, "OKP"))
        good = make_okp(arena, json, private, &key, error);
    else
        return bad_key(error, "The \"kty\" is not supported; EC, RSA and OKP are.");
    if (!good) {
        EVP_PKEY_free(key);
        return false;
    }
    if (!finish(arena, key, out, error))
        return false;
    return !private || halves_belong_together(key) ||
           bad_key(error, "The private and the public part of the key do not belong together.");
}

bool jwk_parse_public(struct arena *arena, const struct json *json, struct jwk *out, struct jose_error *error)
{
    if (json != NULL && carries_private_members(json))
        return bad_key(error, "The JWK carries private members: this key is disclosed, use another.");
    return parse(arena, json, false, out, error);
}

bool jwk_parse_private(struct arena *arena, const struct json *json, struct jwk *out,
                       struct jose_error *error)
{
    return parse(arena, json, true, out, error);
}

bool jwk_from_key(struct arena *arena, EVP_PKEY *key, struct jwk *out, struct jose_error *error)
{
    if (EVP_PKEY_up_ref(key) != 1)
        return bad_key(error, "OpenSSL could not share the key.");
    return finish(arena, key, out, error);
}
