/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>
#include <yajl/yajl_version.h>

const struct json_limits json_limits_request = {.max_depth = 8, .max_values = 4096};
const struct json_limits json_limits_payload = {.max_depth = 8, .max_values = 4096, .null_is_absent = true};
const struct json_limits json_limits_config = {.max_depth = 16, .max_values = 65536, .comments = true};

/* A child of a container that is still open. */
struct child {
    struct child *next;
    struct bytes name; /* of a member */
    size_t offset;     /* of the text after the name */
    const struct json *value;
};

struct frame {
    struct frame *outer;
    struct json *container;
    struct child *first;
    struct child **last;
    struct bytes name; /* of the member whose value comes next */
    size_t offset;
};

struct builder {
    struct arena *arena;
    yajl_handle handle;
    const struct json_limits *limits;
    struct frame *frame; /* the innermost open container */
    const struct json *root;
    size_t depth;
    size_t values;
    const char *problem; /* why the builder refused, in the arena or static */
    size_t problem_offset;
};

/* yajl lets overlong forms and surrogates pass. */
#define NUMBER_TEXT(n)                    #n
#define VERSION_TEXT(major, minor, micro) NUMBER_TEXT(major) "." NUMBER_TEXT(minor) "." NUMBER_TEXT(micro)

/* Its run-time version is one number, and it has had no release since 2014. */
struct library json_library(void)
{
    return (struct library){"yajl", VERSION_TEXT(YAJL_MAJOR, YAJL_MINOR, YAJL_MICRO), NULL};
}

static const char not_utf8[] = "a string is not valid UTF-8";

static bool refuse(struct builder *builder, const char *problem)
{
    builder->problem = problem;
    builder->problem_offset = yajl_get_bytes_consumed(builder->handle);
    return false;
}

static bool add_value(struct builder *builder, const struct json *value)
{
    if (++builder->values > builder->limits->max_values)
        return refuse(builder, "too many values");
    struct frame *frame = builder->frame;
    if (frame == NULL) {
        builder->root = value;
        return true;
    }
    struct child *child = arena_alloc(builder->arena, sizeof *child);
    *child = (struct child){.name = frame->name, .offset = frame->offset, .value = value};
    *frame->last = child;
    frame->last = &child->next;
    frame->container->count++;
    return true;
}

static struct json *new_value(struct builder *builder, enum json_type type)
{
    struct json *value = arena_alloc(builder->arena, sizeof *value);
    value->type = type;
    return value;
}

static int on_null(void *context)
{
    return add_value(context, new_value(context, JSON_NULL));
}

static int on_boolean(void *context, int boolean)
{
    struct json *value = new_value(context, JSON_BOOLEAN);
    value->boolean = boolean != 0;
    return add_value(context, value);
}

/* yajl has checked the syntax. A number that does not fit int64_t becomes a double. A number that overflows a
 * double is refused, because it could not be written again. One that underflows is zero. */
static int on_number(void *context, const char *text, size_t length)
{
    struct builder *builder = context;
    struct json *value = new_value(builder, JSON_NUMBER);
    const char *copy = arena_string(builder->arena, bytes_of(text, length));
    value->number = strtod(copy, NULL);
    if (!isfinite(value->number))
        return refuse(builder, "a number is out of range");
    if (strpbrk(copy, ".eE") == NULL) {
        errno = 0;
        long long integer = strtoll(copy, NULL, 10);
        if (errno == 0) {
            value->type = JSON_INTEGER;
            value->integer = integer;
        }
    }
    return add_value(builder, value);
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    struct builder *builder = context;
    if (!bytes_is_utf8(bytes_of(text, length)))
        return refuse(builder, not_utf8);
    struct json *value = new_value(builder, JSON_STRING);
    value->string = arena_copy(builder->arena, bytes_of(text, length));
    return add_value(builder, value);
}

