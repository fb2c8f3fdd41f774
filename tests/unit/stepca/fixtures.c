/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include "acme/base/base64.h"

const char fixture_compact_jwe[] =
    "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJjdHkiOiJqd2sranNvbiIsImVuYyI6IkEyNTZHQ00iLCJwMmMi"
    "OjIwMDAsInAycyI6Im4xNHBrYmJLbThob0pOYWhhQW01MHcifQ.5H19oToS16RNsDFOFfu4ytZ_uQd8IdbP-oLU5"
    "8XBwIOt62AcKqIYGA.KnCu0yZNqgQXgxsB.WHridRwIRZ6w7SuuYjD1vmNXO8hqryJI4JcCA1MQfv4sPK9wLvnFe"
    "N0LFkQK8mrQBhRoCT4KhhMokG3gD6ZCB6ZKxZgntYT-qUPoWi-fkp-I7QQUQNs8f7vPXqOMheKYd-nYPjsFwCEIq"
    "Wtr3qg-GolBKdiXEzfN77dq1Dm-sPa-J3KbmKDiDC9abxG-bCJN-uq4rBz877v8grqCgxK6HBzRRU53bWyS9tqur"
    "RCewSdfL6FezkDn3Q8Cx7YJn62NI7oH38FMnMNoATkUjwSnN_yH5Pb_uRaMrFXAxoGnC1BL-jw.HdME8eBtTlbdv"
    "lDpMedoiQ";

const char fixture_flattened_jwe[] =
    "{"
    "\"protected\":\""
    "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJjdHkiOiJqd2sranNvbiIsImVuYyI6IkEyNTZHQ00iLCJwMmMi"
    "OjIwMDAsInAycyI6Im4xNHBrYmJLbThob0pOYWhhQW01MHcifQ"
    "\","
    "\"encrypted_key\":\""
    "5H19oToS16RNsDFOFfu4ytZ_uQd8IdbP-oLU58XBwIOt62AcKqIYGA"
    "\","
    "\"iv\":\""
    "KnCu0yZNqgQXgxsB"
    "\","
    "\"ciphertext\":\""
    "WHridRwIRZ6w7SuuYjD1vmNXO8hqryJI4JcCA1MQfv4sPK9wLvnFeN0LFkQK8mrQBhRoCT4KhhMokG3gD6ZCB6ZK"
    "xZgntYT-qUPoWi-fkp-I7QQUQNs8f7vPXqOMheKYd-nYPjsFwCEIqWtr3qg-GolBKdiXEzfN77dq1Dm-sPa-J3Kb"
    "mKDiDC9abxG-bCJN-uq4rBz877v8grqCgxK6HBzRRU53bWyS9tqurRCewSdfL6FezkDn3Q8Cx7YJn62NI7oH38FM"
    "nMNoATkUjwSnN_yH5Pb_uRaMrFXAxoGnC1BL-jw"
    "\","
    "\"tag\":\""
    "HdME8eBtTlbdvlDpMedoiQ"
    "\""
    "}";

const char fixture_private_jwk[] =
    "{\"use\":\"sig\",\"kty\":\"EC\",\"kid\":\"test-provisioner\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\""
    ":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\",\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4"
    "lvkX8wHUp1YlCZ8\",\"d\":\"SV-aFZpbBi6yqSKPuB0s7lKyhY-w19xYW-KaT09li5M\"}";

const char fixture_public_jwk[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\",\"y\":"
    "\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\"}";

EVP_PKEY *fixture_new_key(const char *type)
{
    if (strcmp(type, "RSA") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    }
    if (strcmp(type, "ED25519") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
}

static struct bytes take_text(struct arena *arena, BIO *bio)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    return arena_copy(arena, bytes_of(text, (size_t)n));
}

struct bytes fixture_key_pem(struct arena *arena, EVP_PKEY *key, enum fixture_pem_form form,
                             const char *password)
{
    autofree_bio BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password == NULL ? NULL : EVP_aes_256_cbc();
    const unsigned char *secret = (const unsigned char *)password;
    int n = password == NULL ? 0 : (int)strlen(password);
    int written = form == FIXTURE_PKCS8
                      ? PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, password, n, NULL, NULL)
                      : PEM_write_bio_PrivateKey_traditional(bio, key, cipher, secret, n, NULL, NULL);
    cr_assert_eq(written, 1);
    return take_text(arena, bio);
}

