/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "acme/pki/certificate_internal.h"
#include "acme/pki/x509_read.h"

/* ---- the leaf ---- */

static const char *time_words(struct arena *arena, int64_t time)
{
    char text[TIME_TEXT_BYTES];
    time_format(text, time);
    return arena_duplicate(arena, text);
}

/* Checks names that no order lists: the policy must allow each, the common name too. */
static const char *policy_fault(struct arena *arena, struct subject_names *names,
                                const struct name_policy *policy)
{
    if (names->foreign != NULL) {
        return arena_printf(arena, "the certificate holds %s", names->foreign);
    }
    subject_names_merge_common_name(arena, names);
    if (names->count == 0) {
        return "the certificate has no names";
    }
    const struct problem *problem =
        name_policy_check(arena, policy, "the profile", names->identifiers, names->count);
    return problem == NULL ? NULL : problem->detail;
}

static const char *names_fault(struct arena *arena, const X509 *leaf,
                               const struct certificate_expectation *expected)
{
    struct subject_names names;
    if (expected->any_names) {
        return NULL;
    }
    if (!certificate_names_read(arena, leaf, &names)) {
        return "the certificate's subjectAltName cannot be read";
    }
    if (expected->policy != NULL) {
        return policy_fault(arena, &names, expected->policy);
    }
    return subject_names_fault(arena, &names, expected->identifiers, expected->identifier_count,
                               "certificate");
}

/* A beginning in the future is right only when it was requested. */
static int64_t latest_not_before(const struct certificate_expectation *expected)
{
    int64_t asked = expected->latest_not_before;
    return (asked > expected->now ? asked : expected->now) + CERTIFICATE_SLACK_S;
}

static const char *validity_fault(struct arena *arena, const X509 *leaf,
                                  const struct certificate_expectation *expected, int64_t *not_before)
{
    int64_t not_after;
    if (!x509_read_time(X509_get0_notBefore(leaf), not_before) ||
        !x509_read_time(X509_get0_notAfter(leaf), &not_after)) {
        return "the certificate's validity cannot be read";
    }
    if (not_after > expected->latest_not_after) {
        return arena_printf(arena, "the certificate ends at %s, later than %s, the latest that was requested",
                            time_words(arena, not_after), time_words(arena, expected->latest_not_after));
    }
    if (not_after <= expected->now) {
        return arena_printf(arena, "the certificate has already ended, at %s", time_words(arena, not_after));
    }
    if (expected->earliest_not_before != 0 && *not_before < expected->earliest_not_before) {
        return arena_printf(arena, "the certificate begins at %s, before the requested notBefore",
                            time_words(arena, *not_before));
    }
    if (*not_before > latest_not_before(expected)) {
        return arena_printf(arena,
                            "the certificate only begins at %s: compare the clocks of the CA and this server",
                            time_words(arena, *not_before));
    }
    return NULL;
}

/* ---- its path ---- */

/* Returns the earliest end above the leaf; 0 when one cannot be read. */
static int64_t end_of_path(const STACK_OF(X509) * path)
{
    int64_t end = INT64_MAX;
    for (int i = 1; i < sk_X509_num(path); i++) {
        int64_t not_after;
        if (!x509_read_time(X509_get0_notAfter(sk_X509_value(path, i)), &not_after)) {
            return 0;
        }
        end = not_after < end ? not_after : end;
    }
    return end;
}

/*
 * Returns NULL when a path leads from `leaf` over `others` (may be NULL) to one of the roots, all valid at
 * `time`. A `time` of 0 ignores validity. Only a self-signed certificate of the store ends the path. `end` is
 * the path's without the leaf.
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
 * A leaf that outlives its path cannot be verified to its end. When the path found ends earlier, another may
 * not: while roots or intermediates are replaced there are several.
 */
