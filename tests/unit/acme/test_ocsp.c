/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_cast.h"

LEAK_CHECKED_SUITE(ocsp);

/* ---- decisions ---- */

static struct crl_entry listed_entry = {.serial = "aa", .reason = 4, .revoked_at = NOW - 100};
static const struct crl good_list = {
    .this_update = NOW - HOUR_S, .next_update = NOW + DAY_S, .entries = &listed_entry, .count = 1};
static const struct crl short_list = {
    .this_update = NOW - HOUR_S, .next_update = NOW + 10, .entries = &listed_entry, .count = 1};
static const struct crl over_list = {
    .this_update = NOW - DAY_S, .next_update = NOW, .entries = &listed_entry, .count = 1};

/* As step-ca lists what older versions asked for. */
static struct crl_entry odd_entries[] = {{.serial = "c6", .reason = 6, .revoked_at = NOW - 100},
                                         {.serial = "c8", .reason = 8, .revoked_at = NOW - 100}};
static const struct crl odd_list = {
    .this_update = NOW - HOUR_S, .next_update = NOW + DAY_S, .entries = odd_entries, .count = 2};

struct decision {
    const char *label;
    struct ocsp_knowledge known;
    const char *serial;
    struct ocsp_answer answer; /* status -1: nobody can say */
};

