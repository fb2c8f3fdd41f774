/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "acme/jose/openssl_handles.h"

static bool is_private_key(const char *label)
{
    static const char ending[] = "PRIVATE KEY";
    size_t n = strlen(label);
    return n >= sizeof ending - 1 && strcmp(label + n - (sizeof ending - 1), ending) == 0;
}

enum pem_outcome pem_next(struct arena *arena, BIO *bio, struct pem_block *out)
{
    char *label = NULL, *header = NULL;
    uint8_t *data = NULL;
    long n = 0;
    ERR_clear_error();
    enum pem_outcome outcome = PEM_read_bio(bio, &label, &header, &data, &n) == 1             ? PEM_BLOCK
                               : ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? PEM_END
                                                                                              : PEM_BROKEN;
    *out = (struct pem_block){0};
    if (outcome == PEM_BLOCK) {
        out->label = arena_duplicate(arena, label);
        if (n > 0 && !is_private_key(label))
            out->der = arena_copy(arena, bytes_of(data, (size_t)n));
    }
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, n > 0 ? (size_t)n : 0);
    ERR_clear_error();
    return outcome;
}

bool pem_first(struct arena *arena, struct bytes text, struct pem_block *out)
{
    *out = (struct pem_block){0};
    if (text.n == 0 || text.n > INT_MAX)
        return false;
    autofree_bio BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    return bio != NULL && pem_next(arena, bio, out) == PEM_BLOCK;
}

bool pem_is_request(const struct pem_block *block)
{
    return strcmp(block->label, PEM_STRING_X509_REQ) == 0 ||
           strcmp(block->label, PEM_STRING_X509_REQ_OLD) == 0;
}
