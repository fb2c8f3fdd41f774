/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares a CA's new roots with the certificates that chain to its old ones. Live certificates must stay
 * revocable, which takes a pinned root above them.
 */
#pragma once

#include <openssl/x509.h>

#include "acme/base/arena.h"

/* Live certificates that share a chain, represented by the one that ends last. */
struct live_chain {
    struct bytes leaf;      /* DER */
    struct bytes chain_pem; /* empty: the root itself signed the leaf */
    int64_t not_after;
};

/* A root that must stay pinned until the last of its certificates has ended. */
struct kept_root {
    const char *fingerprint; /* SHA-256, hexadecimal; NULL: none of the old roots vouches for them either */
    int64_t until;           /* the last end among its certificates */
};

/*
 * Finds the roots of `old_pem` that live chains need and that are not among `roots`, each once, in the arena.
 * There is none when every chain leads to one of `roots`.
 */
void root_rotation_check(struct arena *arena, const struct live_chain *chains, size_t chain_count,
                         struct bytes old_pem, X509_STORE *roots, struct kept_root **out, size_t *count);
