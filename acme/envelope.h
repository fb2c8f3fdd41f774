/* SPDX-License-Identifier: Apache-2.0 */
/* The signed envelope of every POST (RFC 8555 §6.2…6.5): what a request's body says before its payload is
 * read. */
#pragma once

#include "acme/jose/jws.h"
#include "acme/urls.h"

enum envelope_key {
    ENVELOPE_JWK,    /* newAccount: the key itself */
    ENVELOPE_KID,    /* everything of an account */
    ENVELOPE_EITHER, /* revokeCert */
};

struct envelope {
    struct jws jws;
    struct bytes nonce;
    int64_t account_id;         /* from `kid`; 0 when signed with a `jwk` */
    const struct json *jwk;     /* the header's, when there is no kid */
    bool post_as_get;           /* the payload is empty */
    const struct json *payload; /* an object, unless post_as_get */
};

/*
 * Parses and checks all that needs neither key nor nonce: form, algorithm, jwk or kid as the route wants it,
 * `url` equal to `request_url`, payload an object or empty as `post_as_get` demands. Order of checks and
 * problem types: acme-server.md 10…19.
 */
[[gnu::warn_unused_result]] const struct problem *envelope_parse(struct arena *arena, struct bytes body,
                                                                 enum envelope_key key, bool post_as_get_only,
                                                                 const char *request_url,
                                                                 const struct urls *urls,
                                                                 struct envelope *out);

/* Verifies with the header's jwk or the account's key. */
[[gnu::warn_unused_result]] const struct problem *envelope_verify(struct arena *arena,
                                                                  const struct envelope *envelope,
                                                                  const struct jwk *key);

/* badPublicKey / malformed from a JOSE error. */
const struct problem *problem_from_jose(struct arena *arena, const struct jose_error *error);
