/* SPDX-License-Identifier: Apache-2.0 */
/* The keys and certificates of the CAs, and what is signed with them. */
#include "world_pki.h"

#include <stdio.h>
#include <stdlib.h>

#include "acme/base/json.h"
#include "acme/jose/jws.h"
#include "acme/pki/certificate.h"
#include "dice.h"
#include "gateway/runtime/clock.h"
#include "odd.h"
#include "verdict.h"
#include "world.h"

#define PRIVATE_JWK "{" WORLD_PUBLIC_JWK ",\"d\":\"SV-aFZpbBi6yqSKPuB0s7lKyhY-w19xYW-KaT09li5M\"}"

enum { DAY_S = 86400, SERIAL_OCTETS = 16, TOKEN_MAX_BYTES = 256 * 1024 };

struct world_authority world_authorities[WORLD_CAS];
static struct jwk provisioner;
static struct arena *lasting;

/* ---- certificates ---- */

void world_add_extension(X509 *certificate, X509 *issuer, int type, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, type, value);
    if (made == NULL || X509_add_ext(certificate, made, -1) != 1)
        verdict("the harness cannot make the extension %s", value);
    X509_EXTENSION_free(made);
}

X509 *world_make_certificate(EVP_PKEY *key, int64_t not_before, int64_t not_after)
{
    uint8_t serial[SERIAL_OCTETS];
    X509 *made = X509_new();
    for (size_t i = 0; i < sizeof serial; i++)
        serial[i] = (uint8_t)dice_next();
    serial[0] = (serial[0] & 0x3f) | 0x40;
    autofree_bignum BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made));
    X509_set_version(made, X509_VERSION_3);
    X509_set_pubkey(made, key);
    ASN1_TIME_set(X509_getm_notBefore(made), not_before);
    ASN1_TIME_set(X509_getm_notAfter(made), not_after);
    return made;
}

static void name_subject(X509 *certificate, const char *name)
{
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
}

static X509 *make_ca(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
    int64_t now = clock_now();
    X509 *made = world_make_certificate(key, now - DAY_S, now + (int64_t)3650 * DAY_S);
    name_subject(made, name);
    issuer = issuer == NULL ? made : issuer;
    X509_set_issuer_name(made, X509_get_subject_name(issuer));
    world_add_extension(made, issuer, NID_basic_constraints, "critical,CA:TRUE");
    world_add_extension(made, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    world_add_extension(made, issuer, NID_subject_key_identifier, "hash");
    world_add_extension(made, issuer, NID_authority_key_identifier, "keyid");
    X509_sign(made, issuer_key == NULL ? key : issuer_key, EVP_sha256());
    return made;
}

static struct bytes der_of(struct arena *arena, X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    struct bytes copy = arena_copy(arena, bytes_of(der, n > 0 ? (size_t)n : 0));
    OPENSSL_free(der);
    return copy;
}

const char *world_pem(struct arena *arena, X509 *certificate)
{
    return certificate_to_pem(arena, der_of(arena, certificate));
}

void world_finish_leaf(X509 *leaf, const struct world_authority *authority)
{
    X509_set_issuer_name(leaf, X509_get_subject_name(authority->intermediate));
    world_add_extension(leaf, authority->intermediate, NID_key_usage, "critical,digitalSignature");
    world_add_extension(leaf, authority->intermediate, NID_ext_key_usage, "serverAuth,clientAuth");
    world_add_extension(leaf, authority->intermediate, NID_subject_key_identifier, "hash");
    world_add_extension(leaf, authority->intermediate, NID_authority_key_identifier, "keyid");
    X509_sign(leaf, authority->key, EVP_sha256());
}

struct bytes world_ca_sign_stepca_api(struct arena *arena, size_t ca, EVP_PKEY *key, const char *name)
{
    int64_t now = clock_now();
    bool is_address = strchr(name, ':') != NULL || strspn(name, "0123456789.") == strlen(name);
    autofree_x509 X509 *leaf = world_make_certificate(key, now - 60, now + DAY_S);
    world_add_extension(leaf, leaf, NID_subject_alt_name,
                        arena_printf(arena, "%s:%s", is_address ? "IP" : "DNS", name));
    world_finish_leaf(leaf, &world_authorities[ca]);
    return der_of(arena, leaf);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0)
        verdict("%s cannot be written", path);
    fclose(file);
}

