/* SPDX-License-Identifier: Apache-2.0 */
#include "own_place.h"

#include "acme/pki/certificate.h"

struct own_place scene;

static bool publish(void *context, struct bytes chain_pem, struct bytes key_pem, struct fault *fault)
{
    cr_expect_eq(context, &scene.place);
    cr_expect_neq(key_pem.n, 0);
    if (scene.publish_fails) {
        return fault_set(fault, "no listener takes it");
    }
    scene.published++;
    scene.published_chain = arena_copy(scene.place.place.arena, chain_pem);
    return true;
}

static void note_rejected(void *context, const struct issuer *issuer, const struct bytes *chain, size_t count,
                          const char *why)
{
    cr_expect_eq(context, &scene.place);
    cr_expect_str_eq(issuer->id, "main");
    cr_expect(count > 0 && chain[0].n != 0);
    scene.rejections++;
    scene.rejected_because = arena_duplicate(scene.place.place.arena, why);
}

bool own_place_start(struct fault *fault)
{
    const struct own_certificate_parts parts = {.config = &scene.config,
                                                .outbound = scene.place.outbound,
                                                .issuers = scene.place.issuers,
                                                .publish = publish,
                                                .rejected = note_rejected,
                                                .context = &scene.place};
    scene.own = own_certificate_start(&parts, fault);
    return scene.own != NULL;
}

void own_place_stop(void)
{
    own_certificate_stop(scene.own);
    own_certificate_free(scene.own);
    scene.own = NULL;
}

void own_place_begin(void)
{
    jobs_place_begin(&scene.place);
    scene.config = *scene.place.config;
    scene.config.versions = NULL; /* this one is in force */
    scene.published = scene.rejections = 0;
    scene.publish_fails = false;
    scene.published_chain = (struct bytes){0};
}

void own_place_end(void)
{
    own_certificate_stop(scene.own);
    fakes_settle();
    own_certificate_free(scene.own);
    scene.own = NULL;
    jobs_place_end(&scene.place);
}

void own_place_begin_with_one(void)
{
    struct fault fault = {0};
    own_place_begin();
    cr_assert(own_place_start(&fault), "%s", fault.message);
    fakes_pass(SECOND_MS);
    cr_assert_eq(scene.published, 1);
}

int64_t own_place_ends_at(void)
{
    struct own_certificate_expiry expiry;
    own_certificate_read_expiry(scene.own, &expiry);
    return expiry.leaf;
}

struct bytes own_place_leaf(void)
{
    struct bytes *certificates = NULL;
    size_t count = 0;
    cr_assert(certificates_from_pem(scene.place.place.arena, scene.published_chain, &certificates, &count));
    return certificates[0];
}

const char *own_place_path(const char *ending)
{
    return arena_printf(scene.place.place.arena, "%s.tls.%s", scene.config.database, ending);
}
