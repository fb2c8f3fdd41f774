/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer of type stepca and its CA: what is asked, and what the answers mean for requests and for its
 * health. */
#include "acme/pki.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "stepca_issuer.h"

LEAK_CHECKED_SUITE(stepca_calls);

#define API           CA "1.0/"
#define OF(name, jwk) PROVISIONERS(PROVISIONER(name, jwk, "\"maxTLSCertDuration\":\"48h\""))

static struct stepca_issuer at;
static size_t ends;

static void begin(const char *provisioners, int64_t max_concurrent)
{
    ends = 0;
    stepca_issuer_begin(&at, provisioners, max_concurrent);
}

static void end(void)
{
    stepca_issuer_end(&at);
}

static struct issuer_status status_of_issuer(void)
{
    return stepca_issuer_status(&at);
}

/* ---- signing ---- */

static void sign_ended(struct issuer_sign_request *request)
{
    (void)request;
    ends++;
}

static struct issuer_sign_request *sign(void)
{
    const struct pki_csr wanted = {.key = pki_key(at.place.arena, "P-256"), .names = "DNS:www.test"};
    struct issuer_sign_request *request = arena_alloc(at.place.arena, sizeof *request);
    *request = (struct issuer_sign_request){.arena = at.place.arena,
                                            .csr_der = pki_csr(at.place.arena, &wanted),
                                            .token_id = "0123456789abcdef",
                                            .done = sign_ended};
    request->csr = x509_request_read(request->csr_der);
    return request;
}

static const struct {
    const char *name;
    struct world_page page;
    enum issuer_outcome outcome;
    enum cause cause;
    enum issuer_state state;
    bool not_reached;
} replies[] = {
    {"refused",
     {.status = 400, .body = "{\"message\":\"bad\"}"},
     ISSUER_REFUSED,
     CAUSE_CA_TEMPLATE,
     ISSUER_HEALTHY,
     false},
    {"a name",
     {.status = 403, .body = "{\"message\":\"dns name 'www.test' not allowed\"}"},
     ISSUER_REFUSED,
     CAUSE_CA_REFUSED,
     ISSUER_HEALTHY,
     false},
    {"not accepted",
     {.status = 401, .body = "{\"message\":\"no\"}"},
     ISSUER_UNAUTHORIZED,
     CAUSE_CA_TOKEN_REFUSED,
     ISSUER_DOWN,
     false},
    {"not accepted, another time",
     {.status = 401, .body = "{\"message\":\"no\"}", .date = PLACE_NOW + 3600},
     ISSUER_UNAUTHORIZED,
     CAUSE_CA_CLOCK_DIFFERS,
     ISSUER_DOWN,
     false},
    {"busy", {.status = 503}, ISSUER_UNAVAILABLE, CAUSE_CA_BUSY, ISSUER_DEGRADED, false},
    {"too slow for a proxy", {.status = 408}, ISSUER_UNAVAILABLE, CAUSE_CA_BUSY, ISSUER_DEGRADED, false},
    {"too many", {.status = 429, .retry_after_s = 9}, ISSUER_UNAVAILABLE, CAUSE_CA_BUSY, ISSUER_DOWN, false},
    {"a proxy that waited",
     {.status = 504},
     ISSUER_UNAVAILABLE,
     CAUSE_CA_UNREACHABLE,
     ISSUER_DEGRADED,
     false},
    {"a proxy without its CA",
     {.status = 502},
     ISSUER_UNAVAILABLE,
     CAUSE_CA_UNREACHABLE,
     ISSUER_DEGRADED,
     false},
    {"it fails", {.status = 500}, ISSUER_UNAVAILABLE, CAUSE_CA_FAILED, ISSUER_DEGRADED, false},
    {"later", {.status = 503, .retry_after_s = 20}, ISSUER_UNAVAILABLE, CAUSE_CA_BUSY, ISSUER_DOWN, false},
    {"no step-ca",
     {.status = 404, .body = "404 page not found"},
     ISSUER_UNAVAILABLE,
     CAUSE_CA_NOT_FOUND,
     ISSUER_DEGRADED,
     false},
    {"rubbish",
     {.status = 201, .body = "<html>"},
     ISSUER_UNKNOWN,
     CAUSE_CA_ANSWER_STRANGE,
     ISSUER_DEGRADED,
     false},
    {"lost",
     {.error = "timed out", .connected = true},
     ISSUER_UNKNOWN,
     CAUSE_CA_ANSWER_LOST,
     ISSUER_DEGRADED,
     false},
    {"away", {.error = "Connection refused"}, ISSUER_UNAVAILABLE, CAUSE_CA_UNREACHABLE, ISSUER_DOWN, true},
    {"not trusted",
     {.error = "unknown CA", .untrusted = true},
     ISSUER_UNAVAILABLE,
     CAUSE_CA_UNTRUSTED,
     ISSUER_DOWN,
     true},
    {"not yet valid",
     {.error = "certificate is not yet valid", .untrusted = true},
     ISSUER_UNAVAILABLE,
     CAUSE_CA_CLOCK_DIFFERS,
     ISSUER_DOWN,
     true},
};

