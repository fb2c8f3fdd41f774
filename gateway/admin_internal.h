/* Shared by gateway/admin*.c only. A request is handled on the admin's own loop thread. */
#pragma once

#include "acme/base/json.h"
#include "gateway/admin.h"

enum { ADMIN_REPLY_MAX_BYTES = 1024 * 1024 };

struct admin {
    struct server *server;
    struct http_server *http;
};

struct admin_exchange {
    struct admin *admin;
    struct http_request *request;
    struct arena *arena; /* the request's */
    struct bytes id;     /* from the path */
    struct http_reply reply;
};

/* With what was written as the body. Ends the exchange. */
void admin_reply_json(struct admin_exchange *exchange, int status, struct json_writer *writer);

/* A problem document (RFC 9457). `reasons`: every single one, may be none. Ends the exchange. */
void admin_refuse(struct admin_exchange *exchange, int status, const char *detail, const char *const *reasons,
                  size_t reason_count);

/* ---- admin_issuers.c ---- */

void admin_list_issuers(struct admin_exchange *exchange);
void admin_show_issuer(struct admin_exchange *exchange);