void world_ca_make(const char *folder)
{
    static const char *const names[WORLD_CAS] = {"Intermediate One", "Intermediate Two"};
    struct jose_error error;
    lasting = arena_new();
    const struct json *key = json_parse(lasting, BYTES_LITERAL(PRIVATE_JWK), &json_limits_request, NULL);
    if (key == NULL || !jwk_parse_private(lasting, key, &provisioner, &error))
        verdict("the harness cannot read its provisioner key");
    EVP_PKEY *root_key = EVP_EC_gen("P-256");
    X509 *root = make_ca(root_key, "Root", NULL, NULL);
    for (size_t i = 0; i < WORLD_CAS; i++) {
        EVP_PKEY *own = EVP_EC_gen("P-256");
        world_authorities[i] =
            (struct world_authority){root, make_ca(own, names[i], root, root_key), root_key, own};
    }
    write_file(folder, "root.crt", world_pem(lasting, root));
    write_file(folder, "provisioner.json", PRIVATE_JWK);
}

void world_ca_free(void)
{
    for (size_t i = 0; i < WORLD_CAS; i++) {
        X509_free(world_authorities[i].intermediate);
        EVP_PKEY_free(world_authorities[i].key);
    }
    X509_free(world_authorities[0].root);
    EVP_PKEY_free(world_authorities[0].root_key);
    arena_free(lasting);
}

char *world_ca_token(struct arena *arena, const char *subject, const char *const *sans, size_t san_count)
{
    struct json_writer *writer = json_writer_new(arena, TOKEN_MAX_BYTES);
    char *token = NULL;
    json_begin_object(writer);
    json_put_string(writer, "iss", "acmegate");
    json_put_string(writer, "sub", subject);
    json_put_string(writer, "aud", "https://acme.test/1.0/sign");
    json_put_string(writer, "jti", "0123456789abcdef");
    json_put_integer(writer, "iat", clock_now());
    json_put_integer(writer, "nbf", clock_now());
    json_put_integer(writer, "exp", clock_now() + 300);
    json_key(writer, "sans");
    json_begin_array(writer);
    for (size_t i = 0; i < san_count; i++)
        json_write_string(writer, sans[i]);
    json_end_array(writer);
    json_end_object(writer);
    struct bytes claims = json_writer_finish(writer);
    if (dice_chance(30))
        claims = bytes_from_string(odd_json_bend(arena, (const char *)claims.p));
    if (!jws_sign_compact(arena, &provisioner,
                          BYTES_LITERAL("{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"), claims,
                          &token))
        verdict("the harness cannot sign a token");
    return token;
}

/* ---- revocation lists ---- */

enum { REVOKED_MAX = 256 };

static char revoked[WORLD_CAS][REVOKED_MAX][SERIAL_HEX_BYTES];
static size_t revoked_count[WORLD_CAS];

void world_crl_add(size_t ca, const char *serial)
{
    snprintf(revoked[ca][revoked_count[ca]++ % REVOKED_MAX], SERIAL_HEX_BYTES, "%s", serial);
}

void world_crl_clear(void)
{
    for (size_t i = 0; i < WORLD_CAS; i++)
        revoked_count[i] = 0;
}

static void add_revoked(X509_CRL *crl, const char *serial)
{
    BIGNUM *read = NULL;
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, clock_now());
    BN_hex2bn(&read, serial);
    autofree_bignum BIGNUM *number = read;
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    X509_REVOKED_set_serialNumber(entry, integer);
    X509_REVOKED_set_revocationDate(entry, when);
    X509_CRL_add0_revoked(crl, entry);
    ASN1_INTEGER_free(integer);
    ASN1_TIME_free(when);
}

struct bytes world_crl(struct arena *arena, size_t ca)
{
    const struct world_authority *authority = &world_authorities[ca];
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, clock_now()), *until = ASN1_TIME_set(NULL, clock_now() + DAY_S);
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_INTEGER_set_int64(number, clock_now());
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->intermediate));
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, until);
    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0);
    for (size_t i = 0; i < revoked_count[ca] && i < REVOKED_MAX; i++)
        add_revoked(crl, revoked[ca][i]);
    X509_CRL_sign(crl, authority->key, EVP_sha256());
    unsigned char *der = NULL;
    int n = i2d_X509_CRL(crl, &der);
    struct bytes copy = arena_copy(arena, bytes_of(der, n > 0 ? (size_t)n : 0));
    OPENSSL_free(der);
    X509_CRL_free(crl);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return copy;
}
