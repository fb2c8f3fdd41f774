/* SPDX-License-Identifier: Apache-2.0 */
/* step-ca's own API, passed on: how long certificates may live, what is renewed, what a refusal teaches, and
 * a database that comes back. */
#include "gateway/ca/issuer_api.h"
#include "gateway/ca/issuer_signers.h"
#include "stepca_answers.h"

LEAK_CHECKED_SUITE(stepca_api_life);

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, SLACK_S = CERTIFICATE_SLACK_S };

static const char *sign_body(EVP_PKEY *key, const char *more)
{
    return arena_printf(site.arena, "{\"csr\":\"%s\",\"ott\":\"%s\"%s}", stepca_csr(key, "DNS:a.test"),
                        stepca_token("a.test"), more);
}

/* A duration counts from the moment in which the CA is asked. */
Test(stepca_api_life, what_waited_for_its_turn_may_begin_and_end_so_much_later)
{
    static const struct {
        const char *more; /* of the request */
        int64_t waited_s, begin_s, end_s;
        bool fits;
    } cases[] = {
        {",\"notAfter\":\"1h\"", 0, -60, HOUR_S + SLACK_S, true},
        {",\"notAfter\":\"1h\"", 0, -60, HOUR_S + SLACK_S + 1, false},
        {",\"notAfter\":\"1h\"", 100, -60, HOUR_S + SLACK_S + 100, true},
        {",\"notAfter\":\"1h\"", 100, -60, HOUR_S + SLACK_S + 101, false},
        {",\"notBefore\":\"1h\"", 0, HOUR_S + SLACK_S, 5 * HOUR_S, true},
        {",\"notBefore\":\"1h\"", 0, HOUR_S + SLACK_S + 1, 5 * HOUR_S, false},
        {",\"notBefore\":\"1h\"", 100, HOUR_S + SLACK_S + 100, 5 * HOUR_S, true},
        {",\"notBefore\":\"1h\"", 100, HOUR_S + SLACK_S + 101, 5 * HOUR_S, false},
        {"", 0, SLACK_S, 5 * HOUR_S, true},
        {"", 0, SLACK_S + 1, 5 * HOUR_S, false},
        {"", 100, SLACK_S + 1, 5 * HOUR_S, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stepca_api_begin();
        EVP_PKEY *key = pki_key(site.arena, "P-256");
        stepca_waited_s = cases[i].waited_s;
        stepca_says = (struct stepca_answer)ANSWERED(
            201, stepca_chain_of(
                     stepca_leaf(key, "DNS:a.test", "77", NOW + cases[i].begin_s, NOW + cases[i].end_s)));
        struct fake_reply *reply = stepca_ask("POST", "/1.0/sign", sign_body(key, cases[i].more), NULL);
        cr_expect_eq(reply->status, cases[i].fits ? 201 : 502, "%zu: %d", i, reply->status);
        site_end();
    }
}

/* ---- renewal ---- */

/* An expired certificate is judged as of its last moment. */
Test(stepca_api_life, what_could_be_issued_now_is_renewed)
{
    static const struct {
        const char *what;
        const char *key_type, *names;
        int64_t begin_s, end_s;
        bool is_known; /* to be signed by this issuer's CA */
        int status;
        const char *words;
    } cases[] = {
        {"good", "P-256", "DNS:a.test", -HOUR_S, DAY_S, true, 201, "\"crt\":\"-----BEGIN"},
        {"over", "P-256", "DNS:a.test", -DAY_S, -HOUR_S, true, 201, "\"crt\":\"-----BEGIN"},
        {"over, of another issuer", "P-256", "DNS:a.test", -DAY_S, -HOUR_S, false, 403,
         "several of this server's issuers share its root"},
        {"no name", "P-256", NULL, -HOUR_S, DAY_S, true, 403, "It is not renewed here: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stepca_api_begin();
        EVP_PKEY *key = pki_key(site.arena, cases[i].key_type);
        struct bytes presented =
            stepca_leaf(key, cases[i].names, "77", NOW + cases[i].begin_s, NOW + cases[i].end_s);
        if (cases[i].is_known)
            issuer_learn_signer(issuers_find(site.parts.issuers, "main"), pki_der(site.arena, site.ca), NULL,
                                0);
        stepca_says = (struct stepca_answer)ANSWERED(201, stepca_chain(key, cases[i].names, "78"));
        stepca_expect(cases[i].what, stepca_ask("POST", "/1.0/renew", "", stepca_renewal_token(presented)),
                      cases[i].status, cases[i].words, cases[i].status == 201 ? "sign.renewed" : NULL);
        cr_expect_eq(stepca_asked != NULL, cases[i].status == 201, "%s", cases[i].what);
        site_end();
    }
}

/* The successor's end is bounded from the moment in which the CA is asked. */
Test(stepca_api_life, a_successor_lives_no_longer_than_certificates_do_here)
{
    static const struct {
        int64_t waited_s, over_s;
        int status;
    } cases[] = {{0, 0, 201}, {0, 1, 502}, {100, 100, 201}, {100, 101, 502}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stepca_api_begin();
        struct validity_limits limits = {0};
        struct issuer *issuer = issuers_find(site.parts.issuers, "main");
        const struct profile_config *profile = config_profile(site.config, "default");
        EVP_PKEY *key = pki_key(site.arena, "P-256");
        struct bytes presented = stepca_leaf(key, "DNS:a.test", "77", NOW - HOUR_S, NOW + HOUR_S);
        issuer_learn_signer(issuer, pki_der(site.arena, site.ca), NULL, 0);
        issuers_profile_limits(site.parts.issuers, profile, &limits);
        int64_t end = NOW + validity_cap(&(struct validity_limits){.profile_max_s = limits.profile_max_s,
                                                                   .chain_not_after = limits.chain_not_after},
                                         NOW);
        stepca_waited_s = cases[i].waited_s;
        stepca_says = (struct stepca_answer)ANSWERED(
            201,
            stepca_chain_of(stepca_leaf(key, "DNS:a.test", "78", NOW - 60, end + SLACK_S + cases[i].over_s)));
        struct fake_reply *reply = stepca_ask("POST", "/1.0/renew", "", stepca_renewal_token(presented));
        cr_expect_eq(reply->status, cases[i].status, "%zu: %d %.*s", i, reply->status, (int)reply->body.n,
                     (const char *)reply->body.p);
        site_end();
    }
}

/* ---- what a refusal teaches ---- */

/* Only with 403 the CA has read the token: what it says then is of this provisioner. */
Test(stepca_api_life, a_refused_duration_teaches_the_provisioners_limit)
{
    static const char message[] =
        "{\"status\":403,\"message\":\"requested duration of 2h1m0s is more than the "
        "authorized maximum certificate duration of 1h1m0s\"}";
    static const struct {
        struct stepca_answer answer;
        bool learned;
    } cases[] = {
        {ANSWERED(403, message), true},
        {ANSWERED(400, message), false},
        {ANSWERED(403, "{\"status\":403,\"message\":\"no\"}"), false},
        {{ISSUER_API_LOST, 403, message}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct validity_limits limits = {0}, others = {0};
        stepca_api_begin();
        struct issuer *issuer = issuers_find(site.parts.issuers, "main");
        stepca_says = cases[i].answer;
        stepca_ask("POST", "/1.0/sign", sign_body(pki_key(site.arena, "P-256"), ",\"notAfter\":\"2h\""),
                   NULL);
        cr_expect_not_null(stepca_asked, "%zu", i);
        issuer_api_of(issuer)->limits(issuer, "people", "k1", &limits);
        issuer_api_of(issuer)->limits(issuer, "people", "k2", &others);
        cr_expect_eq(limits.learned_max_s != 0, cases[i].learned, "%zu: %lld", i,
                     (long long)limits.learned_max_s);
        cr_expect_eq(others.learned_max_s, 0, "%zu", i);
        site_end();
    }
}

/* ---- the database ---- */

/* A deed of the CA stays done: it is written as soon as the database takes it, and answered then. */
Test(stepca_api_life, what_the_ca_did_waits_for_the_database)
{
    stepca_api_begin();
    site_leaf(NULL, "DNS:a.test", "77", true);
    stepca_says = (struct stepca_answer)ANSWERED(200, "{\"status\":\"ok\"}");
    fake_store_fail(2);
    const char *body =
        arena_printf(site.arena, "{\"serial\":\"119\",\"passive\":true,\"ott\":\"%s\"}", stepca_token("119"));
    struct fake_reply *reply = stepca_send("POST", "/1.0/revoke", body, NULL);
    fakes_pass(600);
    cr_expect_not(reply->done, "it has failed twice by now");
    cr_expect_null(site.revoked);
    fakes_pass(500);
    cr_assert(reply->done);
    stepca_expect("in the end", reply, 200, "{\"status\":\"ok\"}", "certificate.revoked");
    cr_expect_str_eq(site.revoked, "main");
    cr_expect_eq(site_count("SELECT count(*) FROM certificates WHERE status = 'revoked'"), 1);
    site_end();
}
