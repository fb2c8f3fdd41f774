/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena is memory that is released in one step. A request, a job or a configuration owns one. Nothing
 * taken from it is freed on its own. Only one thread at a time may use it.
 *
 * Running out of memory ends the process: no caller has to check for NULL.
 */
#pragma once

#include "acme/base/bytes.h"

struct arena;

/* Ends the process with SIGABRT, because the system gives no memory or no random octets. No other code of the
 * program does so (tests/layers checks it). Data from outside is never a reason for it. */
[[gnu::noreturn]] void end_without(const char *resource);

/* Tells a handler of SIGABRT whether end_without ended this thread. If so, the thread's work is not the
 * cause. */
bool ends_without_resource(void);

struct arena *arena_new(void);

/* Runs what arena_on_free registered, last first, then releases everything. NULL is ignored. */
void arena_free(struct arena *arena);

/* Allocates `n` zeroed octets, aligned for any type. */
[[gnu::malloc]] void *arena_alloc(struct arena *arena, size_t n);

/* Allocates an array of `count` zeroed items. A product that overflows ends the process, as running out of
 * memory does. */
[[gnu::malloc]] void *arena_alloc_array(struct arena *arena, size_t count, size_t item_bytes);

/* Copies the octets and adds a NUL, which does not count. */
struct bytes arena_copy(struct arena *arena, struct bytes from);
char *arena_string(struct arena *arena, struct bytes from);
/* Copies the text. NULL stays NULL. */
char *arena_duplicate(struct arena *arena, const char *text);

[[gnu::format(printf, 2, 3)]] char *arena_printf(struct arena *arena, const char *format, ...);

/* Joins the texts, with the separator between each two. */
char *arena_join(struct arena *arena, const char *const *texts, size_t count, const char *separator);

/* Makes text from outside fit for a log, a message or a table. It keeps printable ASCII and writes '?' for
 * anything else. Text over `max_bytes` is cut and ends in "...". */
char *arena_printable(struct arena *arena, struct bytes from, size_t max_bytes);

/* Calls `release(object)` when the arena is freed. This is how an arena owns an OpenSSL handle or a secret to
 * cleanse. */
void arena_on_free(struct arena *arena, void (*release)(void *object), void *object);

/* Copies a secret into the arena. The copy is cleansed when the arena is freed. */
struct bytes arena_copy_secret(struct arena *arena, struct bytes secret);
