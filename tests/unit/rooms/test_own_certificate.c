/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own certificate from an issuer: asked for, kept, renewed, replaced. */
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/pki/certificate.h"
#include "gateway/runtime/clock.h"
#include "own_place.h"

LEAK_CHECKED_SUITE(own_certificate);

static struct bytes file_of(const char *ending)
{
    struct bytes text = {0};
    (void)!file_read(scene.place.place.arena, own_place_path(ending), CONFIG_FILE_MAX_BYTES, &text);
    return text;
}

/* ---- from an issuer ---- */

Test(own_certificate, the_first_start_asks_and_keeps_what_came)
{
    struct stat status;
    struct certificate_facts facts;
    struct own_certificate_expiry expiry;
    own_place_begin_with_one();
    cr_expect_eq(scene.place.main.signs, 1);
    cr_expect(bytes_equal(file_of("crt"), scene.published_chain));
    cr_assert_eq(stat(own_place_path("key"), &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    cr_assert(certificate_read_facts(scene.place.place.arena, own_place_leaf(), &facts));
    cr_expect_eq(facts.identifier_count, 2);
    own_certificate_read_expiry(scene.own, &expiry);
    cr_expect_eq(expiry.leaf, facts.not_after);
    cr_expect(expiry.intermediates > facts.not_after && expiry.roots > facts.not_after);
    struct bytes above = own_certificate_intermediates(scene.own, scene.place.place.arena);
    cr_expect(above.n != 0 && above.n < scene.published_chain.n);
    cr_expect_str_eq(own_certificate_path(scene.place.place.arena, &scene.config), own_place_path("crt"));
    own_place_end();
}

Test(own_certificate, a_restart_uses_the_stored_one)
{
    struct fault fault = {0};
    own_place_begin_with_one();
    struct bytes first = scene.published_chain;
    int64_t first_end = own_place_ends_at();
    own_place_stop();
    cr_assert(own_place_start(&fault), "%s", fault.message);
    cr_expect_eq(scene.published, 2, "before anything is asked");
    fakes_pass(MINUTE_MS);
    cr_expect(bytes_equal(scene.published_chain, first));
    cr_expect_eq(own_place_ends_at(), first_end);
    cr_expect_eq(scene.place.main.signs, 1);
    own_place_end();
}

/* Why a stored one serves only until another has come. */
enum stored { OF_OTHER_NAMES, OF_MORE_NAMES, OF_FEWER_NAMES, OF_ANOTHER_ROOT, OVER, WITHOUT_KEY, DAMAGED };

static void spoil(enum stored stored)
{
    if (stored == OF_OTHER_NAMES) {
        static const char *const names[] = {"acme3.test"};
        scene.config.alternate_names = names;
        scene.config.alternate_name_count = 1;
    } else if (stored == OF_MORE_NAMES) {
        scene.config.alternate_name_count = 0;
    } else if (stored == OF_FEWER_NAMES) {
        static const char *const names[] = {"acme2.test", "acme3.test"};
        scene.config.alternate_names = names;
        scene.config.alternate_name_count = 2;
    } else if (stored == OF_ANOTHER_ROOT) {
        scene.config.tls_issuer = "spare";
    } else if (stored == OVER) {
        fake_clock_jump((own_place_ends_at() + 1 - clock_now()) * 1000);
    } else if (stored == WITHOUT_KEY) {
        unlink(own_place_path("key"));
    } else {
        place_write(&scene.place.place, "acmegate.db.tls.crt", "no certificate");
    }
}

static const struct {
    const char *what;
    enum stored stored;
    bool serves; /* until the new one comes */
} spoilt[] = {
    {"other names", OF_OTHER_NAMES, true},
    {"more names", OF_MORE_NAMES, true},
    {"fewer names", OF_FEWER_NAMES, true},
    {"another root", OF_ANOTHER_ROOT, true},
    {"over", OVER, true},
    {"no key", WITHOUT_KEY, false},
    {"damaged", DAMAGED, false},
};

Test(own_certificate, a_stored_one_that_is_not_wanted_serves_until_another_comes)
{
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        own_place_begin_with_one();
        struct bytes first = scene.published_chain;
        spoil(spoilt[i].stored);
        own_place_stop();
        cr_assert(own_place_start(&fault), "%s", fault.message);
        cr_expect_eq(scene.published, 1 + spoilt[i].serves, "%s", spoilt[i].what);
        fakes_pass(SECOND_MS);
        cr_expect_eq(scene.place.main.signs + scene.place.spare.signs, 2, "%s", spoilt[i].what);
        cr_expect_not(bytes_equal(scene.published_chain, first), "%s", spoilt[i].what);
        cr_expect(bytes_equal(file_of("crt"), scene.published_chain), "%s", spoilt[i].what);
        own_place_end();
    }
}

Test(own_certificate, it_is_renewed_when_a_third_of_its_life_is_left)
{
    own_place_begin_with_one();
    int64_t life_s = own_place_ends_at() - clock_now();
    fakes_pass(life_s * 2 / 3 * 1000 - 10 * MINUTE_MS);
    cr_expect_eq(scene.place.main.signs, 1);
    int64_t first_end = own_place_ends_at();
    fakes_pass(20 * (int64_t)MINUTE_MS);
    cr_expect_eq(scene.place.main.signs, 2);
    cr_expect(scene.published == 2 && own_place_ends_at() > first_end);
    own_place_end();
}

Test(own_certificate, without_the_ca_it_is_asked_for_again_and_again)
{
    struct fault fault = {0};
    own_place_begin();
    scene.place.main.answer = (struct issuer_result){.outcome = ISSUER_UNAVAILABLE, .message = "it is away"};
    cr_assert(own_place_start(&fault), "%s", fault.message);
    fakes_pass(SECOND_MS / 2);
    cr_expect_eq(scene.place.main.signs, 1);
    fakes_pass(2 * SECOND_MS);
    cr_expect_eq(scene.place.main.signs, 2, "after one second, and at most half of it more");
    fakes_pass(HOUR_MS);
    cr_expect(scene.place.main.signs >= 40 && scene.place.main.signs <= 70, "%zu", scene.place.main.signs);
    cr_expect_eq(scene.published, 0);
    cr_expect_eq(own_place_ends_at(), 0);
    scene.place.main.answer = (struct issuer_result){.message = ""};
    fakes_pass(2 * (int64_t)MINUTE_MS);
    cr_expect_eq(scene.published, 1);
    cr_expect_eq(scene.rejections, 0);
    own_place_end();
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
        own_place_begin();
        scene.place.main.gives = misfits[i].gives;
        scene.publish_fails = misfits[i].publish_fails;
        cr_assert(own_place_start(&fault), "%s", fault.message);
        fakes_pass(59 * (int64_t)SECOND_MS);
        cr_expect(scene.place.main.signs == 1 && scene.rejections == 1, "%s: %zu", misfits[i].what,
                  scene.place.main.signs);
        cr_expect(strstr(scene.rejected_because, misfits[i].words) != NULL, "%s: %s", misfits[i].what,
                  scene.rejected_because);
        fakes_pass(35 * (int64_t)SECOND_MS);
        cr_expect_eq(scene.rejections, 2, "%s", misfits[i].what);
        fakes_pass(HOUR_MS);
        cr_expect(scene.rejections >= 4 && scene.rejections <= 7, "%s: %zu", misfits[i].what,
                  scene.rejections);
        scene.publish_fails = false;
        scene.place.main.gives = FAKE_CA_FITTING;
        fakes_pass(2 * (int64_t)HOUR_MS);
        cr_expect_eq(scene.published, 1, "%s", misfits[i].what);
        own_place_end();
    }
}

