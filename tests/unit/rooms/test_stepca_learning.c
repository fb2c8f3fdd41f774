/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of an issuer of type stepca for signatures and revocations, and the lessons of the answers. */
#include "acme/base/json.h"
#include "acme/pki.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "gateway/ca/issuer_signers.h"
#include "stepca_issuer.h"

LEAK_CHECKED_SUITE(stepca_learning);

#define API  CA "1.0/"
#define OURS PROVISIONERS(PROVISIONER("acmegate", JWK, "\"maxTLSCertDuration\":\"48h\""))

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, CHAIN_BYTES = 64 * 1024 };

static struct stepca_issuer at;
static struct pki_ca ca;
static size_t ends;

/* The issuer pins the root of `ca`. */
static void begin(int64_t max_concurrent)
{
    ends = 0;
    stepca_issuer_prepare(&at, OURS);
    ca = pki_ca(at.place.arena, PLACE_NOW, 30);
    place_write(&at.place, "root.crt", arena_string(at.place.arena, pki_pem(at.place.arena, ca.root)));
    at.config.max_concurrent = max_concurrent;
    at.config.request_timeout_s = 1000;
}

static void sign_ended(struct issuer_sign_request *request)
{
    (void)request;
    ends++;
}

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

static struct issuer_sign_request *sign_request(const struct pki_csr *wanted)
{
    struct arena *arena = at.place.arena;
    struct issuer_sign_request *request = arena_alloc(arena, sizeof *request);
    *request = (struct issuer_sign_request){.arena = arena,
                                            .csr_der = pki_csr(arena, wanted),
                                            .token_id = "0123456789abcdef",
                                            .done = sign_ended};
    request->csr = x509_request_read(request->csr_der);
    arena_on_free(arena, free_csr, request->csr);
    return request;
}

static struct issuer_sign_request *request_for(const char *names)
{
    const struct pki_csr wanted = {.key = ca.leaf_key, .names = names};
    return sign_request(&wanted);
}

/* As POST /sign answers: the leaf for the key of the CA's requests, and the intermediate. */
static const char *signed_chain(int64_t not_before, int64_t not_after)
{
    struct arena *arena = at.place.arena;
    struct pki_certificate leaf = pki_leaf(&ca, PLACE_NOW, "DNS:www.test");
    leaf.not_before = not_before;
    leaf.not_after = not_after;
    struct json_writer *writer = json_writer_new(arena, CHAIN_BYTES);
    json_begin_object(writer);
    json_key(writer, "certChain");
    json_begin_array(writer);
    json_write_bytes(writer, pki_pem(arena, pki_certificate(arena, &leaf)));
    json_write_bytes(writer, pki_pem(arena, ca.intermediate));
    json_end_array(writer);
    json_end_object(writer);
    return arena_string(arena, json_writer_finish(writer));
}

/* ---- a signature ---- */

