/* SPDX-License-Identifier: Apache-2.0 */
/* The signed envelope of every POST (RFC 8555 §6.2…6.5): the checks on a request's body before its payload is
 * read. */
#pragma once

#include "acme/jose/jws.h"
#include "acme/urls.h"

enum envelope_key {
    ENVELOPE_JWK,    /* newAccount: the key itself */
    ENVELOPE_KID,    /* every request of an account */
    ENVELOPE_EITHER, /* revokeCert */
};

struct envelope {
    struct jws jws;
    struct bytes nonce;
    int64_t account_id;         /* from `kid`; 0 when signed with a `jwk` */
    const struct json *jwk;     /* the header's jwk, when there is no kid */
    bool post_as_get;           /* the payload is empty */
    const struct json *payload; /* an object, unless post_as_get */
};

/*
 * Parses the body and makes all checks that need neither key nor nonce: form, algorithm, jwk or kid as the
 * route requires, `url` equal to `request_url`, payload an object or empty as `post_as_get` requires. RFC
 * 8555 §6 gives the problem types; acme-server.md 10…19 the order of the checks.
 */
[[gnu::warn_unused_result]] const struct problem *envelope_parse(struct arena *arena, struct bytes body,
                                                                 enum envelope_key key, bool post_as_get_only,
                                                                 const char *request_url,
                                                                 const struct urls *urls,
                                                                 struct envelope *out);

/* Verifies the signature with the header's jwk or the account's key. */
[[gnu::warn_unused_result]] const struct problem *envelope_verify(struct arena *arena,
                                                                  const struct envelope *envelope,
                                                                  const struct jwk *key);

/* Returns badPublicKey or malformed for a JOSE error. */
const struct problem *problem_from_jose(struct arena *arena, const struct jose_error *error);
