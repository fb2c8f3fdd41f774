/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_signers.h"

#include <stdlib.h>

#include "acme/base/unconst.h"
#include "acme/pki/certificate_pool.h"
#include "acme/pki/x509_read.h"

static atomic_uint_fast64_t version = 1;

uint64_t issuer_signers_version(void)
{
    return atomic_load_explicit(&version, memory_order_acquire);
}

/* ---- learning ---- */

static struct issuer_signer *find(struct issuer *issuer, struct bytes der)
{
    for (size_t i = 0; i < issuer->signer_count; i++)
        if (bytes_equal(issuer->signers[i].der, der))
            return &issuer->signers[i];
    return NULL;
}

static bool see_again(struct issuer *issuer, struct bytes der)
{
    pthread_mutex_lock(&issuer->health_mutex);
    struct issuer_signer *known = find(issuer, der);
    if (known != NULL)
        known->seen = ++issuer->signer_sightings;
    pthread_mutex_unlock(&issuer->health_mutex);
    return known != NULL;
}

static struct issuer_signer *place_for_one(struct issuer *issuer)
{
    if (issuer->signer_count < ISSUER_SIGNERS_MAX)
        return &issuer->signers[issuer->signer_count++];
    struct issuer_signer *place = &issuer->signers[0];
    for (size_t i = 1; i < ISSUER_SIGNERS_MAX; i++)
        if (issuer->signers[i].seen < place->seen)
            place = &issuer->signers[i];
    free(UNCONST(void *, place->der.p));
    return place;
}

static void add(struct issuer *issuer, struct bytes der)
{
    uint8_t *copy = malloc(der.n);
    if (copy == NULL)
        end_without("memory");
    memcpy(copy, der.p, der.n);
    pthread_mutex_lock(&issuer->health_mutex);
    if (find(issuer, der) == NULL) {
        *place_for_one(issuer) = (struct issuer_signer){bytes_of(copy, der.n), ++issuer->signer_sightings};
        copy = NULL;
    }
    pthread_mutex_unlock(&issuer->health_mutex);
    free(copy);
    atomic_fetch_add_explicit(&version, 1, memory_order_release);
}

static bool leads_to_root(const struct issuer *issuer, struct bytes der, const struct bytes *others,
                          size_t count)
{
    struct arena *arena = arena_new();
    struct certificate_pool *pool = certificate_pool_new();
    struct bytes path_pem;
    for (size_t i = 0; i < count; i++)
        certificate_pool_add(pool, others[i]);
    bool leads = certificate_is_authority(der) &&
                 certificate_pool_find_chain(pool, arena, der, issuer->roots, &path_pem);
    certificate_pool_free(pool);
    arena_free(arena);
    return leads;
}

void issuer_learn_signer(struct issuer *issuer, struct bytes der, const struct bytes *others, size_t count)
{
    if (!see_again(issuer, der) && leads_to_root(issuer, der, others, count))
        add(issuer, der);
}

static bool has_key_of(struct bytes leaf, X509_REQ *csr)
{
    autofree_x509 X509 *certificate = x509_read(leaf);
    EVP_PKEY *key = certificate == NULL ? NULL : X509_get0_pubkey(certificate);
    return key != NULL && EVP_PKEY_eq(key, X509_REQ_get0_pubkey(csr)) == 1;
}

void issuer_learn_from_chain(struct issuer *issuer, X509_REQ *csr, const struct bytes *chain, size_t count)
{
    if (count < 2 || see_again(issuer, chain[1]))
        return;
    if (has_key_of(chain[0], csr) && certificate_is_signed_by(chain[0], chain[1]))
        issuer_learn_signer(issuer, chain[1], chain + 2, count - 2);
}

void issuer_forget_signers(struct issuer *issuer)
{
    for (size_t i = 0; i < issuer->signer_count; i++)
        free(UNCONST(void *, issuer->signers[i].der.p));
    issuer->signer_count = 0;
}

/* ---- using ---- */

size_t issuer_read_signers(struct issuer *issuer, struct arena *arena,
                           struct bytes out[static ISSUER_SIGNERS_MAX])
{
    pthread_mutex_lock(&issuer->health_mutex);
    size_t count = issuer->signer_count;
    for (size_t i = 0; i < count; i++)
        out[i] = arena_copy(arena, issuer->signers[i].der);
    pthread_mutex_unlock(&issuer->health_mutex);
    return count;
}

bool issuer_has_signed(struct issuer *issuer, struct bytes leaf)
{
    struct bytes signers[ISSUER_SIGNERS_MAX];
    struct arena *arena = arena_new();
    size_t count = issuer_read_signers(issuer, arena, signers);
    bool has_signed = false;
    for (size_t i = 0; !has_signed && i < count; i++)
        has_signed = certificate_is_signed_by(leaf, signers[i]);
    arena_free(arena);
    return has_signed;
}

bool issuer_shares_root(const struct issuer *a, const struct issuer *b)
{
    for (size_t i = 0; i < a->root_count; i++)
        for (size_t j = 0; j < b->root_count; j++)
            if (strcmp(a->root_fingerprints[i], b->root_fingerprints[j]) == 0)
                return true;
    return false;
}
