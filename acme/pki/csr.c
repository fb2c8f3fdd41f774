/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/csr.h"

#include <openssl/err.h>

#include "acme/jose/public_key.h"
#include "acme/pki/subject_names.h"
#include "acme/pki/x509_read.h"

static const char *key_fault(struct arena *arena, EVP_PKEY *key, EVP_PKEY *account_key, enum cause *cause)
{
    const char *fault = public_key_fault(arena, key, CSR_RSA_MAX_BITS);
    *cause = CAUSE_CSR_KEY_REFUSED;
    if (fault == NULL && EVP_PKEY_eq(key, account_key) == 1) {
        *cause = CAUSE_CSR_KEY_IS_ACCOUNT_KEY;
        return "its key is the account's: a certificate needs a key of its own";
    }
    return fault;
}

static const char *signature_fault(struct arena *arena, X509_REQ *request)
{
    int algorithm = X509_REQ_get_signature_nid(request);
    int digest = NID_undef;
    int key_type = NID_undef;
    bool known = algorithm != NID_undef && OBJ_find_sigid_algs(algorithm, &digest, &key_type) == 1;
    bool strong =
        digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512 || algorithm == NID_ED25519;
    if (!known || !strong) {
        const char *name = known ? OBJ_nid2ln(algorithm) : "an unknown algorithm";
        return arena_printf(arena, "it is signed with %s: SHA-256, SHA-384, SHA-512 and Ed25519 are accepted",
                            name);
    }
    return x509_request_is_signed(request) ? NULL : "its signature does not verify with its own public key";
}

/* Counts the sets of requested extensions. Of two, OpenSSL would read the first, and a CA perhaps the
 * other. */
static int extension_requests(const X509_REQ *request)
{
    int sets = 0;
    for (int i = 0; i < X509_REQ_get_attr_count(request); i++) {
        X509_ATTRIBUTE *attribute = X509_REQ_get_attr(request, i);
        int type = OBJ_obj2nid(X509_ATTRIBUTE_get0_object(attribute));
        if (type == NID_ext_req || type == NID_ms_ext_req) {
            sets += X509_ATTRIBUTE_count(attribute);
        }
    }
    return sets;
}

static void extensions_release(STACK_OF(X509_EXTENSION) * *extensions)
{
    sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

/* Returns NULL with `names` filled, the common name included. */
static const char *read_names(struct arena *arena, X509_REQ *request, struct subject_names *names)
{
    int requested = extension_requests(request);
    if (requested > 1) {
        return "it requests extensions more than once";
    }
    [[gnu::cleanup(extensions_release)]] STACK_OF(X509_EXTENSION) *extensions =
        X509_REQ_get_extensions(request);
    if (requested == 1 && extensions == NULL) {
        return "its requested extensions cannot be read";
    }
    int critical = -1; /* OpenSSL's word for "absent"; -2 for "more than once" */
    autofree_general_names GENERAL_NAMES *alternatives =
        X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    if (alternatives == NULL && critical != -1) {
        return "its subjectAltName cannot be read or appears twice";
    }
    subject_names_read(arena, X509_REQ_get_subject_name(request), alternatives, names);
    subject_names_merge_common_name(arena, names);
    return NULL;
}

/* The names of an order. */
struct wanted_names {
    const struct identifier *identifiers;
    size_t count;
};

static const char *csr_fault(struct arena *arena, X509_REQ *request, EVP_PKEY *account_key,
                             const struct wanted_names *wanted, struct subject_names *names,
                             enum cause *cause)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    const char *fault = key_fault(arena, key, account_key, cause);
    if (fault == NULL) {
        *cause = CAUSE_CSR_SIGNATURE_REFUSED;
        fault = signature_fault(arena, request);
    }
    if (fault == NULL) {
        *cause = CAUSE_CSR_MALFORMED;
        fault = read_names(arena, request, names);
    }
    if (fault == NULL && wanted != NULL) {
        *cause = CAUSE_CSR_NAMES_DIFFER;
        fault = subject_names_fault(arena, names, wanted->identifiers, wanted->count, "CSR");
    }
    if (fault == NULL && names->foreign != NULL) {
        *cause = CAUSE_CSR_NAMES_DIFFER;
        fault = arena_printf(arena, "it holds %s", names->foreign);
    }
    return fault;
}

static const struct problem *check(struct arena *arena, struct bytes der, EVP_PKEY *account_key,
                                   const struct wanted_names *wanted, struct subject_names *names,
                                   X509_REQ **out)
{
    *out = NULL;
    if (der.n > CSR_MAX_BYTES) {
        return problem_new(arena, PROBLEM_BAD_CSR, "the CSR has %zu octets, at most %d are accepted", der.n,
                           (int)CSR_MAX_BYTES);
    }
    autofree_x509_req X509_REQ *request = x509_request_read(der);
    if (request == NULL) {
        ERR_clear_error();
        return problem_new(arena, PROBLEM_BAD_CSR,
                           "the CSR is not one DER-encoded PKCS #10 request (base64url of the DER, not PEM)");
    }
    enum cause cause;
    const char *fault = csr_fault(arena, request, account_key, wanted, names, &cause);
    ERR_clear_error(); /* this thread's TLS connections must not find OpenSSL's errors from here */
    if (fault != NULL) {
        return problem_with_cause(arena, cause, PROBLEM_BAD_CSR, "CSR: %s", fault);
    }
    *out = request;
    request = NULL;
    return NULL;
}

const struct problem *csr_check(struct arena *arena, struct bytes der, const struct identifier *identifiers,
                                size_t count, EVP_PKEY *account_key, X509_REQ **out)
{
    const struct wanted_names wanted = {identifiers, count};
    struct subject_names names;
    return check(arena, der, account_key, &wanted, &names, out);
}

const struct problem *csr_read(struct arena *arena, struct bytes der, struct subject_names *names,
                               X509_REQ **out)
{
    return check(arena, der, NULL, NULL, names, out);
}

const char *csr_key_type(X509_REQ *request)
{
    return public_key_type_name(public_key_type(X509_REQ_get0_pubkey(request)));
}

const struct problem *csr_check_key_type(struct arena *arena, X509_REQ *request, const char *const *types,
                                         size_t count)
{
    const char *type = csr_key_type(request);
    if (count == 0 || (type != NULL && bytes_equal_any(bytes_from_string(type), types, count)))
        return NULL;
    return problem_with_cause(arena, CAUSE_CSR_KEY_TYPE_REFUSED, PROBLEM_BAD_CSR,
                              "CSR: its key is of type %s; the order's profile accepts %s",
                              type == NULL ? "unknown" : type, arena_join(arena, types, count, ", "));
}
