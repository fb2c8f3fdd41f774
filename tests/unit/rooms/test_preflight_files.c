/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of an issuer's files, roots, responder and lifetimes before it is used. */
#include <unistd.h>

#include "preflight_ca.h"

LEAK_CHECKED_SUITE(preflight_files);

static const struct {
    const char *name, *file, *text; /* NULL: it is missing */
    const char *words;
    bool asks; /* the CA */
} files[] = {
    {"no root", "root.crt", NULL, "FAIL: issuer one: root_cert_path ", false},
    {"rubbish for a root", "root.crt", "rubbish", "the file must contain the root as PEM", false},
    {"no key", "provisioner.json", NULL, "FAIL: issuer one: provisioner_key_path ", true},
    {"rubbish for a key", "provisioner.json", "rubbish", "FAIL: issuer one: key ", true},
};

Test(preflight_files, each_fault_of_a_file_is_told)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        place_begin(&preflight_place);
        preflight_make_ca();
        if (files[i].text == NULL)
            unlink(arena_printf(preflight_place.arena, "%s/%s", preflight_place.folder, files[i].file));
        else
            place_write(&preflight_place, files[i].file, files[i].text);
        struct preflight_outcome outcome = preflight_run(DAY_S, DAY_S);
        preflight_expect_told(files[i].name, files[i].words);
        cr_expect(outcome.failed, "%s", files[i].name);
        cr_expect_null(outcome.key_id, "%s", files[i].name);
        cr_expect_eq(world.asked[0] != '\0', files[i].asks, "%s: %s", files[i].name, world.asked);
        place_end(&preflight_place);
    }
}

Test(preflight_files, a_root_that_is_listed_and_not_pinned_is_told)
{
    place_begin(&preflight_place);
    const struct pki_certificate wanted = {.key = pki_key(preflight_place.arena, "P-256"),
                                           .common_name = "Next root",
                                           .is_ca = true,
                                           .not_before = PLACE_NOW - HOUR_S,
                                           .not_after = PLACE_NOW + HOUR_S};
    place_write(
        &preflight_place, "next.crt",
        arena_string(preflight_place.arena,
                     pki_pem(preflight_place.arena, pki_certificate(preflight_place.arena, &wanted))));
    preflight_make_ca();
    preflight_change_page(&(struct world_page){
        .url = CA "roots", .status = 200, .body = good_stepca_roots(&preflight_place, "next.crt")});
    struct preflight_outcome outcome = preflight_run(DAY_S, DAY_S);
    cr_expect_not(outcome.failed, "%s", preflight_told);
    preflight_expect_told("next", "warn: issuer one: the CA lists a root that ");
    preflight_expect_told("next", "ok: issuer one: the CA no longer lists the pinned root with SHA-256 ");
    cr_expect_null(strstr(preflight_told, "every root that the CA lists is pinned"));
    place_end(&preflight_place);
}

Test(preflight_files, the_responder_of_the_configuration_is_looked_at)
{
    place_begin(&preflight_place);
    preflight_make_ca();
    const char *key_path = arena_printf(preflight_place.arena, "%s/provisioner.json", preflight_place.folder);
    const struct {
        struct ocsp_config ocsp;
        bool failed;
        const char *words;
    } responders[] = {
        {{.certificate_path = "/nowhere/ocsp.crt", .key_path = key_path},
         true,
         "FAIL: issuer one: ocsp.certificate /nowhere/ocsp.crt: /nowhere/ocsp.crt cannot be read"},
        {{.certificate_path = key_path, .key_path = "/nowhere/ocsp.key"},
         true,
         "/nowhere/ocsp.key cannot be read"},
        {{.certificate_path = key_path, .key_path = key_path}, true, "contains no unencrypted private key"},
        {{.provisioner_name = "acmegate", .provisioner_key_path = key_path},
         false,
         "ok: issuer one (ocsp): a one-time token is accepted"},
        {{.provisioner_name = "ocsp", .provisioner_key_path = key_path},
         true,
         "FAIL: issuer one (ocsp): the CA has no JWK provisioner named ocsp; it has: acmegate"},
        {{.provisioner_name = "acmegate", .provisioner_key_path = "/nowhere/key"},
         true,
         "FAIL: issuer one (ocsp): provisioner_key_path /nowhere/key cannot be read"},
    };
    for (size_t i = 0; i < sizeof responders / sizeof *responders; i++) {
        preflight_ocsp = responders[i].ocsp;
        struct preflight_outcome outcome = preflight_run(DAY_S, DAY_S);
        cr_expect_eq(outcome.failed, responders[i].failed, "%zu: %s", i, preflight_told);
        preflight_expect_told("a responder", responders[i].words);
    }
    place_end(&preflight_place);
}

static size_t asked_to_sign(void)
{
    size_t count = 0;
    for (const char *at = world.asked; (at = strstr(at, "POST " CA "1.0/sign")) != NULL; at++)
        count++;
    return count;
}

/* Two requests that no claims allow, beside the one for the token. */
Test(preflight_files, limits_that_a_ca_does_not_tell_are_asked_for)
{
    static const struct {
        const char *provisioners;
        size_t asked;
    } claims[] = {{PROVISIONERS(OURS), 1},
                  {PROVISIONERS(PROVISIONER("acmegate", JWK, "\"minTLSCertDuration\":\"5m\"")), 2},
                  {PROVISIONERS(PROVISIONER("acmegate", JWK, "\"disableRenewal\":false")), 3}};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        place_begin(&preflight_place);
        preflight_make_ca();
        preflight_change_page(&(struct world_page){
            .url = CA "provisioners?limit=100", .status = 200, .body = claims[i].provisioners});
        cr_expect_not(preflight_run(DAY_S, DAY_S).failed, "%zu: %s", i, preflight_told);
        cr_expect_eq(asked_to_sign(), claims[i].asked, "%zu: %s", i, world.asked);
        place_end(&preflight_place);
    }
}

/* step makes tokens for the host that it is pointed at, which may be each of ours. */
Test(preflight_files, tokens_for_each_name_of_the_server_are_tried_where_its_api_is_passed_on)
{
    static const char *const alternates[] = {"acme2.test", "acme3.test"};
    static const struct {
        const char *profile; /* whose API is passed on; NULL: none is */
        size_t asked;        /* one for the issuer itself */
        const char *told;    /* NULL: nothing of it */
    } cases[] = {{NULL, 1, NULL},
                 {"another", 1, NULL},
                 {"p", 4, "ok: stepca_api: the CA accepts tokens that step makes for https://acme3.test\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place_begin(&preflight_place);
        preflight_make_ca();
        preflight_config = (struct config){
            .alternate_names = alternates, .alternate_name_count = 2, .stepca_api_profile = cases[i].profile};
        cr_expect_not(preflight_run(DAY_S, DAY_S).failed, "%zu: %s", i, preflight_told);
        if (cases[i].told == NULL)
            cr_expect_null(strstr(preflight_told, "stepca_api"), "%s", preflight_told);
        else
            preflight_expect_told("tokens", cases[i].told);
        cr_expect_eq(asked_to_sign(), cases[i].asked, "%zu: %s", i, world.asked);
        place_end(&preflight_place);
    }
}
