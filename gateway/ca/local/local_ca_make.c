/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <time.h>

#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "gateway/ca/local/local_ca_internal.h"

enum {
    SERIAL_BITS = 128,
    COMMON_NAME_MAX_CHARACTERS = 64,
    DAY_S = 24 * 3600,
    YEAR_S = 365 * DAY_S,
    ROOT_YEARS = 10,
    INTERMEDIATE_YEARS = 5,
    OLD_NAME_CHARACTERS = 16, /* of the fingerprint, in the name of a replaced certificate's file */
};

/* ---- certificates ---- */

static bool set_random_serial(X509 *certificate)
{
    autofree_bignum BIGNUM *serial = BN_new();
    return serial != NULL && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
           !BN_is_zero(serial) && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL;
}

X509 *local_certificate_new(int64_t not_before, int64_t not_after)
{
    X509 *certificate = X509_new();
    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_random_serial(certificate) &&
        ASN1_TIME_set(X509_getm_notBefore(certificate), not_before) != NULL &&
        ASN1_TIME_set(X509_getm_notAfter(certificate), not_after) != NULL) {
        return certificate;
    }
    X509_free(certificate);
    return NULL;
}

bool local_certificate_extend(X509 *certificate, X509 *issuer, const struct certificate_extension *extensions,
                              size_t count)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, &context, extensions[i].nid, extensions[i].value);
        bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
        X509_EXTENSION_free(extension);
        if (!added) {
            return false;
        }
    }
    return true;
}

bool local_certificate_set_common_name(X509 *certificate, const char *common_name)
{
    size_t n = strlen(common_name);
    if (n > COMMON_NAME_MAX_CHARACTERS) {
        return true;
    }
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, (int)n, -1, 0) == 1;
}

const EVP_MD *local_certificate_digest(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return NULL;
    }
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256) {
        return EVP_PKEY_get_bits(key) > 384 ? EVP_sha512() : EVP_sha384();
    }
    return EVP_sha256();
}

bool local_certificate_sign(X509 *certificate, EVP_PKEY *key)
{
    return X509_sign(certificate, key, local_certificate_digest(key)) > 0;
}

struct bytes local_certificate_der(struct arena *arena, X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    if (n <= 0) {
        return (struct bytes){0};
    }
    struct bytes copy = arena_copy(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return copy;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    int64_t seconds;
    return x509_read_time(time, &seconds) ? seconds : 0;
}

int64_t local_certificate_begin(const X509 *certificate)
{
    return seconds_of(X509_get0_notBefore(certificate));
}

int64_t local_certificate_end(const X509 *certificate)
{
    return seconds_of(X509_get0_notAfter(certificate));
}

/* ---- the CA's own ---- */

static const struct certificate_extension root_extensions[] = {
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:1"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"},
};

static const struct certificate_extension intermediate_extensions[] = {
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
};

static X509 *make_root(EVP_PKEY *key, const char *name, int64_t now)
{
    X509 *root = local_certificate_new(now - LOCAL_CA_BACKDATE_S, now + (int64_t)ROOT_YEARS * YEAR_S);
    if (root != NULL && local_certificate_set_common_name(root, name) &&
        X509_set_issuer_name(root, X509_get_subject_name(root)) == 1 && X509_set_pubkey(root, key) == 1 &&
        local_certificate_extend(root, root, root_extensions,
                                 sizeof root_extensions / sizeof root_extensions[0]) &&
        local_certificate_sign(root, key)) {
        return root;
    }
    X509_free(root);
    return NULL;
}

static int64_t end_of_intermediate(const X509 *root, int64_t now)
{
    int64_t end = now + (int64_t)INTERMEDIATE_YEARS * YEAR_S;
    int64_t root_end = local_certificate_end(root);
    return end < root_end ? end : root_end;
}

/* Makes the certificate, without the constraints and the signature. */
static X509 *begin_intermediate(EVP_PKEY *key, X509 *root, int64_t now)
{
    X509 *made = local_certificate_new(now - LOCAL_CA_BACKDATE_S, end_of_intermediate(root, now));
    if (made != NULL && X509_set_issuer_name(made, X509_get_subject_name(root)) == 1 &&
        X509_set_pubkey(made, key) == 1 &&
        local_certificate_extend(made, root, intermediate_extensions,
                                 sizeof intermediate_extensions / sizeof intermediate_extensions[0])) {
        return made;
    }
    X509_free(made);
    return NULL;
}

/* The number distinguishes two CAs in a client's trust store, and two keys of one CA. */
static bool set_numbered_name(struct arena *arena, X509 *certificate, const char *role)
{
    uint32_t number = 0;
    return RAND_bytes((unsigned char *)&number, sizeof number) == 1 &&
           local_certificate_set_common_name(certificate,
                                             arena_printf(arena, "acmegate local %s %08x", role, number));
}

