/* SPDX-License-Identifier: Apache-2.0 */
/* step-ca's own API, passed on: certificates that its CA signs and renews. */
#include "gateway/ca/issuer_signers.h"
#include "stepca_answers.h"

LEAK_CHECKED_SUITE(stepca_api_issue);

/* ---- sign ---- */

static const struct {
    const char *what;
    const char *token_name;   /* NULL: no token of that form */
    const char *names;        /* of the CSR */
    const char *more;         /* members of the request */
    const char *signed_names; /* by the CA; NULL: `answer` */
    struct stepca_answer answer;
    bool is_asked;
    int status;
    const char *words, *events;
    int certificates; /* rows */
} signs[] = {
    {"good",
     "a.test",
     "DNS:a.test",
     "",
     "DNS:a.test",
     {0},
     true,
     201,
     "\"crt\":\"-----BEGIN|\"certChain\":[\"-----BEGIN",
     "sign.issued",
     1},
    {"another key's",
     "a.test",
     "DNS:a.test",
     "",
     "DNS:a.test",
     {0},
     true,
     502,
     "a certificate that does not fit|it is not handed out and is being revoked",
     "certificate.rejected",
     1},
    {"no token", NULL, "DNS:a.test", "", NULL, {0}, false, 401, "the one-time token cannot be read", NULL, 0},
    {"template data",
     "a.test",
     "DNS:a.test",
     ",\"templateData\":{\"x\":1}",
     NULL,
     {0},
     false,
     403,
     "templateData is not passed on",
     NULL,
     0},
    {"a bad time",
     "a.test",
     "DNS:a.test",
     ",\"notAfter\":\"tomorrow\"",
     NULL,
     {0},
     false,
     400,
     "take an RFC 3339 time or a duration",
     NULL,
     0},
    {"refused", "a.test", "DNS:a.test", "", NULL, ANSWERED(403, "{\"status\":403,\"message\":\"not you\"}"),
     true, 403, "not you", "sign.refused", 0},
    {"not accepted", "a.test", "DNS:a.test", "", NULL,
     ANSWERED(401, "{\"status\":401,\"message\":\"token used\"}"), true, 401, "token used", NULL, 0},
    {"garbage", "a.test", "DNS:a.test", "", NULL, ANSWERED(201, "x"), true, 502,
     "The CA's answer is not in step-ca's format.", "sign.unknown", 0},
    {"no certificate", "a.test", "DNS:a.test", "", NULL, ANSWERED(201, "{\"certChain\":[\"x\"]}"), true, 502,
     "The CA's certificates cannot be read.", "sign.unknown", 0},
    {"lost",
     "a.test",
     "DNS:a.test",
     "",
     NULL,
     {ISSUER_API_LOST, 0, NULL},
     true,
     504,
     "The CA's answer was lost",
     "sign.unknown",
     0},
    {"busy",
     "a.test",
     "DNS:a.test",
     "",
     NULL,
     {ISSUER_API_BUSY, 0, NULL},
     true,
     503,
     "it was not asked",
     NULL,
     0},
};

Test(stepca_api_issue, a_certificate_is_checked_and_kept_before_it_is_handed_out)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        stepca_api_begin();
        EVP_PKEY *key = pki_key(site.arena, "P-256");
        stepca_says = signs[i].answer;
        if (signs[i].signed_names != NULL)
            stepca_says = (struct stepca_answer)ANSWERED(
                201, stepca_chain(signs[i].status == 201 ? key : pki_key(site.arena, "P-256"),
                                  signs[i].signed_names, "77"));
        const char *body = arena_printf(
            site.arena, "{\"csr\":\"%s\",\"ott\":\"%s\"%s}", stepca_csr(key, signs[i].names),
            signs[i].token_name == NULL ? "x" : stepca_token(signs[i].token_name), signs[i].more);
        struct fake_reply *reply = stepca_ask("POST", "/1.0/sign", body, NULL);
        stepca_expect(signs[i].what, reply, signs[i].status, signs[i].words, signs[i].events);
        cr_expect_eq(stepca_asked != NULL, signs[i].is_asked, "%s: asked %s", signs[i].what, stepca_asked);
        cr_expect_eq(site_count("SELECT count(*) FROM certificates"), signs[i].certificates, "%s",
                     signs[i].what);
        cr_expect_eq(site_count("SELECT count(*) FROM certificates WHERE status = 'rejected'"),
                     signs[i].certificates != 0 && signs[i].status != 201, "%s", signs[i].what);
        site_end();
    }
}

Test(stepca_api_issue, a_certificate_is_handed_out_once)
{
    stepca_api_begin();
    EVP_PKEY *key = pki_key(site.arena, "P-256");
    stepca_says = (struct stepca_answer)ANSWERED(201, stepca_chain(key, "DNS:a.test", "77"));
    const char *body = arena_printf(site.arena, "{\"csr\":\"%s\",\"ott\":\"%s\"}",
                                    stepca_csr(key, "DNS:a.test"), stepca_token("a.test"));
    stepca_expect("first", stepca_ask("POST", "/1.0/sign", body, NULL), 201, NULL, "sign.issued");
    stepca_expect("again", stepca_ask("POST", "/1.0/sign", body, NULL), 502,
                  "a certificate that it had issued before", NULL);
    site_end();
}

/* ---- renew ---- */

Test(stepca_api_issue, a_renewal_needs_a_token_with_the_certificate)
{
    stepca_api_begin();
    stepca_expect("no token", stepca_ask("POST", "/1.0/renew", "", NULL), 400, "renew by token", NULL);
    stepca_expect("another scheme", stepca_ask("POST", "/1.0/renew", "", "Basic x"), 400, "renew by token",
                  NULL);
    stepca_expect("no certificate", stepca_ask("POST", "/1.0/renew", "", "Bearer x"), 401,
                  "the renewal token cannot be read", NULL);
    cr_expect_null(stepca_asked);
    site_end();
}

Test(stepca_api_issue, a_certificate_is_renewed_by_the_ca_that_is_known_to_have_signed_it)
{
    stepca_api_begin();
    struct site_leaf leaf = site_leaf(NULL, "DNS:a.test", "77", false);
    stepca_says = (struct stepca_answer)ANSWERED(201, stepca_chain(leaf.key, "DNS:a.test", "78"));
    const char *bearer = stepca_renewal_token(leaf.der);
    stepca_expect("one of several", stepca_ask("POST", "/1.0/renew", "", bearer), 403,
                  "It is not renewed here: several of this server's issuers share its root", NULL);
    cr_expect_null(stepca_asked);
    issuer_learn_signer(issuers_find(site.parts.issuers, "main"), pki_der(site.arena, site.ca), NULL, 0);
    stepca_expect("known", stepca_ask("POST", "/1.0/renew", "", bearer), 201, "\"crt\":\"-----BEGIN",
                  "sign.renewed");
    cr_expect_str_eq(stepca_asked, "POST /1.0/renew");
    cr_expect_str_eq(stepca_asked_body, "{}");
    cr_expect_str_eq(site_text("SELECT detail FROM events"), "profile default, replaces certificate 77");
    cr_expect_eq(site_count("SELECT count(*) FROM certificates WHERE serial = '78'"), 1);
    site_end();
}
