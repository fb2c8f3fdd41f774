/* SPDX-License-Identifier: Apache-2.0 */
/* Account key rollover (RFC 8555 §7.3.5): the payload of keyChange is itself a JWS, signed with the new key.
 */
#pragma once

#include "acme/jose/jws.h"
#include "acme/objects.h"
#include "acme/urls.h"

/*
 * Reads and verifies the inner JWS of a request to `url` that `account` has signed with its present key. The
 * JWS has `jwk`, no nonce and the same url. Its `account` is this account, its `oldKey` the present key; the
 * new key differs. Problems: malformed, or those of keys and algorithms. `out` is the new key.
 */
[[gnu::warn_unused_result]] const struct problem *key_change_read(struct arena *arena, struct bytes payload,
                                                                  const char *url, const struct urls *urls,
                                                                  const struct account *account,
                                                                  struct jwk *out);
