/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that the server requests for itself: taken into use and kept, or rejected; and how a request
 * ends. */
#include <sys/stat.h>
#include <unistd.h>

#include "acme/jose/private_key.h"
#include "acme/pki.h"
#include "gateway/kept/kept_certificate.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(kept_certificate);

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, MINUTE_S = 60 };

/* ---- a CA in this thread ---- */

enum answer {
    FITS,
    OTHER_NAMES, /* a.example was asked for */
    OTHER_KEY,
    TOO_LONG,
    LEARNED_TOO_LONG, /* and the issuer has seen so: the next is asked for with an end */
    BROKEN,
    NOTHING, /* a signature without a certificate */
    AWAY,
};

static struct {
    struct arena *arena;
    const char *folder;
    struct issuer issuer, other; /* the other has another root */
    const struct issuer *serving;
    EVP_PKEY *key, *other_key;
    X509 *root, *other_root;
    struct identifier *names;
    size_t name_count;
    struct kept_certificate kept;
    enum answer answer;
    bool user_refuses;
    bool chain_end; /* no plan: the chain has ended */
    /* The owner's calls. */
    size_t uses, ends, rejections;
    struct kept_end end;
    const char *rejected_because;
    const struct issuer *rejected_by;
} scene;

static X509 *new_root(EVP_PKEY *key)
{
    const struct pki_certificate root = {.key = key,
                                         .common_name = "Root",
                                         .is_ca = true,
                                         .not_before = clock_now() - DAY_S,
                                         .not_after = clock_now() + 100 * (int64_t)DAY_S};
    return pki_certificate(scene.arena, &root);
}

/* Sets the CA's usual lifetime. */
static void know_default(int64_t default_s)
{
    struct ca_knowledge knowledge;
    const struct ca_claims claims = {.max_s = 2 * HOUR_S, .default_s = default_s};
    const struct validity_limits limits = {.chain_not_after =
                                               scene.chain_end ? clock_now() - 1 : clock_now() + DAY_S};
    ca_knowledge_init(&knowledge);
    ca_knowledge_tell(&knowledge, &claims, clock_now());
    issuer_set_limits(&scene.issuer, &limits, &knowledge);
}

static struct bytes new_leaf(struct arena *arena, X509_REQ *csr)
{
    enum answer answer = scene.answer;
    bool is_long = answer == TOO_LONG || answer == LEARNED_TOO_LONG;
    const struct pki_certificate leaf = {.key = answer == OTHER_KEY ? scene.other_key
                                                                    : X509_REQ_get0_pubkey(csr),
                                         .signer = scene.root,
                                         .signer_key = scene.key,
                                         .names = answer == OTHER_NAMES ? "DNS:b.example" : "DNS:a.example",
                                         .serial_hex = "1F",
                                         .not_before = clock_now() - MINUTE_S,
                                         .not_after = clock_now() + (is_long ? 10 * HOUR_S : HOUR_S)};
    struct bytes der = pki_der(arena, pki_certificate(arena, &leaf));
    der.n -= answer == BROKEN;
    return der;
}

static void sign(struct issuer *issuer, struct issuer_sign_request *request)
{
    struct issuer_result *result = &request->result;
    cr_expect_eq(issuer, &scene.issuer);
    cr_expect_eq(issuer->references, 2, "the request holds it");
    cr_expect(request->token_id[0] != '\0' && request->csr != NULL && request->csr_der.n != 0);
    if (scene.answer == LEARNED_TOO_LONG)
        know_default(10 * HOUR_S);
    *result = (struct issuer_result){.outcome = scene.answer == AWAY ? ISSUER_UNAVAILABLE : ISSUER_OK,
                                     .message = scene.answer == AWAY ? "it is away" : ""};
    if (scene.answer != AWAY && scene.answer != NOTHING) {
        result->chain = arena_alloc(request->arena, sizeof *result->chain);
        result->chain[0] = new_leaf(request->arena, request->csr);
        result->chain_count = 1;
    }
    request->done(request);
}

static const struct issuer_operations operations = {.sign = sign};

/* ---- the owner ---- */

static const struct issuer *serving(void *context)
{
    cr_expect_eq(context, &scene);
    return scene.serving;
}

static bool use(void *context, struct arena *arena, const struct kept_pair *pair, struct fault *fault)
{
    cr_expect_eq(context, &scene);
    bool encrypted = false;
    autofree_evp_pkey EVP_PKEY *key = private_key_read(pair->key_pem, (struct bytes){0}, &encrypted);
    cr_expect(key != NULL && EVP_PKEY_eq(key, X509_REQ_get0_pubkey(scene.kept.sign_request.csr)) == 1);
    cr_expect_eq(pair->count, 1);
    cr_expect_str_eq(pair->facts.serial, "1f");
    scene.uses++;
    (void)arena;
    fault_set(fault, "nobody can use it");
    return !scene.user_refuses;
}

