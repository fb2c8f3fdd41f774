/* SPDX-License-Identifier: Apache-2.0 */
#include "issuance_scene.h"

LEAK_CHECKED_SUITE(issuance_check);

static const char *const askers[ASKERS] = {"an order",  "a client of step-ca's API", "its renewal",
                                           "a command", "the own certificate",       "the OCSP responder"};

/* Words of why it is no good; NULL: it fits. */
struct words {
    const char *named;     /* whoever asked for names */
    const char *by_policy; /* whose names a policy allows */
    const char *responder;
};
#define ALL(words)         {words, words, words}
#define NAMES(named, some) {named, some, NULL}

static const struct {
    const char *what;
    struct came came;
    int64_t named_begin; /* from now; 0: none was named */
    struct words why;
} came[] = {
    {.what = "what was asked for"},
    {.what = "a root's own", .came.signer = BY_ROOT},
    {.what = "the last moment", .came.ends = DAY_S + CERTIFICATE_SLACK_S},
    {.what = "a CA's clock ahead", .came.begins = CERTIFICATE_SLACK_S},
    {.what = "a foreign name",
     .came.names = "DNS:b.example",
     .why = NAMES("a.example is not in the certificate", "b.example is not allowed")},
    {.what = "a name more",
     .came.names = "DNS:a.example,DNS:b.example",
     .why = NAMES("holds b.example, which is not in the order", "b.example is not allowed")},
    {.what = "an address more",
     .came.names = "DNS:a.example,IP:10.0.0.1",
     .why = NAMES("holds 10.0.0.1, which is not in the order", "10.0.0.1 is not allowed")},
    {.what = "a name of another kind",
     .came.names = "DNS:a.example,email:a@a.example",
     .why = NAMES("the certificate holds", "the certificate holds")},
    {.what = "no name",
     .came.names = "",
     .why = NAMES("a.example is not in the certificate", "the certificate has no names")},
    {.what = "a foreign key", .came.key = ANOTHER_KEY, .why = ALL("the certificate's public key is not")},
    {.what = "a second too long",
     .came.ends = DAY_S + CERTIFICATE_SLACK_S + 1,
     .why = ALL("later than 2026-06-02T00:01:00Z, the latest that was requested")},
    {.what = "over already", .came.begins = -HOUR_S, .came.ends = -1, .why = ALL("has already ended")},
    {.what = "later than now",
     .came.begins = CERTIFICATE_SLACK_S + 1,
     .why = ALL("compare the clocks of the CA and this server")},
    {.what = "the named beginning", .came.begins = HOUR_S, .named_begin = HOUR_S},
    {.what = "long before the named beginning",
     .came.begins = HOUR_S - CERTIFICATE_SLACK_S - 1,
     .named_begin = HOUR_S,
     .why = ALL("before the requested notBefore")},
    {.what = "long after the named beginning",
     .came.begins = HOUR_S + CERTIFICATE_SLACK_S + 1,
     .named_begin = HOUR_S,
     .why = ALL("compare the clocks of the CA and this server")},
    {.what = "another root", .came.signer = BY_STRANGER, .why = ALL("does not chain to a pinned root")},
    {.what = "a CA's", .came.is_ca = true, .why = ALL("the certificate is a CA certificate")},
    {.what = "what nobody knows how to read",
     .came.unknown_critical = true,
     .why = ALL("does not chain to a pinned root: unhandled critical extension")},
};

static const char *words_for(enum asker asker, const struct words *why)
{
    return asker == RESPONDER                          ? why->responder
           : asker == API_SIGN || asker == API_RENEWAL ? why->by_policy
                                                       : why->named;
}

static void name_a_beginning(struct issuance_scene *scene, int64_t from_now)
{
    scene->validity.earliest_not_before = from_now == 0 ? 0 : NOW + from_now - CERTIFICATE_SLACK_S;
    scene->validity.latest_not_before = from_now == 0 ? 0 : NOW + from_now;
}

/* The row says all that the store keeps, whatever the verdict. */
static void expect_row(const struct issued *issued, const struct chain *chain, const char *actor,
                       const char *what)
{
    const struct certificate *row = &issued->certificate;
    bool fits = issued->verdict == ISSUANCE_FITS;
    cr_expect_str_eq(row->issuer, "main", "%s", what);
    cr_expect_str_eq(row->serial, issued->facts.serial, "%s", what);
    cr_expect(row->serial[0] != '\0' && row->leaf.p == chain->certificates[0].p, "%s", what);
    cr_expect_eq(row->chain_pem.n == 0, chain->count == 1, "%s", what);
    cr_expect(row->key_hash.n == 32 && row->not_before != 0 && row->not_after != 0, "%s", what);
    cr_expect(row->created_at == NOW && row->origin == CERTIFICATE_EXTERNAL, "%s", what);
    cr_expect_eq(row->status, fits ? CERTIFICATE_GOOD : CERTIFICATE_REJECTED, "%s", what);
    cr_expect_eq(row->revocation_requested_at, fits ? 0 : NOW, "%s", what);
    cr_expect_eq(row->revocation_next_attempt_at, fits ? 0 : NOW, "%s", what);
    if (fits)
        cr_expect(row->rejected_because == NULL && row->revocation_requested_by == NULL, "%s", what);
    else
        cr_expect(strcmp(row->rejected_because, issued->why) == 0 &&
                      strcmp(row->revocation_requested_by, actor) == 0,
                  "%s", what);
}

