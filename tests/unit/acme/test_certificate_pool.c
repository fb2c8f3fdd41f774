/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "acme/pki/certificate_pool.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(certificate_pool);

enum { BEGIN = 1000, END = 2000 }; /* long over */

struct scene {
    struct arena *arena;
    X509 *root, *upper, *lower, *stranger, *leaf;
    EVP_PKEY *root_key, *lower_key;
    X509_STORE *roots;
    struct certificate_pool *pool;
};

static X509 *make(struct scene *scene, const char *name, EVP_PKEY *key, X509 *signer, EVP_PKEY *signer_key,
                  bool is_ca)
{
    struct pki_certificate parts = {.key = key,
                                    .signer = signer,
                                    .signer_key = signer_key,
                                    .common_name = name,
                                    .names = is_ca ? NULL : "DNS:www.example.org",
                                    .is_ca = is_ca,
                                    .not_before = BEGIN,
                                    .not_after = END};
    return pki_certificate(scene->arena, &parts);
}

static struct scene begin(void)
{
    struct scene scene = {.arena = arena_new(), .pool = certificate_pool_new()};
    EVP_PKEY *upper = pki_key(scene.arena, "P-256");
    scene.root_key = pki_key(scene.arena, "P-256");
    scene.lower_key = pki_key(scene.arena, "P-256");
    scene.root = make(&scene, "root", scene.root_key, NULL, NULL, true);
    scene.stranger = make(&scene, "root", upper, NULL, NULL, true);
    scene.upper = make(&scene, "upper", upper, scene.root, scene.root_key, true);
    scene.lower = make(&scene, "lower", scene.lower_key, scene.upper, upper, true);
    scene.leaf = make(&scene, "leaf", pki_key(scene.arena, "P-256"), scene.lower, scene.lower_key, false);
    scene.roots = pki_roots(scene.arena, scene.root);
    return scene;
}

static void end(struct scene *scene)
{
    certificate_pool_free(scene->pool);
    arena_free(scene->arena);
}

static bool find(struct scene *scene, X509_STORE *roots, struct bytes *chain_pem)
{
    return certificate_pool_find_chain(scene->pool, scene->arena, pki_der(scene->arena, scene->leaf), roots,
                                       chain_pem);
}

Test(certificate_pool, the_chain_is_what_lies_between_leaf_and_root_in_order)
{
    struct scene scene = begin();
    struct arena *arena = scene.arena;
    struct bytes chain = {0}, *found = NULL;
    size_t count = 0;
    certificate_pool_add(scene.pool, pki_der(arena, scene.root));
    certificate_pool_add(scene.pool, pki_der(arena, scene.stranger));
    certificate_pool_add(scene.pool, pki_der(arena, scene.upper));
    cr_expect_not(find(&scene, scene.roots, &chain), "the lower one is missing");
    certificate_pool_add(scene.pool, pki_der(arena, scene.lower));
    cr_assert(find(&scene, scene.roots, &chain));
    cr_assert(certificates_from_pem(arena, chain, &found, &count));
    cr_assert_eq(count, 2);
    cr_expect(bytes_equal(found[0], pki_der(arena, scene.lower)));
    cr_expect(bytes_equal(found[1], pki_der(arena, scene.upper)));
    cr_expect_not(find(&scene, pki_roots(arena, scene.stranger), &chain), "another root of the same name");
    end(&scene);
}

Test(certificate_pool, a_leaf_of_the_root_itself_has_no_chain)
{
    struct scene scene = begin();
    struct bytes chain = BYTES_LITERAL("x");
    scene.leaf = make(&scene, "leaf", pki_key(scene.arena, "P-256"), scene.root, scene.root_key, false);
    cr_assert(find(&scene, scene.roots, &chain));
    cr_expect_eq(chain.n, 0);
    end(&scene);
}

Test(certificate_pool, only_authorities_are_taken)
{
    struct scene scene = begin();
    struct bytes leaf = pki_der(scene.arena, scene.leaf), chain;
    cr_expect(certificate_is_authority(pki_der(scene.arena, scene.upper)));
    cr_expect_not(certificate_is_authority(leaf));
    cr_expect_not(certificate_is_authority(BYTES_LITERAL("x")));
    certificate_pool_add(scene.pool, leaf);
    certificate_pool_add(scene.pool, BYTES_LITERAL("x"));
    certificate_pool_add_pem(scene.pool, BYTES_LITERAL("no certificate"));
    cr_expect_not(find(&scene, scene.roots, &chain));
    cr_expect_not(
        certificate_pool_find_chain(scene.pool, scene.arena, BYTES_LITERAL("x"), scene.roots, &chain));
    end(&scene);
}

Test(certificate_pool, a_pem_text_is_taken_whole_and_each_certificate_once)
{
    struct scene scene = begin();
    struct bytes chain;
    const char *pem =
        arena_printf(scene.arena, "%s%s", certificate_to_pem(scene.arena, pki_der(scene.arena, scene.upper)),
                     certificate_to_pem(scene.arena, pki_der(scene.arena, scene.lower)));
    for (size_t i = 0; i <= CERTIFICATE_POOL_MAX; i++) /* were they kept each time, there would be no room */
        certificate_pool_add(scene.pool, pki_der(scene.arena, scene.root));
    certificate_pool_add_pem(scene.pool, bytes_from_string(pem));
    cr_expect(find(&scene, scene.roots, &chain));
    end(&scene);
}
