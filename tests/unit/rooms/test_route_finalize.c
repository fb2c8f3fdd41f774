/* SPDX-License-Identifier: Apache-2.0 */
/* finalize (RFC 8555 §7.4): what CSR an order takes, what is handed over, and how its reply waits. */
#include "acme/base/base64.h"
#include "acme/base/unconst.h"
#include "acme/pki/x509_read.h"
#include "site.h"

LEAK_CHECKED_SUITE(route_finalize);

/* ---- an issuer that is told what to do ---- */

enum answer { ANSWER_NEVER, ANSWER_SIGNED, ANSWER_REFUSED };

static struct issuer_operations operations;
static enum answer answer;
static const char *csr_fault;
static size_t signatures_asked;
static struct bytes csr_asked;

static const char *fault_of_csr(struct arena *arena, X509_REQ *csr)
{
    (void)arena;
    (void)csr;
    return csr_fault;
}

struct delivery {
    struct outbound_message message;
    struct issuer_sign_request *request;
};

static void deliver(struct outbound_message *message)
{
    struct issuer_sign_request *request = ((struct delivery *)(void *)message)->request;
    request->done(request);
}

static void make_chain(struct issuer_sign_request *request)
{
    const struct pki_certificate made = {.key = X509_REQ_get0_pubkey(request->csr),
                                         .signer_key = site.ca_key,
                                         .signer = site.ca,
                                         .common_name = "a.test",
                                         .names = "DNS:a.test",
                                         .serial_hex = "77",
                                         .not_before = NOW - 60,
                                         .not_after = NOW + 86400};
    struct issuer_result *result = &request->result;
    result->chain = arena_alloc_array(request->arena, 2, sizeof result->chain[0]);
    result->chain[0] = pki_der(request->arena, pki_certificate(request->arena, &made));
    result->chain[1] = pki_der(request->arena, site.ca);
    result->chain_count = 2;
    result->outcome = ISSUER_OK;
}

static void sign(struct issuer *issuer, struct issuer_sign_request *request)
{
    signatures_asked++;
    csr_asked = arena_copy(site.arena, request->csr_der);
    if (answer == ANSWER_NEVER)
        return;
    request->result = (struct issuer_result){
        .outcome = ISSUER_REFUSED, .message = "we do not sign this", .cause = CAUSE_CA_CSR_REFUSED};
    if (answer == ANSWER_SIGNED)
        make_chain(request);
    struct delivery *delivery = arena_alloc(request->arena, sizeof *delivery);
    *delivery = (struct delivery){{.run = deliver}, request};
    outbound_post(issuer->outbound, &delivery->message);
}

static void begin(enum answer wanted)
{
    site_begin("");
    answer = wanted;
    csr_fault = NULL;
    signatures_asked = 0;
    struct issuer *issuer = issuers_find(site.parts.issuers, "main");
    operations = *issuer->operations;
    operations.sign = sign;
    operations.csr_fault = fault_of_csr;
    issuer->operations = &operations;
}

static const char *path_of(const struct order *order)
{
    return arena_printf(site.arena, "/order/%lld/finalize", (long long)order->id);
}

static const char *status_of(const struct order *order)
{
    return site_text(
        arena_printf(site.arena, "SELECT status FROM orders WHERE id = %lld", (long long)order->id));
}

/* ---- the outcome ---- */

static const struct {
    enum answer answer;
    const char *status;
    const char *words;
    const char *retry_after;
    const char *events;
} outcomes[] = {
    {ANSWER_NEVER, "processing", "\"status\":\"processing\"", "2", "order.finalized"},
    {ANSWER_SIGNED, "valid",
     "\"status\":\"valid\"|\"certificate\":\"https://acme.test/acme/acme/certificate/", "",
     "order.finalized order.valid"},
    {ANSWER_REFUSED, "invalid", "\"status\":\"invalid\"|\"error\":{|we do not sign this", "",
     "order.finalized order.invalid"},
};

Test(route_finalize, the_reply_waits_for_what_the_issuer_says)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        begin(outcomes[i].answer);
        struct site_client *client = site_account("acme");
        struct order order = site_ready_order(client, "a.test");
        const char *payload = site_csr("P-256", "DNS:a.test");
        struct fake_reply *reply = site_post(client, path_of(&order), payload);
        SITE_EXPECT(outcomes[i].status, reply, 200, NULL, outcomes[i].words, outcomes[i].events);
        cr_expect_eq(site_location_id(reply), order.id);
        cr_expect_str_eq(fake_header(reply, "Retry-After"), outcomes[i].retry_after, "%s",
                         outcomes[i].status);
        cr_expect_str_eq(status_of(&order), outcomes[i].status);
        cr_expect_eq(signatures_asked, 1);
        cr_expect(strstr(payload, base64url_encode(site.arena, csr_asked)) != NULL,
                  "another CSR was handed over");
        cr_expect_eq(site_count("SELECT count(*) FROM attempts WHERE started_at = 1780272000"), 1);
        cr_expect_eq(site_count("SELECT count(*) FROM orders WHERE processing_since = 1780272000"), 1);
        site_end();
    }
}

