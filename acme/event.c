/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/event.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct event_type_info types[] = {
    /* ---- accounts and external account keys ---- */
    [EVENT_ACCOUNT_CREATED] = {"account.created", SUBJECT_ACCOUNT, SEVERITY_INFO,
                               .meaning = "a client made an account"},
    [EVENT_ACCOUNT_UPDATED] = {"account.updated", SUBJECT_ACCOUNT, SEVERITY_INFO,
                               .meaning = "the account changed its contacts or agreed to the terms"},
    [EVENT_ACCOUNT_KEY_CHANGED] = {"account.key_changed", SUBJECT_ACCOUNT, SEVERITY_INFO,
                                   .meaning = "the account changed its key; the detail has both thumbprints"},
    [EVENT_ACCOUNT_DEACTIVATED] = {"account.deactivated", SUBJECT_ACCOUNT, SEVERITY_INFO,
                                   .meaning = "the client deactivated the account"},
    [EVENT_ACCOUNT_REVOKED] = {"account.revoked", SUBJECT_ACCOUNT, SEVERITY_INFO,
                               .meaning = "an operator ended the account: `acmegate account deactivate`"},
    [EVENT_ACCOUNT_IMPORTED] = {"account.imported", SUBJECT_ACCOUNT, SEVERITY_INFO,
                                .meaning = "an account was imported from an export; the detail has the "
                                           "status that an existing account got"},
    [EVENT_EAB_ADDED] = {"eab.added", SUBJECT_ACCOUNT, SEVERITY_INFO,
                         .meaning = "an operator created an external account key"},
    [EVENT_EAB_REVOKED] = {"eab.revoked", SUBJECT_ACCOUNT, SEVERITY_INFO,
                           .meaning = "an operator revoked an external account key"},
    [EVENT_EAB_IMPORTED] = {"eab.imported", SUBJECT_ACCOUNT, SEVERITY_INFO,
                            .meaning = "an external account key was imported from an export"},
    /* ---- orders ---- */
    [EVENT_ORDER_CREATED] = {"order.created", SUBJECT_ORDER, SEVERITY_INFO,
                             .meaning = "an order was accepted"},
    [EVENT_ORDER_REFUSED] = {"order.refused", SUBJECT_ORDER, SEVERITY_WARNING, .is_refusal = true,
                             .meaning = "an order was refused; the detail says why"},
    [EVENT_ORDER_REPLACES_IGNORED] = {"order.replaces_ignored", SUBJECT_ORDER, SEVERITY_INFO,
                                      .meaning = "the certificate that an order claims to replace does not "
                                                 "fit it; the order was made without that claim"},
    [EVENT_ORDER_READY] = {"order.ready", SUBJECT_ORDER, SEVERITY_INFO,
                           .meaning = "every name of the order is proven"},
    [EVENT_ORDER_FINALIZED] = {"order.finalized", SUBJECT_ORDER, SEVERITY_INFO,
                               .meaning = "the client sent its certificate request"},
    [EVENT_FINALIZE_REFUSED] = {"finalize.refused", SUBJECT_ORDER, SEVERITY_WARNING, .is_refusal = true,
                                .meaning =
                                    "the client's certificate request was refused; the detail says why, "
                                    "and the order stays ready"},
    [EVENT_ATTEMPT_FAILED] = {"attempt.failed", SUBJECT_ORDER, SEVERITY_WARNING,
                              .meaning = "the CA did not sign, and will be asked again; the detail has its "
                                         "words"},
    [EVENT_ATTEMPT_UNKNOWN] = {"attempt.unknown", SUBJECT_ORDER, SEVERITY_ERROR, .notify = true,
                               .meaning = "the CA did not answer: a possible orphan"},
    [EVENT_ORDER_VALID] = {"order.valid", SUBJECT_ORDER, SEVERITY_INFO,
                           .meaning = "the certificate can be fetched; the detail says where it departs from "
                                      "the CSR: repeated names, extensions left out such as must-staple, a "
                                      "common name over 64 characters"},
    [EVENT_ORDER_INVALID] = {"order.invalid", SUBJECT_ORDER, SEVERITY_ERROR, .notify = true,
                             .meaning = "the order failed, or was no longer permitted when it was finalized "
                                        "or about to be signed; the detail says why"},
    /* ---- authorizations and their challenges ---- */
    [EVENT_AUTHORIZATION_CREATED] = {"authorization.created", SUBJECT_AUTHORIZATION, SEVERITY_INFO,
                                     .meaning = "a client asked for an authorization before any order "
                                                "(newAuthz)"},
    [EVENT_AUTHORIZATION_REFUSED] = {"authorization.refused", SUBJECT_AUTHORIZATION, SEVERITY_WARNING,
                                     .is_refusal = true,
                                     .meaning =
                                         "an authorization that a client asked for before any order was "
                                         "refused; the detail says why"},
    [EVENT_AUTHORIZATION_TRUSTED] = {"authorization.trusted", SUBJECT_AUTHORIZATION, SEVERITY_INFO,
                                     .meaning = "a name needed no proof; the detail says why"},
    [EVENT_AUTHORIZATION_INHERITED] = {"authorization.inherited", SUBJECT_AUTHORIZATION, SEVERITY_INFO,
                                       .meaning =
                                           "a name needed no proof: the detail names the authorization of a "
                                           "domain above it that covers the names below"},
    [EVENT_AUTHORIZATION_DEACTIVATED] = {"authorization.deactivated", SUBJECT_AUTHORIZATION, SEVERITY_INFO,
                                         .meaning = "the client deactivated the authorization, or the one "
                                                    "that it rested on, which the detail names"},
    [EVENT_CHALLENGE_REQUESTED] = {"challenge.requested", SUBJECT_AUTHORIZATION, SEVERITY_INFO,
                                   .meaning = "the client chose a challenge and requested its validation"},
    [EVENT_CHALLENGE_RETRIED] = {"challenge.retried", SUBJECT_AUTHORIZATION, SEVERITY_WARNING,
                                 .meaning = "a try failed for a temporary reason; the detail says what was "
                                            "dialled and answered"},
    [EVENT_CHALLENGE_VALID] = {"challenge.valid", SUBJECT_AUTHORIZATION, SEVERITY_INFO,
                               .meaning = "control of the name is proven"},
    [EVENT_CHALLENGE_INVALID] = {"challenge.invalid", SUBJECT_AUTHORIZATION, SEVERITY_ERROR,
                                 .meaning = "control of the name was not proven; the detail says what was "
                                            "dialled and answered"},
    /* ---- certificates without an order: step-ca's own API, `acmegate sign` ---- */
    [EVENT_SIGN_REQUESTED] = {"sign.requested", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                              .meaning = "`acmegate sign` is about to ask the CA; the details of its events "
                                         "end in the token (`jti`)"},
    [EVENT_SIGN_ISSUED] = {"sign.issued", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                           .meaning =
                               "a certificate was issued through step-ca's own API or `acmegate sign`, and "
                               "stored; the detail says for which profile and provisioner or issuer"},
    [EVENT_SIGN_RENEWED] = {"sign.renewed", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                            .meaning = "a certificate was renewed through step-ca's own API; the detail "
                                       "names the one that it replaces"},
    [EVENT_SIGN_REFUSED] = {"sign.refused", SUBJECT_CERTIFICATE, SEVERITY_WARNING, .is_refusal = true,
                            .meaning =
                                "the CA accepted the token and refused the certificate; the detail has "
                                "its words"},
    [EVENT_SIGN_FAILED] = {"sign.failed", SUBJECT_CERTIFICATE, SEVERITY_WARNING,
                           .meaning = "`acmegate sign` could not ask the CA, or got a certificate that the "
                                      "CA had issued before; nothing was signed"},
    [EVENT_SIGN_UNKNOWN] = {"sign.unknown", SUBJECT_CERTIFICATE, SEVERITY_ERROR, .notify = true,
                            .meaning = "the CA's answer to a client of its own API or to `acmegate sign` was "
                                       "lost or unreadable: a possible orphan"},
    /* ---- certificates ---- */
    [EVENT_CERTIFICATE_REJECTED] =
        {"certificate.rejected", SUBJECT_CERTIFICATE, SEVERITY_ERROR, .notify = true,
         .meaning = "a certificate was signed but failed the check: it is revoked, not handed out"},
    [EVENT_CERTIFICATE_IMPORTED] = {"certificate.imported", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                                    .meaning =
                                        "`acmegate import` took certificates from elsewhere; the detail "
                                        "has the counts, and the last event of a run its sums"},
    [EVENT_CERTIFICATE_FOUND] = {"certificate.found", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                                 .meaning =
                                     "a client asked to revoke a certificate that the CA signed without "
                                     "acmegate; it was taken into the inventory"},
    [EVENT_RENEWAL_EARLY] = {"renewal.early", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                             .meaning = "an operator had clients renew early"},
    [EVENT_REVOCATION_REQUESTED] = {"revocation.requested", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                                    .meaning = "a revocation was requested"},
    [EVENT_REVOCATION_FAILED] = {"revocation.failed", SUBJECT_CERTIFICATE, SEVERITY_WARNING,
                                 .meaning =
                                     "the CA has not confirmed the revocation; it will be asked again"},
    [EVENT_REVOCATION_REFUSED] = {"revocation.refused", SUBJECT_CERTIFICATE, SEVERITY_ERROR, .notify = true,
                                  .meaning =
                                      "the CA refused the revocation; it will be asked again, less often"},
    [EVENT_REVOCATION_CORRECTED] = {"revocation.corrected", SUBJECT_CERTIFICATE, SEVERITY_INFO,
                                    .meaning = "the reason of a revocation was corrected; the detail has it, "
                                               "and whether the CA changed it or keeps the old one"},
    [EVENT_CERTIFICATE_REVOKED] = {"certificate.revoked", SUBJECT_CERTIFICATE, SEVERITY_INFO, .notify = true,
                                   .meaning = "the CA confirmed the revocation"},
    /* ---- the server ---- */
    [EVENT_ISSUER_CHANGED] = {"issuer.changed", SUBJECT_ISSUER, SEVERITY_INFO, .notify = true,
                              .meaning = "the admin API set another key, provisioner, address or root for an "
                                         "issuer; the detail has the changes"},
    [EVENT_ISSUER_RESET] = {"issuer.reset", SUBJECT_ISSUER, SEVERITY_INFO, .notify = true,
                            .meaning = "the issuer follows the configuration file again"},
    [EVENT_CONFIGURATION_LOADED] = {"configuration.loaded", SUBJECT_SERVER, SEVERITY_INFO, .notify = true,
                                    .meaning =
                                        "the running server took its configuration file in; the detail has "
                                        "the file, and each change: in force, or waiting for a restart"},
    [EVENT_CONFIGURATION_REJECTED] = {"configuration.rejected", SUBJECT_SERVER, SEVERITY_WARNING,
                                      .notify = true,
                                      .meaning =
                                          "the running server rejected its configuration file, and the one "
                                          "before stays; the detail has the file and the reasons"},
    [EVENT_DATABASE_RESTORED] = {"database.restored", SUBJECT_SERVER, SEVERITY_WARNING, .notify = true,
                                 .meaning = "the server started on a restored copy; the detail says how it "
                                            "knows, and how many orders it ended"},
    [EVENT_GATEWAY_TAKEN_OVER] = {"gateway.taken_over", SUBJECT_SERVER, SEVERITY_WARNING, .notify = true,
                                  .meaning = "this gateway took over the work of another one, which the "
                                             "detail names"},
    [EVENT_WORK_SET_ASIDE] = {"work.set_aside", SUBJECT_SERVER, SEVERITY_ERROR, .notify = true,
                              .meaning =
                                  "the server crashed twice while working on this validation, order or "
                                  "revocation, and does not try it again (a revocation: for a day)"},
};

