/* SPDX-License-Identifier: Apache-2.0 */
/* CAs that an operator has put into the directory: sub-CAs of any depth and key, and what is refused of them.
 */
#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

#include "acme/pki/certificate.h"
#include "gateway/ca/local/local_ca_internal.h"
#include "gateway/ca/local/local_ca_status.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(local_ca_given);

enum { NOW = 1800000000, DAY_S = 24 * 3600, DEEPEST = 4 };

/* A member that is not set has the value of a good CA. */
struct authority_plan {
    const char *basic_constraints;
    const char *key_usage;
    const char *name_constraints;
    const char *extended_key_usage;
    const char *key_type;
    int64_t begin, end; /* from NOW */
};

/* The root first, then what it signed, down to the issuing CA. */
struct scene {
    struct arena *arena;
    const char *directory;
    EVP_PKEY *key[DEEPEST];
    X509 *certificate[DEEPEST];
    size_t count;
};

static EVP_PKEY *new_key(const char *type)
{
    EVP_PKEY *key = strncmp(type, "RSA-", 4) == 0  ? EVP_RSA_gen((unsigned)atoi(type + 4))
                    : strcmp(type, "ED25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                                   : EVP_EC_gen(type);
    cr_assert_not_null(key);
    return key;
}

static const char *text_or(const char *text, const char *fallback)
{
    return text == NULL ? fallback : text;
}

static void add_authority(struct scene *scene, const struct authority_plan *plan)
{
    size_t i = scene->count++;
    EVP_PKEY *key = scene->key[i] = new_key(text_or(plan->key_type, "P-256"));
    X509 *made = scene->certificate[i] = local_certificate_new(
        NOW + (plan->begin == 0 ? -DAY_S : plan->begin), NOW + (plan->end == 0 ? 100 * DAY_S : plan->end));
    X509 *above = i == 0 ? made : scene->certificate[i - 1];
    struct certificate_extension extensions[6] = {
        {NID_basic_constraints, text_or(plan->basic_constraints, "critical,CA:TRUE")},
        {NID_key_usage, text_or(plan->key_usage, "critical,keyCertSign,cRLSign")},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid"},
    };
    size_t count = 4;
    if (plan->name_constraints != NULL) {
        extensions[count++] = (struct certificate_extension){NID_name_constraints, plan->name_constraints};
    }
    if (plan->extended_key_usage != NULL) {
        extensions[count++] = (struct certificate_extension){NID_ext_key_usage, plan->extended_key_usage};
    }
    cr_assert(made != NULL && X509_set_pubkey(made, key) == 1 &&
              local_certificate_set_common_name(made, arena_printf(scene->arena, "Level %zu", i)) &&
              X509_set_issuer_name(made, X509_get_subject_name(above)) == 1);
    cr_assert(local_certificate_extend(made, above, extensions, count));
    cr_assert(local_certificate_sign(made, i == 0 ? key : scene->key[i - 1]));
}

static struct scene setup(const struct authority_plan *plans, size_t count)
{
    struct scene scene = {.arena = arena_new()};
    scene.directory = scratch_directory_new(scene.arena);
    for (size_t i = 0; i < count; i++) {
        add_authority(&scene, &plans[i]);
    }
    return scene;
}

static void teardown(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++) {
        EVP_PKEY_free(scene->key[i]);
        X509_free(scene->certificate[i]);
    }
    scratch_directory_remove(scene->directory);
    arena_free(scene->arena);
}

static const char *pem_of(struct scene *scene, size_t i)
{
    return certificate_to_pem(scene->arena, local_certificate_der(scene->arena, scene->certificate[i]));
}

static void write_key(struct scene *scene, const char *name, EVP_PKEY *key)
{
    FILE *file = fopen(arena_printf(scene->arena, "%s/%s", scene->directory, name), "w");
    cr_assert(file != NULL && PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    cr_assert_eq(fclose(file), 0);
}

/* The root, the issuing CA with all between it and the root, and its key. */
static void write_files(struct scene *scene)
{
    const char *chain = "";
    size_t last = scene->count - 1;
    for (size_t i = last; i > 0; i--) {
        chain = arena_printf(scene->arena, "%s%s", chain, pem_of(scene, i));
    }
    scratch_write(scene->directory, LOCAL_CA_ROOT, pem_of(scene, 0));
    scratch_write(scene->directory, LOCAL_CA_INTERMEDIATE, last == 0 ? pem_of(scene, 0) : chain);
    write_key(scene, LOCAL_CA_INTERMEDIATE_KEY, scene->key[last]);
}

static struct local_ca *open_scene(struct scene *scene, struct fault *fault)
{
    *fault = (struct fault){0};
    return local_ca_open(&(struct local_ca_config){.directory = scene->directory}, NOW, fault);
}

static enum local_ca_outcome sign(struct scene *scene, struct local_ca *ca, const char *names,
                                  struct local_ca_chain *chain, struct fault *fault)
{
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, names);
    struct validity_request validity = {0};
    return local_ca_sign(scene->arena, ca, csr, &validity, NULL, NOW, chain, fault);
}

