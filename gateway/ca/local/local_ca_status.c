/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/local/local_ca_status.h"

#include <openssl/err.h>

#include "acme/revocation.h"
#include "gateway/ca/local/local_ca_internal.h"
#include "gateway/ca/local/revoked_register.h"

/* ---- its entries, and whether a new list is due ---- */

static bool belongs_in_list(const struct revoked_serial *revoked, int64_t now)
{
    return revoked->not_after == 0 || now < revoked->not_after + LOCAL_CA_LIST_S;
}

/* Returns the reason to list. Unspecified is left out (RFC 5280 §5.3.1). So is a reason that does not revoke
 * for good, which older versions wrote into the register. */
static int listed_reason(const struct revoked_serial *revoked)
{
    bool is_told = revoked->reason != 0 && revocation_reason_revokes(revoked->reason);
    return is_told ? revoked->reason : CRL_NO_REASON;
}

/* Both are in the order of serial numbers. */
static bool list_is_complete(const struct crl *crl, const struct revoked_register *revoked, int64_t now)
{
    size_t count = 0, at = 0;
    const struct revoked_serial *all = revoked_register_all(revoked, &count);
    for (size_t i = 0; i < count; i++) {
        if (!belongs_in_list(&all[i], now))
            continue;
        if (at == crl->count || strcmp(crl->entries[at].serial, all[i].serial) != 0 ||
            crl->entries[at].reason != listed_reason(&all[i]))
            return false;
        at++;
    }
    return at == crl->count;
}

static bool is_signed_by(const struct crl *crl, X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    bool same = n > 0 && bytes_equal(crl->signer, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return same;
}

static bool list_is_good(const struct crl *crl, const struct local_ca_signer *signer, int64_t now)
{
    int64_t half_life = crl->this_update + (crl->next_update - crl->this_update) / 2;
    return now < half_life && is_signed_by(crl, signer->certificate) &&
           list_is_complete(crl, signer->revoked, now);
}

/* ---- making one ---- */

static bool set_reason(X509_REVOKED *entry, int reason)
{
    if (reason == CRL_NO_REASON)
        return true;
    ASN1_ENUMERATED *value = ASN1_ENUMERATED_new();
    bool good = value != NULL && ASN1_ENUMERATED_set(value, reason) == 1 &&
                X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, value, 0, 0) == 1;
    ASN1_ENUMERATED_free(value);
    return good;
}

static bool set_serial(X509_REVOKED *entry, const char *serial)
{
    BIGNUM *read = NULL;
    bool good = BN_hex2bn(&read, serial) > 0;
    autofree_bignum BIGNUM *number = read;
    ASN1_INTEGER *integer = good ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    good = integer != NULL && X509_REVOKED_set_serialNumber(entry, integer) == 1;
    ASN1_INTEGER_free(integer);
    return good;
}

static bool add_entry(X509_CRL *crl, const struct revoked_serial *revoked)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *at = ASN1_TIME_set(NULL, revoked->revoked_at);
    bool good = entry != NULL && at != NULL && set_serial(entry, revoked->serial) &&
                X509_REVOKED_set_revocationDate(entry, at) == 1 &&
                set_reason(entry, listed_reason(revoked)) && X509_CRL_add0_revoked(crl, entry) == 1;
    ASN1_TIME_free(at);
    if (!good)
        X509_REVOKED_free(entry);
    return good;
}

static bool add_entries(X509_CRL *crl, const struct revoked_register *revoked, int64_t now)
{
    size_t count = 0;
    const struct revoked_serial *all = revoked_register_all(revoked, &count);
    for (size_t i = 0; i < count; i++)
        if (belongs_in_list(&all[i], now) && !add_entry(crl, &all[i]))
            return false;
    return X509_CRL_sort(crl) == 1;
}

static bool set_times(X509_CRL *crl, int64_t now)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, now);
    ASN1_TIME *to = ASN1_TIME_set(NULL, now + LOCAL_CA_LIST_S);
    bool good = from != NULL && to != NULL && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
                X509_CRL_set1_nextUpdate(crl, to) == 1;
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return good;
}

