/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/admin/ only. A request is handled on the admin's own loop thread. */
#pragma once

#include "acme/base/json.h"
#include "gateway/admin/admin.h"
#include "gateway/runtime/log_gate.h"

enum { ADMIN_REPLY_MAX_BYTES = 1024 * 1024 };

struct admin {
    struct admin_parts parts;
    struct http_server *http;
    /* the loop's */
    bool changing;                 /* an issuer */
    struct log_gate refusals_gate; /* for requests without permission */
    void *gauges;
};

struct admin_exchange {
    struct admin *admin;
    struct http_request *request;
    struct arena *arena;          /* the request's */
    struct bytes id;              /* from the path */
    struct metric_gauges *gauges; /* by the load of /metrics; NULL: it could not run */
    struct http_reply reply;
};

/* Makes the text that was written the body of the reply. */
void admin_set_json(struct admin_exchange *exchange, int status, struct json_writer *writer);
/* The reply is a problem document (RFC 9457). `reasons`: every single one, may be none. */
void admin_set_problem(struct admin_exchange *exchange, int status, const char *detail,
                       const char *const *reasons, size_t reason_count);
/* Sends the reply: the end of the exchange. */
void admin_finish(struct admin_exchange *exchange);
/* A problem, sent. */
void admin_refuse(struct admin_exchange *exchange, int status, const char *detail);

/* ---- admin_issuers.c ---- */

void admin_list_issuers(struct admin_exchange *exchange);
void admin_show_issuer(struct admin_exchange *exchange);

/* Returns the issuer that the path names. NULL when there is none; the reply is then set. */
struct issuer *admin_find_issuer(struct admin_exchange *exchange);

/* Describes a change of an issuer, as members of an open object and in words. A secret is shown as
 * "changed". */
void admin_put_differences(struct json_writer *writer, struct buffer *words, struct issuer *before,
                           struct issuer *after);

/* ---- admin_metrics.c ---- */

void admin_load_metrics(struct admin_exchange *exchange, struct store_reader *reader);
void admin_show_metrics(struct admin_exchange *exchange);

/* ---- admin_changes.c ---- */

void admin_put_issuer(struct admin_exchange *exchange);
void admin_delete_issuer(struct admin_exchange *exchange);
