/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "acme/base/base64.h"
#include "acme/jose/jwe.h"
#include "fixtures.h"

LEAK_CHECKED_SUITE(jwe);

#define PASSWORD "correct horse"
#define SALT     "2WCTcJZ1Rvd_CJuJripQ1w"

/* The encrypting side's facts of an algorithm: RFC 7518 §4.8 and §5. */
struct recipe {
    const char *alg, *enc;
    const char *digest, *wrap, *cipher;
    size_t kek_bytes, key_bytes, iv_bytes;
    const char *mac; /* of the CBC ones */
};

#define KEY_128 "PBES2-HS256+A128KW", .digest = "SHA256", .wrap = "AES-128-WRAP", .kek_bytes = 16
#define KEY_192 "PBES2-HS384+A192KW", .digest = "SHA384", .wrap = "AES-192-WRAP", .kek_bytes = 24
#define KEY_256 "PBES2-HS512+A256KW", .digest = "SHA512", .wrap = "AES-256-WRAP", .kek_bytes = 32
#define GCM_128 .enc = "A128GCM", .cipher = "AES-128-GCM", .key_bytes = 16, .iv_bytes = 12
#define GCM_256 .enc = "A256GCM", .cipher = "AES-256-GCM", .key_bytes = 32, .iv_bytes = 12
#define CBC_128 \
    .enc = "A128CBC-HS256", .cipher = "AES-128-CBC", .key_bytes = 32, .iv_bytes = 16, .mac = "SHA256"
#define CBC_256 \
    .enc = "A256CBC-HS512", .cipher = "AES-256-CBC", .key_bytes = 64, .iv_bytes = 16, .mac = "SHA512"

static const struct recipe recipes[] = {
    {KEY_128, GCM_128}, {KEY_128, GCM_256}, {KEY_128, CBC_128}, {KEY_128, CBC_256},
    {KEY_192, GCM_128}, {KEY_192, GCM_256}, {KEY_192, CBC_128}, {KEY_192, CBC_256},
    {KEY_256, GCM_128}, {KEY_256, GCM_256}, {KEY_256, CBC_128}, {KEY_256, CBC_256},
};

struct sealed {
    const char *header, *key, *iv, *ciphertext, *tag;
};

static struct bytes random_octets(struct arena *arena, size_t n)
{
    uint8_t *p = arena_alloc(arena, n);
    cr_assert_eq(RAND_bytes(p, (int)n), 1);
    return bytes_of(p, n);
}

/* One pass of a cipher; `aad` for the AEAD ones, whose tag goes to `tag`. */
static struct bytes encrypt(struct arena *arena, const char *name, const uint8_t *key, const uint8_t *iv,
                            struct bytes aad, struct bytes plain, uint8_t *tag)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *out = arena_alloc(arena, plain.n + 32);
    int n = 0, last = 0, ignored = 0;
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    cr_assert_eq(EVP_EncryptInit_ex2(context, cipher, key, iv, NULL), 1);
    if (aad.n != 0)
        cr_assert_eq(EVP_EncryptUpdate(context, NULL, &ignored, aad.p, (int)aad.n), 1);
    cr_assert_eq(EVP_EncryptUpdate(context, out, &n, plain.p, (int)plain.n), 1);
    cr_assert_eq(EVP_EncryptFinal_ex(context, out + n, &last), 1);
    if (tag != NULL)
        cr_assert_eq(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    return bytes_of(out, (size_t)(n + last));
}

static struct bytes derive(struct arena *arena, const struct recipe *recipe, const char *password, int rounds)
{
    struct bytes salt;
    cr_assert(base64url_decode(arena, BYTES_LITERAL(SALT), &salt));
    struct buffer input;
    buffer_init(&input, arena, 256);
    buffer_append(&input, bytes_of(recipe->alg, strlen(recipe->alg) + 1));
    buffer_append(&input, salt);
    uint8_t *kek = arena_alloc(arena, recipe->kek_bytes);
    EVP_MD *digest = EVP_MD_fetch(NULL, recipe->digest, NULL);
    struct bytes whole = buffer_bytes(&input);
    cr_assert_eq(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), whole.p, (int)whole.n, rounds, digest,
                                   (int)recipe->kek_bytes, kek),
                 1);
    EVP_MD_free(digest);
    return bytes_of(kek, recipe->kek_bytes);
}

