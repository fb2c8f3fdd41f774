/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <strings.h>

#include "acme/base/time_text.h"
#include "gateway/ca/local/local_ca_internal.h"
#include "stepca/subject.h"

/* ---- the validity ---- */

struct period {
    int64_t begin, end;
};

/* False with `fault` when the request cannot be read or leaves no time. */
static bool plan_period(const struct local_ca *ca, const struct validity_request *validity, int64_t now,
                        struct period *out, struct fault *fault)
{
    int64_t from = now;
    out->begin = now - LOCAL_CA_BACKDATE_S;
    if (validity->not_before != NULL) {
        if (!time_parse(&from, bytes_from_string(validity->not_before)))
            return fault_set(fault, "notBefore \"%s\" is not an RFC 3339 time", validity->not_before);
        out->begin = from;
    }
    int64_t lifetime_s = LOCAL_CA_DEFAULT_S;
    out->end = from + lifetime_s;
    if (validity->not_after != NULL) {
        struct bytes text = bytes_from_string(validity->not_after);
        if (!time_parse(&out->end, text)) {
            if (!duration_parse(&lifetime_s, text) || lifetime_s > ca->end)
                return fault_set(fault, "notAfter \"%s\" is neither a time nor a duration",
                                 validity->not_after);
            out->end = from + lifetime_s;
        }
    }
    out->end = out->end < ca->end ? out->end : ca->end;
    if (out->end > out->begin && out->end > now)
        return true;
    return fault_set(fault, "%s",
                     ca->end <= now ? "the local CA's intermediate has expired, or its root has"
                                    : "notAfter is in the past or before notBefore");
}

/* ---- the leaf ---- */

/* True when the name came before, perhaps in another spelling. */
static bool stands_before(const struct stepca_subject *subject, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcasecmp(subject->sans[i], subject->sans[at]) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_names(X509 *leaf, const struct stepca_subject *subject)
{
    autofree_general_names GENERAL_NAMES *names = GENERAL_NAMES_new();
    for (size_t i = 0; names != NULL && i < subject->san_count; i++) {
        if (stands_before(subject, i)) {
            continue;
        }
        GENERAL_NAME *name = local_ca_general_name(subject->sans[i]);
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

/* RFC 5280 §4.2.1.3: only an RSA key enciphers other keys. */
static const char *key_usage(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
                                     : "critical,digitalSignature";
}

static const char *information_access(struct arena *arena, const struct local_ca_config *config)
{
    const char *ocsp = config->ocsp_url;
    const char *issuers = config->ca_issuers_url;
    return arena_printf(arena, "%s%s%s%s%s", ocsp == NULL ? "" : "OCSP;URI:", ocsp == NULL ? "" : ocsp,
                        ocsp == NULL || issuers == NULL ? "" : ",",
                        issuers == NULL ? "" : "caIssuers;URI:", issuers == NULL ? "" : issuers);
}

static bool add_extensions(struct arena *arena, X509 *leaf, const struct local_ca *ca, EVP_PKEY *key,
                           const char *usages)
{
    X509 *issuing = sk_X509_value(ca->path, 0);
    struct certificate_extension extensions[7] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, key_usage(key)},
        {NID_ext_key_usage, usages == NULL ? "serverAuth,clientAuth" : usages},
        {NID_subject_key_identifier, "hash"},
    };
    size_t count = 4;
    if (X509_get0_subject_key_id(issuing) != NULL) { /* a given CA may have none */
        extensions[count++] = (struct certificate_extension){NID_authority_key_identifier, "keyid:always"};
    }
    if (ca->config.crl_url != NULL) {
        extensions[count++] = (struct certificate_extension){
            NID_crl_distribution_points, arena_printf(arena, "URI:%s", ca->config.crl_url)};
    }
    if (ca->config.ocsp_url != NULL || ca->config.ca_issuers_url != NULL) {
        extensions[count++] =
            (struct certificate_extension){NID_info_access, information_access(arena, &ca->config)};
    }
    return local_certificate_extend(leaf, issuing, extensions, count);
}

/* Makes the leaf, without the signature. */
static X509 *make_leaf(struct arena *arena, const struct local_ca *ca, EVP_PKEY *key,
                       const struct stepca_subject *subject, const struct period *period, const char *usages)
{
    X509 *leaf = local_certificate_new(period->begin, period->end);
    if (leaf != NULL && X509_set_pubkey(leaf, key) == 1 &&
        local_certificate_set_common_name(leaf, subject->subject) &&
        X509_set_issuer_name(leaf, X509_get_subject_name(sk_X509_value(ca->path, 0))) == 1 &&
        add_extensions(arena, leaf, ca, key, usages) && add_names(leaf, subject)) {
        return leaf;
    }
    X509_free(leaf);
    return NULL;
}

static bool give_chain(struct arena *arena, const struct local_ca *ca, X509 *leaf,
                       struct local_ca_chain *chain)
{
    chain->count = ca->chain.count + 1;
    chain->certificates = arena_alloc_array(arena, chain->count, sizeof(struct bytes));
    chain->certificates[0] = local_certificate_der(arena, leaf);
    for (size_t i = 0; i < ca->chain.count; i++) {
        chain->certificates[i + 1] = arena_copy(arena, ca->chain.certificates[i]);
    }
    return chain->certificates[0].p != NULL;
}

enum local_ca_outcome local_ca_sign(struct arena *arena, const struct local_ca *ca, X509_REQ *csr,
                                    const struct validity_request *validity, const char *extended_key_usages,
                                    int64_t now, struct local_ca_chain *chain, struct fault *fault)
{
    struct stepca_subject subject;
    EVP_PKEY *key = X509_REQ_get0_pubkey(csr);
    if (key == NULL || !stepca_subject_from_csr(arena, csr, &subject)) {
        fault_set(fault, "the CSR has no usable key or names");
        return LOCAL_CA_REFUSED;
    }
    struct period period;
    if (!plan_period(ca, validity, now, &period, fault)) {
        return LOCAL_CA_REFUSED;
    }
    autofree_x509 X509 *leaf = make_leaf(arena, ca, key, &subject, &period, extended_key_usages);
    const char *unfit = leaf == NULL ? NULL
                                     : local_ca_names_fault(arena, ca, X509_get_subject_name(leaf),
                                                            subject.sans, subject.san_count);
    if (unfit != NULL) {
        fault_set(fault, "%s", unfit);
        return LOCAL_CA_NAME_REFUSED;
    }
    if (leaf == NULL || !local_certificate_sign(leaf, ca->key) || !give_chain(arena, ca, leaf, chain)) {
        ERR_clear_error();
        fault_set(fault, "OpenSSL could not make the certificate");
        return LOCAL_CA_FAILED;
    }
    return LOCAL_CA_DONE;
}
