/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP responders: where they come from, and when they are renewed. */
#include <stdio.h>
#include <string.h>

#include "status_place.h"

LEAK_CHECKED_SUITE(status_responder);

static EVP_PKEY *write_responder(const char *key_name)
{
    struct bytes pem;
    struct fault fault = {0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    cr_assert(place.main.own->make_responder(place.main.issuer, place.place.arena, key, &pem, &fault), "%s",
              fault.message);
    place_write(&place.place, "ocsp.crt", arena_string(place.place.arena, pem));
    if (key_name != NULL)
        place_write(
            &place.place, key_name,
            arena_string(place.place.arena, private_key_to_pem(place.place.arena, key, (struct bytes){0})));
    return key;
}

static bool shows(const EVP_PKEY *key)
{
    const struct ocsp_responder *responder = status_place_view()->responder;
    return responder != NULL && EVP_PKEY_eq(X509_get0_pubkey(responder->certificate), key) == 1;
}

Test(status_responder, a_responder_of_files_is_read_again_when_they_change)
{
    status_place_begin();
    place.main.issuer->ocsp.certificate_path =
        arena_printf(place.place.arena, "%s/ocsp.crt", place.place.folder);
    place.main.issuer->ocsp.key_path = arena_printf(place.place.arena, "%s/ocsp.key", place.place.folder);
    status_begin(status);
    fakes_pass(100);
    cr_expect_null(status_place_view()->responder);
    cr_expect(status_place_view()->wants_responder);
    EVP_PKEY *first = write_responder("ocsp.key");
    fakes_pass(10 * 1000);
    cr_expect(shows(first));
    const struct ocsp_responder *in_use = status_place_view()->responder;
    fakes_pass(3 * MINUTE_MS);
    cr_expect_eq(status_place_view()->responder, in_use, "what did not change is not taken anew");
    EVP_PKEY *second = write_responder(NULL);
    fakes_pass(2 * MINUTE_MS);
    cr_expect(shows(first), "a key that does not fit changes nothing");
    EVP_PKEY *third = write_responder("ocsp.key");
    fakes_pass(2 * MINUTE_MS);
    cr_expect(shows(third));
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
    EVP_PKEY_free(third);
    status_place_end();
}

/* The files are looked at once the chains have been read; a check that is wanted meanwhile follows. */
Test(status_responder, one_check_is_made_at_a_time)
{
    status_place_begin();
    status_begin(status);
    fakes_pass(100);
    place.main.issuer->ocsp.certificate_path =
        arena_printf(place.place.arena, "%s/ocsp.crt", place.place.folder);
    place.main.issuer->ocsp.key_path = arena_printf(place.place.arena, "%s/ocsp.key", place.place.folder);
    place.main.list_outcome = place.spare.list_outcome = ISSUER_LIST_UNCHANGED;
    fake_loads_hold();
    status_begin(status);
    fakes_pass(100);
    status_begin(status);
    fakes_pass(100);
    cr_expect_eq(fake_loads_held(), 2, "one an issuer: %zu", fake_loads_held());
    EVP_PKEY *key = write_responder("ocsp.key");
    fake_loads_release();
    fake_loads_hold();
    fakes_pass(100);
    cr_expect(shows(key));
    cr_expect_eq(fake_loads_held(), 2, "the next ones: %zu", fake_loads_held());
    fake_loads_release();
    fakes_pass(100);
    cr_expect(shows(key));
    EVP_PKEY_free(key);
    status_place_end();
}

Test(status_responder, a_responder_that_the_ca_makes_is_renewed_at_two_thirds_of_its_life)
{
    status_place_begin();
    place.main.list_outcome = ISSUER_LIST_UNCHANGED;
    status_begin(status);
    fakes_pass(100);
    cr_assert_not_null(status_place_view()->responder);
    EVP_PKEY *key = X509_get_pubkey(status_place_view()->responder->certificate);
    int64_t from = status_place_view()->responder->not_before, to = status_place_view()->responder->not_after;
    fake_clock_set((from + (to - from) * 2 / 3 - 70) * 1000);
    fakes_pass(61 * 1000);
    cr_expect(shows(key));
    fakes_pass(61 * 1000);
    cr_expect_not(shows(key));
    cr_expect_not_null(status_place_view()->responder);
    EVP_PKEY_free(key);
    status_place_end();
}

Test(status_responder, a_responder_of_a_second_provisioner_is_kept_beside_the_database)
{
    status_place_begin();
    place.main.issuer->ocsp.issuer = place.main.issuer;
    place.main.gives = FAKE_CA_RESPONDER;
    status_begin(status);
    fakes_pass(100);
    cr_assert_not_null(status_place_view()->responder);
    EVP_PKEY *key = X509_get_pubkey(status_place_view()->responder->certificate);
    cr_expect_eq(place.main.signs, 1);
    fakes_pass(10 * MINUTE_MS);
    cr_expect_eq(place.main.signs, 1);
    status_place_close();
    status_place_open();
    status_begin(status);
    fakes_pass(100);
    cr_expect(shows(key));
    cr_expect_eq(place.main.signs, 1);
    EVP_PKEY_free(key);
    status_place_end();
}

Test(status_responder, one_that_is_unfit_is_rejected_and_no_other_is_asked_for_in_an_hour)
{
    status_place_begin();
    place.main.issuer->ocsp.issuer = place.main.issuer;
    status_begin(status);
    fakes_pass(100);
    cr_expect_null(status_place_view()->responder);
    cr_expect_eq(rejected_count, 1);
    cr_expect(rejected_why != NULL && rejected_why[0] != '\0');
    fakes_pass(59 * MINUTE_MS);
    cr_expect_eq(place.main.signs, 1);
    place.main.gives = FAKE_CA_RESPONDER;
    fakes_pass(2 * MINUTE_MS);
    cr_expect_eq(place.main.signs, 2);
    cr_expect_not_null(status_place_view()->responder);
    cr_expect_eq(rejected_count, 1);
    status_place_end();
}

Test(status_responder, a_second_provisioner_that_fails_is_asked_again)
{
    status_place_begin();
    place.main.issuer->ocsp.issuer = place.main.issuer;
    place.main.answer = (struct issuer_result){.outcome = ISSUER_REFUSED, .message = "no"};
    status_begin(status);
    fakes_settle();
    status_place_until_more(&place.main.signs);
    for (int64_t wait_ms = 2000; wait_ms <= 32000; wait_ms *= 2) {
        int64_t waited = status_place_until_more(&place.main.signs);
        cr_expect(waited >= wait_ms && waited <= wait_ms * 3 / 2 + 10, "%lld: %lld", (long long)wait_ms,
                  (long long)waited);
    }
    cr_expect_eq(rejected_count, 0);
    status_place_end();
}

Test(status_responder, nobody_makes_a_responder_where_none_is_configured)
{
    status_place_begin();
    place.main.operations.make_responder = NULL;
    status_begin(status);
    fakes_pass(100);
    cr_expect_not(status_place_view()->wants_responder);
    cr_expect_null(status_place_view()->responder);
    place.main.operations.make_responder = place.main.own->make_responder;
    fakes_pass(MINUTE_MS);
    cr_expect(status_place_view()->wants_responder);
    cr_expect_not_null(status_place_view()->responder);
    status_place_end();
}

static char warnings[4096];

static void note_warning(struct bytes line)
{
    size_t n = strlen(warnings);
    if (memmem(line.p, line.n, "OCSP responder: ", strlen("OCSP responder: ")) != NULL)
        snprintf(warnings + n, sizeof warnings - n, "%.*s", (int)line.n, (const char *)line.p);
}

static bool make_none(struct issuer *issuer, struct arena *arena, EVP_PKEY *key, struct bytes *chain_pem,
                      struct fault *fault)
{
    (void)issuer;
    (void)arena;
    (void)key;
    (void)chain_pem;
    return fault_set(fault, "the key of the CA is away");
}

/* An operator who reads one line of it knows; a line a minute would be in the way of others. */
Test(status_responder, why_there_is_none_is_told_once)
{
    status_place_begin();
    place.main.operations.make_responder = make_none;
    fake_log_listen(note_warning);
    status_begin(status);
    fakes_pass(10 * MINUTE_MS);
    cr_expect_null(status_place_view()->responder);
    static const char words[] = "issuer main: OCSP responder: the key of the CA is away";
    const char *told = strstr(warnings, words);
    cr_assert_not_null(told, "%s", warnings);
    cr_expect_null(strstr(told + strlen(words), words), "%s", warnings);
    cr_expect_null(strstr(warnings, "issuer spare"), "%s", warnings);
    fake_log_listen(NULL);
    status_place_end();
}

/* The operator finds the certificate that is being revoked by its serial number, where it has one. */
Test(status_responder, an_unfit_one_is_told_with_its_serial_number)
{
    static const struct {
        enum fake_ca_certificate gives;
        bool has_serial;
    } cases[] = {{FAKE_CA_FITTING, true}, {FAKE_CA_UNREADABLE, false}};
    static const char words[] = ", which is being revoked; another is requested in an hour)";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        status_place_begin();
        place.main.issuer->ocsp.issuer = place.main.issuer;
        place.main.gives = cases[i].gives;
        warnings[0] = '\0';
        fake_log_listen(note_warning);
        status_begin(status);
        fakes_pass(MINUTE_MS);
        fake_log_listen(NULL);
        cr_expect_eq(rejected_count, 1, "%zu", i);
        cr_expect_str_neq(warnings, "", "%zu", i);
        cr_expect_eq(strstr(warnings, " (certificate ") != NULL, cases[i].has_serial, "%zu: %s", i, warnings);
        cr_expect_eq(strstr(warnings, words) != NULL, cases[i].has_serial, "%zu: %s", i, warnings);
        status_place_end();
    }
}

Test(status_responder, nobody_has_none)
{
    status_free(NULL);
}
