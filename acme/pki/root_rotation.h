/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA's new roots against the certificates that its old ones vouch for: those that live must stay revocable,
 * which takes a pinned root above them.
 */
#pragma once

#include <openssl/x509.h>

#include "acme/base/arena.h"

/* Certificates that live and came along one chain, shown by the one among them that ends last. */
struct live_chain {
    struct bytes leaf;      /* DER */
    struct bytes chain_pem; /* empty: the leaf hangs on the root itself */
    int64_t not_after;
};

/* A root that must stay pinned for a while. */
struct kept_root {
    const char *fingerprint; /* SHA-256, hexadecimal; NULL: no root of the old ones vouches for them either */
    int64_t until;           /* the last end among its certificates */
};

/*
 * The roots of `old_pem` that live chains need and that are not among `roots`, each once, in the arena; none
 * when every chain leads to one of `roots`.
 */
void root_rotation_check(struct arena *arena, const struct live_chain *chains, size_t chain_count,
                         struct bytes old_pem, X509_STORE *roots, struct kept_root **out, size_t *count);