Test(route_finalize, what_was_finalized_is_answered_again_and_nothing_else_is_taken)
{
    begin(ANSWER_NEVER);
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    const char *payload = site_csr("P-256", "DNS:a.test"), *other = site_csr("P-256", "DNS:a.test");
    site_post(client, path_of(&order), payload);
    site_skip_events();
    SITE_EXPECT("again", site_post(client, path_of(&order), payload), 200, NULL, "\"status\":\"processing\"",
                NULL);
    SITE_EXPECT("another", site_post(client, path_of(&order), other), 403, "orderNotReady", NULL, NULL);
    cr_expect_eq(signatures_asked, 1);
    site_end();
}

static const char *hexadecimal(struct bytes octets)
{
    size_t room = octets.n * 2 + 1;
    char *text = arena_alloc(site.arena, room);
    cr_assert_eq(OPENSSL_buf2hexstr_ex(text, room, NULL, octets.p, octets.n, '\0'), 1);
    return text;
}

/* Two requests pass the loop before either is committed. */
Test(route_finalize, the_second_of_two_at_once_waits_with_the_first)
{
    begin(ANSWER_NEVER);
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    const struct pki_csr asked = {.key = pki_key(site.arena, "P-256"), .names = "DNS:a.test"};
    struct bytes csr = pki_csr(site.arena, &asked);
    const char *payload = arena_printf(site.arena, "{\"csr\":\"%s\"}", base64url_encode(site.arena, csr));
    site.meanwhile = arena_printf(
        site.arena, "UPDATE orders SET status = 'processing', processing_since = 1780272000, csr = x'%s'",
        hexadecimal(csr));
    SITE_EXPECT("second", site_post(client, path_of(&order), payload), 200, NULL, "\"status\":\"processing\"",
                NULL);
    cr_expect_eq(signatures_asked, 0);
    site_end();
}

/* ---- what is refused ---- */

static const struct {
    const char *key_type, *names; /* of the CSR */
    const char *payload;          /* in its place */
    const char *csr_fault;        /* the issuer's */
    struct site_expected expected;
} refusals[] = {
    {"P-256", "DNS:a.test,DNS:b.test", NULL, NULL, {400, "badCSR", "b.test", "finalize.refused"}},
    {"P-256", "DNS:b.test", NULL, NULL, {400, "badCSR", "a.test", "finalize.refused"}},
    {"secp256k1", "DNS:a.test", NULL, NULL, {400, "badCSR", NULL, "finalize.refused"}},
    {"P-256",
     "DNS:a.test",
     NULL,
     "it has what this CA does not take",
     {400, "badCSR",
      "CSR: it has what this CA does not take. The order is still ready for another "
      "CSR.|\"cause\":\"ca-csr-refused\"",
      "finalize.refused"}},
    {NULL, NULL, "{}", NULL, {400, "malformed", "The payload has no \\\"csr\\\".", "finalize.refused"}},
    {NULL,
     NULL,
     "{\"csr\":\"AAAA\"}",
     NULL,
     {400, "badCSR", "not one DER-encoded PKCS #10 request", "finalize.refused"}},
    {NULL, NULL, NULL, NULL, {400, "malformed", "The payload must be a JSON object with a csr.", NULL}},
};

Test(route_finalize, a_bad_csr_leaves_the_order_ready)
{
    begin(ANSWER_NEVER);
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        csr_fault = refusals[i].csr_fault;
        const char *payload = refusals[i].key_type == NULL
                                  ? refusals[i].payload
                                  : site_csr(refusals[i].key_type, refusals[i].names);
        const char *what = arena_printf(site.arena, "CSR %zu", i);
        site_expect(what, site_post(client, path_of(&order), payload), &refusals[i].expected);
        cr_expect_str_eq(status_of(&order), "ready", "%s", what);
    }
    cr_expect_eq(signatures_asked, 0);
    cr_expect_eq(site_count(arena_printf(
                     site.arena, "SELECT count(*) FROM events WHERE order_id = %lld AND account_id = %lld",
                     (long long)order.id, (long long)client->id)),
                 6);
    site_end();
}