Test(stepca_calls, each_answer_to_a_signature_has_its_outcome_and_its_effect)
{
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        const char *name = replies[i].name;
        begin(OF("acmegate", JWK), 4);
        at.pages[3] = replies[i].page;
        at.pages[3].url = API "sign";
        struct issuer_sign_request *request = sign();
        issuer_sign(at.issuer, request);
        cr_expect_eq(ends, 0, "%s: ended at once", name);
        fakes_pass(100);
        cr_expect_eq(ends, 1, "%s", name);
        cr_expect_eq(stepca_issuer_asked("POST " API "sign"), 1, "%s: %s", name, world.asked);
        cr_expect_eq(request->result.outcome, replies[i].outcome, "%s: %d", name,
                     (int)request->result.outcome);
        cr_expect_eq(request->result.cause, replies[i].cause, "%s: %s", name,
                     cause_name(request->result.cause));
        cr_expect_eq(request->result.http_status, replies[i].page.status, "%s", name);
        cr_expect_eq(request->result.not_reached, replies[i].not_reached, "%s", name);
        cr_expect_eq(request->result.retry_after_s, replies[i].page.retry_after_s, "%s", name);
        struct issuer_status status = status_of_issuer();
        cr_expect_eq(status.state, replies[i].state, "%s: %d", name, (int)status.state);
        cr_expect_eq(status.calls_running + status.calls_waiting, 0, "%s", name);
        X509_REQ_free(request->csr);
        end();
    }
}

static void refuse_call(struct issuer_sign_request *request)
{
    request->go_on(request, false);
}

/* The owner decides later: the call is made then, unless it is too late. */
static struct outbound_timer deciding;

static void allow_call(void *request)
{
    ((struct issuer_sign_request *)request)->go_on(request, true);
}

static void allow_call_in_two_seconds(struct issuer_sign_request *request)
{
    deciding = (struct outbound_timer){.run = allow_call, .argument = request};
    outbound_timer_set(at.outbound, &deciding, 2000);
}

Test(stepca_calls, what_is_not_wanted_any_more_is_not_asked_for)
{
    static const struct {
        int64_t deadline;
        void (*take_turn)(struct issuer_sign_request *request);
        bool is_down;
        bool asked;
    } wishes[] = {{PLACE_NOW + 1, NULL, false, true},
                  {PLACE_NOW, NULL, false, false},
                  {0, refuse_call, false, false},
                  {0, allow_call_in_two_seconds, false, true},
                  {PLACE_NOW + 3, allow_call_in_two_seconds, false, true},
                  {PLACE_NOW + 2, allow_call_in_two_seconds, false, false},
                  {0, allow_call_in_two_seconds, true, false},
                  {0, NULL, true, false}};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        begin(OF("acmegate", JWK), 4);
        struct issuer_sign_request *request = sign();
        request->deadline = wishes[i].deadline;
        request->take_turn = wishes[i].take_turn;
        const struct issuer_failure failure = {ISSUER_CONTACT_WORK, ISSUER_NOT_REACHED, 0, 0, "away"};
        if (wishes[i].is_down)
            issuer_report_failure(at.issuer, failure, NULL);
        issuer_sign(at.issuer, request);
        fakes_pass(2100);
        cr_expect_eq(ends, 1, "%zu", i);
        cr_expect_eq(stepca_issuer_asked("POST " API "sign"), wishes[i].asked, "%zu: %s", i, world.asked);
        cr_expect_eq(request->result.outcome == ISSUER_NOT_ASKED, !wishes[i].asked, "%zu: %d", i,
                     (int)request->result.outcome);
        X509_REQ_free(request->csr);
        end();
    }
}

