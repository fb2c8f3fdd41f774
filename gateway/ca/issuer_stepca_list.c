/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches step-ca's revocation list, GET /crl (0.23 and later, where `crl` in ca.json enables it), and the
 * certificates that may have signed it, GET /intermediates (0.27.3 and later). The caller verifies the list.
 */
#include <stdio.h>

#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/metrics/metrics.h"
#include "stepca/outcome.h"

/* One request in progress, in its arena. */
struct list_call {
    struct issuer_stepca *issuer;
    struct issuer_list_request *request;
};

static void get(struct list_call *call, const char *path, size_t max_bytes,
                void (*done)(void *context, const struct outbound_http_reply *reply))
{
    const struct issuer_stepca *issuer = call->issuer;
    struct outbound_http_request http = {
        .method = "GET",
        .url = arena_printf(call->request->arena, "%s/1.0/%s", issuer->ca_url, path),
        .trusted_pem = issuer->base.roots_pem,
        .timeout_ms = issuer->timeout_ms,
        .max_body_bytes = max_bytes,
        .user_agent = STEPCA_USER_AGENT,
    };
    outbound_http(issuer->outbound, &http, done, call);
}

/* True also for an older CA without this route, and for one whose database cannot keep lists (501). */
static bool says_none(int status)
{
    return status == 404 || status == 501;
}

static void list_arrived(void *context, const struct outbound_http_reply *reply)
{
    struct list_call *call = context;
    struct issuer_list_request *request = call->request;
    struct stepca_error error;
    METRICS_CALL(call->issuer->base.id, METRIC_CALL_OTHER, reply->took_us);
    if (reply->status == 200 && !reply->body_cut) {
        request->outcome = ISSUER_LIST_READ;
        request->crl = arena_copy(request->arena, reply->body);
    } else if (reply->body_cut) {
        request->outcome = ISSUER_LIST_FAILED;
        request->message = arena_printf(request->arena, "it is longer than %d bytes", STEPCA_LIST_MAX_BYTES);
    } else {
        stepca_read_outcome(request->arena, STEPCA_READ, reply->status, reply->body,
                            issuer_stepca_transport_error(request->arena, reply), &error);
        request->outcome = says_none(reply->status) ? ISSUER_LIST_NONE : ISSUER_LIST_FAILED;
        request->message = error.message;
    }
    request->done(request);
}

static void intermediates_arrived(void *context, const struct outbound_http_reply *reply)
{
    struct list_call *call = context;
    struct arena *arena = call->request->arena;
    struct stepca_chain chain;
    METRICS_CALL(call->issuer->base.id, METRIC_CALL_OTHER, reply->took_us);
    if (reply->status == 0) {
        call->request->outcome = ISSUER_LIST_FAILED;
        call->request->message = issuer_stepca_transport_error(arena, reply);
        call->request->done(call->request);
        return;
    }
    if ((reply->status == 200 || reply->status == 201) &&
        stepca_parse_certificates(arena, reply->body, &chain))
        call->request->intermediates_pem = certificates_to_pem(arena, chain.certificates, chain.count);
    get(call, "crl", STEPCA_LIST_MAX_BYTES, list_arrived);
}

void issuer_stepca_list(struct issuer *base, struct issuer_list_request *request)
{
    struct list_call *call = arena_alloc(request->arena, sizeof *call);
    *call = (struct list_call){(struct issuer_stepca *)base, request};
    get(call, "intermediates", STEPCA_REPLY_MAX_BYTES, intermediates_arrived);
}
