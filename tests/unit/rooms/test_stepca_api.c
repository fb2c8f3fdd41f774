/* SPDX-License-Identifier: Apache-2.0 */
/* step-ca's own API, passed on: what anybody may read, and revocations. */
#include "stepca_answers.h"

LEAK_CHECKED_SUITE(stepca_api);

/* ---- reading ---- */

static const struct {
    const char *method, *target;
    struct stepca_answer answer;
    const char *asked; /* NULL: the CA is not */
    int status;
    const char *words;
    const char *retry_after;
} reads[] = {
    {"GET", "/1.0/version", ANSWERED(200, "{\"version\":\"0.28\"}"), "GET /1.0/version", 200,
     "{\"version\":\"0.28\"}", ""},
    {"GET", "/version", ANSWERED(200, "{\"version\":\"0.28\"}"), "GET /1.0/version", 200,
     "{\"version\":\"0.28\"}", ""},
    {"GET", "/1.0/roots", ANSWERED(201, "{\"crts\":[]}"), "GET /1.0/roots", 201, "{\"crts\":[]}", ""},
    {"GET", "/1.0/root/ab12", ANSWERED(200, "{\"ca\":\"x\"}"), "GET /1.0/root/ab12", 200, "{\"ca\":\"x\"}",
     ""},
    {"GET", "/1.0/root/ab12", ANSWERED(404, "{\"status\":404,\"message\":\"none such\"}"),
     "GET /1.0/root/ab12", 404, "none such", ""},
    {"GET", "/1.0/provisioners", ANSWERED(200, "{\"provisioners\":[],\"nextCursor\":\"\"}"),
     "GET /1.0/provisioners", 200, "\"provisioners\":[]", ""},
    {"GET", "/1.0/provisioners?limit=5&x=1&cursor=abc", ANSWERED(200, "{\"provisioners\":[]}"),
     "GET /1.0/provisioners?limit=5&cursor=abc", 200, NULL, ""},
    {"GET", "/1.0/provisioners?cursor=&limit", ANSWERED(200, "{\"provisioners\":[]}"),
     "GET /1.0/provisioners", 200, NULL, ""},
    {"GET", "/1.0/provisioners?cursor=a%20b", ANSWERED(200, "{}"), NULL, 400,
     "The URL contains characters that are not passed on.", ""},
    {"GET", "/1.0/provisioners", ANSWERED(200, "no JSON"), "GET /1.0/provisioners", 502,
     "The CA's answer is not in step-ca's format.", ""},
    {"GET", "/1.0/provisioners", ANSWERED(200, "{\"provisioners\":1}"), "GET /1.0/provisioners", 502,
     "The CA's list of provisioners cannot be read.", ""},
    {"GET", "/1.0/provisioners/k%2Fid/encrypted-key", ANSWERED(200, "{\"key\":\"x\"}"),
     "GET /1.0/provisioners/k%2Fid/encrypted-key", 200, "{\"key\":\"x\"}", ""},
    {"GET", "/1.0/provisioners/own-kid/encrypted-key", ANSWERED(200, "{\"key\":\"x\"}"), NULL, 404,
     "is not handed out; use another provisioner", ""},
    {"GET", "/1.0/provisioners/own%2Dkid/encrypted-key", ANSWERED(200, "{\"key\":\"x\"}"), NULL, 404,
     "is not handed out", ""},
    {"GET", "/1.0/provisioners/a%zz/encrypted-key", ANSWERED(200, "{}"), NULL, 400,
     "The URL contains characters that are not passed on.", ""},
    {"GET",
     "/1.0/roots",
     {ISSUER_API_BUSY, 0, NULL},
     "GET /1.0/roots",
     503,
     "Too many requests wait for the CA; it was not asked.",
     "5"},
    {"GET",
     "/1.0/roots",
     {ISSUER_API_FAILED, 0, NULL},
     "GET /1.0/roots",
     502,
     "The CA cannot be reached; it was not asked.",
     ""},
    {"GET",
     "/1.0/roots",
     {ISSUER_API_LOST, 0, NULL},
     "GET /1.0/roots",
     504,
     "it may have carried out the request.",
     ""},
    {"POST", "/1.0/rekey", ANSWERED(200, "{}"), NULL, 400, "A rekey is proven by the certificate's key", ""},
    {"GET", "/1.0/health", ANSWERED(200, "{}"), NULL, 200, "{\"status\":\"ok\"}", ""},
};

Test(stepca_api, what_anybody_may_read_is_passed_on)
{
    stepca_api_begin();
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        const char *what = arena_printf(site.arena, "%zu: %s", i, reads[i].target);
        stepca_asked = NULL;
        stepca_says = reads[i].answer;
        struct fake_reply *reply = stepca_ask(reads[i].method, reads[i].target, NULL, NULL);
        stepca_expect(what, reply, reads[i].status, reads[i].words, NULL);
        cr_expect_eq(stepca_asked == NULL, reads[i].asked == NULL, "%s: asked %s", what, stepca_asked);
        if (stepca_asked != NULL && reads[i].asked != NULL)
            cr_expect_str_eq(stepca_asked, reads[i].asked, "%s", what);
        cr_expect_str_eq(fake_header(reply, "Retry-After"), reads[i].retry_after, "%s", what);
    }
    site_end();
}

