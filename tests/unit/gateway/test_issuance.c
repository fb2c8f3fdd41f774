/* SPDX-License-Identifier: Apache-2.0 */
/* One room has every certificate signed: what each asker's certificate is held to, and what is written of it.
 */
#include "acme/pki.h"
#include "acme/pki/csr.h"
#include "gateway/issuance/issuance_plan.h"
#include "gateway/issuance/issuance_sign.h"
#include "gateway/issuance/issuance_write.h"
#include "store/database.h"

LEAK_CHECKED_SUITE(issuance);

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, MINUTE_S = 60 };

/* ---- the scene ---- */

struct scene {
    struct arena *arena;
    struct issuer issuer; /* of a CA with an intermediate */
    struct issuer other;  /* has taken its place, with another root */
    EVP_PKEY *root_key, *intermediate_key, *key, *other_key;
    X509 *root, *intermediate, *other_root;
    X509_REQ *csr;
    struct identifier *names;
    size_t name_count;
    struct name_policy policy;
    struct validity_request validity;
};

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

static void open_issuer(struct scene *scene, struct issuer *issuer, X509 *root)
{
    struct fault fault = {0};
    struct bytes pem = pki_pem(scene->arena, root);
    cr_assert(issuer_init(issuer, NULL, scene->arena, "main", pem, &fault), "%s", fault.message);
}

static void begin(struct scene *scene)
{
    struct arena *arena = arena_new();
    *scene = (struct scene){.arena = arena};
    scene->root_key = pki_key(arena, "P-256");
    scene->intermediate_key = pki_key(arena, "P-256");
    scene->key = pki_key(arena, "P-256");
    scene->other_key = pki_key(arena, "P-256");
    struct pki_certificate root = {.key = scene->root_key,
                                   .common_name = "Root",
                                   .is_ca = true,
                                   .not_before = NOW - 1000 * (int64_t)DAY_S,
                                   .not_after = NOW + 1000 * (int64_t)DAY_S};
    scene->root = pki_certificate(arena, &root);
    struct pki_certificate intermediate = root;
    intermediate.key = scene->intermediate_key;
    intermediate.common_name = "Intermediate";
    intermediate.signer = scene->root;
    intermediate.signer_key = scene->root_key;
    intermediate.not_after = NOW + 10 * (int64_t)DAY_S;
    scene->intermediate = pki_certificate(arena, &intermediate);
    root.key = scene->other_key;
    scene->other_root = pki_certificate(arena, &root);
    open_issuer(scene, &scene->issuer, scene->root);
    open_issuer(scene, &scene->other, scene->other_root);
    struct pki_csr csr = {.key = scene->key, .names = "DNS:a.example"};
    struct bytes der = pki_csr(arena, &csr);
    const unsigned char *at = der.p;
    scene->csr = d2i_X509_REQ(NULL, &at, (long)der.n);
    arena_on_free(arena, free_csr, scene->csr);
    scene->names = pki_identifiers(arena, "dns:a.example", &scene->name_count);
    static const char *const allowed = "a.example";
    scene->policy = (struct name_policy){.allow = &allowed, .allow_count = 1};
    scene->validity = (struct validity_request){.latest_not_after = NOW + DAY_S + CERTIFICATE_SLACK_S};
}

static void end(struct scene *scene)
{
    issuer_clear(&scene->issuer);
    issuer_clear(&scene->other);
    arena_free(scene->arena);
}

/* ---- who asks ---- */

enum asker { ORDER, API_SIGN, API_RENEWAL, COMMAND, OWN_CERTIFICATE, RESPONDER, ASKERS };

static const char *const askers[ASKERS] = {"an order",  "a client of step-ca's API", "its renewal",
                                           "a command", "the own certificate",       "the OCSP responder"};

