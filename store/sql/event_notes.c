/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/event_notes.h"

#include <stdlib.h>

#include "store/sql/query.h"

struct event_notes {
    struct arena *arena;
    struct event *events;
    size_t count;
};

static void (*observe)(const struct event *events, size_t count);

void store_set_event_observer(void (*observer)(const struct event *events, size_t count))
{
    observe = observer;
}

struct event_notes *event_notes_new(void)
{
    if (observe == NULL)
        return NULL;
    struct event_notes *notes = calloc(1, sizeof *notes);
    if (notes == NULL)
        end_without("memory");
    return notes;
}

void event_notes_free(struct event_notes *notes)
{
    if (notes != NULL)
        arena_free(notes->arena);
    free(notes);
}

void event_notes_add(struct event_notes *notes, const struct event *event)
{
    if (notes == NULL)
        return;
    if (notes->arena == NULL)
        notes->arena = arena_new();
    struct arena *arena = notes->arena;
    struct event copy = *event;
    copy.actor = arena_duplicate(arena, event->actor);
    copy.detail = arena_duplicate(arena, event->detail);
    copy.names = arena_duplicate(arena, event->names);
    copy.request = arena_duplicate(arena, event->request);
    copy.known.names = arena_duplicate(arena, event->known.names);
    copy.known.serial = arena_duplicate(arena, event->known.serial);
    copy.known.issuer = arena_duplicate(arena, event->known.issuer);
    notes->events = array_with_room(arena, notes->events, notes->count, sizeof copy);
    notes->events[notes->count++] = copy;
}

size_t event_notes_count(const struct event_notes *notes)
{
    return notes == NULL ? 0 : notes->count;
}

void event_notes_cut(struct event_notes *notes, size_t count)
{
    if (notes != NULL)
        notes->count = count;
}

void event_notes_tell(struct event_notes *notes)
{
    if (notes == NULL)
        return;
    if (notes->count > 0)
        observe(notes->events, notes->count);
    arena_free(notes->arena);
    *notes = (struct event_notes){0};
}
