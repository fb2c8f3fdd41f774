#include "gateway/local_ca.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "gateway/local_ca_make.h"
#include "gateway/revoked_register.h"
#include "stepca/subject.h"

enum { FILE_MAX_BYTES = 64 * 1024 };

struct local_ca {
    struct arena *arena;
    X509 *root;
    X509 *intermediate;
    EVP_PKEY *key; /* the intermediate's */
    struct bytes root_pem;
    struct bytes intermediate_der;
    int64_t end;
    struct revoked_register *revoked;
};

/* ---- opening ---- */

static bool prepare_directory(struct arena *arena, const char *directory, int64_t now,
                              char why[static LOCAL_CA_WHY_BYTES])
{
    static const char *const names[] = {LOCAL_CA_ROOT, LOCAL_CA_ROOT_KEY, LOCAL_CA_INTERMEDIATE,
                                        LOCAL_CA_INTERMEDIATE_KEY};
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "%.160s cannot be made: %s", directory, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (access(arena_printf(arena, "%s/%s", directory, names[i]), F_OK) == 0 || errno != ENOENT) {
            return true;
        }
    }
    return local_ca_make(directory, now, why);
}

static BIO *open_file(struct local_ca *ca, const char *directory, const char *name, struct bytes *text,
                      char why[static LOCAL_CA_WHY_BYTES])
{
    const char *path = arena_printf(ca->arena, "%s/%s", directory, name);
    if (!file_read_secret(ca->arena, path, FILE_MAX_BYTES, text)) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "%.160s: %s; restore the local CA's files or empty the directory",
                 path, strerror(errno));
        return NULL;
    }
    return BIO_new_mem_buf(text->p, (int)text->n);
}

static X509 *load_certificate(struct local_ca *ca, const char *directory, const char *name, struct bytes *pem,
                              char why[static LOCAL_CA_WHY_BYTES])
{
    autofree_bio BIO *bio = open_file(ca, directory, name, pem, why);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (bio != NULL && certificate == NULL) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "%.160s/%s holds no certificate", directory, name);
    }
    return certificate;
}

/* Instead of a question on the terminal: the local CA's key is not encrypted. */
static int no_password(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return -1;
}

static EVP_PKEY *load_key(struct local_ca *ca, const char *directory, char why[static LOCAL_CA_WHY_BYTES])
{
    struct bytes pem;
    autofree_bio BIO *bio = open_file(ca, directory, LOCAL_CA_INTERMEDIATE_KEY, &pem, why);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    if (bio != NULL && key == NULL) {
        snprintf(why, LOCAL_CA_WHY_BYTES,
                 "%.160s/" LOCAL_CA_INTERMEDIATE_KEY " holds no unencrypted private key", directory);
    }
    return key;
}

static bool load_files(struct local_ca *ca, const char *directory, char why[static LOCAL_CA_WHY_BYTES])
{
    struct bytes pem;
    ca->root = load_certificate(ca, directory, LOCAL_CA_ROOT, &ca->root_pem, why);
    ca->intermediate =
        ca->root == NULL ? NULL : load_certificate(ca, directory, LOCAL_CA_INTERMEDIATE, &pem, why);
    ca->key = ca->intermediate == NULL ? NULL : load_key(ca, directory, why);
    if (ca->key == NULL) {
        return false;
    }
    if (X509_check_private_key(ca->intermediate, ca->key) != 1) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "%.120s: %s is not the key of %s", directory,
                 LOCAL_CA_INTERMEDIATE_KEY, LOCAL_CA_INTERMEDIATE);
        return false;
    }
    if (X509_verify(ca->intermediate, X509_get0_pubkey(ca->root)) != 1) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "%.120s: %s was not signed by %s", directory, LOCAL_CA_INTERMEDIATE,
                 LOCAL_CA_ROOT);
        return false;
    }
    struct tm end;
    ca->intermediate_der = local_certificate_der(ca->arena, ca->intermediate);
    if (ca->intermediate_der.p == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(ca->intermediate), &end) != 1) {
        snprintf(why, LOCAL_CA_WHY_BYTES, "%.120s/%s has no readable end", directory, LOCAL_CA_INTERMEDIATE);
        return false;
    }
    ca->end = timegm(&end);
    return true;
}

struct local_ca *local_ca_open(const char *directory, int64_t now, char why[static LOCAL_CA_WHY_BYTES])
{
    struct arena *arena = arena_new();
    struct local_ca *ca = arena_alloc(arena, sizeof *ca);
    ca->arena = arena;
    if (prepare_directory(arena, directory, now, why) && load_files(ca, directory, why)) {
        ca->revoked = revoked_register_open(arena_printf(arena, "%s/revoked", directory), why);
    }
    ERR_clear_error();
    if (ca->revoked == NULL) {
        local_ca_free(ca);
        return NULL;
    }
    return ca;
}

void local_ca_free(struct local_ca *ca)
{
    if (ca == NULL) {
        return;
    }
    revoked_register_close(ca->revoked);
    X509_free(ca->root);
    X509_free(ca->intermediate);
    EVP_PKEY_free(ca->key);
    arena_free(ca->arena);
}

struct bytes local_ca_root_pem(const struct local_ca *ca)
{
    return ca->root_pem;
}

int64_t local_ca_end(const struct local_ca *ca)
{
    return ca->end;
}

/* ---- signing ---- */

struct period {
    int64_t begin, end;
};

