/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "acme/base/unconst.h"
#include "acme/pki/certificate.h"

static void release_key(void *key)
{
    EVP_PKEY_free(key);
}

static void release_certificate(void *certificate)
{
    X509_free(certificate);
}

static void release_store(void *store)
{
    X509_STORE_free(store);
}

static EVP_PKEY *generate_ec(const char *curve, bool explicit_parameters)
{
    EVP_PKEY *key = NULL;
    autofree_evp_pkey_ctx EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    cr_assert_eq(EVP_PKEY_keygen_init(context), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_group_name(context, curve), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_ec_param_enc(context, explicit_parameters ? OPENSSL_EC_EXPLICIT_CURVE
                                                                            : OPENSSL_EC_NAMED_CURVE),
                 1);
    cr_assert_eq(EVP_PKEY_generate(context, &key), 1);
    return key;
}

EVP_PKEY *pki_key(struct arena *arena, const char *type)
{
    EVP_PKEY *key;
    if (strncmp(type, "RSA-", 4) == 0) {
        key = EVP_RSA_gen((unsigned)strtoul(type + 4, NULL, 10));
    } else if (strncmp(type, "Ed", 2) == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, type);
    } else if (strcmp(type, "P-256 explicit") == 0) {
        key = generate_ec("P-256", true);
    } else {
        key = generate_ec(type, false);
    }
    cr_assert_not_null(key, "%s", type);
    arena_on_free(arena, release_key, key);
    return key;
}

EVP_PKEY *pki_rsa_public(struct arena *arena, int bits, unsigned exponent)
{
    autofree_bignum BIGNUM *n = BN_new();
    autofree_bignum BIGNUM *e = BN_new();
    cr_assert_eq(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
    cr_assert_eq(BN_set_word(e, exponent), 1);
    autofree_ossl_param_bld OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    cr_assert_eq(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n), 1);
    cr_assert_eq(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e), 1);
    autofree_ossl_params OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    autofree_evp_pkey_ctx EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    cr_assert_eq(EVP_PKEY_fromdata_init(context), 1);
    cr_assert_eq(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    arena_on_free(arena, release_key, key);
    return key;
}

struct identifier *pki_identifiers(struct arena *arena, const char *text, size_t *count)
{
    struct identifier *all = arena_alloc_array(arena, 16, sizeof *all);
    *count = 0;
    for (const char *at = text; *at != '\0'; at += strspn(at, ", ")) {
        size_t type = strcspn(at, ":");
        size_t value = strcspn(at + type + 1, ",");
        cr_assert_null(
            identifier_parse(arena, bytes_of(at, type), bytes_of(at + type + 1, value), &all[(*count)++]));
        at += type + 1 + value;
    }
    return all;
}

static X509_EXTENSION *extension(int type, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, NULL, NULL, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, type, value);
    cr_assert_not_null(made, "%s", value);
    return made;
}

static void add_text(X509_NAME *subject, const char *field, const char *text)
{
    if (text != NULL) {
        cr_assert_eq(X509_NAME_add_entry_by_txt(subject, field, V_ASN1_UTF8STRING,
                                                (const unsigned char *)text, -1, -1, 0),
                     1);
    }
}

static const EVP_MD *digest_for(EVP_PKEY *key, const EVP_MD *wanted)
{
    bool edwards = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    return edwards ? NULL : wanted == NULL ? EVP_sha256() : wanted;
}

