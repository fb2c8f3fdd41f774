/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/recognition.h"

#include <stdlib.h>

#include "gateway/ca/issuer_signers.h"
#include "gateway/runtime/clock.h"
#include "store/certificates.h"

static bool fits(const struct issuer *issuer, const struct certificate_pool *pool, struct arena *arena,
                 struct bytes leaf, const struct certificate_facts *facts, struct certificate *out)
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
        .key_hash = bytes_of(facts->key_hash, sizeof facts->key_hash),
        .not_before = facts->not_before,
        .not_after = facts->not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_EXTERNAL,
        .created_at = clock_now(),
    };
    return true;
}

static bool shares_its_root(const struct recognition_candidates *candidates, const struct issuer *issuer)
{
    for (size_t i = 0; i < candidates->other_count; i++)
        if (candidates->others[i] != issuer && issuer_shares_root(candidates->others[i], issuer))
            return true;
    return false;
}

enum recognition_outcome certificate_recognize(const struct recognition_candidates *candidates,
                                               const struct certificate_pool *pool, struct arena *arena,
                                               struct bytes leaf, const struct certificate_facts *facts,
                                               struct issuer **issuer, struct certificate *out)
{
    enum recognition_outcome recognition = RECOGNITION_UNKNOWN;
    if (certificate_is_authority(leaf))
        return recognition;
    for (size_t i = 0; i < candidates->count; i++) {
        *issuer = candidates->issuers[i];
        if (!fits(*issuer, pool, arena, leaf, facts, out))
            continue;
        if (!shares_its_root(candidates, *issuer) || issuer_has_signed(*issuer, leaf))
            return RECOGNIZED;
        recognition = RECOGNITION_DISPUTED;
    }
    return recognition;
}

enum store_result recognition_gather(struct store_reader *reader, struct certificate_pool *pool)
{
    struct arena *arena = arena_new();
    struct bytes *chains = NULL;
    size_t count = 0;
    enum store_result result = store_chains(reader, arena, &chains, &count);
    for (size_t i = 0; result == STORE_OK && i < count; i++)
        certificate_pool_add_pem(pool, chains[i]);
    arena_free(arena);
    return result;
}

/* True when one of the endpoint's profiles uses this issuer. */
static bool has_issuer(const struct recognition_parts *parts, const struct endpoint_config *endpoint,
                       const char *id)
{
    for (size_t i = 0; i < endpoint->profile_count; i++) {
        const struct profile_config *profile = config_profile(parts->config, endpoint->profiles[i]);
        if (profile != NULL && strcmp(profile->issuer, id) == 0)
            return true;
    }
    return false;
}

static struct recognition_candidates candidates_of(const struct recognition_parts *parts,
                                                   const struct endpoint_config *endpoint,
                                                   struct arena *arena)
{
    const struct config *config = config_now(parts->config);
    size_t configured = config->issuer_count;
    struct issuer **own = arena_alloc_array(arena, configured, sizeof own[0]);
    struct issuer **all = arena_alloc_array(arena, configured, sizeof all[0]);
    struct recognition_candidates out = {.issuers = own, .others = all};
    for (size_t i = 0; i < configured; i++) {
        struct issuer *issuer = issuers_find(parts->issuers, config->issuers[i].id);
        if (issuer == NULL)
            continue;
        all[out.other_count++] = issuer;
        if (has_issuer(parts, endpoint, issuer->id))
            own[out.count++] = issuer;
    }
    return out;
}

static void add_signers(struct certificate_pool *pool, struct arena *arena, struct issuer *issuer)
{
    struct bytes signers[ISSUER_SIGNERS_MAX];
    size_t count = issuer_read_signers(issuer, arena, signers);
    for (size_t i = 0; i < count; i++)
        certificate_pool_add(pool, signers[i]);
}

/* ---- authorities, parsed once ---- */

struct known_authorities {
    struct certificate_pool *pool; /* NULL before the first use */
    int64_t newest_chain;
    int64_t own_end; /* of the server's own certificate */
    uint64_t signers_version;
};

struct known_authorities *known_authorities_new(void)
{
    struct known_authorities *authorities = calloc(1, sizeof *authorities);
    if (authorities == NULL)
        end_without("memory");
    return authorities;
}

