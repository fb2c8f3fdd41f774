#include "acme/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <time.h>

#include "acme/base/buffer.h"
#include "acme/base/time_text.h"
#include "acme/subject_names.h"
#include "acme/x509_read.h"

enum { SERIAL_MAX_OCTETS = 20 };

static const char hex_digits[] = "0123456789abcdef";

static bool read_time(const ASN1_TIME *time, int64_t *out)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *out = timegm(&parts);
    return true;
}

static const char *time_words(struct arena *arena, int64_t time)
{
    char text[TIME_TEXT_BYTES];
    time_format(text, time);
    return arena_duplicate(arena, text);
}

/* False when subjectAltName is there but cannot be read, or is there twice. */
static bool read_names(struct arena *arena, const X509 *certificate, struct subject_names *out)
{
    int critical = -1; /* OpenSSL's word for "absent" */
    autofree_general_names GENERAL_NAMES *alternatives =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    subject_names_read(arena, X509_get_subject_name(certificate), alternatives, out);
    return alternatives != NULL || critical == -1;
}

/* Where no order says which: each must be one that the policy allows, a common name as well. */
static const char *policy_fault(struct arena *arena, struct subject_names *names,
                                const struct name_policy *policy)
{
    if (names->foreign != NULL) {
        return arena_printf(arena, "the certificate holds %s", names->foreign);
    }
    subject_names_merge_common_name(arena, names);
    if (names->count == 0) {
        return "the certificate names nothing";
    }
    const struct problem *problem =
        name_policy_check(arena, policy, "the profile", names->identifiers, names->count);
    return problem == NULL ? NULL : problem->detail;
}

static const char *names_fault(struct arena *arena, const X509 *leaf,
                               const struct certificate_expectation *expected)
{
    struct subject_names names;
    if (!read_names(arena, leaf, &names)) {
        return "the certificate's subjectAltName cannot be read";
    }
    if (expected->policy != NULL) {
        return policy_fault(arena, &names, expected->policy);
    }
    return subject_names_fault(arena, &names, expected->identifiers, expected->identifier_count,
                               "certificate");
}

/* A beginning in the future is only right where the order named it. */
static int64_t latest_not_before(const struct certificate_expectation *expected)
{
    int64_t ordered =
        expected->earliest_not_before == 0 ? 0 : expected->earliest_not_before + CERTIFICATE_SLACK_S;
    return (ordered > expected->now ? ordered : expected->now) + CERTIFICATE_SLACK_S;
}

static const char *validity_fault(struct arena *arena, const X509 *leaf,
                                  const struct certificate_expectation *expected, int64_t *not_before)
{
    int64_t not_after;
    if (!read_time(X509_get0_notBefore(leaf), not_before) ||
        !read_time(X509_get0_notAfter(leaf), &not_after)) {
        return "the certificate's validity cannot be read";
    }
    if (not_after > expected->latest_not_after) {
        return arena_printf(arena, "the certificate ends at %s, later than %s, the latest that was asked for",
                            time_words(arena, not_after), time_words(arena, expected->latest_not_after));
    }
    if (not_after <= expected->now) {
        return arena_printf(arena, "the certificate has already ended, at %s", time_words(arena, not_after));
    }
    if (expected->earliest_not_before != 0 && *not_before < expected->earliest_not_before) {
        return arena_printf(arena, "the certificate begins at %s, before the order's notBefore",
                            time_words(arena, *not_before));
    }
    if (*not_before > latest_not_before(expected)) {
        return arena_printf(arena,
                            "the certificate only begins at %s: compare the clocks of the CA and this server",
                            time_words(arena, *not_before));
    }
    return NULL;
}

/* The earliest end above the leaf; 0 when one cannot be read. */
static int64_t end_of_path(const STACK_OF(X509) * path)
{
    int64_t end = INT64_MAX;
    for (int i = 1; i < sk_X509_num(path); i++) {
        int64_t not_after;
        if (!read_time(X509_get0_notAfter(sk_X509_value(path, i)), &not_after)) {
            return 0;
        }
        end = not_after < end ? not_after : end;
    }
    return end;
}