static void add_extensions(X509_REQ *request, const struct pki_csr *csr)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    if (csr->names != NULL) {
        sk_X509_EXTENSION_push(extensions, extension(NID_subject_alt_name, csr->names));
    }
    for (size_t i = 0; i < PKI_MORE_EXTENSIONS && csr->more[i].type != 0; i++) {
        sk_X509_EXTENSION_push(extensions, extension(csr->more[i].type, csr->more[i].value));
    }
    if (csr->names_twice) {
        sk_X509_EXTENSION_push(extensions, extension(NID_subject_alt_name, csr->names));
    }
    cr_assert_eq(X509_REQ_add_extensions_nid(request, extensions, NID_ext_req), 1);
    if (csr->extensions_twice) {
        cr_assert_eq(X509_REQ_add_extensions_nid(request, extensions, NID_ms_ext_req), 1);
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

struct bytes pki_csr(struct arena *arena, const struct pki_csr *csr)
{
    autofree_x509_req X509_REQ *request = X509_REQ_new();
    cr_assert_eq(X509_REQ_set_pubkey(request, csr->key), 1);
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    add_text(subject, "CN", csr->common_name);
    add_text(subject, "CN", csr->second_common_name);
    add_text(subject, "emailAddress", csr->subject_email);
    if (csr->names != NULL || csr->more[0].type != 0) {
        add_extensions(request, csr);
    }
    if (csr->extensions_broken) {
        cr_assert_eq(X509_REQ_add1_attr_by_NID(request, NID_ext_req, V_ASN1_OCTET_STRING,
                                               (const unsigned char *)"x", 1),
                     1);
    }
    EVP_PKEY *signer = csr->signer == NULL ? csr->key : csr->signer;
    cr_assert_gt(X509_REQ_sign(request, signer, digest_for(signer, csr->digest)), 0);
    unsigned char *der = NULL;
    int length = i2d_X509_REQ(request, &der);
    cr_assert_gt(length, 0);
    struct bytes copy = arena_copy(arena, bytes_of(der, (size_t)length));
    OPENSSL_free(der);
    return copy;
}

static void add_extension(X509 *certificate, int type, const char *value)
{
    X509_EXTENSION *made = extension(type, value);
    cr_assert_eq(X509_add_ext(certificate, made, -1), 1);
    X509_EXTENSION_free(made);
}

static void set_serial(X509 *certificate, const char *hex)
{
    BIGNUM *read = NULL;
    cr_assert_gt(BN_hex2bn(&read, hex == NULL ? "1" : hex), 0);
    autofree_bignum BIGNUM *number = read;
    cr_assert_not_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
}

static void add_authority_key(struct arena *arena, X509 *certificate, EVP_PKEY *key)
{
    uint8_t *der = NULL;
    int length = i2d_PUBKEY(key, &der);
    uint8_t *octets = arena_alloc(arena, 32);
    cr_assert_eq(EVP_Digest(der, (size_t)length, octets, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    AUTHORITY_KEYID *identifier = AUTHORITY_KEYID_new();
    identifier->keyid = ASN1_OCTET_STRING_new();
    cr_assert_eq(ASN1_OCTET_STRING_set(identifier->keyid, octets, 20), 1);
    cr_assert_eq(X509_add1_ext_i2d(certificate, NID_authority_key_identifier, identifier, 0, 0), 1);
    AUTHORITY_KEYID_free(identifier);
}

X509 *pki_certificate(struct arena *arena, const struct pki_certificate *certificate)
{
    X509 *made = X509_new();
    arena_on_free(arena, release_certificate, made);
    X509_set_version(made, X509_VERSION_3);
    set_serial(made, certificate->serial_hex);
    add_text(X509_get_subject_name(made), "CN", certificate->common_name);
    X509 *signer = certificate->signer == NULL ? made : certificate->signer;
    EVP_PKEY *signer_key = certificate->signer_key == NULL ? certificate->key : certificate->signer_key;
    cr_assert_eq(X509_set_issuer_name(made, X509_get_subject_name(signer)), 1);
    cr_assert_eq(X509_set_pubkey(made, certificate->key), 1);
    ASN1_TIME_set(X509_getm_notBefore(made), certificate->not_before);
    ASN1_TIME_set(X509_getm_notAfter(made), certificate->not_after);
    if (certificate->is_ca) {
        add_extension(made, NID_basic_constraints, "critical,CA:TRUE");
    }
    if (certificate->names != NULL) {
        add_extension(made, NID_subject_alt_name, certificate->names);
    }
    if (certificate->key_usage != NULL) {
        add_extension(made, NID_key_usage, certificate->key_usage);
    }
    if (certificate->extended_key_usage != NULL) {
        add_extension(made, NID_ext_key_usage, certificate->extended_key_usage);
    }
    if (certificate->authority_key != NULL) {
        add_authority_key(arena, made, certificate->authority_key);
    }
    if (certificate->ocsp_nocheck) {
        add_extension(made, NID_id_pkix_OCSP_noCheck, "yes");
    }
    if (certificate->unknown_critical) {
        ASN1_OBJECT *unknown = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
        ASN1_OCTET_STRING *null = ASN1_OCTET_STRING_new();
        cr_assert_eq(ASN1_OCTET_STRING_set(null, (const uint8_t *)"\x05\x00", 2), 1);
        X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, unknown, 1, null);
        cr_assert_eq(X509_add_ext(made, extension, -1), 1);
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(null);
        ASN1_OBJECT_free(unknown);
    }
    cr_assert_gt(X509_sign(made, signer_key, digest_for(signer_key, NULL)), 0);
    return made;
}

struct bytes pki_der(struct arena *arena, X509 *certificate)
{
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    cr_assert_gt(length, 0);
    struct bytes copy = arena_copy(arena, bytes_of(der, (size_t)length));
    OPENSSL_free(der);
    return copy;
}

struct bytes pki_malleate(struct arena *arena, struct bytes der)
{
    const uint8_t *at = der.p;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.n);
    cr_assert_not_null(certificate);
    const ASN1_BIT_STRING *signature = NULL;
    X509_get0_signature(&signature, NULL, certificate);
    const uint8_t *value = signature->data;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &value, signature->length);
    cr_assert_not_null(pair);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *r = BN_dup(ECDSA_SIG_get0_r(pair)), *s = BN_new();
    cr_assert_eq(BN_sub(s, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(pair)), 1);
    cr_assert_eq(ECDSA_SIG_set0(pair, r, s), 1);
    uint8_t *other = NULL;
    int length = i2d_ECDSA_SIG(pair, &other);
    cr_assert_eq(ASN1_STRING_set(UNCONST(ASN1_STRING *, signature), other, length), 1);
    struct bytes made = pki_der(arena, certificate);
    OPENSSL_free(other);
    EC_GROUP_free(group);
    ECDSA_SIG_free(pair);
    X509_free(certificate);
    return made;
}

