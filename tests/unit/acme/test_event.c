/* SPDX-License-Identifier: Apache-2.0 */
/* The table of event types: docs/sql.md holds the same rows for people, and the program records each of them.
 */
#include "acme/event.h"

#include <ctype.h>
#include <fts.h>

#include <criterion/criterion.h>

#include "acme/base/buffer.h"
#include "acme/base/file.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(event);

enum { FILE_MAX_BYTES = 1 << 20 };

Test(event, every_type_has_a_name_of_its_own_a_subject_a_severity_and_a_meaning)
{
    for (enum event_type type = EVENT_UNKNOWN + 1; type < EVENT_TYPE_COUNT; type++) {
        const struct event_type_info *info = event_type_info(type);
        cr_assert_not_null(info, "%d", (int)type);
        cr_expect_str_eq(event_type_name(type), info->name);
        cr_expect_eq(event_type_find(bytes_from_string(info->name)), type, "%s appears twice", info->name);
        cr_expect_str_neq(event_subject_name(info->subject), "none", "%s", info->name);
        cr_expect(info->severity >= SEVERITY_INFO && info->severity <= SEVERITY_ERROR, "%s", info->name);
        cr_assert_not_null(info->meaning, "%s", info->name);
        cr_expect_null(strpbrk(info->meaning, "|\n"), "%s: a cell of a table", info->name);
    }
}

Test(event, another_value_or_name_is_unknown)
{
    static const char *const names[] = {
        "", "order", "order.", "order.created ", "Order.created", "order.createdx"};
    cr_expect_null(event_type_info(EVENT_UNKNOWN));
    cr_expect_null(event_type_info(EVENT_TYPE_COUNT));
    cr_expect_null(event_type_info((enum event_type) - 1));
    cr_expect_null(event_type_name(EVENT_UNKNOWN));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_eq(event_type_find(bytes_from_string(names[i])), EVENT_UNKNOWN, "%s", names[i]);
    cr_expect_str_eq(event_subject_name((enum event_subject)0), "none");
    cr_expect_str_eq(event_subject_name((enum event_subject)(SUBJECT_SERVER + 1)), "none");
}

/* Queries look for them by `kind LIKE '%.refused'`. A CA's refusal to revoke is tried again, by the server's
 * own clock: no client causes it at will. */
Test(event, a_refusal_says_so_in_its_name)
{
    for (enum event_type type = EVENT_UNKNOWN + 1; type < EVENT_TYPE_COUNT; type++) {
        const struct event_type_info *info = event_type_info(type);
        bool named = strcmp(strchr(info->name, '.'), ".refused") == 0 && type != EVENT_REVOCATION_REFUSED;
        cr_expect_eq(info->is_refusal, named, "%s", info->name);
    }
}

/* ---- files ---- */

static const char *path_of(struct arena *arena, const char *file)
{
    return arena_printf(arena, "%.*s/../../../%s", (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, file);
}

static const char *text_of(struct arena *arena, const char *path)
{
    struct bytes text;
    cr_assert(file_read(arena, path, FILE_MAX_BYTES, &text), "%s cannot be read", path);
    return arena_string(arena, text);
}

/* The text of every source file of the gateway and its store. */
static const char *gateway_sources(struct arena *arena)
{
    char *folders[] = {arena_duplicate(arena, path_of(arena, "gateway")),
                       arena_duplicate(arena, path_of(arena, "store")), NULL};
    FTS *tree = fts_open(folders, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    struct buffer all;
    buffer_init(&all, arena, 64 * FILE_MAX_BYTES);
    cr_assert_not_null(tree);
    for (FTSENT *entry; (entry = fts_read(tree)) != NULL;)
        if (entry->fts_info == FTS_F && entry->fts_namelen > 2 &&
            strcmp(entry->fts_name + entry->fts_namelen - 2, ".c") == 0)
            buffer_append_string(&all, text_of(arena, entry->fts_path));
    fts_close(tree);
    const char *text = buffer_string(&all);
    cr_assert_gt(strlen(text), FILE_MAX_BYTES / 4);
    return text;
}

/* "order.refused" is EVENT_ORDER_REFUSED. */
static const char *enumerator_of(struct arena *arena, const char *name)
{
    char *enumerator = arena_duplicate(arena, arena_printf(arena, "EVENT_%s", name));
    for (char *c = enumerator; *c != '\0'; c++)
        *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
    return enumerator;
}

static bool holds_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (; (text = strstr(text, word)) != NULL; text += length)
        if (!isalnum((unsigned char)text[length]) && text[length] != '_')
            return true;
    return false;
}

Test(event, every_type_is_recorded_and_none_is_written_as_text)
{
    struct arena *arena = arena_new();
    const char *sources = gateway_sources(arena);
    for (enum event_type type = EVENT_UNKNOWN + 1; type < EVENT_TYPE_COUNT; type++) {
        const char *name = event_type_name(type);
        cr_expect(holds_word(sources, enumerator_of(arena, name)), "nothing records %s", name);
        cr_expect_null(strstr(sources, arena_printf(arena, "\"%s\"", name)), "%s is written as text", name);
    }
    arena_free(arena);
}

/* ---- docs/sql.md ---- */

static const char heading[] =
    "| Kind | About | Severity | Of note | When |\n| --- | --- | --- | --- | --- |\n";

/* The table as it must stand there. */
static const char *table_of_types(struct arena *arena)
{
    const char *table = heading;
    for (enum event_type type = EVENT_UNKNOWN + 1; type < EVENT_TYPE_COUNT; type++) {
        const struct event_type_info *info = event_type_info(type);
        table = arena_printf(arena, "%s| `%s` | %s | %s | %s | %s |\n", table, info->name,
                             event_subject_name(info->subject), event_severity_name(info->severity),
                             info->notify ? "yes" : "", info->meaning);
    }
    return table;
}

Test(event, the_document_has_the_table)
{
    struct arena *arena = arena_new();
    const char *expected = table_of_types(arena);
    const char *found = strstr(text_of(arena, path_of(arena, "docs/sql.md")), heading);
    cr_assert_not_null(found, "docs/sql.md lacks the table of events");
    cr_expect(strncmp(found, expected, strlen(expected)) == 0 && found[strlen(expected)] == '\n',
              "the table of events in docs/sql.md should be\n\n%s", expected);
    arena_free(arena);
}

Test(event, the_document_names_the_refusals_that_may_only_be_counted)
{
    struct arena *arena = arena_new();
    const char *text =
        strstr(text_of(arena, path_of(arena, "docs/sql.md")), "Not every refusal is an event.");
    cr_assert_not_null(text);
    struct bytes paragraph = bytes_of((const uint8_t *)text, (size_t)(strstr(text, "\n\n") - text));
    const char *words = arena_string(arena, paragraph);
    for (enum event_type type = EVENT_UNKNOWN + 1; type < EVENT_TYPE_COUNT; type++) {
        const struct event_type_info *info = event_type_info(type);
        cr_expect_eq(strstr(words, arena_printf(arena, "`%s`", info->name)) != NULL, info->is_refusal, "%s",
                     info->name);
    }
    arena_free(arena);
}
