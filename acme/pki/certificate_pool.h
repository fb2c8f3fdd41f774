/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of authorities that were met somewhere, by which a path may lead from a leaf to a pinned root.
 * They are not trusted for being here: only the root is. One thread at a time.
 */
#pragma once

#include "acme/pki/certificate.h"

enum { CERTIFICATE_POOL_MAX = 512 };

struct certificate_pool;

struct certificate_pool *certificate_pool_new(void);
/* NULL is ignored. */
void certificate_pool_free(struct certificate_pool *pool);

/* True for a certificate that may sign others. */
bool certificate_is_authority(struct bytes der);

/* Takes a DER certificate, once. What is no authority's, cannot be read, or is over CERTIFICATE_POOL_MAX is
 * left out. */
void certificate_pool_add(struct certificate_pool *pool, struct bytes der);
/* Each of a PEM text. */
void certificate_pool_add_pem(struct certificate_pool *pool, struct bytes pem);

/*
 * True when a path leads from the DER leaf to one of the roots, whatever the time. `chain_pem` gets what lies
 * between them, in order, as the store keeps chains; empty when the root itself signed the leaf.
 */
[[gnu::warn_unused_result]] bool certificate_pool_find_chain(const struct certificate_pool *pool,
                                                             struct arena *arena, struct bytes leaf,
                                                             X509_STORE *roots, struct bytes *chain_pem);
