/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own certificate: asked for, kept, renewed, replaced; or from configured files. */
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/jose/private_key.h"
#include "acme/pki.h"
#include "acme/pki/certificate.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/runtime/clock.h"
#include "jobs_place.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(own_certificate);

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };

/* ---- the scene ---- */

static struct jobs_place place;
static struct own_certificate *own;
static struct config config; /* the place's, which a test may change before `start` */
static size_t published, rejections;
static struct bytes published_chain; /* the last one */
static const char *rejected_because;
static bool publish_fails;

static bool publish(void *context, struct bytes chain_pem, struct bytes key_pem, struct fault *fault)
{
    cr_expect_eq(context, &place);
    cr_expect_neq(key_pem.n, 0);
    if (publish_fails) {
        return fault_set(fault, "no listener takes it");
    }
    published++;
    published_chain = arena_copy(place.place.arena, chain_pem);
    return true;
}

static void note_rejected(void *context, const struct issuer *issuer, const struct bytes *chain, size_t count,
                          const char *why)
{
    cr_expect_eq(context, &place);
    cr_expect_str_eq(issuer->id, "main");
    cr_expect(count > 0 && chain[0].n != 0);
    rejections++;
    rejected_because = arena_duplicate(place.place.arena, why);
}

static bool start(struct fault *fault)
{
    const struct own_certificate_parts parts = {.config = &config,
                                                .outbound = place.outbound,
                                                .issuers = place.issuers,
                                                .publish = publish,
                                                .rejected = note_rejected,
                                                .context = &place};
    own = own_certificate_start(&parts, fault);
    return own != NULL;
}

static void stop(void)
{
    own_certificate_stop(own);
    own_certificate_free(own);
    own = NULL;
}

static void begin(void)
{
    jobs_place_begin(&place);
    config = *place.config;
    config.versions = NULL; /* this one is in force */
    published = rejections = 0;
    publish_fails = false;
    published_chain = (struct bytes){0};
}

static void end(void)
{
    own_certificate_stop(own);
    fakes_settle();
    own_certificate_free(own);
    own = NULL;
    jobs_place_end(&place);
}

/* It starts, and its first certificate comes. */
static void begin_with_one(void)
{
    struct fault fault = {0};
    begin();
    cr_assert(start(&fault), "%s", fault.message);
    fakes_pass(SECOND_MS);
    cr_assert_eq(published, 1);
}

static int64_t ends_at(void)
{
    struct own_certificate_expiry expiry;
    own_certificate_read_expiry(own, &expiry);
    return expiry.leaf;
}

static struct bytes leaf_in_use(void)
{
    struct bytes *certificates = NULL;
    size_t count = 0;
    cr_assert(certificates_from_pem(place.place.arena, published_chain, &certificates, &count));
    return certificates[0];
}

static const char *path_of(const char *ending)
{
    return arena_printf(place.place.arena, "%s.tls.%s", config.database, ending);
}

static struct bytes file_of(const char *ending)
{
    struct bytes text = {0};
    (void)!file_read(place.place.arena, path_of(ending), CONFIG_FILE_MAX_BYTES, &text);
    return text;
}

/* ---- from an issuer ---- */