static void seal_cbc(struct arena *arena, const struct recipe *recipe, const uint8_t *key, struct bytes iv,
                     struct bytes plain, struct sealed *out)
{
    size_t half = recipe->key_bytes / 2;
    struct bytes aad = bytes_from_string(out->header);
    struct bytes ciphertext =
        encrypt(arena, recipe->cipher, key + half, iv.p, (struct bytes){0}, plain, NULL);
    uint8_t bits[8] = {0}, tag[64];
    size_t tag_bytes = 0;
    bits[6] = (uint8_t)(aad.n * 8 >> 8);
    bits[7] = (uint8_t)(aad.n * 8);
    struct buffer input;
    buffer_init(&input, arena, 4096);
    const struct bytes parts[] = {aad, iv, ciphertext, bytes_of(bits, 8)};
    for (size_t i = 0; i < 4; i++)
        buffer_append(&input, parts[i]);
    struct bytes text = buffer_bytes(&input);
    cr_assert_not_null(EVP_Q_mac(NULL, "HMAC", NULL, recipe->mac, NULL, key, half, text.p, text.n, tag,
                                 sizeof tag, &tag_bytes));
    out->ciphertext = base64url_encode(arena, ciphertext);
    out->tag = base64url_encode(arena, bytes_of(tag, half));
}

static struct sealed seal(struct arena *arena, const struct recipe *recipe, const char *header_rest,
                          int rounds, const char *plaintext)
{
    struct sealed out = {0};
    struct bytes key = random_octets(arena, recipe->key_bytes), iv = random_octets(arena, recipe->iv_bytes);
    struct bytes kek = derive(arena, recipe, PASSWORD, rounds);
    out.header = base64url_encode(
        arena, bytes_from_string(
                   arena_printf(arena, "{\"alg\":\"%s\",\"enc\":\"%s\",\"p2c\":%d,\"p2s\":\"" SALT "\"%s}",
                                recipe->alg, recipe->enc, rounds, header_rest)));
    out.key =
        base64url_encode(arena, encrypt(arena, recipe->wrap, kek.p, NULL, (struct bytes){0}, key, NULL));
    out.iv = base64url_encode(arena, iv);
    if (recipe->mac != NULL) {
        seal_cbc(arena, recipe, key.p, iv, bytes_from_string(plaintext), &out);
        return out;
    }
    uint8_t tag[16];
    out.ciphertext =
        base64url_encode(arena, encrypt(arena, recipe->cipher, key.p, iv.p, bytes_from_string(out.header),
                                        bytes_from_string(plaintext), tag));
    out.tag = base64url_encode(arena, bytes_of(tag, sizeof tag));
    return out;
}

static const char *compact(struct arena *arena, const struct sealed *s)
{
    return arena_printf(arena, "%s.%s.%s.%s.%s", s->header, s->key, s->iv, s->ciphertext, s->tag);
}

static const char *flattened(struct arena *arena, const struct sealed *s)
{
    return arena_printf(arena,
                        "{\"protected\":\"%s\",\"encrypted_key\":\"%s\",\"iv\":\"%s\",\"ciphertext\":\"%s\","
                        "\"tag\":\"%s\"}",
                        s->header, s->key, s->iv, s->ciphertext, s->tag);
}

static enum jose_error_code open_jwe(struct arena *arena, const char *text, const char *password,
                                     struct bytes *plaintext)
{
    struct jose_error error = {0};
    bool good = jwe_decrypt(arena, bytes_from_string(text), bytes_from_string(password), plaintext, &error);
    cr_expect_eq(good, error.code == JOSE_OK);
    cr_expect_eq(good, error.detail == NULL);
    return error.code;
}

Test(jwe, every_algorithm_opens_in_both_forms)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        struct sealed sealed = seal(arena, &recipes[i], "", 1000, "{\"kty\":\"EC\"}");
        const char *texts[] = {compact(arena, &sealed), flattened(arena, &sealed),
                               arena_printf(arena, "\n %s \n", flattened(arena, &sealed)),
                               arena_printf(arena, "%s\n", compact(arena, &sealed))};
        for (size_t form = 0; form < 4; form++) {
            struct bytes plaintext = {0};
            cr_expect(jwe_recognize(bytes_from_string(texts[form])));
            cr_expect_eq(open_jwe(arena, texts[form], PASSWORD, &plaintext), JOSE_OK, "%s %s", recipes[i].alg,
                         recipes[i].enc);
            cr_expect(bytes_equal_string(plaintext, "{\"kty\":\"EC\"}"));
        }
    }
    arena_free(arena);
}

