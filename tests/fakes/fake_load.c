/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loads of requests, of the admin API and of the outbound thread. Readers of the real pool run them
 * (readers_submit, by --wrap) while this thread waits: at once with all that follows, or by the dice in a
 * turn of their own, so that other work comes between.
 */
#include <stdlib.h>

#include "dice.h"
#include "fakes.h"
#include "gateway/ca/issuers.h"
#include "gateway/loads/readers.h"
#include "surroundings.h"

/* The linker's names. */
bool __wrap_readers_submit(struct readers *readers, enum readers_for kind, struct readers_load *load);
bool __real_readers_submit(struct readers *readers, enum readers_for kind, struct readers_load *load);
struct readers *__wrap_readers_new(const struct store_location *location, struct fault *fault);
struct readers *__real_readers_new(const struct store_location *location, struct fault *fault);
bool __wrap_store_reads_wait(const struct store_location *location);
struct issuer *__wrap_issuers_find(const struct issuers *issuers, const char *id);
struct issuer *__real_issuers_find(const struct issuers *issuers, const char *id);
struct issuer *__wrap_issuers_of_profile(const struct issuers *issuers, const char *profile,
                                         const struct profile_config **profile_out);
struct issuer *__real_issuers_of_profile(const struct issuers *issuers, const char *profile,
                                         const struct profile_config **profile_out);

static bool reads_do_not_wait;

void fake_reads_wait(bool wait)
{
    reads_do_not_wait = !wait;
}

bool __wrap_store_reads_wait(const struct store_location *location)
{
    (void)location;
    return !reads_do_not_wait;
}

/* ---- one load, on a reader's thread ---- */

struct run {
    struct readers_load reading; /* first */
    struct readers_load *load;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool loaded, ended;
};

static _Thread_local bool is_loading;

static void run_load(struct readers_load *reading, struct store_reader *reader)
{
    const struct run *run = (struct run *)reading;
    is_loading = true;
    run->load->load(run->load, reader);
    is_loading = false;
}