Test(own_certificate, the_first_start_asks_and_keeps_what_came)
{
    struct stat status;
    struct certificate_facts facts;
    struct own_certificate_expiry expiry;
    begin_with_one();
    cr_expect_eq(place.main.signs, 1);
    cr_expect(bytes_equal(file_of("crt"), published_chain));
    cr_assert_eq(stat(path_of("key"), &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    cr_assert(certificate_read_facts(place.place.arena, leaf_in_use(), &facts));
    cr_expect_eq(facts.identifier_count, 2);
    own_certificate_read_expiry(own, &expiry);
    cr_expect_eq(expiry.leaf, facts.not_after);
    cr_expect(expiry.intermediates > facts.not_after && expiry.roots > facts.not_after);
    struct bytes above = own_certificate_intermediates(own, place.place.arena);
    cr_expect(above.n != 0 && above.n < published_chain.n);
    cr_expect_str_eq(own_certificate_path(place.place.arena, &config), path_of("crt"));
    end();
}

Test(own_certificate, a_restart_uses_the_stored_one)
{
    struct fault fault = {0};
    begin_with_one();
    struct bytes first = published_chain;
    int64_t first_end = ends_at();
    stop();
    cr_assert(start(&fault), "%s", fault.message);
    cr_expect_eq(published, 2, "before anything is asked");
    fakes_pass(MINUTE_MS);
    cr_expect(bytes_equal(published_chain, first));
    cr_expect_eq(ends_at(), first_end);
    cr_expect_eq(place.main.signs, 1);
    end();
}

/* Why a stored one serves only until another has come. */
enum stored { OF_OTHER_NAMES, OF_ANOTHER_ROOT, OVER, WITHOUT_KEY, DAMAGED };

static void spoil(enum stored stored)
{
    if (stored == OF_OTHER_NAMES) {
        static const char *const names[] = {"acme3.test"};
        config.alternate_names = names;
        config.alternate_name_count = 1;
    } else if (stored == OF_ANOTHER_ROOT) {
        config.tls_issuer = "spare";
    } else if (stored == OVER) {
        fake_clock_jump((ends_at() + 1 - clock_now()) * 1000);
    } else if (stored == WITHOUT_KEY) {
        unlink(path_of("key"));
    } else {
        place_write(&place.place, "acmegate.db.tls.crt", "no certificate");
    }
}

static const struct {
    const char *what;
    enum stored stored;
    bool serves; /* until the new one comes */
} spoilt[] = {
    {"other names", OF_OTHER_NAMES, true},
    {"another root", OF_ANOTHER_ROOT, true},
    {"over", OVER, true},
    {"no key", WITHOUT_KEY, false},
    {"damaged", DAMAGED, false},
};

Test(own_certificate, a_stored_one_that_is_not_wanted_serves_until_another_comes)
{
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        begin_with_one();
        struct bytes first = published_chain;
        spoil(spoilt[i].stored);
        stop();
        cr_assert(start(&fault), "%s", fault.message);
        cr_expect_eq(published, 1 + spoilt[i].serves, "%s", spoilt[i].what);
        fakes_pass(SECOND_MS);
        cr_expect_eq(place.main.signs + place.spare.signs, 2, "%s", spoilt[i].what);
        cr_expect_not(bytes_equal(published_chain, first), "%s", spoilt[i].what);
        cr_expect(bytes_equal(file_of("crt"), published_chain), "%s", spoilt[i].what);
        end();
    }
}

Test(own_certificate, it_is_renewed_when_a_third_of_its_life_is_left)
{
    begin_with_one();
    int64_t life_s = ends_at() - clock_now();
    fakes_pass(life_s * 2 / 3 * 1000 - 10 * MINUTE_MS);
    cr_expect_eq(place.main.signs, 1);
    int64_t first_end = ends_at();
    fakes_pass(20 * (int64_t)MINUTE_MS);
    cr_expect_eq(place.main.signs, 2);
    cr_expect(published == 2 && ends_at() > first_end);
    end();
}

Test(own_certificate, without_the_ca_it_is_asked_for_again_and_again)
{
    struct fault fault = {0};
    begin();
    place.main.answer = (struct issuer_result){.outcome = ISSUER_UNAVAILABLE, .message = "it is away"};
    cr_assert(start(&fault), "%s", fault.message);
    fakes_pass(SECOND_MS / 2);
    cr_expect_eq(place.main.signs, 1);
    fakes_pass(2 * SECOND_MS);
    cr_expect_eq(place.main.signs, 2, "after one second, and at most half of it more");
    fakes_pass(HOUR_MS);
    cr_expect(place.main.signs >= 40 && place.main.signs <= 70, "%zu", place.main.signs);
    cr_expect_eq(published, 0);
    cr_expect_eq(ends_at(), 0);
    place.main.answer = (struct issuer_result){.message = ""};
    fakes_pass(2 * (int64_t)MINUTE_MS);
    cr_expect_eq(published, 1);
    cr_expect_eq(rejections, 0);
    end();
}

/* Each one costs the CA a certificate. */
static const struct {
    const char *what;
    enum fake_ca_certificate gives;
    bool publish_fails;
    const char *words;
} misfits[] = {
    {"other names", FAKE_CA_OF_OTHER_NAMES, false, "the certificate's public key"},
    {"nothing that can be read", FAKE_CA_UNREADABLE, false, "cannot be read"},
    {"what no listener takes", FAKE_CA_FITTING, true, "no listener takes it"},
};

Test(own_certificate, a_misfit_is_rejected_and_another_asked_for_after_a_minute)
{
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        begin();
        place.main.gives = misfits[i].gives;
        publish_fails = misfits[i].publish_fails;
        cr_assert(start(&fault), "%s", fault.message);
        fakes_pass(59 * (int64_t)SECOND_MS);
        cr_expect(place.main.signs == 1 && rejections == 1, "%s: %zu", misfits[i].what, place.main.signs);
        cr_expect(strstr(rejected_because, misfits[i].words) != NULL, "%s: %s", misfits[i].what,
                  rejected_because);
        fakes_pass(35 * (int64_t)SECOND_MS);
        cr_expect_eq(rejections, 2, "%s", misfits[i].what);
        fakes_pass(HOUR_MS);
        cr_expect(rejections >= 4 && rejections <= 7, "%s: %zu", misfits[i].what, rejections);
        publish_fails = false;
        place.main.gives = FAKE_CA_FITTING;
        fakes_pass(2 * (int64_t)HOUR_MS);
        cr_expect_eq(published, 1, "%s", misfits[i].what);
        end();
    }
}

