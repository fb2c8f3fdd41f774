/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nonces (RFC 8555 §6.5) without a database row: the number of a gateway and a counter, authenticated with
 * AES-128-GCM under a key of the process, and a window of the used ones. Only the gateway that issued a nonce
 * can spend it; the first character names that gateway. It is not thread-safe: its owner holds one short lock
 * around nonce_spend.
 */
#pragma once

#include "acme/base/arena.h"

enum {
    NONCE_TEXT_BYTES = 33, /* number, counter and tag as base64url, and a NUL */
    NONCE_GATEWAYS = 16,   /* their numbers are below it */
    NONCE_WINDOW =
        1 << 20, /* a nonce may be this much older than the newest one used; older ones are badNonce */
};

struct nonce_source;

/* Makes a source for the gateway with this number. NULL when OpenSSL has no randomness. */
struct nonce_source *nonce_source_new(unsigned number);
void nonce_source_free(struct nonce_source *source);

/* Issues a new nonce. Any thread (atomic counter, cipher context per call). False when OpenSSL fails. */
[[gnu::warn_unused_result]] bool nonce_issue(struct nonce_source *source, char out[static NONCE_TEXT_BYTES]);

/* True once for each issued nonce still inside the window; false for all others. */
[[gnu::warn_unused_result]] bool nonce_spend(struct nonce_source *source, struct bytes text);

/* Returns the number of the gateway that a nonce names as its own. -1 when it has not the form of a nonce.
 * Nothing is verified. */
int nonce_home(struct bytes text);