static const struct decision decisions[] = {
    {"listed",
     {.crl = &good_list, .crl_is_kept = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"the list goes before our own record",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 5},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: our own record was corrected to keyCompromise",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 1},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 1, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says removeFromCRL, our own record superseded",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 4},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: …and our own record no reason",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says removeFromCRL, and so does our own record",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 8},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says removeFromCRL, and we know nothing",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says certificateHold",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true},
     "c6",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 6, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"no longer than the list",
     {.crl = &short_list, .crl_is_kept = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + 10}},
    {"ours and not listed",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true},
     "bb",
     {V_OCSP_CERTSTATUS_GOOD, 0, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"confirmed and not listed yet",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 1},
     "bb",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 1, 1, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"confirmed without a reason",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1},
     "bb",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 1, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"neither ours nor listed",
     {.crl = &good_list, .crl_is_kept = true},
     "bb",
     {V_OCSP_CERTSTATUS_UNKNOWN, 0, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"the list is over", {.crl = &over_list, .crl_is_kept = true, .is_ours = true}, "bb", {.status = -1}},
    {"no list yet", {.crl_is_kept = true, .is_ours = true}, "bb", {.status = -1}},
    {"the list is over, but it is confirmed",
     {.crl = &over_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 1},
     "bb",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 1, 1, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"listed, and the list is over",
     {.crl = &over_list, .crl_is_kept = true, .is_ours = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"listed, the list is over, and the CA keeps none any more",
     {.crl = &over_list, .is_ours = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"a CA without lists: ours",
     {.is_ours = true},
     "bb",
     {V_OCSP_CERTSTATUS_GOOD, 0, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"a CA without lists: not ours",
     {.is_ours = false},
     "bb",
     {V_OCSP_CERTSTATUS_UNKNOWN, 0, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
};

Test(ocsp, the_status_follows_from_the_list_and_our_records)
{
    for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
        const struct decision *given = &decisions[i];
        struct ocsp_answer answer;
        bool said = ocsp_decide(&given->known, given->serial, NOW, &answer);
        cr_expect_eq(said, given->answer.status != -1, "%s", given->label);
        if (!said)
            continue;
        cr_expect_eq(answer.status, given->answer.status, "%s", given->label);
        cr_expect_eq(answer.revoked_at, given->answer.revoked_at, "%s", given->label);
        cr_expect_eq(answer.reason, given->answer.reason, "%s", given->label);
        cr_expect_eq(answer.this_update, given->answer.this_update, "%s", given->label);
        cr_expect_eq(answer.next_update, given->answer.next_update, "%s", given->label);
    }
}

/* ---- responses ---- */

static bool know(void *context, const char *serial, struct ocsp_knowledge *out)
{
    const bool *store_is_well = context;
    *out =
        (struct ocsp_knowledge){.crl = &good_list, .crl_is_kept = true, .is_ours = strcmp(serial, "bb") == 0};
    return store_is_well == NULL || *store_is_well;
}

static int respond(const struct ocsp_cast *cast, const struct ocsp_responder *responder, struct bytes der,
                   void *context, struct ocsp_response *out)
{
    struct ocsp_request request;
    int status = ocsp_request_read(cast->arena, der, &request);
    if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        ocsp_respond(cast->arena, responder, &request, know, context, NOW, out);
    else
        ocsp_refuse(cast->arena, status, out);
    return out->status;
}

/* The status of the n-th answer. */
static int status_of(const struct ocsp_response *response, int n)
{
    const unsigned char *at = response->der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response->der.n);
    cr_assert_not_null(read);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(read);
    cr_assert_not_null(basic);
    int status = OCSP_single_get0_status(OCSP_resp_get0(basic, n), NULL, NULL, NULL, NULL);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(read);
    return status;
}

/* The status of the only answer, after the response has been verified as a client would. */
static int verified_status(const struct ocsp_cast *cast, const struct ocsp_response *response, int *reason)
{
    const unsigned char *at = response->der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response->der.n);
    cr_assert_not_null(read);
    cr_assert_eq(OCSP_response_status(read), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(read);
    STACK_OF(X509) *others = sk_X509_new_null();
    sk_X509_push(others, cast->ca);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(cast->expected.roots), NOW);
    cr_expect_eq(OCSP_basic_verify(basic, others, cast->expected.roots, 0), 1);
    struct tm produced;
    cr_expect_eq(ASN1_TIME_to_tm(OCSP_resp_get0_produced_at(basic), &produced), 1);
    cr_expect_eq(timegm(&produced), NOW);
    int status = OCSP_single_get0_status(OCSP_resp_get0(basic, 0), reason, NULL, NULL, NULL);
    sk_X509_free(others);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(read);
    return status;
}

Test(ocsp, responses_verify_and_say_what_is_known)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder = ocsp_opened(&cast);
    struct ocsp_response response;
    const struct {
        const char *serial;
        int status, reason;
    } cases[] = {{"aa", V_OCSP_CERTSTATUS_REVOKED, 4},
                 {"bb", V_OCSP_CERTSTATUS_GOOD, -1},
                 {"cc", 2, -1},
                 {"-1", 2, -1}};
    const EVP_MD *digests[] = {EVP_sha1(), EVP_sha256()};
    for (size_t i = 0; i < 8; i++) {
        int reason = -1;
        struct bytes der = ocsp_make_request(
            &cast,
            (struct ocsp_asked){.serial = cases[i / 2].serial, .digest = digests[i % 2], .nonce_octets = -1});
        cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
        cr_expect_eq(verified_status(&cast, &response, &reason), cases[i / 2].status, "%s",
                     cases[i / 2].serial);
        cr_expect_eq(reason, cases[i / 2].reason);
        cr_expect(response.is_for_anyone);
        cr_expect_lt(response.this_update, NOW);
        cr_expect_gt(response.next_update, NOW);
    }
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

static bool echoes_nonce(struct bytes request_der, const struct ocsp_response *response)
{
    const unsigned char *at = response->der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response->der.n);
    at = request_der.p;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)request_der.n);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(read);
    bool same = OCSP_check_nonce(request, basic) == 1;
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(read);
    OCSP_REQUEST_free(request);
    return same;
}

