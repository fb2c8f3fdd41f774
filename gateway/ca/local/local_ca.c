/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/local/local_ca.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/stat.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "gateway/ca/local/local_ca_internal.h"
#include "gateway/runtime/log.h"

enum { RSA_LEAST_BITS = 2048, TRIAL_S = 60 };

/* ---- the directory ---- */

static bool prepare_directory(const struct local_ca *ca, int64_t now, struct fault *fault)
{
    const char *directory = ca->config.directory;
    if (ca->config.only_looking) {
        return true;
    }
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return fault_set(fault, "%s cannot be made: %s", directory, strerror(errno));
    bool root = local_ca_has_file(ca, LOCAL_CA_ROOT);
    bool root_key = local_ca_has_file(ca, LOCAL_CA_ROOT_KEY);
    if (local_ca_has_file(ca, LOCAL_CA_INTERMEDIATE) || local_ca_has_file(ca, LOCAL_CA_INTERMEDIATE_KEY)) {
        return true;
    }
    if (root && root_key) {
        return local_ca_make_intermediate(ca, now, fault);
    }
    return root || root_key || local_ca_make(ca, now, fault);
}

static bool load_files(struct local_ca *ca, struct fault *fault)
{
    ca->roots = local_ca_load_certificates(ca, ca->arena, LOCAL_CA_ROOT, &ca->root_pem, fault);
    ca->given = ca->roots == NULL
                    ? NULL
                    : local_ca_load_certificates(ca, ca->arena, LOCAL_CA_INTERMEDIATE, NULL, fault);
    ca->key = ca->given == NULL ? NULL : local_ca_load_key(ca, LOCAL_CA_INTERMEDIATE_KEY, fault);
    return ca->key != NULL;
}

/* ---- is the CA able to issue? ---- */

static const char *key_fault(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        return EVP_PKEY_get_bits(key) < RSA_LEAST_BITS ? "is an RSA key of less than 2048 bits" : NULL;
    }
    char curve[32] = "";
    if (EVP_PKEY_is_a(key, "ED25519") ||
        (EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1 &&
         (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "secp384r1") == 0 ||
          strcmp(curve, "secp521r1") == 0))) {
        return NULL;
    }
    return "is not of a supported type (P-256, P-384, P-521, Ed25519, RSA)";
}

static bool check_issuing(const struct local_ca *ca, struct fault *fault)
{
    X509 *issuing = sk_X509_value(ca->given, 0);
    const char *name = LOCAL_CA_INTERMEDIATE;
    const char *wrong = NULL;
    if ((X509_get_extension_flags(issuing) & EXFLAG_CA) == 0) {
        wrong = "begins with a certificate that is not a CA's (no CA:TRUE); the one that signs leaves comes "
                "first";
    } else if ((X509_get_key_usage(issuing) & KU_KEY_CERT_SIGN) == 0) {
        wrong = "begins with a CA that may not sign certificates: its key usage lacks keyCertSign";
    } else if (X509_check_private_key(issuing, ca->key) != 1) {
        name = LOCAL_CA_INTERMEDIATE_KEY;
        wrong = "is not the key of the first certificate in " LOCAL_CA_INTERMEDIATE;
    } else {
        name = LOCAL_CA_INTERMEDIATE_KEY;
        wrong = key_fault(ca->key);
    }
    return wrong == NULL || fault_set(fault, "%s/%s %s", ca->config.directory, name, wrong);
}

/* Makes a leaf of the CA's own key that nobody gets. Its path is good exactly when a real leaf's will be. */
static X509 *make_trial(const struct local_ca *ca, int64_t now)
{
    static const struct certificate_extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
    };
    X509 *issuing = sk_X509_value(ca->given, 0);
    X509 *trial = local_certificate_new(now, now + TRIAL_S);
    if (trial != NULL && X509_set_pubkey(trial, X509_get0_pubkey(issuing)) == 1 &&
        local_certificate_set_common_name(trial, "trial of a CA") &&
        X509_set_issuer_name(trial, X509_get_subject_name(issuing)) == 1 &&
        local_certificate_extend(trial, issuing, extensions, sizeof extensions / sizeof extensions[0]) &&
        local_certificate_sign(trial, ca->key)) {
        return trial;
    }
    X509_free(trial);
    return NULL;
}

