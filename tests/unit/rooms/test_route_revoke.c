/* SPDX-License-Identifier: Apache-2.0 */
/* revokeCert (RFC 8555 §7.6): who may, and what is written down before the CA is asked. */
#include "acme/base/base64.h"
#include "gateway/ca/issuer_signers.h"
#include "site.h"

LEAK_CHECKED_SUITE(route_revoke);

enum signer { BY_ACCOUNT, BY_CERTIFICATE_KEY, BY_OTHER_KEY, BY_OTHER_ACCOUNT };
enum whose { CLIENTS, NOBODYS, NOT_KEPT };

static const struct {
    const char *what;
    enum whose whose;
    const char *names;
    enum signer signer;
    const char *proven; /* names, a blank between them, of the account that signs */
    enum authorization_basis basis;
    const char *sql; /* before */
    const char *reason;
    struct site_expected expected;
    const char *by;
} revocations[] = {
    {"its account",
     CLIENTS,
     "DNS:a.test",
     BY_ACCOUNT,
     NULL,
     0,
     NULL,
     "",
     {503, "serverInternal", "has not confirmed the revocation|The request is recorded",
      "revocation.requested"},
     "by account, reason unspecified"},
    {"with a reason",
     CLIENTS,
     "DNS:a.test",
     BY_ACCOUNT,
     NULL,
     0,
     NULL,
     ",\"reason\":4",
     {503, "serverInternal", NULL, "revocation.requested"},
     "by account, reason superseded"},
    {"a bad reason",
     CLIENTS,
     "DNS:a.test",
     BY_ACCOUNT,
     NULL,
     0,
     NULL,
     ",\"reason\":7",
     {400, "badRevocationReason", NULL, NULL},
     NULL},
    {"its key",
     CLIENTS,
     "DNS:a.test",
     BY_CERTIFICATE_KEY,
     NULL,
     0,
     NULL,
     ",\"reason\":1",
     {503, "serverInternal", NULL, "revocation.requested"},
     "by certificate key, reason keyCompromise"},
    {"another key",
     CLIENTS,
     "DNS:a.test",
     BY_OTHER_KEY,
     NULL,
     0,
     NULL,
     "",
     {403, "unauthorized", "is not signed with the certificate's key", NULL},
     NULL},
    {"another account",
     CLIENTS,
     "DNS:a.test",
     BY_OTHER_ACCOUNT,
     NULL,
     0,
     NULL,
     "",
     {403, "unauthorized", "no valid authorization for a.test", NULL},
     NULL},
    {"who proved its name",
     CLIENTS,
     "DNS:a.test",
     BY_OTHER_ACCOUNT,
     "a.test",
     AUTHORIZATION_PROVEN,
     NULL,
     "",
     {503, "serverInternal", NULL, "revocation.requested"},
     "by account in control of the names, reason unspecified"},
    {"who proved one of its names",
     CLIENTS,
     "DNS:a.test,DNS:b.test",
     BY_OTHER_ACCOUNT,
     "a.test",
     AUTHORIZATION_PROVEN,
     NULL,
     "",
     {403, "unauthorized", "no valid authorization for b.test", NULL},
     NULL},
    {"who is trusted with its name",
     CLIENTS,
     "DNS:zone.test",
     BY_OTHER_ACCOUNT,
     "zone.test",
     AUTHORIZATION_TRUSTED_NAME,
     NULL,
     "",
     {403, "unauthorized", "no valid authorization for zone.test", NULL},
     NULL},
    {"who proved its wildcard",
     CLIENTS,
     "DNS:*.a.test",
     BY_OTHER_ACCOUNT,
     "*.a.test",
     AUTHORIZATION_PROVEN,
     NULL,
     "",
     {503, "serverInternal", NULL, "revocation.requested"},
     "by account in control of the names, reason unspecified"},
    {"who proved the name below a wildcard",
     CLIENTS,
     "DNS:*.a.test",
     BY_OTHER_ACCOUNT,
     "a.test",
     AUTHORIZATION_PROVEN,
     NULL,
     "",
     {403, "unauthorized", "no valid authorization for *.a.test", NULL},
     NULL},
    {"what no authorization speaks for",
     CLIENTS,
     "DNS:a.test,email:x@a.test",
     BY_OTHER_ACCOUNT,
     "a.test",
     AUTHORIZATION_PROVEN,
     NULL,
     "",
     {403, "unauthorized", "which no authorization covers", NULL},
     NULL},
    {"nobody's",
     NOBODYS,
     "DNS:a.test",
     BY_OTHER_ACCOUNT,
     "a.test",
     AUTHORIZATION_PROVEN,
     NULL,
     "",
     {503, "serverInternal", NULL, "revocation.requested"},
     "by account in control of the names, reason unspecified"},
    {"the server's own name",
     NOBODYS,
     "DNS:a.test,DNS:acme.test",
     BY_OTHER_ACCOUNT,
     "a.test acme.test",
     AUTHORIZATION_PROVEN,
     NULL,
     "",
     {403, "unauthorized", "bears this server's own name acme.test", NULL},
     NULL},
    {"not kept, by its key",
     NOT_KEPT,
     "DNS:a.test",
     BY_CERTIFICATE_KEY,
     NULL,
     0,
     NULL,
     "",
     {503, "serverInternal", NULL, "certificate.found revocation.requested"},
     "by certificate key, reason unspecified"},
    {"not kept, by a stranger",
     NOT_KEPT,
     "DNS:a.test",
     BY_OTHER_ACCOUNT,
     NULL,
     0,
     NULL,
     "",
     {403, "unauthorized", NULL, NULL},
     NULL},
    {"rejected",
     CLIENTS,
     "DNS:a.test",
     BY_ACCOUNT,
     NULL,
     0,
     "UPDATE certificates SET status = 'rejected', rejected_because = 'x'",
     "",
     {404, "malformed", "This certificate was not issued here.", NULL},
     NULL},
    {"revoked",
     CLIENTS,
     "DNS:a.test",
     BY_ACCOUNT,
     NULL,
     0,
     "UPDATE certificates SET status = 'revoked', revoked_at = 1780272000, revocation_reason = 4",
     "",
     {400, "alreadyRevoked", "is revoked already, with reason superseded.", NULL},
     NULL},
    {"revoked, now keyCompromise by the account",
     CLIENTS,
     "DNS:a.test",
     BY_ACCOUNT,
     NULL,
     0,
     "UPDATE certificates SET status = 'revoked', revoked_at = 1780272000, revocation_reason = 4",
     ",\"reason\":1",
     {400, "alreadyRevoked", NULL, NULL},
     NULL},
    {"revoked, now keyCompromise by the key",
     CLIENTS,
     "DNS:a.test",
     BY_CERTIFICATE_KEY,
     NULL,
     0,
     "UPDATE certificates SET status = 'revoked', revoked_at = 1780272000, revocation_requested_at = "
     "1780272000, revocation_reason = 4",
     ",\"reason\":1",
     {503, "serverInternal", NULL, "revocation.requested"},
     "by certificate key, reason keyCompromise instead of superseded"},
    {"asked for before",
     CLIENTS,
     "DNS:a.test",
     BY_ACCOUNT,
     NULL,
     0,
     "UPDATE certificates SET revocation_requested_at = 1780271999, revocation_reason = 4, "
     "revocation_next_attempt_at = 1780279999",
     "",
     {503, "serverInternal", NULL, NULL},
     NULL},
    {"asked for before, now keyCompromise by the key",
     CLIENTS,
     "DNS:a.test",
     BY_CERTIFICATE_KEY,
     NULL,
     0,
     "UPDATE certificates SET revocation_requested_at = 1780271999, revocation_reason = 4, "
     "revocation_next_attempt_at = 1780279999",
     ",\"reason\":1",
     {503, "serverInternal", NULL, "revocation.requested"},
     "by certificate key, reason keyCompromise instead of superseded"},
};

