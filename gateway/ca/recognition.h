/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that an issuer's CA signed without an order here: for a host that asks the CA itself, before a
 * database was lost, or read by `acmegate import`. They are recognized by their path to a pinned root.
 */
#pragma once

#include "acme/objects.h"
#include "acme/pki/certificate_pool.h"
#include "gateway/ca/issuers.h"
#include "store/store.h"

/* Borrowed while it is in use. */
struct recognition_parts {
    const struct config *config;
    struct issuers *issuers;
    /* The intermediates above the server's own certificate, as PEM in the arena. Any thread. */
    struct bytes (*own_intermediates)(void *context, struct arena *arena);
    /* Returns the end of the server's own certificate; 0: it has none. Any thread. */
    int64_t (*own_end)(void *context);
    void *context;
};

/* Among whose certificates one is looked for. */
struct recognition_candidates {
    struct issuer *const *issuers; /* the candidates */
    size_t count;
    struct issuer *const *others; /* all issuers: some may share a root */
    size_t other_count;
};

enum recognition_outcome {
    RECOGNIZED,
    RECOGNITION_UNKNOWN,  /* it leads to no pinned root of the candidates, or is an authority's own */
    RECOGNITION_DISPUTED, /* several issuers pin its root, and none is known to have signed it */
};

/*
 * Finds the issuer of the leaf. Its path leads over the pool's certificates to a root that the issuer pins.
 * Either the issuer is known to have signed it (issuer_has_signed) or no other issuer pins that root. `out`
 * is then the certificate as the store takes it, without account, with `facts` of the leaf; its origin is
 * CERTIFICATE_EXTERNAL. `issuer` is one of the candidates.
 */
[[gnu::warn_unused_result]] enum recognition_outcome certificate_recognize(
    const struct recognition_candidates *candidates, const struct certificate_pool *pool, struct arena *arena,
    struct bytes leaf, const struct certificate_facts *facts, struct issuer **issuer,
    struct certificate *out);

/* The intermediates that were seen in other chains: those of the database. */
[[gnu::warn_unused_result]] enum store_result recognition_gather(struct store_reader *reader,
                                                                 struct certificate_pool *pool);

/*
 * The CA certificates that the server knows: those in the chains of the database and of its own certificate,
 * and those that the issuers are known to sign with. It belongs to one loop. They are parsed once, and again
 * after a change.
 */
struct known_authorities;
struct known_authorities *known_authorities_new(void);
/* NULL is ignored. */
void known_authorities_free(struct known_authorities *authorities);

/* The chains of the database, read when the loop does not have the newest one. */
struct recognition_chains {
    int64_t known; /* the newest that the loop has; RECOGNITION_NO_CHAIN: read all */
    bool good;     /* the store did not fail */
    bool changed;  /* `chains` replaces what the loop has */
    int64_t newest;
    struct bytes *chains; /* PEM */
    size_t count;
};
enum { RECOGNITION_NO_CHAIN = -1 };

/* Loop: says what recognition_load must read. */
struct recognition_chains known_authorities_wanted(const struct known_authorities *authorities,
                                                   const struct recognition_parts *parts);

/* Reads the chains. Any thread. */
void recognition_load(struct store_reader *reader, struct arena *arena, struct recognition_chains *chains);

/* Loop: takes what was read. Returns the authorities, good until the next call. NULL: the store failed. */
const struct certificate_pool *known_authorities_take(struct known_authorities *authorities,
                                                      const struct recognition_parts *parts,
                                                      const struct recognition_chains *chains);

/* Recognizes as certificate_recognize does, among the issuers of the endpoint's profiles, over these
 * authorities. NULL: none. */
[[gnu::warn_unused_result]] enum recognition_outcome recognition_find(const struct recognition_parts *parts,
                                                                      const struct certificate_pool *pool,
                                                                      const struct endpoint_config *endpoint,
                                                                      struct arena *arena, struct bytes leaf,
                                                                      const struct certificate_facts *facts,
                                                                      struct certificate *out);

/* Returns whether a certificate belongs to an endpoint. An account's certificate belongs to the account's
 * endpoint. One without account belongs to every endpoint with a profile of its issuer: the issuer that it
 * chains to, or where others pin the same root, those whose CA is known to have signed it. */
bool certificate_is_of_endpoint(const struct recognition_parts *parts, const struct endpoint_config *endpoint,
                                const struct certificate *certificate);
