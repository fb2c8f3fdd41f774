/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/base64.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(base64url);
LEAK_CHECKED_SUITE(base64);

/* RFC 4648 §10, without padding, and RFC 7515 C. */
static const struct {
    const char *data;
    size_t n;
    const char *text;
} vectors[] = {
    {"", 0, ""},
    {"f", 1, "Zg"},
    {"fo", 2, "Zm8"},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg"},
    {"fooba", 5, "Zm9vYmE"},
    {"foobar", 6, "Zm9vYmFy"},
    {"\x03\xec\xff\xe0\xc1", 5, "A-z_4ME"},
    {"\0\0\0", 3, "AAAA"},
};

Test(base64url, the_vectors_go_both_ways)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct bytes data = bytes_of(vectors[i].data, vectors[i].n);
        struct bytes decoded;
        cr_expect_str_eq(base64url_encode(arena, data), vectors[i].text);
        cr_assert(base64url_decode(arena, bytes_from_string(vectors[i].text), &decoded), "%s",
                  vectors[i].text);
        cr_expect(bytes_equal(decoded, data), "%s", vectors[i].text);
    }
    arena_free(arena);
}

/* acme-server.md 19. */
Test(base64url, what_is_not_strict_is_refused)
{
    static const char *const refused[] = {
        "Zg==",     /* padding */
        "Zm8=",     /* padding */
        "Zm9v\n",   /* white space */
        " Zm9v",    /* white space */
        "Zm 9v",    /* white space */
        "A+z/4ME",  /* the other alphabet */
        "Z",        /* a length that no octets have */
        "Zm9vY",    /* the same, later */
        "Zh",       /* spare bits that are not zero */
        "Zm9",      /* the same */
        "Zm9v\x80", /* no ASCII */
        "Zm.v",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct bytes decoded = BYTES_LITERAL("untouched");
        cr_expect_not(base64url_decode(arena, bytes_from_string(refused[i]), &decoded), "%s", refused[i]);
        cr_expect(bytes_equal_string(decoded, "untouched"), "%s", refused[i]);
    }
    struct bytes decoded;
    cr_expect_not(base64url_decode(arena, bytes_of("Zm\0v", 4), &decoded), "NUL");
    arena_free(arena);
}

Test(base64url, every_octet_survives)
{
    struct arena *arena = arena_new();
    uint8_t all[256];
    for (unsigned i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    for (size_t n = 0; n <= sizeof all; n++) {
        struct bytes decoded;
        cr_assert(
            base64url_decode(arena, bytes_from_string(base64url_encode(arena, bytes_of(all, n))), &decoded));
        cr_expect(bytes_equal(decoded, bytes_of(all, n)), "%zu octets", n);
    }
    arena_free(arena);
}

enum { AS_PADDED = 1, AS_MAYBE_PADDED = 2 };

Test(base64, padding_is_as_strict_as_its_place_asks)
{
    static const struct {
        const char *text;
        unsigned accepted;
        const char *data;
    } cases[] = {
        {"", AS_PADDED | AS_MAYBE_PADDED, ""},
        {"Zg==", AS_PADDED | AS_MAYBE_PADDED, "f"},
        {"Zm8=", AS_PADDED | AS_MAYBE_PADDED, "fo"},
        {"Zm9v", AS_PADDED | AS_MAYBE_PADDED, "foo"},
        {"A+z/4ME=", AS_PADDED | AS_MAYBE_PADDED, "\x03\xec\xff\xe0\xc1"},
        {"Zg", AS_MAYBE_PADDED, "f"},
        {"Zm8", AS_MAYBE_PADDED, "fo"},
        {"Zg=", 0, NULL},   /* half of its padding */
        {"Zm9v=", 0, NULL}, /* too much */
        {"Zg===", 0, NULL},
        {"Zm9v====", 0, NULL},
        {"=", 0, NULL},
        {"====", 0, NULL},
        {"Z===", 0, NULL}, /* a length that no octets have */
        {"Z", 0, NULL},
        {"Zh==", 0, NULL},     /* spare bits that are not zero */
        {"Zg=g", 0, NULL},     /* padding inside */
        {"A-z_4ME=", 0, NULL}, /* the other alphabet */
        {"Zm9v\n", 0, NULL},
        {"Zm 9vYg=", 0, NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (enum base64_padding padding = BASE64_PADDED; padding <= BASE64_MAYBE_PADDED; padding++) {
            struct bytes out = {0};
            bool accepted =
                (cases[i].accepted & (padding == BASE64_PADDED ? AS_PADDED : AS_MAYBE_PADDED)) != 0;
            cr_expect_eq(base64_decode(arena, bytes_from_string(cases[i].text), padding, &out), accepted,
                         "%s as %d", cases[i].text, padding);
            cr_expect(!accepted || bytes_equal_string(out, cases[i].data), "%s", cases[i].text);
        }
    }
    arena_free(arena);
}
