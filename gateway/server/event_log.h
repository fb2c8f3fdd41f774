/* SPDX-License-Identifier: Apache-2.0 */
/* The log's lines for what happens to accounts, orders, names and certificates: a line for each event that is
 * committed, with what is known of it (docs/logs.md). */
#pragma once

#include "gateway/config/config.h"
#include "store/events.h"

/* The store's observer (store_set_event_observer). A line's words are the event's name. */
void event_log_write(const struct event *events, size_t count);

/* The level and the form of lines, as `config` has them. */
void event_log_configure(const struct config *config);