Test(own_certificate, one_that_is_revoked_is_replaced_and_the_next_after_a_pause)
{
    begin_with_one();
    own_certificate_revoked(own, BYTES_LITERAL("another's"));
    fakes_pass(SECOND_MS);
    cr_expect_eq(place.main.signs, 1);
    own_certificate_revoked(own, leaf_in_use());
    fakes_pass(SECOND_MS);
    cr_expect(place.main.signs == 2 && published == 2);
    own_certificate_revoked(own, leaf_in_use());
    fakes_pass(59 * (int64_t)SECOND_MS);
    cr_expect_eq(place.main.signs, 2);
    fakes_pass(2 * SECOND_MS);
    cr_expect(place.main.signs == 3 && published == 3);
    fakes_pass(3 * (int64_t)HOUR_MS);
    own_certificate_revoked(own, leaf_in_use());
    fakes_pass(SECOND_MS);
    cr_expect_eq(place.main.signs, 4, "after some calm hours at once");
    end();
}

Test(own_certificate, a_change_of_the_issuer_looks_at_the_stored_one)
{
    begin_with_one();
    own_certificate_issuer_changed(own);
    own_certificate_issuer_changed(NULL);
    fakes_pass(MINUTE_MS);
    cr_expect(place.main.signs == 1 && published == 2, "its root vouches for it still");
    unlink(path_of("crt"));
    own_certificate_issuer_changed(own);
    fakes_pass(SECOND_MS);
    cr_expect(place.main.signs == 2 && published == 3);
    end();
}

static void change_issuer(void *context)
{
    (void)context;
    config.tls_issuer = "spare";
}

Test(own_certificate, what_comes_from_an_issuer_that_serves_no_more_is_not_taken)
{
    struct fault fault = {0};
    begin();
    place.main.meanwhile = change_issuer;
    cr_assert(start(&fault), "%s", fault.message);
    fakes_pass(SECOND_MS);
    cr_expect_eq(rejections, 1);
    cr_expect(strstr(rejected_because, "does not chain to a pinned root") != NULL, "%s", rejected_because);
    cr_expect(place.spare.signs == 1 && published == 1, "and the one that serves is asked at once");
    end();
}

Test(own_certificate, one_that_comes_after_the_stop_is_kept_for_the_next_start)
{
    struct fault fault = {0};
    begin();
    place.main.delay_ms = SECOND_MS;
    cr_assert(start(&fault), "%s", fault.message);
    fakes_settle();
    own_certificate_stop(own);
    fakes_pass(2 * SECOND_MS);
    cr_expect_eq(published, 0);
    cr_expect_neq(file_of("crt").n, 0);
    own_certificate_free(own);
    cr_assert(start(&fault), "%s", fault.message);
    cr_expect(published == 1 && place.main.signs == 1);
    end();
}

