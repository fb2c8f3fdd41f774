/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/jose/private_key.h"
#include "acme/pki/certificate.h"
#include "gateway/ca/local/local_ca_internal.h"
#include "gateway/config/config.h"
#include "gateway/runtime/log.h"

enum {
    KEY_MODE = 0600,
    CERTIFICATE_MODE = 0644,
};

const char *local_ca_path(const struct local_ca *ca, struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s/%s", ca->config.directory, name);
}

bool local_ca_has_file(const struct local_ca *ca, const char *name)
{
    return access(local_ca_path(ca, ca->arena, name), F_OK) == 0 || errno != ENOENT;
}

/* ---- reading ---- */

static bool read_file(const struct local_ca *ca, struct arena *arena, const char *name, struct bytes *text,
                      struct fault *fault)
{
    const char *path = local_ca_path(ca, arena, name);
    if (file_read_secret(arena, path, CONFIG_FILE_MAX_BYTES, text)) {
        return true;
    }
    return fault_set(fault, "%s: %s; restore the CA's files, or empty the directory for a new CA", path,
                     strerror(errno));
}

STACK_OF(X509) * local_ca_load_certificates(const struct local_ca *ca, struct arena *arena, const char *name,
                                            struct bytes *pem, struct fault *fault)
{
    struct bytes text;
    struct bytes *certificates = NULL;
    size_t count = 0;
    if (!read_file(ca, arena, name, &text, fault)) {
        return NULL;
    }
    STACK_OF(X509) *all = sk_X509_new_null();
    bool good = certificates_from_pem(arena, text, &certificates, &count);
    for (size_t i = 0; good && i < count; i++) {
        /* OpenSSL's own context is needed: this certificate's key is compared with private keys. */
        const unsigned char *der = certificates[i].p;
        X509 *one = d2i_X509(NULL, &der, (long)certificates[i].n);
        good = one != NULL && sk_X509_push(all, one) > 0;
    }
    if (!good) {
        openssl_certificates_free(all);
        fault_set(fault, "%s/%s contains no certificate, or a damaged one", ca->config.directory, name);
        return NULL;
    }
    if (pem != NULL) {
        *pem = text;
    }
    return all;
}

EVP_PKEY *local_ca_load_key(const struct local_ca *ca, const char *name, struct fault *fault)
{
    struct bytes pem;
    struct arena *arena = arena_new();
    struct bytes password = ca->config.key_password;
    bool encrypted = false;
    EVP_PKEY *key = NULL;
    if (read_file(ca, arena, name, &pem, fault)) {
        key = private_key_read(pem, password, &encrypted);
        if (key == NULL) {
            fault_set(fault, "%s/%s %s", ca->config.directory, name,
                      !encrypted ? "contains no private key"
                      : password.n == 0
                          ? "is encrypted: set its password in key_password_file"
                          : "cannot be opened with the password of key_password_file or key_password");
        }
    }
    if (key != NULL && !encrypted && password.n != 0) {
        log_warning("%s/%s is not encrypted, although a password for it is configured", ca->config.directory,
                    name);
    }
    ERR_clear_error();
    arena_free(arena);
    return key;
}

/* ---- writing ---- */

static bool write_file(const struct local_ca *ca, const char *name, struct bytes text, unsigned mode,
                       struct fault *fault)
{
    const char *path = local_ca_path(ca, ca->arena, name);
    if (file_replace(path, text, mode)) {
        return true;
    }
    return fault_set(fault, "%s cannot be written: %s", path, strerror(errno));
}

bool local_ca_write_key(const struct local_ca *ca, const char *name, EVP_PKEY *key, struct fault *fault)
{
    struct arena *arena = arena_new();
    struct bytes pem = private_key_to_pem(arena, key, ca->config.key_password);
    bool written = false;
    if (pem.n == 0) {
        fault_set(fault, "OpenSSL could not write a private key");
    } else {
        written = write_file(ca, name, pem, KEY_MODE, fault);
    }
    arena_free(arena);
    return written;
}

bool local_ca_write_certificate(const struct local_ca *ca, const char *name, X509 *certificate,
                                struct fault *fault)
{
    struct arena *arena = arena_new();
    struct bytes der = local_certificate_der(arena, certificate);
    bool written = false;
    if (der.p == NULL) {
        fault_set(fault, "OpenSSL could not write a certificate");
    } else {
        written =
            write_file(ca, name, bytes_from_string(certificate_to_pem(arena, der)), CERTIFICATE_MODE, fault);
    }
    arena_free(arena);
    return written;
}