static void check(struct issuance_scene *scene, enum asker asker, size_t i)
{
    const char *what = arena_printf(scene->arena, "%s, for %s", came[i].what, askers[asker]);
    struct issued issued;
    struct chain chain = issuance_chain_of(scene, &came[i].came, i);
    const char *words = words_for(asker, &came[i].why);
    name_a_beginning(scene, came[i].named_begin);
    struct issuance_terms terms = issuance_terms_of(scene, asker);
    enum issuance_verdict verdict =
        issuance_check(scene->arena, &terms, chain.certificates, chain.count, NOW, &issued);
    cr_expect_eq(verdict, words == NULL ? ISSUANCE_FITS : ISSUANCE_MISFIT, "%s: %s", what,
                 issued.why == NULL ? "it fits" : issued.why);
    cr_expect_eq(verdict, issued.verdict, "%s", what);
    if (words == NULL)
        cr_expect_null(issued.why, "%s", what);
    else if (issued.why != NULL)
        cr_expect(strstr(issued.why, words) != NULL, "%s: %s", what, issued.why);
    expect_row(&issued, &chain, terms.actor, what);
}

Test(issuance_check, the_same_rules_judge_what_came_for_every_asker)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    for (size_t i = 0; i < sizeof came / sizeof *came; i++)
        for (enum asker asker = ORDER; asker < ASKERS; asker++)
            check(&scene, asker, i);
    issuance_scene_end(&scene);
}

Test(issuance_check, what_cannot_be_read_is_a_possible_orphan_and_has_no_row)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    struct chain good = issuance_chain_of(&scene, &(struct came){0}, 0);
    struct bytes cut = bytes_of(good.certificates[0].p, good.certificates[0].n - 1);
    struct bytes broken[] = {cut, good.certificates[1]};
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = issuance_terms_of(&scene, asker);
        struct issued issued;
        for (size_t count = 0; count <= 2; count++) {
            cr_expect_eq(issuance_check(scene.arena, &terms, broken, count, NOW, &issued),
                         ISSUANCE_UNREADABLE);
            cr_expect_str_eq(issued.why,
                             count == 0 ? "the CA sent no certificate" : "the certificate cannot be read");
            cr_expect_null(issued.certificate.issuer);
            cr_expect_not(issuance_read(scene.arena, terms.issuer, broken, count, NOW, &issued));
            cr_expect_eq(issued.verdict, ISSUANCE_UNREADABLE);
        }
    }
    issuance_scene_end(&scene);
}

Test(issuance_check, an_intermediate_that_cannot_be_read_makes_a_misfit)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    struct chain chain = issuance_chain_of(&scene, &(struct came){0}, 0);
    chain.certificates[1].n--;
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = issuance_terms_of(&scene, asker);
        struct issued issued;
        cr_expect_eq(issuance_check(scene.arena, &terms, chain.certificates, 2, NOW, &issued),
                     ISSUANCE_MISFIT);
        cr_expect_str_eq(issued.why, "certificate 2 of the chain cannot be read");
    }
    issuance_scene_end(&scene);
}

Test(issuance_check, no_certificate_outlives_its_chain)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    scene.validity.latest_not_after = NOW + 20 * (int64_t)DAY_S;
    struct pki_certificate leaf = {.key = scene.ca.leaf_key,
                                   .signer = scene.ca.intermediate,
                                   .signer_key = scene.ca.intermediate_key,
                                   .names = "DNS:a.example",
                                   .not_before = NOW - MINUTE_S,
                                   .not_after = NOW + 10 * (int64_t)DAY_S + 1};
    struct bytes chain[] = {pki_der(scene.arena, pki_certificate(scene.arena, &leaf)),
                            pki_der(scene.arena, scene.ca.intermediate)};
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = issuance_terms_of(&scene, asker);
        struct issued issued;
        cr_expect_eq(issuance_check(scene.arena, &terms, chain, 2, NOW, &issued), ISSUANCE_MISFIT);
        cr_expect(strstr(issued.why, "later than its chain") != NULL, "%s", issued.why);
    }
    issuance_scene_end(&scene);
}

/* Another issuer may serve when the certificate comes: its roots count, and the row names who was asked. */
Test(issuance_check, the_roots_of_the_issuer_that_serves_now_count)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    struct chain chain = issuance_chain_of(&scene, &(struct came){0}, 0);
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = issuance_terms_of(&scene, asker);
        struct issued issued;
        terms.serving = &scene.other;
        cr_expect_eq(issuance_check(scene.arena, &terms, chain.certificates, chain.count, NOW, &issued),
                     ISSUANCE_MISFIT);
        cr_expect(strstr(issued.why, "does not chain to a pinned root") != NULL, "%s", issued.why);
        cr_expect_str_eq(issued.certificate.root_fingerprint, scene.issuer.root_fingerprint);
        terms.issuer = &scene.other;
        terms.serving = &scene.issuer;
        cr_expect_eq(issuance_check(scene.arena, &terms, chain.certificates, chain.count, NOW, &issued),
                     ISSUANCE_FITS);
        cr_expect_str_eq(issued.certificate.root_fingerprint, scene.other.root_fingerprint);
    }
    issuance_scene_end(&scene);
}

Test(issuance_check, one_that_fits_is_rejected_for_a_reason_of_its_askers)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    struct chain chain = issuance_chain_of(&scene, &(struct came){0}, 0);
    struct issued issued;
    cr_assert(issuance_read(scene.arena, &scene.issuer, chain.certificates, chain.count, NOW, &issued));
    expect_row(&issued, &chain, NULL, "as it came");
    issuance_reject(&issued, "nobody wants it", "gateway", NOW);
    cr_expect_str_eq(issued.why, "nobody wants it");
    expect_row(&issued, &chain, "gateway", "rejected");
    issuance_scene_end(&scene);
}
