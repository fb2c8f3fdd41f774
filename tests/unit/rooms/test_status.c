/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists and OCSP responders: when they are asked for, which are taken, and what loops see of them.
 */
#include "acme/jose/private_key.h"
#include "acme/pki/crl.h"
#include "gateway/runtime/clock.h"
#include "gateway/status/status.h"
#include "jobs_place.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(status);

enum { MINUTE_MS = 60 * 1000, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

static struct jobs_place place;
static struct status *status;
static struct status_reader *reader;
static size_t rejected_count;
static const char *rejected_why;

static struct bytes no_intermediates(void *context, struct arena *arena)
{
    (void)context;
    (void)arena;
    return (struct bytes){0};
}

static void note_rejected(void *context, const struct issuer *issuer, const struct bytes *chain, size_t count,
                          const char *why)
{
    (void)context;
    (void)chain;
    cr_expect_str_eq(issuer->id, "main");
    cr_expect_eq(count, 2);
    rejected_count++;
    rejected_why = arena_duplicate(place.place.arena, why);
}

static void open_status(void)
{
    struct fault fault;
    const struct status_parts parts = {
        .config = place.config,
        .store = place.store,
        .outbound = place.outbound,
        .issuers = place.issuers,
        .own_intermediates = no_intermediates,
        .rejected = note_rejected,
    };
    status = status_new(&parts, &fault);
    cr_assert(status != NULL, "%s", fault.message);
    reader = status_reader_new(status);
}

static void close_status(void)
{
    fakes_pass(100);
    fake_agenda_clear();
    status_reader_free(reader);
    status_free(status);
}

static void begin(void)
{
    jobs_place_begin(&place);
    rejected_count = 0;
    open_status();
}

static void end(void)
{
    close_status();
    place.main.issuer->ocsp = (struct issuer_ocsp){0};
    jobs_place_end(&place);
}

static const struct status_view *view(void)
{
    return status_view(reader, BYTES_LITERAL("main"));
}

/* How long until one more is counted, in milliseconds. */
static int64_t time_until_more(const size_t *count)
{
    int64_t began = fake_clock_steady_ms();
    size_t before = *count;
    while (*count == before && fake_agenda_advance(10 * MINUTE_MS))
        fakes_settle();
    return fake_clock_steady_ms() - began;
}

static int64_t time_to_next_look(void)
{
    return time_until_more(&place.main.lists);
}

/* ---- lists ---- */

Test(status, a_list_is_fetched_shown_and_kept)
{
    begin();
    cr_expect_null(view()->crl);
    cr_expect(view()->crl_is_kept);
    cr_expect(view()->wants_responder);
    status_begin(status);
    fakes_pass(100);
    const struct status_view *seen = view();
    cr_assert_not_null(seen->crl);
    cr_expect_str_eq(seen->issuer, "main");
    cr_expect(seen->crl_is_kept);
    cr_expect_str_eq(seen->trouble, "");
    cr_expect(seen->etag[0] == '"', "%s", seen->etag);
    cr_expect_eq(seen->crl->next_update, NOW + DAY_S);
    cr_expect_not_null(seen->responder);
    cr_expect_null(status_view(reader, BYTES_LITERAL("nobody")));
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM revocation_lists"), 2);
    struct bytes der = arena_copy(place.place.arena, view()->crl->der);
    close_status();
    open_status();
    cr_assert_not_null(view()->crl);
    cr_expect(bytes_equal(view()->crl->der, der));
    cr_expect_null(view()->responder);
    end();
}

/* With a list that stays the same, as with a new one. */
Test(status, a_list_that_the_database_did_not_take_is_written_with_the_next_look)
{
    begin();
    fake_store_fail(2);
    status_begin(status);
    fakes_pass(100);
    cr_assert_not_null(view()->crl);
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM revocation_lists"), 0);
    place.main.list_outcome = ISSUER_LIST_UNCHANGED;
    place.spare.list = arena_copy(place.place.arena, status_view(reader, BYTES_LITERAL("spare"))->crl->der);
    fakes_pass(6 * MINUTE_MS);
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM revocation_lists"), 2);
    end();
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
     "UPDATE revocation_lists SET crl = (SELECT crl FROM revocation_lists ORDER BY issuer_identity_id DESC "
     "LIMIT 1)",
     0, false},
    {"unreadable", "UPDATE revocation_lists SET crl = x'3000'", 0, false},
};

Test(status, a_list_of_the_database_is_taken_when_it_is_this_cas_and_not_of_the_future)
{
    begin();
    status_begin(status);
    fakes_pass(100);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        close_status();
        database_run(&place.database, kept[i].sql);
        fake_clock_jump(kept[i].clock_by_s * 1000);
        open_status();
        cr_expect_eq(view()->crl != NULL, kept[i].taken, "%s", kept[i].name);
        fake_clock_jump(-kept[i].clock_by_s * 1000);
    }
    end();
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
    {"rubbish", ISSUER_LIST_READ, "rubbish", NULL, true,
     "the list that the CA gives out is not taken: ", 1800, 3000},
};

