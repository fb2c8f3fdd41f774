/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/housekeeping/retention.h"

#include <stdlib.h>
#include <time.h>

#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "store/gateways.h"
#include "store/retention.h"

enum { PASS_EVERY_MS = 3600 * 1000, STEP_PAUSE_MS = 50 };

/* A host may boot with a clock that is years ahead; everything then looks expired. */
enum { GAP_MAX_S = 30 * 86400, TRUSTED_AFTER_S = 86400 };

struct retention_work {
    struct store_operation operation; /* first */
    struct retention_parts parts;
    struct outbound_message message;
    struct outbound_timer timer;
    struct retention retention;
    struct retention_pass pass;
    struct retention_pass next; /* as the step in progress leaves it */
    enum store_outcome outcome;
    bool failed;       /* the step failed, not its commit */
    int64_t last_seen; /* not 0: it is so long ago that the clock is not trusted yet */
    int64_t started_s; /* by the monotonic clock */
    bool doubt_told;
};

static int64_t monotonic_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

static int64_t before(int64_t now, int64_t keep_s)
{
    return keep_s == 0 ? 0 : now - keep_s;
}

static void begin_pass(struct retention_work *work)
{
    const struct config *config = config_now(work->parts.config);
    int64_t now = clock_now();
    work->retention = (struct retention){.orders_before = before(now, config->retention_orders_s),
                                         .certificates_before = before(now, config->retention_certificates_s),
                                         .events_before = before(now, config->retention_events_s),
                                         .now = now};
}

static bool is_beginning(const struct retention_pass *pass)
{
    return pass->stage == 0 && pass->after == 0;
}

/* Compares the clock with the newest times in the database. When the gap is too large, `last_seen` is set and
 * nothing is deleted. */
static enum store_result look_at_clock(struct retention_work *work, struct store_reader *reader)
{
    int64_t at, now = work->retention.now;
    enum store_result result = store_retention_last_seen(reader, now, &at);
    bool doubtful = result == STORE_OK && at != 0 && now - at > GAP_MAX_S &&
                    monotonic_s() - work->started_s < TRUSTED_AFTER_S;
    work->last_seen = doubtful ? at : 0;
    work->next.finished = doubtful;
    return result;
}

/* Another gateway does it when it leads, also in the midst of a pass. */
static enum store_result look_who_leads(struct retention_work *work, struct store_writer *writer)
{
    bool leads = false;
    enum store_result result = store_gateway_leads(writer, &leads);
    work->next.finished = !leads;
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}

static enum store_apply_result apply_step(struct store_operation *operation, struct store_writer *writer)
{
    struct retention_work *work = (struct retention_work *)operation;
    work->next = work->pass;
    enum store_result result = look_who_leads(work, writer);
    if (result == STORE_OK && !work->next.finished && is_beginning(&work->pass))
        result = look_at_clock(work, store_reader_of(writer));
    if (result == STORE_OK && !work->next.finished)
        result = store_retention_step(writer, &work->retention, &work->next);
    work->failed = result != STORE_OK;
    return work->failed ? STORE_DISCARD : STORE_APPLIED;
}

static void tell_doubt(struct retention_work *work)
{
    if (work->last_seen == 0 || work->doubt_told)
        return;
    work->doubt_told = true;
    log_warning("retention: nothing is deleted until the server has run for a day: the newest event before "
                "today is %lld days old. Is the clock right?",
                (long long)((work->retention.now - work->last_seen) / 86400));
}

static void tell(const struct retention_pass *pass)
{
    if (pass->orders + pass->authorizations + pass->certificates + pass->events + pass->gateways +
            pass->pages >
        0)
        log_info("retention: deleted %lld orders, %lld authorizations, %lld certificates, %lld events, %lld "
                 "gateways; gave back %lld pages of the database",
                 (long long)pass->orders, (long long)pass->authorizations, (long long)pass->certificates,
                 (long long)pass->events, (long long)pass->gateways, (long long)pass->pages);
}

/* On the outbound thread. A step that was not committed, without a fault of its rows, is repeated with the
 * next pass. */
static void on_step_here(struct outbound_message *message)
{
    struct retention_work *work =
        (struct retention_work *)((char *)message - offsetof(struct retention_work, message));
    bool kept = work->outcome == STORE_COMMITTED && !work->failed;
    bool goes_on = kept || (work->failed && store_retention_go_on(&work->pass, &work->next));
    if (kept)
        work->pass = work->next;
    bool over = !goes_on || work->pass.finished;
    if (over) {
        tell_doubt(work);
        tell(&work->pass);
        work->pass = (struct retention_pass){0};
    }
    outbound_timer_set(work->parts.outbound, &work->timer, over ? PASS_EVERY_MS : STEP_PAUSE_MS);
}

static void on_step(struct store_operation *operation, enum store_outcome outcome)
{
    struct retention_work *work = (struct retention_work *)operation;
    work->outcome = outcome;
    outbound_post(work->parts.outbound, &work->message);
}

static void run_step(void *argument)
{
    struct retention_work *work = argument;
    if (is_beginning(&work->pass))
        begin_pass(work);
    work->operation = (struct store_operation){.apply = apply_step, .done = on_step};
    store_submit(work->parts.store, &work->operation);
}

static void run_begin(struct outbound_message *message)
{
    struct retention_work *work =
        (struct retention_work *)((char *)message - offsetof(struct retention_work, message));
    work->message.run = on_step_here;
    run_step(work);
}

struct retention_work *retention_start(const struct retention_parts *parts)
{
    struct retention_work *work = calloc(1, sizeof *work);
    if (work == NULL)
        end_without("memory");
    work->parts = *parts;
    work->started_s = monotonic_s();
    work->timer = (struct outbound_timer){.run = run_step, .argument = work};
    work->message.run = run_begin;
    outbound_post(parts->outbound, &work->message);
    return work;
}

void retention_free(struct retention_work *work)
{
    free(work);
}