Test(stepca_calls, so_many_calls_run_at_once_and_the_others_wait_for_their_turn)
{
    begin(OF("acmegate", JWK), 2);
    at.pages[3] = (struct world_page){
        .url = API "sign", .status = 400, .body = "{\"message\":\"bad\"}", .delay_ms = 1000};
    struct issuer_sign_request *requests[5];
    for (size_t i = 0; i < 5; i++)
        issuer_sign(at.issuer, requests[i] = sign());
    for (size_t second = 0; second < 3; second++) {
        fakes_pass(500);
        struct issuer_status status = status_of_issuer();
        size_t running = second == 2 ? 1 : 2;
        cr_expect_eq(status.calls_running, running, "%zu: %zu", second, status.calls_running);
        cr_expect_eq(status.calls_waiting, 5 - 2 * second - running, "%zu: %zu", second,
                     status.calls_waiting);
        cr_expect_eq(ends, 2 * second, "%zu: %zu", second, ends);
        fakes_pass(510);
    }
    cr_expect_eq(ends, 5);
    for (size_t i = 0; i < 5; i++)
        X509_REQ_free(requests[i]->csr);
    end();
}

/* ---- revoking ---- */

static void revoke_ended(struct issuer_revoke_request *request)
{
    (void)request;
    ends++;
}

Test(stepca_calls, each_answer_to_a_revocation_has_its_outcome)
{
    static const struct {
        struct world_page page;
        enum issuer_outcome outcome;
        enum cause cause;
    } cases[] = {
        {{.status = 200, .body = "{\"status\":\"ok\"}"}, ISSUER_OK, CAUSE_NONE},
        {{.status = 400, .body = "{\"message\":\"certificate '1' is already revoked\"}"},
         ISSUER_ALREADY_REVOKED,
         CAUSE_NONE},
        {{.status = 403, .body = "{\"message\":\"no\"}"}, ISSUER_REFUSED, CAUSE_REVOCATION_REFUSED},
        {{.status = 501, .body = "{}"}, ISSUER_UNAVAILABLE, CAUSE_CA_WITHOUT_DATABASE},
        {{.error = "timed out", .connected = true}, ISSUER_UNKNOWN, CAUSE_CA_ANSWER_LOST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(OF("acmegate", JWK), 4);
        at.pages[3] = cases[i].page;
        at.pages[3].url = API "revoke";
        struct issuer_revoke_request request = {
            .arena = at.place.arena, .serial = "1a2b", .reason = 4, .done = revoke_ended};
        issuer_revoke(at.issuer, &request);
        fakes_pass(100);
        cr_expect_eq(ends, 1, "%zu", i);
        cr_expect_eq(request.result.outcome, cases[i].outcome, "%zu: %d", i, (int)request.result.outcome);
        cr_expect_eq(request.result.cause, cases[i].cause, "%zu: %s", i, cause_name(request.result.cause));
        end();
    }
}

/* ---- its revocation list ---- */

static void list_ended(struct issuer_list_request *request)
{
    (void)request;
    ends++;
}

Test(stepca_calls, its_list_is_fetched_behind_its_intermediates)
{
    static const struct {
        struct world_page intermediates, crl;
        enum issuer_list_outcome outcome;
        size_t asked;
        const char *message; /* a part of it */
    } cases[] = {
        {{.status = 404}, {.status = 200, .body = "a list"}, ISSUER_LIST_READ, 1, NULL},
        {{.status = 404}, {.status = 404, .body = "404 page not found"}, ISSUER_LIST_NONE, 1, ""},
        {{.status = 404},
         {.status = 501, .body = "{\"message\":\"not implemented\"}"},
         ISSUER_LIST_NONE,
         1,
         "not implemented"},
        {{.status = 404}, {.status = 500}, ISSUER_LIST_FAILED, 1, ""},
        {{.status = 404}, {.error = "timed out"}, ISSUER_LIST_FAILED, 1, "timed out"},
        {{.error = "it is away"}, {.status = 200, .body = "a list"}, ISSUER_LIST_FAILED, 0, "it is away"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(OF("acmegate", JWK), 4);
        at.pages[1] = cases[i].intermediates;
        at.pages[1].url = API "intermediates";
        at.pages[3] = cases[i].crl;
        at.pages[3].url = API "crl";
        struct issuer_list_request request = {.arena = at.place.arena, .done = list_ended};
        issuer_list(at.issuer, &request);
        fakes_pass(100);
        cr_expect_eq(ends, 1, "%zu", i);
        cr_expect_eq(request.outcome, cases[i].outcome, "%zu: %d", i, (int)request.outcome);
        cr_expect_eq(stepca_issuer_asked("GET " API "crl"), cases[i].asked, "%zu: %s", i, world.asked);
        cr_expect_eq(bytes_equal_string(request.crl, "a list"), cases[i].outcome == ISSUER_LIST_READ, "%zu",
                     i);
        if (cases[i].message != NULL)
            cr_expect(request.message != NULL && strstr(request.message, cases[i].message) != NULL, "%zu: %s",
                      i, request.message);
        end();
    }
}
