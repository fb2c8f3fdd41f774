/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <openssl/err.h>

#include "acme/base/base64.h"
#include "acme/pki/certificate.h"
#include "acme/pki/ocsp.h"

enum { SERIAL_MAX_DIGITS = 40 };

static void release_request(void *request)
{
    OCSP_REQUEST_free(request);
}

static void release_id(void *id)
{
    OCSP_CERTID_free(id);
}

static void free_octets(ASN1_OCTET_STRING *octets)
{
    ASN1_OCTET_STRING_free(octets);
}

ACMEGATE_DEFINE_AUTOFREE(octets, ASN1_OCTET_STRING, free_octets);

static void read_serial(const ASN1_INTEGER *number, char out[static SERIAL_HEX_BYTES])
{
    struct bytes octets = bytes_of(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number));
    if (ASN1_STRING_type(number) != V_ASN1_INTEGER || !serial_from_octets(octets, out))
        out[0] = '\0';
}

/* A hash has no parameters, or NULL. With any others, one question could be written in endless ways, each of
 * which would cost a signature. */
static bool has_plain_hash(OCSP_CERTID *id)
{
    unsigned char *der = NULL;
    int type = V_ASN1_EOC, tag, class;
    long content;
    int n = i2d_OCSP_CERTID(id, &der);
    const unsigned char *at = der;
    X509_ALGOR *hash = n > 0 && (ASN1_get_object(&at, &content, &tag, &class, n) & 0x80) == 0
                           ? d2i_X509_ALGOR(NULL, &at, content)
                           : NULL;
    if (hash != NULL)
        X509_ALGOR_get0(NULL, &type, NULL, hash);
    bool plain = hash != NULL && (type == V_ASN1_UNDEF || type == V_ASN1_NULL);
    X509_ALGOR_free(hash);
    OPENSSL_free(der);
    return plain;
}

static bool read_question(OCSP_ONEREQ *one, struct ocsp_question *out)
{
    ASN1_INTEGER *number = NULL;
    OCSP_CERTID *id = OCSP_onereq_get0_id(one);
    if (OCSP_ONEREQ_get_ext_by_critical(one, 1, -1) != -1 || !has_plain_hash(id) ||
        OCSP_id_get0_info(NULL, NULL, NULL, &number, id) != 1)
        return false;
    out->id = id;
    read_serial(number, out->serial);
    return true;
}

/* The extension's value is the DER of an OCTET STRING (RFC 8954 §2.1). */
static bool read_nonce(struct arena *arena, OCSP_REQUEST *request, struct bytes *out)
{
    *out = (struct bytes){0};
    int at = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
    if (at < 0)
        return true;
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, at));
    const unsigned char *begin = ASN1_STRING_get0_data(value);
    const unsigned char *end = begin;
    [[gnu::cleanup(autofree_octets_release)]] ASN1_OCTET_STRING *nonce =
        d2i_ASN1_OCTET_STRING(NULL, &end, ASN1_STRING_length(value));
    if (nonce == NULL || end != begin + ASN1_STRING_length(value) || ASN1_STRING_length(nonce) < 1 ||
        ASN1_STRING_length(nonce) > OCSP_NONCE_MAX_OCTETS)
        return false;
    *out = arena_copy(arena, bytes_of(ASN1_STRING_get0_data(nonce), (size_t)ASN1_STRING_length(nonce)));
    return true;
}

/* A critical nonce is supported; no other critical extension is. */
static bool has_unknown_critical(OCSP_REQUEST *request)
{
    for (int at = -1; (at = OCSP_REQUEST_get_ext_by_critical(request, 1, at)) >= 0;) {
        X509_EXTENSION *extension = OCSP_REQUEST_get_ext(request, at);
        if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_id_pkix_OCSP_Nonce)
            return true;
    }
    return false;
}

