/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fakes.h"
#include "gateway/runtime/clock.h"

struct entry {
    const void *key;
    int64_t due_ms;
    uint64_t order;
    void (*run)(void *argument);
    void *argument;
};

static int64_t steady_ms, wall_ahead_ms;
static struct entry *entries;
static size_t count, capacity;
static uint64_t last_order;

int64_t clock_now_ms(void)
{
    return steady_ms + wall_ahead_ms;
}

int64_t clock_now(void)
{
    return clock_now_ms() / 1000;
}

void fake_clock_set(int64_t unix_ms)
{
    wall_ahead_ms = unix_ms - steady_ms;
}

void fake_clock_jump(int64_t by_ms)
{
    wall_ahead_ms += by_ms;
}

int64_t fake_clock_steady_ms(void)
{
    return steady_ms;
}

/* ---- the agenda ---- */

static size_t find(const void *key)
{
    size_t i = 0;
    while (i < count && entries[i].key != key)
        i++;
    return i;
}

void fake_agenda_put(const void *key, int64_t delay_ms, void (*run)(void *argument), void *argument)
{
    size_t at = find(key);
    if (at == capacity) {
        capacity = capacity == 0 ? 64 : capacity * 2;
        entries = realloc(entries, capacity * sizeof entries[0]);
        if (entries == NULL)
            abort();
    }
    if (at == count)
        count++;
    entries[at] = (struct entry){key, steady_ms + (delay_ms < 0 ? 0 : delay_ms), ++last_order, run, argument};
}

void fake_agenda_drop(const void *key)
{
    size_t at = find(key);
    if (at < count)
        entries[at] = entries[--count];
}

void fake_agenda_clear(void)
{
    free(entries);
    entries = NULL;
    count = capacity = 0;
}

static struct entry *earliest(void)
{
    struct entry *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (found == NULL || entries[i].due_ms < found->due_ms ||
            (entries[i].due_ms == found->due_ms && entries[i].order < found->order))
            found = &entries[i];
    return found;
}

bool fake_agenda_advance(int64_t within_ms)
{
    struct entry *found = earliest();
    if (found == NULL || found->due_ms > steady_ms + within_ms) {
        steady_ms += within_ms;
        return false;
    }
    struct entry due = *found;
    *found = entries[--count];
    if (steady_ms < due.due_ms)
        steady_ms = due.due_ms;
    due.run(due.argument);
    return true;
}
