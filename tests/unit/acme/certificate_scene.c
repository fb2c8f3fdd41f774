/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate_scene.h"

void scene_begin(struct scene *scene)
{
    struct arena *arena = arena_new();
    *scene = (struct scene){.arena = arena, .ca = pki_ca(arena, now, 1000)};
    const struct pki_csr csr = {.key = scene->ca.leaf_key, .names = "DNS:a.example,IP:10.0.0.1"};
    scene->expectation = (struct certificate_expectation){
        .csr = pki_request(arena, &csr),
        .latest_not_after = now + DAY_S + CERTIFICATE_SLACK_S,
        .roots = pki_roots(arena, scene->ca.root),
        .now = now,
    };
    scene->expectation.identifiers =
        pki_identifiers(arena, "dns:a.example, ip:10.0.0.1", &scene->expectation.identifier_count);
}

void scene_end(struct scene *scene)
{
    arena_free(scene->arena);
}

struct pki_certificate scene_leaf(const struct scene *scene)
{
    struct pki_certificate leaf = pki_leaf(&scene->ca, now, "DNS:a.example,IP:10.0.0.1");
    leaf.common_name = "a.example";
    return leaf;
}

const char *scene_fault_of(struct scene *scene, const struct pki_certificate *leaf)
{
    struct bytes chain[] = {pki_der(scene->arena, pki_certificate(scene->arena, leaf)),
                            pki_der(scene->arena, scene->ca.intermediate)};
    struct fault fault = {0};
    struct certificate_facts facts;
    bool good = certificate_check(scene->arena, chain, 2, &scene->expectation, &facts, &fault);
    cr_expect_eq(good, fault.message[0] == '\0');
    return good ? NULL : arena_duplicate(scene->arena, fault.message);
}

void scene_expect_fault(const char *got, const char *expected)
{
    cr_expect_not_null(got, "accepted, expected: %s", expected);
    if (got != NULL) {
        cr_expect_not_null(strstr(got, expected), "%s; expected: %s", got, expected);
    }
}