static const char *revocation_of(struct bytes der, const char *reason)
{
    return arena_printf(site.arena, "{\"certificate\":\"%s\"%s}", base64url_encode(site.arena, der), reason);
}

static void prove(const struct site_client *client, const char *names, enum authorization_basis basis)
{
    char *copy = arena_duplicate(site.arena, names), *rest = NULL;
    for (char *name = strtok_r(copy, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest))
        site_authorize(client, name, basis);
}

static void check_revocation(size_t i)
{
    const char *what = revocations[i].what;
    struct site_client *client = site_account("acme"), *other = site_account("acme"),
                       *key = site_client("acme");
    enum whose whose = revocations[i].whose;
    struct site_leaf leaf =
        site_leaf(whose == CLIENTS ? client : NULL, revocations[i].names, "77", whose != NOT_KEPT);
    issuer_learn_signer(issuers_find(site.parts.issuers, "main"), pki_der(site.arena, site.ca), NULL, 0);
    struct jose_error fault;
    if (revocations[i].signer == BY_CERTIFICATE_KEY)
        cr_assert(jwk_from_key(site.arena, leaf.key, &key->jwk, &fault));
    if (revocations[i].proven != NULL)
        prove(other, revocations[i].proven, revocations[i].basis);
    if (revocations[i].sql != NULL)
        site_run(revocations[i].sql);
    const struct site_client *signer = revocations[i].signer == BY_ACCOUNT         ? client
                                       : revocations[i].signer == BY_OTHER_ACCOUNT ? other
                                                                                   : key;
    struct fake_reply *reply =
        site_post(signer, "/revoke-cert", revocation_of(leaf.der, revocations[i].reason));
    site_expect(what, reply, &revocations[i].expected);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), revocations[i].expected.status == 503 ? "30" : "",
                     "%s", what);
    cr_expect_str_eq(site_text("SELECT (SELECT detail FROM events WHERE kind = 'revocation.requested')"),
                     revocations[i].by == NULL ? "" : revocations[i].by, "%s", what);
    cr_expect_eq(site_count("SELECT count(*) FROM certificates WHERE status = 'revoked'"),
                 revocations[i].sql != NULL && strstr(revocations[i].sql, "'revoked'") != NULL,
                 "%s: revoked without the CA", what);
}