void known_authorities_free(struct known_authorities *authorities)
{
    if (authorities == NULL)
        return;
    certificate_pool_free(authorities->pool);
    free(authorities);
}

static bool is_current(const struct known_authorities *authorities, const struct recognition_parts *parts)
{
    return authorities->pool != NULL && authorities->own_end == parts->own_end(parts->context) &&
           authorities->signers_version == issuer_signers_version();
}

/* Anybody may ask about a certificate that nobody knows: only what has changed is read again. */
struct recognition_chains known_authorities_wanted(const struct known_authorities *authorities,
                                                   const struct recognition_parts *parts)
{
    return (struct recognition_chains){.known = is_current(authorities, parts) ? authorities->newest_chain
                                                                               : RECOGNITION_NO_CHAIN};
}

void recognition_load(struct store_reader *reader, struct arena *arena, struct recognition_chains *chains)
{
    chains->good = store_newest_chain(reader, &chains->newest) == STORE_OK;
    chains->changed = chains->good && chains->newest != chains->known;
    if (chains->changed)
        chains->good = store_chains(reader, arena, &chains->chains, &chains->count) == STORE_OK;
}

static void add_all(struct certificate_pool *pool, const struct recognition_parts *parts,
                    const struct recognition_chains *chains)
{
    struct arena *arena = arena_new();
    const struct config *config = config_now(parts->config);
    for (size_t i = 0; i < chains->count; i++)
        certificate_pool_add_pem(pool, chains->chains[i]);
    certificate_pool_add_pem(pool, parts->own_intermediates(parts->context, arena));
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = issuers_find(parts->issuers, config->issuers[i].id);
        if (issuer != NULL)
            add_signers(pool, arena, issuer);
    }
    arena_free(arena);
}

/* Another change since known_authorities_wanted is left to the next request. */
const struct certificate_pool *known_authorities_take(struct known_authorities *authorities,
                                                      const struct recognition_parts *parts,
                                                      const struct recognition_chains *chains)
{
    if (!chains->good)
        return NULL;
    if (chains->changed) {
        struct known_authorities now = {.pool = certificate_pool_new(),
                                        .newest_chain = chains->newest,
                                        .own_end = parts->own_end(parts->context),
                                        .signers_version = issuer_signers_version()};
        add_all(now.pool, parts, chains);
        certificate_pool_free(authorities->pool);
        *authorities = now;
    }
    return authorities->pool;
}

enum recognition_outcome recognition_find(const struct recognition_parts *parts,
                                          const struct certificate_pool *pool,
                                          const struct endpoint_config *endpoint, struct arena *arena,
                                          struct bytes leaf, const struct certificate_facts *facts,
                                          struct certificate *out)
{
    struct recognition_candidates candidates = candidates_of(parts, endpoint, arena);
    struct issuer *issuer = NULL;
    return pool == NULL ? RECOGNITION_UNKNOWN
                        : certificate_recognize(&candidates, pool, arena, leaf, facts, &issuer, out);
}

static bool shares_any_root(const struct recognition_parts *parts, const struct issuer *issuer)
{
    const struct config *config = config_now(parts->config);
    for (size_t i = 0; i < config->issuer_count; i++) {
        const struct issuer *other = issuers_find(parts->issuers, config->issuers[i].id);
        if (other != NULL && other != issuer && issuer_shares_root(other, issuer))
            return true;
    }
    return false;
}

bool certificate_is_of_endpoint(const struct recognition_parts *parts, const struct endpoint_config *endpoint,
                                const struct certificate *certificate)
{
    if (certificate->endpoint != NULL)
        return strcmp(certificate->endpoint, endpoint->name) == 0;
    const struct issuer *own = issuers_find(parts->issuers, certificate->issuer);
    if (own != NULL && !shares_any_root(parts, own))
        return has_issuer(parts, endpoint, own->id);
    const struct config *config = config_now(parts->config);
    bool known = false;
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = issuers_find(parts->issuers, config->issuers[i].id);
        if (issuer == NULL || !issuer_has_signed(issuer, certificate->leaf))
            continue;
        known = true;
        if (has_issuer(parts, endpoint, issuer->id))
            return true;
    }
    return !known && has_issuer(parts, endpoint, certificate->issuer);
}
