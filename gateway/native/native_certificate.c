#include "gateway/native/native_certificate.h"

#include "gateway/own_certificate.h"
#include "gateway/runtime/clock.h"
#include "store/objects.h"

bool native_certificate_fits(const struct issuer *issuer, const struct certificate_pool *pool,
                             struct arena *arena, struct bytes leaf, const struct certificate_facts *facts,
                             struct certificate *out)
{
    struct bytes chain_pem = {0};
    if (!certificate_pool_find_chain(pool, arena, leaf, issuer->roots, &chain_pem))
        return false;
    *out = (struct certificate){
        .issuer = arena_duplicate(arena, issuer->id),
        .root_fingerprint = arena_duplicate(arena, issuer->root_fingerprint),
        .serial = facts->serial,
        .leaf = leaf,
        .chain_pem = chain_pem,
        .key_hash = bytes_of(facts->key_hash, sizeof(facts->key_hash)),
        .not_before = facts->not_before,
        .not_after = facts->not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_NATIVE,
        .created_at = clock_now(),
    };
    return true;
}

enum store_result native_certificate_gather(struct store_session *session, struct certificate_pool *pool)
{
    struct arena *arena = arena_new();
    struct bytes *chains = NULL;
    size_t count = 0;
    enum store_result result = store_chains(session, arena, &chains, &count);
    for (size_t i = 0; result == STORE_OK && i < count; i++)
        certificate_pool_add_pem(pool, chains[i]);
    arena_free(arena);
    return result;
}

bool native_certificate_recognize(const struct server *server, struct store_session *session,
                                  struct arena *arena, struct bytes leaf,
                                  const struct certificate_facts *facts, struct certificate *out)
{
    struct certificate_pool *pool = certificate_pool_new();
    bool fits = false;
    if (native_certificate_gather(session, pool) == STORE_OK) {
        certificate_pool_add_pem(pool, own_certificate_intermediates(server, arena));
        for (size_t i = 0; !fits && i < server->config->issuer_count; ++i) {
            const struct issuer *issuer = server_issuer(server, server->config->issuers[i].id);
            fits = issuer != NULL && native_certificate_fits(issuer, pool, arena, leaf, facts, out);
        }
    }
    certificate_pool_free(pool);
    return fits;
}