static void tell_path_fault(X509_STORE_CTX *context, struct fault *fault)
{
    char subject[72] = "";
    char until[TIME_TEXT_BYTES] = "";
    int error = X509_STORE_CTX_get_error(context);
    X509 *at = X509_STORE_CTX_get_current_cert(context);
    if (at != NULL) {
        X509_NAME_oneline(X509_get_subject_name(at), subject, sizeof subject);
    }
    if (at != NULL && error == X509_V_ERR_CERT_HAS_EXPIRED) {
        time_format(until, local_certificate_end(at));
    }
    fault_set(fault, "no path for leaves from %s to %s: %s%s%s, at %s", LOCAL_CA_INTERMEDIATE, LOCAL_CA_ROOT,
              X509_verify_cert_error_string(error), until[0] == '\0' ? "" : " since ", until, subject);
}

/* Returns the path as OpenSSL finds it, without the trial. */
static STACK_OF(X509) *
    verified_path(const struct local_ca *ca, X509 *trial, int64_t now, struct fault *fault)
{
    autofree_x509_store X509_STORE *store = X509_STORE_new();
    autofree_x509_store_ctx X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool ready = trial != NULL && store != NULL && context != NULL;
    for (int i = 0; ready && i < sk_X509_num(ca->roots); i++) {
        ready = X509_STORE_add_cert(store, sk_X509_value(ca->roots, i)) == 1;
    }
    if (!ready || X509_STORE_CTX_init(context, store, trial, ca->given) != 1) {
        fault_set(fault, "OpenSSL could not try the CA's key");
        return NULL;
    }
    X509_STORE_CTX_set_time(context, 0, now);
    if (X509_verify_cert(context) != 1) {
        tell_path_fault(context, fault);
        return NULL;
    }
    STACK_OF(X509) *path = X509_STORE_CTX_get1_chain(context);
    X509_free(sk_X509_shift(path));
    return path;
}

static void take_path(struct local_ca *ca, STACK_OF(X509) * path)
{
    openssl_certificates_free(ca->path);
    arena_free(ca->chain_arena);
    ca->path = path;
    ca->chain_arena = arena_new();
    size_t count = (size_t)sk_X509_num(path);
    ca->chain.count = count - 1;
    ca->chain.certificates = arena_alloc_array(ca->chain_arena, count, sizeof(struct bytes));
    ca->end = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        X509 *one = sk_X509_value(path, (int)i);
        int64_t end = local_certificate_end(one);
        ca->end = end < ca->end ? end : ca->end;
        if (i < count - 1) {
            ca->chain.certificates[i] = local_certificate_der(ca->chain_arena, one);
        }
    }
}

static bool find_path(struct local_ca *ca, int64_t now, struct fault *fault)
{
    autofree_x509 X509 *trial = make_trial(ca, now);
    STACK_OF(X509) *path = verified_path(ca, trial, now, fault);
    if (path != NULL) {
        take_path(ca, path);
    }
    return path != NULL;
}

static bool check_constraints(const struct local_ca *ca, struct fault *fault)
{
    if (local_ca_is_constrained(ca, sk_X509_value(ca->given, 0))) {
        return true;
    }
    return fault_set(fault,
                     "%s/%s has name constraints that differ from permitted_names; to have a new one made "
                     "with the root's key, move it and its key elsewhere",
                     ca->config.directory, LOCAL_CA_INTERMEDIATE);
}

/* ---- renewing the intermediate ---- */

/* Returns the root that signed the issuing certificate itself; NULL when another CA did. */
static X509 *root_above(const struct local_ca *ca)
{
    X509 *issuing = sk_X509_value(ca->given, 0);
    for (int i = 0; i < sk_X509_num(ca->roots); i++) {
        X509 *root = sk_X509_value(ca->roots, i);
        if (X509_check_issued(root, issuing) == X509_V_OK &&
            X509_verify(issuing, X509_get0_pubkey(root)) == 1) {
            return root;
        }
    }
    return NULL;
}

static bool is_due(const X509 *certificate, int64_t now)
{
    int64_t begin = local_certificate_begin(certificate);
    int64_t end = local_certificate_end(certificate);
    return now >= begin + (end - begin) / 3 * 2;
}

/* True with *renewed when a new certificate has replaced the old one. */
static bool renew(struct local_ca *ca, int64_t now, bool *renewed, struct fault *fault)
{
    X509 *issuing = sk_X509_value(ca->given, 0);
    X509 *root = is_due(issuing, now) && !ca->config.only_looking ? root_above(ca) : NULL;
    X509 *fresh = NULL;
    *renewed = false;
    if (root == NULL || X509_cmp(root, issuing) == 0 || !local_ca_has_file(ca, LOCAL_CA_ROOT_KEY)) {
        return true;
    }
    if (!local_ca_renew_intermediate(ca, issuing, root, now, &fresh, fault)) {
        return false;
    }
    if (fresh != NULL) {
        (void)sk_X509_set(ca->given, 0, fresh);
        X509_free(issuing);
        *renewed = true;
        log_info("local CA in %s: made a new intermediate for the same key", ca->config.directory);
    }
    return true;
}

