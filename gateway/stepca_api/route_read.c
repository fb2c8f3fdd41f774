/* SPDX-License-Identifier: Apache-2.0 */
/* The public resources of step-ca's API, and the form of its refusals. */
#include "acme/base/buffer.h"
#include "gateway/stepca_api/stepca_api_call.h"
#include "gateway/stepca_api/stepca_api_routes.h"
#include "stepca/client_request.h"
#include "stepca/messages.h"

enum { PATH_MAX_BYTES = 4096, REFUSAL_MAX_BYTES = 8 * 1024, KEY_IDS_OF_ONE = 2 };

/* ---- refusals ---- */

/* step-ca's errs.ErrorResponse. */
static struct bytes render_refusal(struct arena *arena, const struct problem *problem)
{
    struct json_writer *writer = json_writer_new(arena, REFUSAL_MAX_BYTES);
    json_begin_object(writer);
    json_put_integer(writer, "status", problem->status);
    json_put_string(writer, "message", problem->detail);
    json_end_object(writer);
    struct bytes body = json_writer_finish(writer);
    return body.p != NULL ? body : BYTES_LITERAL("{}");
}

void stepca_api_finish(struct exchange *exchange)
{
    const struct problem *problem = exchange->problem;
    if (problem != NULL)
        exchange_reply_json(exchange, problem->status, render_refusal(exchange->arena, problem));
    if (problem != NULL && problem->retry_after_s > 0)
        exchange_add_retry_after(exchange, problem->retry_after_s);
    http_reply(exchange->request, &exchange->reply);
}

/* ---- reading ---- */

/* A key's id is its thumbprint, unless its maker chose another. The CA may not have published that yet. */
static void add_key_ids(struct arena *arena, struct issuer *issuer, const char **key_ids, size_t *count)
{
    const char *key_id = issuer == NULL ? NULL : issuer_copy_key_id(issuer, arena);
    if (key_id != NULL)
        key_ids[(*count)++] = key_id;
    if (issuer != NULL && issuer->key_thumbprint != NULL)
        key_ids[(*count)++] = issuer->key_thumbprint;
}

/* Returns the ids of the provisioner keys that the gateway signs with. With such a key and its pass phrase
 * the gateway's limits would be void, so these keys are not handed out, encrypted or not. */
static const char *const *own_key_ids(const struct exchange *exchange, size_t *count)
{
    const struct config *config = config_now(exchange->frontend->parts.config);
    const char **key_ids =
        arena_alloc_array(exchange->arena, 2 * KEY_IDS_OF_ONE * config->issuer_count, sizeof *key_ids);
    *count = 0;
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = issuers_find(exchange->frontend->parts.issuers, config->issuers[i].id);
        add_key_ids(exchange->arena, issuer, key_ids, count);
        add_key_ids(exchange->arena, issuer == NULL ? NULL : issuer->ocsp.issuer, key_ids, count);
    }
    return key_ids;
}

static bool is_own_key_id(const struct exchange *exchange, struct bytes key_id)
{
    size_t count;
    const char *const *own = own_key_ids(exchange, &count);
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_string(key_id, own[i]))
            return true;
    return false;
}

static void take_provisioners(struct stepca_api_call *call)
{
    struct exchange *exchange = call->exchange;
    size_t count;
    if (stepca_api_call_outcome(call, STEPCA_READ) == STEPCA_OK) {
        const char *const *own = own_key_ids(exchange, &count);
        struct bytes page =
            stepca_provisioners_without_keys(exchange->arena, call->request.reply, own, count);
        if (page.p == NULL)
            exchange->problem = problem_with_status(exchange->arena, 502, PROBLEM_SERVER_INTERNAL,
                                                    "The CA's list of provisioners cannot be read.");
        else
            exchange_reply_json(exchange, call->request.status, page);
    }
    stepca_api_call_answer(call);
}

static void take_document(struct stepca_api_call *call)
{
    if (stepca_api_call_outcome(call, STEPCA_READ) == STEPCA_OK)
        exchange_reply_json(call->exchange, call->request.status,
                            call->request.reply.n == 0 ? BYTES_LITERAL("") : call->request.reply);
    stepca_api_call_answer(call);
}

