/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/jws.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "acme/base/base64.h"
#include "acme/jose/openssl_handles.h"

enum { EC_MAX_SIGNATURE_BYTES = 2 * 66 };

static const struct algorithm_details {
    struct jws_algorithm algorithm;
    const char *digest;      /* NULL for EdDSA, which hashes by itself */
    size_t coordinate_bytes; /* of r and of s; 0 for the others */
} algorithms[] = {
    {{"ES256", PUBLIC_KEY_P256, JWS_BY_ACCOUNT}, "SHA256", 32},
    {{"ES384", PUBLIC_KEY_P384, JWS_BY_ACCOUNT}, "SHA384", 48},
    {{"ES512", PUBLIC_KEY_P521, JWS_BY_ACCOUNT}, "SHA512", 66},
    {{"RS256", PUBLIC_KEY_RSA, JWS_BY_ACCOUNT}, "SHA256", 0},
    {{"EdDSA", PUBLIC_KEY_ED25519, JWS_BY_ACCOUNT}, NULL, 0},
    {{"HS256", 0, JWS_BY_MAC}, "SHA256", 0},
    {{"HS384", 0, JWS_BY_MAC}, "SHA384", 0},
    {{"HS512", 0, JWS_BY_MAC}, "SHA512", 0},
};

const char *const jws_account_algorithms_json = "[\"ES256\",\"ES384\",\"ES512\",\"RS256\",\"EdDSA\"]";

static bool fail(struct jose_error *error, enum jose_error_code code, const char *detail)
{
    *error = (struct jose_error){code, detail};
    return false;
}

static bool malformed(struct jose_error *error, const char *detail)
{
    return fail(error, JOSE_MALFORMED, detail);
}

static const struct algorithm_details *details_of(const struct jws_algorithm *algorithm)
{
    return (const struct algorithm_details *)algorithm;
}

/* ---- reading ---- */

static bool read_algorithm(const struct json *header, enum jws_use use, struct jws *out,
                           struct jose_error *error)
{
    struct bytes name;
    if (!json_member_string(header, "alg", &name))
        return malformed(error, "The protected header has no \"alg\".");
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (algorithms[i].algorithm.use == use && bytes_equal_string(name, algorithms[i].algorithm.name))
            out->algorithm = &algorithms[i].algorithm;
    if (out->algorithm != NULL)
        return true;
    return fail(error, JOSE_UNSUPPORTED_ALGORITHM,
                use == JWS_BY_MAC
                    ? "The MAC algorithm is not supported; HS256, HS384 and HS512 are."
                    : "The signature algorithm is not supported; ES256, ES384, ES512, RS256 and EdDSA are.");
}

static bool read_header(struct arena *arena, struct bytes protected_text, enum jws_use use, struct jws *out,
                        struct jose_error *error)
{
    struct bytes text;
    if (protected_text.n == 0)
        return malformed(error, "The protected header is empty.");
    if (!base64url_decode(arena, protected_text, &text))
        return malformed(error, "The protected header is not base64url without padding.");
    out->header = json_parse(arena, text, &json_limits_request, NULL);
    if (out->header == NULL || out->header->type != JSON_OBJECT)
        return malformed(error, "The protected header is not a JSON object with unique members.");
    if (json_member(out->header, "crit") != NULL)
        return malformed(error, "The protected header has \"crit\": no extension is supported.");
    if (json_member(out->header, "b64") != NULL)
        return malformed(error, "The protected header has \"b64\", which ACME does not use.");
    return read_algorithm(out->header, use, out, error);
}

bool jws_parse_flattened(struct arena *arena, struct bytes text, struct jws *out, struct jose_error *error)
{
    struct fault syntax;
    const struct json *json = json_parse(arena, text, &json_limits_request, &syntax);
    if (json == NULL)
        return malformed(error, arena_printf(arena, "The body is not valid JSON: %s.", syntax.message));
    return jws_parse_object(arena, json, JWS_BY_ACCOUNT, out, error);
}

bool jws_parse_object(struct arena *arena, const struct json *json, enum jws_use use, struct jws *out,
                      struct jose_error *error)
{
    struct bytes protected_text, payload_text, signature_text;
    *out = (struct jws){0};
    if (json->type != JSON_OBJECT)
        return malformed(error, "The body is not a JSON object.");
    if (json_member(json, "signatures") != NULL)
        return malformed(error,
                         "The body is a general JWS; ACME uses the flattened form with one \"signature\".");
    if (json_member(json, "header") != NULL)
        return malformed(error, "The body has an unprotected \"header\".");
    if (!json_member_string(json, "protected", &protected_text) ||
        !json_member_string(json, "payload", &payload_text) ||
        !json_member_string(json, "signature", &signature_text))
        return malformed(error, "The body needs \"protected\", \"payload\" and \"signature\", all strings.");
    if (signature_text.n == 0)
        return malformed(error, "The \"signature\" is empty.");
    if (!base64url_decode(arena, signature_text, &out->signature))
        return malformed(error, "The \"signature\" is not base64url without padding.");
    if (!base64url_decode(arena, payload_text, &out->payload))
        return malformed(error, "The \"payload\" is not base64url without padding.");
    if (!read_header(arena, protected_text, use, out, error))
        return false;
    uint8_t *input = arena_alloc(arena, protected_text.n + 1 + payload_text.n);
    memcpy(input, protected_text.p, protected_text.n);
    input[protected_text.n] = '.';
    memcpy(input + protected_text.n + 1, payload_text.p, payload_text.n);
    out->signing_input = bytes_of(input, protected_text.n + 1 + payload_text.n);
    return true;
}