Test(route_finalize, the_accounts_key_is_no_certificates)
{
    begin(ANSWER_NEVER);
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    const struct pki_csr csr = {.key = client->jwk.key, .names = "DNS:a.test"};
    const char *payload =
        arena_printf(site.arena, "{\"csr\":\"%s\"}", base64url_encode(site.arena, pki_csr(site.arena, &csr)));
    SITE_EXPECT("own key", site_post(client, path_of(&order), payload), 400, "badCSR",
                "its key is the account's", "finalize.refused");
    site_end();
}

Test(route_finalize, the_profile_says_which_keys_are_taken)
{
    begin(ANSWER_NEVER);
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    site_run("UPDATE orders SET profile = 'short'");
    SITE_EXPECT("P-384", site_post(client, path_of(&order), site_csr("P-384", "DNS:a.test")), 400, "badCSR",
                "its key is of type P-384; the order's profile accepts P-256", "finalize.refused");
    site_end();
}

static const struct {
    const char *before;    /* SQL */
    const char *meanwhile; /* SQL, once the loop has seen the request */
    struct site_expected expected;
    const char *status; /* of the order then */
} standings[] = {
    {"UPDATE orders SET status = 'pending'", NULL, {403, "orderNotReady", NULL, NULL}, "pending"},
    {"UPDATE orders SET expires_at = 1780272000",
     NULL,
     {404, "malformed", "expired before it was finalized", NULL},
     "ready"},
    {NULL, "UPDATE orders SET status = 'invalid'", {403, "orderNotReady", NULL, NULL}, "invalid"},
    {NULL,
     "UPDATE orders SET expires_at = 1780272000",
     {404, "malformed", "expired before it was finalized", NULL},
     "ready"},
    {NULL,
     "UPDATE accounts SET status = 'deactivated'",
     {403, "unauthorized", "The account is deactivated.", NULL},
     "ready"},
    {"UPDATE authorizations SET status = 'deactivated'",
     NULL,
     {403, "unauthorized", "The authorization for a.test is no longer valid", "order.invalid"},
     "invalid"},
    {"UPDATE authorizations SET expires_at = 1780272000",
     NULL,
     {403, "unauthorized", "The authorization for a.test is no longer valid", "order.invalid"},
     "invalid"},
};

Test(route_finalize, what_allowed_the_order_must_still_stand)
{
    for (size_t i = 0; i < sizeof standings / sizeof *standings; i++) {
        begin(ANSWER_NEVER);
        struct site_client *client = site_account("acme");
        struct order order = site_ready_order(client, "a.test");
        if (standings[i].before != NULL)
            site_run(standings[i].before);
        site.meanwhile = standings[i].meanwhile;
        const char *what = arena_printf(site.arena, "%s; %s", standings[i].before, standings[i].meanwhile);
        struct fake_reply *reply = site_post(client, path_of(&order), site_csr("P-256", "DNS:a.test"));
        site_expect(what, reply, &standings[i].expected);
        cr_expect_str_eq(status_of(&order), standings[i].status, "%s", what);
        cr_expect_eq(signatures_asked, 0, "%s", what);
        cr_expect_eq(site_count("SELECT count(*) FROM attempts"), 0, "%s", what);
        site_end();
    }
}

/* ---- an issuer that fails ---- */

Test(route_finalize, an_order_waits_in_the_database_for_an_issuer_that_fails)
{
    begin(ANSWER_SIGNED);
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    site_break_issuer("main");
    struct fake_reply *reply = site_post(client, path_of(&order), site_csr("P-256", "DNS:a.test"));
    SITE_EXPECT("failing", reply, 200, NULL, "\"status\":\"valid\"", "order.finalized order.valid");
    cr_expect_eq(signatures_asked, 1);
    site_end();
}

Test(route_finalize, a_failing_statement_is_told_and_changes_nothing)
{
    begin(ANSWER_NEVER);
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    struct fake_reply *reply =
        site_post_past_faults(client, path_of(&order), site_csr("P-256", "DNS:a.test"));
    SITE_EXPECT("finalize", reply, 200, NULL, "\"status\":\"processing\"", "order.finalized");
    cr_expect_eq(site_count("SELECT count(*) FROM attempts"), 1);
    struct order second = site_ready_order(client, "b.test");
    cr_expect_eq(site_post_past_faults(client, path_of(&second), "{}")->status, 400);
    site_skip_events();
    site_run("UPDATE authorizations SET status = 'deactivated'");
    reply = site_post_past_faults(client, path_of(&second), site_csr("P-256", "DNS:b.test"));
    SITE_EXPECT("ended", reply, 403, "unauthorized", NULL, "order.invalid");
    site_end();
}
