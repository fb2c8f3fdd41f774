/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound OpenSSL handles: `autofree_x509 X509 *leaf = …;` frees it on every way out of the block. */
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define ACMEGATE_DEFINE_AUTOFREE(name, type, release) \
    static inline void autofree_##name##_release(type **handle) \
    { \
        release(*handle); \
    } \
    _Static_assert(1, "a semicolon follows")

static inline void openssl_names_free(GENERAL_NAMES *names)
{
    GENERAL_NAMES_free(names);
}

static inline void openssl_certificates_free(STACK_OF(X509) * certificates)
{
    sk_X509_pop_free(certificates, X509_free);
}

/* A pem_password_cb that gives no password. Without a callback OpenSSL asks on the terminal, and waits. */
static inline int openssl_no_password(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return -1;
}

ACMEGATE_DEFINE_AUTOFREE(evp_pkey, EVP_PKEY, EVP_PKEY_free);
ACMEGATE_DEFINE_AUTOFREE(evp_pkey_ctx, EVP_PKEY_CTX, EVP_PKEY_CTX_free);
ACMEGATE_DEFINE_AUTOFREE(evp_md_ctx, EVP_MD_CTX, EVP_MD_CTX_free);
ACMEGATE_DEFINE_AUTOFREE(evp_cipher_ctx, EVP_CIPHER_CTX, EVP_CIPHER_CTX_free);
ACMEGATE_DEFINE_AUTOFREE(ossl_param_bld, OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);
ACMEGATE_DEFINE_AUTOFREE(ossl_params, OSSL_PARAM, OSSL_PARAM_free);
ACMEGATE_DEFINE_AUTOFREE(x509, X509, X509_free);
ACMEGATE_DEFINE_AUTOFREE(x509_req, X509_REQ, X509_REQ_free);
ACMEGATE_DEFINE_AUTOFREE(x509_store, X509_STORE, X509_STORE_free);
ACMEGATE_DEFINE_AUTOFREE(x509_store_ctx, X509_STORE_CTX, X509_STORE_CTX_free);
ACMEGATE_DEFINE_AUTOFREE(certificates, STACK_OF(X509), openssl_certificates_free);
ACMEGATE_DEFINE_AUTOFREE(general_names, GENERAL_NAMES, openssl_names_free);
ACMEGATE_DEFINE_AUTOFREE(bio, BIO, BIO_free_all);
ACMEGATE_DEFINE_AUTOFREE(bignum, BIGNUM, BN_free);

#define autofree_evp_pkey       [[gnu::cleanup(autofree_evp_pkey_release)]]
#define autofree_evp_pkey_ctx   [[gnu::cleanup(autofree_evp_pkey_ctx_release)]]
#define autofree_evp_md_ctx     [[gnu::cleanup(autofree_evp_md_ctx_release)]]
#define autofree_evp_cipher_ctx [[gnu::cleanup(autofree_evp_cipher_ctx_release)]]
#define autofree_ossl_param_bld [[gnu::cleanup(autofree_ossl_param_bld_release)]]
#define autofree_ossl_params    [[gnu::cleanup(autofree_ossl_params_release)]]
#define autofree_x509           [[gnu::cleanup(autofree_x509_release)]]
#define autofree_x509_req       [[gnu::cleanup(autofree_x509_req_release)]]
#define autofree_x509_store     [[gnu::cleanup(autofree_x509_store_release)]]
#define autofree_x509_store_ctx [[gnu::cleanup(autofree_x509_store_ctx_release)]]
#define autofree_certificates   [[gnu::cleanup(autofree_certificates_release)]]
#define autofree_general_names  [[gnu::cleanup(autofree_general_names_release)]]
#define autofree_bio            [[gnu::cleanup(autofree_bio_release)]]
#define autofree_bignum         [[gnu::cleanup(autofree_bignum_release)]]
