/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <yajl/yajl_gen.h>

#include "acme/base/json.h"
#include "acme/base/time_text.h"

struct json_writer {
    struct buffer buffer;
    yajl_gen generator;
    bool failed; /* sticky: the text is not JSON from here on */
};

static void print(void *context, const char *text, size_t length)
{
    buffer_append(context, bytes_of(text, length));
}

static void free_generator(void *generator)
{
    yajl_gen_free(generator);
}

/* Any status but ok is a failure: a value where a key must stand, nesting too deep, a number that JSON does
 * not have. The generator is not called again after a failure, because yajl counts its depth beyond its own
 * stack. */
#define GENERATE(writer, call) \
    do { \
        if (!(writer)->failed && (call) != yajl_gen_status_ok) \
            (writer)->failed = true; \
    } while (0)

struct json_writer *json_writer_new(struct arena *arena, size_t max_bytes)
{
    struct json_writer *writer = arena_alloc(arena, sizeof *writer);
    buffer_init(&writer->buffer, arena, max_bytes);
    writer->generator = yajl_gen_alloc(NULL);
    if (writer->generator == NULL)
        end_without("memory");
    arena_on_free(arena, free_generator, writer->generator);
    yajl_gen_config(writer->generator, yajl_gen_print_callback, print, &writer->buffer);
    return writer;
}

void json_begin_object(struct json_writer *writer)
{
    GENERATE(writer, yajl_gen_map_open(writer->generator));
}

void json_end_object(struct json_writer *writer)
{
    GENERATE(writer, yajl_gen_map_close(writer->generator));
}

void json_begin_array(struct json_writer *writer)
{
    GENERATE(writer, yajl_gen_array_open(writer->generator));
}

void json_end_array(struct json_writer *writer)
{
    GENERATE(writer, yajl_gen_array_close(writer->generator));
}

void json_key(struct json_writer *writer, const char *name)
{
    GENERATE(writer, yajl_gen_string(writer->generator, (const unsigned char *)name, strlen(name)));
}

void json_write_string(struct json_writer *writer, const char *text)
{
    json_write_bytes(writer, bytes_from_string(text));
}

static struct bytes replace_bad_utf8(struct arena *arena, struct bytes text)
{
    struct buffer clean;
    buffer_init(&clean, arena, text.n * 3);
    for (size_t at = 0; at < text.n;) {
        size_t length = bytes_utf8_sequence(text, at);
        buffer_append(&clean, length == 0 ? BYTES_LITERAL("\xef\xbf\xbd") : bytes_of(text.p + at, length));
        at += length == 0 ? 1 : length;
    }
    return buffer_bytes(&clean);
}

void json_write_bytes(struct json_writer *writer, struct bytes text)
{
    if (!bytes_is_utf8(text))
        text = replace_bad_utf8(writer->buffer.arena, text);
    GENERATE(writer,
             yajl_gen_string(writer->generator, text.n == 0 ? (const unsigned char *)"" : text.p, text.n));
}

void json_write_integer(struct json_writer *writer, int64_t value)
{
    GENERATE(writer, yajl_gen_integer(writer->generator, value));
}

void json_write_boolean(struct json_writer *writer, bool value)
{
    GENERATE(writer, yajl_gen_bool(writer->generator, value));
}

void json_write_null(struct json_writer *writer)
{
    GENERATE(writer, yajl_gen_null(writer->generator));
}

static void write_members(struct json_writer *writer, const struct json *object)
{
    json_begin_object(writer);
    for (size_t i = 0; i < object->count; i++) {
        json_write_bytes(writer, object->members[i].name);
        json_write_value(writer, object->members[i].value);
    }
    json_end_object(writer);
}

static void write_items(struct json_writer *writer, const struct json *array)
{
    json_begin_array(writer);
    for (size_t i = 0; i < array->count; i++)
        json_write_value(writer, array->items[i]);
    json_end_array(writer);
}

void json_write_value(struct json_writer *writer, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        json_write_null(writer);
        return;
    case JSON_BOOLEAN:
        json_write_boolean(writer, value->boolean);
        return;
    case JSON_INTEGER:
        json_write_integer(writer, value->integer);
        return;
    case JSON_NUMBER:
        GENERATE(writer, yajl_gen_double(writer->generator, value->number));
        return;
    case JSON_STRING:
        json_write_bytes(writer, value->string);
        return;
    case JSON_ARRAY:
        write_items(writer, value);
        return;
    case JSON_OBJECT:
        write_members(writer, value);
        return;
    }
}

/* yajl writes a "number" unchanged, so text that is already JSON is passed as a number. */
void json_write_raw(struct json_writer *writer, struct bytes json_text)
{
    if (json_text.n == 0)
        writer->failed = true;
    GENERATE(writer, yajl_gen_number(writer->generator, (const char *)json_text.p, json_text.n));
}

void json_put_string(struct json_writer *writer, const char *name, const char *text)
{
    if (text == NULL)
        return;
    json_key(writer, name);
    json_write_string(writer, text);
}

void json_put_integer(struct json_writer *writer, const char *name, int64_t value)
{
    json_key(writer, name);
    json_write_integer(writer, value);
}

void json_put_boolean(struct json_writer *writer, const char *name, bool value)
{
    json_key(writer, name);
    json_write_boolean(writer, value);
}

void json_put_time(struct json_writer *writer, const char *name, int64_t unix_seconds)
{
    if (unix_seconds == 0)
        return;
    char text[TIME_TEXT_BYTES];
    time_format(text, unix_seconds);
    json_put_string(writer, name, text);
}

struct bytes json_writer_finish(struct json_writer *writer)
{
    if (writer->failed || buffer_overflowed(&writer->buffer))
        return (struct bytes){0};
    return buffer_bytes(&writer->buffer);
}