/* ---- signatures: JOSE has r and s side by side (RFC 7518 §3.4), OpenSSL an ASN.1 sequence ---- */

static uint8_t *ec_signature_to_der(struct bytes signature, size_t coordinate_bytes, int *length)
{
    uint8_t *der = NULL;
    *length = 0;
    if (signature.n != 2 * coordinate_bytes)
        return NULL;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature.p, (int)coordinate_bytes, NULL);
    BIGNUM *s = BN_bin2bn(signature.p + coordinate_bytes, (int)coordinate_bytes, NULL);
    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL;
        *length = i2d_ECDSA_SIG(pair, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return *length > 0 ? der : NULL;
}

static bool ec_signature_from_der(struct bytes der, size_t coordinate_bytes, uint8_t *out)
{
    const uint8_t *p = der.p;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
    if (pair == NULL)
        return false;
    int width = (int)coordinate_bytes;
    bool good = BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, width) == width &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + width, width) == width;
    ECDSA_SIG_free(pair);
    return good;
}

static bool verify(const struct jws *jws, const struct algorithm_details *details, EVP_PKEY *key,
                   struct bytes signature)
{
    autofree_evp_md_ctx EVP_MD_CTX *context = EVP_MD_CTX_new();
    return context != NULL &&
           EVP_DigestVerifyInit_ex(context, NULL, details->digest, NULL, NULL, key, NULL) == 1 &&
           EVP_DigestVerify(context, signature.p, signature.n, jws->signing_input.p, jws->signing_input.n) ==
               1;
}

bool jws_verify(const struct jws *jws, const struct jwk *key, struct jose_error *error)
{
    const struct algorithm_details *details = details_of(jws->algorithm);
    if (jws->algorithm->key_type != key->type)
        return fail(error, JOSE_UNSUPPORTED_ALGORITHM,
                    "The signature algorithm is not one for this kind of key.");
    bool good = false;
    if (details->coordinate_bytes == 0) {
        good = verify(jws, details, key->key, jws->signature);
    } else {
        int length = 0;
        uint8_t *der = ec_signature_to_der(jws->signature, details->coordinate_bytes, &length);
        good = der != NULL && verify(jws, details, key->key, bytes_of(der, (size_t)length));
        OPENSSL_free(der);
    }
    return good || fail(error, JOSE_BAD_SIGNATURE, "The signature does not verify.");
}

bool jws_verify_mac(const struct jws *jws, struct bytes key)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t length = 0;
    const struct algorithm_details *details = details_of(jws->algorithm);
    return EVP_Q_mac(NULL, "HMAC", NULL, details->digest, NULL, key.p, key.n, jws->signing_input.p,
                     jws->signing_input.n, mac, sizeof mac, &length) != NULL &&
           length == jws->signature.n && CRYPTO_memcmp(mac, jws->signature.p, length) == 0;
}

/* ---- signing ---- */

const struct jws_algorithm *jws_algorithm_for(const struct jwk *key)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (algorithms[i].algorithm.key_type == key->type)
            return &algorithms[i].algorithm;
    return NULL;
}

static bool sign(struct arena *arena, const struct algorithm_details *details, EVP_PKEY *key,
                 struct bytes input, struct bytes *out)
{
    autofree_evp_md_ctx EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = 0;
    if (context == NULL ||
        EVP_DigestSignInit_ex(context, NULL, details->digest, NULL, NULL, key, NULL) != 1 ||
        EVP_DigestSign(context, NULL, &length, input.p, input.n) != 1)
        return false;
    uint8_t *signature = arena_alloc(arena, length);
    if (EVP_DigestSign(context, signature, &length, input.p, input.n) != 1)
        return false;
    *out = bytes_of(signature, length);
    if (details->coordinate_bytes == 0)
        return true;
    uint8_t *raw = arena_alloc(arena, EC_MAX_SIGNATURE_BYTES);
    if (!ec_signature_from_der(*out, details->coordinate_bytes, raw))
        return false;
    *out = bytes_of(raw, 2 * details->coordinate_bytes);
    return true;
}

bool jws_sign_compact(struct arena *arena, const struct jwk *key, struct bytes header_json,
                      struct bytes payload_json, char **out)
{
    const struct jws_algorithm *algorithm = jws_algorithm_for(key);
    struct bytes signature;
    if (algorithm == NULL)
        return false;
    const char *input = arena_printf(arena, "%s.%s", base64url_encode(arena, header_json),
                                     base64url_encode(arena, payload_json));
    if (!sign(arena, details_of(algorithm), key->key, bytes_from_string(input), &signature))
        return false;
    *out = arena_printf(arena, "%s.%s", input, base64url_encode(arena, signature));
    return true;
}