_Static_assert(COUNT(types) == EVENT_TYPE_COUNT, "every type has a row");

const struct event_type_info *event_type_info(enum event_type type)
{
    return (size_t)type >= COUNT(types) || types[type].name == NULL ? NULL : &types[type];
}

const char *event_type_name(enum event_type type)
{
    const struct event_type_info *info = event_type_info(type);
    return info == NULL ? NULL : info->name;
}

enum event_type event_type_find(struct bytes name)
{
    for (size_t i = EVENT_UNKNOWN + 1; i < COUNT(types); i++)
        if (bytes_equal_string(name, types[i].name))
            return (enum event_type)i;
    return EVENT_UNKNOWN;
}

const char *event_severity_name(enum event_severity severity)
{
    switch (severity) {
    case SEVERITY_INFO:
        break;
    case SEVERITY_WARNING:
        return "warning";
    case SEVERITY_ERROR:
        return "error";
    }
    return "info";
}

const char *event_subject_name(enum event_subject subject)
{
    static const char *const names[] = {
        [SUBJECT_ACCOUNT] = "account",
        [SUBJECT_ORDER] = "order",
        [SUBJECT_AUTHORIZATION] = "authorization",
        [SUBJECT_CERTIFICATE] = "certificate",
        [SUBJECT_ISSUER] = "issuer",
        [SUBJECT_SERVER] = "server",
    };
    return (size_t)subject < COUNT(names) && names[subject] != NULL ? names[subject] : "none";
}
