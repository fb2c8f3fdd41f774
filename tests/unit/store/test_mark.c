/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "store/events.h"
#include "store/sqlite/mark.h"

LEAK_CHECKED_SUITE(mark);

/* ---- what a mark says of a database ---- */

struct mark_case {
    struct mark mark;
    struct marked_database database;
    const char *words; /* NULL: it is the one that was served */
};

#define MARK(event) {.was_there = true, .readable = true, .is_own = true, .newest_event = (event)}

Test(mark, a_database_that_does_not_fit_its_mark_was_put_back)
{
    static const struct mark_case cases[] = {
        {{.was_there = false}, {0, 0, 0}, NULL},
        {{.was_there = false}, {MARKED_SINCE_SCHEMA - 1, 7, 0}, NULL}, /* from before there were marks */
        {{.was_there = false}, {MARKED_SINCE_SCHEMA, 7, 0}, "no mark"},
        {MARK(0), {MARKED_SINCE_SCHEMA, 0, 0}, NULL},
        {MARK(0), {MARKED_SINCE_SCHEMA, 7, 0}, NULL},
        {MARK(7), {MARKED_SINCE_SCHEMA, 7, 7}, NULL},
        {MARK(7), {MARKED_SINCE_SCHEMA, 9, 7}, NULL},
        {MARK(7), {MARKED_SINCE_SCHEMA, 9, 0}, NULL},    /* retention took it, and all before */
        {MARK(7), {MARKED_SINCE_SCHEMA, 9, 6}, "lacks"}, /* a command has written to the copy */
        {MARK(7), {MARKED_SINCE_SCHEMA, 6, 6}, "lacks"},
        {MARK(7), {4, 6, 6}, "lacks"},
        {MARK(7), {0, 0, 0}, "lacks"},
        {{.was_there = true, .readable = true, .newest_event = 7}, {MARKED_SINCE_SCHEMA, 9, 7}, "copy"},
        {{.was_there = true, .readable = false}, {MARKED_SINCE_SCHEMA, 9, 0}, "cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *words = mark_contradiction(&cases[i].mark, &cases[i].database);
        cr_expect_eq(words != NULL, cases[i].words != NULL, "%zu: %s", i, words);
        cr_expect(cases[i].words == NULL || (words != NULL && strstr(words, cases[i].words) != NULL),
                  "%zu: %s", i, words);
    }
}

/* ---- files ---- */

/* Serves once; an event is added meanwhile. */
static void serve_and_add_event(struct database *database, int64_t id)
{
    database_serve(database);
    database_run(database,
                 arena_printf(database->arena,
                              "INSERT INTO events (id, at, kind, who) VALUES (%lld, 1, 'order.created', 'x')",
                              (long long)id));
    database_disconnect(database);
}

static const char *path_of(struct database *database, const char *suffix)
{
    return arena_printf(database->arena, "%s%s", database->path, suffix);
}

static const char *served_again(struct database *database)
{
    database_serve(database);
    const char *why = store_restored(database->store);
    why = why == NULL ? NULL : arena_duplicate(database->arena, why);
    database_disconnect(database);
    return why;
}

Test(mark, a_database_that_is_served_again_is_the_same)
{
    struct database database;
    database_begin(&database);
    cr_expect_null(served_again(&database));
    serve_and_add_event(&database, 10);
    cr_expect_null(served_again(&database));
    cr_expect_null(served_again(&database));
    database_end(&database);
}

Test(mark, the_first_migration_makes_one)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    database_disconnect(&database);
    cr_expect_eq(access(path_of(&database, ".mark"), F_OK), 0);
    cr_expect_null(served_again(&database));
    database_end(&database);
}

Test(mark, a_copy_that_was_put_back_is_told_until_it_is_taken_as_it_is)
{
    struct database database;
    database_begin(&database);
    serve_and_add_event(&database, 10);
    database_copy_file(database.path, path_of(&database, ".copy"));
    serve_and_add_event(&database, 4000);
    database_copy_file(path_of(&database, ".copy"), database.path);
    cr_expect_not_null(served_again(&database));
    cr_expect_not_null(served_again(&database), "nothing was settled yet");
    database_serve(&database);
    store_take_as_it_is(database.store);
    database_run(&database,
                 "INSERT INTO events (id, at, kind, who) VALUES (5000, 1, 'database.restored', 'gateway')");
    database_disconnect(&database);
    cr_expect_null(served_again(&database));
    database_end(&database);
}

