/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "acme/pki/ocsp.h"
#include "acme/pki/x509_read.h"
#include "gateway/preflight/check_stepca.h"
#include "gateway/runtime/clock.h"

/* Checks the second provisioner as the first: it is another issuer of the same CA. */
static void check_provisioner(const struct stepca_check *ca, const struct issuer_config *second)
{
    struct stepca_check responder = {
        .check = ca->check, .issuer = second, .roots = ca->roots, .client = ca->client};
    if (!stepca_check_key(&responder) || !stepca_check_provisioner(&responder) ||
        !stepca_check_key_is_the_provisioners(&responder))
        return;
    /* Only a certificate would show whether its template makes responders. */
    (void)stepca_check_token(&responder);
}

static bool read_files(struct check *check, const struct ocsp_config *files, struct bytes *chain_pem,
                       EVP_PKEY **key, struct fault *fault)
{
    struct bytes key_pem;
    const char *path = files->certificate_path;
    bool read = file_read(check->arena, path, CONFIG_FILE_MAX_BYTES, chain_pem);
    if (read) {
        path = files->key_path;
        read = file_read_secret(check->arena, path, CONFIG_FILE_MAX_BYTES, &key_pem);
    }
    if (!read)
        return fault_set(fault, "%s cannot be read: %s", path, strerror(errno));
    *key = x509_key_read(key_pem);
    return *key != NULL || fault_set(fault, "%s contains no unencrypted private key", path);
}

static bool open_responder(const struct stepca_check *ca, struct ocsp_responder *out, struct fault *fault)
{
    struct arena *arena = ca->check->arena;
    struct bytes chain_pem, *intermediates = NULL;
    size_t count = 0;
    autofree_evp_pkey EVP_PKEY *key = NULL;
    if (!read_files(ca->check, &ca->issuer->ocsp, &chain_pem, &key, fault))
        return false;
    struct ocsp_expectation expected = {.roots = ca->roots->roots, .now = clock_now()};
    if (stepca_check_intermediates(ca, &intermediates, &count, NULL))
        expected.candidates_pem = certificates_to_pem(arena, intermediates, count);
    return ocsp_responder_open(arena, chain_pem, key, &expected, out, fault);
}

static void check_files(const struct stepca_check *ca)
{
    const char *path = ca->issuer->ocsp.certificate_path;
    struct fault fault;
    struct ocsp_responder responder = {0};
    char end[TIME_TEXT_BYTES];
    if (!open_responder(ca, &responder, &fault)) {
        check_fail(ca->check, "issuer %s: ocsp.certificate %s: %s; docs/revocation.md lists its requirements",
                   ca->issuer->id, path, fault.message);
        return;
    }
    time_format(end, responder.not_after);
    check_ok(ca->check, "issuer %s: ocsp.certificate %s signs OCSP responses until %s", ca->issuer->id, path,
             end);
    if (!responder.nocheck)
        check_warn(
            ca->check,
            "issuer %s: ocsp.certificate %s lacks id-pkix-ocsp-nocheck: clients may want to check it, too",
            ca->issuer->id, path);
    ocsp_responder_close(&responder);
}

void stepca_check_ocsp(const struct stepca_check *ca)
{
    struct issuer_config second;
    if (ca->issuer->ocsp.certificate_path != NULL)
        check_files(ca);
    else if (issuer_ocsp_config(ca->check->arena, ca->issuer, &second))
        check_provisioner(ca, &second);
}