static struct issuance_terms terms_of(const struct scene *scene, enum asker asker)
{
    bool by_policy = asker == API_SIGN || asker == API_RENEWAL;
    bool named = !by_policy && asker != RESPONDER;
    return (struct issuance_terms){
        .issuer = &scene->issuer,
        .csr = asker == API_RENEWAL ? NULL : scene->csr,
        .key = asker == API_RENEWAL ? scene->key : NULL,
        .identifiers = named ? scene->names : NULL,
        .identifier_count = named ? scene->name_count : 0,
        .policy = by_policy ? &scene->policy : NULL,
        .any_names = asker == RESPONDER,
        .validity = &scene->validity,
        .actor = asker == COMMAND ? "operator" : "gateway",
    };
}

/* ---- certificates that came ---- */

enum signer { BY_INTERMEDIATE, BY_ROOT, BY_STRANGER };
enum key { ITS_KEY, ANOTHER_KEY };

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
    enum signer signer;
    enum key key;
    const char *names; /* NULL: the one that was asked for; "": none */
    bool is_ca;
    bool unknown_critical;
    int64_t begins, ends; /* from now; 0: a minute ago, in a day */
    int64_t named_begin;  /* from now; 0: none was named */
    struct words why;
} came[] = {
    {.what = "what was asked for"},
    {.what = "a root's own", .signer = BY_ROOT},
    {.what = "the last moment", .ends = DAY_S + CERTIFICATE_SLACK_S},
    {.what = "a CA's clock ahead", .begins = CERTIFICATE_SLACK_S},
    {.what = "a foreign name",
     .names = "DNS:b.example",
     .why = NAMES("a.example is not in the certificate", "b.example is not allowed")},
    {.what = "a name more",
     .names = "DNS:a.example,DNS:b.example",
     .why = NAMES("holds b.example, which is not in the order", "b.example is not allowed")},
    {.what = "an address more",
     .names = "DNS:a.example,IP:10.0.0.1",
     .why = NAMES("holds 10.0.0.1, which is not in the order", "10.0.0.1 is not allowed")},
    {.what = "a name of another kind",
     .names = "DNS:a.example,email:a@a.example",
     .why = NAMES("the certificate holds", "the certificate holds")},
    {.what = "no name",
     .names = "",
     .why = NAMES("a.example is not in the certificate", "the certificate names nothing")},
    {.what = "a foreign key", .key = ANOTHER_KEY, .why = ALL("the certificate's public key is not")},
    {.what = "a second too long",
     .ends = DAY_S + CERTIFICATE_SLACK_S + 1,
     .why = ALL("later than 2026-06-02T00:01:00Z, the latest that was asked for")},
    {.what = "over already", .begins = -HOUR_S, .ends = -1, .why = ALL("has already ended")},
    {.what = "later than now",
     .begins = CERTIFICATE_SLACK_S + 1,
     .why = ALL("compare the clocks of the CA and this server")},
    {.what = "the named beginning", .begins = HOUR_S, .named_begin = HOUR_S},
    {.what = "long before the named beginning",
     .begins = HOUR_S - CERTIFICATE_SLACK_S - 1,
     .named_begin = HOUR_S,
     .why = ALL("before the notBefore that was asked for")},
    {.what = "long after the named beginning",
     .begins = HOUR_S + CERTIFICATE_SLACK_S + 1,
     .named_begin = HOUR_S,
     .why = ALL("compare the clocks of the CA and this server")},
    {.what = "another root", .signer = BY_STRANGER, .why = ALL("does not chain to a pinned root")},
    {.what = "a CA's", .is_ca = true, .why = ALL("the certificate is a CA's")},
    {.what = "what nobody knows how to read",
     .unknown_critical = true,
     .why = ALL("does not chain to a pinned root: unhandled critical extension")},
};

struct chain {
    struct bytes certificates[2];
    size_t count;
};

