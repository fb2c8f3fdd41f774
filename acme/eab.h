/* SPDX-License-Identifier: Apache-2.0 */
/* External account binding (RFC 8555 §7.3.4): a new account shows that its operator gave it a key. */
#pragma once

#include "acme/identifier.h"
#include "acme/jose/jws.h"
#include "acme/problem.h"

enum eab_mode { EAB_OFF, EAB_OPTIONAL, EAB_REQUIRED };

enum { EAB_KEY_BYTES = 32 };

/* A key that was handed out, and what it is good for. */
struct eab_key {
    int64_t id;
    const char *endpoint;
    const char *kid;
    struct bytes sealed_key;     /* the MAC key, sealed by the gateway */
    const char *comment;         /* NULL: none */
    struct name_policy names;    /* beside the endpoint's own */
    const char *const *profiles; /* none: all of the endpoint's */
    size_t profile_count;
    bool trusted;     /* its accounts' names need no proof */
    int64_t max_uses; /* accounts that it may make; 0: any number */
    int64_t uses;
    int64_t expires_at; /* no account is made with it from then on; 0: never */
    int64_t revoked_at; /* accounts that were made with it order nothing any more */
    int64_t created_at;
};

struct eab_request {
    struct jws jws;
    const char *kid;
    const char *binding_json; /* as the client sent it */
};

/*
 * Reads a newAccount's `externalAccountBinding`: MAC by HS256, HS384 or HS512, kid, no nonce, url that of
 * newAccount, the payload the very key that signs the request. malformed otherwise. The MAC is for
 * eab_verify.
 */
[[gnu::warn_unused_result]] const struct problem *eab_read(struct arena *arena, const struct json *binding,
                                                           const char *new_account_url,
                                                           const struct jwk *account_key,
                                                           struct eab_request *out);

/* What the gateway seals a MAC key for. */
char *eab_key_place(struct arena *arena, const char *endpoint, const char *kid);

/* 403 unauthorized for a key that is NULL (unknown), revoked, expired or used up as of `now`. */
[[gnu::warn_unused_result]] const struct problem *eab_check_key(struct arena *arena,
                                                                const struct eab_key *key, int64_t now);

/* 403 unauthorized unless the MAC is by this key. */
[[gnu::warn_unused_result]] const struct problem *eab_verify(struct arena *arena,
                                                             const struct eab_request *request,
                                                             struct bytes mac_key);

/*
 * What the key that an account was made with says of an order: 403 unauthorized when it was revoked,
 * rejectedIdentifier for names, invalidProfile for the profile.
 */
[[gnu::warn_unused_result]] const struct problem *eab_check_order(struct arena *arena,
                                                                  const struct eab_key *key,
                                                                  const char *profile,
                                                                  const struct identifier *identifiers,
                                                                  size_t identifier_count);
