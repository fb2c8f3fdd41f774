/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "gateway/ca/issuer_certificate.h"
#include "gateway/frontend/routes.h"
#include "gateway/status/status.h"
#include "store/certificates.h"

enum {
    CRL_MAX_AGE_S = 3600, /* a list is fetched again well before its end, because a revocation may be in it */
    TRY_LATER_S = 30,
    HTTP_DATE_BYTES = 32,
};

/* Returns NULL with the problem set. */
static const struct status_view *find_view(struct exchange *exchange)
{
    const struct status_view *view = status_view(exchange_status(exchange), exchange->issuer);
    if (view == NULL)
        exchange->problem =
            problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED, "No issuer with this id.");
    return view;
}

/* ---- headers ---- */

/* RFC 9110 §5.6.7. */
static const char *http_date(struct arena *arena, int64_t at)
{
    time_t seconds = at;
    struct tm parts;
    char *text = arena_alloc(arena, HTTP_DATE_BYTES);
    gmtime_r(&seconds, &parts);
    strftime(text, HTTP_DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

/* RFC 5019 §6.2; used for lists too. */
static void add_cache_headers(struct exchange *exchange, int64_t made_at, int64_t until, const char *etag)
{
    struct arena *arena = exchange->arena;
    exchange_add_header(exchange, "Cache-Control",
                        arena_printf(arena, "max-age=%lld, public, no-transform, must-revalidate",
                                     (long long)(until - exchange->now)));
    exchange_add_header(exchange, "Expires", http_date(arena, until));
    exchange_add_header(exchange, "Last-Modified", http_date(arena, made_at));
    exchange_add_header(exchange, "ETag", etag);
}

/* ---- CRL ---- */

static void refuse_without_list(struct exchange *exchange, const struct status_view *view)
{
    struct problem *problem;
    if (view->crl == NULL && !view->crl_is_kept)
        problem = problem_with_status(
            exchange->arena, 404, PROBLEM_MALFORMED,
            "The CA of issuer %s keeps no revocation list (%s). step-ca does since v0.23 with "
            "\"crl\": {\"enabled\": true, \"generateOnRevoke\": true} in its ca.json.",
            view->issuer, view->trouble);
    else if (view->crl == NULL)
        problem = problem_with_status(exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
                                      "There is no revocation list of issuer %s yet%s%s.", view->issuer,
                                      *view->trouble == '\0' ? "" : ": ", view->trouble);
    else
        problem = problem_with_status(
            exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
            "The last revocation list of issuer %s ended on %s, and there is no newer one%s%s.", view->issuer,
            http_date(exchange->arena, view->crl->next_update), *view->trouble == '\0' ? "" : ": ",
            view->trouble);
    problem->retry_after_s = problem->status == 503 ? TRY_LATER_S : 0;
    exchange->problem = problem;
}

void crl_render(struct exchange *exchange)
{
    const struct status_view *view = find_view(exchange);
    if (view == NULL)
        return;
    if (view->crl == NULL || crl_is_over(view->crl, exchange->now)) {
        refuse_without_list(exchange, view);
        return;
    }
    int64_t until = exchange->now + CRL_MAX_AGE_S;
    exchange->reply.status = 200;
    exchange->reply.content_type = "application/pkix-crl";
    exchange->reply.body = view->crl->der;
    add_cache_headers(exchange, view->crl->this_update,
                      until < view->crl->next_update ? until : view->crl->next_update, view->etag);
}

/* ---- OCSP ---- */

/* Between the steps: what is asked, and what the inventory has under those numbers, of whatever CA. */
struct ocsp_state {
    struct ocsp_request request;
    struct ocsp_response response; /* it has octets when there is nothing to look up, or all is done */
    struct {
        enum store_result result;
        struct certificate *certificates;
        size_t count;
    } found[OCSP_MAX_QUESTIONS]; /* by question */
};

struct look_up {
    struct exchange *exchange;
    const struct status_view *view;
    struct issuer *issuer; /* NULL: no longer configured */
    bool known;            /* the last serial number asked about belongs to a certificate */
};

/* True when the answer may be signed. The question is known by now. */
static bool may_answer(const struct look_up *in)
{
    return !in->view->responder->is_slow ||
           status_may_sign_slowly(exchange_status(in->exchange), in->exchange->now, in->known);
}

static size_t question_of(const struct ocsp_request *request, const char *serial)
{
    size_t i = 0;
    while (strcmp(request->questions[i].serial, serial) != 0)
        i++;
    return i;
}

static bool look_up(void *context, const char *serial, struct ocsp_knowledge *out)
{
    struct look_up *in = context;
    const struct ocsp_state *state = in->exchange->state;
    size_t i = question_of(&state->request, serial);
    const struct certificate *own =
        in->issuer == NULL
            ? NULL
            : issuer_certificate_choose(in->issuer, state->found[i].certificates, state->found[i].count);
    *out = (struct ocsp_knowledge){.crl = in->view->crl,
                                   .crl_is_kept = in->view->crl_is_kept,
                                   .is_ours = own != NULL,
                                   .revoked_at = own == NULL ? 0 : own->revoked_at,
                                   .reason = own == NULL ? 0 : own->revocation_reason};
    in->known = out->is_ours || (out->crl != NULL && crl_find(out->crl, serial) != NULL);
    return state->found[i].result != STORE_FAILED && may_answer(in);
}

static bool is_ocsp_request(struct bytes content_type)
{
    struct bytes wanted = BYTES_LITERAL("application/ocsp-request");
    return content_type.n >= wanted.n &&
           bytes_equal_ignore_case(bytes_of(content_type.p, wanted.n), wanted) &&
           (content_type.n == wanted.n || content_type.p[wanted.n] == ';' || content_type.p[wanted.n] == ' ');
}

/* Returns a response status. */
static int read_question(struct exchange *exchange, const struct ocsp_responder *responder,
                         struct ocsp_request *out)
{
    char serial[SERIAL_HEX_BYTES];
    struct bytes der = exchange->request->body;
    if (!bytes_equal_string(exchange->request->method, "POST") &&
        ocsp_path_read(exchange->arena, exchange->rest, serial, &der) == OCSP_PATH_SERIAL)
        return ocsp_request_for_serial(exchange->arena, responder, serial, out)
                   ? OCSP_RESPONSE_STATUS_SUCCESSFUL
                   : OCSP_RESPONSE_STATUS_INTERNALERROR;
    return ocsp_request_read(exchange->arena, der, out);
}

/* A response to one question that may be the same for everybody. */
static bool is_common(const struct ocsp_request *request, const struct ocsp_responder *responder)
{
    return request->count == 1 && (request->nonce.n == 0 || responder->is_slow);
}

/* The response, where nothing need be looked up for it; else the request. */
static void read_request(struct exchange *exchange, const struct ocsp_responder *responder,
                         struct ocsp_state *state)
{
    struct ocsp_request *request = &state->request;
    int status = read_question(exchange, responder, request);
    /* RFC 5019 §2.1.1: a client asks one question. Nobody else can use a response to several. No certificate
     * has a number that cannot be read. */
    bool is_usual = request->count == 1 && request->questions[0].serial[0] != '\0';
    if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL && responder->is_slow && !is_usual)
        status = OCSP_RESPONSE_STATUS_MALFORMEDREQUEST;
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        ocsp_refuse(exchange->arena, status, &state->response);
    else if (is_common(request, responder) &&
             !status_response_find(exchange_status(exchange), &request->questions[0], exchange->now,
                                   &state->response))
        state->response = (struct ocsp_response){0};
}

static void respond(struct exchange *exchange, const struct status_view *view, struct ocsp_state *state)
{
    const struct ocsp_request *request = &state->request;
    struct look_up context = {.exchange = exchange,
                              .view = view,
                              .issuer = issuers_find(exchange->frontend->parts.issuers, view->issuer)};
    ocsp_respond(exchange->arena, view->responder, request, look_up, &context, exchange->now,
                 &state->response);
    if (is_common(request, view->responder) && state->response.is_for_anyone)
        status_response_keep(exchange_status(exchange), &request->questions[0], context.known, exchange->now,
                             &state->response);
}

/* Answers a client without an OCSP response, when none of its questions can be answered here. */
static bool refuse_without_responder(struct exchange *exchange, const struct status_view *view)
{
    bool is_post = bytes_equal_string(exchange->request->method, "POST");
    if (!view->wants_responder)
        exchange->problem =
            problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                "Issuer %s has no OCSP responder: \"ocsp\" of the issuer in the "
                                "server's configuration names one. Its revocation list is at "
                                "/.well-known/pki/crl/%s.",
                                view->issuer, view->issuer);
    else if (is_post && !is_ocsp_request(exchange->request->content_type))
        exchange->problem =
            problem_with_status(exchange->arena, 415, PROBLEM_MALFORMED,
                                "The Content-Type of a POST must be application/ocsp-request.");
    return exchange->problem != NULL;
}