/* The CA's backdate shows in what begins when the CA likes, its usual lifetime in what also ends so. */
Test(stepca_learning, a_certificate_teaches_the_backdate_and_the_usual_lifetime)
{
    static const struct {
        const char *not_before, *not_after;
        enum ca_fact_source backdate, usual;
    } cases[] = {
        {NULL, NULL, CA_FACT_OBSERVED, CA_FACT_OBSERVED},
        {NULL, "20h", CA_FACT_OBSERVED, CA_FACT_ASSUMED},
        {"2026-11-26T11:55:00Z", NULL, CA_FACT_ASSUMED, CA_FACT_ASSUMED},
        {"2026-11-26T11:55:00Z", "20h", CA_FACT_ASSUMED, CA_FACT_ASSUMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(4);
        stepca_issuer_open(&at);
        at.pages[PAGE_OF_TEST] = (struct world_page){
            .url = API "sign", .status = 201, .body = signed_chain(PLACE_NOW - 300, PLACE_NOW + 20 * HOUR_S)};
        struct issuer_sign_request *request = request_for("DNS:www.test");
        request->validity.not_before = cases[i].not_before;
        request->validity.not_after = cases[i].not_after;
        issuer_sign(at.issuer, request);
        fakes_pass(100);
        cr_assert_eq(request->result.outcome, ISSUER_OK, "%zu: %s", i, request->result.message);
        cr_expect_eq(request->result.chain_count, 2, "%zu", i);
        struct issuer_status status = stepca_issuer_status(&at);
        cr_expect_eq(status.knowledge.backdate.source, cases[i].backdate, "%zu", i);
        cr_expect_eq(status.knowledge.usual.source, cases[i].usual, "%zu", i);
        if (cases[i].backdate == CA_FACT_OBSERVED)
            cr_expect_eq(status.limits.issuer_backdate_s, 300, "%zu", i);
        if (cases[i].usual == CA_FACT_OBSERVED)
            cr_expect_eq(status.limits.issuer_default_s, 20 * HOUR_S, "%zu", i);
        stepca_issuer_end(&at);
    }
}

/* A CA that tells its intermediates has told when its chain ends, and which certificates sign. */
Test(stepca_learning, a_chain_teaches_its_end_and_its_signer_unless_the_ca_tells)
{
    static const struct {
        bool tells;
        int64_t before_days, after_days;
    } cases[] = {{false, 1000, 30}, {true, 20, 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(4);
        if (cases[i].tells) {
            const struct pki_certificate other = {.key = ca.stranger_key,
                                                  .signer = ca.root,
                                                  .signer_key = ca.root_key,
                                                  .common_name = "Another",
                                                  .is_ca = true,
                                                  .not_before = PLACE_NOW - DAY_S,
                                                  .not_after = PLACE_NOW + 20 * (int64_t)DAY_S};
            struct bytes pem = pki_pem(at.place.arena, pki_certificate(at.place.arena, &other));
            place_write(&at.place, "ca.crt", arena_string(at.place.arena, pem));
            at.pages[PAGE_INTERMEDIATES].status = 200;
            at.pages[PAGE_INTERMEDIATES].body = good_stepca_roots(&at.place, "ca.crt");
        }
        stepca_issuer_open(&at);
        int64_t end = stepca_issuer_status(&at).limits.chain_not_after;
        cr_expect_eq(end, PLACE_NOW + cases[i].before_days * DAY_S, "%zu: %lld", i, (long long)end);
        at.pages[PAGE_OF_TEST] = (struct world_page){
            .url = API "sign", .status = 201, .body = signed_chain(PLACE_NOW - 60, PLACE_NOW + DAY_S)};
        struct issuer_sign_request *request = request_for("DNS:www.test");
        issuer_sign(at.issuer, request);
        fakes_pass(100);
        cr_assert_eq(request->result.outcome, ISSUER_OK, "%zu: %s", i, request->result.message);
        end = stepca_issuer_status(&at).limits.chain_not_after;
        cr_expect_eq(end, PLACE_NOW + cases[i].after_days * DAY_S, "%zu: %lld", i, (long long)end);
        cr_expect(issuer_has_signed(at.issuer, request->result.chain[0]), "%zu", i);
        stepca_issuer_end(&at);
    }
}

/* Only a refusal of the duration tells something of the limits. */
Test(stepca_learning, a_refused_duration_teaches_the_limit)
{
    static const struct {
        const char *message;
        int64_t learned_min_s, learned_max_s;
    } cases[] = {
        {"requested duration of 47h1m0s is more than the authorized maximum certificate duration of 24h1m0s",
         0, 24 * HOUR_S},
        {"requested duration of 1h0m0s is less than the authorized minimum certificate duration of 2h0m0s",
         2 * HOUR_S, 0},
        {"certificate request RSA key must be at least 2048 bits", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(4);
        stepca_issuer_open(&at);
        at.pages[PAGE_OF_TEST] = (struct world_page){
            .url = API "sign",
            .status = 403,
            .body = arena_printf(at.place.arena, "{\"message\":\"%s\"}", cases[i].message)};
        struct issuer_sign_request *request = request_for("DNS:www.test");
        request->validity.not_after = "47h";
        issuer_sign(at.issuer, request);
        fakes_pass(100);
        cr_expect_eq(request->result.outcome, ISSUER_REFUSED, "%zu", i);
        struct issuer_status status = stepca_issuer_status(&at);
        cr_expect_eq(status.limits.learned_min_s, cases[i].learned_min_s, "%zu: %lld", i,
                     (long long)status.limits.learned_min_s);
        cr_expect_eq(status.limits.learned_max_s, cases[i].learned_max_s, "%zu: %lld", i,
                     (long long)status.limits.learned_max_s);
        stepca_issuer_end(&at);
    }
}

/* A lifetime counts from the request's turn; a time of day stays where it is. */
Test(stepca_learning, what_waits_for_its_turn_may_end_so_much_later)
{
    enum { WAIT_S = 100, LATEST = 5000 };
    static const struct {
        const char *not_after;
        int64_t latest;
    } cases[] = {{NULL, LATEST + WAIT_S}, {"24h", LATEST + WAIT_S}, {"2026-11-27T12:00:00Z", LATEST}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(1);
        stepca_issuer_open(&at);
        at.pages[PAGE_OF_TEST] =
            (struct world_page){.url = API "sign", .status = 400, .delay_ms = WAIT_S * 1000};
        struct issuer_sign_request *requests[] = {request_for("DNS:a.test"), request_for("DNS:b.test")};
        for (size_t k = 0; k < 2; k++) {
            requests[k]->validity.not_after = cases[i].not_after;
            requests[k]->validity.latest_not_after = LATEST;
            issuer_sign(at.issuer, requests[k]);
        }
        fakes_pass(3 * WAIT_S * 1000);
        cr_assert_eq(ends, 2, "%zu", i);
        cr_expect_eq(requests[0]->validity.latest_not_after, LATEST, "%zu", i);
        cr_expect_eq(requests[1]->validity.latest_not_after, cases[i].latest, "%zu: %lld", i,
                     (long long)requests[1]->validity.latest_not_after);
        stepca_issuer_end(&at);
    }
}

static void allow_call(struct issuer_sign_request *request)
{
    request->go_on(request, true);
}

/* A request that the CA cannot sign is refused without a call. */
Test(stepca_learning, a_request_that_the_ca_cannot_sign_is_not_sent)
{
    static const struct {
        const char *common_name, *names;
        const char *words; /* NULL: it is sent */
        enum cause cause;
    } cases[] = {
        {NULL, "DNS:www.test", NULL, CAUSE_CA_REFUSED},
        {"www.test", "DNS:www.test", NULL, CAUSE_CA_REFUSED},
        {"www.test", NULL, NULL, CAUSE_CA_REFUSED},
        {"other.test", "DNS:www.test", "CSR: its common name other.test is not in its subjectAltName",
         CAUSE_NONE},
        {NULL, NULL, "the CSR has no name that the CA can sign", CAUSE_CA_CSR_REFUSED},
    };
    begin(4);
    stepca_issuer_open(&at);
    at.pages[PAGE_OF_TEST] =
        (struct world_page){.url = API "sign", .status = 403, .body = "{\"message\":\"no\"}"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct pki_csr wanted = {
            .key = ca.leaf_key, .common_name = cases[i].common_name, .names = cases[i].names};
        struct issuer_sign_request *request = sign_request(&wanted);
        bool is_sent = cases[i].words == NULL;
        world.asked[0] = '\0';
        request->take_turn = allow_call;
        issuer_sign(at.issuer, request);
        cr_expect_eq(ends, i, "%zu: never at once", i);
        fakes_pass(100);
        cr_expect_eq(ends, i + 1, "%zu", i);
        cr_expect_eq(stepca_issuer_asked(API "sign"), is_sent, "%zu: %s", i, world.asked);
        cr_expect_eq(request->result.outcome, ISSUER_REFUSED, "%zu", i);
        cr_expect_eq(request->result.cause, cases[i].cause, "%zu", i);
        cr_expect(is_sent || strstr(request->result.message, cases[i].words) != NULL, "%zu: %s", i,
                  request->result.message);
        cr_expect_eq(stepca_issuer_status(&at).calls_running, 0, "%zu", i);
    }
    stepca_issuer_end(&at);
}

/* ---- a revocation ---- */

static void revoke_ended(struct issuer_revoke_request *request)
{
    (void)request;
    ends++;
}

Test(stepca_learning, a_revocation_names_the_decimal_serial_number_and_the_reason)
{
    begin(4);
    stepca_issuer_open(&at);
    at.pages[PAGE_OF_TEST] =
        (struct world_page){.url = API "revoke", .status = 200, .body = "{\"status\":\"ok\"}"};
    struct issuer_revoke_request request = {
        .arena = at.place.arena, .serial = "1a2b", .reason = 4, .done = revoke_ended};
    issuer_revoke(at.issuer, &request);
    fakes_pass(100);
    cr_expect_eq(ends, 1);
    cr_expect_eq(request.result.outcome, ISSUER_OK);
    cr_expect_not_null(strstr(world.last_body, "\"serial\":\"6699\""), "%s", world.last_body);
    cr_expect_not_null(strstr(world.last_body, "\"reasonCode\":4"), "%s", world.last_body);
    cr_expect_not_null(strstr(world.last_body, "\"reason\":\"superseded\""), "%s", world.last_body);
    stepca_issuer_end(&at);
}

/* ---- its list ---- */

static void list_ended(struct issuer_list_request *request)
{
    (void)request;
    ends++;
}

/* The list comes whatever the intermediates are; they come where the CA tells them. */
Test(stepca_learning, a_list_comes_with_the_intermediates_that_the_ca_tells)
{
    static const struct {
        int status;
        bool rubbish, taken;
    } cases[] = {{200, false, true}, {201, false, true}, {200, true, false}, {404, false, false}};
    begin(4);
    place_write(&at.place, "ca.crt", arena_string(at.place.arena, pki_pem(at.place.arena, ca.intermediate)));
    stepca_issuer_open(&at);
    at.pages[PAGE_OF_TEST] = (struct world_page){.url = API "crl", .status = 200, .body = "a list"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        at.pages[PAGE_INTERMEDIATES].status = cases[i].status;
        at.pages[PAGE_INTERMEDIATES].body =
            cases[i].rubbish ? "rubbish" : good_stepca_roots(&at.place, "ca.crt");
        struct issuer_list_request request = {.arena = at.place.arena, .done = list_ended};
        issuer_list(at.issuer, &request);
        fakes_pass(100);
        cr_expect_eq(request.outcome, ISSUER_LIST_READ, "%zu", i);
        cr_expect_eq(request.intermediates_pem.n != 0, cases[i].taken, "%zu", i);
    }
    cr_expect_eq(ends, sizeof cases / sizeof *cases);
    stepca_issuer_end(&at);
}