static struct chain chain_of(const struct scene *scene, size_t i)
{
    struct pki_certificate leaf = {
        .key = came[i].key == ANOTHER_KEY ? scene->other_key : scene->key,
        .signer = came[i].signer == BY_INTERMEDIATE ? scene->intermediate
                  : came[i].signer == BY_ROOT       ? scene->root
                                                    : scene->other_root,
        .signer_key = came[i].signer == BY_INTERMEDIATE ? scene->intermediate_key
                      : came[i].signer == BY_ROOT       ? scene->root_key
                                                        : scene->other_key,
        .names = came[i].names == NULL      ? "DNS:a.example"
                 : came[i].names[0] == '\0' ? NULL
                                            : came[i].names,
        .serial_hex = arena_printf(scene->arena, "%zX", i + 16),
        .is_ca = came[i].is_ca,
        .unknown_critical = came[i].unknown_critical,
        .not_before = NOW + (came[i].begins == 0 ? -MINUTE_S : came[i].begins),
        .not_after = NOW + (came[i].ends == 0 ? DAY_S : came[i].ends),
    };
    struct chain chain = {.count = came[i].signer == BY_INTERMEDIATE ? 2 : 1};
    chain.certificates[0] = pki_der(scene->arena, pki_certificate(scene->arena, &leaf));
    chain.certificates[1] = pki_der(scene->arena, scene->intermediate);
    return chain;
}

static const char *words_for(enum asker asker, const struct words *why)
{
    return asker == RESPONDER                          ? why->responder
           : asker == API_SIGN || asker == API_RENEWAL ? why->by_policy
                                                       : why->named;
}

static void name_a_beginning(struct scene *scene, int64_t from_now)
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

static void check(struct scene *scene, enum asker asker, size_t i)
{
    const char *what = arena_printf(scene->arena, "%s, for %s", came[i].what, askers[asker]);
    struct issued issued;
    struct chain chain = chain_of(scene, i);
    const char *words = words_for(asker, &came[i].why);
    name_a_beginning(scene, came[i].named_begin);
    struct issuance_terms terms = terms_of(scene, asker);
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

Test(issuance, the_same_rules_judge_what_came_for_every_asker)
{
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < sizeof came / sizeof *came; i++)
        for (enum asker asker = ORDER; asker < ASKERS; asker++)
            check(&scene, asker, i);
    end(&scene);
}

Test(issuance, what_cannot_be_read_is_a_possible_orphan_and_has_no_row)
{
    struct scene scene;
    begin(&scene);
    struct chain good = chain_of(&scene, 0);
    struct bytes cut = bytes_of(good.certificates[0].p, good.certificates[0].n - 1);
    struct bytes broken[] = {cut, good.certificates[1]};
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = terms_of(&scene, asker);
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
    end(&scene);
}

Test(issuance, an_intermediate_that_cannot_be_read_makes_a_misfit)
{
    struct scene scene;
    begin(&scene);
    struct chain chain = chain_of(&scene, 0);
    chain.certificates[1].n--;
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = terms_of(&scene, asker);
        struct issued issued;
        cr_expect_eq(issuance_check(scene.arena, &terms, chain.certificates, 2, NOW, &issued),
                     ISSUANCE_MISFIT);
        cr_expect_str_eq(issued.why, "certificate 2 of the chain cannot be read");
    }
    end(&scene);
}

Test(issuance, no_certificate_outlives_its_chain)
{
    struct scene scene;
    begin(&scene);
    scene.validity.latest_not_after = NOW + 20 * (int64_t)DAY_S;
    struct pki_certificate leaf = {.key = scene.key,
                                   .signer = scene.intermediate,
                                   .signer_key = scene.intermediate_key,
                                   .names = "DNS:a.example",
                                   .not_before = NOW - MINUTE_S,
                                   .not_after = NOW + 10 * (int64_t)DAY_S + 1};
    struct bytes chain[] = {pki_der(scene.arena, pki_certificate(scene.arena, &leaf)),
                            pki_der(scene.arena, scene.intermediate)};
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = terms_of(&scene, asker);
        struct issued issued;
        cr_expect_eq(issuance_check(scene.arena, &terms, chain, 2, NOW, &issued), ISSUANCE_MISFIT);
        cr_expect(strstr(issued.why, "later than its chain") != NULL, "%s", issued.why);
    }
    end(&scene);
}

