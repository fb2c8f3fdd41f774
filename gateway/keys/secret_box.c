/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keys/secret_box.h"

#include <errno.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/jose/openssl_handles.h"
#include "gateway/config/config.h"

/* A sealed secret is nonce, ciphertext, tag. */
enum { KEY_BYTES = 32, NONCE_BYTES = 12, TAG_BYTES = 16 };

struct secret_box {
    uint8_t key[KEY_BYTES];
};

static bool make_key(const char *path, struct secret_box *box, struct fault *fault)
{
    if (RAND_bytes(box->key, KEY_BYTES) != 1)
        return fault_set(fault, "OpenSSL has no randomness");
    if (file_replace(path, bytes_of(box->key, KEY_BYTES), 0600))
        return true;
    return fault_set(fault, "%s cannot be written: %s", path, strerror(errno));
}

static bool read_key(const char *path, struct secret_box *box, struct fault *fault)
{
    struct bytes text;
    struct arena *arena = arena_new();
    bool read = file_read_secret(arena, path, KEY_BYTES, &text);
    int error = errno;
    if (read && text.n == KEY_BYTES)
        memcpy(box->key, text.p, KEY_BYTES);
    else if (read || error == EFBIG)
        fault_set(fault, "%s is not a key file: it must have %d octets", path, KEY_BYTES);
    else if (error != ENOENT)
        fault_set(fault, "%s cannot be read: %s", path, strerror(error));
    arena_free(arena);
    if (!read && error == ENOENT)
        return make_key(path, box, fault);
    return read && text.n == KEY_BYTES;
}

struct secret_box *secret_box_open(const char *path, struct fault *fault)
{
    struct secret_box *box = calloc(1, sizeof *box);
    if (box == NULL)
        end_without("memory");
    if (read_key(path, box, fault))
        return box;
    secret_box_free(box);
    return NULL;
}

const char *config_secret_path(struct arena *arena, const struct config *config)
{
    return config->secret_key_path != NULL ? config->secret_key_path
                                           : config_file_beside(arena, config, "secret");
}

bool config_needs_secrets(const struct config *config)
{
    bool needed = config->admin_socket != NULL || config->admin_listen_count != 0;
    for (size_t i = 0; i < config->endpoint_count; i++)
        needed = needed || config->endpoints[i].eab != EAB_OFF;
    return needed;
}

struct secret_box *config_open_secrets(const struct config *config, enum secret_box_use use,
                                       struct fault *fault)
{
    struct arena *arena = arena_new();
    struct secret_box *box = NULL;
    const char *path = config_secret_path(arena, config);
    if (use == SECRET_BOX_MAKE || access(path, F_OK) == 0)
        box = secret_box_open(path, fault);
    else
        fault_set(fault, "%s: %s", path, strerror(errno));
    arena_free(arena);
    return box;
}

void secret_box_free(struct secret_box *box)
{
    if (box != NULL)
        OPENSSL_cleanse(box, sizeof *box);
    free(box);
}

bool secret_seal(const struct secret_box *box, struct arena *arena, struct bytes secret, const char *place,
                 struct bytes *out)
{
    autofree_evp_cipher_ctx EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *nonce = arena_alloc(arena, NONCE_BYTES + secret.n + TAG_BYTES);
    uint8_t *text = nonce + NONCE_BYTES;
    int length = 0;
    bool sealed =
        context != NULL && RAND_bytes(nonce, NONCE_BYTES) == 1 &&
        EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), box->key, nonce, NULL) == 1 &&
        EVP_EncryptUpdate(context, NULL, &length, (const uint8_t *)place, (int)strlen(place)) == 1 &&
        EVP_EncryptUpdate(context, text, &length, secret.p, (int)secret.n) == 1 &&
        EVP_EncryptFinal_ex(context, text + length, &length) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, text + secret.n) == 1;
    *out = bytes_of(nonce, NONCE_BYTES + secret.n + TAG_BYTES);
    return sealed;
}

bool secret_unseal(const struct secret_box *box, struct arena *arena, struct bytes sealed, const char *place,
                   struct bytes *out)
{
    if (sealed.n < NONCE_BYTES + TAG_BYTES)
        return false;
    autofree_evp_cipher_ctx EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t n = sealed.n - NONCE_BYTES - TAG_BYTES;
    uint8_t tag[TAG_BYTES];
    int length = 0;
    uint8_t *text = n > INT_MAX ? NULL : malloc(n + 1);
    if (text == NULL)
        return false;
    memcpy(tag, sealed.p + NONCE_BYTES + n, TAG_BYTES);
    bool good = context != NULL &&
                EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), box->key, sealed.p, NULL) == 1 &&
                EVP_DecryptUpdate(context, NULL, &length, (const uint8_t *)place, (int)strlen(place)) == 1 &&
                EVP_DecryptUpdate(context, text, &length, sealed.p + NONCE_BYTES, (int)n) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
                EVP_DecryptFinal_ex(context, text + length, &length) == 1;
    if (good)
        *out = arena_copy_secret(arena, bytes_of(text, n));
    OPENSSL_cleanse(text, n);
    free(text);
    return good;
}
