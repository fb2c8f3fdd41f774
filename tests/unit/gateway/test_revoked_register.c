/* SPDX-License-Identifier: Apache-2.0 */
/* The local CA's register of revoked serial numbers: what of its file counts, and what an addition leaves. */
#include "acme/base/file.h"
#include "gateway/ca/local/revoked_register.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(revoked_register);

static const char *directory, *path;
static struct arena *arena;
static struct fault fault;

static void begin(const char *text)
{
    arena = arena_new();
    directory = scratch_directory_new(arena);
    path = arena_printf(arena, "%s/revoked", directory);
    fault.message[0] = '\0';
    if (text != NULL)
        scratch_write(directory, "revoked", text);
}

static void end(void)
{
    scratch_directory_remove(directory);
    arena_free(arena);
}

/* "serial at reason not-after; " for each entry. */
static const char *entries(const struct revoked_register *revoked)
{
    size_t count = 0;
    const struct revoked_serial *all = revoked_register_all(revoked, &count);
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = arena_printf(arena, "%s%s %lld %d %lld; ", text, all[i].serial, (long long)all[i].revoked_at,
                            all[i].reason, (long long)all[i].not_after);
    return text;
}

#define HEX_10             "123456789a"
#define HEX_40             HEX_10 HEX_10 HEX_10 HEX_10
#define LINE_FAULT(number) "/revoked, line " number ": not \"serial revoked-at reason not-after\""

/* A line without its newline was never confirmed to anyone. */
Test(revoked_register, each_whole_line_counts_and_the_last_of_a_serial_number)
{
    static const struct {
        const char *text;    /* NULL: there is no file */
        const char *entries; /* NULL: it is refused */
        const char *fault;   /* behind the folder */
    } cases[] = {
        {NULL, "", NULL},
        {"", "", NULL},
        {"1a 100 4 200\n", "1a 100 4 200; ", NULL},
        {"1a 100 4\n", "1a 100 4 0; ", NULL},
        {"0 100 4 200\n", "0 100 4 200; ", NULL},
        {"2 100 1 0\n10 101 2 0\n1 102 3 0\n", "1 102 3 0; 10 101 2 0; 2 100 1 0; ", NULL},
        {"1 100 1 0\n2 101 2 0\n1 102 3 0\n", "1 102 3 0; 2 101 2 0; ", NULL},
        {"1 100 6 0\n1 100 0 0\n1 100 4 0\n", "1 100 4 0; ", NULL},
        {"1a 100 4 200\n1b 100 4 2", "1a 100 4 200; ", NULL},
        {HEX_40 "1234567 100 4 0\n", HEX_40 "1234567 100 4 0; ", NULL},
        {HEX_40 "12345678 100 4 0\n", NULL, LINE_FAULT("1")},
        {"1a 100 4 200\n\n", NULL, LINE_FAULT("2")},
        {"1a 100\n", NULL, LINE_FAULT("1")},
        {"1A 100 4 200\n", NULL, LINE_FAULT("1")},
        {"01 100 4 200\n", NULL, LINE_FAULT("1")},
        {"1a x 4 200\n", NULL, LINE_FAULT("1")},
        {"1a 100 x 200\n", NULL, LINE_FAULT("1")},
        {"1a 100 4 200x\n", NULL, LINE_FAULT("1")},
        {"1a 100 4 200 1b\n", NULL, LINE_FAULT("1")},
        {"1a 100 2147483648 200\n", NULL, LINE_FAULT("1")},
        {"1a 9223372036854775808 4 200\n", NULL, LINE_FAULT("1")},
        {"1a\t100  4 200 \n", "1a 100 4 200; ", NULL},
        {"1a 100 4 200\ngarbage\n1b 100 4 200\n", NULL, LINE_FAULT("2")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].text);
        struct revoked_register *revoked = revoked_register_open(path, &fault);
        cr_assert_eq(revoked != NULL, cases[i].entries != NULL, "case %zu: %s", i, fault.message);
        if (revoked != NULL)
            cr_expect_str_eq(entries(revoked), cases[i].entries, "case %zu: %s", i, entries(revoked));
        else
            cr_expect_str_eq(fault.message + strlen(directory), cases[i].fault, "case %zu: %s", i,
                             fault.message);
        revoked_register_close(revoked);
        end();
    }
}

