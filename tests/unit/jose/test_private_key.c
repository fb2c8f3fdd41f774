/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "acme/base/file.h"
#include "acme/jose/private_key.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(private_key);

#define OLD_KEY ACMEGATE_TEST_DATA "/throwaway-test-key-of-an-old-step.pem"

static struct bytes old_key(struct arena *arena)
{
    struct bytes pem;
    cr_assert(file_read(arena, OLD_KEY, 1 << 16, &pem));
    return pem;
}

Test(private_key, C8_a_key_that_an_old_step_encrypted_opens)
{
    static const struct {
        const char *password;
        bool opens;
    } cases[] = {{"pw", true}, {"pw\n", false}, {"other", false}, {"", false}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool encrypted = false;
        autofree_evp_pkey EVP_PKEY *key =
            private_key_read(old_key(arena), bytes_from_string(cases[i].password), &encrypted);
        cr_expect_eq(key != NULL, cases[i].opens, "'%s'", cases[i].password);
        cr_expect(encrypted, "'%s'", cases[i].password);
        cr_expect(key == NULL || EVP_PKEY_get_id(key) == EVP_PKEY_EC);
    }
    arena_free(arena);
}

/* Any octets are a key or none. */
Test(private_key, C8_a_broken_old_key_is_none)
{
    struct arena *arena = arena_new();
    struct bytes pem = old_key(arena);
    for (size_t i = 30; i < pem.n; i += 9) {
        uint8_t *text = arena_alloc(arena, pem.n);
        bool encrypted;
        memcpy(text, pem.p, pem.n);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        [[maybe_unused]] autofree_evp_pkey EVP_PKEY *other =
            private_key_read(bytes_of(text, pem.n), bytes_from_string("pw"), &encrypted);
        autofree_evp_pkey EVP_PKEY *cut =
            private_key_read(bytes_of(pem.p, i), bytes_from_string("pw"), &encrypted);
        cr_expect(i + 40 > pem.n || cut == NULL, "%zu octets", i);
    }
    arena_free(arena);
}

static struct bytes write_key(struct arena *arena, EVP_PKEY *key, const char *password)
{
    autofree_bio BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    const EVP_CIPHER *cipher = password == NULL ? NULL : EVP_aes_256_cbc();
    cr_assert_eq(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, password,
                                               password == NULL ? 0 : (int)strlen(password), NULL, NULL),
                 1);
    long n = BIO_get_mem_data(bio, &text);
    return arena_copy(arena, bytes_of((const uint8_t *)text, (size_t)n));
}

/* More than OpenSSL has room for, which is 1,024 octets. */
#define EIGHTH \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG EIGHTH EIGHTH EIGHTH EIGHTH EIGHTH EIGHTH EIGHTH EIGHTH

Test(private_key, others_are_read_as_before_and_nobody_is_asked)
{
    struct arena *arena = arena_new();
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    static const struct {
        const char *written_with, *password;
        bool opens, encrypted;
    } cases[] = {
        {NULL, "", true, false}, {NULL, "pw", true, false}, {"pw", "pw", true, true},
        {"pw", "", false, true}, {"pw", "no", false, true}, {"pw", LONG, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool encrypted = !cases[i].encrypted;
        autofree_evp_pkey EVP_PKEY *read = private_key_read(write_key(arena, key, cases[i].written_with),
                                                            bytes_from_string(cases[i].password), &encrypted);
        cr_expect_eq(read != NULL, cases[i].opens, "%zu", i);
        cr_expect_eq(encrypted, cases[i].encrypted, "%zu", i);
        cr_expect(read == NULL || EVP_PKEY_eq(read, key) == 1);
    }
    bool encrypted = true;
    cr_expect_null(private_key_read(bytes_from_string("no key"), bytes_from_string("pw"), &encrypted));
    cr_expect_not(encrypted);
    arena_free(arena);
}

/* ---- writing ---- */

Test(private_key, what_is_written_opens_with_its_password_alone)
{
    static const struct {
        const char *written, *read;
        bool opens, encrypted;
    } cases[] = {
        {"", "", true, false},
        {"", "unneeded", true, false},
        {"secret", "secret", true, true},
        {"secret", "other", false, true},
        {"secret", "", false, true},
    };
    struct arena *arena = arena_new();
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool encrypted = false;
        struct bytes pem = private_key_to_pem(arena, key, bytes_from_string(cases[i].written));
        autofree_evp_pkey EVP_PKEY *read =
            private_key_read(pem, bytes_from_string(cases[i].read), &encrypted);
        cr_expect_eq(read != NULL, cases[i].opens, "case %zu", i);
        cr_expect_eq(encrypted, cases[i].encrypted, "case %zu", i);
        cr_expect(read == NULL || EVP_PKEY_eq(read, key) == 1, "case %zu", i);
    }
    arena_free(arena);
}

/* OpenSSL's allocator, which looks for a text in each block that is given back. */
static struct {
    char text[48]; /* a line of the key's PEM, or less of it */
    size_t found;
    bool watches;
} watch;

static void look(void *block)
{
    size_t n = strlen(watch.text);
    if (block != NULL && n != 0 && memmem(block, malloc_usable_size(block), watch.text, n) != NULL)
        watch.found++;
}

static void *watched_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return malloc(n);
}

static void watched_free(void *block, const char *file, int line)
{
    (void)file, (void)line;
    look(block);
    free(block);
}

static void *watched_realloc(void *block, size_t n, const char *file, int line)
{
    size_t had = block == NULL ? 0 : malloc_usable_size(block);
    void *fresh = n == 0 ? NULL : malloc(n);
    if (fresh != NULL && had != 0)
        memcpy(fresh, block, had < n ? had : n);
    watched_free(block, file, line);
    return fresh;
}

/* OpenSSL takes it only before its first allocation. */
[[gnu::constructor]] static void watch_openssl(void)
{
    watch.watches = CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free) == 1;
}

Test(private_key, no_memory_that_is_given_back_holds_the_text)
{
    cr_assert(watch.watches, "OpenSSL had allocated memory already");
    struct arena *arena = arena_new();
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    struct bytes pem = private_key_to_pem(arena, key, (struct bytes){0});
    const char *second_line = memchr(pem.p, '\n', pem.n);
    memcpy(watch.text, second_line + 1 + 8, sizeof watch.text - 1);
    OPENSSL_free(OPENSSL_memdup(pem.p, pem.n));
    cr_expect_eq(watch.found, 1, "the watch sees a copy");
    watch.found = 0;
    cr_expect(bytes_equal(private_key_to_pem(arena, key, (struct bytes){0}), pem));
    cr_expect_eq(watch.found, 0);
    arena_free(arena);
}