static void rejected(void *context, const struct issuer *asked, const struct bytes *chain, size_t count,
                     const char *why)
{
    cr_expect_eq(context, &scene);
    cr_expect_eq(count, scene.answer != NOTHING);
    cr_expect(count == 0 || chain[0].n != 0);
    scene.rejections++;
    scene.rejected_by = asked;
    scene.rejected_because = arena_duplicate(scene.arena, why);
}

static void ended(void *context, const struct kept_end *end)
{
    cr_expect_eq(context, &scene);
    cr_expect_not_null(scene.kept.work, "what it was told of lives still");
    scene.ends++;
    scene.end = *end;
    scene.end.serial = arena_duplicate(scene.arena, end->serial);
    scene.end.problem = end->problem == NULL ? NULL : arena_duplicate(scene.arena, end->problem);
}

/* ---- each test ---- */

static void begin(bool any_names)
{
    struct fault fault;
    memset(&scene, 0, sizeof scene);
    struct arena *arena = scene.arena = arena_new();
    log_set_level(LOG_LEVEL_ERROR);
    scene.folder = scratch_directory_new(arena);
    scene.key = pki_key(arena, "P-256");
    scene.other_key = pki_key(arena, "P-256");
    scene.root = new_root(scene.key);
    scene.other_root = new_root(scene.other_key);
    cr_assert(issuer_init(&scene.issuer, &operations, arena, "main", pki_pem(arena, scene.root), &fault),
              "%s", fault.message);
    cr_assert(issuer_init(&scene.other, &operations, arena, "main", pki_pem(arena, scene.other_root), &fault),
              "%s", fault.message);
    scene.serving = &scene.issuer;
    scene.names = pki_identifiers(arena, "dns:a.example", &scene.name_count);
    scene.kept.parts = (struct kept_parts){.what = "the test",
                                           .chain_path = arena_printf(arena, "%s/kept.crt", scene.folder),
                                           .key_path = arena_printf(arena, "%s/kept.key", scene.folder),
                                           .names = scene.names,
                                           .name_count = scene.name_count,
                                           .any_names = any_names,
                                           .serving = serving,
                                           .use = use,
                                           .rejected = rejected,
                                           .ended = ended,
                                           .context = &scene};
    know_default(HOUR_S);
}

static void end(void)
{
    kept_certificate_end(&scene.kept);
    cr_expect_eq(scene.issuer.references, 1);
    issuer_clear(&scene.issuer);
    issuer_clear(&scene.other);
    scratch_directory_remove(scene.folder);
    arena_free(scene.arena);
}

static bool is_kept(void)
{
    struct kept_pair pair;
    struct fault fault = {0};
    const struct kept_parts *parts = &scene.kept.parts;
    return kept_pair_read(scene.arena, parts->chain_path, parts->key_path, &pair, &fault);
}

static const struct {
    const char *what;
    enum answer answer;
    bool any_names, user_refuses, replaced;
    const char *problem; /* NULL: it is taken */
    const char *serial;
    size_t uses;
    bool rejected, taught;
} cases[] = {
    {.what = "what was asked for", .answer = FITS, .serial = "1f", .uses = 1},
    {.what = "other names",
     .answer = OTHER_NAMES,
     .problem = "a.example is not in the certificate",
     .serial = "1f",
     .rejected = true},
    {.what = "other names, which nobody reads",
     .answer = OTHER_NAMES,
     .any_names = true,
     .serial = "1f",
     .uses = 1},
    {.what = "another key", .answer = OTHER_KEY, .problem = "public key", .serial = "1f", .rejected = true},
    {.what = "another key, any names",
     .answer = OTHER_KEY,
     .any_names = true,
     .problem = "public key",
     .serial = "1f",
     .rejected = true},
    {.what = "too long a life",
     .answer = TOO_LONG,
     .problem = "later than",
     .serial = "1f",
     .rejected = true},
    {.what = "too long a life, any names",
     .answer = TOO_LONG,
     .any_names = true,
     .problem = "later than",
     .serial = "1f",
     .rejected = true},
    {.what = "too long a life, which teaches",
     .answer = LEARNED_TOO_LONG,
     .problem = "later than",
     .serial = "1f",
     .rejected = true,
     .taught = true},
    {.what = "another CA serves by now",
     .answer = FITS,
     .replaced = true,
     .problem = "does not chain to a pinned root",
     .serial = "1f",
     .rejected = true},
    {.what = "no use for it",
     .answer = FITS,
     .user_refuses = true,
     .problem = "nobody can use it",
     .serial = "1f",
     .uses = 1,
     .rejected = true},
    {.what = "a broken one", .answer = BROKEN, .problem = "cannot be read", .serial = "", .rejected = true},
    {.what = "none", .answer = NOTHING, .problem = "sent no certificate", .serial = "", .rejected = true},
    {.what = "no answer", .answer = AWAY, .problem = "it is away", .serial = ""},
};

