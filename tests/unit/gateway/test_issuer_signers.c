/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki.h"
#include "acme/pki/certificate.h"
#include "gateway/ca/issuer_signers.h"
#include "gateway/ca/recognition.h"
#include "store/database.h"

LEAK_CHECKED_SUITE(issuer_signers);

enum { DAY_S = 24 * 3600 };

/* Two roots, an intermediate under each, and the key of a request. */
struct cast {
    struct arena *arena;
    EVP_PKEY *root_key, *other_root_key, *ca_key, *other_ca_key, *key, *stranger_key;
    X509 *root, *other_root, *ca, *other_ca;
    X509_REQ *csr;
    struct issuer issuer; /* pins `root` */
};

static X509 *make(struct arena *arena, EVP_PKEY *key, X509 *signer, EVP_PKEY *signer_key, const char *name,
                  bool is_ca)
{
    const struct pki_certificate wanted = {.key = key,
                                           .signer = signer,
                                           .signer_key = signer_key,
                                           .common_name = name,
                                           .is_ca = is_ca,
                                           .not_before = NOW - DAY_S,
                                           .not_after = NOW + DAY_S};
    return pki_certificate(arena, &wanted);
}

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

static void release(void *issuer)
{
    issuer_clear(issuer);
}

static struct cast *assemble(void)
{
    struct arena *arena = arena_new();
    struct cast *cast = arena_alloc(arena, sizeof *cast);
    *cast = (struct cast){.arena = arena};
    EVP_PKEY **const keys[] = {&cast->root_key, &cast->other_root_key, &cast->ca_key, &cast->other_ca_key,
                               &cast->key,      &cast->stranger_key};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        *keys[i] = pki_key(arena, "P-256");
    cast->root = make(arena, cast->root_key, NULL, NULL, "root", true);
    cast->other_root = make(arena, cast->other_root_key, NULL, NULL, "other root", true);
    cast->ca = make(arena, cast->ca_key, cast->root, cast->root_key, "ca", true);
    cast->other_ca =
        make(arena, cast->other_ca_key, cast->other_root, cast->other_root_key, "other ca", true);
    const struct pki_csr csr = {.key = cast->key, .names = "DNS:a.test"};
    struct bytes der = pki_csr(arena, &csr);
    const unsigned char *at = der.p;
    cast->csr = d2i_X509_REQ(NULL, &at, (long)der.n);
    cr_assert_not_null(cast->csr);
    arena_on_free(arena, free_csr, cast->csr);
    struct fault fault;
    cr_assert(issuer_init(&cast->issuer, NULL, arena, "main", pki_pem(arena, cast->root), &fault), "%s",
              fault.message);
    arena_on_free(arena, release, &cast->issuer);
    return cast;
}

static size_t known(struct cast *cast)
{
    struct bytes signers[ISSUER_SIGNERS_MAX];
    return issuer_read_signers(&cast->issuer, cast->arena, signers);
}

static bool knows(struct cast *cast, X509 *certificate)
{
    struct bytes signers[ISSUER_SIGNERS_MAX];
    size_t count = issuer_read_signers(&cast->issuer, cast->arena, signers);
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(signers[i], pki_der(cast->arena, certificate)))
            return true;
    return false;
}

static void learn(struct cast *cast, X509 *certificate)
{
    issuer_learn_signer(&cast->issuer, pki_der(cast->arena, certificate), NULL, 0);
}

Test(issuer_signers, S5_only_authorities_under_a_pinned_root_are_learned)
{
    struct cast *cast = assemble();
    learn(cast, cast->other_ca);
    learn(cast, cast->other_root);
    learn(cast, make(cast->arena, cast->key, cast->ca, cast->ca_key, "a.test", false));
    learn(cast, make(cast->arena, cast->ca_key, NULL, NULL, "ca", true));
    issuer_learn_signer(&cast->issuer, BYTES_LITERAL("garbage"), NULL, 0);
    cr_expect_eq(known(cast), 0);
    learn(cast, cast->ca);
    learn(cast, cast->ca);
    cr_expect_eq(known(cast), 1);
    /* Two steps below the root: the step between must come with it. */
    X509 *below = make(cast->arena, cast->stranger_key, cast->ca, cast->ca_key, "below", true);
    learn(cast, below);
    cr_expect_not(knows(cast, below));
    struct bytes between = pki_der(cast->arena, cast->ca);
    issuer_learn_signer(&cast->issuer, pki_der(cast->arena, below), &between, 1);
    cr_expect(knows(cast, below));
    arena_free(cast->arena);
}