Test(route_revoke, who_may_revokes_and_the_ca_is_asked)
{
    for (size_t i = 0; i < sizeof revocations / sizeof *revocations; i++) {
        site_begin(",\"finalize\":{\"hold_reply\":\"0s\"}");
        check_revocation(i);
        site_end();
    }
}

Test(route_revoke, a_certificate_of_another_ca_is_not_revoked_here)
{
    site_begin("");
    struct site_client *client = site_client("acme");
    struct site_leaf leaf = site_leaf(NULL, "DNS:a.test", "77", false);
    const struct pki_certificate foreign = {.key = leaf.key,
                                            .common_name = "Foreign",
                                            .names = "DNS:a.test",
                                            .not_before = NOW - 60,
                                            .not_after = NOW + 60};
    struct jose_error fault;
    cr_assert(jwk_from_key(site.arena, leaf.key, &client->jwk, &fault));
    site_expect("foreign",
                site_post(client, "/revoke-cert",
                          revocation_of(pki_der(site.arena, pki_certificate(site.arena, &foreign)), "")),
                &(struct site_expected){
                    404, "malformed",
                    "This certificate was not issued here.|\"cause\":\"certificate-unknown\"", NULL});
    SITE_EXPECT("no certificate", site_post(client, "/revoke-cert", "{\"certificate\":\"AAAA\"}"), 400,
                "malformed", "not a DER X.509 certificate", NULL);
    SITE_EXPECT("nothing", site_post(client, "/revoke-cert", "{}"), 400, "malformed", NULL, NULL);
    SITE_EXPECT("POST-as-GET", site_post(client, "/revoke-cert", NULL), 400, "malformed",
                "The payload must be a JSON object with a certificate.", NULL);
    site_end();
}

Test(route_revoke, a_failing_statement_is_told_and_changes_nothing)
{
    site_begin(",\"finalize\":{\"hold_reply\":\"0s\"}");
    struct site_client *client = site_account("acme");
    struct site_leaf leaf = site_leaf(client, "DNS:a.test", "77", true);
    struct fake_reply *reply = site_post_past_faults(client, "/revoke-cert", revocation_of(leaf.der, ""));
    SITE_EXPECT("revoke", reply, 503, "serverInternal", "has not confirmed", "revocation.requested");
    site_end();
}
