/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The URLs of an endpoint. The layout is step-ca's own (/acme/{endpoint}/…), so that clients move by changing
 * only the host name.
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
/* Returns the URL of its n-th other chain, from 1. */
char *url_alternate_chain(struct arena *arena, const struct urls *urls, int64_t certificate_id, size_t n);

/* Returns the id at the end of an account URL, whatever its scheme and host (acme-server.md 14); 0 when the
 * path is not this endpoint's. `url_shaped` (may be NULL) tells whether it is an absolute http(s) URL. */
int64_t url_account_id(const struct urls *urls, struct bytes url, bool *url_shaped);

/* True when the URL is `own`, which names no default port: "https://host/x" and "https://host:443/x" are one
 * URL (RFC 3986 §6.2.3). */
bool url_equals(struct bytes url, const char *own);

/* Returns "host:443" without its port, the default of https; any other text unchanged. */
struct bytes url_host_without_default_port(struct bytes host);

/* Reads a positive decimal id in the form of URLs; 0 for anything else. */
int64_t url_parse_id(struct bytes text);
