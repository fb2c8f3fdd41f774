/* SPDX-License-Identifier: Apache-2.0 */
#include "status_place.h"

struct jobs_place place;
struct status *status;
struct status_reader *reader;
size_t rejected_count;
const char *rejected_why;

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

void status_place_open(void)
{
    struct fault fault;
    const struct status_parts parts = {
        .config = place.config,
        .location = place.database.location,
        .store = place.store,
        .outbound = place.outbound,
        .loads = place.loads,
        .issuers = place.issuers,
        .own_intermediates = no_intermediates,
        .rejected = note_rejected,
    };
    status = status_new(&parts, &fault);
    cr_assert(status != NULL, "%s", fault.message);
    reader = status_reader_new(status);
}

void status_place_close(void)
{
    fakes_pass(100);
    fake_agenda_clear();
    status_reader_free(reader);
    status_free(status);
}

void status_place_begin(void)
{
    jobs_place_begin(&place);
    rejected_count = 0;
    status_place_open();
}

void status_place_end(void)
{
    status_place_close();
    place.main.issuer->ocsp = (struct issuer_ocsp){0};
    jobs_place_end(&place);
}

const struct status_view *status_place_view(void)
{
    return status_view(reader, BYTES_LITERAL("main"));
}

int64_t status_place_until_more(const size_t *count)
{
    int64_t began = fake_clock_steady_ms();
    size_t before = *count;
    while (*count == before && fake_agenda_advance(10 * MINUTE_MS))
        fakes_settle();
    return fake_clock_steady_ms() - began;
}

int64_t status_place_until_next_look(void)
{
    return status_place_until_more(&place.main.lists);
}
