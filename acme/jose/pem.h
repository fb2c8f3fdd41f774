/* SPDX-License-Identifier: Apache-2.0 */
/* Reads PEM block by block (RFC 7468). For a row of certificates use certificates_read_pem, for keys
 * private_key_read. */
#pragma once

#include <openssl/bio.h>

#include "acme/base/arena.h"

struct pem_block {
    const char *label; /* "CERTIFICATE"; text from outside: clean it before you print it */
    struct bytes der;  /* empty for private keys: only their label is read, and their octets are wiped */
};

enum pem_outcome {
    PEM_BLOCK,
    PEM_BROKEN, /* a block begins but cannot be read; later blocks may be readable */
    PEM_END,    /* no further block */
};

/* Reads the next block; `out` is in the arena. */
enum pem_outcome pem_next(struct arena *arena, BIO *bio, struct pem_block *out);

/* Reads the first block of a text. False when no block can be read. */
[[gnu::warn_unused_result]] bool pem_first(struct arena *arena, struct bytes text, struct pem_block *out);

/* True for a certificate request, under either of its labels. */
bool pem_is_request(const struct pem_block *block);