/* Another issuer may serve when the certificate comes: its roots count, and the row names who was asked. */
Test(issuance, the_roots_of_the_issuer_that_serves_now_count)
{
    struct scene scene;
    begin(&scene);
    struct chain chain = chain_of(&scene, 0);
    for (enum asker asker = ORDER; asker < ASKERS; asker++) {
        struct issuance_terms terms = terms_of(&scene, asker);
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
    end(&scene);
}

Test(issuance, one_that_fits_is_rejected_for_a_reason_of_its_askers)
{
    struct scene scene;
    begin(&scene);
    struct chain chain = chain_of(&scene, 0);
    struct issued issued;
    cr_assert(issuance_read(scene.arena, &scene.issuer, chain.certificates, chain.count, NOW, &issued));
    expect_row(&issued, &chain, NULL, "as it came");
    issuance_reject(&issued, "nobody wants it", "gateway", NOW);
    cr_expect_str_eq(issued.why, "nobody wants it");
    expect_row(&issued, &chain, "gateway", "rejected");
    end(&scene);
}

/* ---- what is written ---- */

static enum store_result write_event(void *context, struct store_writer *writer, struct event *event)
{
    (void)context;
    event->at = NOW;
    event->actor = "gateway";
    return store_event_insert(writer, event);
}

static const struct {
    const char *what;
    size_t came;        /* the row of the table above */
    const char *detail; /* the asker's own words */
    const char *profile;
    const char *row;   /* of the database: status, who wants it revoked */
    const char *event; /* kind, cause, detail */
    enum metric metrics[2];
    size_t metric_count;
} written[] = {
    {"accepted", 0, "remarks", "default", "good|", "order.valid||remarks", {METRIC_CERTIFICATES_ISSUED}, 1},
    {"accepted without words", 0, NULL, "default", "good|", "order.valid||", {METRIC_CERTIFICATES_ISSUED}, 1},
    {"rejected",
     9,
     NULL,
     "default",
     "rejected|gateway",
     "certificate.rejected|certificate-misfit|the certificate's public key is not that of the CSR",
     {METRIC_CERTIFICATES_REJECTED, METRIC_REVOCATIONS_REQUESTED},
     2},
    {"rejected with words",
     9,
     "profile x: another key",
     "default",
     "rejected|gateway",
     "certificate.rejected|certificate-misfit|profile x: another key",
     {METRIC_CERTIFICATES_REJECTED, METRIC_REVOCATIONS_REQUESTED},
     2},
    {"rejected for the server itself",
     9,
     NULL,
     NULL,
     "rejected|gateway",
     "certificate.rejected|certificate-misfit|the certificate's public key is not that of the CSR",
     {METRIC_REVOCATIONS_REQUESTED},
     1},
};

static void expect_written(struct scene *scene, size_t i)
{
    struct database database;
    struct issued issued;
    struct metric_notes notes = {0};
    database_begin(&database);
    database_connect(&database);
    struct chain chain = chain_of(scene, written[i].came);
    struct issuance_terms terms = terms_of(scene, ORDER);
    issuance_check(scene->arena, &terms, chain.certificates, chain.count, NOW, &issued);
    const struct issuance_record record = {.issued = &issued,
                                           .profile = written[i].profile,
                                           .notes = &notes,
                                           .event = {.type = EVENT_ORDER_VALID, .detail = written[i].detail},
                                           .write_event = write_event};
    cr_expect_eq(issuance_write(database.writer, &record), STORE_OK, "%s", written[i].what);
    cr_expect(issued.certificate.id > 0, "%s", written[i].what);
    cr_expect_str_eq(
        database_text(&database,
                      "SELECT status || '|' || ifnull(revocation_requested_by, '') FROM certificates"),
        written[i].row, "%s", written[i].what);
    cr_expect_str_eq(database_text(&database, "SELECT kind || '|' || ifnull(cause, '') || '|' || "
                                              "ifnull(detail, '') FROM events e JOIN certificates c ON "
                                              "c.id = e.certificate_id"),
                     written[i].event, "%s", written[i].what);
    cr_expect_eq(notes.count, written[i].metric_count, "%s", written[i].what);
    for (size_t n = 0; n < written[i].metric_count && n < notes.count; n++)
        cr_expect_eq(notes.note[n].metric, written[i].metrics[n], "%s", written[i].what);
    /* Issued before: whoever asks again gets nothing, and nothing is written. */
    notes.count = 0;
    cr_expect_eq(issuance_write(database.writer, &record), STORE_NOT_FOUND, "%s", written[i].what);
    cr_expect_eq(issued.certificate.id, 0, "%s", written[i].what);
    cr_expect_eq(notes.count, 0, "%s", written[i].what);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM certificates"), 1, "%s", written[i].what);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM events"), 1, "%s", written[i].what);
    database_end(&database);
}

