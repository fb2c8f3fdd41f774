/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>

#include "acme/pki/certificate.h"
#include "acme/pki/ocsp.h"
#include "acme/pki/x509_read.h"

static struct bytes to_der(struct arena *arena, X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    struct bytes copy = n > 0 ? arena_copy(arena, bytes_of(der, (size_t)n)) : (struct bytes){0};
    OPENSSL_free(der);
    return copy;
}

/* ---- its CA ---- */

static bool has_issued(X509 *issuer, X509 *issued)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return X509_check_issued(issuer, issued) == X509_V_OK && key != NULL && X509_verify(issued, key) == 1;
}

static X509 *find_in_pem(struct arena *arena, struct bytes pem, X509 *issued)
{
    struct bytes *candidates = NULL;
    size_t count = 0;
    if (pem.n == 0 || !certificates_from_pem(arena, pem, &candidates, &count))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        X509 *candidate = x509_read(candidates[i]);
        if (candidate != NULL && has_issued(candidate, issued))
            return candidate;
        X509_free(candidate);
    }
    return NULL;
}

static X509 *find_in_roots(X509_STORE *store, X509 *issued)
{
    autofree_certificates STACK_OF(X509) *roots = X509_STORE_get1_all_certs(store);
    for (int i = 0; roots != NULL && i < sk_X509_num(roots); i++) {
        X509 *root = sk_X509_value(roots, i);
        if (has_issued(root, issued) && X509_up_ref(root) == 1)
            return root;
    }
    return NULL;
}

bool ocsp_responder_is_of(const struct ocsp_responder *responder, struct bytes issuer)
{
    X509 *a = responder->issuer_certificate;
    autofree_x509 X509 *b = x509_read(issuer);
    return b != NULL && X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

static bool hash_issuer(const X509 *certificate, struct ocsp_issuer *out)
{
    const X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_digest(name, EVP_sha1(), out->name_sha1, NULL) == 1 &&
           X509_NAME_digest(name, EVP_sha256(), out->name_sha256, NULL) == 1 &&
           X509_pubkey_digest(certificate, EVP_sha1(), out->key_sha1, NULL) == 1 &&
           X509_pubkey_digest(certificate, EVP_sha256(), out->key_sha256, NULL) == 1;
}

/* ---- the requirements ---- */

static const char *own_fault(const struct ocsp_responder *responder, int64_t now)
{
    X509 *certificate = responder->certificate;
    if (X509_check_private_key(certificate, responder->key) != 1)
        return "the private key does not belong to the certificate";
    if (responder->not_after <= now || responder->not_before > now + CRL_SKEW_S)
        return "the certificate is not in force";
    if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(certificate) & XKU_OCSP_SIGN) == 0)
        return "the certificate is not for OCSPSigning (extendedKeyUsage)";
    if ((X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0)
        return "the certificate's key may not sign (keyUsage)";
    return NULL;
}

static const char *ca_fault(struct arena *arena, struct ocsp_responder *responder, struct bytes chain_pem,
                            const struct ocsp_expectation *expected)
{
    X509 *certificate = responder->certificate;
    X509 *issuer = find_in_pem(arena, chain_pem, certificate);
    if (issuer == NULL)
        issuer = find_in_pem(arena, expected->candidates_pem, certificate);
    if (issuer == NULL)
        issuer = find_in_roots(expected->roots, certificate);
    responder->issuer_certificate = issuer;
    if (issuer == NULL)
        return "the certificate of the CA that issued it is unknown; add it to the file, after the "
               "responder's";
    const char *others =
        arena_printf(arena, "%.*s\n%.*s", (int)chain_pem.n, (const char *)chain_pem.p,
                     (int)expected->candidates_pem.n, (const char *)expected->candidates_pem.p);
    if (!certificate_chains_to(to_der(arena, certificate), bytes_from_string(others), expected->roots))
        return "the certificate does not chain to a pinned root";
    if (expected->issuer.n != 0 && !ocsp_responder_is_of(responder, expected->issuer))
        return "the CA that issued it is not the one that issues the certificates";
    return hash_issuer(issuer, &responder->issuer) ? NULL : "OpenSSL could not hash its issuer";
}

static const char *open_responder(struct arena *arena, struct bytes chain_pem, EVP_PKEY *key,
                                  const struct ocsp_expectation *expected, struct ocsp_responder *out)
{
    struct bytes *chain = NULL;
    size_t count = 0;
    if (!certificates_from_pem(arena, chain_pem, &chain, &count) ||
        (out->certificate = x509_read(chain[0])) == NULL)
        return "there is no certificate, or a broken one";
    if (EVP_PKEY_up_ref(key) != 1)
        return "out of memory";
    out->key = key;
    out->is_slow = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
    out->nocheck = X509_get_ext_by_NID(out->certificate, NID_id_pkix_OCSP_noCheck, -1) >= 0;
    if (!x509_read_time(X509_get0_notBefore(out->certificate), &out->not_before) ||
        !x509_read_time(X509_get0_notAfter(out->certificate), &out->not_after))
        return "its validity cannot be read";
    const char *fault = own_fault(out, expected->now);
    return fault != NULL ? fault : ca_fault(arena, out, chain_pem, expected);
}

bool ocsp_responder_open(struct arena *arena, struct bytes chain_pem, EVP_PKEY *key,
                         const struct ocsp_expectation *expected, struct ocsp_responder *out,
                         struct fault *fault)
{
    *out = (struct ocsp_responder){0};
    const char *wrong = open_responder(arena, chain_pem, key, expected, out);
    ERR_clear_error();
    if (wrong != NULL)
        ocsp_responder_close(out);
    return wrong == NULL || fault_set(fault, "%s", wrong);
}

void ocsp_responder_close(struct ocsp_responder *responder)
{
    X509_free(responder->certificate);
    X509_free(responder->issuer_certificate);
    EVP_PKEY_free(responder->key);
    *responder = (struct ocsp_responder){0};
}