/* False with `why` when the request cannot be read or leaves nothing. */
static bool plan_period(struct arena *arena, const struct local_ca *ca,
                        const struct validity_request *validity, int64_t now, struct period *out,
                        const char **why)
{
    int64_t from = now;
    out->begin = now - LOCAL_CA_BACKDATE_S;
    if (validity->not_before != NULL) {
        if (!time_parse(&from, bytes_from_string(validity->not_before))) {
            *why = arena_printf(arena, "notBefore \"%s\" is no RFC 3339 time", validity->not_before);
            return false;
        }
        out->begin = from;
    }
    int64_t lifetime_s = LOCAL_CA_DEFAULT_S;
    out->end = from + lifetime_s;
    if (validity->not_after != NULL) {
        struct bytes text = bytes_from_string(validity->not_after);
        if (!time_parse(&out->end, text)) {
            if (!duration_parse(&lifetime_s, text) || lifetime_s > ca->end) {
                *why = arena_printf(arena, "notAfter \"%s\" is neither a time nor a duration",
                                    validity->not_after);
                return false;
            }
            out->end = from + lifetime_s;
        }
    }
    out->end = out->end < ca->end ? out->end : ca->end;
    if (out->end <= out->begin || out->end <= now) {
        *why = ca->end <= now ? "the local CA's intermediate has expired"
                              : "notAfter is in the past or before notBefore";
        return false;
    }
    return true;
}

static GENERAL_NAME *new_name(const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL) {
        return NULL;
    }
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    if (address != NULL) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return name;
    }
    ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
    if (dns == NULL || ASN1_STRING_set(dns, text, -1) != 1) {
        ASN1_IA5STRING_free(dns);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, dns);
    return name;
}

static bool add_names(X509 *leaf, const struct stepca_subject *subject)
{
    autofree_general_names GENERAL_NAMES *names = GENERAL_NAMES_new();
    for (size_t i = 0; names != NULL && i < subject->san_count; i++) {
        GENERAL_NAME *name = new_name(subject->sans[i]);
        if (name == NULL || sk_GENERAL_NAME_push(names, name) == 0) {
            GENERAL_NAME_free(name);
            return false;
        }
    }
    /* RFC 5280 §4.2.1.6: critical when there is no subject. */
    int critical = X509_NAME_entry_count(X509_get_subject_name(leaf)) == 0;
    return names != NULL &&
           X509_add1_ext_i2d(leaf, NID_subject_alt_name, names, critical, X509V3_ADD_DEFAULT) == 1;
}

static bool add_extensions(X509 *leaf, const struct local_ca *ca, EVP_PKEY *key, const char *usages)
{
    const struct certificate_extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
                                                  : "critical,digitalSignature"},
        {NID_ext_key_usage, usages == NULL ? "serverAuth,clientAuth" : usages},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
    };
    return local_certificate_extend(leaf, ca->intermediate, extensions,
                                    sizeof extensions / sizeof extensions[0]);
}

static bool sign_leaf(struct arena *arena, const struct local_ca *ca, EVP_PKEY *key,
                      const struct stepca_subject *subject, const struct period *period, const char *usages,
                      struct bytes *der)
{
    autofree_x509 X509 *leaf = local_certificate_new(period->begin, period->end);
    if (leaf == NULL || X509_set_pubkey(leaf, key) != 1 ||
        !local_certificate_set_common_name(leaf, subject->subject) ||
        X509_set_issuer_name(leaf, X509_get_subject_name(ca->intermediate)) != 1 ||
        !add_extensions(leaf, ca, key, usages) || !add_names(leaf, subject) ||
        X509_sign(leaf, ca->key, EVP_sha256()) <= 0) {
        return false;
    }
    *der = local_certificate_der(arena, leaf);
    return der->p != NULL;
}

enum local_ca_outcome local_ca_sign(struct arena *arena, const struct local_ca *ca, X509_REQ *csr,
                                    const struct validity_request *validity, const char *extended_key_usages,
                                    int64_t now, struct bytes chain[static LOCAL_CA_CHAIN], const char **why)
{
    struct stepca_subject subject;
    EVP_PKEY *key = X509_REQ_get0_pubkey(csr);
    if (key == NULL || !stepca_subject_from_csr(arena, csr, &subject)) {
        *why = "the CSR has no usable key or names";
        return LOCAL_CA_REFUSED;
    }
    struct period period;
    if (!plan_period(arena, ca, validity, now, &period, why)) {
        return LOCAL_CA_REFUSED;
    }
    if (!sign_leaf(arena, ca, key, &subject, &period, extended_key_usages, &chain[0])) {
        ERR_clear_error();
        *why = "OpenSSL could not make the certificate";
        return LOCAL_CA_FAILED;
    }
    chain[1] = arena_copy(arena, ca->intermediate_der);
    return LOCAL_CA_DONE;
}

/* ---- revoking ---- */

enum local_ca_outcome local_ca_revoke(struct arena *arena, struct local_ca *ca, const char *serial_hex,
                                      int reason, int64_t not_after, int64_t now, const char **why)
{
    struct revoked_serial entry = {.revoked_at = now, .reason = reason, .not_after = not_after};
    if (revoked_register_contains(ca->revoked, serial_hex)) {
        *why = arena_printf(arena, "certificate %s is already revoked", serial_hex);
        return LOCAL_CA_ALREADY_REVOKED;
    }
    snprintf(entry.serial, sizeof entry.serial, "%s", serial_hex);
    if (!revoked_register_add(ca->revoked, &entry)) {
        *why = arena_printf(arena, "the revocation could not be recorded: %s", strerror(errno));
        return LOCAL_CA_FAILED;
    }
    return LOCAL_CA_DONE;
}

struct local_ca_signer local_ca_signer(const struct local_ca *ca)
{
    return (struct local_ca_signer){.certificate = ca->intermediate, .key = ca->key, .revoked = ca->revoked};
}