Test(status, the_cas_answer_says_what_is_told_and_when_it_is_asked_again)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        const char *name = outcomes[i].name;
        begin();
        place.main.list_outcome = outcomes[i].outcome;
        place.main.list = bytes_from_string(outcomes[i].list);
        place.main.list_message = outcomes[i].message;
        status_begin(status);
        fakes_pass(100);
        const struct status_view *seen = view();
        cr_expect_eq(seen->crl != NULL, outcomes[i].outcome == ISSUER_LIST_READ && outcomes[i].list == NULL,
                     "%s", name);
        cr_expect_eq(seen->crl_is_kept, outcomes[i].is_kept, "%s", name);
        size_t n = strlen(outcomes[i].trouble);
        cr_expect(strncmp(seen->trouble, outcomes[i].trouble, n) == 0 && (n != 0 || seen->trouble[0] == '\0'),
                  "%s: %s", name, seen->trouble);
        cr_expect_not_null(seen->responder, "%s", name);
        int64_t waited = time_to_next_look();
        cr_expect(waited >= outcomes[i].least_ms && waited <= outcomes[i].most_ms, "%s: %lld", name,
                  (long long)waited);
        end();
    }
}

Test(status, failures_in_a_row_are_farther_and_farther_apart)
{
    static const int64_t waits_ms[] = {2000, 4000, 8000, 16000, 30000, 30000};
    begin();
    place.main.list_outcome = ISSUER_LIST_FAILED;
    place.main.list_message = "it is away";
    status_begin(status);
    fakes_settle();
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        int64_t waited = time_to_next_look();
        cr_expect(waited >= waits_ms[i] && waited <= waits_ms[i] * 3 / 2 + 10, "%zu: %lld", i,
                  (long long)waited);
    }
    place.main.list_outcome = ISSUER_LIST_READ;
    time_to_next_look();
    fakes_pass(100);
    cr_expect_not_null(view()->crl);
    cr_expect_str_eq(view()->trouble, "");
    place.main.list_outcome = ISSUER_LIST_FAILED;
    time_to_next_look();
    int64_t first = time_to_next_look();
    cr_expect(first >= 2000 && first <= 3010, "%lld", (long long)first);
    cr_expect_not_null(view()->crl);
    end();
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
    begin();
    status_begin(status);
    fakes_pass(100);
    place.main.list_outcome = ISSUER_LIST_UNCHANGED;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        time_to_next_look();
        fake_clock_set((NOW + DAY_S - cases[i].left_s) * 1000 - 1);
        int64_t waited = time_to_next_look();
        cr_expect(waited >= cases[i].look_ms - 10 && waited <= cases[i].look_ms + 1010, "%lld s: %lld",
                  (long long)cases[i].left_s, (long long)waited);
    }
    end();
}

Test(status, none_that_was_kept_before_holds_until_its_end)
{
    begin();
    status_begin(status);
    fakes_pass(100);
    place.main.list_outcome = ISSUER_LIST_NONE;
    place.main.list_message = "no CRL is kept";
    time_to_next_look();
    fakes_pass(100);
    cr_expect(view()->crl_is_kept);
    fake_clock_set((NOW + DAY_S + 1) * 1000);
    time_to_next_look();
    fakes_pass(100);
    cr_expect_not(view()->crl_is_kept);
    cr_expect_str_eq(view()->trouble, "the CA says: no CRL is kept");
    end();
}

/* ---- revocations ---- */

Test(status, a_confirmed_revocation_brings_a_new_list_within_a_second)
{
    begin();
    status_begin(status);
    fakes_pass(300);
    size_t spare = place.spare.lists;
    status_changed(status, "nobody");
    cr_expect_eq(place.main.lists, 1);
    status_changed(status, "main");
    int64_t soon = time_to_next_look();
    cr_expect(soon >= 600 && soon <= 700, "%lld", (long long)soon);
    fakes_pass(5000);
    status_changed(status, "main");
    cr_expect(time_to_next_look() <= 10);
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
    end();
}

/* ---- responders ---- */

static EVP_PKEY *write_responder(const char *key_name)
{
    struct bytes pem;
    const char *why = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    cr_assert(place.main.own->make_responder(place.main.issuer, place.place.arena, key, &pem, &why), "%s",
              why);
    place_write(&place.place, "ocsp.crt", arena_string(place.place.arena, pem));
    if (key_name != NULL)
        place_write(
            &place.place, key_name,
            arena_string(place.place.arena, private_key_to_pem(place.place.arena, key, (struct bytes){0})));
    return key;
}