static int on_open(struct builder *builder, enum json_type type)
{
    if (++builder->depth > builder->limits->max_depth)
        return refuse(builder, "nested too deeply");
    struct json *container = new_value(builder, type);
    if (!add_value(builder, container))
        return false;
    struct frame *frame = arena_alloc(builder->arena, sizeof *frame);
    *frame = (struct frame){.outer = builder->frame, .container = container};
    frame->last = &frame->first;
    builder->frame = frame;
    return true;
}

static int on_open_object(void *context)
{
    return on_open(context, JSON_OBJECT);
}

static int on_open_array(void *context)
{
    return on_open(context, JSON_ARRAY);
}

static int on_key(void *context, const unsigned char *text, size_t length)
{
    struct builder *builder = context;
    struct frame *frame = builder->frame;
    if (!bytes_is_utf8(bytes_of(text, length)))
        return refuse(builder, not_utf8);
    frame->name = arena_copy(builder->arena, bytes_of(text, length));
    frame->offset = yajl_get_bytes_consumed(builder->handle);
    return true;
}

/* Orders by name; members of one name stay in the order of the text. */
static int compare_children(const void *a, const void *b)
{
    const struct child *left = *(const struct child *const *)a, *right = *(const struct child *const *)b;
    if (left->name.n != right->name.n)
        return left->name.n < right->name.n ? -1 : 1;
    int names = left->name.n == 0 ? 0 : memcmp(left->name.p, right->name.p, left->name.n);
    return names != 0 ? names : left->offset < right->offset ? -1 : 1;
}

/* Finds the first member whose name was used before it. It sorts, because a client chooses the number of
 * members. */
static const struct child *find_duplicate(struct arena *arena, const struct frame *frame)
{
    size_t count = frame->container->count, i = 0;
    const struct child *found = NULL;
    if (count < 2)
        return NULL;
    const struct child **sorted = arena_alloc_array(arena, count, sizeof sorted[0]);
    for (const struct child *child = frame->first; child != NULL; child = child->next)
        sorted[i++] = child;
    qsort(sorted, count, sizeof sorted[0], compare_children);
    for (i = 1; i < count; i++)
        if (bytes_equal(sorted[i - 1]->name, sorted[i]->name) &&
            (found == NULL || sorted[i]->offset < found->offset))
            found = sorted[i];
    return found;
}

static int on_close_object(void *context)
{
    struct builder *builder = context;
    struct json *object = builder->frame->container;
    const struct child *duplicate = find_duplicate(builder->arena, builder->frame);
    if (duplicate != NULL) {
        refuse(builder, arena_printf(builder->arena, "the member \"%.60s\" appears twice",
                                     (const char *)duplicate->name.p));
        builder->problem_offset = duplicate->offset;
        return false;
    }
    struct json_member *members = arena_alloc_array(builder->arena, object->count, sizeof members[0]);
    size_t i = 0;
    for (const struct child *child = builder->frame->first; child != NULL; child = child->next)
        if (child->value->type != JSON_NULL || !builder->limits->null_is_absent)
            members[i++] = (struct json_member){child->name, child->value};
    object->members = members;
    object->count = i;
    builder->frame = builder->frame->outer;
    builder->depth--;
    return true;
}

static int on_close_array(void *context)
{
    struct builder *builder = context;
    struct json *array = builder->frame->container;
    const struct json **items = arena_alloc_array(builder->arena, array->count, sizeof items[0]);
    size_t i = 0;
    for (const struct child *child = builder->frame->first; child != NULL; child = child->next)
        items[i++] = child->value;
    array->items = items;
    builder->frame = builder->frame->outer;
    builder->depth--;
    return true;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_open_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close_object,
    .yajl_start_array = on_open_array,
    .yajl_end_array = on_close_array,
};

/* Finds a comma that only white space separates from a closing bracket. The slip is common, and yajl's words
 * for it are not plain. `offset` is behind the bracket. */
static char bracket_after_comma(struct bytes text, size_t offset)
{
    if (offset == 0 || offset > text.n || (text.p[offset - 1] != '}' && text.p[offset - 1] != ']'))
        return '\0';
    size_t i = offset - 1;
    while (i > 0 && strchr(" \t\r\n", text.p[i - 1]) != NULL)
        i--;
    return i > 0 && text.p[i - 1] == ',' ? (char)text.p[offset - 1] : '\0';
}

