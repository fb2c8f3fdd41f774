/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON (RFC 8259) over yajl: a reader that builds a tree in an arena and a writer into a bounded
 * buffer. The reader refuses duplicate members, trailing octets, invalid UTF-8, numbers that overflow a
 * double and anything over its limits.
 */
#pragma once

#include "acme/base/buffer.h"
#include "acme/base/fault.h"
#include "acme/base/library.h"

enum json_type {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_INTEGER, /* a number without fraction or exponent that fits int64_t */
    JSON_NUMBER,  /* any other number that a double holds; always finite */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json;

/* The library that reads and writes it. */
struct library json_library(void);

struct json_member {
    struct bytes name;
    const struct json *value;
};

/* A value. Everything it points at belongs to the arena it was parsed into. */
struct json {
    enum json_type type;
    bool boolean;
    int64_t integer;
    double number;
    struct bytes string;               /* decoded UTF-8; may hold NUL */
    const struct json *const *items;   /* JSON_ARRAY */
    const struct json_member *members; /* JSON_OBJECT, in the order of the text */
    size_t count;                      /* of items or members */
};

struct json_limits {
    size_t max_depth;
    size_t max_values;
    bool comments;       /* C and C++ comments are allowed, for configuration files */
    bool null_is_absent; /* members that are null are left out, at every depth */
};

extern const struct json_limits json_limits_request; /* depth 8, 4,096 values */
/* The same limits for a client's request. There a null member means the same as an absent one. */
extern const struct json_limits json_limits_payload;
extern const struct json_limits json_limits_config; /* depth 16, 65,536 values, comments */

/* Parses one JSON text. NULL on failure, with `fault`. */
[[gnu::warn_unused_result]] const struct json *json_parse(struct arena *arena, struct bytes text,
                                                          const struct json_limits *limits,
                                                          struct fault *fault);

/* Parses as json_parse does, for texts of several lines. The fault begins with "line N: ", counted from 1. */
[[gnu::warn_unused_result]] const struct json *json_parse_lines(struct arena *arena, struct bytes text,
                                                                const struct json_limits *limits,
                                                                struct fault *fault);

/* The member's value; NULL when `object` is NULL, is not an object, or has no such member. */
const struct json *json_member(const struct json *object, const char *name);

/* True with `out` set when the member is a string. The bytes may hold NUL. */
[[gnu::warn_unused_result]] bool json_member_string(const struct json *object, const char *name,
                                                    struct bytes *out);
[[gnu::warn_unused_result]] bool json_member_integer(const struct json *object, const char *name,
                                                     int64_t *out);
[[gnu::warn_unused_result]] bool json_member_boolean(const struct json *object, const char *name, bool *out);

/* The JSON writer. Its calls do not fail one by one; json_writer_finish reports whether the text is whole. */
struct json_writer;

/* Makes a writer in the arena. Text beyond `max_bytes` is dropped; json_writer_finish then reports a
 * failure. */
struct json_writer *json_writer_new(struct arena *arena, size_t max_bytes);
void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *name);
void json_write_string(struct json_writer *writer, const char *text);
/* Writes a string from outside (a CA's message, a web server's body). Octets that are not UTF-8 become
 * U+FFFD. */
void json_write_bytes(struct json_writer *writer, struct bytes text);
void json_write_integer(struct json_writer *writer, int64_t value);
void json_write_boolean(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);
/* Writes a parsed value. */
void json_write_value(struct json_writer *writer, const struct json *value);
/* Inserts text that is known to be one JSON value (a stored problem document, a canonical JWK). Empty text is
 * a failure. */
void json_write_raw(struct json_writer *writer, struct bytes json_text);

/* The json_put_ functions write a key and its value. A NULL `text` writes nothing. */
void json_put_string(struct json_writer *writer, const char *name, const char *text);
void json_put_integer(struct json_writer *writer, const char *name, int64_t value);
void json_put_boolean(struct json_writer *writer, const char *name, bool value);
/* Writes a time in RFC 3339, in UTC. 0 writes nothing. */
void json_put_time(struct json_writer *writer, const char *name, int64_t unix_seconds);

/* Returns the finished text, with a NUL after it. p is NULL when the text is over max_bytes or is not JSON: a
 * value where a key must stand, nesting too deep, a number that is not finite. */
struct bytes json_writer_finish(struct json_writer *writer);
