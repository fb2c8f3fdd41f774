/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/root_rotation.h"

#include <criterion/criterion.h>

#include "acme/pki/certificate.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(root_rotation);

enum { DAY_S = 24 * 3600 };
static const int64_t now = 1780272000;

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct authority make_authority(struct arena *arena, const char *name, const struct authority *above)
{
    struct authority made = {.key = pki_key(arena, "P-256")};
    made.certificate =
        pki_certificate(arena, &(struct pki_certificate){.key = made.key,
                                                         .signer_key = above == NULL ? NULL : above->key,
                                                         .signer = above == NULL ? NULL : above->certificate,
                                                         .common_name = name,
                                                         .is_ca = true,
                                                         .not_before = now - DAY_S,
                                                         .not_after = now + 365 * DAY_S});
    return made;
}

static const char *pem_of(struct arena *arena, const struct authority *authority)
{
    return certificate_to_pem(arena, pki_der(arena, authority->certificate));
}

static const char *fingerprint_of(struct arena *arena, const struct authority *authority)
{
    return certificate_fingerprint(arena, pki_der(arena, authority->certificate));
}

/* A leaf below an authority, with the authority as its chain unless that is the root itself. */
static struct live_chain make_chain(struct arena *arena, const struct authority *above, bool is_root,
                                    int64_t not_after)
{
    X509 *leaf = pki_certificate(arena, &(struct pki_certificate){.key = pki_key(arena, "P-256"),
                                                                  .signer_key = above->key,
                                                                  .signer = above->certificate,
                                                                  .names = "DNS:a.example",
                                                                  .not_before = now - DAY_S,
                                                                  .not_after = not_after});
    return (struct live_chain){.leaf = pki_der(arena, leaf),
                               .chain_pem =
                                   is_root ? (struct bytes){0} : bytes_from_string(pem_of(arena, above)),
                               .not_after = not_after};
}

Test(root_rotation, a_root_stays_until_the_last_certificate_under_it_has_ended)
{
    struct arena *arena = arena_new();
    struct authority old = make_authority(arena, "old", NULL), new = make_authority(arena, "new", NULL);
    struct authority under_old = make_authority(arena, "one", &old),
                     under_new = make_authority(arena, "two", &new);
    struct live_chain chains[] = {
        make_chain(arena, &under_old, false, now + DAY_S),
        make_chain(arena, &old, true, now + 3 * DAY_S),
        make_chain(arena, &under_new, false, now + 9 * DAY_S),
    };
    struct bytes old_pem =
        bytes_from_string(arena_printf(arena, "%s%s", pem_of(arena, &new), pem_of(arena, &old)));
    struct kept_root *kept = NULL;
    size_t count = 0;
    root_rotation_check(arena, chains, 3, old_pem, pki_roots(arena, new.certificate), &kept, &count);
    cr_assert_eq(count, 1);
    cr_assert_str_eq(kept[0].fingerprint, fingerprint_of(arena, &old));
    cr_assert_eq(kept[0].until, now + 3 * DAY_S);

    X509_STORE *both = pki_roots(arena, new.certificate);
    cr_assert_eq(X509_STORE_add_cert(both, old.certificate), 1);
    root_rotation_check(arena, chains, 3, old_pem, both, &kept, &count);
    cr_assert_eq(count, 0);
    arena_free(arena);
}

Test(root_rotation, nothing_lives_nothing_is_kept)
{
    struct arena *arena = arena_new();
    struct authority old = make_authority(arena, "old", NULL), new = make_authority(arena, "new", NULL);
    struct kept_root *kept = NULL;
    size_t count = 1;
    root_rotation_check(arena, NULL, 0, bytes_from_string(pem_of(arena, &old)),
                        pki_roots(arena, new.certificate), &kept, &count);
    cr_assert_eq(count, 0);
    arena_free(arena);
}

Test(root_rotation, certificates_under_a_root_that_nobody_pinned_are_told_of_too)
{
    struct arena *arena = arena_new();
    struct authority old = make_authority(arena, "old", NULL), new = make_authority(arena, "new", NULL);
    struct authority stranger = make_authority(arena, "stranger", NULL);
    struct live_chain chains[] = {
        make_chain(arena, &stranger, true, now + 2 * DAY_S),
        make_chain(arena, &old, true, now + DAY_S),
    };
    struct kept_root *kept = NULL;
    size_t count = 0;
    root_rotation_check(arena, chains, 2, bytes_from_string(pem_of(arena, &old)),
                        pki_roots(arena, new.certificate), &kept, &count);
    cr_assert_eq(count, 2);
    cr_assert_null(kept[0].fingerprint);
    cr_assert_eq(kept[0].until, now + 2 * DAY_S);
    cr_assert_str_eq(kept[1].fingerprint, fingerprint_of(arena, &old));
    arena_free(arena);
}
