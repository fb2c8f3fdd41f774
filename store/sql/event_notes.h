/* SPDX-License-Identifier: Apache-2.0 */
/* The events of the transaction in progress, for the observer; private to store/. */
#pragma once

#include "store/events.h"

struct event_notes;

/* NULL when nobody observes. */
struct event_notes *event_notes_new(void);
/* NULL is ignored, and so for the others. */
void event_notes_free(struct event_notes *notes);

/* Copies the event. */
void event_notes_add(struct event_notes *notes, const struct event *event);
/* The number of events so far: event_notes_cut forgets those behind it, when an operation is undone. */
size_t event_notes_count(const struct event_notes *notes);
void event_notes_cut(struct event_notes *notes, size_t count);

/* Calls the observer with all of them, and forgets them. */
void event_notes_tell(struct event_notes *notes);
