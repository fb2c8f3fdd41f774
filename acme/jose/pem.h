/* SPDX-License-Identifier: Apache-2.0 */
/* PEM, block by block (RFC 7468). Certificates in a row are for certificates_read_pem, keys for
 * private_key_read. */
#pragma once

#include <openssl/bio.h>

#include "acme/base/arena.h"

struct pem_block {
    const char *label; /* "CERTIFICATE"; from outside: not for printing as it is */
    struct bytes der;  /* empty for private keys: they are told by their label alone, and wiped */
};

enum pem_outcome {
    PEM_BLOCK,
    PEM_BROKEN, /* a block begins and cannot be read; what follows may be readable */
    PEM_END,    /* no further block */
};

/* The next block; `out` is in the arena. */
enum pem_outcome pem_next(struct arena *arena, BIO *bio, struct pem_block *out);

/* The first block of a text; false when none can be read. */
[[gnu::warn_unused_result]] bool pem_first(struct arena *arena, struct bytes text, struct pem_block *out);

/* A certificate request, by either of its labels. */
bool pem_is_request(const struct pem_block *block);
