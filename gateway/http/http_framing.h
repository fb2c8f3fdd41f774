/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1 request, read strictly (RFC 9112 §2.2, §3.2, §5, §6.3). libh2o's parser forgives bare
 * line feeds, repeated lengths and more; whoever forgives differently from a proxy in front lets one client's
 * bytes become another's request. No sockets.
 */
#pragma once

#include "acme/base/bytes.h"

/* A token: at least one octet, all of those that a method or a field's name may have (RFC 9110 §5.6.2). */
bool http_is_token(struct bytes text);

/* The text without the spaces and tabs around it. */
struct bytes http_trim(struct bytes text);

struct http_head {
    struct bytes target; /* of the request line, as sent */
    struct bytes host;   /* the Host header; p NULL: none, which only HTTP/1.0 may do */
    bool has_length;
    bool is_chunked;
    size_t bytes; /* of the head, its empty line included */
};

/* Reads the head that `input` begins with. NULL, or why it must not be answered (static). */
[[gnu::warn_unused_result]] const char *http_head_read(struct bytes input, struct http_head *out);

/* A target in its parts. */
struct http_target {
    struct bytes authority; /* of the absolute form; p NULL for the origin form */
    struct bytes origin;    /* path and query; "/" when an absolute form has none */
    struct bytes path;
    struct bytes query; /* behind '?' */
};

/* Splits the origin or the absolute form (RFC 9112 §3.2.1, §3.2.2). `scheme` is the connection's;
 * NULL: http or https. Returns
 * NULL, or the fault (static). */
[[gnu::warn_unused_result]] const char *http_target_read(struct bytes target, const char *scheme,
                                                         struct http_target *out);