Test(revoked_register, one_is_found_by_its_whole_serial_number)
{
    static const struct {
        const char *text, *serial;
        bool found;
    } cases[] = {
        {"", "1", false},
        {"2 100 1 0\n", "2", true},
        {"2 100 1 0\n", "1", false},
        {"2 100 1 0\n", "3", false},
        {"2 100 1 0\n", "20", false},
        {"20 100 1 0\n", "2", false},
        {"1 100 1 0\n2 100 1 0\n3 100 1 0\n", "1", true},
        {"1 100 1 0\n2 100 1 0\n3 100 1 0\n", "3", true},
        {HEX_40 "1234567 100 4 0\n", HEX_40 "1234567", true},
        {HEX_40 "1234567 100 4 0\n", HEX_40 "12345678", false},
        {"", HEX_40 HEX_40, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].text);
        struct revoked_register *revoked = revoked_register_open(path, &fault);
        cr_assert_not_null(revoked, "%s", fault.message);
        const struct revoked_serial *found = revoked_register_find(revoked, cases[i].serial);
        cr_expect_eq(found != NULL, cases[i].found, "case %zu", i);
        cr_expect(found == NULL || strcmp(found->serial, cases[i].serial) == 0, "case %zu", i);
        revoked_register_close(revoked);
        end();
    }
}

static const char *file_text(void)
{
    struct bytes text;
    cr_assert(file_read(arena, path, 64 * 1024, &text));
    return arena_string(arena, text);
}

/* In its place by serial number; a line that was never confirmed is cut off before it. */
Test(revoked_register, an_addition_is_in_the_file_and_found_at_once)
{
    static const struct {
        const char *text;
        struct revoked_serial entry;
        const char *entries, *file;
    } cases[] = {
        {NULL, {"5", 100, 1, 200, 0}, "5 100 1 200; ", "5 100 1 200\n"},
        {"3 90 1 0\n", {"5", 100, 1, 200, 0}, "3 90 1 0; 5 100 1 200; ", "3 90 1 0\n5 100 1 200\n"},
        {"7 90 1 0\n", {"5", 100, 1, 200, 0}, "5 100 1 200; 7 90 1 0; ", "7 90 1 0\n5 100 1 200\n"},
        {"3 90 1 0\n7 90 1 0\n",
         {"5", 100, 1, 200, 0},
         "3 90 1 0; 5 100 1 200; 7 90 1 0; ",
         "3 90 1 0\n7 90 1 0\n5 100 1 200\n"},
        {"5 90 6 200\n7 90 1 0\n",
         {"5", 100, 1, 200, 0},
         "5 100 1 200; 7 90 1 0; ",
         "5 90 6 200\n7 90 1 0\n5 100 1 200\n"},
        {"3 90 1 0\n4 9", {"5", 100, 1, 200, 0}, "3 90 1 0; 5 100 1 200; ", "3 90 1 0\n5 100 1 200\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].text);
        struct revoked_register *revoked = revoked_register_open(path, &fault);
        cr_assert_not_null(revoked, "%s", fault.message);
        cr_expect(revoked_register_add(revoked, &cases[i].entry), "case %zu", i);
        cr_expect_str_eq(entries(revoked), cases[i].entries, "case %zu: %s", i, entries(revoked));
        cr_expect_str_eq(file_text(), cases[i].file, "case %zu: %s", i, file_text());
        revoked_register_close(revoked);
        revoked = revoked_register_open(path, &fault);
        cr_expect_str_eq(entries(revoked), cases[i].entries, "case %zu, read again: %s", i, entries(revoked));
        revoked_register_close(revoked);
        end();
    }
}

/* More than the room that it begins with. */
Test(revoked_register, many_are_kept_in_order)
{
    enum { MANY = 200 };
    size_t count = 0;
    begin(NULL);
    struct revoked_register *revoked = revoked_register_open(path, &fault);
    for (int i = 0; i < MANY; i++) {
        struct revoked_serial entry = {.revoked_at = 100, .reason = 1};
        snprintf(entry.serial, sizeof entry.serial, "%x", 4096 + i * 37 % MANY);
        cr_assert(revoked_register_add(revoked, &entry));
    }
    const struct revoked_serial *all = revoked_register_all(revoked, &count);
    cr_assert_eq(count, MANY);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(strtoul(all[i].serial, NULL, 16), 4096 + i, "%zu: %s", i, all[i].serial);
    revoked_register_close(revoked);
    end();
}
