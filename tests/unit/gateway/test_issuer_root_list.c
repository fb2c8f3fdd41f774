/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "gateway/ca/issuer_root_list.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(issuer_root_list);

/* Certificates are told apart by their octets: what is in them is not looked at. */
#define A \
    BYTES_LITERAL("\x30\x01" \
                  "a")
#define B \
    BYTES_LITERAL("\x30\x01" \
                  "b")
#define C \
    BYTES_LITERAL("\x30\x01" \
                  "c")

struct roots_case {
    struct bytes pinned[2], listed[3];
    size_t pinned_count, listed_count;
    size_t unpinned, unlisted;
};

static const struct roots_case cases[] = {
    {{A}, {A}, 1, 1, 0, 0},          {{A}, {A, B}, 1, 2, 1, 0},
    {{A}, {B}, 1, 1, 1, 1}, /* switched before it was pinned */
    {{A, B}, {B, A}, 2, 2, 0, 0},    {{A, B}, {B}, 2, 1, 0, 1},
    {{A, B}, {C, B, A}, 2, 3, 1, 0},
};

Test(issuer_root_list, what_one_side_has_alone_is_told)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct issuer_root_differences found;
        issuer_root_list_compare(arena, cases[i].pinned, cases[i].pinned_count, cases[i].listed,
                                 cases[i].listed_count, &found);
        cr_expect(found.known);
        cr_expect_eq(found.unpinned.count, cases[i].unpinned, "%zu", i);
        cr_expect_eq(found.unlisted.count, cases[i].unlisted, "%zu", i);
        arena_free(arena);
    }
}

Test(issuer_root_list, they_are_named_by_their_fingerprints_up_to_a_bound)
{
    struct arena *arena = arena_new();
    struct bytes many[ISSUER_ROOTS_TOLD + 2];
    for (size_t i = 0; i < ISSUER_ROOTS_TOLD + 2; i++)
        many[i] = bytes_from_string(arena_printf(arena, "root %zu", i));
    struct issuer_root_differences found;
    issuer_root_list_compare(arena, (struct bytes[]){A}, 1, many, ISSUER_ROOTS_TOLD + 2, &found);
    cr_expect_eq(found.unpinned.count, ISSUER_ROOTS_TOLD + 2);
    cr_expect_eq(found.unpinned.told, ISSUER_ROOTS_TOLD);
    cr_expect_str_eq(found.unpinned.fingerprint[1], certificate_fingerprint(arena, many[1]));
    cr_expect_str_eq(found.unlisted.fingerprint[0], certificate_fingerprint(arena, A));
    arena_free(arena);
}

Test(issuer_root_list, a_change_is_noticed)
{
    struct arena *arena = arena_new();
    struct issuer_root_differences none = {0}, first, second, again;
    struct bytes pinned[] = {A};
    issuer_root_list_compare(arena, pinned, 1, (struct bytes[]){A, B}, 2, &first);
    issuer_root_list_compare(arena, pinned, 1, (struct bytes[]){A, C}, 2, &second);
    issuer_root_list_compare(arena, pinned, 1, (struct bytes[]){B, A}, 2, &again);
    cr_expect_not(issuer_root_differences_are_same(&none, &first));
    cr_expect_not(issuer_root_differences_are_same(&first, &second));
    cr_expect(issuer_root_differences_are_same(&first, &again));
    arena_free(arena);
}