/* As an import of accounts does, before the server starts on the copy. */
Test(mark, a_copy_that_a_command_wrote_to_is_told_all_the_same)
{
    struct database database;
    database_begin(&database);
    serve_and_add_event(&database, 10);
    database_copy_file(database.path, path_of(&database, ".copy"));
    serve_and_add_event(&database, 4000);
    database_copy_file(path_of(&database, ".copy"), database.path);
    database_run(&database,
                 "INSERT INTO events (id, at, kind, who) VALUES (5000, 1, 'account.imported', 'x')");
    const char *why = served_again(&database);
    cr_expect(why != NULL && strstr(why, "lacks") != NULL, "%s", why);
    database_end(&database);
}

Test(mark, what_retention_took_is_not_missed)
{
    struct database database;
    database_begin(&database);
    serve_and_add_event(&database, 10);
    database_run(&database, "INSERT INTO events (id, at, kind, who) VALUES (4000, 1, 'account.revoked', 'x');"
                            "DELETE FROM events WHERE id <= 10");
    cr_expect_null(served_again(&database));
    database_end(&database);
}

/* A database from before there were marks, whose migration was interrupted (here: stopped). */
Test(mark, the_first_one_is_there_before_the_schema_that_has_marks)
{
    const struct migrations older = {store_migrations.list, MARKED_SINCE_SCHEMA - 1};
    struct database database;
    struct fault fault;
    database_begin(&database);
    cr_assert(migrate_file(database.path, &older, NULL, &fault), "%s", fault.message);
    database_run(&database, "INSERT INTO events (id, at, kind, who) VALUES (10, 1, 'order.created', 'x');"
                            "CREATE INDEX certificates_by_order ON certificates (id)");
    cr_expect_null(store_open(database.location, STORE_MIGRATE, &fault));
    cr_expect_eq(access(path_of(&database, ".mark"), F_OK), 0);
    cr_expect_not(store_migrate(database.location, NULL, &fault));
    database_run(&database, "DROP INDEX certificates_by_order");
    cr_assert(migrate_file(database.path, &store_migrations, NULL, &fault), "%s", fault.message);
    cr_expect_null(served_again(&database));
    database_end(&database);
}

struct id_write {
    struct store_operation operation; /* first */
    int64_t id;
};

static enum store_apply_result take_id(struct store_operation *operation, struct store_writer *writer)
{
    ((struct id_write *)operation)->id = store_next_id(writer, NOW * 1000);
    return STORE_DISCARD;
}

static void note_done(struct store_operation *operation, enum store_outcome outcome)
{
    (void)operation;
    (void)outcome;
}

Test(mark, ids_go_on_above_what_was_lost)
{
    struct database database;
    int64_t far = INT64_C(1) << 52; /* the clock alone would not come to it */
    database_begin(&database);
    serve_and_add_event(&database, far);
    cr_assert_eq(truncate(database.path, 0), 0);
    database_serve(&database);
    cr_expect_not_null(store_restored(database.store));
    struct id_write write = {.operation = {.apply = take_id, .done = note_done}};
    store_submit(database.store, &write.operation);
    database_disconnect(&database);
    cr_expect_gt(write.id, far);
    database_end(&database);
}

Test(mark, O5_a_database_that_is_missing_is_not_made_anew)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    serve_and_add_event(&database, 1);
    cr_assert_eq(unlink(database.path), 0);
    cr_expect_null(store_open(database.location, STORE_MIGRATE, &fault));
    cr_expect_not_null(strstr(fault.message, "the database is missing"), "%s", fault.message);
    cr_expect_not(store_migrate(database.location, NULL, &fault));
    cr_expect_not_null(strstr(fault.message, "to begin anew, remove"), "%s", fault.message);
    cr_expect_neq(access(database.path, F_OK), 0, "nothing was made");
    database_end(&database);
}

static enum store_apply_result write_event(void *context, struct store_writer *writer)
{
    const struct event *event = context;
    return store_applied(store_event_insert(writer, event));
}