static void end_run(struct readers_load *reading, bool loaded)
{
    struct run *run = (struct run *)reading;
    pthread_mutex_lock(&run->lock);
    run->loaded = loaded;
    run->ended = true;
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static bool read_now(struct readers *readers, enum readers_for kind, struct readers_load *load)
{
    struct run run = {.reading = {.load = run_load, .done = end_run}, .load = load};
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    if (__real_readers_submit(readers, kind, &run.reading)) {
        pthread_mutex_lock(&run.lock);
        while (!run.ended)
            pthread_cond_wait(&run.changed, &run.lock);
        pthread_mutex_unlock(&run.lock);
    }
    pthread_mutex_destroy(&run.lock);
    pthread_cond_destroy(&run.changed);
    return run.loaded;
}

/* An issuer may be freed while a load has it. */
static void expect_no_load(const char *id)
{
    if (is_loading)
        verdict("a load looks for the issuer %s", id);
}

struct issuer *__wrap_issuers_find(const struct issuers *issuers, const char *id)
{
    expect_no_load(id);
    return __real_issuers_find(issuers, id);
}

struct issuer *__wrap_issuers_of_profile(const struct issuers *issuers, const char *profile,
                                         const struct profile_config **profile_out)
{
    expect_no_load(profile);
    return __real_issuers_of_profile(issuers, profile, profile_out);
}

/* ---- each reader has its connection from the beginning: a statement that fails is one of a load ---- */

struct opening {
    struct readers_load load; /* first */
    pthread_barrier_t *all_read, *all_end;
};

static void open_one(struct readers_load *load, struct store_reader *reader)
{
    (void)reader;
    pthread_barrier_wait(((struct opening *)load)->all_read);
}

static void end_opening(struct readers_load *load, bool loaded)
{
    if (!loaded)
        verdict("a reader cannot open the database");
    pthread_barrier_wait(((struct opening *)load)->all_end);
}

static void open_all(struct readers *readers)
{
    pthread_barrier_t all_read, all_end;
    struct opening openings[READERS_COUNT];
    pthread_barrier_init(&all_read, NULL, READERS_COUNT);
    pthread_barrier_init(&all_end, NULL, READERS_COUNT + 1);
    for (size_t i = 0; i < READERS_COUNT; i++) {
        openings[i] = (struct opening){{.load = open_one, .done = end_opening}, &all_read, &all_end};
        enum readers_for kind = i < READERS_FOR_CLIENTS ? READERS_CLIENT : READERS_OTHER;
        if (!__real_readers_submit(readers, kind, &openings[i].load))
            verdict("a reader takes no load");
    }
    pthread_barrier_wait(&all_end);
    pthread_barrier_destroy(&all_read);
    pthread_barrier_destroy(&all_end);
}

struct readers *__wrap_readers_new(const struct store_location *location, struct fault *fault)
{
    struct readers *readers = __real_readers_new(location, fault);
    if (readers != NULL)
        open_all(readers);
    return readers;
}

struct readers *fake_readers_new(const struct store_location *location)
{
    struct fault fault;
    struct readers *readers = reads_do_not_wait ? NULL : readers_new(location, &fault);
    if (readers == NULL && !reads_do_not_wait)
        verdict("%s", fault.message);
    return readers;
}

/* ---- the queue ---- */

struct waiting {
    struct waiting *next;
    struct readers *readers;
    enum readers_for kind;
    struct readers_load *load;
    bool loaded;
};

static struct waiting *first, **last = &first;
static struct waiting *holds[FAKE_LOADS_HELD];
static size_t hold_count;
static size_t loads_to_hindrance[FAKE_HINDRANCES];
static bool hindered[FAKE_HINDRANCES];
static bool at_once, held, all_held, ends_at_once;

void fake_loads_run_at_once(bool always)
{
    at_once = always;
}

void fake_loads_hinder(enum fake_hindrance how, size_t nth)
{
    loads_to_hindrance[how] = nth;
    hindered[how] = false;
}

bool fake_loads_hindered(enum fake_hindrance how)
{
    return hindered[how];
}

bool fake_load_ends_at_once(void)
{
    bool now = ends_at_once;
    ends_at_once = false;
    return now;
}

size_t fake_loads_waiting(void)
{
    return first != NULL;
}

static bool is_hindered(enum fake_hindrance how)
{
    bool is_the_one = loads_to_hindrance[how] != 0 && --loads_to_hindrance[how] == 0;
    hindered[how] = hindered[how] || is_the_one;
    return is_the_one;
}

static bool read_or_fail(struct readers *readers, enum readers_for kind, struct readers_load *load)
{
    return !is_hindered(FAKE_LOADS_AWAY) && read_now(readers, kind, load);
}

static void end_waiting(struct waiting *waiting)
{
    struct readers_load *load = waiting->load;
    bool loaded = waiting->loaded;
    free(waiting);
    load->done(load, loaded);
}

bool fake_loads_turn(void)
{
    struct waiting *waiting = first;
    if (waiting == NULL)
        return false;
    first = waiting->next;
    if (first == NULL)
        last = &first;
    waiting->loaded = read_or_fail(waiting->readers, waiting->kind, waiting->load);
    if (held && (all_held || waiting->kind == READERS_OTHER) && hold_count < FAKE_LOADS_HELD)
        holds[hold_count++] = waiting;
    else
        end_waiting(waiting);
    return true;
}

bool __wrap_readers_submit(struct readers *readers, enum readers_for kind, struct readers_load *load)
{
    if (is_hindered(FAKE_LOADS_FULL))
        return false;
    if (at_once || (!held && dice_chance(50))) {
        bool loaded = read_or_fail(readers, kind, load);
        ends_at_once = true;
        load->done(load, loaded);
        return true;
    }
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL)
        abort();
    *waiting = (struct waiting){.readers = readers, .kind = kind, .load = load};
    *last = waiting;
    last = &waiting->next;
    return true;
}

/* ---- holding ---- */

void fake_loads_hold(void)
{
    held = true;
}

void fake_loads_hold_all(void)
{
    held = all_held = true;
}

size_t fake_loads_held(void)
{
    return hold_count;
}

void fake_loads_release(void)
{
    held = all_held = false;
    for (size_t i = 0; i < hold_count; i++)
        end_waiting(holds[i]);
    hold_count = 0;
}

void fake_loads_drop(void)
{
    held = all_held = false;
    while (hold_count > 0)
        free(holds[--hold_count]);
}
