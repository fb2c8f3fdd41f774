/* SPDX-License-Identifier: Apache-2.0 */
/* External account binding (RFC 8555 §7.3.4). A new account proves that the operator gave it a key. */
#pragma once

#include "acme/identifier.h"
#include "acme/jose/jws.h"
#include "acme/problem.h"

enum eab_mode { EAB_OFF, EAB_OPTIONAL, EAB_REQUIRED };

enum { EAB_KEY_BYTES = 32 };

/* A key that the operator handed out, with its limits. */
struct eab_key {
    int64_t id;
    const char *endpoint;
    const char *kid;
    struct bytes sealed_key;     /* the MAC key, sealed by the gateway */
    const char *comment;         /* NULL: none */
    struct name_policy names;    /* in addition to the endpoint's own policy */
    const char *const *profiles; /* empty: all of the endpoint's profiles */
    size_t profile_count;
    bool trusted;     /* its accounts' names need no proof */
    int64_t max_uses; /* accounts that it may create; 0: any number */
    int64_t uses;
    int64_t expires_at; /* it creates no account from then on; 0: never */
    int64_t revoked_at; /* its accounts may not order from then on */
    int64_t created_at;
};

struct eab_request {
    struct jws jws;
    const char *kid;
    const char *binding_json; /* as the client sent it */
};

/*
 * Reads a newAccount's `externalAccountBinding`. Its MAC is HS256, HS384 or HS512. It has a kid, no nonce,
 * and the url of newAccount. Its payload is the key that signs the request. malformed otherwise. eab_verify
 * checks the MAC.
 */
[[gnu::warn_unused_result]] const struct problem *eab_read(struct arena *arena, const struct json *binding,
                                                           const char *new_account_url,
                                                           const struct jwk *account_key,
                                                           struct eab_request *out);

/* Returns the context that the gateway seals a MAC key for. */
char *eab_key_place(struct arena *arena, const char *endpoint, const char *kid);

/* Refuses with 403 unauthorized a key that is NULL (unknown), revoked, expired or used up as of `now`. */
[[gnu::warn_unused_result]] const struct problem *eab_check_key(struct arena *arena,
                                                                const struct eab_key *key, int64_t now);

/* Refuses with 403 unauthorized unless this key made the MAC. */
[[gnu::warn_unused_result]] const struct problem *eab_verify(struct arena *arena,
                                                             const struct eab_request *request,
                                                             struct bytes mac_key);

/*
 * Checks an order against the key of its account: 403 unauthorized when the key was revoked,
 * rejectedIdentifier for names, invalidProfile for the profile.
 */
[[gnu::warn_unused_result]] const struct problem *eab_check_order(struct arena *arena,
                                                                  const struct eab_key *key,
                                                                  const char *profile,
                                                                  const struct identifier *identifiers,
                                                                  size_t identifier_count);