Test(issuance, a_certificate_is_written_once_with_its_event)
{
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        expect_written(&scene, i);
    end(&scene);
}

Test(issuance, a_command_counts_nothing)
{
    struct scene scene;
    struct database database;
    struct issued issued;
    begin(&scene);
    database_begin(&database);
    database_connect(&database);
    struct chain chain = chain_of(&scene, 0);
    cr_assert(issuance_read(scene.arena, &scene.issuer, chain.certificates, chain.count, NOW, &issued));
    const struct issuance_record record = {
        .issued = &issued, .event = {.type = EVENT_SIGN_ISSUED}, .write_event = write_event};
    cr_expect_eq(issuance_write(database.writer, &record), STORE_OK);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM certificates"), 1);
    database_end(&database);
    end(&scene);
}

/* ---- the request ---- */

Test(issuance, each_request_has_a_token_of_its_own_and_its_profiles_usages)
{
    static const char *const usages[] = {"serverAuth", "clientAuth"};
    const struct profile_config plain = {.name = "plain"}, used = {.name = "used",
                                                                   .extended_key_usages = usages,
                                                                   .extended_key_usage_count = 2};
    const struct {
        const struct profile_config *profile;
        const char *usages;
    } cases[] = {{NULL, NULL}, {&plain, NULL}, {&used, "serverAuth,clientAuth"}};
    struct arena *arena = arena_new();
    const char *last = "";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct issuer_sign_request request = {.deadline = 7, .owner = arena};
        const struct validity_request validity = {.not_after = "24h", .latest_not_after = NOW};
        cr_assert(issuance_sign_prepare(arena, cases[i].profile, &validity, &request));
        cr_expect(request.arena == arena && request.owner == arena && request.deadline == 7, "%zu", i);
        cr_expect(strlen(request.token_id) > 20 && strcmp(request.token_id, last) != 0, "%zu", i);
        cr_expect_str_eq(request.validity.not_after, "24h", "%zu", i);
        cr_expect_eq(request.validity.latest_not_after, NOW, "%zu", i);
        if (cases[i].usages == NULL)
            cr_expect_null(request.extended_key_usages, "%zu", i);
        else
            cr_expect_str_eq(request.extended_key_usages, cases[i].usages, "%zu", i);
        last = request.token_id;
    }
    arena_free(arena);
}

/* ---- the plan ---- */

/* What the CA has told or shown, by the time of the plan. */
static void know(struct scene *scene, int64_t max_s, int64_t default_s)
{
    struct ca_knowledge knowledge;
    const struct ca_claims claims = {.max_s = max_s, .default_s = default_s};
    const struct validity_limits limits = {0};
    ca_knowledge_init(&knowledge);
    ca_knowledge_tell(&knowledge, &claims, NOW);
    issuer_set_limits(&scene->issuer, &limits, &knowledge);
}

