/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by world_pki.c and world_ca.c: the CAs behind the gateway. */
#pragma once

#include "acme/jose/openssl_handles.h"

#include "world.h"

/* The provisioner's public key, as members of an object. */
#define WORLD_PUBLIC_JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\""

struct world_authority {
    X509 *root, *intermediate;
    EVP_PKEY *root_key, *key;
};
extern struct world_authority world_authorities[WORLD_CAS];

/* With a serial number; names, extensions and the signature are yet to come. */
X509 *world_make_certificate(EVP_PKEY *key, int64_t not_before, int64_t not_after);
void world_add_extension(X509 *certificate, X509 *issuer, int type, const char *value);
/* Signs a leaf whose names are set. */
void world_finish_leaf(X509 *leaf, const struct world_authority *authority);
const char *world_pem(struct arena *arena, X509 *certificate);
/* The CA's list, with the serial numbers that it was asked to revoke. DER in the arena. */
struct bytes world_crl(struct arena *arena, size_t ca);
void world_crl_add(size_t ca, const char *serial);
void world_crl_clear(void);