Test(own_certificate, nobody_has_none)
{
    struct own_certificate_expiry expiry = {1, 1, 1};
    struct arena *arena = arena_new();
    own_certificate_read_expiry(NULL, &expiry);
    cr_expect(expiry.leaf == 0 && expiry.intermediates == 0 && expiry.roots == 0);
    cr_expect_eq(own_certificate_intermediates(NULL, arena).n, 0);
    own_certificate_revoked(NULL, BYTES_LITERAL("x"));
    own_certificate_stop(NULL);
    own_certificate_free(NULL);
    arena_free(arena);
}

/* ---- from configured files ---- */

/* The files of one that an issuer signed. */
static void configure_files(void)
{
    begin_with_one();
    stop();
    config.tls_issuer = NULL;
    config.tls_cert_path = path_of("crt");
    config.tls_key_path = path_of("key");
}

Test(own_certificate, configured_files_are_used_and_nobody_is_asked)
{
    struct fault fault = {0};
    configure_files();
    cr_assert(start(&fault), "%s", fault.message);
    cr_expect_eq(published, 2);
    cr_expect(ends_at() > clock_now());
    cr_expect_eq(own_certificate_intermediates(own, place.place.arena).n, 0);
    own_certificate_issuer_changed(own);
    own_certificate_revoked(own, leaf_in_use());
    fakes_pass((ends_at() + 3600 - clock_now()) * 1000);
    cr_expect(place.main.signs == 1 && published == 2);
    struct own_certificate_files files;
    cr_assert(own_certificate_files_read(place.place.arena, &config, &files, &fault), "%s", fault.message);
    publish_fails = true;
    cr_expect_not(own_certificate_use_files(own, &files, &fault));
    cr_expect_str_eq(fault.message, "no listener takes it");
    publish_fails = false;
    cr_expect(own_certificate_use_files(own, &files, &fault));
    cr_expect_eq(published, 3);
    end();
}

static const struct {
    const char *chain, *key; /* NULL: as it was; "-": there is none */
    const char *words;
    const char *pass_phrase; /* NULL: none is configured */
} broken[] = {
    {"-", NULL, "cannot be read: No such file", NULL},
    {"no certificate", NULL, "contains no certificate, or a damaged one", NULL},
    {NULL, "-", "cannot be read: No such file", NULL},
    {NULL, "no key", "contains no private key", NULL},
    {NULL, "other", "is not the key of the first certificate", NULL},
    {NULL, "encrypted", "is encrypted; name a file with its pass phrase in tls.key_password_file", NULL},
    {NULL, "encrypted", "the pass phrase in tls.key_password_file does not open it", "wrong"},
    {NULL, "encrypted", "is not the key of the first certificate", "right"},
};

static void break_file(const char *ending, const char *text)
{
    if (text == NULL)
        return;
    unlink(path_of(ending));
    if (strcmp(text, "other") == 0)
        text = "-----BEGIN PRIVATE KEY-----\n"
               "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
               "-----END PRIVATE KEY-----\n";
    if (strcmp(text, "encrypted") == 0)
        text = arena_string(place.place.arena,
                            private_key_to_pem(place.place.arena, pki_key(place.place.arena, "P-256"),
                                               BYTES_LITERAL("right")));
    if (strcmp(text, "-") != 0) {
        place_write(&place.place, arena_printf(place.place.arena, "acmegate.db.tls.%s", ending), text);
        cr_assert_eq(chmod(path_of(ending), 0600), 0);
    }
}

Test(own_certificate, files_that_cannot_be_used_end_the_start_with_a_sentence)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct fault fault = {0};
        configure_files();
        break_file("crt", broken[i].chain);
        break_file("key", broken[i].key);
        config.tls_key_password = bytes_from_string(broken[i].pass_phrase);
        cr_expect_not(start(&fault), "%zu", i);
        cr_expect(strstr(fault.message, broken[i].words) != NULL, "%zu: %s", i, fault.message);
        end();
    }
}