/* Signs a leaf that must verify over the chain handed out, all of it but the root. */
static void expect_good_leaf(struct scene *scene, struct local_ca *ca, const char *about)
{
    struct local_ca_chain chain = {0};
    struct fault fault = {0};
    const char *pem = "";
    cr_assert_eq(sign(scene, ca, "DNS:a.internal", &chain, &fault), LOCAL_CA_DONE, "%s: %s", about,
                 fault.message);
    cr_assert_eq(chain.count, scene->count == 1 ? 1 : scene->count, "%s", about);
    for (size_t i = 1; i < chain.count; i++) {
        struct bytes expected = local_certificate_der(scene->arena, scene->certificate[scene->count - i]);
        cr_expect(bytes_equal(chain.certificates[i], expected), "%s: %zu", about, i);
        pem =
            arena_printf(scene->arena, "%s%s", pem, certificate_to_pem(scene->arena, chain.certificates[i]));
    }
    autofree_x509_store X509_STORE *roots = X509_STORE_new();
    cr_assert_eq(X509_STORE_add_cert(roots, scene->certificate[0]), 1);
    cr_expect(certificate_chains_to(chain.certificates[0], bytes_from_string(pem), roots), "%s", about);
}

/* The digest of leaves, of the list and of the responder suits the CA's key. */
static void expect_signatures(struct scene *scene, struct local_ca *ca, const char *about, int signature)
{
    struct local_ca_chain chain = {0};
    struct fault fault = {0};
    struct bytes list = {0}, responder = {0};
    cr_assert_eq(sign(scene, ca, "DNS:a.internal", &chain, &fault), LOCAL_CA_DONE, "%s", about);
    cr_assert_eq(local_ca_make_list(scene->arena, ca, NULL, NOW, &list), LOCAL_CA_LIST_MADE, "%s", about);
    cr_assert(local_ca_make_responder(scene->arena, ca, scene->key[0], NOW, &responder), "%s", about);
    const unsigned char *at = chain.certificates[0].p;
    autofree_x509 X509 *leaf = d2i_X509(NULL, &at, (long)chain.certificates[0].n);
    at = responder.p;
    autofree_x509 X509 *of_responder = d2i_X509(NULL, &at, (long)responder.n);
    at = list.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)list.n);
    cr_expect_eq(X509_get_signature_nid(leaf), signature, "%s", about);
    cr_expect_eq(X509_get_signature_nid(of_responder), signature, "%s", about);
    cr_expect_eq(X509_CRL_get_signature_nid(crl), signature, "%s", about);
    X509_CRL_free(crl);
}

Test(local_ca_given, sub_cas_of_every_depth_and_key_sign)
{
    static const char *const key_types[] = {"P-256", "P-384", "P-521", "ED25519", "RSA-2048"};
    static const int signatures[] = {NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512,
                                     NID_ED25519, NID_sha256WithRSAEncryption};
    for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++) {
        for (size_t depth = 1; depth <= DEEPEST; depth++) {
            struct authority_plan plans[DEEPEST] = {{0}, {0}, {0}, {0}};
            plans[depth - 1].key_type = key_types[i];
            struct scene scene = setup(plans, depth);
            struct fault fault;
            write_files(&scene);
            struct local_ca *ca = open_scene(&scene, &fault);
            cr_assert(ca != NULL, "%s at depth %zu: %s", key_types[i], depth, fault.message);
            expect_good_leaf(&scene, ca, key_types[i]);
            expect_signatures(&scene, ca, key_types[i], signatures[i]);
            local_ca_free(ca);
            teardown(&scene);
        }
    }
}

