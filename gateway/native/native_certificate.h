/*
 * Certificates that an issuer's CA signed without an order here: for a host that asks the CA itself, before a
 * database was lost, or read by `acmegate import`. They are recognized by their path to a pinned root.
 */
#pragma once

#include "acme/certificate_pool.h"
#include "gateway/server.h"

/*
 * True when the leaf chains over the pool's certificates to the pinned root of the issuer. Then `out` is the
 * certificate as the store takes it, of no account, with `facts` of the leaf; its origin is
 * CERTIFICATE_NATIVE.
 */
[[gnu::warn_unused_result]] bool native_certificate_fits(const struct issuer *issuer,
                                                         const struct certificate_pool *pool,
                                                         struct arena *arena, struct bytes leaf,
                                                         const struct certificate_facts *facts,
                                                         struct certificate *out);

/* The intermediates that were seen in other chains: those of the database. */
[[gnu::warn_unused_result]] enum store_result native_certificate_gather(struct store_session *session,
                                                                        struct certificate_pool *pool);

/* As native_certificate_fits, of any of the server's issuers, over the chains of the database and that of the
 * server's own certificate. */
[[gnu::warn_unused_result]] bool native_certificate_recognize(const struct server *server,
                                                              struct store_session *session,
                                                              struct arena *arena, struct bytes leaf,
                                                              const struct certificate_facts *facts,
                                                              struct certificate *out);