/*
 * NULL when a path leads from `leaf` over `others` (may be NULL) to one of the roots, all valid at `time`; a
 * `time` of 0 leaves validity aside. Only a self-signed certificate of the store ends the path. `end` is the
 * path's without the leaf.
 */
static const char *path_fault(X509 *leaf, STACK_OF(X509) * others, X509_STORE *roots, int64_t time,
                              int64_t *end)
{
    autofree_x509_store_ctx X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL || X509_STORE_CTX_init(context, roots, leaf, others) != 1) {
        return "OpenSSL cannot verify";
    }
    if (time == 0) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
    } else {
        X509_STORE_CTX_set_time(context, 0, time);
    }
    if (X509_verify_cert(context) == 1) {
        *end = end_of_path(X509_STORE_CTX_get0_chain(context));
        return NULL;
    }
    return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
}

/*
 * Nobody could verify it to its end. Where the path found ends earlier another may not: while roots or
 * intermediates are replaced there are several.
 */
static const char *outliving_fault(struct arena *arena, X509 *leaf, STACK_OF(X509) * others,
                                   X509_STORE *roots, int64_t path_end)
{
    int64_t not_after = INT64_MAX;
    int64_t ignored;
    if (read_time(X509_get0_notAfter(leaf), &not_after) &&
        (not_after <= path_end || path_fault(leaf, others, roots, not_after - 1, &ignored) == NULL)) {
        return NULL;
    }
    return arena_printf(arena, "the certificate ends at %s, later than its chain, which ends at %s",
                        time_words(arena, not_after), time_words(arena, path_end));
}

static const char *leaf_fault(struct arena *arena, X509 *leaf, STACK_OF(X509) * others,
                              const struct certificate_expectation *expected)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    EVP_PKEY *wanted = expected->csr != NULL ? X509_REQ_get0_pubkey(expected->csr) : expected->key;
    if (key == NULL || EVP_PKEY_eq(key, wanted) != 1) {
        return expected->csr != NULL ? "the certificate's public key is not that of the CSR"
                                     : "the certificate's public key is not the one that was asked for";
    }
    if ((X509_get_extension_flags(leaf) & EXFLAG_CA) != 0) {
        return "the certificate is a CA's";
    }
    const char *fault = names_fault(arena, leaf, expected);
    if (fault != NULL) {
        return fault;
    }
    int64_t not_before;
    fault = validity_fault(arena, leaf, expected, &not_before);
    if (fault != NULL) {
        return fault;
    }
    int64_t path_end;
    fault = path_fault(leaf, others, expected->roots, not_before > expected->now ? not_before : expected->now,
                       &path_end);
    if (fault != NULL) {
        return arena_printf(arena, "the certificate does not chain to a pinned root: %s", fault);
    }
    return outliving_fault(arena, leaf, others, expected->roots, path_end);
}

static char *to_hex(char *out, const uint8_t *octets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = hex_digits[octets[i] >> 4];
        out[2 * i + 1] = hex_digits[octets[i] & 15];
    }
    out[2 * count] = '\0';
    return out;
}

bool serial_from_octets(struct bytes octets, char out[static SERIAL_HEX_BYTES])
{
    while (octets.n > 1 && octets.p[0] == 0) {
        octets = bytes_of(octets.p + 1, octets.n - 1);
    }
    if (octets.n == 0 || octets.n > SERIAL_MAX_OCTETS) {
        return false;
    }
    to_hex(out, octets.p, octets.n);
    if (out[0] == '0' && out[1] != '\0') {
        memmove(out, out + 1, strlen(out));
    }
    return true;
}

static bool read_serial(const X509 *certificate, char out[static SERIAL_HEX_BYTES])
{
    const ASN1_INTEGER *number = X509_get0_serialNumber(certificate);
    bool positive = ASN1_STRING_type(number) == V_ASN1_INTEGER;
    return positive && serial_from_octets(
                           bytes_of(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number)), out);
}

static bool hash_key(const X509 *certificate, uint8_t out[static SHA256_DIGEST_LENGTH])
{
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (length < 0) {
        return false;
    }
    SHA256(der, (size_t)length, out);
    OPENSSL_free(der);
    return true;
}

