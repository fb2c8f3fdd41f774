/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <openssl/ocsp.h>
#include <stdlib.h>

#include "gateway/status/status_internal.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(status_view);

enum { NOW = 1000, MORE_THAN_ENOUGH = 1000 };

static size_t sign(struct status_reader *reader, int64_t now, bool known, size_t times)
{
    size_t signed_ones = 0;
    for (size_t i = 0; i < times; i++)
        signed_ones += status_may_sign_slowly(reader, now, known);
    return signed_ones;
}

Test(status_view, numbers_that_are_made_up_leave_slow_signatures_to_certificates)
{
    struct status status = {0};
    struct status_reader *reader = status_reader_new(&status);
    size_t all = sign(reader, NOW, true, MORE_THAN_ENOUGH);
    cr_expect_eq(sign(reader, NOW, false, MORE_THAN_ENOUGH), 0);
    size_t unknown = sign(reader, NOW + 1, false, MORE_THAN_ENOUGH);
    cr_expect_gt(unknown, 0);
    cr_expect_geq(all - unknown, 20, "%zu of %zu", unknown, all);
    cr_expect_eq(sign(reader, NOW + 1, true, MORE_THAN_ENOUGH), all - unknown);
    cr_expect_eq(sign(reader, NOW + 2, true, all), all, "the next second begins anew");
    status_reader_free(reader);
}

/* ---- responses made before ---- */

enum { ASKED_OFTEN = 100, MADE_UP = 20000 };

static void free_id(void *id)
{
    OCSP_CERTID_free(id);
}

static struct ocsp_question question(struct arena *arena, long number)
{
    X509_NAME *name = X509_NAME_new();
    ASN1_BIT_STRING *key = ASN1_BIT_STRING_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    cr_assert_eq(ASN1_INTEGER_set(serial, number), 1);
    OCSP_CERTID *id = OCSP_cert_id_new(EVP_sha1(), name, key, serial);
    cr_assert_not_null(id);
    arena_on_free(arena, free_id, id);
    X509_NAME_free(name);
    ASN1_BIT_STRING_free(key);
    ASN1_INTEGER_free(serial);
    return (struct ocsp_question){.id = id};
}

static struct ocsp_response response_of(struct arena *arena, long number)
{
    return (struct ocsp_response){.der = bytes_from_string(arena_printf(arena, "response %ld", number)),
                                  .next_update = NOW + 2000,
                                  .is_for_anyone = true};
}

static void keep_at(struct status_reader *reader, long number, bool known, int64_t now)
{
    struct arena *arena = arena_new();
    struct ocsp_question asked = question(arena, number);
    struct ocsp_response response = response_of(arena, number);
    response.next_update += now - NOW;
    status_response_keep(reader, &asked, known, now, &response);
    arena_free(arena);
}

static void keep(struct status_reader *reader, long number, bool known)
{
    keep_at(reader, number, known, NOW);
}

static bool finds(struct status_reader *reader, long number, int64_t now)
{
    struct arena *arena = arena_new();
    struct ocsp_question asked = question(arena, number);
    struct ocsp_response kept;
    bool found = status_response_find(reader, &asked, now, &kept);
    cr_expect(!found || bytes_equal(kept.der, response_of(arena, number).der), "%ld", number);
    arena_free(arena);
    return found;
}

static size_t found_from(struct status_reader *reader, long first, long count, int64_t now)
{
    size_t found = 0;
    for (long i = 0; i < count; i++)
        found += finds(reader, first + i, now);
    return found;
}

struct reading {
    struct status status;
    struct status_source source;
    struct status_reader *reader;
};

/* One issuer, whose view is the last. */
static struct reading *read_one(void)
{
    struct reading *reading = calloc(1, sizeof *reading);
    reading->source = (struct status_source){.id = "main", .version = 1};
    pthread_mutex_init(&reading->source.lock, NULL);
    reading->status = (struct status){.first = &reading->source};
    reading->reader = status_reader_new(&reading->status);
    cr_assert_not_null(status_view(reading->reader, BYTES_LITERAL("main")));
    return reading;
}

static void end_reading(struct reading *reading)
{
    status_reader_free(reading->reader);
    pthread_mutex_destroy(&reading->source.lock);
    free(reading);
}

