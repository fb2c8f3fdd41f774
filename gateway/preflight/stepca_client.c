/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/preflight/stepca_client.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/outbound/outbound_wait.h"
#include "gateway/runtime/clock.h"

enum {
    CLOCK_FAIL_S = 60, /* step-ca's own leeway */
    TOKEN_LIFE_S = 5 * 60 + CLOCK_FAIL_S,
    HTTP_NOT_FOUND = 404,
};

struct outbound_http_request stepca_client_request(const struct stepca_client *client, const char *method,
                                                   const char *path)
{
    return (struct outbound_http_request){
        .method = method,
        .url = arena_printf(client->arena, "%s/%s", client->url, path),
        .trusted_pem = client->trusted_pem,
        .timeout_ms = client->timeout_ms,
        .max_body_bytes = STEPCA_REPLY_MAX_BYTES,
        .user_agent = STEPCA_USER_AGENT,
    };
}

void stepca_client_call(const struct stepca_client *client, enum stepca_call call,
                        const struct outbound_http_request *request, struct outbound_http_reply *reply,
                        struct stepca_error *error)
{
    struct arena *arena = client->arena;
    outbound_http_and_wait(client->outbound, arena, request, reply);
    stepca_read_outcome(arena, call, reply->status, reply->body, issuer_stepca_transport_error(arena, reply),
                        error);
}

void stepca_client_get(const struct stepca_client *client, const char *path,
                       struct outbound_http_reply *reply, struct stepca_error *error)
{
    struct outbound_http_request request = stepca_client_request(client, "GET", path);
    stepca_client_call(client, STEPCA_READ, &request, reply, error);
}

/* ---- the CA ---- */

/* curl says "no alternative certificate subject name matches target host name". */
static bool is_of_another_name(const struct outbound_http_reply *reply)
{
    return reply->transport_error != NULL && strstr(reply->transport_error, "subject name") != NULL;
}

enum stepca_reach stepca_client_reach(const struct stepca_client *client, struct outbound_http_reply *reply,
                                      struct stepca_error *error)
{
    stepca_client_get(client, "health", reply, error);
    if (issuer_stepca_clock_is_off(reply))
        return STEPCA_CLOCK_IS_OFF;
    if (reply->untrusted)
        return is_of_another_name(reply) ? STEPCA_OTHER_NAME : STEPCA_UNTRUSTED;
    if (reply->status == 0)
        return STEPCA_UNREACHABLE;
    return error->outcome == STEPCA_OK ? STEPCA_REACHED : STEPCA_UNWELL;
}

bool stepca_clock_fits(int64_t date, struct fault *fault)
{
    long long ahead_s = (long long)(date - clock_now());
    if (ahead_s >= -CLOCK_FAIL_S && ahead_s <= TOKEN_LIFE_S)
        return true;
    return fault_set(fault, "the CA's clock is %lld s %s ours, and the CA refuses tokens: set both by NTP",
                     llabs(ahead_s), ahead_s > 0 ? "ahead of" : "behind");
}

bool stepca_client_provisioners(const struct stepca_client *client,
                                void (*take)(void *context, const struct stepca_provisioner_page *page),
                                void *context, struct fault *fault)
{
    struct stepca_paging paging = stepca_paging_first;
    while (paging.provisioners < STEPCA_PROVISIONERS_MAX) {
        struct outbound_http_reply reply;
        struct stepca_error error;
        struct stepca_provisioner_page page;
        stepca_client_get(client, stepca_paging_path(client->arena, &paging), &reply, &error);
        if (reply.body_cut && stepca_paging_shorten(&paging))
            continue;
        if (reply.body_cut)
            return fault_set(fault, STEPCA_PROVISIONER_TOO_LONG);
        if (error.outcome != STEPCA_OK || !stepca_parse_provisioners(client->arena, reply.body, &page))
            return fault_set(fault, "the CA does not list its provisioners: %s; is ca_url a step-ca?",
                             error.outcome == STEPCA_OK ? "the reply cannot be read" : error.message);
        take(context, &page);
        if (!stepca_paging_next(&paging, page.next_cursor))
            break;
    }
    return true;
}

/* ---- the root ---- */

/* Other servers answer 404, too, but not with {"status":404,"message":"…"}. */
static bool is_of_stepca(struct arena *arena, struct bytes body)
{
    int64_t status = 0;
    return json_member_integer(json_parse(arena, body, &stepca_reply_limits, NULL), "status", &status) &&
           status == HTTP_NOT_FOUND;
}

bool stepca_client_root(const struct stepca_client *client, const char *fingerprint_hex, struct bytes *der,
                        struct fault *fault)
{
    struct stepca_client trusting = *client;
    struct outbound_http_reply reply;
    struct stepca_error error;
    trusting.trusted_pem = (struct bytes){0};
    stepca_client_get(&trusting, arena_printf(client->arena, "root/%s", fingerprint_hex), &reply, &error);
    if (reply.status == 0)
        return fault_set(fault, "cannot connect to %s: %s; is the URL right, and does the CA run?",
                         client->url, error.message);
    if (reply.status == HTTP_NOT_FOUND && is_of_stepca(client->arena, reply.body))
        return fault_set(fault,
                         "the CA at %s has no root with the fingerprint %s; take the root's, not an "
                         "intermediate's: on the CA, `step certificate fingerprint $(step "
                         "path)/certs/root_ca.crt` prints it",
                         client->url, fingerprint_hex);
    if (error.outcome != STEPCA_OK)
        return fault_set(fault,
                         "%s answers %d when it is asked for its root: %s; is the URL that of a step-ca?",
                         client->url, reply.status, error.message);
    if (stepca_parse_root(client->arena, reply.body, fingerprint_hex, der))
        return true;
    return fault_set(fault,
                     "%s answers with something else than the root %s: it is not trusted; is the URL that of "
                     "the CA, and does nothing stand in between?",
                     client->url, fingerprint_hex);
}
