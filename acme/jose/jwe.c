/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/jwe.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "acme/base/base64.h"
#include "acme/base/unconst.h"
#include "acme/jose/openssl_handles.h"

enum {
    MAX_PBKDF2_ROUNDS = 1000000,
    MIN_PBKDF2_ROUNDS = 1000, /* RFC 7518 §4.8.1.2 */
    MIN_SALT_BYTES = 8,       /* RFC 7518 §4.8.1.1 */
    GCM_IV_BYTES = 12,
    CBC_IV_BYTES = 16,
    TAG_BYTES_GCM = 16,
    MAX_KEY_BYTES = 64,
    WRAP_OVERHEAD_BYTES = 8, /* RFC 3394 */
};

static const struct key_algorithm {
    const char *name;
    const char *digest;
    size_t kek_bytes;
    const char *wrap;
} key_algorithms[] = {
    {"PBES2-HS256+A128KW", "SHA256", 16, "AES-128-WRAP"},
    {"PBES2-HS384+A192KW", "SHA384", 24, "AES-192-WRAP"},
    {"PBES2-HS512+A256KW", "SHA512", 32, "AES-256-WRAP"},
};

/* For the CBC algorithms the key is a MAC key and an encryption key of the same length (RFC 7518
 * §5.2.2.1). */
static const struct content_algorithm {
    const char *name;
    const char *cipher;
    size_t key_bytes;
    const char *mac_digest; /* NULL for GCM */
} content_algorithms[] = {
    {"A128GCM", "AES-128-GCM", 16, NULL},
    {"A256GCM", "AES-256-GCM", 32, NULL},
    {"A128CBC-HS256", "AES-128-CBC", 32, "SHA256"},
    {"A256CBC-HS512", "AES-256-CBC", 64, "SHA512"},
};

/* The five parts (RFC 7516 §3), decoded. The protected header stays text, which is the additional data. */
struct parts {
    struct bytes protected_text;
    struct bytes encrypted_key;
    struct bytes iv;
    struct bytes ciphertext;
    struct bytes tag;
    const struct json *header;
    const struct key_algorithm *key_algorithm;
    const struct content_algorithm *content_algorithm;
    struct bytes salt; /* p2s */
    int64_t rounds;    /* p2c */
};

static bool fail(struct jose_error *error, enum jose_error_code code, const char *detail)
{
    *error = (struct jose_error){code, detail};
    return false;
}

static bool malformed(struct jose_error *error, const char *detail)
{
    return fail(error, JOSE_MALFORMED, detail);
}

/* ---- reading ---- */

static struct bytes trim(struct bytes text)
{
    while (text.n != 0 && text.p[0] != 0 && strchr(" \t\r\n", text.p[0]) != NULL)
        text = bytes_of(text.p + 1, text.n - 1);
    while (text.n != 0 && text.p[text.n - 1] != 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL)
        text.n--;
    return text;
}

static size_t count_dots(struct bytes text)
{
    size_t dots = 0;
    for (size_t i = 0; i < text.n; i++)
        dots += text.p[i] == '.';
    return dots;
}

bool jwe_recognize(struct bytes text)
{
    text = trim(text);
    if (text.n != 0 && text.p[0] == '{')
        return memmem(text.p, text.n, "\"ciphertext\"", strlen("\"ciphertext\"")) != NULL;
    return text.n > 2 && memcmp(text.p, "ey", 2) == 0 && count_dots(text) == 4;
}

static struct bytes take_part(struct bytes *text)
{
    const uint8_t *dot = memchr(text->p, '.', text->n);
    struct bytes part = dot == NULL ? *text : bytes_of(text->p, (size_t)(dot - text->p));
    size_t taken = dot == NULL ? part.n : part.n + 1;
    *text = bytes_of(text->p + taken, text->n - taken);
    return part;
}

static bool read_compact(struct arena *arena, struct bytes text, struct parts *out, struct jose_error *error)
{
    if (count_dots(text) != 4)
        return malformed(error, "The text is not a compact JWE of five parts.");
    out->protected_text = take_part(&text);
    if (!base64url_decode(arena, take_part(&text), &out->encrypted_key) ||
        !base64url_decode(arena, take_part(&text), &out->iv) ||
        !base64url_decode(arena, take_part(&text), &out->ciphertext) ||
        !base64url_decode(arena, text, &out->tag))
        return malformed(error, "A part of the compact JWE is not base64url.");
    return true;
}

static bool read_flattened(struct arena *arena, struct bytes text, struct parts *out,
                           struct jose_error *error)
{
    struct fault syntax;
    struct bytes key, iv, ciphertext, tag;
    const struct json *json = json_parse_lines(arena, text, &json_limits_request, &syntax);
    if (json == NULL)
        return malformed(error, arena_printf(arena, "The JWE is not valid JSON: %s.", syntax.message));
    if (json_member(json, "recipients") != NULL)
        return malformed(error, "The JWE has several recipients; the flattened form has one.");
    if (!json_member_string(json, "protected", &out->protected_text) ||
        !json_member_string(json, "encrypted_key", &key) || !json_member_string(json, "iv", &iv) ||
        !json_member_string(json, "ciphertext", &ciphertext) || !json_member_string(json, "tag", &tag))
        return malformed(error, "The JWE needs protected, encrypted_key, iv, ciphertext and tag.");
    if (!base64url_decode(arena, key, &out->encrypted_key) || !base64url_decode(arena, iv, &out->iv) ||
        !base64url_decode(arena, ciphertext, &out->ciphertext) || !base64url_decode(arena, tag, &out->tag))
        return malformed(error, "A member of the JWE is not base64url.");
    return true;
}

