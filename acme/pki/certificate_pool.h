/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CA certificates that were met anywhere. A path may lead through them from a leaf to a pinned root. Being in
 * the pool makes none of them trusted: only the root is. One thread at a time.
 */
#pragma once

#include "acme/pki/certificate.h"

enum { CERTIFICATE_POOL_MAX = 512 };

struct certificate_pool;

struct certificate_pool *certificate_pool_new(void);
/* Frees the pool. NULL is ignored. */
void certificate_pool_free(struct certificate_pool *pool);

/* True for a certificate that may sign others. */
bool certificate_is_authority(struct bytes der);

/* Adds a DER certificate, once. It skips a certificate that is not a CA's or cannot be read, and any beyond
 * CERTIFICATE_POOL_MAX. */
void certificate_pool_add(struct certificate_pool *pool, struct bytes der);
/* Adds each certificate of a PEM text. */
void certificate_pool_add_pem(struct certificate_pool *pool, struct bytes pem);

/*
 * True when a path leads from the DER leaf to one of the roots, whatever the time. `chain_pem` gets the
 * certificates between them, in order, as the store keeps chains. It is empty when the root itself signed the
 * leaf.
 */
[[gnu::warn_unused_result]] bool certificate_pool_find_chain(const struct certificate_pool *pool,
                                                             struct arena *arena, struct bytes leaf,
                                                             X509_STORE *roots, struct bytes *chain_pem);