static bool make_intermediate(const struct local_ca *ca, X509 *root, EVP_PKEY *root_key, int64_t now,
                              struct fault *fault)
{
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    autofree_x509 X509 *made = key == NULL ? NULL : begin_intermediate(key, root, now);
    if (made == NULL || !set_numbered_name(ca->arena, made, "intermediate") ||
        !local_ca_constrain(ca, made) || !local_certificate_sign(made, root_key))
        return fault_set(fault, "OpenSSL could not make the CA's intermediate");
    return local_ca_write_key(ca, LOCAL_CA_INTERMEDIATE_KEY, key, fault) &&
           local_ca_write_certificate(ca, LOCAL_CA_INTERMEDIATE, made, fault);
}

bool local_ca_make(const struct local_ca *ca, int64_t now, struct fault *fault)
{
    uint32_t number = 0;
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    autofree_x509 X509 *root =
        key == NULL || RAND_bytes((unsigned char *)&number, sizeof number) != 1
            ? NULL
            : make_root(key, arena_printf(ca->arena, "acmegate local root %08x", number), now);
    if (root == NULL) {
        fault_set(fault, "OpenSSL could not make the CA's root");
        ERR_clear_error();
        return false;
    }
    bool made = local_ca_write_key(ca, LOCAL_CA_ROOT_KEY, key, fault) &&
                make_intermediate(ca, root, key, now, fault) &&
                local_ca_write_certificate(ca, LOCAL_CA_ROOT, root, fault);
    ERR_clear_error();
    return made;
}

/* ---- later, with the root's key ---- */

/* Loads the root's key from its file and checks it against the certificate. */
static EVP_PKEY *load_root_key(const struct local_ca *ca, X509 *root, struct fault *fault)
{
    EVP_PKEY *key = local_ca_load_key(ca, LOCAL_CA_ROOT_KEY, fault);
    if (key != NULL && X509_check_private_key(root, key) != 1) {
        fault_set(fault, "%s: %s is not the key of %s", ca->config.directory, LOCAL_CA_ROOT_KEY,
                  LOCAL_CA_ROOT);
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

bool local_ca_make_intermediate(const struct local_ca *ca, int64_t now, struct fault *fault)
{
    autofree_certificates STACK_OF(X509) *roots =
        local_ca_load_certificates(ca, ca -> arena, LOCAL_CA_ROOT, NULL, fault);
    X509 *root = roots == NULL ? NULL : sk_X509_value(roots, 0);
    autofree_evp_pkey EVP_PKEY *key = root == NULL ? NULL : load_root_key(ca, root, fault);
    bool made = key != NULL && make_intermediate(ca, root, key, now, fault);
    ERR_clear_error();
    return made;
}

/* Copies the old certificate's extensions that not every intermediate has. Its restrictions (constraints of
 * names and policies, extended key usages) bind its successor. */
static bool copy_other_extensions(const X509 *old, X509 *made)
{
    bool copied = true;
    for (int i = 0; copied && i < X509_get_ext_count(old); i++) {
        X509_EXTENSION *extension = X509_get_ext(old, i);
        bool is_there = X509_get_ext_by_OBJ(made, X509_EXTENSION_get_object(extension), -1) >= 0;
        copied = is_there || X509_add_ext(made, extension, -1) == 1;
    }
    return copied;
}

static bool keep_old(const struct local_ca *ca, X509 *old, struct fault *fault)
{
    struct bytes der = local_certificate_der(ca->arena, old);
    const char *name = arena_printf(ca->arena, "intermediate_ca.%.*s.crt", OLD_NAME_CHARACTERS,
                                    certificate_fingerprint(ca->arena, der));
    return local_ca_write_certificate(ca, name, old, fault);
}

bool local_ca_renew_intermediate(const struct local_ca *ca, X509 *old, X509 *root, int64_t now,
                                 X509 **renewed, struct fault *fault)
{
    *renewed = NULL;
    if (end_of_intermediate(root, now) < local_certificate_end(old) + DAY_S) {
        return true;
    }
    autofree_evp_pkey EVP_PKEY *root_key = load_root_key(ca, root, fault);
    if (root_key == NULL) {
        return false;
    }
    X509 *made = begin_intermediate(X509_get0_pubkey(old), root, now);
    if (made == NULL || X509_set_subject_name(made, X509_get_subject_name(old)) != 1 ||
        !copy_other_extensions(old, made) || !local_certificate_sign(made, root_key)) {
        fault_set(fault, "OpenSSL could not make a new intermediate");
    } else if (keep_old(ca, old, fault) &&
               local_ca_write_certificate(ca, LOCAL_CA_INTERMEDIATE, made, fault)) {
        *renewed = made;
    }
    if (*renewed == NULL) {
        X509_free(made);
    }
    ERR_clear_error();
    return *renewed != NULL;
}