bool local_ca_tend(struct local_ca *ca, int64_t now, struct fault *fault)
{
    bool renewed = false;
    bool good = renew(ca, now, &renewed, fault) && (!renewed || find_path(ca, now, fault));
    ERR_clear_error();
    return good;
}

/* ---- life ---- */

static void copy_config(struct local_ca *ca, const struct local_ca_config *config)
{
    const char **names = arena_alloc_array(ca->arena, config->permitted_name_count + 1, sizeof *names);
    for (size_t i = 0; i < config->permitted_name_count; i++) {
        names[i] = arena_duplicate(ca->arena, config->permitted_names[i]);
    }
    const char *const urls[] = {config->crl_url, config->ocsp_url, config->ca_issuers_url};
    const char *copies[3] = {NULL};
    for (size_t i = 0; i < 3; i++) {
        copies[i] = urls[i] == NULL ? NULL : arena_duplicate(ca->arena, urls[i]);
    }
    ca->config = (struct local_ca_config){
        .directory = arena_duplicate(ca->arena, config->directory),
        .key_password = config->key_password.n == 0 ? (struct bytes){0}
                                                    : arena_copy_secret(ca->arena, config->key_password),
        .permitted_names = names,
        .permitted_name_count = config->permitted_name_count,
        .crl_url = copies[0],
        .ocsp_url = copies[1],
        .ca_issuers_url = copies[2],
        .only_looking = config->only_looking,
    };
}

static bool open_files(struct local_ca *ca, int64_t now, struct fault *fault)
{
    bool renewed = false;
    return prepare_directory(ca, now, fault) && load_files(ca, fault) && check_issuing(ca, fault) &&
           renew(ca, now, &renewed, fault) && find_path(ca, now, fault) && check_constraints(ca, fault);
}

struct local_ca *local_ca_open(const struct local_ca_config *config, int64_t now, struct fault *fault)
{
    struct arena *arena = arena_new();
    struct local_ca *ca = arena_alloc(arena, sizeof *ca);
    ca->arena = arena;
    copy_config(ca, config);
    if (open_files(ca, now, fault)) {
        ca->revoked = revoked_register_open(local_ca_path(ca, arena, "revoked"), fault);
    }
    ERR_clear_error();
    if (ca->revoked == NULL) {
        local_ca_free(ca);
        return NULL;
    }
    return ca;
}

void local_ca_free(struct local_ca *ca)
{
    if (ca == NULL) {
        return;
    }
    revoked_register_close(ca->revoked);
    openssl_certificates_free(ca->roots);
    openssl_certificates_free(ca->given);
    openssl_certificates_free(ca->path);
    EVP_PKEY_free(ca->key);
    arena_free(ca->chain_arena);
    arena_free(ca->arena);
}

struct bytes local_ca_root_pem(const struct local_ca *ca)
{
    return ca->root_pem;
}

struct local_ca_chain local_ca_intermediates(const struct local_ca *ca)
{
    return ca->chain;
}

int64_t local_ca_end(const struct local_ca *ca)
{
    return ca->end;
}

/* ---- revoking ---- */

enum local_ca_outcome local_ca_revoke(struct arena *arena, struct local_ca *ca, const char *serial_hex,
                                      int reason, int64_t not_after, int64_t now, struct fault *fault)
{
    struct revoked_serial entry = {.revoked_at = now, .reason = reason, .not_after = not_after};
    const struct problem *problem = revocation_reason_check(arena, reason);
    if (problem != NULL) {
        fault_set(fault, "%s", problem->detail);
        return LOCAL_CA_REFUSED;
    }
    const struct revoked_serial *present = revoked_register_find(ca->revoked, serial_hex);
    if (present != NULL && revocation_reason_may_become(present->reason, reason)) {
        entry.revoked_at = present->revoked_at;
    } else if (present != NULL) {
        fault_set(fault, "certificate %s is already revoked, reason %s", serial_hex,
                  revocation_reason_name(present->reason));
        return LOCAL_CA_ALREADY_REVOKED;
    }
    snprintf(entry.serial, sizeof entry.serial, "%s", serial_hex);
    if (!revoked_register_add(ca->revoked, &entry)) {
        fault_set(fault, "the revocation could not be recorded: %s", strerror(errno));
        return LOCAL_CA_FAILED;
    }
    return LOCAL_CA_DONE;
}

struct local_ca_signer local_ca_signer(const struct local_ca *ca)
{
    return (struct local_ca_signer){
        .certificate = sk_X509_value(ca->given, 0), .key = ca->key, .revoked = ca->revoked};
}
