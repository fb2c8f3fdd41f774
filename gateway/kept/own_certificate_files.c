/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/own_certificate_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "acme/base/file.h"
#include "acme/jose/private_key.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "gateway/config/config.h"

static bool read_chain(struct arena *arena, const struct config *config, struct own_certificate_files *out,
                       struct fault *fault)
{
    const char *path = config->tls_cert_path;
    if (!file_read(arena, path, CONFIG_FILE_MAX_BYTES, &out->chain_pem))
        return fault_set(fault, "tls.cert %s cannot be read: %s", path, strerror(errno));
    if (!certificates_from_pem(arena, out->chain_pem, &out->certificates, &out->count))
        return fault_set(fault,
                         "tls.cert %s contains no certificate, or a damaged one; put the chain there as PEM, "
                         "leaf first",
                         path);
    return true;
}

/* OpenSSL holds keys and signatures against its security level, which an operator may have set
 * (SSL_CTX_set_security_level(3)). Without this look every handshake would fail. */
static bool check_strength(const struct config *config, const struct own_certificate_files *files, X509 *leaf,
                           EVP_PKEY *key, struct fault *fault)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    STACK_OF(X509) *chain = certificate_stack_read(files->chain_pem);
    X509_free(sk_X509_shift(chain));
    ERR_clear_error();
    bool good = context != NULL && SSL_CTX_use_cert_and_key(context, leaf, key, chain, 1) == 1;
    const char *words = good ? NULL : ERR_reason_error_string(ERR_peek_last_error());
    if (!good)
        fault_set(fault,
                  "tls.cert %s cannot be used for TLS: %s; make a pair with a stronger key or signature",
                  config->tls_cert_path, words == NULL ? "OpenSSL refuses it" : words);
    ERR_clear_error();
    openssl_certificates_free(chain);
    SSL_CTX_free(context);
    return good;
}

static bool read_key(struct arena *arena, const struct config *config, struct own_certificate_files *out,
                     struct fault *fault)
{
    const char *path = config->tls_key_path;
    bool encrypted = false;
    struct bytes pem;
    if (!file_read_secret(arena, path, CONFIG_FILE_MAX_BYTES, &pem))
        return fault_set(fault, "tls.key %s cannot be read: %s", path, strerror(errno));
    autofree_evp_pkey EVP_PKEY *key = private_key_read(pem, config->tls_key_password, &encrypted);
    autofree_x509 X509 *leaf = x509_read(out->certificates[0]);
    if (key == NULL && encrypted && config->tls_key_password.n == 0)
        return fault_set(fault,
                         "tls.key %s is encrypted; name a file with its pass phrase in "
                         "tls.key_password_file, or give a key that is not encrypted",
                         path);
    if (key == NULL && encrypted)
        return fault_set(fault,
                         "tls.key %s is encrypted, and the pass phrase in tls.key_password_file does not "
                         "open it; correct that file",
                         path);
    if (key == NULL)
        return fault_set(fault, "tls.key %s contains no private key; put it there as PEM", path);
    if (leaf == NULL || !x509_key_fits(leaf, key))
        return fault_set(fault,
                         "tls.key %s is not the key of the first certificate in %s; give those that "
                         "belong together",
                         path, config->tls_cert_path);
    if (!check_strength(config, out, leaf, key, fault))
        return false;
    out->key_pem = private_key_to_pem(arena, key, (struct bytes){0});
    return out->key_pem.n != 0 || fault_set(fault, "tls.key %s: OpenSSL cannot write it", path);
}

bool own_certificate_files_read(struct arena *arena, const struct config *config,
                                struct own_certificate_files *out, struct fault *fault)
{
    return read_chain(arena, config, out, fault) && read_key(arena, config, out, fault);
}
