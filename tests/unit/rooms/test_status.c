/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists: when they are asked for, which are taken, and what loops see of them. */
#include "status_place.h"

LEAK_CHECKED_SUITE(status);

Test(status, a_list_is_fetched_shown_and_kept)
{
    status_place_begin();
    cr_expect_null(status_place_view()->crl);
    cr_expect(status_place_view()->crl_is_kept);
    cr_expect(status_place_view()->wants_responder);
    status_begin(status);
    fakes_pass(100);
    const struct status_view *seen = status_place_view();
    cr_assert_not_null(seen->crl);
    cr_expect_str_eq(seen->issuer, "main");
    cr_expect(seen->crl_is_kept);
    cr_expect_str_eq(seen->trouble, "");
    cr_expect(seen->etag[0] == '"', "%s", seen->etag);
    cr_expect_eq(seen->crl->next_update, NOW + DAY_S);
    cr_expect_not_null(seen->responder);
    cr_expect_null(status_view(reader, BYTES_LITERAL("nobody")));
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM revocation_lists"), 2);
    struct bytes der = arena_copy(place.place.arena, status_place_view()->crl->der);
    status_place_close();
    status_place_open();
    cr_assert_not_null(status_place_view()->crl);
    cr_expect(bytes_equal(status_place_view()->crl->der, der));
    cr_expect_null(status_place_view()->responder);
    status_place_end();
}

/* With a list that stays the same, as with a new one. */
Test(status, a_list_that_the_database_did_not_take_is_written_with_the_next_look)
{
    status_place_begin();
    fake_store_fail(2);
    status_begin(status);
    fakes_pass(100);
    cr_assert_not_null(status_place_view()->crl);
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM revocation_lists"), 0);
    place.main.list_outcome = ISSUER_LIST_UNCHANGED;
    place.spare.list = arena_copy(place.place.arena, status_view(reader, BYTES_LITERAL("spare"))->crl->der);
    fakes_pass(6 * MINUTE_MS);
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM revocation_lists"), 2);
    status_place_end();
}

static const struct {
    const char *name;
    const char *sql;
    int64_t clock_by_s;
    bool taken;
} kept[] = {
    {"as it was", "SELECT 1", 0, true},
    {"that is over", "SELECT 1", 30 * DAY_S, true},
    {"of the future", "SELECT 1", -2 * HOUR_S, false},
    {"of another CA",
     "UPDATE revocation_lists SET crl = (SELECT crl FROM revocation_lists JOIN issuer_identities ON "
     "issuer_identities.id = issuer_identity_id WHERE issuer = 'spare')",
     0, false},
    {"unreadable", "UPDATE revocation_lists SET crl = x'3000'", 0, false},
};

Test(status, a_list_of_the_database_is_taken_when_it_is_this_cas_and_not_of_the_future)
{
    status_place_begin();
    status_begin(status);
    fakes_pass(100);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        status_place_close();
        database_run(&place.database, kept[i].sql);
        fake_clock_jump(kept[i].clock_by_s * 1000);
        status_place_open();
        cr_expect_eq(status_place_view()->crl != NULL, kept[i].taken, "%s", kept[i].name);
        fake_clock_jump(-kept[i].clock_by_s * 1000);
    }
    status_place_end();
}

static const struct {
    const char *name;
    enum issuer_list_outcome outcome;
    const char *list, *message;
    bool is_kept;
    const char *trouble;
    int64_t least_ms, most_ms; /* to the next look */
} outcomes[] = {
    {"a list", ISSUER_LIST_READ, NULL, NULL, true, "", 5 * MINUTE_MS - 200, 5 * MINUTE_MS},
    {"as before", ISSUER_LIST_UNCHANGED, NULL, NULL, true, "", 5 * MINUTE_MS - 200, 5 * MINUTE_MS},
    {"none", ISSUER_LIST_NONE, NULL, "no CRL is kept", false, "the CA says: no CRL is kept",
     5 * MINUTE_MS - 200, 5 * MINUTE_MS},
    {"a failure", ISSUER_LIST_FAILED, NULL, "it is away", true, "it cannot be fetched: it is away", 1800,
     3000},
    {"rubbish", ISSUER_LIST_READ, "rubbish", NULL, true, "the CA's list is rejected: ", 1800, 3000},
};

Test(status, the_cas_answer_says_what_is_told_and_when_it_is_asked_again)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        const char *name = outcomes[i].name;
        status_place_begin();
        place.main.list_outcome = outcomes[i].outcome;
        place.main.list = bytes_from_string(outcomes[i].list);
        place.main.list_message = outcomes[i].message;
        status_begin(status);
        fakes_pass(100);
        const struct status_view *seen = status_place_view();
        cr_expect_eq(seen->crl != NULL, outcomes[i].outcome == ISSUER_LIST_READ && outcomes[i].list == NULL,
                     "%s", name);
        cr_expect_eq(seen->crl_is_kept, outcomes[i].is_kept, "%s", name);
        size_t n = strlen(outcomes[i].trouble);
        cr_expect(strncmp(seen->trouble, outcomes[i].trouble, n) == 0 && (n != 0 || seen->trouble[0] == '\0'),
                  "%s: %s", name, seen->trouble);
        cr_expect_not_null(seen->responder, "%s", name);
        int64_t waited = status_place_until_next_look();
        cr_expect(waited >= outcomes[i].least_ms && waited <= outcomes[i].most_ms, "%s: %lld", name,
                  (long long)waited);
        status_place_end();
    }
}