static const struct {
    const char *what;
    int64_t max_s, default_s; /* of the CA; 0: it does not tell */
    struct issuance_wanted wanted;
    const char *not_after; /* that is asked for; NULL: it is left to the CA */
    int64_t latest;        /* of the certificate's end, from now, without slack */
} plans[] = {
    {"nothing is bounded but by the CA", 48 * HOUR_S, HOUR_S, {0}, NULL, 48 * HOUR_S},
    {"a profile bounds the CA's default", 48 * HOUR_S, 24 * HOUR_S, {.profile_max_s = HOUR_S}, "1h", HOUR_S},
    {"the CA's default is within the profile",
     48 * HOUR_S,
     HOUR_S,
     {.profile_max_s = 2 * HOUR_S},
     NULL,
     2 * HOUR_S},
    {"the order's own end",
     48 * HOUR_S,
     HOUR_S,
     {.profile_max_s = DAY_S, .not_after = NOW + 2 * HOUR_S},
     "2026-06-01T02:00:00Z",
     2 * HOUR_S},
};

Test(issuance, a_plan_joins_what_is_wanted_and_what_the_ca_grants)
{
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct validity_request plan;
        know(&scene, plans[i].max_s, plans[i].default_s);
        cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &plans[i].wanted, NOW, &plan));
        if (plans[i].not_after == NULL)
            cr_expect_null(plan.not_after, "%s: %s", plans[i].what, plan.not_after);
        else
            cr_expect_str_eq(plan.not_after, plans[i].not_after, "%s", plans[i].what);
        cr_expect_eq(plan.latest_not_after, NOW + plans[i].latest + CERTIFICATE_SLACK_S, "%s", plans[i].what);
    }
    end(&scene);
}

Test(issuance, a_named_beginning_bounds_the_certificates_both_ways)
{
    struct scene scene;
    begin(&scene);
    know(&scene, 48 * HOUR_S, HOUR_S);
    struct validity_request plan;
    struct issuance_wanted wanted = {.profile_max_s = DAY_S, .not_before = NOW + HOUR_S};
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &plan));
    cr_expect_eq(plan.earliest_not_before, NOW + HOUR_S - CERTIFICATE_SLACK_S);
    cr_expect_eq(plan.latest_not_before, NOW + HOUR_S);
    wanted.not_before = 0;
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &plan));
    cr_expect(plan.earliest_not_before == 0 && plan.latest_not_before == 0);
    end(&scene);
}

Test(issuance, what_cannot_be_met_is_no_plan)
{
    struct scene scene;
    begin(&scene);
    know(&scene, HOUR_S, HOUR_S);
    const struct issuance_wanted wanted = {.profile_max_s = DAY_S, .not_after = NOW + 2 * HOUR_S};
    struct validity_request plan, asked = {.not_after = "24h"};
    cr_expect_not_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &plan));
    cr_expect_not(issuance_plan_differs(scene.arena, &scene.issuer, &wanted, &asked, NOW));
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &asked, NOW, NOW + DAY_S));
    end(&scene);
}

/* The CA gave more than the profile allows, since its default was not known to be so long: known now, an end
 * is asked for. A second one that is as long teaches nothing. */
Test(issuance, one_that_ends_too_late_is_asked_for_again_with_an_end)
{
    struct scene scene;
    begin(&scene);
    const struct issuance_wanted wanted = {.profile_max_s = 2 * HOUR_S};
    struct validity_request first, second;
    know(&scene, 48 * HOUR_S, HOUR_S);
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &first));
    cr_expect_null(first.not_after);
    int64_t too_late = NOW + 24 * HOUR_S;
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &first, NOW, too_late));
    know(&scene, 48 * HOUR_S, 24 * HOUR_S);
    cr_expect(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &first, NOW, too_late));
    cr_expect(issuance_plan_differs(scene.arena, &scene.issuer, &wanted, &first, NOW));
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &first, NOW, NOW + HOUR_S),
                  "its end was not what was wrong with it");
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &second));
    cr_expect_str_eq(second.not_after, "2h");
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &second, NOW, too_late));
    cr_expect_not(issuance_plan_differs(scene.arena, &scene.issuer, &wanted, &second, NOW));
    end(&scene);
}
