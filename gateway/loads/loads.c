/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loads/loads.h"

#include <stdlib.h>

#include "gateway/runtime/crash_record.h"

/* A load that a reader's thread runs. */
struct elsewhere {
    struct readers_load reading; /* first */
    struct outbound_message message;
    struct elsewhere *next, **link; /* those under way */
    struct loads *loads;
    void (*load)(void *work, struct store_reader *reader);
    void (*then)(void *work);
    void *work;
    int64_t owner; /* the object that it is for */
};

struct loads {
    struct outbound *outbound;
    struct readers *readers;     /* NULL: the outbound thread reads itself */
    struct store_reader *reader; /* with this one */
    struct elsewhere *first;     /* under way; the outbound thread's */
};

struct loads *loads_new(const struct store_location *location, struct outbound *outbound,
                        struct readers *readers, struct fault *fault)
{
    struct loads *loads = calloc(1, sizeof *loads);
    if (loads == NULL)
        end_without("memory");
    loads->outbound = outbound;
    loads->readers = readers;
    if (readers != NULL)
        return loads;
    loads->reader = store_reader_open(location, fault);
    if (loads->reader != NULL)
        return loads;
    free(loads);
    return NULL;
}

/* ---- elsewhere ---- */

static void enter(struct loads *loads, struct elsewhere *elsewhere)
{
    elsewhere->next = loads->first;
    elsewhere->link = &loads->first;
    if (elsewhere->next != NULL)
        elsewhere->next->link = &elsewhere->next;
    loads->first = elsewhere;
}

static void leave(struct elsewhere *elsewhere)
{
    *elsewhere->link = elsewhere->next;
    if (elsewhere->next != NULL)
        elsewhere->next->link = elsewhere->link;
}

static void load_elsewhere(struct readers_load *reading, struct store_reader *reader)
{
    struct elsewhere *elsewhere = (struct elsewhere *)reading;
    int64_t before = crash_record_set_owner(elsewhere->owner);
    elsewhere->load(elsewhere->work, reader);
    crash_record_set_owner(before);
}

static void go_on(struct outbound_message *message)
{
    struct elsewhere *elsewhere = (struct elsewhere *)((char *)message - offsetof(struct elsewhere, message));
    leave(elsewhere);
    int64_t before = crash_record_set_owner(elsewhere->owner);
    elsewhere->then(elsewhere->work);
    crash_record_set_owner(before);
    free(elsewhere);
}

static void post_back(struct readers_load *reading, bool loaded)
{
    struct elsewhere *elsewhere = (struct elsewhere *)reading;
    (void)loaded;
    outbound_post(elsewhere->loads->outbound, &elsewhere->message);
}

static void run_elsewhere(struct loads *loads, const struct elsewhere *what)
{
    struct elsewhere *elsewhere = malloc(sizeof *elsewhere);
    if (elsewhere == NULL)
        end_without("memory");
    *elsewhere = *what;
    enter(loads, elsewhere);
    if (!readers_submit(loads->readers, READERS_OTHER, &elsewhere->reading))
        post_back(&elsewhere->reading, false);
}

/* ---- for all ---- */

void loads_run(struct loads *loads, void (*load)(void *work, struct store_reader *reader),
               void (*then)(void *work), void *work)
{
    if (loads->readers != NULL) {
        run_elsewhere(loads, &(struct elsewhere){.reading = {.load = load_elsewhere, .done = post_back},
                                                 .message = {.run = go_on},
                                                 .loads = loads,
                                                 .load = load,
                                                 .then = then,
                                                 .work = work,
                                                 .owner = crash_record_owner()});
        return;
    }
    load(work, loads->reader);
    then(work);
}

void loads_stop(struct loads *loads)
{
    if (loads == NULL)
        return;
    store_reader_close(loads->reader);
    loads->reader = NULL;
}

void loads_free(struct loads *loads)
{
    if (loads == NULL)
        return;
    for (struct elsewhere *elsewhere; (elsewhere = loads->first) != NULL;) {
        leave(elsewhere);
        free(elsewhere);
    }
    free(loads);
}
