/* SPDX-License-Identifier: Apache-2.0 */
#include "issuance_scene.h"

static void open_issuer(struct issuance_scene *scene, struct issuer *issuer, X509 *root)
{
    struct fault fault = {0};
    struct bytes pem = pki_pem(scene->arena, root);
    cr_assert(issuer_init(issuer, NULL, scene->arena, "main", pem, &fault), "%s", fault.message);
}

void issuance_scene_begin(struct issuance_scene *scene)
{
    struct arena *arena = arena_new();
    *scene = (struct issuance_scene){.arena = arena, .ca = pki_ca(arena, NOW, 10)};
    open_issuer(scene, &scene->issuer, scene->ca.root);
    open_issuer(scene, &scene->other, scene->ca.stranger);
    const struct pki_csr csr = {.key = scene->ca.leaf_key, .names = "DNS:a.example"};
    scene->csr = pki_request(arena, &csr);
    scene->names = pki_identifiers(arena, "dns:a.example", &scene->name_count);
    static const char *const allowed = "a.example";
    scene->policy = (struct name_policy){.allow = &allowed, .allow_count = 1};
    scene->validity = (struct validity_request){.latest_not_after = NOW + DAY_S + CERTIFICATE_SLACK_S};
}

void issuance_scene_end(struct issuance_scene *scene)
{
    issuer_clear(&scene->issuer);
    issuer_clear(&scene->other);
    arena_free(scene->arena);
}

struct issuance_terms issuance_terms_of(const struct issuance_scene *scene, enum asker asker)
{
    bool by_policy = asker == API_SIGN || asker == API_RENEWAL;
    bool named = !by_policy && asker != RESPONDER;
    return (struct issuance_terms){
        .issuer = &scene->issuer,
        .csr = asker == API_RENEWAL ? NULL : scene->csr,
        .key = asker == API_RENEWAL ? scene->ca.leaf_key : NULL,
        .identifiers = named ? scene->names : NULL,
        .identifier_count = named ? scene->name_count : 0,
        .policy = by_policy ? &scene->policy : NULL,
        .any_names = asker == RESPONDER,
        .validity = &scene->validity,
        .actor = asker == COMMAND ? "operator" : "gateway",
    };
}

struct chain issuance_chain_of(const struct issuance_scene *scene, const struct came *came, size_t number)
{
    const struct pki_ca *ca = &scene->ca;
    struct pki_certificate leaf = pki_leaf(ca, NOW, came->names == NULL ? "DNS:a.example" : came->names);
    leaf.names = leaf.names[0] == '\0' ? NULL : leaf.names;
    leaf.key = came->key == ANOTHER_KEY ? ca->stranger_key : ca->leaf_key;
    if (came->signer != BY_INTERMEDIATE) {
        leaf.signer = came->signer == BY_ROOT ? ca->root : ca->stranger;
        leaf.signer_key = came->signer == BY_ROOT ? ca->root_key : ca->stranger_key;
    }
    leaf.serial_hex = arena_printf(scene->arena, "%zX", number + 16);
    leaf.is_ca = came->is_ca;
    leaf.unknown_critical = came->unknown_critical;
    leaf.not_before = came->begins == 0 ? leaf.not_before : NOW + came->begins;
    leaf.not_after = came->ends == 0 ? leaf.not_after : NOW + came->ends;
    struct chain chain = {.count = came->signer == BY_INTERMEDIATE ? 2 : 1};
    chain.certificates[0] = pki_der(scene->arena, pki_certificate(scene->arena, &leaf));
    chain.certificates[1] = pki_der(scene->arena, ca->intermediate);
    return chain;
}