void ocsp_prepare(struct exchange *exchange)
{
    const struct status_view *view = find_view(exchange);
    if (view == NULL || refuse_without_responder(exchange, view))
        return;
    struct ocsp_state *state = arena_alloc(exchange->arena, sizeof *state);
    exchange->state = state;
    if (view->responder == NULL)
        ocsp_refuse(exchange->arena, OCSP_RESPONSE_STATUS_TRYLATER, &state->response);
    else
        read_request(exchange, view->responder, state);
    exchange->answered = state->response.der.n != 0;
}

void ocsp_load(struct exchange *exchange, struct store_reader *reader)
{
    struct ocsp_state *state = exchange->state;
    for (size_t i = 0; i < state->request.count; i++) {
        const char *serial = state->request.questions[i].serial;
        if (*serial != '\0')
            state->found[i].result = store_certificates_by_serial(
                reader, exchange->arena, serial, &state->found[i].certificates, &state->found[i].count);
    }
}

/* The loop's view of the issuer is looked up again, because it may have changed meanwhile. */
void ocsp_check(struct exchange *exchange)
{
    const struct status_view *view = find_view(exchange);
    struct ocsp_state *state = exchange->state;
    if (view == NULL)
        return;
    if (view->responder == NULL)
        ocsp_refuse(exchange->arena, OCSP_RESPONSE_STATUS_TRYLATER, &state->response);
    else
        respond(exchange, view, state);
}

void ocsp_render(struct exchange *exchange)
{
    const struct ocsp_response *response = &((const struct ocsp_state *)exchange->state)->response;
    exchange->reply.status = 200;
    exchange->reply.content_type = "application/ocsp-response";
    exchange->reply.body = response->der;
    if (response->is_for_anyone)
        add_cache_headers(
            exchange, response->this_update, response->next_update,
            arena_printf(exchange->arena, "\"%s\"", certificate_fingerprint(exchange->arena, response->der)));
    else
        exchange_add_header(exchange, "Cache-Control", "no-store");
}