static bool shows(const EVP_PKEY *key)
{
    const struct ocsp_responder *responder = view()->responder;
    return responder != NULL && EVP_PKEY_eq(X509_get0_pubkey(responder->certificate), key) == 1;
}

Test(status, a_responder_of_files_is_read_again_when_they_change)
{
    begin();
    place.main.issuer->ocsp.certificate_path =
        arena_printf(place.place.arena, "%s/ocsp.crt", place.place.folder);
    place.main.issuer->ocsp.key_path = arena_printf(place.place.arena, "%s/ocsp.key", place.place.folder);
    status_begin(status);
    fakes_pass(100);
    cr_expect_null(view()->responder);
    cr_expect(view()->wants_responder);
    EVP_PKEY *first = write_responder("ocsp.key");
    fakes_pass(10 * 1000);
    cr_expect(shows(first));
    EVP_PKEY *second = write_responder(NULL);
    fakes_pass(2 * MINUTE_MS);
    cr_expect(shows(first), "a key that does not fit changes nothing");
    EVP_PKEY *third = write_responder("ocsp.key");
    fakes_pass(2 * MINUTE_MS);
    cr_expect(shows(third));
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
    EVP_PKEY_free(third);
    end();
}

Test(status, a_responder_that_the_ca_makes_is_renewed_at_two_thirds_of_its_life)
{
    begin();
    place.main.list_outcome = ISSUER_LIST_UNCHANGED;
    status_begin(status);
    fakes_pass(100);
    cr_assert_not_null(view()->responder);
    EVP_PKEY *key = X509_get_pubkey(view()->responder->certificate);
    int64_t from = view()->responder->not_before, to = view()->responder->not_after;
    fake_clock_set((from + (to - from) * 2 / 3 - 70) * 1000);
    fakes_pass(61 * 1000);
    cr_expect(shows(key));
    fakes_pass(61 * 1000);
    cr_expect_not(shows(key));
    cr_expect_not_null(view()->responder);
    EVP_PKEY_free(key);
    end();
}

Test(status, a_responder_of_a_second_provisioner_is_kept_beside_the_database)
{
    begin();
    place.main.issuer->ocsp.issuer = place.main.issuer;
    place.main.gives = FAKE_CA_RESPONDER;
    status_begin(status);
    fakes_pass(100);
    cr_assert_not_null(view()->responder);
    EVP_PKEY *key = X509_get_pubkey(view()->responder->certificate);
    cr_expect_eq(place.main.signs, 1);
    fakes_pass(10 * MINUTE_MS);
    cr_expect_eq(place.main.signs, 1);
    close_status();
    open_status();
    status_begin(status);
    fakes_pass(100);
    cr_expect(shows(key));
    cr_expect_eq(place.main.signs, 1);
    EVP_PKEY_free(key);
    end();
}

Test(status, one_that_is_unfit_is_rejected_and_no_other_is_asked_for_in_an_hour)
{
    begin();
    place.main.issuer->ocsp.issuer = place.main.issuer;
    status_begin(status);
    fakes_pass(100);
    cr_expect_null(view()->responder);
    cr_expect_eq(rejected_count, 1);
    cr_expect(rejected_why != NULL && rejected_why[0] != '\0');
    fakes_pass(59 * MINUTE_MS);
    cr_expect_eq(place.main.signs, 1);
    place.main.gives = FAKE_CA_RESPONDER;
    fakes_pass(2 * MINUTE_MS);
    cr_expect_eq(place.main.signs, 2);
    cr_expect_not_null(view()->responder);
    cr_expect_eq(rejected_count, 1);
    end();
}

Test(status, a_second_provisioner_that_fails_is_asked_again)
{
    begin();
    place.main.issuer->ocsp.issuer = place.main.issuer;
    place.main.answer = (struct issuer_result){.outcome = ISSUER_REFUSED, .message = "no"};
    status_begin(status);
    fakes_settle();
    time_until_more(&place.main.signs);
    for (int64_t wait_ms = 2000; wait_ms <= 32000; wait_ms *= 2) {
        int64_t waited = time_until_more(&place.main.signs);
        cr_expect(waited >= wait_ms && waited <= wait_ms * 3 / 2 + 10, "%lld: %lld", (long long)wait_ms,
                  (long long)waited);
    }
    cr_expect_eq(rejected_count, 0);
    end();
}

Test(status, nobody_makes_a_responder_where_none_is_configured)
{
    begin();
    place.main.operations.make_responder = NULL;
    status_begin(status);
    fakes_pass(100);
    cr_expect_not(view()->wants_responder);
    cr_expect_null(view()->responder);
    place.main.operations.make_responder = place.main.own->make_responder;
    fakes_pass(MINUTE_MS);
    cr_expect(view()->wants_responder);
    cr_expect_not_null(view()->responder);
    end();
}