static bool read_algorithms(struct parts *parts, struct jose_error *error)
{
    struct bytes alg, enc;
    if (!json_member_string(parts->header, "alg", &alg) || !json_member_string(parts->header, "enc", &enc))
        return malformed(error, "The JWE's header has no \"alg\" or no \"enc\".");
    for (size_t i = 0; i < sizeof key_algorithms / sizeof key_algorithms[0]; i++)
        if (bytes_equal_string(alg, key_algorithms[i].name))
            parts->key_algorithm = &key_algorithms[i];
    for (size_t i = 0; i < sizeof content_algorithms / sizeof content_algorithms[0]; i++)
        if (bytes_equal_string(enc, content_algorithms[i].name))
            parts->content_algorithm = &content_algorithms[i];
    if (parts->key_algorithm == NULL)
        return fail(error, JOSE_UNSUPPORTED_ALGORITHM,
                    "The JWE's \"alg\" is not supported; PBES2-HS256+A128KW, PBES2-HS384+A192KW and "
                    "PBES2-HS512+A256KW are.");
    if (parts->content_algorithm == NULL)
        return fail(
            error, JOSE_UNSUPPORTED_ALGORITHM,
            "The JWE's \"enc\" is not supported; A128GCM, A256GCM, A128CBC-HS256 and A256CBC-HS512 are.");
    return true;
}

static bool read_header(struct arena *arena, struct parts *parts, struct jose_error *error)
{
    struct bytes text, salt;
    if (!base64url_decode(arena, parts->protected_text, &text))
        return malformed(error, "The JWE's header is not base64url.");
    parts->header = json_parse(arena, text, &json_limits_request, NULL);
    if (parts->header == NULL || parts->header->type != JSON_OBJECT)
        return malformed(error, "The JWE's header is not a JSON object.");
    if (!read_algorithms(parts, error))
        return false;
    if (json_member(parts->header, "zip") != NULL)
        return fail(error, JOSE_UNSUPPORTED_ALGORITHM,
                    "The JWE is compressed (\"zip\"), which is not supported.");
    if (!json_member_string(parts->header, "p2s", &salt) || !base64url_decode(arena, salt, &parts->salt) ||
        parts->salt.n < MIN_SALT_BYTES || !json_member_integer(parts->header, "p2c", &parts->rounds))
        return malformed(error, "The JWE's header has no valid \"p2s\" and \"p2c\".");
    if (parts->rounds < MIN_PBKDF2_ROUNDS || parts->rounds > MAX_PBKDF2_ROUNDS)
        return malformed(error, "The JWE's \"p2c\" is not between 1,000 and 1,000,000 rounds.");
    return true;
}

/* ---- the content key ---- */

/* KEK = PBKDF2(password, alg ‖ 0x00 ‖ p2s, p2c) (RFC 7518 §4.8.1.1). */
static bool derive_kek(struct arena *arena, const struct parts *parts, struct bytes password, uint8_t *kek)
{
    size_t name_bytes = strlen(parts->key_algorithm->name);
    size_t salt_bytes = name_bytes + 1 + parts->salt.n;
    uint8_t *salt = arena_alloc(arena, salt_bytes);
    memcpy(salt, parts->key_algorithm->name, name_bytes);
    memcpy(salt + name_bytes + 1, parts->salt.p, parts->salt.n);
    EVP_MD *digest = EVP_MD_fetch(NULL, parts->key_algorithm->digest, NULL);
    bool good =
        digest != NULL && PKCS5_PBKDF2_HMAC(password.n == 0 ? "" : (const char *)password.p, (int)password.n,
                                            salt, (int)salt_bytes, (int)parts->rounds, digest,
                                            (int)parts->key_algorithm->kek_bytes, kek) == 1;
    EVP_MD_free(digest);
    return good;
}

static bool unwrap_key(const struct parts *parts, const uint8_t *kek, uint8_t *key)
{
    size_t wanted = parts->content_algorithm->key_bytes;
    if (parts->encrypted_key.n != wanted + WRAP_OVERHEAD_BYTES)
        return false;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, parts->key_algorithm->wrap, NULL);
    autofree_evp_cipher_ctx EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t plain[MAX_KEY_BYTES + WRAP_OVERHEAD_BYTES];
    int n = 0;
    bool good = cipher != NULL && context != NULL;
    if (good)
        EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    good = good && EVP_DecryptInit_ex2(context, cipher, kek, NULL, NULL) == 1 &&
           EVP_DecryptUpdate(context, plain, &n, parts->encrypted_key.p, (int)parts->encrypted_key.n) == 1 &&
           (size_t)n == wanted;
    if (good)
        memcpy(key, plain, wanted);
    OPENSSL_cleanse(plain, sizeof plain);
    EVP_CIPHER_free(cipher);
    return good;
}

