/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/root_rotation.h"

#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"

static void free_store(void *store)
{
    X509_STORE_free(store);
}

static X509_STORE *store_of(struct arena *arena, struct bytes root_der)
{
    autofree_x509 X509 *root = x509_read(root_der);
    X509_STORE *store = X509_STORE_new();
    arena_on_free(arena, free_store, store);
    return root != NULL && store != NULL && X509_STORE_add_cert(store, root) == 1 ? store : NULL;
}

/* Returns the root above a chain; NULL when none of them vouches for it. */
static const char *root_above(struct arena *arena, const struct live_chain *chain, const struct bytes *roots,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        X509_STORE *store = store_of(arena, roots[i]);
        if (store != NULL && certificate_chains_to(chain->leaf, chain->chain_pem, store))
            return certificate_fingerprint(arena, roots[i]);
    }
    return NULL;
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void keep(struct kept_root *kept, size_t *count, const char *fingerprint, int64_t until)
{
    size_t i = 0;
    while (i < *count && !is_same(kept[i].fingerprint, fingerprint))
        i++;
    if (i == *count)
        kept[(*count)++] = (struct kept_root){fingerprint, until};
    else if (kept[i].until < until)
        kept[i].until = until;
}

void root_rotation_check(struct arena *arena, const struct live_chain *chains, size_t chain_count,
                         struct bytes old_pem, X509_STORE *roots, struct kept_root **out, size_t *count)
{
    struct bytes *old = NULL;
    size_t old_count = 0;
    if (!certificates_from_pem(arena, old_pem, &old, &old_count))
        old_count = 0;
    *out = arena_alloc_array(arena, chain_count, sizeof **out);
    *count = 0;
    for (size_t i = 0; i < chain_count; i++)
        if (!certificate_chains_to(chains[i].leaf, chains[i].chain_pem, roots))
            keep(*out, count, root_above(arena, &chains[i], old, old_count), chains[i].not_after);
}