static OCSP_REQUEST *parse(struct arena *arena, struct bytes der)
{
    const unsigned char *end = der.p;
    OCSP_REQUEST *request = der.n == 0 || der.n > LONG_MAX ? NULL : d2i_OCSP_REQUEST(NULL, &end, (long)der.n);
    if (request == NULL)
        return NULL;
    arena_on_free(arena, release_request, request);
    return end == der.p + der.n ? request : NULL;
}

int ocsp_request_read(struct arena *arena, struct bytes der, struct ocsp_request *out)
{
    *out = (struct ocsp_request){0};
    OCSP_REQUEST *request = parse(arena, der);
    int count = request == NULL ? 0 : OCSP_request_onereq_count(request);
    bool good = count > 0 && count <= OCSP_MAX_QUESTIONS && !has_unknown_critical(request) &&
                read_nonce(arena, request, &out->nonce);
    for (int i = 0; good && i < count; i++)
        good = read_question(OCSP_request_onereq_get0(request, i), &out->questions[out->count++]);
    ERR_clear_error();
    return good ? OCSP_RESPONSE_STATUS_SUCCESSFUL : OCSP_RESPONSE_STATUS_MALFORMEDREQUEST;
}

bool ocsp_request_for_serial(struct arena *arena, const struct ocsp_responder *responder, const char *serial,
                             struct ocsp_request *out)
{
    BIGNUM *read = NULL;
    bool good = BN_hex2bn(&read, serial) > 0;
    autofree_bignum BIGNUM *number = read;
    ASN1_INTEGER *integer = good ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    OCSP_CERTID *id = integer == NULL
                          ? NULL
                          : OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(responder->issuer_certificate),
                                             X509_get0_pubkey_bitstr(responder->issuer_certificate), integer);
    ASN1_INTEGER_free(integer);
    ERR_clear_error();
    if (id == NULL)
        return false;
    arena_on_free(arena, release_id, id);
    *out = (struct ocsp_request){.questions = {{.id = id}}, .count = 1};
    memcpy(out->questions[0].serial, serial, strlen(serial) + 1);
    return true;
}

bool ocsp_question_key(const struct ocsp_question *question, uint8_t out[static OCSP_ID_MAX_BYTES], size_t *n)
{
    unsigned char *at = out;
    int length = i2d_OCSP_CERTID(question->id, NULL);
    if (length <= 0 || length > OCSP_ID_MAX_BYTES)
        return false;
    *n = (size_t)i2d_OCSP_CERTID(question->id, &at);
    return true;
}

/* ---- paths ---- */

static int digit_value(uint8_t c)
{
    return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

static struct bytes undo_escapes(struct arena *arena, struct bytes path)
{
    uint8_t *plain = arena_alloc(arena, path.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        plain[n] = path.p[i];
        if (path.p[i] == '%' && i + 2 < path.n && isxdigit(path.p[i + 1]) && isxdigit(path.p[i + 2])) {
            plain[n] = (uint8_t)(16 * digit_value(path.p[i + 1]) + digit_value(path.p[i + 2]));
            i += 2;
        }
        n++;
    }
    return bytes_of(plain, n);
}

static bool read_hexadecimal(struct bytes text, char serial[static SERIAL_HEX_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ':')
            continue;
        if (!isxdigit(text.p[i]))
            return false;
        if (n == 0 && text.p[i] == '0')
            continue;
        if (n == SERIAL_MAX_DIGITS)
            return false;
        serial[n++] = (char)tolower(text.p[i]);
    }
    if (n == 0 && text.n != 0 && memchr(text.p, '0', text.n) != NULL)
        serial[n++] = '0';
    serial[n] = '\0';
    return n != 0;
}

enum ocsp_path ocsp_path_read(struct arena *arena, struct bytes path, char serial[static SERIAL_HEX_BYTES],
                              struct bytes *request)
{
    struct bytes plain = undo_escapes(arena, path);
    *request = (struct bytes){0};
    if (read_hexadecimal(plain, serial))
        return OCSP_PATH_SERIAL;
    serial[0] = '\0';
    if (!base64_decode(arena, plain, BASE64_MAYBE_PADDED, request))
        *request = (struct bytes){0};
    return OCSP_PATH_REQUEST;
}
