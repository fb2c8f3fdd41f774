/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_server.h"

#include <criterion/criterion.h>
#include <openssl/rsa.h>
#include <string.h>
#include <time.h>

#include "acme/pki.h"

enum { HOUR_S = 3600 };

static void release_context(void *context)
{
    SSL_CTX_free(context);
}

static void release_key(void *key)
{
    EVP_PKEY_free(key);
}

void tls_identity_make(struct arena *arena, EVP_PKEY *key, struct tls_identity *out)
{
    int64_t now = time(NULL);
    EVP_PKEY *leaf_key = key != NULL ? key : pki_key(arena, "P-256");
    struct pki_certificate root = {.key = pki_key(arena, "P-256"),
                                   .common_name = "Root",
                                   .is_ca = true,
                                   .not_before = now - HOUR_S,
                                   .not_after = now + HOUR_S};
    X509 *root_certificate = pki_certificate(arena, &root);
    struct pki_certificate leaf = {.key = leaf_key,
                                   .signer = root_certificate,
                                   .signer_key = root.key,
                                   .names = "DNS:localhost,IP:127.0.0.1,IP:::1",
                                   .not_before = now - HOUR_S,
                                   .not_after = now + HOUR_S};
    X509 *leaf_certificate = pki_certificate(arena, &leaf);
    *out = (struct tls_identity){.context = SSL_CTX_new(TLS_server_method()),
                                 .root_pem = pki_pem(arena, root_certificate),
                                 .leaf = pki_der(arena, leaf_certificate)};
    cr_assert_not_null(out->context);
    arena_on_free(arena, release_context, out->context);
    cr_assert_eq(SSL_CTX_use_certificate(out->context, leaf_certificate), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey(out->context, leaf_key), 1);
}

static int choose(SSL *tls, const unsigned char **out, unsigned char *out_bytes, const unsigned char *offered,
                  unsigned offered_bytes, void *protocol)
{
    (void)tls, (void)offered, (void)offered_bytes;
    *out = protocol;
    *out_bytes = (unsigned char)strlen(protocol);
    return SSL_TLSEXT_ERR_OK;
}

void tls_identity_choose(struct tls_identity *identity, const char *protocol)
{
    SSL_CTX_set_alpn_select_cb(identity->context, choose, (void *)(uintptr_t)protocol);
}

EVP_PKEY *tls_slow_key(struct arena *arena)
{
    autofree_bignum BIGNUM *exponent = BN_new();
    autofree_evp_pkey_ctx EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    cr_assert(BN_set_bit(exponent, 32) == 1 && BN_set_bit(exponent, 0) == 1);
    cr_assert_eq(EVP_PKEY_keygen_init(context), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
    cr_assert_eq(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent), 1);
    cr_assert_eq(EVP_PKEY_generate(context, &key), 1);
    arena_on_free(arena, release_key, key);
    return key;
}
