/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "acme/base/json.h"
#include "growth.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(json);

static const struct json *parse(struct arena *arena, const char *text)
{
    return json_parse(arena, bytes_from_string(text), &json_limits_request, NULL);
}

Test(json, values_of_every_type)
{
    struct arena *arena = arena_new();
    const struct json *json = parse(arena, "{\"s\":\"a\\u00e9\\n\\u0000b\",\"i\":-7,\"d\":1.5,\"e\":1e3,"
                                           "\"t\":true,\"n\":null,\"a\":[1,\"x\",{}],\"\":0}");
    struct bytes text;
    int64_t integer = 0;
    bool boolean = false;
    cr_assert_not_null(json);
    cr_expect_eq(json->count, 8);
    cr_assert(json_member_string(json, "s", &text));
    cr_expect(bytes_equal(text, bytes_of("a\xc3\xa9\n\0b", 6)));
    cr_assert(json_member_integer(json, "i", &integer));
    cr_expect_eq(integer, -7);
    cr_expect_eq(json_member(json, "d")->type, JSON_NUMBER);
    cr_expect_eq(json_member(json, "e")->type, JSON_NUMBER);
    cr_assert(json_member_boolean(json, "t", &boolean));
    cr_expect(boolean);
    cr_expect_eq(json_member(json, "n")->type, JSON_NULL);
    cr_expect_eq(json_member(json, "a")->count, 3);
    cr_expect_eq(json_member(json, "a")->items[2]->type, JSON_OBJECT);
    cr_expect_null(json_member(json, "absent"));
    cr_expect_null(json_member(NULL, "s"));
    cr_expect_null(json_member(json_member(json, "a"), "s"));
    cr_expect_not(json_member_string(json, "i", &text), "of another type");
    cr_expect_not(json_member_integer(json, "d", &integer), "with a fraction");
    arena_free(arena);
}

Test(json, P4_null_members_of_a_payload_are_left_out)
{
    struct arena *arena = arena_new();
    const struct json *json =
        json_parse(arena, BYTES_LITERAL("{\"a\":null,\"b\":1,\"c\":{\"d\":null},\"e\":[null,{\"f\":null}]}"),
                   &json_limits_payload, NULL);
    cr_assert_not_null(json);
    cr_expect_eq(json->count, 3);
    cr_expect_null(json_member(json, "a"));
    cr_expect_eq(json_member(json, "b")->integer, 1);
    cr_expect_eq(json_member(json, "c")->count, 0);
    const struct json *array = json_member(json, "e");
    cr_expect_eq(array->count, 2);
    cr_expect_eq(array->items[0]->type, JSON_NULL, "an item is no member");
    cr_expect_eq(array->items[1]->count, 0);
    cr_expect_null(json_parse(arena, BYTES_LITERAL("{\"a\":null,\"a\":1}"), &json_limits_payload, NULL),
                   "twice");
    arena_free(arena);
}

Test(json, integers_reach_to_the_ends_of_int64)
{
    static const struct {
        const char *text;
        enum json_type type;
        int64_t value;
    } cases[] = {
        {"9223372036854775807", JSON_INTEGER, INT64_MAX},
        {"-9223372036854775808", JSON_INTEGER, INT64_MIN},
        {"9223372036854775808", JSON_NUMBER, 0},
        {"-9223372036854775809", JSON_NUMBER, 0},
        {"-0", JSON_INTEGER, 0},
        {"1.0", JSON_NUMBER, 0},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct json *json = parse(arena, cases[i].text);
        cr_assert_not_null(json, "%s", cases[i].text);
        cr_expect_eq(json->type, cases[i].type, "%s", cases[i].text);
        cr_expect_eq(json->integer, cases[i].value, "%s", cases[i].text);
    }
    arena_free(arena);
}

/* A number that no double holds would have to be written as text that is not JSON. */
Test(json, S1_numbers_that_overflow_a_double_are_refused)
{
    struct arena *arena = arena_new();
    static const char *const texts[] = {
        "1e999",         "-1e999",  "1e309",     "1.8e308",   "[1e400]",
        "{\"x\":1e999}", "2.0E308", "-1.8e+308", "1e2147483", "1e99999999999",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fault fault;
        cr_expect_null(json_parse(arena, bytes_from_string(texts[i]), &json_limits_request, &fault), "%s",
                       texts[i]);
        cr_expect_str_eq(fault.message, "a number is out of range", "%s", texts[i]);
    }
    char *digits = arena_alloc(arena, 4001);
    memset(digits, '9', 4000);
    cr_expect_null(parse(arena, digits), "an integer of 4,000 digits");
    arena_free(arena);
}

