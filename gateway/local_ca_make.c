#include "gateway/local_ca_make.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "acme/base/file.h"
#include "acme/certificate.h"

enum {
    SERIAL_BITS = 128,
    COMMON_NAME_MAX_CHARACTERS = 64,
    YEAR_S = 365 * 24 * 3600,
    ROOT_YEARS = 10,
    INTERMEDIATE_YEARS = 5,
};

/* ---- certificates ---- */

static bool set_random_serial(X509 *certificate)
{
    autofree_bignum BIGNUM *serial = BN_new();
    return serial != NULL && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL;
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
        X509_sign(root, key, EVP_sha256()) > 0) {
        return root;
    }
    X509_free(root);
    return NULL;
}

static X509 *make_intermediate(EVP_PKEY *key, X509 *root, EVP_PKEY *root_key, const char *name, int64_t now)
{
    X509 *made = local_certificate_new(now - LOCAL_CA_BACKDATE_S, now + (int64_t)INTERMEDIATE_YEARS * YEAR_S);
    if (made != NULL && local_certificate_set_common_name(made, name) &&
        X509_set_issuer_name(made, X509_get_subject_name(root)) == 1 && X509_set_pubkey(made, key) == 1 &&
        local_certificate_extend(made, root, intermediate_extensions,
                                 sizeof intermediate_extensions / sizeof intermediate_extensions[0]) &&
        X509_sign(made, root_key, EVP_sha256()) > 0) {
        return made;
    }
    X509_free(made);
    return NULL;
}

/* ---- its files ---- */

static bool write_file(struct arena *arena, const char *directory, const char *name, struct bytes text,
                       unsigned mode, char why[static LOCAL_CA_WHY_BYTES])
{
    const char *path = arena_printf(arena, "%s/%s", directory, name);
    if (!file_replace(path, text, mode)) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "%s cannot be written: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool write_key(struct arena *arena, const char *directory, const char *name, EVP_PKEY *key,
                      char why[static LOCAL_CA_WHY_BYTES])
{
    autofree_bio BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "OpenSSL could not write a private key");
        return false;
    }
    long n = BIO_get_mem_data(bio, &text);
    return write_file(arena, directory, name, bytes_of(text, (size_t)n), 0600, why);
}

static bool write_certificate(struct arena *arena, const char *directory, const char *name, X509 *certificate,
                              char why[static LOCAL_CA_WHY_BYTES])
{
    struct bytes der = local_certificate_der(arena, certificate);
    return write_file(arena, directory, name, bytes_from_string(certificate_to_pem(arena, der)), 0644, why);
}

static bool make_files(struct arena *arena, const char *directory, int64_t now,
                       char why[static LOCAL_CA_WHY_BYTES])
{
    autofree_evp_pkey EVP_PKEY *root_key = EVP_EC_gen("P-256");
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    uint32_t number = 0; /* tells two local CAs apart in a client's trust store */
    if (root_key == NULL || key == NULL || RAND_bytes((unsigned char *)&number, sizeof number) != 1) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "OpenSSL could not make keys");
        return false;
    }
    autofree_x509 X509 *root =
        make_root(root_key, arena_printf(arena, "acmegate local root %08x", number), now);
    autofree_x509 X509 *intermediate =
        root == NULL
            ? NULL
            : make_intermediate(key, root, root_key,
                                arena_printf(arena, "acmegate local intermediate %08x", number), now);
    if (intermediate == NULL) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "OpenSSL could not make the CA's certificates");
        return false;
    }
    return write_key(arena, directory, LOCAL_CA_ROOT_KEY, root_key, why) &&
           write_key(arena, directory, LOCAL_CA_INTERMEDIATE_KEY, key, why) &&
           write_certificate(arena, directory, LOCAL_CA_INTERMEDIATE, intermediate, why) &&
           write_certificate(arena, directory, LOCAL_CA_ROOT, root, why);
}

bool local_ca_make(const char *directory, int64_t now, char why[static LOCAL_CA_WHY_BYTES])
{
    struct arena *arena = arena_new();
    bool made = make_files(arena, directory, now, why);
    ERR_clear_error();
    arena_free(arena);
    return made;
}
