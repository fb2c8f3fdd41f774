/* Making certificates: what the local CA's own and its leaves have in common, and the making of the CA
 * itself. */
#pragma once

#include "acme/jose/openssl_handles.h"
#include "gateway/local_ca.h"

#define LOCAL_CA_ROOT             "root_ca.crt"
#define LOCAL_CA_ROOT_KEY         "root_ca.key"
#define LOCAL_CA_INTERMEDIATE     "intermediate_ca.crt"
#define LOCAL_CA_INTERMEDIATE_KEY "intermediate_ca.key"

struct certificate_extension {
    int nid;
    const char *value; /* as openssl.cnf writes it */
};

/* Version 3 with a random 128-bit serial number and these times; no names, no key. NULL when OpenSSL fails.
 */
X509 *local_certificate_new(int64_t not_before, int64_t not_after);

/* Adds extensions in order; `issuer` (may be `certificate` itself) is where an authority key identifier comes
 * from. */
[[gnu::warn_unused_result]] bool local_certificate_extend(X509 *certificate, X509 *issuer,
                                                          const struct certificate_extension *extensions,
                                                          size_t count);

/* A CN that is too long for one is left out. */
[[gnu::warn_unused_result]] bool local_certificate_set_common_name(X509 *certificate,
                                                                   const char *common_name);

/* DER in the arena; p NULL when OpenSSL fails. */
struct bytes local_certificate_der(struct arena *arena, X509 *certificate);

/* Writes the four files of a new CA into an existing directory, the root's certificate last. */
[[gnu::warn_unused_result]] bool local_ca_make(const char *directory, int64_t now,
                                               char why[static LOCAL_CA_WHY_BYTES]);
