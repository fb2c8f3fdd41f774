/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/openssl_handles.h"
#include "acme/jose/pem.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(pem);

#define BLOCK(label, body) "-----BEGIN " label "-----\n" body "\n-----END " label "-----\n"

Test(pem, the_first_block_is_read_and_a_private_key_told_by_its_label_alone)
{
    static const struct {
        const char *text;
        const char *label; /* NULL: no block */
        const char *der;
        bool request;
    } cases[] = {
        {BLOCK("CERTIFICATE REQUEST", "Zm9v"), "CERTIFICATE REQUEST", "foo", true},
        {BLOCK("NEW CERTIFICATE REQUEST", "Zm9v"), "NEW CERTIFICATE REQUEST", "foo", true},
        {BLOCK("CERTIFICATE", "Zm9v"), "CERTIFICATE", "foo", false},
        {"words before\n" BLOCK("CERTIFICATE", "Zm9v") BLOCK("X", "Zm8="), "CERTIFICATE", "foo", false},
        {BLOCK("PRIVATE KEY", "Zm9v"), "PRIVATE KEY", "", false},
        {BLOCK("EC PRIVATE KEY", "Zm9v"), "EC PRIVATE KEY", "", false},
        {BLOCK("ENCRYPTED PRIVATE KEY", "Zm9v"), "ENCRYPTED PRIVATE KEY", "", false},
        {"", NULL, NULL, false},
        {"Zm9v", NULL, NULL, false},
        {"-----BEGIN CERTIFICATE-----\nZm9v\n", NULL, NULL, false},
        {BLOCK("CERTIFICATE", "%%%%"), NULL, NULL, false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pem_block block;
        bool found = pem_first(arena, bytes_from_string(cases[i].text), &block);
        cr_assert_eq(found, cases[i].label != NULL, "%s", cases[i].text);
        cr_expect_eq(block.label == NULL, !found, "%s", cases[i].text);
        if (!found)
            continue;
        cr_expect_str_eq(block.label, cases[i].label);
        cr_expect(bytes_equal_string(block.der, cases[i].der), "%s", cases[i].text);
        cr_expect_eq(pem_is_request(&block), cases[i].request, "%s", cases[i].text);
    }
    arena_free(arena);
}

Test(pem, a_broken_block_does_not_hide_the_next_one)
{
    static const char text[] =
        BLOCK("CERTIFICATE", "Zm9v") BLOCK("CERTIFICATE", "%%%%") BLOCK("CERTIFICATE", "YmFy") "the end";
    static const enum pem_outcome outcomes[] = {PEM_BLOCK, PEM_BROKEN, PEM_BLOCK, PEM_END, PEM_END};
    struct arena *arena = arena_new();
    autofree_bio BIO *bio = BIO_new_mem_buf(text, sizeof text - 1);
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        struct pem_block block;
        cr_expect_eq(pem_next(arena, bio, &block), outcomes[i], "%zu", i);
        cr_expect(outcomes[i] == PEM_BLOCK || (block.label == NULL && block.der.n == 0), "%zu", i);
    }
    arena_free(arena);
}