struct bytes pki_lengthen(struct arena *arena, struct bytes der)
{
    cr_assert(der.p[0] == 0x30 && der.p[1] == 0x82);
    uint8_t *octets = arena_alloc(arena, der.n + 1);
    const uint8_t head[] = {0x30, 0x83, 0};
    memcpy(octets, head, sizeof head);
    memcpy(octets + sizeof head, der.p + 2, der.n - 2);
    return bytes_of(octets, der.n + 1);
}

struct bytes pki_pem(struct arena *arena, X509 *certificate)
{
    return bytes_from_string(certificate_to_pem(arena, pki_der(arena, certificate)));
}

X509_STORE *pki_roots(struct arena *arena, X509 *root)
{
    X509_STORE *store = X509_STORE_new();
    arena_on_free(arena, release_store, store);
    cr_assert_eq(X509_STORE_add_cert(store, root), 1);
    return store;
}

static void release_request(void *request)
{
    X509_REQ_free(request);
}

X509_REQ *pki_request(struct arena *arena, const struct pki_csr *csr)
{
    struct bytes der = pki_csr(arena, csr);
    const unsigned char *at = der.p;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.n);
    cr_assert_not_null(request);
    arena_on_free(arena, release_request, request);
    return request;
}

enum { DAY_S = 24 * 3600 };

struct pki_ca pki_ca(struct arena *arena, int64_t now, int64_t intermediate_days)
{
    struct pki_ca ca = {.root_key = pki_key(arena, "P-256"),
                        .intermediate_key = pki_key(arena, "P-256"),
                        .stranger_key = pki_key(arena, "P-256"),
                        .leaf_key = pki_key(arena, "P-256")};
    struct pki_certificate root = {.key = ca.root_key,
                                   .common_name = "Root",
                                   .is_ca = true,
                                   .not_before = now - 1000 * (int64_t)DAY_S,
                                   .not_after = now + 1000 * (int64_t)DAY_S};
    ca.root = pki_certificate(arena, &root);
    struct pki_certificate intermediate = root;
    intermediate.key = ca.intermediate_key;
    intermediate.common_name = "Intermediate";
    intermediate.signer = ca.root;
    intermediate.signer_key = ca.root_key;
    intermediate.not_after = now + intermediate_days * DAY_S;
    ca.intermediate = pki_certificate(arena, &intermediate);
    root.key = ca.stranger_key;
    ca.stranger = pki_certificate(arena, &root);
    return ca;
}

struct pki_certificate pki_leaf(const struct pki_ca *ca, int64_t now, const char *names)
{
    return (struct pki_certificate){
        .key = ca->leaf_key,
        .signer = ca->intermediate,
        .signer_key = ca->intermediate_key,
        .names = names,
        .not_before = now - 60,
        .not_after = now + DAY_S,
    };
}