Test(status, failures_in_a_row_are_farther_and_farther_apart)
{
    static const int64_t waits_ms[] = {2000, 4000, 8000, 16000, 30000, 30000};
    status_place_begin();
    place.main.list_outcome = ISSUER_LIST_FAILED;
    place.main.list_message = "it is away";
    status_begin(status);
    fakes_settle();
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        int64_t waited = status_place_until_next_look();
        cr_expect(waited >= waits_ms[i] && waited <= waits_ms[i] * 3 / 2 + 10, "%zu: %lld", i,
                  (long long)waited);
    }
    place.main.list_outcome = ISSUER_LIST_READ;
    status_place_until_next_look();
    fakes_pass(100);
    cr_expect_not_null(status_place_view()->crl);
    cr_expect_str_eq(status_place_view()->trouble, "");
    place.main.list_outcome = ISSUER_LIST_FAILED;
    status_place_until_next_look();
    int64_t first = status_place_until_next_look();
    cr_expect(first >= 2000 && first <= 3010, "%lld", (long long)first);
    cr_expect_not_null(status_place_view()->crl);
    status_place_end();
}

/* Half of what is left, a second at least, five minutes at most. */
Test(status, a_list_is_asked_for_again_well_before_its_end)
{
    static const struct {
        int64_t left_s, look_ms;
    } cases[] = {{3600, 5 * MINUTE_MS},
                 {601, 5 * MINUTE_MS},
                 {200, 100 * 1000},
                 {20, 10 * 1000},
                 {1, 1000},
                 {-90, 1000}};
    status_place_begin();
    status_begin(status);
    fakes_pass(100);
    place.main.list_outcome = ISSUER_LIST_UNCHANGED;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        status_place_until_next_look();
        fake_clock_set((NOW + DAY_S - cases[i].left_s) * 1000 - 1);
        int64_t waited = status_place_until_next_look();
        cr_expect(waited >= cases[i].look_ms - 10 && waited <= cases[i].look_ms + 1010, "%lld s: %lld",
                  (long long)cases[i].left_s, (long long)waited);
    }
    status_place_end();
}

Test(status, none_that_was_kept_before_holds_until_its_end)
{
    status_place_begin();
    status_begin(status);
    fakes_pass(100);
    place.main.list_outcome = ISSUER_LIST_NONE;
    place.main.list_message = "no CRL is kept";
    status_place_until_next_look();
    fakes_pass(100);
    cr_expect(status_place_view()->crl_is_kept);
    fake_clock_set((NOW + DAY_S + 1) * 1000);
    status_place_until_next_look();
    fakes_pass(100);
    cr_expect_not(status_place_view()->crl_is_kept);
    cr_expect_str_eq(status_place_view()->trouble, "the CA says: no CRL is kept");
    status_place_end();
}

Test(status, a_confirmed_revocation_brings_a_new_list_within_a_second)
{
    status_place_begin();
    status_begin(status);
    fakes_pass(300);
    size_t spare = place.spare.lists;
    status_changed(status, "nobody");
    cr_expect_eq(place.main.lists, 1);
    status_changed(status, "main");
    int64_t soon = status_place_until_next_look();
    cr_expect(soon >= 600 && soon <= 700, "%lld", (long long)soon);
    fakes_pass(5000);
    status_changed(status, "main");
    cr_expect(status_place_until_next_look() <= 10);
    cr_expect_eq(place.spare.lists, spare);
    place.main.delay_ms = 3000;
    place.main.list_outcome = ISSUER_LIST_UNCHANGED;
    fakes_pass(5000);
    status_changed(status, "main");
    fakes_pass(10);
    size_t before = place.main.lists;
    status_changed(status, "main");
    fakes_pass(2900);
    cr_expect_eq(place.main.lists, before);
    fakes_pass(1200);
    cr_expect_eq(place.main.lists, before + 1);
    status_place_end();
}

/* ---- what an answer needs of the database is read while other work goes on ---- */

Test(status, a_list_that_is_wanted_while_one_is_read_comes_next)
{
    status_place_begin();
    fake_loads_hold();
    status_begin(status);
    fakes_pass(100);
    size_t lists = place.main.lists;
    cr_assert_eq(lists, 1);
    cr_expect_eq(fake_loads_held(), 2);
    status_changed(status, "main");
    fakes_pass(2000);
    cr_expect_null(status_place_view()->crl);
    cr_expect_eq(place.main.lists, lists);
    fake_loads_release();
    fakes_pass(100);
    cr_expect_not_null(status_place_view()->crl);
    fakes_pass(1000);
    cr_expect_eq(place.main.lists, lists + 1);
    status_place_end();
}

/* The leak check of the suite looks. */
Test(status, a_stop_while_it_reads_frees_what_was_read)
{
    status_place_begin();
    fake_loads_hold();
    status_begin(status);
    fakes_pass(100);
    cr_expect_eq(fake_loads_held(), 2);
    fake_loads_drop();
    cr_expect_null(status_place_view()->crl);
    status_place_end();
}
