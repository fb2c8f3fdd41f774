/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/crl.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"

static void free_crl(X509_CRL *crl)
{
    X509_CRL_free(crl);
}

static void free_distribution_point(ISSUING_DIST_POINT *point)
{
    ISSUING_DIST_POINT_free(point);
}

static void free_integer(ASN1_INTEGER *number)
{
    ASN1_INTEGER_free(number);
}

static void free_enumerated(ASN1_ENUMERATED *number)
{
    ASN1_ENUMERATED_free(number);
}

ACMEGATE_DEFINE_AUTOFREE(crl, X509_CRL, free_crl);
ACMEGATE_DEFINE_AUTOFREE(distribution_point, ISSUING_DIST_POINT, free_distribution_point);
ACMEGATE_DEFINE_AUTOFREE(asn1_integer, ASN1_INTEGER, free_integer);
ACMEGATE_DEFINE_AUTOFREE(asn1_enumerated, ASN1_ENUMERATED, free_enumerated);

static const char *time_words(struct arena *arena, int64_t time)
{
    char text[TIME_TEXT_BYTES];
    time_format(text, time);
    return arena_duplicate(arena, text);
}

static bool read_number(const ASN1_INTEGER *number, char out[static SERIAL_HEX_BYTES])
{
    return ASN1_STRING_type(number) == V_ASN1_INTEGER &&
           serial_from_octets(bytes_of(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number)),
                              out);
}

/* ---- the scope of a list ---- */

/* True for the critical extensions supported here. Any other changes the meaning of the list. */
static bool is_understood(int nid)
{
    return nid == NID_authority_key_identifier || nid == NID_crl_number ||
           nid == NID_issuing_distribution_point;
}

static const char *scope_fault(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_delta_crl)
            return "it is a delta CRL";
        if (X509_EXTENSION_get_critical(extension) && !is_understood(nid))
            return "it has an unknown critical extension";
    }
    int critical = -1; /* OpenSSL's word for "absent" */
    [[gnu::cleanup(autofree_distribution_point_release)]] ISSUING_DIST_POINT *point =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
    if (point == NULL)
        return critical == -1 ? NULL : "its issuing distribution point cannot be read";
    if (point->indirectCRL > 0)
        return "it is an indirect list";
    if (point->onlyCA > 0 || point->onlyattr > 0 || point->onlysomereasons != NULL)
        return "it is a list for some certificates or some reasons only";
    return NULL;
}

/* ---- entries ---- */

enum entry_reading { ENTRY_READ, ENTRY_OF_NO_CERTIFICATE, ENTRY_BROKEN };

static enum entry_reading read_entry(X509_REVOKED *revoked, struct crl_entry *out)
{
    for (int i = 0; i < X509_REVOKED_get_ext_count(revoked); i++) {
        X509_EXTENSION *extension = X509_REVOKED_get_ext(revoked, i);
        if (X509_EXTENSION_get_critical(extension) &&
            OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_crl_reason)
            return ENTRY_BROKEN;
    }
    [[gnu::cleanup(autofree_asn1_enumerated_release)]] ASN1_ENUMERATED *reason =
        X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, NULL, NULL);
    out->reason = reason == NULL ? CRL_NO_REASON : (int)ASN1_ENUMERATED_get(reason);
    if (!x509_read_time(X509_REVOKED_get0_revocationDate(revoked), &out->revoked_at))
        return ENTRY_BROKEN;
    return read_number(X509_REVOKED_get0_serialNumber(revoked), out->serial) ? ENTRY_READ
                                                                             : ENTRY_OF_NO_CERTIFICATE;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct crl_entry *)a)->serial, ((const struct crl_entry *)b)->serial);
}

static bool read_entries(struct arena *arena, X509_CRL *crl, struct crl *out)
{
    STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl);
    int count = all == NULL ? 0 : sk_X509_REVOKED_num(all);
    out->entries = arena_alloc_array(arena, (size_t)(count > 0 ? count : 1), sizeof *out->entries);
    for (int i = 0; i < count; i++) {
        enum entry_reading reading = read_entry(sk_X509_REVOKED_value(all, i), &out->entries[out->count]);
        if (reading == ENTRY_BROKEN)
            return false;
        out->count += reading == ENTRY_READ;
        out->left_out += reading == ENTRY_OF_NO_CERTIFICATE;
    }
    qsort(out->entries, out->count, sizeof *out->entries, compare_entries);
    return true;
}

static const char *read_content(struct arena *arena, X509_CRL *crl, struct crl *out)
{
    int critical = -1;
    [[gnu::cleanup(autofree_asn1_integer_release)]] ASN1_INTEGER *number =
        X509_CRL_get_ext_d2i(crl, NID_crl_number, &critical, NULL);
    if (number == NULL ? critical != -1 : !read_number(number, out->number))
        return "its number cannot be read";
    if (!x509_read_time(X509_CRL_get0_lastUpdate(crl), &out->this_update) ||
        !x509_read_time(X509_CRL_get0_nextUpdate(crl), &out->next_update))
        return "it has no validity period";
    const char *fault = scope_fault(crl);
    if (fault != NULL)
        return fault;
    return read_entries(arena, crl, out) ? NULL : "one of its entries cannot be read";
}

/* ---- the signer ---- */

struct search {
    X509_CRL *crl;
    struct bytes candidates_pem;
    X509_STORE *roots;
    int64_t now;
    const char *wrong; /* of the last candidate */
};