Test(mark, O6_nothing_is_written_when_the_path_names_another_file)
{
    struct database database;
    struct fault fault;
    struct event event = {.at = NOW, .type = EVENT_ORDER_CREATED, .actor = "test"};
    database_begin(&database);
    database_serve(&database);
    struct store_reader *reader = store_reader_open(database.location, &fault);
    const char *elsewhere = arena_printf(database.arena, "%s.moved", database.path);
    cr_assert_not_null(reader);
    cr_expect(store_reader_is_in_place(reader));
    cr_expect(store_write_and_wait(database.store, write_event, &event));
    cr_assert_eq(rename(database.path, elsewhere), 0);
    cr_expect_not(store_reader_is_in_place(reader), "nothing is there");
    cr_expect_not(store_write_and_wait(database.store, write_event, &event));
    database_copy_file(elsewhere, database.path);
    cr_expect_not(store_reader_is_in_place(reader), "another file is there");
    cr_expect_not(store_write_and_wait(database.store, write_event, &event));
    cr_assert_eq(rename(elsewhere, database.path), 0);
    cr_expect(store_write_and_wait(database.store, write_event, &event), "its own file came back");
    store_reader_close(reader);
    database_disconnect(&database);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM events WHERE who = 'test'"), 2);
    database_end(&database);
}

static ino_t inode_of(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    return status.st_ino;
}

/* Its own one where the file system gives it out again, which most do soon. */
static void copy_to_same_inode(struct database *database, const char *from, const char *to)
{
    const char *made = NULL;
    ino_t inode = inode_of(to);
    cr_assert_eq(unlink(to), 0);
    for (size_t i = 0; i < 16 && (made == NULL || inode_of(made) != inode); i++) {
        made = path_of(database, arena_printf(database->arena, ".copy-%zu", i));
        database_copy_file(from, made);
    }
    cr_assert_eq(rename(made, to), 0);
}

/* In the file itself: `text` in the place of the line that begins so; "": nothing is left of all. */
static void overwrite(const char *path, const char *line, const char *text)
{
    char content[256];
    FILE *file = fopen(path, "r+");
    size_t n = fread(content, 1, sizeof content - 1, file);
    content[n] = '\0';
    const char *at = strstr(content, line);
    cr_assert_not_null(at);
    if (*text == '\0') {
        cr_assert_eq(ftruncate(fileno(file), 0), 0);
    } else {
        cr_assert_eq(fseek(file, at - content, SEEK_SET), 0);
        cr_assert_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    }
    cr_assert_eq(fclose(file), 0);
}

Test(mark, a_kernel_that_begins_to_tell_times_of_birth_makes_no_copy)
{
    struct database database;
    database_begin(&database);
    serve_and_add_event(&database, 10);
    overwrite(path_of(&database, ".mark"), "born ", "born 00000000000000000000\n");
    cr_expect_null(served_again(&database));
    database_end(&database);
}

Test(mark, a_mark_that_is_missing_broken_or_a_copy_is_told)
{
    struct database database;
    database_begin(&database);
    serve_and_add_event(&database, 10);
    const char *mark = path_of(&database, ".mark"), *other = path_of(&database, ".other");

    database_copy_file(mark, other);
    copy_to_same_inode(&database, other, mark);
    const char *why = served_again(&database);
    cr_expect(why != NULL && strstr(why, "copy itself") != NULL, "%s", why);

    static const char *const broken[] = {"", "event 09223372036854775807\n", "event 00009007199254740992\n"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        database_copy_file(other, mark);
        overwrite(mark, "event ", broken[i]);
        why = served_again(&database);
        cr_expect(why != NULL && strstr(why, "cannot be read") != NULL, "%zu: %s", i, why);
    }

    cr_assert_eq(unlink(mark), 0);
    why = served_again(&database);
    cr_expect(why != NULL && strstr(why, "no mark") != NULL, "%s", why);
    database_end(&database);
}

static size_t told;

static void count_message(const char *message)
{
    cr_expect_not_null(strstr(message, "cannot be written"), "%s", message);
    told++;
}

/* It is written each second: a full disk would fill the log. */
Test(mark, one_that_cannot_be_written_is_told_once_until_it_can)
{
    static const struct {
        bool writable;
        size_t told;
    } cases[] = {{true, 0}, {false, 1}, {false, 1}, {true, 1}, {false, 2}, {false, 2}};
    struct database database;
    struct mark mark;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    cr_assert(mark_open(&mark, database.path, &fault), "%s", fault.message);
    int writable = mark.file, read_only = open(path_of(&database, ".mark"), O_RDONLY);
    cr_assert_geq(read_only, 0);
    store_set_log(count_message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mark.file = cases[i].writable ? writable : read_only;
        mark_write(&mark, (int64_t)i);
        cr_expect_eq(told, cases[i].told, "write %zu", i);
    }
    mark.file = writable;
    mark_close(&mark);
    close(read_only);
    database_end(&database);
}
