/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate_pool.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "acme/base/buffer.h"
#include "acme/pki/x509_read.h"

enum { CHAIN_MAX_BYTES = 256 * 1024 };

struct certificate_pool {
    STACK_OF(X509) * certificates;
};

struct certificate_pool *certificate_pool_new(void)
{
    struct certificate_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL || (pool->certificates = sk_X509_new_null()) == NULL)
        end_without("memory");
    return pool;
}

void certificate_pool_free(struct certificate_pool *pool)
{
    if (pool == NULL)
        return;
    sk_X509_pop_free(pool->certificates, X509_free);
    free(pool);
}

static bool is_authority(X509 *certificate)
{
    return certificate != NULL && X509_check_ca(certificate) != 0;
}

bool certificate_is_authority(struct bytes der)
{
    autofree_x509 X509 *certificate = x509_read(der);
    bool authority = is_authority(certificate);
    ERR_clear_error();
    return authority;
}

static bool holds(const struct certificate_pool *pool, X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(pool->certificates); i++)
        if (X509_cmp(sk_X509_value(pool->certificates, i), certificate) == 0)
            return true;
    return false;
}

void certificate_pool_add(struct certificate_pool *pool, struct bytes der)
{
    autofree_x509 X509 *certificate = x509_read(der);
    if (is_authority(certificate) && sk_X509_num(pool->certificates) < CERTIFICATE_POOL_MAX &&
        !holds(pool, certificate) && sk_X509_push(pool->certificates, certificate) > 0)
        certificate = NULL; /* the pool owns it now */
    ERR_clear_error();
}

void certificate_pool_add_pem(struct certificate_pool *pool, struct bytes pem)
{
    struct arena *arena = arena_new();
    struct bytes *certificates = NULL;
    size_t count = 0;
    if (certificates_from_pem(arena, pem, &certificates, &count))
        for (size_t i = 0; i < count; i++)
            certificate_pool_add(pool, certificates[i]);
    arena_free(arena);
}

/* Writes the path without the leaf and the root. */
static bool render_middle(struct arena *arena, STACK_OF(X509) * path, struct bytes *chain_pem)
{
    struct buffer text;
    buffer_init(&text, arena, CHAIN_MAX_BYTES);
    for (int i = 1; i + 1 < sk_X509_num(path); i++) {
        uint8_t *der = NULL;
        int n = i2d_X509(sk_X509_value(path, i), &der);
        if (n <= 0)
            return false;
        buffer_append_string(&text, certificate_to_pem(arena, bytes_of(der, (size_t)n)));
        OPENSSL_free(der);
    }
    *chain_pem = buffer_bytes(&text);
    return !buffer_overflowed(&text);
}

bool certificate_pool_find_chain(const struct certificate_pool *pool, struct arena *arena, struct bytes leaf,
                                 X509_STORE *roots, struct bytes *chain_pem)
{
    autofree_x509 X509 *certificate = x509_read(leaf);
    autofree_x509_store_ctx X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool found = certificate != NULL && context != NULL &&
                 X509_STORE_CTX_init(context, roots, certificate, pool->certificates) == 1;
    if (found) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
        found = X509_verify_cert(context) == 1 &&
                render_middle(arena, X509_STORE_CTX_get0_chain(context), chain_pem);
    }
    ERR_clear_error();
    return found;
}
