/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/cause.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct cause_info causes[] = {
    /* ---- requests ---- */
    [CAUSE_REQUEST_MALFORMED] = {"request-malformed", TURN_CLIENT,
                                 "Correct the request as the problem's detail says, then send it again."},
    [CAUSE_NONCE_USED] = {"nonce-used", TURN_CLIENT,
                          "Send the request again with the nonce of the last reply."},
    [CAUSE_SIGNATURE_ALGORITHM_REFUSED] =
        {"signature-algorithm-refused", TURN_CLIENT,
         "Sign requests with one of the algorithms that the problem lists."},
    [CAUSE_NOT_PERMITTED] = {"not-permitted", TURN_CLIENT,
                             "Send the request with the account or the key that the object belongs to."},
    [CAUSE_RATE_LIMITED] = {"rate-limited", TURN_CLIENT,
                            "Wait as long as Retry-After says, then send the request again. If the limit is "
                            "too low for this client, the operator raises it in \"limits\"."},
    [CAUSE_SERVER_FAULT] =
        {"server-fault", TURN_OPERATOR,
         "Look at the log of acmegate at that time and run 'acmegate check'. Then have the "
         "client try again."},
    /* ---- accounts ---- */
    [CAUSE_ACCOUNT_KEY_REFUSED] = {"account-key-refused", TURN_CLIENT,
                                   "Register with a key of another type or size, as the detail says."},
    [CAUSE_ACCOUNT_UNKNOWN] =
        {"account-unknown", TURN_CLIENT,
         "Register at this endpoint first. An account of another endpoint is unknown here."},
    [CAUSE_ACCOUNT_ENDED] = {"account-ended", TURN_CLIENT,
                             "Register a new account with a new key, then order again."},
    [CAUSE_TERMS_NOT_AGREED] = {"terms-not-agreed", TURN_CLIENT,
                                "Agree to the terms of service, then register again."},
    [CAUSE_CONTACT_REFUSED] = {"contact-refused", TURN_CLIENT,
                               "Register with contacts that are mailto: URLs of one address each, or without "
                               "contacts."},
    [CAUSE_EAB_REQUIRED] =
        {"eab-required", TURN_CLIENT,
         "Register with an external account key. The operator makes one with 'acmegate eab "
         "add'."},
    [CAUSE_EAB_KEY_UNKNOWN] =
        {"eab-key-unknown", TURN_CLIENT,
         "Compare the kid and the endpoint with the output of 'acmegate eab list', then "
         "register again."},
    [CAUSE_EAB_KEY_EXPIRED] = {"eab-key-expired", TURN_OPERATOR,
                               "Make a new external account key with 'acmegate eab add' and hand it to the "
                               "client."},
    [CAUSE_EAB_KEY_USED_UP] = {"eab-key-used-up", TURN_OPERATOR,
                               "Make another external account key with 'acmegate eab add', with more uses if "
                               "several clients share it."},
    [CAUSE_EAB_KEY_REVOKED] =
        {"eab-key-revoked", TURN_OPERATOR,
         "The key was revoked. To let the client in again, make a new one with 'acmegate "
         "eab add'; the client registers a new account with it."},
    [CAUSE_EAB_SIGNATURE_WRONG] = {"eab-signature-wrong", TURN_CLIENT,
                                   "Configure the client with the MAC key exactly as 'acmegate eab add' "
                                   "printed it."},
    [CAUSE_EAB_NAME_REFUSED] = {"eab-name-refused", TURN_OPERATOR,
                                "Hand the client an external account key that allows the name, or have it "
                                "order another name."},
    [CAUSE_EAB_PROFILE_REFUSED] = {"eab-profile-refused", TURN_OPERATOR,
                                   "Hand the client an external account key that allows the profile, or have "
                                   "it order another profile."},
    [CAUSE_KEYLESS_REFUSED] =
        {"keyless-refused", TURN_CLIENT,
         "Register a new account with an external account key. The endpoint allows this "
         "only for accounts that have one."},
    /* ---- orders and authorizations ---- */
    [CAUSE_NAME_REFUSED] = {"name-refused", TURN_OPERATOR,
                            "Change \"names\" of the endpoint or the profile so that the name is allowed, or "
                            "have the client order another name."},
    [CAUSE_IDENTIFIER_UNSUPPORTED] = {"identifier-unsupported", TURN_CLIENT,
                                      "Order identifiers of type dns or ip."},
    [CAUSE_NO_CHALLENGE_FITS] = {"no-challenge-fits", TURN_OPERATOR,
                                 "Add a challenge type that can prove the name to \"challenges\" of the "
                                 "endpoint. Wildcards need dns-01."},
    [CAUSE_PROFILE_UNKNOWN] = {"profile-unknown", TURN_CLIENT,
                               "Order one of the profiles that the directory lists, or none."},
    [CAUSE_PROFILE_GONE] = {"profile-gone", TURN_OPERATOR,
                            "Put the profile, and the endpoint that offers it, back into the configuration. "
                            "Or have the client order another profile."},
    [CAUSE_VALIDITY_REFUSED] = {"validity-refused", TURN_CLIENT,
                                "Order without notBefore and notAfter, or with times within the limits that "
                                "the detail names."},
    [CAUSE_ALREADY_REPLACED] = {"already-replaced", TURN_CLIENT,
                                "Renew the newest certificate, or order without \"replaces\"."},
    [CAUSE_ORDER_NOT_READY] = {"order-not-ready", TURN_CLIENT,
                               "Prove every name of the order, wait until it is ready, then finalize it."},
    [CAUSE_ORDER_EXPIRED] = {"order-expired", TURN_CLIENT,
                             "Order again, and finish the order before its \"expires\"."},
    [CAUSE_AUTHORIZATION_EXPIRED] = {"authorization-expired", TURN_CLIENT,
                                     "Order again, and answer the challenges before the authorization "
                                     "expires."},
    [CAUSE_AUTHORIZATION_DEACTIVATED] = {"authorization-deactivated", TURN_CLIENT,
                                         "Order again. The client deactivated the authorization itself."},
    [CAUSE_AUTHORIZATION_LAPSED] =
        {"authorization-lapsed", TURN_CLIENT,
         "Order again and prove the names again. An authorization of the order is no "
         "longer valid."},
    [CAUSE_WAITING_FOR_CHALLENGE] = {"waiting-for-challenge", TURN_CLIENT,
                                     "The client prepares a challenge and asks for its validation. If the "
                                     "client has stopped, start it again."},
    [CAUSE_WAITING_FOR_FINALIZE] =
        {"waiting-for-finalize", TURN_CLIENT,
         "The client sends its certificate request (finalize). If the client has stopped, start it again."},
    /* ---- CSRs ---- */
    [CAUSE_CSR_MALFORMED] = {"csr-malformed", TURN_CLIENT,
                             "Send one PKCS #10 request as base64url of its DER, as the detail says."},
    [CAUSE_CSR_NAMES_DIFFER] = {"csr-names-differ", TURN_CLIENT,
                                "Make the CSR for exactly the names of the order, then finalize again."},
    [CAUSE_CSR_KEY_REFUSED] = {"csr-key-refused", TURN_CLIENT,
                               "Make the CSR with a stronger or another type of key, then finalize again."},
    [CAUSE_CSR_KEY_TYPE_REFUSED] =
        {"csr-key-type-refused", TURN_CLIENT,
         "Make the CSR with a key of a type that the profile accepts, then finalize "
         "again."},
    [CAUSE_CSR_KEY_IS_ACCOUNT_KEY] =
        {"csr-key-is-account-key", TURN_CLIENT,
         "Make a new key for the certificate. The account's key must not be used for both."},
    [CAUSE_CSR_SIGNATURE_REFUSED] = {"csr-signature-refused", TURN_CLIENT,
                                     "Sign the CSR with its own key and SHA-256 or stronger, then finalize "
                                     "again."},
    /* ---- validation: name servers ---- */
    [CAUSE_NAME_SERVER_FAILED] = {"name-server-failed", TURN_OPERATOR,
                                  "Ask the name server that the detail names ('dig NAME @SERVER') and repair "
                                  "the zone or its DNSSEC. Or set other servers in validation.resolvers."},
    [CAUSE_NAME_SERVER_REFUSED] =
        {"name-server-refused", TURN_OPERATOR,
         "Allow this host at the name server, or set servers in validation.resolvers that answer it."},
    [CAUSE_NAME_SERVER_SILENT] = {"name-server-silent", TURN_OPERATOR,
                                  "See that this host reaches the name server on port 53 by UDP and TCP, or "
                                  "set other servers in validation.resolvers."},
    [CAUSE_NAME_SERVER_UNREACHABLE] = {"name-server-unreachable", TURN_OPERATOR,
                                       "Correct validation.resolvers, or start the name server: nothing "
                                       "listens at its address."},
    [CAUSE_NAME_SERVER_NOT_RECURSIVE] =
        {"name-server-not-recursive", TURN_OPERATOR,
         "Set name servers in validation.resolvers that resolve recursively. This "
         "one only answers for its own zones."},
    [CAUSE_NAME_SERVER_MALFORMED] =
        {"name-server-malformed", TURN_OPERATOR,
         "Ask the name server that the detail names for the record ('dig NAME "
         "@SERVER'), and correct its answer. Or set other servers in validation.resolvers."},
    [CAUSE_NO_ADDRESS] = {"no-address", TURN_CLIENT,
                          "Publish an A or AAAA record for the name, then order again. It must exist as seen "
                          "from this server."},
    [CAUSE_NO_ADDRESS_BEHIND_ALIAS] = {"no-address-behind-alias", TURN_CLIENT,
                                       "Publish an A or AAAA record for the name that the CNAME points to, "
                                       "then order again."},
    [CAUSE_NO_TXT_RECORD] = {"no-txt-record", TURN_CLIENT,
                             "Publish the TXT record before asking for the validation. Let the client wait "
                             "longer if the zone is slow."},
    [CAUSE_NO_TXT_RECORD_BEHIND_ALIAS] = {"no-txt-record-behind-alias", TURN_CLIENT,
                                          "Publish the TXT record at the name that the CNAME points to, or "
                                          "remove the CNAME."},
    [CAUSE_WRONG_TXT_RECORD] = {"wrong-txt-record", TURN_CLIENT,
                                "Replace the TXT record with the expected one. An old record may still "
                                "be cached: wait for its TTL."},
    [CAUSE_CAA_FORBIDS] = {"caa-forbids", TURN_CLIENT,
                           "Add a CAA record that allows this CA at the name that the detail names, then "
                           "order again."},
    [CAUSE_CAA_LOOKUP_FAILED] = {"caa-lookup-failed", TURN_OPERATOR,
                                 "See that the name server answers CAA queries for the name and those above "
                                 "it. Without an answer nothing is issued."},
    /* ---- validation: the server at the name ---- */
    [CAUSE_ADDRESS_FORBIDDEN] = {"address-forbidden", TURN_OPERATOR,
                                 "Add the address's network to validation.allow_addresses if clients may use "
                                 "it. Else correct the name's address."},
    [CAUSE_CONNECTION_FAILED] = {"connection-failed", TURN_CLIENT,
                                 "See that the client listens at the address and port that the detail names, "
                                 "and that no firewall rejects this server."},
    [CAUSE_CONNECTION_TIMED_OUT] = {"connection-timed-out", TURN_CLIENT,
                                    "Open the firewall to the address and port that the detail names, or "
                                    "repair the server that does not answer there."},
    [CAUSE_CONNECTION_BROKEN] = {"connection-broken", TURN_CLIENT,
                                 "Look at the server behind the address that the detail names: it closes the "
                                 "connection without an answer."},
    [CAUSE_HTTP_WRONG_STATUS] = {"http-wrong-status", TURN_CLIENT,
                                 "Make the web server at the address serve the client's file below "
                                 "/.well-known/acme-challenge/ without a log-in. A proxy may answer in its "
                                 "place."},
    [CAUSE_HTTP_SERVER_ERROR] =
        {"http-server-error", TURN_CLIENT,
         "Repair the web server at the address that the detail names: it answers with an error."},
    [CAUSE_HTTP_WRONG_CONTENT] = {"http-wrong-content", TURN_CLIENT,
                                  "See which server answers at the address: it does not serve the client's "
                                  "file. The address may be old, or a proxy may be in front of it."},
    [CAUSE_REDIRECT_REFUSED] = {"redirect-refused", TURN_CLIENT,
                                "Redirect the challenge to an http or https URL on a usual port, or not at "
                                "all."},
    [CAUSE_REDIRECT_LOOP] =
        {"redirect-loop", TURN_CLIENT,
         "Repair the web server's redirects for /.well-known/acme-challenge/: there are too many."},
    [CAUSE_TLS_FAILED] = {"tls-failed", TURN_CLIENT,
                          "Look at the TLS listener at the address that the detail names: the handshake "
                          "fails."},
    [CAUSE_TLS_ALPN_NOT_AGREED] = {"tls-alpn-not-agreed", TURN_CLIENT,
                                   "The client itself must answer on the TLS port. A proxy that terminates "
                                   "TLS in front of it does not support acme-tls/1."},
    [CAUSE_TLS_ALPN_WRONG_CERTIFICATE] = {"tls-alpn-wrong-certificate", TURN_CLIENT,
                                          "See which server answers on the TLS port: its certificate is not "
                                          "the one that the challenge needs."},
    [CAUSE_VALIDATION_UNDER_WAY] = {"validation-under-way", TURN_NOBODY,
                                    "acmegate tries the validation again. Keep the client's answer in "
                                    "place until it ends."},
    [CAUSE_WORK_SET_ASIDE] = {"work-set-aside", TURN_OPERATOR,
                              "Report this fault of acmegate with the log before its last starts. Then have "
                              "the client order again."},
    /* ---- the CA ---- */
    [CAUSE_ISSUANCE_UNDER_WAY] =
        {"issuance-under-way", TURN_NOBODY,
         "The CA is being asked, or the order waits for its turn. It continues automatically."},
    [CAUSE_CA_UNAVAILABLE] =
        {"ca-unavailable", TURN_OPERATOR,
         "Run 'acmegate check' to see what is wrong with the CA. The client orders again after Retry-After."},
    [CAUSE_CA_UNREACHABLE] = {"ca-unreachable", TURN_CA,
                              "Start the CA, or repair the connection to ca_url. acmegate repeats the "
                              "request as soon as the CA answers."},
    [CAUSE_CA_UNTRUSTED] = {"ca-untrusted", TURN_OPERATOR,
                            "Set root_cert_path to the CA's root certificate, and ca_url to the right CA. "
                            "'acmegate check' compares them."},
    [CAUSE_CA_CLOCK_DIFFERS] = {"ca-clock-differs", TURN_OPERATOR,
                                "Set the clocks of this server and the CA right. 'acmegate check' shows the "
                                "difference."},
    [CAUSE_CA_TOKEN_REFUSED] = {"ca-token-refused", TURN_CA,
                                "Read the reason in the CA's log: it refuses the provisioner's token. "
                                "'acmegate check' compares provisioner, key and clock."},
    [CAUSE_CA_PROVISIONER_GONE] = {"ca-provisioner-gone", TURN_CA,
                                   "Restore the provisioner with this key at the CA, or set provisioner_name "
                                   "and provisioner_key_path to another one."},
    [CAUSE_CA_BUSY] =
        {"ca-busy", TURN_NOBODY,
         "The CA is busy; acmegate asks it again. If this lasts, its operator checks its load."},
    [CAUSE_CA_FAILED] = {"ca-failed", TURN_CA,
                         "Read the error in the CA's log: it answered with an internal error. A template or "
                         "the database may be broken. acmegate repeats the request."},
    [CAUSE_CA_NOT_FOUND] = {"ca-not-found", TURN_OPERATOR,
                            "Set ca_url to the step-ca itself: the server there does not know the request. A "
                            "proxy may be in front of it."},
    [CAUSE_CA_ANSWER_LOST] = {"ca-answer-lost", TURN_NOBODY,
                              "The CA's answer was lost; acmegate asks the CA again. It may have "
                              "signed a certificate that nobody has."},
    [CAUSE_CA_ANSWER_STRANGE] = {"ca-answer-strange", TURN_OPERATOR,
                                 "Check the server at ca_url: its reply reports success, but is not "
                                 "step-ca's. A proxy may be in front of it."},
    [CAUSE_CA_POLICY] = {"ca-policy", TURN_CA,
                         "Allow the name in the policy of the CA or its provisioner, then have the client "
                         "order again. Or deny it in \"names\" of the profile."},
    [CAUSE_CA_NAME_CONSTRAINTS] = {"ca-name-constraints", TURN_CA,
                                   "The name constraints of the CA's certificates exclude the name. Use a CA "
                                   "without them, or have the client order another name."},
    [CAUSE_CA_WEBHOOK] = {"ca-webhook", TURN_CA,
                          "Find out from the CA's webhook why it denies the request. Then have the client "
                          "order again."},
    [CAUSE_CA_TEMPLATE] =
        {"ca-template", TURN_CA,
         "Repair the provisioner's certificate template at the CA. Then have the client order "
         "again."},
    [CAUSE_CA_REFUSED] = {"ca-refused", TURN_CA,
                          "Find the reason in the CA's log: its policy, template or webhook refused with the "
                          "words above. Then have the client order again."},
    [CAUSE_CA_CSR_REFUSED] = {"ca-csr-refused", TURN_CLIENT,
                              "Order again with another key or CSR: the CA refuses this one with the words "
                              "above."},
    [CAUSE_CA_NAMES_REFUSED] = {"ca-names-refused", TURN_CLIENT,
                                "Order again with a CSR for exactly the names of the order."},
    [CAUSE_CA_DURATION_REFUSED] = {"ca-duration-refused", TURN_OPERATOR,
                                   "Bring max_ttl of the profile within the CA's limits, or change the "
                                   "CA's claims. 'acmegate check' shows its limits."},
    [CAUSE_CA_VALIDITY_REFUSED] = {"ca-validity-refused", TURN_CLIENT,
                                   "Order again without notBefore and notAfter, or with times that the CA "
                                   "grants."},
    [CAUSE_CA_CHAIN_ENDED] =
        {"ca-chain-ended", TURN_CA,
         "Renew the CA's intermediate or root: a certificate must not outlive them. Then "
         "have the client order again."},
    [CAUSE_CA_TOO_SLOW] =
        {"ca-too-slow", TURN_CA,
         "Repair the fault of the CA that the attempts above describe. Then have the client order again."},
    [CAUSE_CERTIFICATE_MISFIT] = {"certificate-misfit", TURN_CA,
                                  "Repair the CA's template: the certificate differed from the request as "
                                  "described above, and is being revoked. Then have the client order again."},
    [CAUSE_CERTIFICATE_OF_BEFORE] = {"certificate-of-before", TURN_CA,
                                     "Find out why the CA gives out a certificate a second time. A proxy may "
                                     "cache its answers. Then have the client order again."},
    [CAUSE_LOCAL_CA_FAILED] =
        {"local-ca-failed", TURN_OPERATOR,
         "Look at the files of the local CA and the log of acmegate. acmegate repeats the request."},
    /* ---- certificates ---- */
    [CAUSE_CERTIFICATE_GOOD] = {"certificate-good", TURN_NOBODY,
                                "No action is needed. The client renews the certificate before it expires."},
    [CAUSE_CERTIFICATE_EXPIRED] =
        {"certificate-expired", TURN_CLIENT,
         "If the name is still in use, find out why the client did not renew it, and "
         "order again."},
    [CAUSE_CERTIFICATE_REVOKED] = {"certificate-revoked", TURN_NOBODY,
                                   "No action is needed. A new order gets a new certificate."},
    [CAUSE_CERTIFICATE_UNKNOWN] = {"certificate-unknown", TURN_CLIENT,
                                   "Send the request to the server and endpoint that issued the certificate. "
                                   "'acmegate import' adds certificates that the CA itself issued."},
    [CAUSE_ALREADY_REVOKED] = {"already-revoked", TURN_NOBODY,
                               "No action is needed. The certificate is revoked."},
    [CAUSE_REVOCATION_REASON_REFUSED] = {"revocation-reason-refused", TURN_CLIENT,
                                         "Revoke with one of the reasons 0 to 5, 9 and 10."},
    [CAUSE_REVOCATION_REASON_KEPT] = {"revocation-reason-kept", TURN_CA,
                                      "The CA keeps the first reason of a revocation in its list. Only its "
                                      "operator can change it there, in its database."},
    [CAUSE_REVOCATION_UNDER_WAY] =
        {"revocation-under-way", TURN_NOBODY,
         "The CA is being asked. acmegate repeats the revocation until the CA confirms it."},
    [CAUSE_REVOCATION_REFUSED] = {"revocation-refused", TURN_CA,
                                  "Find the reason in the CA's log: it refuses the revocation with the words "
                                  "above. acmegate repeats the request."},
    [CAUSE_CA_WITHOUT_DATABASE] =
        {"ca-without-database", TURN_CA,
         "Add a \"db\" to the CA's ca.json and restart the CA: without a database it "
         "revokes nothing. acmegate repeats the revocation."},
    [CAUSE_ISSUER_GONE] = {"issuer-gone", TURN_OPERATOR,
                           "Configure the issuer that signed the certificate again, with its root in "
                           "root_cert_path. Only that CA can revoke it."},
};

_Static_assert(COUNT(causes) == CAUSE_COUNT, "every cause has a row");

const struct cause_info *cause_info(enum cause cause)
{
    return (size_t)cause >= COUNT(causes) || causes[cause].name == NULL ? NULL : &causes[cause];
}

const char *cause_name(enum cause cause)
{
    const struct cause_info *info = cause_info(cause);
    return info == NULL ? NULL : info->name;
}

enum cause cause_find(struct bytes name)
{
    for (size_t i = CAUSE_NONE + 1; i < COUNT(causes); i++)
        if (bytes_equal_string(name, causes[i].name))
            return (enum cause)i;
    return CAUSE_NONE;
}

const char *turn_name(enum turn turn)
{
    switch (turn) {
    case TURN_CLIENT:
        return "the client";
    case TURN_OPERATOR:
        return "the operator of acmegate";
    case TURN_CA:
        return "the operator of the CA";
    case TURN_NOBODY:
        break;
    }
    return "nobody";
}
