/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "acme/base/buffer.h"
#include "acme/base/unconst.h"
#include "acme/pki/certificate_internal.h"
#include "acme/pki/x509_read.h"

enum { SERIAL_MAX_OCTETS = 20, VERSION_TAG = 0xA0 };

static const char hex_digits[] = "0123456789abcdef";

bool certificate_names_read(struct arena *arena, const X509 *certificate, struct subject_names *out)
{
    int critical = -1; /* OpenSSL's word for "absent" */
    autofree_general_names GENERAL_NAMES *alternatives =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    subject_names_read(arena, X509_get_subject_name(certificate), alternatives, out);
    return alternatives != NULL || critical == -1;
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

static bool has_name(const struct subject_names *names, const struct identifier *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (identifier_compare(&names->identifiers[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *beyond_names(struct arena *arena, const X509 *certificate,
                                const struct subject_names *names)
{
    if (names->foreign != NULL) {
        return names->foreign;
    }
    if (names->count == 0) {
        return "no subjectAltName";
    }
    if (names->has_common_name && !has_name(names, &names->common_name)) {
        return arena_printf(arena, "the common name %s beside its subjectAltName", names->common_name.value);
    }
    /* OpenSSL caches the extensions in the certificate. */
    bool signs_ocsp = (X509_get_extension_flags(UNCONST(X509 *, certificate)) & EXFLAG_XKUSAGE) != 0 &&
                      (X509_get_extended_key_usage(UNCONST(X509 *, certificate)) & XKU_OCSP_SIGN) != 0;
    return signs_ocsp ? "the right to sign OCSP responses" : NULL;
}

bool certificate_facts_read(struct arena *arena, const X509 *certificate, struct certificate_facts *out)
{
    struct subject_names names;
    if (!read_serial(certificate, out->serial) || !hash_key(certificate, out->key_hash) ||
        !x509_read_time(X509_get0_notBefore(certificate), &out->not_before) ||
        !x509_read_time(X509_get0_notAfter(certificate), &out->not_after) ||
        !certificate_names_read(arena, certificate, &names)) {
        return false;
    }
    out->beyond_names = beyond_names(arena, certificate, &names);
    if (names.count == 0) {
        subject_names_merge_common_name(arena, &names);
    }
    out->identifiers = names.identifiers;
    out->identifier_count = names.count;
    return true;
}

STACK_OF(X509) * certificate_stack_read(struct bytes pem)
{
    autofree_certificates STACK_OF(X509) *certificates = sk_X509_new_null();
    autofree_bio BIO *bio =
        pem.n > INT_MAX ? NULL : BIO_new_mem_buf(pem.n == 0 ? "" : (const void *)pem.p, (int)pem.n);
    if (certificates == NULL || bio == NULL) {
        return NULL;
    }
    ERR_clear_error();
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, openssl_no_password, NULL)) != NULL;) {
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

bool certificates_from_pem(struct arena *arena, struct bytes pem, struct bytes **out, size_t *count)
{
    autofree_certificates STACK_OF(X509) *certificates = certificate_stack_read(pem);
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

static void append_pem(struct buffer *text, struct bytes der)
{
    enum { LINE_OCTETS = 48, LINE_CHARACTERS = 64 };
    buffer_append_string(text, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.n; at += LINE_OCTETS) {
        unsigned char line[LINE_CHARACTERS + 1];
        size_t n = der.n - at < LINE_OCTETS ? der.n - at : LINE_OCTETS;
        EVP_EncodeBlock(line, der.p + at, (int)n);
        buffer_printf(text, "%s\n", (const char *)line);
    }
    buffer_append_string(text, "-----END CERTIFICATE-----\n");
}

struct bytes certificates_to_pem(struct arena *arena, const struct bytes *certificates, size_t count)
{
    enum { PEM_FRAME_BYTES = 128 }; /* the first and last line, with room to spare */
    struct buffer text;
    size_t most = 1;
    for (size_t i = 0; i < count; i++) {
        most += 2 * certificates[i].n + PEM_FRAME_BYTES;
    }
    buffer_init(&text, arena, most);
    for (size_t i = 0; i < count; i++) {
        append_pem(&text, certificates[i]);
    }
    return bytes_from_string(buffer_string(&text));
}

char *certificate_to_pem(struct arena *arena, struct bytes der)
{
    return arena_string(arena, certificates_to_pem(arena, &der, 1));
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

/* A CA that names its key in one certificate and not in another is the same CA. */
static bool has_same_authority_key(const X509 *a, const X509 *b)
{
    const ASN1_OCTET_STRING *key_of_a = X509_get0_authority_key_id(UNCONST(X509 *, a));
    const ASN1_OCTET_STRING *key_of_b = X509_get0_authority_key_id(UNCONST(X509 *, b));
    return key_of_a == NULL || key_of_b == NULL || ASN1_OCTET_STRING_cmp(key_of_a, key_of_b) == 0;
}

bool certificate_is_same(struct bytes a_der, struct bytes b_der)
{
    if (bytes_equal(a_der, b_der)) {
        return true;
    }
    autofree_x509 X509 *a = x509_read(a_der);
    autofree_x509 X509 *b = x509_read(b_der);
    bool same = a != NULL && b != NULL &&
                ASN1_INTEGER_cmp(X509_get0_serialNumber(a), X509_get0_serialNumber(b)) == 0 &&
                X509_NAME_cmp(X509_get_issuer_name(a), X509_get_issuer_name(b)) == 0 &&
                has_same_authority_key(a, b);
    ERR_clear_error();
    return same;
}

/* Steps into the next element, which must have this tag. `at` is then at its content, and `end` behind it. */
static bool enter(const uint8_t **at, const uint8_t **end, int wanted_tag)
{
    long length;
    int tag, class;
    int form = ASN1_get_object(at, &length, &tag, &class, *end - *at);
    *end = *at + ((form & 0x80) != 0 ? 0 : length);
    return (form & 0x81) == 0 && tag == wanted_tag;
}

static bool skip(const uint8_t **at, const uint8_t *end)
{
    long length;
    int tag, class;
    int form = ASN1_get_object(at, &length, &tag, &class, end - *at);
    if ((form & 0x81) != 0) /* an error, or an indefinite length */
        return false;
    *at += length;
    return true;
}

static bool read_time(const uint8_t **at, const uint8_t *end, int64_t *out)
{
    ASN1_TIME *when = d2i_ASN1_TIME(NULL, at, end - *at);
    bool read = x509_read_time(when, out);
    ASN1_TIME_free(when);
    return read;
}

/* RFC 5280 §4.1: Certificate { TBSCertificate { [0] version, serialNumber, signature, issuer, validity … */
bool certificate_read_validity(struct bytes der, int64_t *not_before, int64_t *not_after)
{
    const uint8_t *at = der.p, *end = der.p + der.n;
    bool read = der.n != 0 && enter(&at, &end, V_ASN1_SEQUENCE) && enter(&at, &end, V_ASN1_SEQUENCE) &&
                (at == end || *at != VERSION_TAG || skip(&at, end)) && skip(&at, end) && skip(&at, end) &&
                skip(&at, end) && enter(&at, &end, V_ASN1_SEQUENCE) && read_time(&at, end, not_before) &&
                read_time(&at, end, not_after);
    ERR_clear_error();
    return read;
}

bool certificate_read_facts(struct arena *arena, struct bytes der, struct certificate_facts *out)
{
    autofree_x509 X509 *certificate = x509_read(der);
    bool read = certificate != NULL && certificate_facts_read(arena, certificate, out);
    ERR_clear_error();
    return read;
}
