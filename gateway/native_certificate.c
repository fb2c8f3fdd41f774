#include "gateway/native_certificate.h"

#include "gateway/log.h"
#include "gateway/own_certificate.h"
#include "store/objects.h"

static bool fits(const struct issuer *issuer, struct bytes leaf, struct bytes chain_pem,
                 struct certificate *out)
{
    if (!certificate_chains_to(leaf, chain_pem, issuer->roots))
        return false;
    out->issuer = issuer->id;
    out->root_fingerprint = issuer->root_fingerprint;
    out->chain_pem = chain_pem;
    return true;
}

static bool fits_any_chain(const struct server *server, struct store_session *session, struct arena *arena,
                           struct bytes leaf, struct certificate *out)
{
    struct bytes *chains = NULL;
    size_t count = 0;
    if (store_chains(session, arena, &chains, &count) != STORE_OK)
        return false;
    const struct bytes own = own_certificate_intermediates(server, arena);
    for (size_t i = 0; i < server->config->issuer_count; ++i) {
        const struct issuer *issuer = server_issuer(server, server->config->issuers[i].id);
        if (issuer == NULL)
            continue;
        for (size_t j = 0; j < count; ++j)
            if (fits(issuer, leaf, chains[j], out))
                return true;
        if (fits(issuer, leaf, own, out) || fits(issuer, leaf, (struct bytes){0}, out))
            return true;
    }
    return false;
}

bool native_certificate_recognize(const struct server *server, struct store_session *session,
                                  struct arena *arena, struct bytes leaf,
                                  const struct certificate_facts *facts, struct certificate *out)
{
    *out = (struct certificate){
        .serial = facts->serial,
        .leaf = leaf,
        .key_hash = bytes_of(facts->key_hash, sizeof(facts->key_hash)),
        .not_before = facts->not_before,
        .not_after = facts->not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_NATIVE,
        .created_at = clock_now(),
    };
    return fits_any_chain(server, session, arena, leaf, out);
}
