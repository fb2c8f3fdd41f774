/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ca.h"

#include <stdio.h>

#include "acme/pki.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "fakes.h"
#include "leaks.h"

enum { FAKE_CAS_MAX = 4, SOON_MS = 1 };

static struct fake_ca *cas[FAKE_CAS_MAX];

static struct fake_ca *of_issuer(const struct issuer *issuer)
{
    size_t i = 0;
    while (i < FAKE_CAS_MAX && (cas[i] == NULL || cas[i]->issuer != issuer))
        i++;
    cr_assert(i < FAKE_CAS_MAX, "no fake for this issuer");
    return cas[i];
}

/* Carries an answer into a later turn. In the request's arena. */
struct fake_answer {
    struct outbound_timer timer;
    struct issuer *issuer;
    struct issuer_sign_request *sign; /* one of these two */
    struct issuer_revoke_request *revoke;
};

static void deliver(void *argument)
{
    const struct fake_answer *answer = argument;
    issuer_permit_end(answer->issuer, answer->sign != NULL ? &answer->sign->permit : &answer->revoke->permit);
    if (answer->sign != NULL)
        answer->sign->done(answer->sign);
    else
        answer->revoke->done(answer->revoke);
}

static void answer_later(const struct fake_ca *ca, struct arena *arena, struct issuer_sign_request *sign,
                         struct issuer_revoke_request *revoke)
{
    struct fake_answer *answer = arena_alloc(arena, sizeof *answer);
    *answer = (struct fake_answer){
        .timer = {.run = deliver, .argument = answer}, .issuer = ca->issuer, .sign = sign, .revoke = revoke};
    outbound_timer_set(ca->issuer->outbound, &answer->timer, ca->delay_ms == 0 ? SOON_MS : ca->delay_ms);
}

