/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/base64.h"
#include "acme/nonce.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(nonce);

static void issue(struct nonce_source *source, char out[static NONCE_TEXT_BYTES])
{
    cr_assert(nonce_issue(source, out));
}

static bool spend(struct nonce_source *source, const char *text)
{
    return nonce_spend(source, bytes_from_string(text));
}

Test(nonce, text_is_base64url)
{
    struct nonce_source *source = nonce_source_new(3);
    struct arena *arena = arena_new();
    struct bytes octets;
    for (int i = 0; i < 1000; i++) {
        char text[NONCE_TEXT_BYTES];
        issue(source, text);
        cr_assert_eq(strlen(text), NONCE_TEXT_BYTES - 1);
        cr_assert_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     strlen(text), "%s", text);
        cr_assert(base64url_decode(arena, bytes_from_string(text), &octets), "certbot decodes %s", text);
        cr_assert(spend(source, text), "%s", text);
    }
    nonce_source_free(source);
    arena_free(arena);
}

Test(nonce, each_is_good_once_in_any_order)
{
    enum { COUNT = 200 };
    static char texts[COUNT][NONCE_TEXT_BYTES];
    struct nonce_source *source = nonce_source_new(3);
    for (size_t i = 0; i < COUNT; i++) {
        issue(source, texts[i]);
        for (size_t j = 0; j < i; j++) {
            cr_assert_str_neq(texts[i], texts[j]);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect(spend(source, texts[i * 77 % COUNT]), "%zu", i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect_not(spend(source, texts[i]), "%zu", i);
    }
    nonce_source_free(source);
}

Test(nonce, changed_in_any_character_is_refused)
{
    struct nonce_source *source = nonce_source_new(3);
    char text[NONCE_TEXT_BYTES];
    issue(source, text);
    for (size_t i = 0; i < NONCE_TEXT_BYTES - 1; i++) {
        char saved = text[i];
        text[i] = saved == 'A' ? 'B' : 'A';
        cr_expect_not(spend(source, text), "character %zu", i);
        text[i] = saved;
    }
    cr_expect(spend(source, text), "a refused forgery must not spend the nonce it was made from");
    nonce_source_free(source);
}

Test(nonce, text_of_another_form_is_refused)
{
    struct nonce_source *source = nonce_source_new(3);
    char text[NONCE_TEXT_BYTES];
    issue(source, text);
    struct bytes good = bytes_from_string(text);
    cr_expect_not(nonce_spend(source, bytes_of(NULL, 0)));
    cr_expect_not(nonce_spend(source, bytes_of(good.p, good.n - 1)));
    cr_expect_not(nonce_spend(source, bytes_of(good.p, good.n + 1)));
    cr_expect_not(spend(source, "DAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    cr_expect_not(spend(source, "DAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="));
    cr_expect_not(spend(source, "D+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    cr_expect_not(spend(source, "D                               "));
    cr_expect_not(spend(source, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
    cr_expect(nonce_spend(source, good));
    nonce_source_free(source);
}

Test(nonce, of_another_process_is_refused)
{
    struct nonce_source *before = nonce_source_new(3);
    struct nonce_source *after = nonce_source_new(3);
    char text[NONCE_TEXT_BYTES];
    issue(before, text);
    cr_expect_not(spend(after, text));
    cr_expect(spend(before, text));
    nonce_source_free(before);
    nonce_source_free(after);
}

Test(nonce, its_first_character_names_its_gateway)
{
    for (unsigned number = 0; number < NONCE_GATEWAYS; number++) {
        struct nonce_source *source = nonce_source_new(number);
        char text[NONCE_TEXT_BYTES];
        issue(source, text);
        cr_expect_eq(nonce_home(bytes_from_string(text)), (int)number);
        cr_expect(spend(source, text), "%u", number);
        nonce_source_free(source);
    }
}

Test(nonce, text_of_another_form_has_no_home)
{
    static const char *const texts[] = {"",
                                        "D",
                                        "DAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "DAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "DAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                        "D AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "QAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    cr_expect_eq(nonce_home(bytes_from_string("DAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), 3);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_eq(nonce_home(bytes_from_string(texts[i])), -1, "%s", texts[i]);
    cr_expect_eq(nonce_home(bytes_of(NULL, 0)), -1);
}

Test(nonce, window_slides_on_use_and_never_on_issue)
{
    struct nonce_source *source = nonce_source_new(3);
    char oldest[NONCE_TEXT_BYTES];
    char spent[NONCE_TEXT_BYTES];
    char second[NONCE_TEXT_BYTES];
    char newest[NONCE_TEXT_BYTES];
    issue(source, oldest); /* counter 1 */
    issue(source, second);
    issue(source, spent);
    cr_expect(spend(source, spent));
    for (int i = 3; i < NONCE_WINDOW + 1; i++) {
        issue(source, newest);
    }
    cr_expect(spend(source, oldest), "issuing a window of nonces must not make an unused one old");
    cr_expect(spend(source, newest), "counter NONCE_WINDOW + 1");
    cr_expect_not(spend(source, oldest), "out of the window, and spent");
    cr_expect(spend(source, second), "the window's last place");
    cr_expect_not(spend(source, spent), "a slide must keep what is spent inside the window");

    char reused_place[NONCE_TEXT_BYTES];
    issue(source, newest);
    issue(source, reused_place); /* counter NONCE_WINDOW + 3, in the place of counter 3, which was spent */
    issue(source, newest);
    cr_expect(spend(source, newest));
    cr_expect(spend(source, reused_place));
    cr_expect_not(spend(source, reused_place));
    cr_expect_not(spend(source, second));
    cr_expect_not(spend(source, spent));
    nonce_source_free(source);
}

Test(nonce, jump_over_the_whole_window_forgets_what_is_behind)
{
    struct nonce_source *source = nonce_source_new(3);
    char first[NONCE_TEXT_BYTES];
    char unused[NONCE_TEXT_BYTES];
    char in_place_of_first[NONCE_TEXT_BYTES];
    char newest[NONCE_TEXT_BYTES];
    issue(source, first); /* counter 1 */
    cr_expect(spend(source, first));
    issue(source, unused);
    for (int i = 2; i < NONCE_WINDOW + 1; i++) {
        issue(source, in_place_of_first);
    }
    issue(source, newest); /* counter NONCE_WINDOW + 2 */
    cr_expect(spend(source, newest));
    cr_expect_not(spend(source, first));
    cr_expect_not(spend(source, unused));
    cr_expect(spend(source, in_place_of_first));
    cr_expect_not(spend(source, newest));
    nonce_source_free(source);
}