/* A CA under the same root that shows what another has signed does not take the other's place. */
Test(issuer_signers, S5_a_chain_teaches_what_signed_the_requests_own_certificate)
{
    struct cast *cast = assemble();
    X509 *neighbour = make(cast->arena, cast->other_ca_key, cast->root, cast->root_key, "neighbour", true);
    const struct {
        const char *label;
        EVP_PKEY *key;
        X509 *signer;
        EVP_PKEY *signer_key;
        X509 *shown; /* as the second of the chain */
        bool learned;
    } cases[] = {
        {"a certificate of somebody else", cast->stranger_key, neighbour, cast->other_ca_key, neighbour,
         false},
        {"a signer that did not sign it", cast->key, cast->ca, cast->ca_key, neighbour, false},
        {"under another root", cast->key, cast->other_ca, cast->other_ca_key, cast->other_ca, false},
        {"what was asked for", cast->key, cast->ca, cast->ca_key, cast->ca, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509 *leaf = make(cast->arena, cases[i].key, cases[i].signer, cases[i].signer_key, "a.test", false);
        const struct bytes chain[] = {pki_der(cast->arena, leaf), pki_der(cast->arena, cases[i].shown)};
        issuer_learn_from_chain(&cast->issuer, cast->csr, chain, 1);
        cr_expect_not(knows(cast, cases[i].shown), "%s: a leaf alone", cases[i].label);
        issuer_learn_from_chain(&cast->issuer, cast->csr, chain, 2);
        cr_expect_eq(knows(cast, cases[i].shown), cases[i].learned, "%s", cases[i].label);
        cr_expect_eq(issuer_has_signed(&cast->issuer, chain[0]), cases[i].learned, "%s", cases[i].label);
    }
    arena_free(cast->arena);
}

Test(issuer_signers, the_one_that_was_seen_longest_ago_goes)
{
    struct cast *cast = assemble();
    X509 *signers[ISSUER_SIGNERS_MAX + 1];
    for (size_t i = 0; i <= ISSUER_SIGNERS_MAX; i++) {
        signers[i] = make(cast->arena, cast->ca_key, cast->root, cast->root_key,
                          arena_printf(cast->arena, "ca %zu", i), true);
        if (i == ISSUER_SIGNERS_MAX)
            learn(cast, signers[0]);
        learn(cast, signers[i]);
    }
    cr_expect_eq(known(cast), ISSUER_SIGNERS_MAX);
    cr_expect(knows(cast, signers[0]));
    cr_expect_not(knows(cast, signers[1]));
    cr_expect(knows(cast, signers[ISSUER_SIGNERS_MAX]));
    arena_free(cast->arena);
}

/* ---- the authorities of a loop ---- */

static void add_chain(struct database *database, const char *text)
{
    database_run(database, arena_printf(database->arena, "INSERT INTO chains (hash, pem) VALUES ('%s', '%s')",
                                        text, text));
}

static struct bytes no_intermediates(void *context, struct arena *arena)
{
    (void)context;
    (void)arena;
    return (struct bytes){0};
}

static int64_t no_end(void *context)
{
    (void)context;
    return 0;
}

static const struct certificate_pool *read_authorities(struct known_authorities *authorities,
                                                       const struct recognition_parts *parts,
                                                       struct database *database)
{
    struct recognition_chains chains = known_authorities_wanted(authorities, parts);
    recognition_load(store_reader_of(database->writer), database->arena, &chains);
    return known_authorities_take(authorities, parts, &chains);
}

Test(issuer_signers, S9_stored_chains_are_parsed_once)
{
    struct database database;
    struct cast *cast = assemble();
    const struct config config = {0};
    const struct recognition_parts parts = {
        .config = &config, .own_intermediates = no_intermediates, .own_end = no_end};
    database_begin(&database);
    database_connect(&database);
    add_chain(&database, "one");
    struct known_authorities *authorities = known_authorities_new();
    const struct certificate_pool *first = read_authorities(authorities, &parts, &database);
    cr_assert_not_null(first);
    cr_expect_eq(read_authorities(authorities, &parts, &database), first);
    add_chain(&database, arena_printf(database.arena, "%s",
                                      certificate_to_pem(database.arena, pki_der(cast->arena, cast->ca))));
    struct bytes path = {0};
    struct bytes leaf =
        pki_der(cast->arena, make(cast->arena, cast->key, cast->ca, cast->ca_key, "a.test", false));
    const struct certificate_pool *second = read_authorities(authorities, &parts, &database);
    cr_assert_not_null(second);
    cr_expect(certificate_pool_find_chain(second, cast->arena, leaf, cast->issuer.roots, &path));
    cr_expect_eq(read_authorities(authorities, &parts, &database), second);
    known_authorities_free(authorities);
    database_disconnect(&database);
    database_end(&database);
    arena_free(cast->arena);
}

/* Its path names the issuer, unless another issuer pins the same root: then its signer must be known. */
Test(issuer_signers, S5_a_certificate_is_recognized_by_its_root_or_by_its_signer)
{
    static const struct {
        bool by_stranger, is_authority; /* the certificate */
        bool shared, learned;           /* the root of the issuer, its signer */
        enum recognition_outcome outcome;
    } cases[] = {
        {false, false, false, false, RECOGNIZED},          {false, false, false, true, RECOGNIZED},
        {false, false, true, false, RECOGNITION_DISPUTED}, {false, false, true, true, RECOGNIZED},
        {true, false, false, false, RECOGNITION_UNKNOWN},  {true, false, true, true, RECOGNITION_UNKNOWN},
        {false, true, false, true, RECOGNITION_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cast *cast = assemble();
        struct arena *arena = cast->arena;
        struct issuer other, *found = NULL;
        struct fault fault;
        struct certificate row;
        struct certificate_facts facts;
        cr_assert(issuer_init(&other, NULL, arena, "other",
                              pki_pem(arena, cases[i].shared ? cast->root : cast->other_root), &fault),
                  "%s", fault.message);
        struct issuer *const own[] = {&cast->issuer}, *const all[] = {&other, &cast->issuer};
        const struct recognition_candidates candidates = {own, 1, all, 2};
        struct certificate_pool *pool = certificate_pool_new();
        certificate_pool_add(pool, pki_der(arena, cast->ca));
        certificate_pool_add(pool, pki_der(arena, cast->other_ca));
        if (cases[i].learned)
            learn(cast, cast->ca);
        X509 *signer = cases[i].by_stranger ? cast->other_ca : cast->ca;
        EVP_PKEY *signer_key = cases[i].by_stranger ? cast->other_ca_key : cast->ca_key;
        struct bytes der =
            pki_der(arena, make(arena, cast->key, signer, signer_key, "a.test", cases[i].is_authority));
        cr_assert(certificate_read_facts(arena, der, &facts));
        cr_expect_eq(certificate_recognize(&candidates, pool, arena, der, &facts, &found, &row),
                     cases[i].outcome, "%zu", i);
        if (cases[i].outcome == RECOGNIZED) {
            cr_expect_eq(found, &cast->issuer, "%zu", i);
            cr_expect_str_eq(row.issuer, "main", "%zu", i);
            cr_expect_eq(row.origin, CERTIFICATE_EXTERNAL, "%zu", i);
        }
        certificate_pool_free(pool);
        issuer_clear(&other);
        arena_free(arena);
    }
}