static void note(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* ---- signing ---- */

struct relay {
    struct fake_ca *ca;
    struct issuer_sign_request own; /* what the issuer beneath is asked */
    struct issuer_sign_request *asked;
};

static void keep_last(struct fake_ca *ca, const struct issuer_result *result)
{
    ca->last_chain = arena_alloc_array(ca->arena, result->chain_count, sizeof(struct bytes));
    ca->last_chain_count = result->chain_count;
    for (size_t i = 0; i < result->chain_count; i++)
        ca->last_chain[i] = arena_copy(ca->arena, result->chain[i]);
}

static void on_signed(struct issuer_sign_request *own)
{
    const struct relay *relay = own->owner;
    struct issuer_sign_request *asked = relay->asked;
    asked->result = own->result;
    if (own->result.outcome == ISSUER_OK)
        keep_last(relay->ca, &own->result);
    asked->result.http_status = relay->ca->answer.http_status;
    answer_later(relay->ca, asked->arena, asked, NULL);
}

static X509_REQ *request_of_other_names(struct arena *arena)
{
    const struct pki_csr wanted = {.key = pki_key(arena, "P-256"), .names = "DNS:other.test"};
    return x509_request_read(pki_csr(arena, &wanted));
}

static void free_request(void *request)
{
    X509_REQ_free(request);
}

/* The issuer beneath gives the permit back. */
static void relay_sign(struct fake_ca *ca, struct issuer_sign_request *request)
{
    struct relay *relay = arena_alloc(request->arena, sizeof *relay);
    *relay = (struct relay){.ca = ca, .own = *request, .asked = request};
    request->permit = (struct issuer_permit){0};
    relay->own.done = on_signed;
    relay->own.owner = relay;
    if (ca->gives == FAKE_CA_OF_OTHER_NAMES) {
        relay->own.csr = request_of_other_names(request->arena);
        arena_on_free(request->arena, free_request, relay->own.csr);
    }
    ca->own->sign(ca->issuer, &relay->own);
}

static void show(struct fake_ca *ca, struct issuer_sign_request *request, struct bytes *chain, size_t count)
{
    request->result = ca->answer;
    request->result.chain = chain;
    request->result.chain_count = count;
    issuer_report_result(ca->issuer, &request->result, &request->permit);
    answer_later(ca, request->arena, request, NULL);
}

static void show_responder(struct fake_ca *ca, struct issuer_sign_request *request)
{
    struct bytes pem, *chain = NULL;
    size_t count = 0;
    struct fault fault = {0};
    EVP_PKEY *key = X509_REQ_get_pubkey(request->csr);
    cr_assert(ca->own->make_responder(ca->issuer, request->arena, key, &pem, &fault), "%s", fault.message);
    EVP_PKEY_free(key);
    cr_assert(certificates_from_pem(request->arena, pem, &chain, &count));
    show(ca, request, chain, count);
}

static void go_on(struct issuer_sign_request *request, bool may)
{
    static struct bytes garbage[] = {BYTES_LITERAL("no certificate"), BYTES_LITERAL("none either")};
    struct fake_ca *ca = request->call;
    if (!may) {
        request->result = (struct issuer_result){.outcome = ISSUER_NOT_ASKED, .message = "withdrawn"};
        answer_later(ca, request->arena, request, NULL);
        return;
    }
    ca->signs++;
    note(ca->last_not_after, sizeof ca->last_not_after, request->validity.not_after);
    note(ca->last_usages, sizeof ca->last_usages, request->extended_key_usages);
    ca->last_deadline = request->deadline;
    if (ca->answer.outcome != ISSUER_OK)
        show(ca, request, NULL, 0);
    else if (ca->gives == FAKE_CA_OF_BEFORE)
        show(ca, request, ca->last_chain, ca->last_chain_count);
    else if (ca->gives == FAKE_CA_UNREADABLE)
        show(ca, request, garbage, 2);
    else if (ca->gives == FAKE_CA_RESPONDER)
        show_responder(ca, request);
    else
        relay_sign(ca, request);
}

static void fake_sign(struct issuer *issuer, struct issuer_sign_request *request)
{
    struct fake_ca *ca = of_issuer(issuer);
    if (ca->meanwhile != NULL)
        ca->meanwhile(ca->context);
    request->call = ca;
    request->go_on = go_on;
    if (request->take_turn != NULL)
        request->take_turn(request);
    else
        go_on(request, true);
}

/* ---- revoking ---- */

static void fake_revoke(struct issuer *issuer, struct issuer_revoke_request *request)
{
    struct fake_ca *ca = of_issuer(issuer);
    ca->revokes++;
    ca->last_reason = request->reason;
    if (ca->meanwhile != NULL)
        ca->meanwhile(ca->context);
    request->result = ca->answer;
    if (ca->answer.outcome != ISSUER_NOT_ASKED)
        issuer_report_result(issuer, &request->result, &request->permit);
    answer_later(ca, request->arena, NULL, request);
}

/* ---- its list ---- */

struct fake_list_answer {
    struct outbound_timer timer;
    struct issuer_list_request *request;
};

static void deliver_list(void *argument)
{
    struct issuer_list_request *request = ((struct fake_list_answer *)argument)->request;
    request->done(request);
}

static void fake_list(struct issuer *issuer, struct issuer_list_request *request)
{
    const struct fake_ca *ca = of_issuer(issuer);
    ++of_issuer(issuer)->lists;
    if (ca->list_outcome == ISSUER_LIST_READ && ca->list.n == 0) {
        ca->own->list(issuer, request);
        return;
    }
    struct fake_list_answer *answer = arena_alloc(request->arena, sizeof *answer);
    *answer = (struct fake_list_answer){{.run = deliver_list, .argument = answer}, request};
    request->outcome = ca->list_outcome;
    request->crl = ca->list;
    request->message = ca->list_message;
    outbound_timer_set(issuer->outbound, &answer->timer, ca->delay_ms == 0 ? SOON_MS : ca->delay_ms);
}

/* ---- life ---- */

static void fake_free(struct issuer *issuer)
{
    const struct fake_ca *ca = of_issuer(issuer);
    for (size_t i = 0; i < FAKE_CAS_MAX; i++)
        if (cas[i] == ca)
            cas[i] = NULL;
    ca->own->free(issuer);
}

void fake_ca_take_over(struct fake_ca *ca, struct arena *arena, struct issuer *issuer)
{
    *ca = (struct fake_ca){.issuer = issuer,
                           .own = issuer->operations,
                           .operations = *issuer->operations,
                           .answer = {.message = ""},
                           .arena = arena};
    ca->operations.sign = fake_sign;
    ca->operations.revoke = fake_revoke;
    ca->operations.list = fake_list;
    ca->operations.free = fake_free;
    issuer->operations = &ca->operations;
    size_t at = 0;
    while (cas[at] != NULL)
        cr_assert(++at < FAKE_CAS_MAX, "too many fakes");
    cas[at] = ca;
}

static void ignore(struct issuer_sign_request *request)
{
    (void)request;
}

struct bytes *fake_ca_issue(struct fake_ca *ca, const char *names, size_t *count)
{
    const struct pki_csr wanted = {.key = pki_key(ca->arena, "P-256"), .names = names};
    struct issuer_sign_request *request = arena_alloc(ca->arena, sizeof *request);
    *request = (struct issuer_sign_request){.arena = ca->arena,
                                            .csr = x509_request_read(pki_csr(ca->arena, &wanted)),
                                            .token_id = "",
                                            .done = ignore};
    cr_assert(issuer_admit(ca->issuer, ISSUER_WORK_SIGN, &request->permit));
    ca->own->sign(ca->issuer, request);
    fakes_settle();
    X509_REQ_free(request->csr);
    cr_assert_eq(request->result.outcome, ISSUER_OK, "%s", request->result.message);
    *count = request->result.chain_count;
    return request->result.chain;
}