Test(ocsp, the_nonce_comes_back)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder = ocsp_opened(&cast);
    struct ocsp_response response;
    for (int n = 1; n <= OCSP_NONCE_MAX_OCTETS; n += 31) {
        struct bytes der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "bb", .nonce_octets = n});
        cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
        cr_expect(echoes_nonce(der, &response), "%d octets", n);
        cr_expect_not(response.is_for_anyone);
    }
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, a_slow_responder_answers_for_everyone_instead)
{
    struct ocsp_cast cast = ocsp_assemble();
    cast.certificate.key = pki_key(cast.arena, "RSA-2048");
    struct ocsp_responder responder = ocsp_opened(&cast);
    struct ocsp_response response;
    struct bytes der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "bb", .nonce_octets = 16});
    cr_expect(responder.is_slow);
    cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(verified_status(&cast, &response, NULL), V_OCSP_CERTSTATUS_GOOD);
    cr_expect_not(echoes_nonce(der, &response));
    cr_expect(response.is_for_anyone);
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, of_other_cas_nothing_is_said)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder = ocsp_opened(&cast);
    struct ocsp_response response;
    struct bytes der = ocsp_make_request(
        &cast, (struct ocsp_asked){.serial = "bb", .issuer = cast.root, .nonce_octets = -1});
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
    der = ocsp_make_request(&cast,
                            (struct ocsp_asked){.serial = "bb", .digest = EVP_sha512(), .nonce_octets = -1});
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
    der = ocsp_make_request(&cast,
                            (struct ocsp_asked){.serial = "bb", .also_of = cast.root, .nonce_octets = -1});
    cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(status_of(&response, 0), V_OCSP_CERTSTATUS_GOOD);
    cr_expect_eq(status_of(&response, 1), V_OCSP_CERTSTATUS_UNKNOWN);
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, when_nobody_can_say_the_client_is_to_come_again)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder = ocsp_opened(&cast);
    struct ocsp_response response;
    bool store_is_well = false;
    struct bytes der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "bb", .nonce_octets = -1});
    cr_expect_eq(respond(&cast, &responder, der, &store_is_well, &response), OCSP_RESPONSE_STATUS_TRYLATER);
    cr_expect(bytes_equal(response.der, BYTES_LITERAL("\x30\x03\x0a\x01\x03")));
    responder.not_after = NOW;
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_TRYLATER);
    responder.not_after = NOW + 5;
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(response.next_update, NOW + 5, "no answer outlives its responder");
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, asked_by_serial_it_is_the_same_question)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder = ocsp_opened(&cast);
    struct ocsp_request by_serial, sent;
    uint8_t a[OCSP_ID_MAX_BYTES], b[OCSP_ID_MAX_BYTES];
    size_t a_bytes = 0, b_bytes = 0;
    struct bytes der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "bb", .nonce_octets = -1});
    cr_assert(ocsp_request_for_serial(cast.arena, &responder, "bb", &by_serial));
    cr_assert_eq(ocsp_request_read(cast.arena, der, &sent), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_assert(ocsp_question_key(&by_serial.questions[0], a, &a_bytes));
    cr_assert(ocsp_question_key(&sent.questions[0], b, &b_bytes));
    cr_expect(bytes_equal(bytes_of(a, a_bytes), bytes_of(b, b_bytes)));
    cr_expect_str_eq(by_serial.questions[0].serial, "bb");
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

/* ---- whatever comes, there is an answer ---- */

static void expect_answer(const struct ocsp_cast *cast, const struct ocsp_responder *responder,
                          struct bytes der)
{
    struct ocsp_response response;
    respond(cast, responder, der, NULL, &response);
    const unsigned char *at = response.der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response.der.n);
    cr_assert_not_null(read);
    cr_assert_eq(OCSP_response_status(read), response.status);
    OCSP_RESPONSE_free(read);
}

Test(ocsp, truncated_requests_are_malformed)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_response response;
    struct bytes der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "bb", .nonce_octets = 16});
    for (size_t n = 0; n < der.n; n++) {
        struct bytes cut = arena_copy(cast.arena, bytes_of(der.p, n));
        cr_expect_eq(respond(&cast, NULL, cut, NULL, &response), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, "%zu",
                     n);
    }
    uint8_t *longer = arena_alloc(cast.arena, der.n + 1);
    memcpy(longer, der.p, der.n);
    cr_expect_eq(respond(&cast, NULL, bytes_of(longer, der.n + 1), NULL, &response),
                 OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    arena_free(cast.arena);
}

Test(ocsp, damaged_requests_are_answered)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_responder responder = ocsp_opened(&cast);
    struct bytes der =
        ocsp_make_request(&cast, (struct ocsp_asked){.serial = "bb", .nonce_octets = 16, .times = 2});
    for (size_t bit = 0; bit < 8 * der.n; bit++) {
        uint8_t *damaged = arena_alloc(cast.arena, der.n);
        memcpy(damaged, der.p, der.n);
        damaged[bit / 8] = (uint8_t)(damaged[bit / 8] ^ 1 << bit % 8);
        expect_answer(&cast, &responder, bytes_of(damaged, der.n));
    }
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}