/* Takes the next `name=value` of a query. */
static bool take_parameter(struct bytes *query, struct bytes *name, struct bytes *value)
{
    if (query->n == 0)
        return false;
    const uint8_t *end = memchr(query->p, '&', query->n);
    size_t n = end == NULL ? query->n : (size_t)(end - query->p);
    const uint8_t *equals = memchr(query->p, '=', n);
    size_t name_bytes = equals == NULL ? n : (size_t)(equals - query->p);
    *name = bytes_of(query->p, name_bytes);
    *value = equals == NULL ? (struct bytes){0} : bytes_of(equals + 1, n - name_bytes - 1);
    *query = end == NULL ? (struct bytes){0} : bytes_of(end + 1, query->n - n - 1);
    return true;
}

/* Appends the two parameters that step-ca supports here, unchanged. False when one cannot be used in a URL
 * unencoded. */
static bool append_paging(struct buffer *path, struct bytes query)
{
    struct bytes name, value;
    const char *separator = "?";
    while (take_parameter(&query, &name, &value)) {
        if (value.n == 0 || (!bytes_equal_string(name, "cursor") && !bytes_equal_string(name, "limit")))
            continue;
        if (!stepca_is_plain_segment(value))
            return false;
        buffer_printf(path, "%s%.*s=%.*s", separator, (int)name.n, (const char *)name.p, (int)value.n,
                      (const char *)value.p);
        separator = "&";
    }
    return true;
}

/* Makes the path for the CA. step-ca's cursors need no encoding; a kid may be anything. False when the path's
 * {name}, or the query, cannot be passed on. The name is left decoded. */
static bool path_to_ask(struct exchange *exchange, const char **out)
{
    const char *pattern = exchange->route->pattern;
    const char *placeholder = strstr(pattern, "{name}");
    struct bytes name = {0};
    struct buffer path;
    bool good = placeholder == NULL || stepca_decode_segment(exchange->arena, exchange->name, &name);
    if (good && placeholder != NULL)
        exchange->name = name;
    buffer_init(&path, exchange->arena, PATH_MAX_BYTES);
    buffer_append_string(&path, "/1.0");
    if (placeholder == NULL) {
        buffer_append_string(&path, pattern);
    } else {
        buffer_append(&path, bytes_of(pattern, (size_t)(placeholder - pattern)));
        buffer_append(&path, stepca_encode_segment(exchange->arena, name));
        buffer_append_string(&path, placeholder + strlen("{name}"));
    }
    if (good && strcmp(pattern, "/provisioners") == 0)
        good = append_paging(&path, exchange->request->query);
    *out = buffer_string(&path);
    return good && !buffer_overflowed(&path);
}

void stepca_api_read_prepare(struct exchange *exchange)
{
    const char *path = NULL;
    if (!path_to_ask(exchange, &path)) {
        exchange->problem = problem_with_status(exchange->arena, 400, PROBLEM_MALFORMED,
                                                "The URL contains characters that are not passed on.");
        return;
    }
    const char *pattern = exchange->route->pattern;
    if (strstr(pattern, "encrypted-key") != NULL && is_own_key_id(exchange, exchange->name)) {
        exchange->problem = problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                                "The key of the provisioner that this server signs with is "
                                                "not handed out; use another provisioner.");
        return;
    }
    struct stepca_api_call *call = stepca_api_call_new(exchange, NULL);
    bool is_list = strcmp(pattern, "/provisioners") == 0;
    if (exchange->problem == NULL)
        stepca_api_call_begin(call, "GET", path, NULL, is_list ? take_provisioners : take_document);
}

/* ---- requests that cannot be passed on ---- */

void stepca_api_rekey_prepare(struct exchange *exchange)
{
    exchange->problem = problem_with_status(
        exchange->arena, 400, PROBLEM_MALFORMED,
        "A rekey is proven by the certificate's key in the TLS connection to the CA itself, and this server "
        "is not the CA: use step ca rekey with the CA's own URL, or step ca certificate here, or ACME.");
}