/* Returns NULL when this certificate has signed the list and may sign lists. */
static const char *signer_fault(const struct search *search, X509 *signer, struct bytes der)
{
    int64_t end;
    EVP_PKEY *key = X509_get0_pubkey(signer);
    if (key == NULL || X509_CRL_verify(search->crl, key) != 1)
        return "its signature is not by the CA that it names";
    if (X509_check_ca(signer) == 0 || (X509_get_key_usage(signer) & KU_CRL_SIGN) == 0)
        return "the certificate that signed it may not sign lists (no cRLSign)";
    if (!x509_read_time(X509_get0_notAfter(signer), &end) || end <= search->now)
        return "the certificate that signed it has expired";
    return certificate_chains_to(der, search->candidates_pem, search->roots)
               ? NULL
               : "the certificate that signed it does not chain to a pinned root";
}

static bool is_signer(struct search *search, X509 *candidate, struct bytes der)
{
    if (X509_NAME_cmp(X509_get_subject_name(candidate), X509_CRL_get_issuer(search->crl)) != 0)
        return false;
    search->wrong = signer_fault(search, candidate, der);
    return search->wrong == NULL;
}

static bool find_among_roots(struct arena *arena, struct search *search, struct bytes *out)
{
    autofree_certificates STACK_OF(X509) *roots = X509_STORE_get1_all_certs(search -> roots);
    for (int i = 0; roots != NULL && i < sk_X509_num(roots); i++) {
        unsigned char *der = NULL;
        int n = i2d_X509(sk_X509_value(roots, i), &der);
        *out = n > 0 ? arena_copy(arena, bytes_of(der, (size_t)n)) : (struct bytes){0};
        OPENSSL_free(der);
        if (out->n != 0 && is_signer(search, sk_X509_value(roots, i), *out))
            return true;
    }
    return false;
}

static bool find_signer(struct arena *arena, struct search *search, struct bytes *out)
{
    struct bytes *candidates = NULL;
    size_t count = 0;
    if (search->candidates_pem.n != 0 &&
        !certificates_from_pem(arena, search->candidates_pem, &candidates, &count))
        count = 0;
    for (size_t i = 0; i < count; i++) {
        autofree_x509 X509 *candidate = x509_read(candidates[i]);
        *out = candidates[i];
        if (candidate != NULL && is_signer(search, candidate, candidates[i]))
            return true;
    }
    return find_among_roots(arena, search, out);
}

static X509_CRL *parse(struct bytes der)
{
    const unsigned char *end = der.p;
    X509_CRL *crl = der.n > LONG_MAX ? NULL : d2i_X509_CRL(NULL, &end, (long)der.n);
    if (crl != NULL && end != der.p + der.n) {
        X509_CRL_free(crl);
        return NULL;
    }
    return crl;
}

bool crl_read(struct arena *arena, struct bytes der, struct bytes candidates_pem, X509_STORE *roots,
              int64_t now, struct crl *out, struct fault *fault)
{
    *out = (struct crl){.der = der};
    [[gnu::cleanup(autofree_crl_release)]] X509_CRL *crl = parse(der);
    struct search search = {.crl = crl,
                            .candidates_pem = candidates_pem,
                            .roots = roots,
                            .now = now,
                            .wrong = "no certificate of the CA that it names is known"};
    const char *wrong =
        crl == NULL ? "it is not a certificate revocation list" : read_content(arena, crl, out);
    if (wrong == NULL && !find_signer(arena, &search, &out->signer))
        wrong = search.wrong;
    ERR_clear_error();
    return wrong == NULL || fault_set(fault, "%s", wrong);
}

/* ---- replacing a list ---- */

bool crl_is_over(const struct crl *crl, int64_t now)
{
    return now >= crl->next_update;
}

/* In canonical hexadecimal the longer number is greater. */
static bool number_is_lower(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    return a_length != b_length ? a_length < b_length : strcmp(a, b) < 0;
}

bool crl_is_of_the_future(const struct crl *crl, int64_t now)
{
    return crl->this_update > now + CRL_SKEW_S;
}

bool crl_may_replace(struct arena *arena, const struct crl *current, const struct crl *fresh, int64_t now,
                     struct fault *fault)
{
    if (crl_is_over(fresh, now))
        return fault_set(fault, "it ended at %s", time_words(arena, fresh->next_update));
    if (crl_is_of_the_future(fresh, now))
        return fault_set(fault, "it begins only at %s", time_words(arena, fresh->this_update));
    if (current == NULL || crl_is_of_the_future(current, now))
        return true;
    if (fresh->this_update < current->this_update)
        return fault_set(fault, "it was made at %s, before the known one, made at %s",
                         time_words(arena, fresh->this_update), time_words(arena, current->this_update));
    if (!crl_is_over(current, now) && number_is_lower(fresh->number, current->number))
        return fault_set(fault, "its number 0x%s is lower than 0x%s, the number of the known one",
                         fresh->number, current->number);
    return true;
}

const struct crl_entry *crl_find(const struct crl *crl, const char *serial)
{
    struct crl_entry key;
    if (crl->count == 0 || strlen(serial) >= sizeof key.serial)
        return NULL;
    memcpy(key.serial, serial, strlen(serial) + 1);
    return bsearch(&key, crl->entries, crl->count, sizeof key, compare_entries);
}