/* Sets the number to the clock's, so that a lost database does not begin again. When that is not more than
 * the last number, it is one more. */
static bool set_number(X509_CRL *crl, const struct crl *current, int64_t now)
{
    BIGNUM *read = NULL;
    if (current != NULL && current->number[0] != '\0' && BN_hex2bn(&read, current->number) == 0)
        return false;
    autofree_bignum BIGNUM *last = read;
    autofree_bignum BIGNUM *number = BN_new();
    if (number == NULL || BN_set_word(number, (BN_ULONG)now) != 1)
        return false;
    if (last != NULL && BN_cmp(number, last) <= 0 &&
        (BN_copy(number, last) == NULL || BN_add_word(number, 1) != 1))
        return false;
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    bool good = integer != NULL && X509_CRL_add1_ext_i2d(crl, NID_crl_number, integer, 0, 0) == 1;
    ASN1_INTEGER_free(integer);
    return good;
}

static bool set_authority(X509_CRL *crl, X509 *issuer)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    bool good = extension != NULL && X509_CRL_add_ext(crl, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool fill(X509_CRL *crl, const struct local_ca_signer *signer, const struct crl *current, int64_t now)
{
    return X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
           X509_CRL_set_issuer_name(crl, X509_get_subject_name(signer->certificate)) == 1 &&
           set_times(crl, now) && set_authority(crl, signer->certificate) && set_number(crl, current, now) &&
           add_entries(crl, signer->revoked, now) &&
           X509_CRL_sign(crl, signer->key, local_certificate_digest(signer->key)) > 0;
}

enum local_ca_list local_ca_make_list(struct arena *arena, const struct local_ca *ca,
                                      const struct crl *current, int64_t now, struct bytes *out)
{
    const struct local_ca_signer signer = local_ca_signer(ca);
    if (current != NULL && list_is_good(current, &signer, now))
        return LOCAL_CA_LIST_GOOD;
    X509_CRL *crl = X509_CRL_new();
    unsigned char *der = NULL;
    int n = crl != NULL && fill(crl, &signer, current, now) ? i2d_X509_CRL(crl, &der) : -1;
    if (n > 0)
        *out = arena_copy(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    X509_CRL_free(crl);
    ERR_clear_error();
    return n > 0 ? LOCAL_CA_LIST_MADE : LOCAL_CA_LIST_FAILED;
}

/* ---- the responder ---- */

static const struct certificate_extension responder_extensions[] = {
    {NID_basic_constraints, "critical,CA:FALSE"}, {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "OCSPSigning"},           {NID_id_pkix_OCSP_noCheck, "yes"},
    {NID_subject_key_identifier, "hash"},         {NID_authority_key_identifier, "keyid:always"},
};

bool local_ca_make_responder(struct arena *arena, const struct local_ca *ca, EVP_PKEY *key, int64_t now,
                             struct bytes *out)
{
    const struct local_ca_signer signer = local_ca_signer(ca);
    int64_t end = now + LOCAL_CA_RESPONDER_S;
    if (end > local_ca_end(ca))
        end = local_ca_end(ca);
    autofree_x509 X509 *made = end > now ? local_certificate_new(now - LOCAL_CA_BACKDATE_S, end) : NULL;
    bool good = made != NULL && local_certificate_set_common_name(made, "acmegate OCSP responder") &&
                X509_set_issuer_name(made, X509_get_subject_name(signer.certificate)) == 1 &&
                X509_set_pubkey(made, key) == 1 &&
                local_certificate_extend(made, signer.certificate, responder_extensions,
                                         sizeof responder_extensions / sizeof responder_extensions[0]) &&
                local_certificate_sign(made, signer.key);
    if (good)
        *out = local_certificate_der(arena, made);
    ERR_clear_error();
    return good && out->p != NULL;
}
