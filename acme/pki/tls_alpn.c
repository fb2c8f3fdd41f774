/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/tls_alpn.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "acme/base/buffer.h"
#include "acme/pki/x509_read.h"

/* id-pe-acmeIdentifier (RFC 8737 §6.1) */
#define ACME_IDENTIFIER_OID "1.3.6.1.5.5.7.1.31"

enum { REVERSE_NAME_MAX_BYTES = 128 };

char *tls_alpn_server_name(struct arena *arena, const struct identifier *identifier)
{
    uint8_t octets[16];
    if (identifier->type != IDENTIFIER_IP)
        return arena_duplicate(arena, identifier->value);
    if (inet_pton(AF_INET, identifier->value, octets) == 1)
        return arena_printf(arena, "%u.%u.%u.%u.in-addr.arpa", octets[3], octets[2], octets[1], octets[0]);
    struct buffer name;
    buffer_init(&name, arena, REVERSE_NAME_MAX_BYTES);
    if (inet_pton(AF_INET6, identifier->value, octets) != 1)
        return arena_duplicate(arena, identifier->value);
    for (size_t i = sizeof octets; i-- > 0;)
        buffer_printf(&name, "%x.%x.", octets[i] & 15u, octets[i] >> 4u);
    buffer_append_string(&name, "ip6.arpa");
    return arena_string(arena, buffer_bytes(&name));
}

static bool is_self_signed(X509 *certificate)
{
    return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0 &&
           X509_verify(certificate, X509_get0_pubkey(certificate)) == 1;
}

static bool is_identifier(const GENERAL_NAME *name, const struct identifier *identifier)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    enum identifier_type kind = type == GEN_DNS ? IDENTIFIER_DNS : IDENTIFIER_IP;
    struct identifier found;
    return (type == GEN_DNS || type == GEN_IPADD) &&
           identifier_from_name(
               kind, bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)), &found) &&
           identifier_compare(&found, identifier) == 0;
}

static const char *names_fault(struct arena *arena, const X509 *certificate,
                               const struct identifier *identifier)
{
    autofree_general_names GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (names == NULL)
        return "it has no subjectAltName that can be read";
    if (sk_GENERAL_NAME_num(names) != 1)
        return arena_printf(arena, "its subjectAltName has %d entries, expected one",
                            sk_GENERAL_NAME_num(names));
    return is_identifier(sk_GENERAL_NAME_value(names, 0), identifier)
               ? NULL
               : arena_printf(arena, "its subjectAltName is not %s", identifier->value);
}

static const char *extension_fault(const X509 *certificate, const char *key_authorization)
{
    static const uint8_t octet_string[] = {V_ASN1_OCTET_STRING, SHA256_DIGEST_LENGTH};
    uint8_t expected[sizeof octet_string + SHA256_DIGEST_LENGTH];
    ASN1_OBJECT *type = OBJ_txt2obj(ACME_IDENTIFIER_OID, 1);
    int place = X509_get_ext_by_OBJ(certificate, type, -1);
    bool twice = place >= 0 && X509_get_ext_by_OBJ(certificate, type, place) >= 0;
    ASN1_OBJECT_free(type);
    if (place < 0)
        return "it has no acmeIdentifier extension (" ACME_IDENTIFIER_OID ")";
    X509_EXTENSION *extension = X509_get_ext(certificate, place);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    if (twice || X509_EXTENSION_get_critical(extension) != 1)
        return "its acmeIdentifier extension is not critical, or appears twice";
    memcpy(expected, octet_string, sizeof octet_string);
    SHA256((const uint8_t *)key_authorization, strlen(key_authorization), expected + sizeof octet_string);
    bool equal = ASN1_STRING_length(value) == (int)sizeof expected &&
                 memcmp(ASN1_STRING_get0_data(value), expected, sizeof expected) == 0;
    return equal ? NULL : "its acmeIdentifier extension is not the SHA-256 of the expected key authorization";
}

const char *tls_alpn_fault(struct arena *arena, struct bytes der, const struct identifier *identifier,
                           const char *key_authorization)
{
    autofree_x509 X509 *certificate = x509_read(der);
    const char *fault = certificate == NULL ? "it cannot be read" : NULL;
    if (fault == NULL && !is_self_signed(certificate))
        fault = "it is not self-signed";
    if (fault == NULL)
        fault = names_fault(arena, certificate, identifier);
    if (fault == NULL)
        fault = extension_fault(certificate, key_authorization);
    ERR_clear_error(); /* this thread's TLS connections must not find OpenSSL's errors from here */
    return fault;
}
