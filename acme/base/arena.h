/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena: memory that is released all at once. A request, a job or a configuration owns one; nothing
 * taken from it is freed by itself. One thread at a time may use it.
 *
 * Running out of memory ends the process: no caller has a NULL to check.
 */
#pragma once

#include "acme/base/bytes.h"

struct arena;

/* Ends the process with SIGABRT: the system gives no memory, or no random octets. It is the only such end in
 * the program (tests/layers looks); data from outside is never a reason for it. */
[[gnu::noreturn]] void end_without(const char *resource);

/* In a handler of SIGABRT: true when this thread ends by end_without, so that its work is not the reason. */
bool ends_without_resource(void);

struct arena *arena_new(void);

/* Runs what arena_on_free registered, last first, then releases everything. NULL is ignored. */
void arena_free(struct arena *arena);

/* `n` zeroed octets, aligned for any type. */
[[gnu::malloc]] void *arena_alloc(struct arena *arena, size_t n);

/* An array of `count` zeroed items; an overflowing product ends the process as running out of memory does. */
[[gnu::malloc]] void *arena_alloc_array(struct arena *arena, size_t count, size_t item_bytes);

/* A copy, with a NUL after it that does not count. */
struct bytes arena_copy(struct arena *arena, struct bytes from);
char *arena_string(struct arena *arena, struct bytes from);
/* NULL stays NULL. */
char *arena_duplicate(struct arena *arena, const char *text);

[[gnu::format(printf, 2, 3)]] char *arena_printf(struct arena *arena, const char *format, ...);

/* All of them, the separator between each two. */
char *arena_join(struct arena *arena, const char *const *texts, size_t count, const char *separator);

/* Text from outside as it may stand in a log, a message or a table: printable ASCII, anything else as '?',
 * and
 * "..." behind what was cut at `max_bytes`. */
char *arena_printable(struct arena *arena, struct bytes from, size_t max_bytes);

/* Calls `release(object)` when the arena goes: how an arena owns an OpenSSL handle or a secret to cleanse. */
void arena_on_free(struct arena *arena, void (*release)(void *object), void *object);

/* Copies a secret into the arena and cleanses the copy when the arena goes. */
struct bytes arena_copy_secret(struct arena *arena, struct bytes secret);