Test(status_view, S7_made_up_numbers_push_out_no_response_about_a_certificate)
{
    struct reading *reading = read_one();
    for (long i = 0; i < ASKED_OFTEN; i++)
        keep(reading->reader, i, true);
    size_t kept = found_from(reading->reader, 0, ASKED_OFTEN, NOW);
    cr_expect_geq(kept, ASKED_OFTEN - 2);
    for (long i = 0; i < MADE_UP; i++)
        keep(reading->reader, ASKED_OFTEN + i, false);
    cr_expect_eq(found_from(reading->reader, 0, ASKED_OFTEN, NOW), kept);
    cr_expect_gt(found_from(reading->reader, ASKED_OFTEN, MADE_UP, NOW), 700, "they share what is free");
    end_reading(reading);
}

Test(status_view, responses_that_are_asked_for_stay)
{
    struct reading *reading = read_one();
    keep(reading->reader, 0, true);
    for (long i = 1; i < MADE_UP; i++) {
        keep(reading->reader, i, true);
        cr_assert(finds(reading->reader, 0, NOW), "%ld", i);
    }
    cr_expect_not(finds(reading->reader, 0, NOW + 1000), "half its life is over");
    keep(reading->reader, 0, true);
    cr_expect(finds(reading->reader, 0, NOW));
    end_reading(reading);
}

/* Two readers put the same questions into different places. */
Test(status_view, S7_nobody_can_choose_places)
{
    struct reading *one = read_one(), *two = read_one();
    for (long i = 0; i < MADE_UP / 4; i++) {
        keep(one->reader, i, true);
        keep(two->reader, i, true);
    }
    size_t alike = 0, kept = 0;
    for (long i = 0; i < MADE_UP / 4; i++) {
        bool of_one = finds(one->reader, i, NOW);
        kept += of_one;
        alike += of_one && finds(two->reader, i, NOW);
    }
    cr_expect_gt(kept, 900);
    cr_expect_lt(alike, kept - 50, "%zu of %zu", alike, kept);
    end_reading(one);
    end_reading(two);
}

/* A made-up number takes the place of another made-up one, and of a response that is over. */
Test(status_view, a_made_up_number_has_the_places_that_certificates_leave)
{
    static const struct {
        bool known;
        int64_t now;
        bool kept;
    } cases[] = {
        {false, NOW, true},
        {true, NOW, false},
        {true, NOW + 999, false},
        {true, NOW + 1000, true}, /* half its life is over */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reading *reading = read_one();
        for (long number = 0; number < MADE_UP; number++)
            keep(reading->reader, number, cases[i].known);
        keep_at(reading->reader, MADE_UP, false, cases[i].now);
        cr_expect_eq(finds(reading->reader, MADE_UP, cases[i].now), cases[i].kept, "%zu", i);
        end_reading(reading);
    }
}

Test(status_view, one_about_a_certificate_takes_the_place_of_a_made_up_number)
{
    struct reading *reading = read_one();
    for (long i = 0; i < ASKED_OFTEN; i++)
        keep(reading->reader, i, true);
    size_t kept = found_from(reading->reader, 0, ASKED_OFTEN, NOW);
    for (long i = 0; i < MADE_UP; i++)
        keep(reading->reader, ASKED_OFTEN + i, false);
    long first = ASKED_OFTEN + MADE_UP;
    for (long i = 0; i < ASKED_OFTEN; i++)
        keep(reading->reader, first + i, true);
    cr_expect_geq(found_from(reading->reader, 0, ASKED_OFTEN, NOW), kept - 5, "though they are older");
    cr_expect_geq(found_from(reading->reader, first, ASKED_OFTEN, NOW), ASKED_OFTEN - 5);
    end_reading(reading);
}

Test(status_view, the_one_that_was_given_longest_ago_goes)
{
    struct reading *reading = read_one();
    for (long i = 0; i < MADE_UP; i++)
        keep(reading->reader, i, true);
    cr_expect_eq(found_from(reading->reader, 0, MADE_UP / 2, NOW), 0);
    cr_expect_geq(found_from(reading->reader, MADE_UP - 100, 100, NOW), 95);
    end_reading(reading);
}

/* As after its renewal, before the first one is over. */
Test(status_view, a_newer_response_to_a_question_takes_the_place_of_the_older)
{
    struct reading *reading = read_one();
    keep(reading->reader, 7, true);
    keep_at(reading->reader, 7, true, NOW + 500);
    cr_expect(finds(reading->reader, 7, NOW + 1499));
    cr_expect_not(finds(reading->reader, 7, NOW + 1500));
    end_reading(reading);
}
