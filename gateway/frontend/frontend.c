/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/frontend.h"

#include <stdlib.h>

struct frontend *frontend_new(const struct frontend_parts *parts)
{
    struct nonce_source *nonces = nonce_source_new(parts->gateway_number);
    if (nonces == NULL)
        return NULL;
    struct frontend *frontend = calloc(1, sizeof *frontend);
    if (frontend == NULL)
        end_without("memory");
    frontend->parts = *parts;
    atomic_init(&frontend->secrets, parts->secrets);
    frontend->nonces = nonces;
    frontend->rates = rate_limiter_new();
    frontend->shared_rates = shared_rates_new();
    frontend->refusals = refusal_register_new();
    pthread_mutex_init(&frontend->nonce_lock, NULL);
    return frontend;
}

bool frontend_spend_nonce(struct frontend *frontend, struct bytes nonce)
{
    pthread_mutex_lock(&frontend->nonce_lock);
    bool good = nonce_spend(frontend->nonces, nonce);
    pthread_mutex_unlock(&frontend->nonce_lock);
    return good;
}

void frontend_set_secrets(struct frontend *frontend, const struct secret_box *secrets)
{
    atomic_store(&frontend->secrets, secrets);
}

void frontend_free(struct frontend *frontend)
{
    if (frontend == NULL)
        return;
    nonce_source_free(frontend->nonces);
    rate_limiter_free(frontend->rates);
    shared_rates_free(frontend->shared_rates);
    refusal_register_free(frontend->refusals);
    pthread_mutex_destroy(&frontend->nonce_lock);
    free(frontend);
}
