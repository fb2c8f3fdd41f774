/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keys/certificate_request.h"

#include <openssl/x509v3.h>

#include "acme/base/buffer.h"

enum { NAMES_MAX_BYTES = 256 * 1024 };

static bool add_san(struct arena *arena, X509_REQ *csr, const struct identifier *names, size_t count)
{
    struct buffer text;
    buffer_init(&text, arena, NAMES_MAX_BYTES);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%s%s:%s", i == 0 ? "" : ",", names[i].type == IDENTIFIER_IP ? "IP" : "DNS",
                      names[i].value);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, buffer_string(&text));
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    bool good = extension != NULL && extensions != NULL && sk_X509_EXTENSION_push(extensions, extension) > 0;
    if (good)
        extension = NULL;
    good = good && X509_REQ_add_extensions(csr, extensions) == 1;
    X509_EXTENSION_free(extension);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return good;
}

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

bool certificate_request_make(struct arena *arena, const struct identifier *names, size_t count,
                              struct certificate_request *out)
{
    uint8_t *der = NULL;
    *out = (struct certificate_request){.key = EVP_EC_gen("P-256"), .csr = X509_REQ_new()};
    arena_on_free(arena, free_key, out->key);
    arena_on_free(arena, free_csr, out->csr);
    if (count == 0 || out->key == NULL || out->csr == NULL || X509_REQ_set_pubkey(out->csr, out->key) != 1 ||
        !add_san(arena, out->csr, names, count) || X509_REQ_sign(out->csr, out->key, EVP_sha256()) == 0)
        return false;
    int length = i2d_X509_REQ(out->csr, &der);
    if (length <= 0)
        return false;
    out->csr_der = arena_copy(arena, bytes_of(der, (size_t)length));
    OPENSSL_free(der);
    return true;
}