static bool read_facts(struct arena *arena, const X509 *certificate, struct certificate_facts *out)
{
    struct subject_names names;
    if (!read_serial(certificate, out->serial) || !hash_key(certificate, out->key_hash) ||
        !read_time(X509_get0_notBefore(certificate), &out->not_before) ||
        !read_time(X509_get0_notAfter(certificate), &out->not_after) ||
        !read_names(arena, certificate, &names)) {
        return false;
    }
    if (names.count == 0) {
        subject_names_merge_common_name(arena, &names);
    }
    out->identifiers = names.identifiers;
    out->identifier_count = names.count;
    return true;
}

/* ---- parsed intermediates ---- */

enum { CACHED_INTERMEDIATES = 8 };

struct certificate_cache {
    struct {
        struct arena *arena; /* of the DER */
        struct bytes der;
        X509 *certificate;
    } entry[CACHED_INTERMEDIATES];
    size_t next; /* the one that is replaced next */
};

struct certificate_cache *certificate_cache_new(void)
{
    struct certificate_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        abort();
    }
    return cache;
}

void certificate_cache_free(struct certificate_cache *cache)
{
    for (size_t i = 0; cache != NULL && i < CACHED_INTERMEDIATES; i++) {
        X509_free(cache->entry[i].certificate);
        arena_free(cache->entry[i].arena);
    }
    free(cache);
}

/* A reference of the caller's own. */
static X509 *read_intermediate(struct certificate_cache *cache, struct bytes der)
{
    for (size_t i = 0; cache != NULL && i < CACHED_INTERMEDIATES; i++) {
        X509 *known = cache->entry[i].certificate;
        if (known != NULL && bytes_equal(cache->entry[i].der, der)) {
            return X509_up_ref(known) == 1 ? known : NULL;
        }
    }
    X509 *certificate = x509_read(der);
    if (cache == NULL || certificate == NULL || X509_up_ref(certificate) != 1) {
        return certificate;
    }
    size_t at = cache->next++ % CACHED_INTERMEDIATES;
    X509_free(cache->entry[at].certificate);
    arena_free(cache->entry[at].arena);
    cache->entry[at].arena = arena_new();
    cache->entry[at].der = arena_copy(cache->entry[at].arena, der);
    cache->entry[at].certificate = certificate;
    return certificate;
}

static const char *chain_fault(struct arena *arena, const struct bytes *chain, size_t count,
                               const struct certificate_expectation *expected,
                               struct certificate_facts *facts)
{
    if (count == 0) {
        return "the CA sent no certificate";
    }
    autofree_x509 X509 *leaf = x509_read(chain[0]);
    autofree_certificates STACK_OF(X509) *others = sk_X509_new_null();
    if (leaf == NULL || !read_facts(arena, leaf, facts)) {
        facts->serial[0] = '\0';
        return "the certificate cannot be read";
    }
    for (size_t i = 1; i < count; i++) {
        X509 *other = read_intermediate(expected->intermediates, chain[i]);
        if (other == NULL || sk_X509_push(others, other) == 0) {
            X509_free(other);
            return arena_printf(arena, "certificate %zu of the chain cannot be read", i + 1);
        }
    }
    return leaf_fault(arena, leaf, others, expected);
}

bool certificate_check(struct arena *arena, const struct bytes *chain, size_t count,
                       const struct certificate_expectation *expectation, struct certificate_facts *facts,
                       const char **why)
{
    *facts = (struct certificate_facts){0};
    *why = chain_fault(arena, chain, count, expectation, facts);
    ERR_clear_error(); /* what OpenSSL noted on the way must not be found by this thread's TLS connections */
    return *why == NULL;
}

/* NULL when a certificate is broken; an empty stack when there is none. */
static STACK_OF(X509) * read_pem(struct bytes pem)
{
    autofree_certificates STACK_OF(X509) *certificates = sk_X509_new_null();
    autofree_bio BIO *bio =
        pem.n > INT_MAX ? NULL : BIO_new_mem_buf(pem.n == 0 ? "" : (const void *)pem.p, (int)pem.n);
    if (certificates == NULL || bio == NULL) {
        return NULL;
    }
    ERR_clear_error();
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;) {
        if (sk_X509_push(certificates, next) == 0) {
            X509_free(next);
            return NULL;
        }
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!at_end) {
        return NULL;
    }
    STACK_OF(X509) *read = certificates;
    certificates = NULL;
    return read;
}

