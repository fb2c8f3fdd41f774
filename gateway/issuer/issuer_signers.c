#include "gateway/issuer/issuer_signers.h"

static bool is_learned(const struct issuer *issuer, struct bytes der)
{
    for (size_t i = 0; i < issuer->signer_count; i++)
        if (bytes_equal(issuer->signers[i], der))
            return true;
    return false;
}

void issuer_learn_signer(struct issuer *issuer, struct bytes der)
{
    pthread_mutex_lock(&issuer->health_mutex);
    if (issuer->signer_count < ISSUER_SIGNERS_MAX && !is_learned(issuer, der)) {
        if (issuer->signers_arena == NULL)
            issuer->signers_arena = arena_new();
        issuer->signers[issuer->signer_count++] = arena_copy(issuer->signers_arena, der);
    }
    pthread_mutex_unlock(&issuer->health_mutex);
}

/* What was learned is neither changed nor freed before the issuer is. */
size_t issuer_read_signers(struct issuer *issuer, struct bytes out[static ISSUER_SIGNERS_MAX])
{
    pthread_mutex_lock(&issuer->health_mutex);
    size_t count = issuer->signer_count;
    for (size_t i = 0; i < count; i++)
        out[i] = issuer->signers[i];
    pthread_mutex_unlock(&issuer->health_mutex);
    return count;
}

bool issuer_has_signed(struct issuer *issuer, struct bytes leaf)
{
    struct bytes signers[ISSUER_SIGNERS_MAX];
    size_t count = issuer_read_signers(issuer, signers);
    for (size_t i = 0; i < count; i++)
        if (certificate_is_signed_by(leaf, signers[i]))
            return true;
    return false;
}

bool issuer_shares_root(const struct issuer *a, const struct issuer *b)
{
    for (size_t i = 0; i < a->root_count; i++)
        for (size_t j = 0; j < b->root_count; j++)
            if (strcmp(a->root_fingerprints[i], b->root_fingerprints[j]) == 0)
                return true;
    return false;
}
