/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The URLs of an endpoint. The layout is step-ca's own (/acme/{endpoint}/…), so that a client moves by
 * changing the host name alone.
 */
#pragma once

#include "acme/objects.h"

struct urls {
    const char *base; /* "https://acme.internal:9443", no slash at the end */
    const char *endpoint;
};

char *url_directory(struct arena *arena, const struct urls *urls);
char *url_new_nonce(struct arena *arena, const struct urls *urls);
char *url_new_account(struct arena *arena, const struct urls *urls);
char *url_new_order(struct arena *arena, const struct urls *urls);
char *url_new_authorization(struct arena *arena, const struct urls *urls);
char *url_revoke_cert(struct arena *arena, const struct urls *urls);
char *url_limits(struct arena *arena, const struct urls *urls);
char *url_renewal_info(struct arena *arena, const struct urls *urls);
char *url_key_change(struct arena *arena, const struct urls *urls);
char *url_account(struct arena *arena, const struct urls *urls, int64_t account_id);
char *url_account_orders(struct arena *arena, const struct urls *urls, int64_t account_id);
char *url_order(struct arena *arena, const struct urls *urls, int64_t order_id);
char *url_finalize(struct arena *arena, const struct urls *urls, int64_t order_id);
char *url_authorization(struct arena *arena, const struct urls *urls, int64_t authorization_id);
char *url_challenge(struct arena *arena, const struct urls *urls, int64_t authorization_id,
                    enum challenge_type type);
char *url_certificate(struct arena *arena, const struct urls *urls, int64_t certificate_id);
/* Its n-th other chain, from 1. */
char *url_alternate_chain(struct arena *arena, const struct urls *urls, int64_t certificate_id, size_t n);

/* The id at the end of an account URL, whatever its scheme and host (acme-server.md 14); 0 when the path is
 * not this endpoint's. `url_shaped` (may be NULL) tells whether it was an absolute http(s) URL at all. */
int64_t url_account_id(const struct urls *urls, struct bytes url, bool *url_shaped);

/* True when the URL is `own`, which names no default port: "https://host/x" and "https://host:443/x" are one
 * URL (RFC 3986 §6.2.3). */
bool url_equals(struct bytes url, const char *own);

/* "host:443" without its port, the default one of https; any other text as it is. */
struct bytes url_host_without_default_port(struct bytes host);

/* A positive decimal id as URLs carry it; 0 for anything else. */
int64_t url_parse_id(struct bytes text);