static const struct {
    const char *about;
    struct authority_plan plans[3]; /* root, intermediate, issuing CA */
    const char *words;
} faults[] = {
    {"issuing certificate is a leaf's", {{0}, {0}, {.basic_constraints = "critical,CA:FALSE"}}, "no CA:TRUE"},
    {"it may not sign", {{0}, {0}, {.key_usage = "critical,cRLSign"}}, "keyCertSign"},
    {"it has expired", {{0}, {0}, {.end = -1}}, "expired since 2027-01-15T07:59:59Z"},
    {"it has not begun", {{0}, {0}, {.begin = DAY_S}}, "not yet valid"},
    {"the one above has expired", {{0}, {.end = -1}, {0}}, "expired"},
    {"the root has expired", {{.end = -1}, {0}, {0}}, "expired"},
    {"the root's path is too short",
     {{.basic_constraints = "critical,CA:TRUE,pathlen:0"}, {0}, {0}},
     "path length"},
    {"the one above's path is too short",
     {{0}, {.basic_constraints = "critical,CA:TRUE,pathlen:0"}, {0}},
     "path length"},
    {"the one above may not sign", {{0}, {.key_usage = "critical,cRLSign"}, {0}}, "no path"},
    {"a weak key", {{0}, {0}, {.key_type = "RSA-1024"}}, "less than 2048"},
    {"an unusual key", {{0}, {0}, {.key_type = "secp256k1"}}, "is not of a supported type"},
};

Test(local_ca_given, what_could_not_issue_is_refused_with_words)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct scene scene = setup(faults[i].plans, 3);
        struct fault fault = {0};
        write_files(&scene);
        struct local_ca *ca = open_scene(&scene, &fault);
        cr_expect_null(ca, "%s", faults[i].about);
        cr_expect(strstr(fault.message, faults[i].words) != NULL, "%s: %s", faults[i].about, fault.message);
        local_ca_free(ca);
        teardown(&scene);
    }
}

Test(local_ca_given, path_length_that_is_just_long_enough_is_fine)
{
    static const struct authority_plan plans[] = {{.basic_constraints = "critical,CA:TRUE,pathlen:2"},
                                                  {.basic_constraints = "critical,CA:TRUE,pathlen:1"},
                                                  {.basic_constraints = "critical,CA:TRUE,pathlen:0"}};
    struct scene scene = setup(plans, 3);
    struct fault fault;
    write_files(&scene);
    struct local_ca *ca = open_scene(&scene, &fault);
    cr_assert(ca != NULL, "%s", fault.message);
    expect_good_leaf(&scene, ca, "path length");
    local_ca_free(ca);
    teardown(&scene);
}

/* Each changes one of good files; the rest of the chain is missing, another root, another key. */
static void lose_the_middle(struct scene *scene)
{
    scratch_write(scene->directory, LOCAL_CA_INTERMEDIATE, pem_of(scene, 2));
}

static void take_another_root(struct scene *scene)
{
    static const struct authority_plan plan = {0};
    struct scene other = setup(&plan, 1);
    scratch_write(scene->directory, LOCAL_CA_ROOT, pem_of(&other, 0));
    teardown(&other);
}

static void take_another_key(struct scene *scene)
{
    write_key(scene, LOCAL_CA_INTERMEDIATE_KEY, scene->key[1]);
}

static void begin_with_the_wrong_one(struct scene *scene)
{
    scratch_write(scene->directory, LOCAL_CA_INTERMEDIATE,
                  arena_printf(scene->arena, "%s%s", pem_of(scene, 1), pem_of(scene, 2)));
}