Test(json, S1_a_number_that_is_read_is_written_as_the_same_number)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "-0.0",
        "1e308",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "5e-324",
        "1e-999",
        "-1e-999",
        "0e999999999999",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "123456789012345678901234567890",
        "0.1",
        "1E0",
        "3.141592653589793",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct json *json = parse(arena, texts[i]);
        cr_assert_not_null(json, "%s", texts[i]);
        struct json_writer *writer = json_writer_new(arena, 512);
        json_write_value(writer, json);
        struct bytes written = json_writer_finish(writer);
        cr_assert_not_null(written.p, "%s", texts[i]);
        const struct json *again = json_parse(arena, written, &json_limits_request, NULL);
        cr_assert_not_null(again, "%s was written as %s", texts[i], (const char *)written.p);
        cr_expect_eq(again->type, json->type, "%s was written as %s", texts[i], (const char *)written.p);
        cr_expect_eq(again->integer, json->integer, "%s", texts[i]);
        cr_expect_eq(again->number, json->number, "%s was written as %s", texts[i], (const char *)written.p);
    }
    arena_free(arena);
}

static void write_value_for_a_key(struct json_writer *writer)
{
    json_begin_object(writer);
    json_write_integer(writer, 1);
}

static void write_not_finite(struct json_writer *writer)
{
    json_write_value(writer, &(struct json){.type = JSON_NUMBER, .number = INFINITY});
}

static void write_too_deeply(struct json_writer *writer)
{
    for (size_t i = 0; i < 200; i++)
        json_begin_array(writer);
    for (size_t i = 0; i < 200; i++)
        json_end_array(writer);
}

static void write_after_the_end(struct json_writer *writer)
{
    json_write_null(writer);
    json_write_null(writer);
}

/* A column that is NULL where JSON text was expected. */
static void write_empty_raw(struct json_writer *writer)
{
    json_begin_array(writer);
    json_write_raw(writer, bytes_from_string(NULL));
    json_end_array(writer);
}

Test(json, S1_what_cannot_be_written_fails_when_it_is_finished)
{
    static const struct {
        const char *what;
        void (*write)(struct json_writer *writer);
    } cases[] = {
        {"a value where a key must stand", write_value_for_a_key},
        {"a number that is not finite", write_not_finite},
        {"nested too deeply", write_too_deeply},
        {"a second document", write_after_the_end},
        {"empty raw text", write_empty_raw},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_writer *writer = json_writer_new(arena, 4096);
        cases[i].write(writer);
        cr_expect_null(json_writer_finish(writer).p, "%s", cases[i].what);
    }
    arena_free(arena);
}

Test(json, texts_that_are_refused)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "{\"a\":1",
        "{\"a\":1}}",
        "{\"a\":1} x",
        "{\"a\":1}{}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "[1,]",
        "01",
        "+1",
        ".5",
        "1.",
        "NaN",
        "tru",
        "\"\x01\"",
        "\"\\x\"",
        "\"\xff\"",     /* no UTF-8 */
        "\"\xc0\xaf\"", /* overlong */
        "\"open",
        "{\"a\":1,\"a\":2}", /* twice */
        "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}",
        "{\"a\":1,\"\\u0061\":2}", /* the same name, spelled otherwise */
        "/* no */ {}",
        "{} // no",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fault fault;
        cr_expect_null(json_parse(arena, bytes_from_string(texts[i]), &json_limits_request, &fault), "%s",
                       texts[i]);
        cr_expect_neq(fault.message[0], '\0', "%s", texts[i]);
    }
    cr_expect_null(json_parse(arena, bytes_of("{}\0", 3), &json_limits_request, NULL),
                   "a NUL behind the end");
    arena_free(arena);
}

/* yajl's own words are not plain for what people write most often by mistake. */
Test(json, what_is_wrong_is_told_in_plain_words)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "this is not JSON"},
        {" \t\r\n", "this is not JSON"},
        {"listen: 8443\n", "this is not JSON"},
        {"{\"a\":1,}", "a comma before }"},
        {"[1, \n]", "a comma before ]"},
        {"{\"a\" 1}", "parse error: object key and value must be separated by a colon"},
        {"[1}", "parse error: "},
        {" {\"a\":1}}", "parse error: trailing garbage"},
        {"\"\\x\"", "lexical error: "},
        {"0x", "parse error: trailing garbage"},
        {"9 9", "parse error: trailing garbage"},
        {"// no\n{}", "lexical error: probable comment found in input text"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault;
        cr_expect_null(json_parse(arena, bytes_from_string(cases[i].text), &json_limits_request, &fault));
        cr_expect_eq(strncmp(fault.message, cases[i].words, strlen(cases[i].words)), 0, "%s: %s",
                     cases[i].text, fault.message);
    }
    arena_free(arena);
}