static void check(size_t i)
{
    const char *what = cases[i].what;
    begin(cases[i].any_names);
    scene.answer = cases[i].answer;
    scene.user_refuses = cases[i].user_refuses;
    if (cases[i].replaced)
        scene.serving = &scene.other;
    kept_certificate_ask(&scene.kept, &scene.issuer);
    cr_expect_eq(scene.ends, 1, "%s", what);
    cr_expect_null(scene.kept.work, "%s", what);
    cr_expect_eq(scene.uses, cases[i].uses, "%s", what);
    cr_expect_eq(scene.end.taken, cases[i].problem == NULL, "%s: %s", what, scene.end.problem);
    cr_expect_eq(scene.end.rejected, cases[i].rejected, "%s", what);
    cr_expect_eq(scene.end.taught, cases[i].taught, "%s", what);
    cr_expect_str_eq(scene.end.serial, cases[i].serial, "%s", what);
    cr_expect_eq(scene.rejections, cases[i].rejected, "%s", what);
    cr_expect_eq(is_kept(), cases[i].problem == NULL, "%s", what);
    if (cases[i].problem != NULL)
        cr_expect(scene.end.problem != NULL && strstr(scene.end.problem, cases[i].problem) != NULL, "%s: %s",
                  what, scene.end.problem);
    if (cases[i].rejected) {
        cr_expect_eq(scene.rejected_by, &scene.issuer, "%s", what);
        cr_expect_str_eq(scene.rejected_because, scene.end.problem, "%s", what);
    }
    end();
}

Test(kept_certificate, what_came_is_taken_and_kept_or_rejected)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(i);
}

Test(kept_certificate, without_a_plan_nobody_is_asked)
{
    begin(false);
    scene.chain_end = true;
    know_default(HOUR_S);
    kept_certificate_ask(&scene.kept, &scene.issuer);
    cr_expect(scene.ends == 1 && !scene.end.taken && !scene.end.rejected && scene.rejections == 0);
    cr_expect(strstr(scene.end.problem, "the CA's own chain ends") != NULL, "%s", scene.end.problem);
    cr_expect_null(scene.kept.work);
    end();
}

Test(kept_certificate, one_that_cannot_be_kept_is_used_all_the_same)
{
    begin(false);
    scene.kept.parts.key_path = arena_printf(scene.arena, "%s/none/kept.key", scene.folder);
    kept_certificate_ask(&scene.kept, &scene.issuer);
    cr_expect(scene.end.taken && scene.uses == 1);
    cr_expect_eq(access(scene.kept.parts.chain_path, F_OK), -1, "a chain without its key is of no use");
    end();
}

Test(kept_certificate, only_the_owner_reads_the_key)
{
    struct stat status;
    begin(false);
    kept_certificate_ask(&scene.kept, &scene.issuer);
    cr_assert_eq(stat(scene.kept.parts.key_path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    end();
}

Test(kept_certificate, a_pair_that_cannot_be_read_says_which_file)
{
    static const struct {
        const char *chain, *key; /* NULL: there is no such file; "": as it was kept */
        const char *words;
    } broken[] = {
        {NULL, "", "kept.crt: No such file"},
        {"", NULL, "kept.key: No such file"},
        {"no certificate", "", "kept.crt contains no certificate, or a damaged one"},
    };
    begin(false);
    kept_certificate_ask(&scene.kept, &scene.issuer);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct kept_pair pair;
        struct fault fault = {0};
        const struct kept_parts *parts = &scene.kept.parts;
        kept_certificate_ask(&scene.kept, &scene.issuer);
        if (broken[i].chain == NULL)
            unlink(parts->chain_path);
        else if (broken[i].chain[0] != '\0')
            scratch_write(scene.folder, "kept.crt", broken[i].chain);
        if (broken[i].key == NULL)
            unlink(parts->key_path);
        cr_expect_not(kept_pair_read(scene.arena, parts->chain_path, parts->key_path, &pair, &fault));
        cr_expect(strstr(fault.message, broken[i].words) != NULL, "%s", fault.message);
    }
    end();
}