void fixture_provisioner_key(struct arena *arena, EVP_PKEY *key, struct provisioner_key *out)
{
    struct jose_error error;
    cr_assert(provisioner_key_parse(arena, fixture_key_pem(arena, key, FIXTURE_PKCS8, NULL),
                                    (struct bytes){0}, out, &error),
              "%s", error.detail);
}

X509_REQ *fixture_csr(const char *common_name, const char *names)
{
    autofree_evp_pkey EVP_PKEY *key = fixture_new_key("P-256");
    X509_REQ *csr = X509_REQ_new();
    cr_assert_eq(X509_REQ_set_pubkey(csr, key), 1);
    if (common_name != NULL) {
        cr_assert_eq(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(csr), NID_commonName, MBSTRING_UTF8,
                                                (const unsigned char *)common_name, -1, -1, 0),
                     1);
    }
    if (names != NULL) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
        cr_assert(extension != NULL && sk_X509_EXTENSION_push(extensions, extension) == 1);
        cr_assert_eq(X509_REQ_add_extensions(csr, extensions), 1);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    }
    cr_assert(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    return csr;
}

struct bytes fixture_csr_der(struct arena *arena, X509_REQ *csr)
{
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(csr, &der);
    cr_assert(n > 0);
    struct bytes copy = arena_copy(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return copy;
}

X509 *fixture_certificate(const char *common_name)
{
    autofree_evp_pkey EVP_PKEY *key = fixture_new_key("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    cr_assert_eq(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                            (const unsigned char *)common_name, -1, -1, 0),
                 1);
    cr_assert_eq(X509_set_issuer_name(certificate, name), 1);
    cr_assert(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL);
    cr_assert(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) != NULL);
    cr_assert_eq(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7), 1);
    cr_assert_eq(X509_set_pubkey(certificate, key), 1);
    cr_assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

struct bytes fixture_certificate_der(struct arena *arena, X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    cr_assert(n > 0);
    struct bytes copy = arena_copy(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return copy;
}

const char *fixture_certificate_pem(struct arena *arena, X509 *certificate)
{
    autofree_bio BIO *bio = BIO_new(BIO_s_mem());
    cr_assert_eq(PEM_write_bio_X509(bio, certificate), 1);
    return arena_string(arena, take_text(arena, bio));
}

static const struct json *decode_json(struct arena *arena, struct bytes text)
{
    struct bytes decoded;
    cr_assert(base64url_decode(arena, text, &decoded));
    const struct json *json = json_parse(arena, decoded, &json_limits_request, NULL);
    cr_assert(json != NULL && json->type == JSON_OBJECT);
    return json;
}

void fixture_read_token(struct arena *arena, const char *text, struct fixture_token *out)
{
    const char *first = strchr(text, '.');
    cr_assert_not_null(first);
    const char *second = strchr(first + 1, '.');
    cr_assert(second != NULL && strchr(second + 1, '.') == NULL);
    out->header = decode_json(arena, bytes_of(text, (size_t)(first - text)));
    out->claims = decode_json(arena, bytes_of(first + 1, (size_t)(second - first - 1)));
    out->signing_input = bytes_of(text, (size_t)(second - text));
    cr_assert(base64url_decode(arena, bytes_from_string(second + 1), &out->signature));
}

/* r and s side by side (RFC 7518 §3.4) as the DER that OpenSSL verifies. */
static struct bytes ecdsa_to_der(struct arena *arena, struct bytes raw)
{
    int half = (int)(raw.n / 2);
    ECDSA_SIG *parts = ECDSA_SIG_new();
    cr_assert_eq(ECDSA_SIG_set0(parts, BN_bin2bn(raw.p, half, NULL), BN_bin2bn(raw.p + half, half, NULL)), 1);
    unsigned char *der = NULL;
    int n = i2d_ECDSA_SIG(parts, &der);
    ECDSA_SIG_free(parts);
    cr_assert(n > 0);
    struct bytes copy = arena_copy(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return copy;
}

bool fixture_token_verifies(struct arena *arena, const struct fixture_token *token, EVP_PKEY *key,
                            const char *digest)
{
    struct bytes signature = token->signature;
    if (EVP_PKEY_is_a(key, "EC")) {
        signature = ecdsa_to_der(arena, signature);
    }
    autofree_evp_md_ctx EVP_MD_CTX *context = EVP_MD_CTX_new();
    cr_assert_eq(EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, key, NULL), 1);
    return EVP_DigestVerify(context, signature.p, signature.n, token->signing_input.p,
                            token->signing_input.n) == 1;
}
