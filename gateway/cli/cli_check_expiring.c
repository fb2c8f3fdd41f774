/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/expiry.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "gateway/ca/local/local_ca.h"
#include "gateway/cli/cli_check.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/runtime/clock.h"
#include "gateway/status/status.h"

enum { SUBJECT_MAX_BYTES = 256 };

/* Returns the subject, "/CN=…", or the first name. */
static const char *subject_of(struct check *check, struct bytes der)
{
    char subject[SUBJECT_MAX_BYTES] = "";
    struct certificate_facts facts;
    autofree_x509 X509 *certificate = x509_read(der);
    if (certificate != NULL && X509_NAME_entry_count(X509_get_subject_name(certificate)) != 0)
        X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof subject);
    else if (certificate_read_facts(check->arena, der, &facts) && facts.identifier_count != 0)
        return facts.identifiers[0].value;
    return arena_duplicate(check->arena, subject);
}

/* Whether the server renews the certificate. */
enum upkeep { LEFT_ALONE, RENEWS_ITSELF };

static bool is_alarming(const struct check *check, const struct certificate_facts *facts, enum upkeep upkeep,
                        int64_t now)
{
    if (facts->not_after - now > check->expiring_within_s)
        return false;
    return upkeep == LEFT_ALONE || expiry_stage(facts->not_before, facts->not_after, now) >= EXPIRY_SIXTH;
}

static void tell_one(struct check *check, const char *what, struct bytes der, enum upkeep upkeep)
{
    int64_t now = clock_now();
    char end[TIME_TEXT_BYTES];
    char left[EXPIRY_TEXT_BYTES];
    struct certificate_facts facts;
    if (!certificate_read_facts(check->arena, der, &facts)) {
        check_fail(check, "%s: its expiry cannot be read", what);
        return;
    }
    time_format(end, facts.not_after);
    expiry_format(left, facts.not_after, now);
    const char *subject = subject_of(check, der);
    const char *over = facts.not_after <= now ? "" : " left";
    bool itself = upkeep == RENEWS_ITSELF;
    if (is_alarming(check, &facts, upkeep, now))
        check_fail(check, "%s: %s expires at %s, %s%s%s", what, subject, end, left, over,
                   itself ? "; its renewal is late, see the server's log" : "");
    else
        check_ok(check, "%s: %s expires at %s, %s%s%s", what, subject, end, left, over,
                 itself ? "; it renews itself" : "");
}

/* `first` names the first certificate in the messages, `others` those that follow it. */
static void tell_file(struct check *check, const char *path, const char *first, const char *others,
                      enum upkeep upkeep)
{
    struct bytes pem, *certificates = NULL;
    size_t count = 0;
    if (!file_read(check->arena, path, CONFIG_FILE_MAX_BYTES, &pem))
        check_fail(check, "%s: %s cannot be read: %s", first, path, strerror(errno));
    else if (!certificates_from_pem(check->arena, pem, &certificates, &count))
        check_fail(check, "%s: %s contains no certificate, or a damaged one", first, path);
    for (size_t i = 0; i < count; i++)
        tell_one(check, i == 0 ? first : others, certificates[i], i == 0 ? upkeep : LEFT_ALONE);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0 || errno != ENOENT;
}

static void tell_own(struct check *check)
{
    const struct config *config = check->config;
    const char *path =
        config->tls_issuer == NULL ? config->tls_cert_path : own_certificate_path(check->arena, config);
    if (config->tls_issuer != NULL && !is_there(path))
        check_ok(check, "own certificate: none yet, `acmegate serve` asks issuer %s for it",
                 config->tls_issuer);
    else
        tell_file(check, path, "own certificate", "own certificate's chain",
                  config->tls_issuer == NULL ? LEFT_ALONE : RENEWS_ITSELF);
}

static void tell_local(struct check *check, const struct issuer_config *issuer)
{
    struct arena *arena = check->arena;
    const char *root = arena_printf(arena, "%s/" LOCAL_CA_ROOT, issuer->directory);
    const char *intermediate = arena_printf(arena, "%s/" LOCAL_CA_INTERMEDIATE, issuer->directory);
    const char *what = arena_printf(arena, "issuer %s: intermediate", issuer->id);
    if (!is_there(root) && !is_there(intermediate)) {
        check_ok(check, "issuer %s: no CA in %s yet", issuer->id, issuer->directory);
        return;
    }
    tell_file(check, intermediate, what, what, LEFT_ALONE);
    what = arena_printf(arena, "issuer %s: root", issuer->id);
    tell_file(check, root, what, what, LEFT_ALONE);
}

/* Looks at the OCSP responder's certificate. */
static void tell_responder(struct check *check, const struct issuer_config *issuer)
{
    struct arena *arena = check->arena;
    const char *what = arena_printf(arena, "issuer %s: OCSP responder", issuer->id);
    const char *above = arena_printf(arena, "%s's chain", what);
    const char *kept = status_responder_path(arena, check->config, issuer->id, "crt");
    if (issuer->ocsp.certificate_path != NULL)
        tell_file(check, issuer->ocsp.certificate_path, what, above, LEFT_ALONE);
    else if (issuer->ocsp.provisioner_name != NULL && is_there(kept))
        tell_file(check, kept, what, above, RENEWS_ITSELF);
}

static void tell_stepca(struct check *check, const struct issuer_config *issuer)
{
    struct bytes *certificates = NULL;
    size_t count = 0;
    struct fault fault;
    const char *what = arena_printf(check->arena, "issuer %s: intermediate", issuer->id);
    if (!check_stepca_intermediates(check, issuer, &certificates, &count, &fault))
        check_warn(check,
                   "%s: the CA does not tell when it expires: %s; see the chain of one of its certificates",
                   what, fault.message);
    for (size_t i = 0; i < count; i++)
        tell_one(check, what, certificates[i], LEFT_ALONE);
    what = arena_printf(check->arena, "issuer %s: root", issuer->id);
    tell_file(check, issuer->root_cert_path, what, what, LEFT_ALONE);
    tell_responder(check, issuer);
}

void check_expiring(struct check *check)
{
    tell_own(check);
    for (size_t i = 0; i < check->config->issuer_count; i++) {
        const struct issuer_config *issuer = &check->config->issuers[i];
        if (issuer->type == ISSUER_LOCAL)
            tell_local(check, issuer);
        else
            tell_stepca(check, issuer);
    }
}