/* ---- the content ---- */

static bool decrypt_gcm(const struct parts *parts, const uint8_t *key, uint8_t *out, size_t *length)
{
    if (parts->iv.n != GCM_IV_BYTES || parts->tag.n != TAG_BYTES_GCM)
        return false;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, parts->content_algorithm->cipher, NULL);
    autofree_evp_cipher_ctx EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool good =
        cipher != NULL && context != NULL &&
        EVP_DecryptInit_ex2(context, cipher, key, parts->iv.p, NULL) == 1 &&
        EVP_DecryptUpdate(context, NULL, &n, parts->protected_text.p, (int)parts->protected_text.n) == 1 &&
        EVP_DecryptUpdate(context, out, &n, parts->ciphertext.p, (int)parts->ciphertext.n) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES_GCM, UNCONST(void *, parts->tag.p)) ==
            1 &&
        EVP_DecryptFinal_ex(context, out + n, &last) == 1;
    *length = (size_t)(n + last);
    EVP_CIPHER_free(cipher);
    return good;
}

/* Computes the first half of HMAC over AAD ‖ IV ‖ ciphertext ‖ bits of AAD as 64-bit big endian (RFC 7518
 * §5.2.2). */
static bool check_cbc_tag(struct arena *arena, const struct parts *parts, const uint8_t *mac_key)
{
    size_t half = parts->content_algorithm->key_bytes / 2;
    struct buffer input;
    uint8_t bits[8];
    uint8_t tag[EVP_MAX_MD_SIZE];
    size_t tag_bytes = 0;
    for (unsigned i = 0; i < sizeof bits; i++)
        bits[i] = (uint8_t)((uint64_t)parts->protected_text.n * 8 >> (56 - 8 * i));
    buffer_init(&input, arena, SIZE_MAX / 4);
    buffer_append(&input, parts->protected_text);
    buffer_append(&input, parts->iv);
    buffer_append(&input, parts->ciphertext);
    buffer_append(&input, bytes_of(bits, sizeof bits));
    struct bytes text = buffer_bytes(&input);
    return EVP_Q_mac(NULL, "HMAC", NULL, parts->content_algorithm->mac_digest, NULL, mac_key, half, text.p,
                     text.n, tag, sizeof tag, &tag_bytes) != NULL &&
           parts->tag.n == half && CRYPTO_memcmp(tag, parts->tag.p, half) == 0;
}

static bool decrypt_cbc(struct arena *arena, const struct parts *parts, const uint8_t *key, uint8_t *out,
                        size_t *length)
{
    if (parts->iv.n != CBC_IV_BYTES || !check_cbc_tag(arena, parts, key))
        return false;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, parts->content_algorithm->cipher, NULL);
    autofree_evp_cipher_ctx EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool good = cipher != NULL && context != NULL &&
                EVP_DecryptInit_ex2(context, cipher, key + parts->content_algorithm->key_bytes / 2,
                                    parts->iv.p, NULL) == 1 &&
                EVP_DecryptUpdate(context, out, &n, parts->ciphertext.p, (int)parts->ciphertext.n) == 1 &&
                EVP_DecryptFinal_ex(context, out + n, &last) == 1;
    *length = (size_t)(n + last);
    EVP_CIPHER_free(cipher);
    return good;
}

static bool decrypt_content(struct arena *arena, const struct parts *parts, const uint8_t *key,
                            struct bytes *plaintext)
{
    size_t room = parts->ciphertext.n + CBC_IV_BYTES;
    uint8_t *out = OPENSSL_zalloc(room);
    size_t length = 0;
    bool good = out != NULL &&
                (parts->content_algorithm->mac_digest == NULL ? decrypt_gcm(parts, key, out, &length)
                                                              : decrypt_cbc(arena, parts, key, out, &length));
    if (good)
        *plaintext = arena_copy_secret(arena, bytes_of(out, length));
    OPENSSL_clear_free(out, room);
    return good;
}

bool jwe_decrypt(struct arena *arena, struct bytes text, struct bytes password, struct bytes *plaintext,
                 struct jose_error *error)
{
    struct parts parts = {0};
    uint8_t kek[MAX_KEY_BYTES], key[MAX_KEY_BYTES];
    text = trim(text);
    bool flattened = text.n != 0 && text.p[0] == '{';
    if (!(flattened ? read_flattened(arena, text, &parts, error)
                    : read_compact(arena, text, &parts, error)) ||
        !read_header(arena, &parts, error))
        return false;
    bool good = derive_kek(arena, &parts, password, kek) && unwrap_key(&parts, kek, key) &&
                decrypt_content(arena, &parts, key, plaintext);
    OPENSSL_cleanse(kek, sizeof kek);
    OPENSSL_cleanse(key, sizeof key);
    if (!good)
        return fail(error, JOSE_WRONG_PASSWORD, "The password does not open the JWE.");
    *error = (struct jose_error){JOSE_OK, NULL};
    return true;
}