/* "{"m0":0,"m1":0,…}" with `n` members. */
static void parse_wide(void *context, size_t n)
{
    const struct json_limits limits = {.max_depth = 1, .max_values = n + 1};
    struct arena *arena = arena_new();
    struct buffer text;
    (void)context;
    buffer_init(&text, arena, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buffer_printf(&text, "%s\"m%zu\":0", i == 0 ? "{" : ",", i);
    buffer_append_string(&text, "}");
    cr_assert_not_null(json_parse(arena, buffer_bytes(&text), &limits, NULL));
    arena_free(arena);
}

Test(json, S9_members_cost_the_same_however_many_there_are)
{
    cr_expect_lt(growth_of(parse_wide, NULL, 500), GROWTH_MOST);
}

Test(json, S9_the_first_member_that_stands_twice_is_named)
{
    struct arena *arena = arena_new();
    struct fault fault;
    struct buffer text;
    buffer_init(&text, arena, 1 << 20);
    buffer_append_string(&text, "{");
    for (int i = 0; i < 2000; i++)
        buffer_printf(&text, "\"m%d\":0,\n", i);
    buffer_append_string(&text, "\"m7\":1,\n\"m3\":1,\n\"\":0,\"\":0}");
    cr_expect_null(json_parse_lines(arena, buffer_bytes(&text), &json_limits_request, &fault));
    cr_expect_str_eq(fault.message, "line 2001: the member \"m7\" appears twice");
    arena_free(arena);
}

static const char *nested(struct arena *arena, size_t depth)
{
    char *text = arena_alloc(arena, depth * 2 + 1);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return text;
}

Test(json, depth_and_number_of_values_are_bounded)
{
    struct arena *arena = arena_new();
    cr_expect_not_null(parse(arena, nested(arena, json_limits_request.max_depth)));
    cr_expect_null(parse(arena, nested(arena, json_limits_request.max_depth + 1)));
    cr_expect_null(parse(arena, nested(arena, 50000)));
    for (size_t extra = 0; extra < 2; extra++) {
        struct buffer text;
        buffer_init(&text, arena, 1 << 16);
        /* The array itself counts. */
        for (size_t i = 0; i < json_limits_request.max_values - 1 + extra; i++)
            buffer_append_string(&text, i == 0 ? "[0" : ",0");
        buffer_append_string(&text, "]");
        cr_expect_eq(parse(arena, buffer_string(&text)) == NULL, extra == 1);
    }
    arena_free(arena);
}

Test(json, comments_only_where_they_are_allowed)
{
    struct arena *arena = arena_new();
    struct fault fault;
    const char *text = "// one\n{ /* two */ \"a\": 1 }\n";
    cr_expect_not_null(json_parse(arena, bytes_from_string(text), &json_limits_config, NULL));
    cr_expect_null(json_parse(arena, bytes_from_string(text), &json_limits_request, NULL));
    cr_expect_null(
        json_parse_lines(arena, BYTES_LITERAL("{\n\"a\": 1,\n\"a\": 2\n}"), &json_limits_config, &fault));
    cr_expect(strncmp(fault.message, "line 3: ", 8) == 0 && strstr(fault.message, "\"a\"") != NULL, "%s",
              fault.message);
    arena_free(arena);
}

Test(json, what_is_written_reads_back)
{
    struct arena *arena = arena_new();
    struct json_writer *writer = json_writer_new(arena, 4096);
    json_begin_object(writer);
    json_put_string(writer, "text", "quote \" slash \\ tab \t \x01 \xc3\xa9");
    json_put_string(writer, "absent", NULL);
    json_put_integer(writer, "number", INT64_MIN);
    json_put_boolean(writer, "yes", true);
    json_put_time(writer, "time", 1767323045);
    json_put_time(writer, "never", 0);
    json_key(writer, "list");
    json_begin_array(writer);
    json_write_null(writer);
    json_write_raw(writer, BYTES_LITERAL("{\"raw\":[1,2]}"));
    json_write_bytes(writer, bytes_of("bad \xff\xc3 nul \0!", 12));
    json_end_array(writer);
    json_end_object(writer);
    struct bytes text = json_writer_finish(writer);
    const struct json *json = json_parse(arena, text, &json_limits_request, NULL);
    struct bytes got;
    cr_assert_not_null(json, "%s", (const char *)text.p);
    cr_expect_eq(json->count, 5);
    cr_assert(json_member_string(json, "text", &got));
    cr_expect(bytes_equal_string(got, "quote \" slash \\ tab \t \x01 \xc3\xa9"));
    cr_assert(json_member_string(json, "time", &got));
    cr_expect(bytes_equal_string(got, "2026-01-02T03:04:05Z"));
    const struct json *list = json_member(json, "list");
    cr_expect_eq(json_member(list->items[1], "raw")->count, 2);
    cr_expect(bytes_equal(list->items[2]->string, bytes_of("bad \xef\xbf\xbd\xef\xbf\xbd nul \0", 16)));
    /* And a parsed value can be copied out. */
    struct json_writer *again = json_writer_new(arena, 4096);
    json_write_value(again, json);
    cr_expect(bytes_equal(json_writer_finish(again), text));
    arena_free(arena);
}

Test(json, a_text_over_its_maximum_is_none)
{
    struct arena *arena = arena_new();
    for (size_t max = 8; max <= 9; max++) {
        struct json_writer *writer = json_writer_new(arena, max);
        json_write_string(writer, "1234567");
        cr_expect_eq(json_writer_finish(writer).p == NULL, max == 8);
    }
    arena_free(arena);
}
