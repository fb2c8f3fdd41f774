/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/own_certificate_files.h"

#include <errno.h>

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
    out->key_pem = private_key_to_pem(arena, key, (struct bytes){0});
    return out->key_pem.n != 0 || fault_set(fault, "tls.key %s: OpenSSL cannot write it", path);
}

bool own_certificate_files_read(struct arena *arena, const struct config *config,
                                struct own_certificate_files *out, struct fault *fault)
{
    return read_chain(arena, config, out, fault) && read_key(arena, config, out, fault);
}
