/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting what is old: a pass at the start and each hour, in steps, unless the clock is in doubt. */
#include "gateway/housekeeping/retention.h"

#include "gateway/runtime/clock.h"
#include "jobs_place.h"
#include "leaks.h"
#include "store/events.h"

LEAK_CHECKED_SUITE(retention_work);

enum { DAY_S = 86400, HOUR_MS = 3600 * 1000 };

static struct jobs_place place;
static struct retention_work *work;

static void begin(int64_t keep_events_s)
{
    struct config *config = arena_alloc(place.place.arena, sizeof *config);
    *config = *place.config;
    config->versions = NULL;
    config->retention_events_s = keep_events_s;
    config->retention_orders_s = config->retention_certificates_s = 0;
    work = retention_start(&(struct retention_parts){config, place.store, place.outbound});
}

static void end(void)
{
    fake_agenda_clear();
    retention_free(work);
    jobs_place_end(&place);
}

static void add_event(int64_t at)
{
    make_event(&place.database, (struct event){.type = EVENT_ORDER_CREATED, .at = at});
}

static int64_t events_left(void)
{
    return jobs_place_number(&place, "SELECT count(*) FROM events");
}

Test(retention_work, what_is_older_than_it_is_kept_goes_and_the_rest_stays)
{
    static const struct {
        int64_t keep_s, left;
    } cases[] = {{0, 3}, {DAY_S, 1}, {3 * DAY_S, 2}, {30 * DAY_S, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jobs_place_begin(&place);
        add_event(NOW - 4 * DAY_S);
        add_event(NOW - 2 * DAY_S);
        add_event(NOW - 60);
        begin(cases[i].keep_s);
        fakes_pass(5000);
        cr_expect_eq(events_left(), cases[i].left, "%zu: %lld", i, (long long)events_left());
        end();
    }
}

Test(retention_work, a_pass_follows_each_hour)
{
    jobs_place_begin(&place);
    add_event(NOW - DAY_S + 600);
    add_event(NOW - 60);
    begin(DAY_S);
    fakes_pass(HOUR_MS - 20000);
    cr_expect_eq(events_left(), 2);
    fakes_pass(30000);
    cr_expect_eq(events_left(), 1);
    end();
}

/* A step that the store did not take is made again with the next pass. */
Test(retention_work, a_step_that_was_not_kept_is_made_again)
{
    jobs_place_begin(&place);
    add_event(NOW - 2 * DAY_S);
    add_event(NOW - 60);
    fake_store_fail(1);
    begin(DAY_S);
    fakes_pass(60000);
    cr_expect_eq(events_left(), 2);
    fakes_pass(HOUR_MS);
    cr_expect_eq(events_left(), 1);
    end();
}

Test(retention_work, nothing_goes_while_another_gateway_leads)
{
    jobs_place_begin(&place);
    add_event(NOW - 2 * DAY_S);
    add_event(NOW - 60);
    database_run(&place.database, "UPDATE gateways SET number = 2;"
                                  "INSERT INTO gateways (name, version, started_at, seen_at, number, state)"
                                  " VALUES ('other', '1', 1, 1, 1, 'serving')");
    begin(DAY_S);
    fakes_pass(60000);
    cr_expect_eq(events_left(), 2);
    database_run(&place.database, "UPDATE gateways SET state = 'gone' WHERE name = 'other'");
    fakes_pass(HOUR_MS);
    cr_expect_eq(events_left(), 1);
    end();
}

/* Everything looks old to a host that boots years ahead of its time. The newest event stays, whatever the
 * clock says. */
Test(retention_work, nothing_goes_while_the_clock_is_in_doubt)
{
    static const struct {
        int64_t ahead_s, left;
    } cases[] = {{20 * DAY_S, 1}, {40 * DAY_S, 2}, {400 * DAY_S, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jobs_place_begin(&place);
        add_event(NOW - DAY_S);
        add_event(NOW - 60);
        fake_clock_jump(cases[i].ahead_s * 1000);
        begin(DAY_S);
        fakes_pass(5000);
        cr_expect_eq(events_left(), cases[i].left, "%zu: %lld", i, (long long)events_left());
        end();
    }
}

static size_t warnings;

static void count_warning(struct bytes line)
{
    const char *text = arena_string(place.place.arena, line);
    if (strstr(text, "nothing is deleted until the server has run for a day") == NULL)
        return;
    warnings++;
    cr_expect(strstr(text, "the newest event before today is 40 days old") != NULL, "%s", text);
}

/* Each hour there is a pass that deletes nothing. */
Test(retention_work, the_doubt_is_told_once_with_the_age_of_the_newest_event)
{
    for (int in_doubt = 0; in_doubt <= 1; in_doubt++) {
        jobs_place_begin(&place);
        add_event(NOW - 60);
        if (in_doubt)
            fake_clock_jump((int64_t)40 * DAY_S * 1000);
        warnings = 0;
        fake_log_listen(count_warning);
        begin(DAY_S);
        fakes_pass(3 * HOUR_MS);
        fake_log_listen(NULL);
        cr_expect_eq(warnings, in_doubt, "%zu", warnings);
        end();
    }
}
