#include "gateway/retention.h"

#include <stdlib.h>

#include "gateway/log.h"
#include "store/retention.h"

enum { PASS_EVERY_MS = 3600 * 1000, STEP_PAUSE_MS = 50 };

struct retention_work {
    struct store_operation operation; /* first */
    struct server *server;
    struct outbound_message message;
    struct outbound_timer timer;
    struct retention retention;
    struct retention_pass pass;
    struct retention_pass next; /* as the step under way leaves it */
    enum store_outcome outcome;
};

static int64_t before(int64_t now, int64_t keep_s)
{
    return keep_s == 0 ? 0 : now - keep_s;
}

static void begin_pass(struct retention_work *work)
{
    const struct config *config = work->server->config;
    int64_t now = clock_now();
    work->retention = (struct retention){.orders_before = before(now, config->retention_orders_s),
                                         .certificates_before = before(now, config->retention_certificates_s),
                                         .events_before = before(now, config->retention_events_s),
                                         .now = now};
}

static enum store_apply_result apply_step(struct store_operation *operation, struct store_session *session)
{
    struct retention_work *work = (struct retention_work *)operation;
    work->next = work->pass;
    return store_retention_step(session, &work->retention, &work->next) == STORE_OK ? STORE_APPLIED
                                                                                    : STORE_DISCARD;
}

static void tell(const struct retention_pass *pass)
{
    if (pass->orders + pass->authorizations + pass->certificates + pass->events + pass->pages > 0)
        log_info("retention: deleted %lld orders, %lld authorizations, %lld certificates, %lld events; gave "
                 "back %lld "
                 "pages of the database",
                 (long long)pass->orders, (long long)pass->authorizations, (long long)pass->certificates,
                 (long long)pass->events, (long long)pass->pages);
}

/* On the outbound thread. A step that was not kept is made again with the next pass. */
static void on_step_here(struct outbound_message *message)
{
    struct retention_work *work =
        (struct retention_work *)((char *)message - offsetof(struct retention_work, message));
    bool kept = work->outcome == STORE_COMMITTED;
    if (kept)
        work->pass = work->next;
    bool over = !kept || work->pass.finished;
    if (over) {
        tell(&work->pass);
        work->pass = (struct retention_pass){0};
    }
    outbound_timer_set(work->server->outbound, &work->timer, over ? PASS_EVERY_MS : STEP_PAUSE_MS);
}

static void on_step(struct store_operation *operation, enum store_outcome outcome)
{
    struct retention_work *work = (struct retention_work *)operation;
    work->outcome = outcome;
    outbound_post(work->server->outbound, &work->message);
}

static void run_step(void *argument)
{
    struct retention_work *work = argument;
    if (work->pass.stage == 0 && work->pass.after == 0)
        begin_pass(work);
    work->operation = (struct store_operation){.apply = apply_step, .done = on_step};
    store_submit(work->server->store, &work->operation);
}

static void run_begin(struct outbound_message *message)
{
    struct retention_work *work =
        (struct retention_work *)((char *)message - offsetof(struct retention_work, message));
    work->message.run = on_step_here;
    run_step(work);
}

struct retention_work *retention_start(struct server *server)
{
    struct retention_work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        abort();
    work->server = server;
    work->timer = (struct outbound_timer){.run = run_step, .argument = work};
    work->message.run = run_begin;
    outbound_post(server->outbound, &work->message);
    return work;
}

void retention_free(struct retention_work *work)
{
    free(work);
}
