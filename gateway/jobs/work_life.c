/* Its beginning and its end, and the kinds of work that there are. */
#include <stdlib.h>

#include "acme/base/thread.h"
#include "gateway/jobs/work_internal.h"
#include "gateway/runtime/log.h"

enum {
    STOP_WAIT_MS = 15 * 1000,
    MAX_VALIDATIONS = VALIDATIONS_AT_ONCE_MAX,
    MAX_ISSUANCES = 1024,
    MAX_REVOCATIONS = 256,
};

_Static_assert((int)VALIDATIONS_AT_ONCE_MAX <= (int)WORK_SHARES_SLOTS_MAX, "each has its share");
_Static_assert(MAX_VALIDATIONS + MAX_ISSUANCES + WORK_DRAFTS_MAX + MAX_REVOCATIONS <= WORK_SET_SLOTS / 2,
               "the set stays half empty");
_Static_assert(MAX_ISSUANCES + WORK_DRAFTS_MAX + MAX_REVOCATIONS < WORK_LOOK_IDS,
               "a look sees past what is under way");

struct work *work_new(const struct work_parts *parts, char why[static 256])
{
    struct work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        end_without("memory");
    struct store_error error;
    work->parts = *parts;
    work->session = store_session_open(parts->config->database, &error);
    if (work->session == NULL) {
        snprintf(why, 256, "%.250s", error.message);
        free(work);
        return NULL;
    }
    work->wake.run = work_on_wake;
    work->timer = (struct outbound_timer){.run = work_on_tick, .argument = work};
    work->kinds[WORK_VALIDATION] =
        (struct work_kind){.name = "challenges",
                           .due_bit = WORK_DUE_CHALLENGES,
                           .take = work_validation_take,
                           .shares = &work->validation_shares,
                           .max_under_way = (size_t)parts->config->validation.max_concurrent};
    work->validation_shares.slots = work->kinds[WORK_VALIDATION].max_under_way;
    work->kinds[WORK_ISSUANCE] = (struct work_kind){.name = "orders",
                                                    .due_bit = WORK_DUE_ORDERS,
                                                    .take = work_issuance_take,
                                                    .begin = work_issuance_begin,
                                                    .max_under_way = MAX_ISSUANCES};
    work->kinds[WORK_REVOCATION] = (struct work_kind){.name = "revocations",
                                                      .due_bit = WORK_DUE_REVOCATIONS,
                                                      .take = work_revocation_take,
                                                      .begin = work_revocation_begin,
                                                      .max_under_way = MAX_REVOCATIONS};
    pthread_mutex_init(&work->stop_lock, NULL);
    pthread_cond_init(&work->stop_changed, NULL);
    return work;
}

struct life_message {
    struct outbound_message message;
    struct work *work;
};

static void post_life(struct work *work, void (*run)(struct outbound_message *))
{
    struct life_message *life = calloc(1, sizeof(*life));
    if (life == NULL)
        end_without("memory");
    *life = (struct life_message){{.run = run}, work};
    outbound_post(work->parts.outbound, &life->message);
}

static void run_begin(struct outbound_message *message)
{
    struct work *work = ((struct life_message *)message)->work;
    free(message);
    work_on_tick(work);
}

void work_begin(struct work *work)
{
    post_life(work, run_begin);
}

static void run_stop(struct outbound_message *message)
{
    struct work *work = ((struct life_message *)message)->work;
    free(message);
    work->stopping = true;
    outbound_timer_cancel(work->parts.outbound, &work->timer);
    if (work->set.count == 0)
        work_tell_stopped(work);
}

static void run_silence(struct outbound_message *message)
{
    struct work *work = ((struct life_message *)message)->work;
    free(message);
    work->silent = true;
    work_tell_stopped(work);
}

static bool wait_stopped(struct work *work)
{
    const struct timespec deadline = thread_deadline(STOP_WAIT_MS);
    pthread_mutex_lock(&work->stop_lock);
    while (!work->stopped && thread_wait_until(&work->stop_changed, &work->stop_lock, &deadline))
        ;
    bool stopped = work->stopped;
    work->stopped = false;
    pthread_mutex_unlock(&work->stop_lock);
    return stopped;
}

void work_stop(struct work *work)
{
    post_life(work, run_stop);
    if (!wait_stopped(work))
        log_warning("stopping with work under way; the next start takes it up again");
    post_life(work, run_silence);
    if (!wait_stopped(work))
        log_warning("the outbound thread does not answer");
}

void work_drop(struct work *work)
{
    if (work != NULL)
        work_drop_items(work);
}

void work_free(struct work *work)
{
    if (work == NULL)
        return;
    store_session_close(work->session);
    pthread_mutex_destroy(&work->stop_lock);
    pthread_cond_destroy(&work->stop_changed);
    free(work);
}
