/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "gateway/ca/issuer_root_list.h"
#include "gateway/preflight/check_stepca.h"

static void tell_unpinned(struct check *check, const struct issuer_config *issuer,
                          const struct issuer_root_list *list)
{
    for (size_t i = 0; i < list->told; i++)
        check_warn(
            check,
            "issuer %s: the CA lists a root that is not in %s, SHA-256 %s; that does not make it trusted. "
            "Compare the fingerprint with the CA operator's ('step certificate fingerprint' on the CA), "
            "then append the certificate to that file and reload, before the CA begins to use it",
            issuer->id, issuer->root_cert_path, list->fingerprint[i]);
    if (list->count > list->told)
        check_warn(check, "issuer %s: and %zu more roots", issuer->id, list->count - list->told);
}

static void tell_unlisted(struct check *check, const struct issuer_config *issuer,
                          const struct issuer_root_list *list)
{
    for (size_t i = 0; i < list->told; i++)
        check_ok(check,
                 "issuer %s: the CA no longer lists the pinned root with SHA-256 %s; remove it from %s when "
                 "nothing that it has signed is in use",
                 issuer->id, list->fingerprint[i], issuer->root_cert_path);
}

void stepca_check_root_list(const struct stepca_check *ca)
{
    struct check *check = ca->check;
    struct outbound_http_request request = stepca_client_request(&ca->client, "GET", "roots");
    struct outbound_http_reply reply;
    struct stepca_error error;
    struct stepca_chain listed;
    struct issuer_root_differences differences = {0};
    struct bytes *pinned = NULL;
    size_t pinned_count = 0;
    stepca_client_call(&ca->client, STEPCA_READ, &request, &reply, &error);
    if (error.outcome == STEPCA_OK && stepca_parse_certificates(check->arena, reply.body, &listed) &&
        certificates_from_pem(check->arena, ca->roots->roots_pem, &pinned, &pinned_count))
        issuer_root_list_compare(check->arena, pinned, pinned_count, listed.certificates, listed.count,
                                 &differences);
    if (!differences.known) {
        check_warn(check, "issuer %s: the CA does not list its roots; is ca_url really a step-ca?",
                   ca->issuer->id);
        return;
    }
    if (differences.unpinned.count == 0)
        check_ok(check, "issuer %s: every root that the CA lists is pinned", ca->issuer->id);
    tell_unpinned(check, ca->issuer, &differences.unpinned);
    tell_unlisted(check, ca->issuer, &differences.unlisted);
}
