/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/arena.h"
#include "acme/base/unconst.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIRST_CHUNK_BYTES = 4 * 1024,
    LARGEST_CHUNK_BYTES = 64 * 1024, /* growth stops here; a larger request gets a chunk of its own size */
};

struct chunk {
    struct chunk *next;
    alignas(max_align_t) uint8_t data[];
};

struct release {
    struct release *next;
    void (*run)(void *object);
    void *object;
};

struct arena {
    struct chunk *chunks;
    uint8_t *free_at;
    size_t free_bytes;
    size_t next_chunk_bytes;
    struct release *releases;
};

static _Thread_local volatile bool is_ending;

bool ends_without_resource(void)
{
    return is_ending;
}

void end_without(const char *resource)
{
    is_ending = true;
    fprintf(stderr, "acmegate: no %s; ending\n", resource);
    abort();
}

struct arena *arena_new(void)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL)
        end_without("memory");
    arena->next_chunk_bytes = FIRST_CHUNK_BYTES;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    for (const struct release *release = arena->releases; release != NULL; release = release->next)
        release->run(release->object);
    for (struct chunk *chunk = arena->chunks; chunk != NULL;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(arena);
}

static void add_chunk(struct arena *arena, size_t at_least)
{
    size_t size = at_least > arena->next_chunk_bytes ? at_least : arena->next_chunk_bytes;
    struct chunk *chunk = NULL;
    if (size > SIZE_MAX - sizeof *chunk || (chunk = calloc(1, sizeof *chunk + size)) == NULL)
        end_without("memory");
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->free_at = chunk->data;
    arena->free_bytes = size;
    if (arena->next_chunk_bytes < LARGEST_CHUNK_BYTES)
        arena->next_chunk_bytes *= 2;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    const size_t alignment = alignof(max_align_t);
    if (n > SIZE_MAX - alignment)
        end_without("memory");
    size_t rounded = (n + alignment - 1) / alignment * alignment;
    if (rounded == 0)
        rounded = alignment;
    if (rounded > arena->free_bytes)
        add_chunk(arena, rounded);
    void *p = arena->free_at;
    arena->free_at += rounded;
    arena->free_bytes -= rounded;
    return p;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t item_bytes)
{
    size_t n = 0;
    if (__builtin_mul_overflow(count, item_bytes, &n))
        end_without("memory");
    return arena_alloc(arena, n);
}

struct bytes arena_copy(struct arena *arena, struct bytes from)
{
    uint8_t *p = arena_alloc(arena, from.n + 1);
    if (from.n != 0)
        memcpy(p, from.p, from.n);
    return bytes_of(p, from.n);
}

char *arena_string(struct arena *arena, struct bytes from)
{
    char *text = arena_alloc(arena, from.n + 1);
    if (from.n != 0)
        memcpy(text, from.p, from.n);
    return text;
}

char *arena_duplicate(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_string(arena, bytes_from_string(text));
}

char *arena_printable(struct arena *arena, struct bytes from, size_t max_bytes)
{
    static const char cut[] = "...";
    size_t n = from.n > max_bytes ? max_bytes : from.n;
    char *text = arena_alloc(arena, n + sizeof cut);
    for (size_t i = 0; i < n; i++)
        text[i] = from.p[i] >= ' ' && from.p[i] < 0x7f ? (char)from.p[i] : '?';
    if (from.n > max_bytes)
        memcpy(text + n, cut, sizeof cut);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = arena_alloc(arena, size);
    vsnprintf(text, size, format, again);
    va_end(again);
    return text;
}

char *arena_join(struct arena *arena, const char *const *texts, size_t count, const char *separator)
{
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(texts[i]) + strlen(separator);
    char *joined = arena_alloc(arena, bytes), *at = joined;
    for (size_t i = 0; i < count; i++)
        at = stpcpy(i == 0 ? at : stpcpy(at, separator), texts[i]);
    *at = '\0';
    return joined;
}

void arena_on_free(struct arena *arena, void (*run)(void *object), void *object)
{
    struct release *release = arena_alloc(arena, sizeof *release);
    *release = (struct release){arena->releases, run, object};
    arena->releases = release;
}

static void cleanse(void *object)
{
    const struct bytes *secret = object;
    explicit_bzero(UNCONST(void *, secret->p), secret->n);
}

struct bytes arena_copy_secret(struct arena *arena, struct bytes secret)
{
    struct bytes *copy = arena_alloc(arena, sizeof *copy);
    *copy = arena_copy(arena, secret);
    arena_on_free(arena, cleanse, copy);
    return *copy;
}
