/* SPDX-License-Identifier: Apache-2.0 */
/* The part of an engine that the files of SQL use, beside the queries of store/sql/query.h. Private to
 * store/. */
#pragma once

#include "store/store.h"

struct event_notes;
struct retention_pass;

/* Notes that the operation wrote a state that may not follow the one before (STORE_REFUSED). */
void writer_refuse(struct store_writer *writer);

/* The notes of the transaction's events; NULL when nobody observes them. */
struct event_notes *writer_event_notes(struct store_writer *writer);

/* Returns a lower bound of ids issued at that time or later, unless the clock went back meanwhile. */
int64_t first_id_at(int64_t unix_seconds);

/* The last stage of a pass, one step: gives room that deleted rows have left back to the file system. Adds to
 * pass->pages, and sets pass->finished when there is nothing more to give back. */
[[gnu::warn_unused_result]] enum store_result engine_give_back(struct store_writer *writer,
                                                               struct retention_pass *pass);

/* Writes to the function of store_set_log, else to standard error. */
[[gnu::format(printf, 1, 2)]] void store_log(const char *format, ...);