Test(own_certificate, one_that_is_revoked_is_replaced_and_the_next_after_a_pause)
{
    own_place_begin_with_one();
    own_certificate_revoked(scene.own, BYTES_LITERAL("another's"));
    fakes_pass(SECOND_MS);
    cr_expect_eq(scene.place.main.signs, 1);
    own_certificate_revoked(scene.own, own_place_leaf());
    fakes_pass(SECOND_MS);
    cr_expect(scene.place.main.signs == 2 && scene.published == 2);
    own_certificate_revoked(scene.own, own_place_leaf());
    fakes_pass(59 * (int64_t)SECOND_MS);
    cr_expect_eq(scene.place.main.signs, 2);
    fakes_pass(2 * SECOND_MS);
    cr_expect(scene.place.main.signs == 3 && scene.published == 3);
    fakes_pass(3 * (int64_t)HOUR_MS);
    own_certificate_revoked(scene.own, own_place_leaf());
    fakes_pass(SECOND_MS);
    cr_expect_eq(scene.place.main.signs, 4, "after some calm hours at once");
    own_place_end();
}

Test(own_certificate, a_change_of_the_issuer_looks_at_the_stored_one)
{
    own_place_begin_with_one();
    own_certificate_issuer_changed(scene.own);
    own_certificate_issuer_changed(NULL);
    fakes_pass(MINUTE_MS);
    cr_expect(scene.place.main.signs == 1 && scene.published == 2, "its root vouches for it still");
    unlink(own_place_path("crt"));
    own_certificate_issuer_changed(scene.own);
    fakes_pass(SECOND_MS);
    cr_expect(scene.place.main.signs == 2 && scene.published == 3);
    own_place_end();
}

