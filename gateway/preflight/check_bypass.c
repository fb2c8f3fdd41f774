/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/preflight/check.h"
#include "stepca/messages.h"

static bool is_ours(const struct issuer_config *issuer, const char *name)
{
    const char *responder = issuer->ocsp.provisioner_name;
    return strcmp(name, issuer->provisioner_name) == 0 || (responder != NULL && strcmp(name, responder) == 0);
}

void check_bypass_collect(struct buffer *others, const struct stepca_provisioner_page *page,
                          const struct issuer_config *issuer)
{
    for (size_t i = 0; i < page->count; i++)
        if (!is_ours(issuer, page->provisioners[i].name))
            buffer_printf(others, "%s%s (JWK)", others->n == 0 ? "" : ", ", page->provisioners[i].name);
    for (size_t i = 0; i < page->other_count; i++)
        buffer_printf(others, "%s%s (%s)", others->n == 0 ? "" : ", ", page->others[i].name,
                      page->others[i].type);
}

/* The claim may also be in `authority` of ca.json, which the CA does not publish. */
static void check_renewal(struct check *check, const struct issuer_config *issuer,
                          const struct stepca_provisioner *own)
{
    if (own->disable_renewal)
        check_ok(check, "issuer %s: certificates of %s cannot be renewed at the CA itself", issuer->id,
                 own->name);
    else
        check_warn(check,
                   "issuer %s: certificates of %s can be renewed at the CA itself (`step ca renew`, by mTLS) "
                   "unless ca.json forbids it for all: their holders can renew them for ever, past max_ttl, "
                   "the name policies and the "
                   "inventory of acmegate. Set \"disableRenewal\": true in the claims of %s when no host "
                   "needs it any more; until then `acmegate import --step-ca-log` shows these renewals",
                   issuer->id, own->name, own->name);
}

void check_bypass(struct check *check, const struct issuer_config *issuer,
                  const struct stepca_provisioner *own, struct buffer *others)
{
    check_renewal(check, issuer, own);
    if (others->n == 0)
        check_ok(check, "issuer %s: no other provisioner of the CA signs", issuer->id);
    else
        check_warn(check,
                   "issuer %s: the CA also signs through other provisioners: %s: hosts that use them bypass "
                   "acmegate's policies and its inventory. `acmegate migration status` shows their names "
                   "once the CA's log was imported; remove the provisioners when the last has moved "
                   "(docs/migration.md)",
                   issuer->id, buffer_string(others));
}