Test(local_ca_given, files_that_do_not_fit_are_refused_with_words)
{
    static const struct {
        void (*spoil)(struct scene *scene);
        const char *words;
    } cases[] = {
        {lose_the_middle, "unable to get local issuer certificate"},
        {take_another_root, "no path for leaves"},
        {take_another_key, "intermediate_ca.key is not the key of the first certificate"},
        {begin_with_the_wrong_one, "intermediate_ca.key is not the key of the first certificate"},
    };
    static const struct authority_plan plans[] = {{0}, {0}, {0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene = setup(plans, 3);
        struct fault fault = {0};
        write_files(&scene);
        cases[i].spoil(&scene);
        struct local_ca *ca = open_scene(&scene, &fault);
        cr_expect_null(ca, "%zu", i);
        cr_expect(strstr(fault.message, cases[i].words) != NULL, "%zu: %s", i, fault.message);
        local_ca_free(ca);
        teardown(&scene);
    }
}

Test(local_ca_given, no_leaf_outlives_any_part_of_the_path)
{
    static const struct authority_plan cases[][3] = {
        {{.end = DAY_S / 2}, {0}, {0}},
        {{0}, {.end = DAY_S / 2}, {0}},
        {{0}, {0}, {.end = DAY_S / 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene = setup(cases[i], 3);
        struct local_ca_chain chain = {0};
        struct certificate_facts facts;
        struct fault fault = {0};
        write_files(&scene);
        struct local_ca *ca = open_scene(&scene, &fault);
        cr_assert(ca != NULL, "%s", fault.message);
        cr_expect_eq(local_ca_end(ca), NOW + DAY_S / 2);
        cr_assert_eq(sign(&scene, ca, "DNS:a.internal", &chain, &fault), LOCAL_CA_DONE, "%s", fault.message);
        cr_assert(certificate_read_facts(scene.arena, chain.certificates[0], &facts));
        cr_expect_eq(facts.not_after, NOW + DAY_S / 2, "%zu", i);
        local_ca_free(ca);
        teardown(&scene);
    }
}

Test(local_ca_given, name_constraints_anywhere_on_the_path_hold)
{
    static const struct {
        size_t level;
        const char *constraints, *names;
        bool good;
    } cases[] = {
        {2, "critical,permitted;DNS:internal", "DNS:a.internal", true},
        {2, "critical,permitted;DNS:internal", "DNS:a.internal,DNS:a.example", false},
        {1, "critical,permitted;DNS:internal", "DNS:a.example", false},
        {0, "critical,permitted;DNS:internal", "DNS:a.example", false},
        {1, "critical,excluded;DNS:secret.internal", "DNS:a.secret.internal", false},
        {1, "critical,excluded;DNS:secret.internal", "DNS:a.internal", true},
        {1, "critical,permitted;IP:10.0.0.0/255.0.0.0", "IP:10.1.2.3", true},
        {1, "critical,permitted;IP:10.0.0.0/255.0.0.0", "IP:11.1.2.3", false},
        {1, "critical,permitted;DNS:internal", "DNS:*.b.internal", true},
        {1, "critical,permitted;DNS:internal", "DNS:notinternal", false},
        {1, "critical,excluded;DNS:secret.internal", "DNS:*.internal", false},
        {1, "critical,excluded;DNS:Secret.Internal", "DNS:*.internal", false},
        {0, "critical,excluded;DNS:secret.internal", "DNS:a.internal,DNS:*.internal", false},
        {1, "critical,excluded;DNS:secret.internal", "DNS:*.secret.internal", false},
        {1, "critical,excluded;DNS:a.secret.internal", "DNS:*.internal", true},
        {1, "critical,excluded;DNS:.secret.internal", "DNS:*.internal", true},
        {1, "critical,excluded;DNS:secret.internal", "DNS:*.other.internal", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authority_plan plans[] = {{0}, {0}, {0}};
        plans[cases[i].level].name_constraints = cases[i].constraints;
        struct scene scene = setup(plans, 3);
        struct local_ca_chain chain = {0};
        struct fault fault = {0};
        write_files(&scene);
        struct local_ca *ca = open_scene(&scene, &fault);
        cr_assert(ca != NULL, "%s", fault.message);
        enum local_ca_outcome outcome = sign(&scene, ca, cases[i].names, &chain, &fault);
        cr_expect_eq(outcome, cases[i].good ? LOCAL_CA_DONE : LOCAL_CA_NAME_REFUSED, "%zu: %s", i,
                     fault.message);
        cr_expect(cases[i].good || (chain.count == 0 && strstr(fault.message, "name constraints") != NULL),
                  "%zu: %s", i, fault.message);
        local_ca_free(ca);
        teardown(&scene);
    }
}

/* The intermediate's restrictions bind its successor. */
Test(local_ca_given, a_renewed_intermediate_may_do_no_more_than_the_old_one)
{
    static const struct authority_plan plans[] = {{0},
                                                  {.name_constraints = "critical,permitted;DNS:internal",
                                                   .extended_key_usage = "serverAuth,clientAuth",
                                                   .end = 3 * DAY_S}};
    struct scene scene = setup(plans, 2);
    struct fault fault;
    write_files(&scene);
    write_key(&scene, LOCAL_CA_ROOT_KEY, scene.key[0]);
    struct local_ca *ca = open_scene(&scene, &fault);
    cr_assert(ca != NULL, "%s", fault.message);
    cr_assert(local_ca_tend(ca, NOW + 2 * DAY_S, &fault), "%s", fault.message);
    struct bytes der = local_ca_intermediates(ca).certificates[0];
    const unsigned char *at = der.p;
    autofree_x509 X509 *renewed = d2i_X509(NULL, &at, (long)der.n);
    cr_assert(renewed != NULL && local_certificate_end(renewed) > NOW + 3 * DAY_S);
    cr_expect_eq(X509_get_extended_key_usage(renewed), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    int critical;
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(renewed, NID_name_constraints, &critical, NULL);
    cr_expect(constraints != NULL && critical == 1);
    NAME_CONSTRAINTS_free(constraints);
    local_ca_free(ca);
    teardown(&scene);
}