static const char *outliving_fault(struct arena *arena, X509 *leaf, STACK_OF(X509) * others,
                                   X509_STORE *roots, int64_t path_end)
{
    int64_t not_after = INT64_MAX;
    int64_t ignored;
    if (x509_read_time(X509_get0_notAfter(leaf), &not_after) &&
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
                                     : "the certificate's public key is not the requested one";
    }
    if ((X509_get_extension_flags(leaf) & EXFLAG_CA) != 0) {
        return "the certificate is a CA certificate";
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

/* ---- parsed intermediates ---- */

enum { CACHED_INTERMEDIATES = 8 };

struct certificate_cache {
    struct {
        struct arena *arena; /* of the DER */
        struct bytes der;
        X509 *certificate;
    } entry[CACHED_INTERMEDIATES];
    size_t next; /* the entry to replace next */
};

struct certificate_cache *certificate_cache_new(void)
{
    struct certificate_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        end_without("memory");
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

/* Returns a reference of the caller's own. */
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

/* ---- the whole check ---- */

static const char *chain_fault(struct arena *arena, const struct bytes *chain, size_t count,
                               const struct certificate_expectation *expected,
                               struct certificate_facts *facts)
{
    if (count == 0) {
        return "the CA sent no certificate";
    }
    autofree_x509 X509 *leaf = x509_read(chain[0]);
    autofree_certificates STACK_OF(X509) *others = sk_X509_new_null();
    if (leaf == NULL || !certificate_facts_read(arena, leaf, facts)) {
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
    const char *fault = leaf_fault(arena, leaf, others, expected);
    if (fault == NULL && expected->csr != NULL) {
        facts->remarks = certificate_remarks(arena, expected->csr, leaf);
    }
    return fault;
}

bool certificate_check(struct arena *arena, const struct bytes *chain, size_t count,
                       const struct certificate_expectation *expectation, struct certificate_facts *facts,
                       struct fault *fault)
{
    *facts = (struct certificate_facts){0};
    const char *wrong = chain_fault(arena, chain, count, expectation, facts);
    ERR_clear_error(); /* this thread's TLS connections must not find OpenSSL's errors from here */
    return wrong == NULL || fault_set(fault, "%s", wrong);
}

bool certificate_chains_to(struct bytes leaf_der, struct bytes chain_pem, X509_STORE *roots)
{
    autofree_x509 X509 *leaf = x509_read(leaf_der);
    autofree_certificates STACK_OF(X509) *others = certificate_stack_read(chain_pem);
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

bool certificate_is_signed_by(struct bytes leaf_der, struct bytes signer_der)
{
    autofree_x509 X509 *leaf = x509_read(leaf_der);
    autofree_x509 X509 *signer = x509_read(signer_der);
    bool good = leaf != NULL && signer != NULL && has_signed(signer, leaf);
    ERR_clear_error();
    return good;
}

/* Checks name and signature only. */
static bool has_signed_leaf(X509 *signer, X509 *leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(signer);
    return X509_NAME_cmp(X509_get_subject_name(signer), X509_get_issuer_name(leaf)) == 0 && key != NULL &&
           X509_verify(leaf, key) == 1;
}

static bool is_signed_by_root(X509 *leaf, X509_STORE *roots)
{
    autofree_certificates STACK_OF(X509) *all = X509_STORE_get1_all_certs(roots);
    for (int i = 0; all != NULL && i < sk_X509_num(all); i++) {
        if (has_signed_leaf(sk_X509_value(all, i), leaf))
            return true;
    }
    return false;
}

bool certificate_is_signed_under(struct bytes leaf_der, struct bytes chain_pem, X509_STORE *roots)
{
    autofree_x509 X509 *leaf = x509_read(leaf_der);
    autofree_certificates STACK_OF(X509) *chain = certificate_stack_read(chain_pem);
    X509 *signer = chain == NULL || sk_X509_num(chain) == 0 ? NULL : sk_X509_value(chain, 0);
    int64_t end;
    bool good = leaf != NULL &&
                (is_signed_by_root(leaf, roots) || (signer != NULL && has_signed_leaf(signer, leaf) &&
                                                    path_fault(signer, chain, roots, 0, &end) == NULL));
    ERR_clear_error();
    return good;
}

bool certificate_is_signed_along(struct bytes leaf_der, struct bytes chain_pem)
{
    autofree_x509 X509 *leaf = x509_read(leaf_der);
    autofree_certificates STACK_OF(X509) *chain = certificate_stack_read(chain_pem);
    int count = chain == NULL ? 0 : sk_X509_num(chain);
    bool good = leaf != NULL && count > 0;
    for (int i = 0; good && i < count; i++)
        good = has_signed(sk_X509_value(chain, i), i == 0 ? leaf : sk_X509_value(chain, i - 1));
    ERR_clear_error();
    return good;
}