/* True when the text holds no JSON value at all: it is another language, such as YAML. */
static bool is_not_json(struct bytes text)
{
    size_t i = 0;
    while (i < text.n && strchr(" \t\r\n", text.p[i]) != NULL)
        i++;
    return i == text.n || text.p[i] == 0 || strchr("{[\"/0123456789", text.p[i]) == NULL;
}

/* yajl's message is "lexical error: …" and a newline. The first line is enough. */
static void describe_error(yajl_handle handle, struct bytes text, const struct builder *builder,
                           size_t consumed, struct fault *fault)
{
    if (builder->problem != NULL) {
        fault_set(fault, "%s", builder->problem);
        return;
    }
    char bracket = bracket_after_comma(text, consumed);
    if (bracket != '\0') {
        fault_set(fault, "a comma before %c", bracket);
        return;
    }
    if (is_not_json(text)) {
        fault_set(fault, "this is not JSON");
        return;
    }
    unsigned char *message = yajl_get_error(handle, 0, text.p, text.n);
    fault_set(fault, "%.*s", (int)strcspn((const char *)message, "\n"), (const char *)message);
    yajl_free_error(handle, message);
}

/* Parses the text. `consumed` is the number of octets before the one that was refused. */
static const struct json *parse(struct arena *arena, struct bytes text, const struct json_limits *limits,
                                size_t *consumed, struct fault *fault)
{
    struct builder builder = {.arena = arena, .limits = limits};
    yajl_handle handle = yajl_alloc(&callbacks, NULL, &builder);
    if (handle == NULL)
        end_without("memory");
    builder.handle = handle;
    if (limits->comments)
        yajl_config(handle, yajl_allow_comments, 1);
    yajl_status status = yajl_parse(handle, text.p, text.n);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(handle);
    *consumed = builder.problem != NULL ? builder.problem_offset : yajl_get_bytes_consumed(handle);
    if (status != yajl_status_ok && fault != NULL)
        describe_error(handle, text, &builder, *consumed, fault);
    yajl_free(handle);
    return status == yajl_status_ok ? builder.root : NULL;
}

const struct json *json_parse(struct arena *arena, struct bytes text, const struct json_limits *limits,
                              struct fault *fault)
{
    size_t consumed;
    return parse(arena, text, limits, &consumed, fault);
}

const struct json *json_parse_lines(struct arena *arena, struct bytes text, const struct json_limits *limits,
                                    struct fault *fault)
{
    size_t consumed, line = 1;
    const struct json *json = parse(arena, text, limits, &consumed, fault);
    if (json != NULL)
        return json;
    for (size_t i = 0; i < consumed && i < text.n; i++)
        if (text.p[i] == '\n')
            line++;
    fault_prefix(fault, "line %zu: ", line);
    return NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->count; i++)
        if (bytes_equal_string(object->members[i].name, name))
            return object->members[i].value;
    return NULL;
}

static const struct json *member_of_type(const struct json *object, const char *name, enum json_type type)
{
    const struct json *value = json_member(object, name);
    return value != NULL && value->type == type ? value : NULL;
}

bool json_member_string(const struct json *object, const char *name, struct bytes *out)
{
    const struct json *value = member_of_type(object, name, JSON_STRING);
    if (value != NULL)
        *out = value->string;
    return value != NULL;
}

bool json_member_integer(const struct json *object, const char *name, int64_t *out)
{
    const struct json *value = member_of_type(object, name, JSON_INTEGER);
    if (value != NULL)
        *out = value->integer;
    return value != NULL;
}

bool json_member_boolean(const struct json *object, const char *name, bool *out)
{
    const struct json *value = member_of_type(object, name, JSON_BOOLEAN);
    if (value != NULL)
        *out = value->boolean;
    return value != NULL;
}