static void change_issuer(void *context)
{
    (void)context;
    scene.config.tls_issuer = "spare";
}

Test(own_certificate, what_comes_from_an_issuer_that_serves_no_more_is_not_taken)
{
    struct fault fault = {0};
    own_place_begin();
    scene.place.main.meanwhile = change_issuer;
    cr_assert(own_place_start(&fault), "%s", fault.message);
    fakes_pass(SECOND_MS);
    cr_expect_eq(scene.rejections, 1);
    cr_expect(strstr(scene.rejected_because, "does not chain to a pinned root") != NULL, "%s",
              scene.rejected_because);
    cr_expect(scene.place.spare.signs == 1 && scene.published == 1,
              "and the one that serves is asked at once");
    own_place_end();
}

Test(own_certificate, one_that_comes_after_the_stop_is_kept_for_the_next_start)
{
    struct fault fault = {0};
    own_place_begin();
    scene.place.main.delay_ms = SECOND_MS;
    cr_assert(own_place_start(&fault), "%s", fault.message);
    fakes_settle();
    own_certificate_stop(scene.own);
    fakes_pass(2 * SECOND_MS);
    cr_expect_eq(scene.published, 0);
    cr_expect_neq(file_of("crt").n, 0);
    own_certificate_free(scene.own);
    cr_assert(own_place_start(&fault), "%s", fault.message);
    cr_expect(scene.published == 1 && scene.place.main.signs == 1);
    own_place_end();
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

/* ---- what is told ---- */

static const char *lines;

static void take_line(struct bytes line)
{
    lines =
        arena_printf(scene.place.place.arena, "%s%s\n", lines, arena_string(scene.place.place.arena, line));
}

/* How often these words are told within this time. */
static size_t told_within(int64_t ms, const char *words)
{
    size_t count = 0;
    lines = "";
    fake_log_listen(take_line);
    fakes_pass(ms);
    fake_log_listen(NULL);
    for (const char *at = lines; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

/* Without a certificate no client can connect. */
Test(own_certificate, each_failure_is_told_while_there_is_none_and_one_of_a_kind_afterwards)
{
    static const char none[] =
        "no server TLS certificate, and no client can connect: issuer main did not provide "
        "one: it is away",
                      another[] = "server TLS certificate: issuer main did not provide a new one: it is ";
    struct fault fault = {0};
    own_place_begin();
    scene.place.main.answer = (struct issuer_result){.outcome = ISSUER_UNAVAILABLE, .message = "it is away"};
    cr_assert(own_place_start(&fault), "%s", fault.message);
    size_t told = told_within(MINUTE_MS, none);
    cr_expect(told >= 3 && told == scene.place.main.signs, "%zu of %zu", told, scene.place.main.signs);
    scene.place.main.answer = (struct issuer_result){.message = ""};
    cr_expect_eq(told_within(2 * MINUTE_MS, "server TLS certificate from issuer main, good until 20"), 1);
    scene.place.main.answer = (struct issuer_result){.outcome = ISSUER_UNAVAILABLE, .message = "it is away"};
    own_certificate_revoked(scene.own, own_place_leaf());
    cr_expect_eq(told_within(10 * MINUTE_MS, another), 1, "%s", lines);
    scene.place.main.answer.message = "it is busy";
    cr_expect_eq(told_within(10 * MINUTE_MS, another), 1, "%s", lines);
    cr_expect_eq(scene.published, 1);
    own_place_end();
}

/* The one that is under way is looked at when it comes. */
Test(own_certificate, a_change_of_the_issuer_waits_for_what_is_under_way)
{
    struct fault fault = {0};
    own_place_begin();
    scene.place.main.delay_ms = 10 * SECOND_MS;
    cr_assert(own_place_start(&fault), "%s", fault.message);
    fakes_pass(SECOND_MS);
    own_certificate_issuer_changed(scene.own);
    own_certificate_revoked(scene.own, BYTES_LITERAL("nobody's"));
    fakes_pass(8 * SECOND_MS);
    cr_expect_eq(scene.place.main.signs, 1);
    fakes_pass(2 * SECOND_MS);
    cr_expect(scene.place.main.signs == 1 && scene.published == 1);
    own_place_end();
}