bool certificate_chains_to(struct bytes leaf_der, struct bytes chain_pem, X509_STORE *roots)
{
    autofree_x509 X509 *leaf = x509_read(leaf_der);
    autofree_certificates STACK_OF(X509) *others = read_pem(chain_pem);
    int64_t end;
    bool chains = leaf != NULL && others != NULL && path_fault(leaf, others, roots, 0, &end) == NULL;
    ERR_clear_error();
    return chains;
}

static bool has_signed(X509 *issuer, X509 *issued)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return X509_check_issued(issuer, issued) == X509_V_OK && key != NULL && X509_verify(issued, key) == 1;
}

bool certificate_is_signed_along(struct bytes leaf_der, struct bytes chain_pem)
{
    autofree_x509 X509 *leaf = x509_read(leaf_der);
    autofree_certificates STACK_OF(X509) *chain = read_pem(chain_pem);
    int count = chain == NULL ? 0 : sk_X509_num(chain);
    bool good = leaf != NULL && count > 0;
    for (int i = 0; good && i < count; i++)
        good = has_signed(sk_X509_value(chain, i), i == 0 ? leaf : sk_X509_value(chain, i - 1));
    ERR_clear_error();
    return good;
}

bool certificates_from_pem(struct arena *arena, struct bytes pem, struct bytes **out, size_t *count)
{
    autofree_certificates STACK_OF(X509) *certificates = read_pem(pem);
    int read = certificates == NULL ? 0 : sk_X509_num(certificates);
    if (read <= 0) {
        return false;
    }
    struct bytes *all = arena_alloc_array(arena, (size_t)read, sizeof *all);
    for (int i = 0; i < read; i++) {
        unsigned char *der = NULL;
        int length = i2d_X509(sk_X509_value(certificates, i), &der);
        if (length < 0) {
            ERR_clear_error();
            return false;
        }
        all[i] = arena_copy(arena, bytes_of(der, (size_t)length));
        OPENSSL_free(der);
    }
    *out = all;
    *count = (size_t)read;
    return true;
}

char *certificate_to_pem(struct arena *arena, struct bytes der)
{
    enum { LINE_OCTETS = 48, LINE_CHARACTERS = 64 };
    struct buffer text;
    buffer_init(&text, arena, 2 * der.n + 128);
    buffer_append_string(&text, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.n; at += LINE_OCTETS) {
        unsigned char line[LINE_CHARACTERS + 1];
        size_t n = der.n - at < LINE_OCTETS ? der.n - at : LINE_OCTETS;
        EVP_EncodeBlock(line, der.p + at, (int)n);
        buffer_printf(&text, "%s\n", (const char *)line);
    }
    buffer_append_string(&text, "-----END CERTIFICATE-----\n");
    return arena_string(arena, buffer_bytes(&text));
}

char *certificate_fingerprint(struct arena *arena, struct bytes der)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(der.p, der.n, digest);
    return to_hex(arena_alloc(arena, 2 * sizeof digest + 1), digest, sizeof digest);
}

char *serial_to_decimal(struct arena *arena, const char *serial_hex)
{
    size_t length = strlen(serial_hex);
    if (length == 0 || length >= SERIAL_HEX_BYTES || strspn(serial_hex, hex_digits) != length) {
        return NULL;
    }
    BIGNUM *read = NULL;
    int digits = BN_hex2bn(&read, serial_hex);
    autofree_bignum BIGNUM *number = read;
    char *decimal = digits == 0 ? NULL : BN_bn2dec(number);
    char *text = decimal == NULL ? NULL : arena_duplicate(arena, decimal);
    OPENSSL_free(decimal);
    return text;
}

bool certificate_read_facts(struct arena *arena, struct bytes der, struct certificate_facts *out)
{
    autofree_x509 X509 *certificate = x509_read(der);
    bool read = certificate != NULL && read_facts(arena, certificate, out);
    ERR_clear_error();
    return read;
}
