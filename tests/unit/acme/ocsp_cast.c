/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_cast.h"

X509 *ocsp_authority(struct arena *arena, EVP_PKEY *key, X509 *signer, EVP_PKEY *signer_key, const char *name)
{
    struct pki_certificate wanted = {.key = key,
                                     .signer = signer,
                                     .signer_key = signer_key,
                                     .common_name = name,
                                     .is_ca = true,
                                     .not_before = NOW - DAY_S,
                                     .not_after = NOW + 7 * DAY_S};
    return pki_certificate(arena, &wanted);
}

struct ocsp_cast ocsp_assemble(void)
{
    struct ocsp_cast cast = {.arena = arena_new()};
    cast.root_key = pki_key(cast.arena, "P-256");
    cast.ca_key = pki_key(cast.arena, "P-256");
    cast.key = pki_key(cast.arena, "P-256");
    cast.root = ocsp_authority(cast.arena, cast.root_key, NULL, NULL, "root");
    cast.ca = ocsp_authority(cast.arena, cast.ca_key, cast.root, cast.root_key, "intermediate");
    cast.certificate = (struct pki_certificate){.key = cast.key,
                                                .signer = cast.ca,
                                                .signer_key = cast.ca_key,
                                                .common_name = "responder",
                                                .extended_key_usage = "OCSPSigning",
                                                .key_usage = "critical,digitalSignature",
                                                .ocsp_nocheck = true,
                                                .not_before = NOW - HOUR_S,
                                                .not_after = NOW + DAY_S};
    cast.expected = (struct ocsp_expectation){.candidates_pem = pki_pem(cast.arena, cast.ca),
                                              .roots = pki_roots(cast.arena, cast.root),
                                              .issuer = pki_der(cast.arena, cast.ca),
                                              .now = NOW};
    return cast;
}

bool ocsp_open_with(const struct ocsp_cast *cast, EVP_PKEY *key, struct ocsp_responder *out,
                    struct fault *fault)
{
    struct bytes pem = pki_pem(cast->arena, pki_certificate(cast->arena, &cast->certificate));
    return ocsp_responder_open(cast->arena, pem, key, &cast->expected, out, fault);
}

struct ocsp_responder ocsp_opened(const struct ocsp_cast *cast)
{
    struct ocsp_responder responder;
    struct fault fault = {0};
    cr_assert(ocsp_open_with(cast, cast->certificate.key, &responder, &fault), "%s", fault.message);
    return responder;
}

static void add_question(OCSP_REQUEST *request, const EVP_MD *digest, X509 *issuer, const char *serial)
{
    BIGNUM *number = NULL;
    cr_assert_gt(BN_hex2bn(&number, serial), 0);
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    OCSP_CERTID *id = OCSP_cert_id_new(digest == NULL ? EVP_sha1() : digest, X509_get_subject_name(issuer),
                                       X509_get0_pubkey_bitstr(issuer), integer);
    cr_assert_not_null(OCSP_request_add0_id(request, id));
    ASN1_INTEGER_free(integer);
    BN_free(number);
}

/* OpenSSL takes this extension's value as it is: the OCTET STRING in it is written here. */
static void add_nonce(OCSP_REQUEST *request, int octets)
{
    unsigned char value[66] = {V_ASN1_OCTET_STRING, (unsigned char)octets};
    memset(value + 2, 7, sizeof value - 2);
    ASN1_OCTET_STRING *nonce = ASN1_OCTET_STRING_new();
    cr_assert_eq(ASN1_OCTET_STRING_set(nonce, value, 2 + octets), 1);
    cr_assert_eq(OCSP_REQUEST_add1_ext_i2d(request, NID_id_pkix_OCSP_Nonce, nonce, 0, 0), 1);
    ASN1_OCTET_STRING_free(nonce);
}

struct bytes ocsp_make_request(const struct ocsp_cast *cast, struct ocsp_asked asked)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    for (size_t i = 0; i < (asked.times == 0 ? 1 : asked.times); i++)
        add_question(request, asked.digest, asked.issuer == NULL ? cast->ca : asked.issuer, asked.serial);
    if (asked.also_of != NULL)
        add_question(request, asked.digest, asked.also_of, asked.serial);
    if (asked.nonce_octets >= 0)
        add_nonce(request, asked.nonce_octets);
    if (asked.extension != 0) {
        ASN1_INTEGER *value = ASN1_INTEGER_new();
        cr_assert_eq(OCSP_REQUEST_add1_ext_i2d(request, asked.extension, value, 1, 0), 1);
        ASN1_INTEGER_free(value);
    }
    unsigned char *der = NULL;
    int n = i2d_OCSP_REQUEST(request, &der);
    struct bytes copy = arena_copy(cast->arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return copy;
}