Test(stepca_api, an_issuer_without_an_api_of_its_own_passes_nothing_on)
{
    site_begin(",\"stepca_api\":{\"profile\":\"default\"}");
    struct issuer *issuer = issuers_find(site.parts.issuers, "main");
    static struct issuer_operations operations;
    operations = *issuer->operations;
    operations.api = NULL;
    issuer->operations = &operations;
    stepca_expect("roots", stepca_ask("GET", "/1.0/roots", NULL, NULL), 503,
                  "The issuer's API is not available at present.", NULL);
    stepca_expect("sign", stepca_ask("POST", "/1.0/sign", "{}", NULL), 503,
                  "The issuer's API is not available at present.", NULL);
    stepca_expect("renew", stepca_ask("POST", "/1.0/renew", "{}", NULL), 503,
                  "The issuer's API is not available at present.", NULL);
    stepca_expect("revoke", stepca_ask("POST", "/1.0/revoke", "{}", NULL), 503,
                  "The issuer's API is not available at present.", NULL);
    site_end();
}

/* ---- revoke ---- */

static const struct {
    const char *what;
    const char *body; /* NULL: a good one */
    struct stepca_answer answer;
    bool is_kept;
    int status;
    const char *words, *events;
    const char *detail;
} revokes[] = {
    {"kept", NULL, ANSWERED(200, "{\"status\":\"ok\"}"), true, 200, "{\"status\":\"ok\"}",
     "certificate.revoked", "confirmed by the CA, token of provisioner people"},
    {"not kept", NULL, ANSWERED(200, "{\"status\":\"ok\"}"), false, 200, "{\"status\":\"ok\"}",
     "certificate.revoked",
     "confirmed by the CA, token of provisioner people; serial 77 is not in the inventory"},
    {"not accepted", NULL, ANSWERED(401, "{\"status\":401,\"message\":\"not you\"}"), true, 401, "not you",
     NULL, NULL},
    {"lost", NULL, {ISSUER_API_LOST, 0, NULL}, true, 504, "The CA's answer was lost", NULL, NULL},
    {"no token", "{\"serial\":\"119\",\"passive\":true}", ANSWERED(200, "{}"), true, 400,
     "speaks to the CA only", NULL, NULL},
    {"no serial", "{}", ANSWERED(200, "{}"), true, 400, NULL, NULL, NULL},
    {"a token that is none", "{\"serial\":\"119\",\"passive\":true,\"ott\":\"x\"}", ANSWERED(200, "{}"), true,
     401, "the one-time token cannot be read", NULL, NULL},
};

Test(stepca_api, what_the_ca_confirms_is_a_revocation_here_too)
{
    for (size_t i = 0; i < sizeof revokes / sizeof *revokes; i++) {
        stepca_api_begin();
        site_leaf(NULL, "DNS:a.test", "77", revokes[i].is_kept);
        stepca_says = revokes[i].answer;
        const char *body =
            revokes[i].body != NULL
                ? revokes[i].body
                : arena_printf(site.arena,
                               "{\"serial\":\"119\",\"passive\":true,\"reasonCode\":4,\"ott\":\"%s\"}",
                               stepca_token("119"));
        stepca_expect(revokes[i].what, stepca_ask("POST", "/1.0/revoke", body, NULL), revokes[i].status,
                      revokes[i].words, revokes[i].events);
        bool confirmed = revokes[i].detail != NULL;
        cr_expect_eq(site_count("SELECT count(*) FROM certificates WHERE status = 'revoked' AND "
                                "revocation_reason = 4 AND revoked_at = 1780272000"),
                     confirmed && revokes[i].is_kept, "%s", revokes[i].what);
        cr_expect_eq(site.revoked != NULL, confirmed, "%s", revokes[i].what);
        if (confirmed)
            cr_expect_str_eq(site_text("SELECT detail FROM events"), revokes[i].detail);
        site_end();
    }
}

Test(stepca_api, what_the_ca_had_as_revoked_is_revoked_here_without_its_reason)
{
    stepca_api_begin();
    site_leaf(NULL, "DNS:a.test", "77", true);
    stepca_says = (struct stepca_answer)ANSWERED(
        400, "{\"status\":400,\"message\":\"certificate with serial number '119' is already revoked\"}");
    const char *body =
        arena_printf(site.arena, "{\"serial\":\"119\",\"passive\":true,\"reasonCode\":4,\"ott\":\"%s\"}",
                     stepca_token("119"));
    for (size_t i = 0; i < 2; i++)
        stepca_expect("already", stepca_ask("POST", "/1.0/revoke", body, NULL), 400, "is already revoked",
                      i == 0 ? "certificate.revoked" : NULL);
    cr_expect_str_eq(site_text("SELECT detail FROM events"),
                     "the CA had already revoked it, token of provisioner people");
    cr_expect_eq(
        site_count("SELECT count(*) FROM certificates WHERE status = 'revoked' AND revocation_reason = 0"),
        1);
    site_end();
}