Test(jwe, another_password_or_a_changed_part_does_not_open_it)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i += 3) {
        struct sealed good = seal(arena, &recipes[i], "", 1000, "secret");
        struct bytes plaintext;
        cr_expect_eq(open_jwe(arena, compact(arena, &good), "correct horsf", &plaintext),
                     JOSE_WRONG_PASSWORD);
        cr_expect_eq(open_jwe(arena, compact(arena, &good), "", &plaintext), JOSE_WRONG_PASSWORD);
        const char *const *parts[] = {&good.key, &good.iv, &good.ciphertext, &good.tag};
        for (size_t part = 0; part < 4; part++) {
            char *first = (char *)(uintptr_t)*parts[part];
            char was = *first;
            *first = was == 'A' ? 'B' : 'A';
            cr_expect_eq(open_jwe(arena, compact(arena, &good), PASSWORD, &plaintext), JOSE_WRONG_PASSWORD,
                         "%s %s part %zu", recipes[i].alg, recipes[i].enc, part);
            *first = was;
        }
    }
    arena_free(arena);
}

Test(jwe, the_rounds_are_bounded)
{
    static const struct {
        int rounds;
        enum jose_error_code code;
    } cases[] = {{999, JOSE_MALFORMED}, {1000, JOSE_OK}, {1000001, JOSE_MALFORMED}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sealed sealed = seal(arena, &recipes[0], "", cases[i].rounds, "x");
        struct bytes plaintext;
        cr_expect_eq(open_jwe(arena, compact(arena, &sealed), PASSWORD, &plaintext), cases[i].code, "%d",
                     cases[i].rounds);
    }
    arena_free(arena);
}

Test(jwe, headers_that_are_refused)
{
    static const struct {
        const char *header;
        enum jose_error_code code;
    } cases[] = {
        {"[]", JOSE_MALFORMED},
        {"{\"enc\":\"A256GCM\"}", JOSE_MALFORMED},
        {"{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", JOSE_UNSUPPORTED_ALGORITHM},
        {"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A192GCM\"}", JOSE_UNSUPPORTED_ALGORITHM},
        {"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"zip\":\"DEF\",\"p2c\":1000,\"p2s\":\"" SALT
         "\"}",
         JOSE_UNSUPPORTED_ALGORITHM},
        {"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":1000}", JOSE_MALFORMED},
        {"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":1000,\"p2s\":\"AAAA\"}",
         JOSE_MALFORMED},
        {"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":\"1000\",\"p2s\":\"" SALT "\"}",
         JOSE_MALFORMED},
        {"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":-1000,\"p2s\":\"" SALT "\"}",
         JOSE_MALFORMED},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sealed sealed = seal(arena, &recipes[1], "", 1000, "x");
        struct bytes plaintext;
        sealed.header = base64url_encode(arena, bytes_from_string(cases[i].header));
        cr_expect_eq(open_jwe(arena, flattened(arena, &sealed), PASSWORD, &plaintext), cases[i].code, "%s",
                     cases[i].header);
    }
    arena_free(arena);
}

Test(jwe, texts_of_another_form_are_malformed)
{
    static const char *const texts[] = {"",
                                        "ey",
                                        "a.b.c",
                                        "a.b.c.d.e.f",
                                        "{}",
                                        "{\"protected\":\"e30\"}",
                                        "====.a.b.c.d",
                                        "{\"recipients\":[]}"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bytes plaintext;
        cr_expect_eq(open_jwe(arena, texts[i], PASSWORD, &plaintext), JOSE_MALFORMED, "%s", texts[i]);
    }
    arena_free(arena);
}

Test(jwe, other_keys_are_not_taken_for_one)
{
    static const char *const others[] = {RFC7515_A3_PRIVATE, "-----BEGIN PRIVATE KEY-----", "", "ey.a.b",
                                         "text"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect_not(jwe_recognize(bytes_from_string(others[i])), "%s", others[i]);
}
