/*
 * step-ca's revocation list, GET /crl (since v0.23, where `crl` in ca.json enables it), and the certificates
 * that it may be signed with, GET /intermediates (since v0.27.3). What the list is worth is for others to
 * say.
 */
#include <stdio.h>

#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/metrics/metrics.h"
#include "stepca/outcome.h"

/* One job on its way, in its arena. */
struct list_call {
    struct issuer_stepca *issuer;
    struct issuer_list_job *job;
};

static void get(struct list_call *call, const char *path, size_t max_bytes,
                void (*done)(void *context, const struct outbound_http_reply *reply))
{
    const struct issuer_stepca *issuer = call->issuer;
    struct outbound_http_request request = {
        .method = "GET",
        .url = arena_printf(call->job->arena, "%s/1.0/%s", issuer->ca_url, path),
        .trusted_pem = issuer->base.roots_pem,
        .timeout_ms = issuer->timeout_ms,
        .max_body_bytes = max_bytes,
        .user_agent = STEPCA_USER_AGENT,
    };
    outbound_http(issuer->outbound, &request, done, call);
}

/* Also an older CA that knows no such route, and one whose database cannot keep lists (501). */
static bool says_none(int status)
{
    return status == 404 || status == 501;
}

static void list_arrived(void *context, const struct outbound_http_reply *reply)
{
    struct list_call *call = context;
    struct issuer_list_job *job = call->job;
    struct stepca_error error;
    METRICS_CALL(call->issuer->base.id, METRIC_CALL_OTHER, reply->took_us);
    if (reply->status == 200 && !reply->body_cut) {
        job->outcome = ISSUER_LIST_READ;
        job->crl = arena_copy(job->arena, reply->body);
    } else if (reply->body_cut) {
        job->outcome = ISSUER_LIST_FAILED;
        job->message = arena_printf(job->arena, "it is longer than %d bytes", STEPCA_LIST_MAX_BYTES);
    } else {
        stepca_read_outcome(job->arena, STEPCA_READ, reply->status, reply->body,
                            issuer_stepca_transport_error(job->arena, reply), &error);
        job->outcome = says_none(reply->status) ? ISSUER_LIST_NONE : ISSUER_LIST_FAILED;
        job->message = error.message;
    }
    job->done(job);
}

static void intermediates_arrived(void *context, const struct outbound_http_reply *reply)
{
    struct list_call *call = context;
    struct arena *arena = call->job->arena;
    struct stepca_chain chain;
    METRICS_CALL(call->issuer->base.id, METRIC_CALL_OTHER, reply->took_us);
    if (reply->status == 0) {
        call->job->outcome = ISSUER_LIST_FAILED;
        call->job->message = issuer_stepca_transport_error(arena, reply);
        call->job->done(call->job);
        return;
    }
    if ((reply->status == 200 || reply->status == 201) &&
        stepca_parse_certificates(arena, reply->body, &chain))
        call->job->intermediates_pem = certificates_to_pem(arena, chain.certificates, chain.count);
    get(call, "crl", STEPCA_LIST_MAX_BYTES, list_arrived);
}

void issuer_stepca_list(struct issuer *base, struct issuer_list_job *job)
{
    struct list_call *call = arena_alloc(job->arena, sizeof *call);
    *call = (struct list_call){(struct issuer_stepca *)base, job};
    get(call, "intermediates", STEPCA_REPLY_MAX_BYTES, intermediates_arrived);
}
