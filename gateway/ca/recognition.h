/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that an issuer's CA signed without an order here: for a host that asks the CA itself, before a
 * database was lost, or read by `acmegate import`. They are recognized by their path to a pinned root.
 */
#pragma once

#include "acme/pki/certificate_pool.h"
#include "gateway/ca/issuers.h"
#include "store/objects.h"

/* Borrowed while it is in use. */
struct recognition_parts {
    const struct config *config;
    struct issuers *issuers;
    /* The intermediates above the server's own certificate, as PEM in the arena. Any thread. */
    struct bytes (*own_intermediates)(void *context, struct arena *arena);
    /* When the server's own certificate ends; 0: there is none. Any thread. */
    int64_t (*own_end)(void *context);
    void *context;
};

/* Among whose certificates one is looked for. */
struct recognition_candidates {
    struct issuer *const *issuers; /* those that it may be of */
    size_t count;
    struct issuer *const *others; /* all that there are: they may stand under the same root */
    size_t other_count;
};

enum recognition_outcome {
    RECOGNIZED,
    RECOGNITION_UNKNOWN,  /* it leads to no pinned root of the candidates, or is an authority's own */
    RECOGNITION_DISPUTED, /* several issuers pin its root, and none is known to have signed it */
};

/*
 * Whose the leaf is: its path leads over the pool's certificates to a root that the issuer pins, and either
 * the issuer is known to have signed it (issuer_has_signed) or nobody else pins that root. Then `out` is the
 * certificate as the store takes it, of no account, with `facts` of the leaf; its origin is
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
 * The certificates of authorities that the server knows of: in the chains of the database and of its own
 * certificate, and those that the issuers are known to sign with. One loop's; parsed once, and again when
 * something has changed.
 */
struct known_authorities;
struct known_authorities *known_authorities_new(void);
/* NULL is ignored. */
void known_authorities_free(struct known_authorities *authorities);
/* Good until the next call. NULL: the store failed. */
const struct certificate_pool *known_authorities_read(struct known_authorities *authorities,
                                                      const struct recognition_parts *parts,
                                                      struct store_reader *reader);

/* As certificate_recognize, among the issuers of the endpoint's profiles, over the authorities. */
[[gnu::warn_unused_result]] enum recognition_outcome recognition_find(
    const struct recognition_parts *parts, struct known_authorities *authorities,
    const struct endpoint_config *endpoint, struct store_reader *reader, struct arena *arena,
    struct bytes leaf, const struct certificate_facts *facts, struct certificate *out);

/* Whose certificate is what. An account's is its endpoint's. One of no account is of every endpoint with a
 * profile of its issuer: of the one that it stands under, or where others pin the same root, of those whose
 * CA is known to have signed it. */
bool certificate_is_of_endpoint(const struct recognition_parts *parts, const struct endpoint_config *endpoint,
                                const struct certificate *certificate);
