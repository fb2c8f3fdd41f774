/* SPDX-License-Identifier: Apache-2.0 */
/* A copy to another database. The source is of the present engine; the target is, too, or a file of SQLite.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "database.h"
#include "shell.h"
#include "store/accounts.h"
#include "store/care.h"
#include "store/sql/copy.h"
#include "writes.h"

LEAK_CHECKED_SUITE(copy);
LEAK_CHECKED_SUITE(sqlite_copy);
LEAK_CHECKED_SUITE(postgresql_copy);

/* More than a side keeps in the memory at once. */
enum { MANY_EVENTS = 450, TABLES_MAX = 64 };

struct counts {
    const char *tables[TABLES_MAX];
    int64_t rows[TABLES_MAX];
    size_t count;
    struct arena *arena;
};

static void count_rows(void *context, const char *table, int64_t rows)
{
    struct counts *counts = context;
    cr_assert_lt(counts->count, TABLES_MAX);
    counts->tables[counts->count] = arena_duplicate(counts->arena, table);
    counts->rows[counts->count++] = rows;
}

static void expect_copied(const struct store_location *from, const struct store_location *to)
{
    struct fault fault;
    cr_assert(store_copy(from, to, NULL, NULL, &fault), "%s", fault.message);
}

static void expect_refused(const struct store_location *from, const struct store_location *to,
                           const char *words)
{
    struct fault fault;
    cr_assert_not(store_copy(from, to, NULL, NULL, &fault), "%s", words);
    cr_expect_not_null(strstr(fault.message, words), "%s: %s", words, fault.message);
}

/* A file of SQLite in the database's folder. */
static const struct store_location *file_of(const struct database *database, const char *name)
{
    return store_location_new(database->arena,
                              arena_printf(database->arena, "%s/%s", database->directory, name));
}

/* Rows in each table: the smallest, the largest and the strangest values among them. */
static void fill(struct database *database)
{
    struct account account = make_account(database, "thumbprint");
    struct order order = make_issued_order(database, &account, "host.example.org", "4711");
    struct authorization failed = make_authorization(database, &account, "other.example.org");
    fail_authorization(database, &failed, CHALLENGE_DNS_01, "{\"detail\":\"no such name\"}");
    make_issued_order(database, &account, "*.example.org", NULL);
    for (int i = 0; i < MANY_EVENTS; i++)
        make_event(database, (struct event){.type = EVENT_ORDER_CREATED, .order_id = order.id});
    database_run(database,
                 arena_printf(database->arena,
                              "INSERT INTO eab_keys (id, endpoint, kid, sealed_key, comment, names_allow,"
                              " names_deny, profiles, trusted, created_at) VALUES (7, 'acme', 'kid', %s,"
                              " '', '[\"\u00e4\U0001f600\"]', '[]', '\"\\,', 0, 9007199254740991)",
                              database_blob(database, "")));
    database_run(database, "UPDATE accounts SET eab_key_id = 7, created_at = -9223372036854775807");
    database_run(database, "INSERT INTO early_renewals (id, scope, issued_before, renew_from, renew_until,"
                           " created_at) VALUES (8, 'all', 0, 1, 2, 3)");
    database_run(database,
                 arena_printf(database->arena,
                              "INSERT INTO issuer_overrides (issuer, sealed, changed_at, changed_by) VALUES"
                              " ('b', %s, 1, 'x'), ('B', %s, 1, 'x'), ('\u00e4', %s, 1, 'x')",
                              database_blob(database, "00"), database_blob(database, "ff00fe"),
                              database_blob(database, "0a5c5c2e")));
    database_run(database,
                 arena_printf(database->arena,
                              "INSERT INTO revocation_lists (issuer_identity_id, fetched_at, next_update,"
                              " crl, chain) SELECT id, 1, 2, %s, %s FROM issuer_identities",
                              database_blob(database, "3000"), database_blob(database, "2d2d")));
}

/* Without a connection: a copy has both databases to itself. */
static void begin_filled(struct database *database)
{
    database_begin(database);
    database_connect(database);
    fill(database);
    database_disconnect(database);
}

/* ---- what arrives ---- */

/* When this fails because of a new table: let fill() insert a row, or have store/sql/copy.c leave it out. */
Test(copy, each_table_of_the_schema_is_copied)
{
    struct database source, target;
    struct counts counts = {0};
    struct fault fault;
    begin_filled(&source);
    database_begin(&target);
    counts.arena = source.arena;
    cr_assert(store_copy(source.location, target.location, count_rows, &counts, &fault), "%s", fault.message);
    for (size_t i = 0; i < counts.count; i++) {
        cr_expect_gt(counts.rows[i], 0, "%s has no rows to copy", counts.tables[i]);
        cr_expect_eq(
            database_count(&target, arena_printf(source.arena, "SELECT count(*) FROM %s", counts.tables[i])),
            counts.rows[i], "%s", counts.tables[i]);
    }
    int64_t tables = database_count(
        &source, database_is_postgresql() ? "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
                                            " AND tablename <> 'schema_version'"
                                          : "SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
    cr_expect_eq(counts.count, tables);
    database_end(&target);
    database_end(&source);
}

Test(copy, from_here_to_a_file_and_back_nothing_changes)
{
    struct database source, target;
    struct fault fault;
    begin_filled(&source);
    database_begin(&target);
    const struct store_location *file = file_of(&source, "copy.db");
    expect_copied(source.location, file);
    cr_expect(store_check(file, NULL, &fault), "%s", fault.message);
    expect_copied(file, target.location);
    static const char *const values[] = {
        "SELECT comment || names_allow || profiles || created_at FROM eab_keys WHERE max_uses IS NULL",
        "SELECT length(sealed_key) FROM eab_keys WHERE sealed_key IS NOT NULL",
        "SELECT length(sealed) FROM issuer_overrides WHERE issuer = 'B'",
        "SELECT created_at FROM accounts",
        "SELECT count(*) FROM events",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        cr_expect_str_eq(database_text(&source, values[i]), database_text(&target, values[i]), "%s",
                         values[i]);
    database_end(&target);
    database_end(&source);
}

/* Those of objects by the committer, those of identities and chains by the database. */
Test(copy, ids_continue_in_the_copy)
{
    struct database source, target;
    begin_filled(&source);
    database_begin(&target);
    expect_copied(source.location, target.location);
    int64_t newest = database_count(&target, "SELECT max(id) FROM events");
    database_connect(&target);
    cr_expect_gt(store_next_id(target.writer, 0), newest);
    struct account account = make_account(&target, "another");
    struct order order = make_issued_order(&target, &account, "new.example.org", NULL);
    cr_expect_gt(order.id, newest);
    database_disconnect(&target);
    database_run(&target, "INSERT INTO issuer_identities (issuer, root_fingerprint) VALUES ('new', 'x')");
    database_end(&target);
    database_end(&source);
}

/* The references are back: a row that refers to nothing is refused. */
Test(postgresql_copy, references_hold_again)
{
    struct database source, target;
    begin_filled(&source);
    database_begin(&target);
    const char *count = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated";
    const char *text = "SELECT string_agg(conname || pg_get_constraintdef(oid), ';' ORDER BY conname)"
                       " FROM pg_constraint";
    expect_copied(source.location, target.location);
    cr_expect_gt(database_count(&target, count), 0);
    cr_expect_str_eq(database_text(&source, text), database_text(&target, text));
    database_end(&target);
    database_end(&source);
}

/* ---- refusals ---- */

struct pair {
    struct database source, target;
    const struct store_location *from, *to;
};

static void serve_source(struct pair *pair)
{
    database_serve(&pair->source);
}

static void serve_target(struct pair *pair)
{
    database_serve(&pair->target);
}

static void copy_to_itself(struct pair *pair)
{
    pair->to = pair->from;
}

static void put_a_row_into_target(struct pair *pair)
{
    database_connect(&pair->target);
    make_account(&pair->target, "another");
    database_disconnect(&pair->target);
}

static void take_source_away(struct pair *pair)
{
    pair->from = file_of(&pair->source, "nowhere.db");
}

static void add_table_to_source(struct pair *pair)
{
    database_run(&pair->source, "CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT)");
}

static void add_column_to_source(struct pair *pair)
{
    database_run(&pair->source, "ALTER TABLE accounts ADD COLUMN note TEXT");
}

static void set_schema(struct database *database, const char *version)
{
    database_run(database, arena_printf(database->arena,
                                        database_is_postgresql() ? "UPDATE schema_version SET version = %s"
                                                                 : "PRAGMA user_version = %s",
                                        version));
}

static void make_source_older(struct pair *pair)
{
    set_schema(&pair->source, "12");
}

static void make_source_newer(struct pair *pair)
{
    set_schema(&pair->source, "9999");
}

static void make_target_older(struct pair *pair)
{
    database_connect(&pair->target);
    database_disconnect(&pair->target);
    set_schema(&pair->target, "12");
}

static void give_target_to_another_program(struct pair *pair)
{
    if (database_is_postgresql())
        database_run(&pair->target, "DROP TABLE schema_version");
    else
        database_run(&pair->target, "CREATE TABLE theirs (id INTEGER)");
}

static void break_reference(struct pair *pair)
{
    database_run(&pair->source, database_is_postgresql()
                                    ? "ALTER TABLE attempts DROP CONSTRAINT attempts_order_id_fkey;"
                                      "UPDATE attempts SET order_id = 1"
                                    : "PRAGMA foreign_keys = OFF; UPDATE attempts SET order_id = 1");
}

/* Has each new account of the target run a statement, as a fault of the copy would. */
static void on_account(struct pair *pair, const char *statement)
{
    database_connect(&pair->target);
    database_disconnect(&pair->target);
    database_run(&pair->target,
                 database_is_postgresql()
                     ? arena_printf(pair->target.arena,
                                    "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS"
                                    " $$BEGIN %s; RETURN NULL; END$$;"
                                    "CREATE TRIGGER meddle AFTER INSERT ON accounts FOR EACH ROW"
                                    " EXECUTE FUNCTION meddle()",
                                    statement)
                     : arena_printf(pair->target.arena,
                                    "CREATE TRIGGER meddle AFTER INSERT ON accounts BEGIN %s; END",
                                    statement));
}

static void change_a_value(struct pair *pair)
{
    on_account(pair, "UPDATE accounts SET contacts = '[]'");
}

static void set_a_null(struct pair *pair)
{
    on_account(pair, "UPDATE accounts SET user_agent = NULL");
}

static void lose_a_row(struct pair *pair)
{
    on_account(pair, "DELETE FROM accounts");
}

static void add_a_row(struct pair *pair)
{
    on_account(pair, "INSERT INTO early_renewals (id, scope, issued_before, renew_from, renew_until,"
                     " created_at) VALUES (4711, 'x', 0, 0, 0, 0)");
}

static void replace_a_row(struct pair *pair)
{
    on_account(pair, "UPDATE accounts SET id = 5");
}

Test(copy, what_cannot_be_copied_is_refused_and_leaves_the_target_as_it_was)
{
    static const struct {
        void (*prepare)(struct pair *pair);
        const char *words;
        bool target_has_rows;
    } cases[] = {
        {serve_source, "is already served by another acmegate", false},
        {serve_target, "is already served by another acmegate", false},
        {copy_to_itself, "cannot be copied to itself", false},
        {put_a_row_into_target, "is not empty: its table accounts has rows", true},
        {take_source_away, "there is no database", false},
        {add_table_to_source, "has a table notes that is not acmegate's", false},
        {add_column_to_source, "the table accounts has been changed", false},
        {make_source_older, "'acmegate db migrate' takes it there", false},
        {make_source_newer, "a newer acmegate wrote it", false},
        {make_target_older, "'acmegate db migrate' takes it there", false},
        {give_target_to_another_program, "it is left alone", false},
        {break_reference, "'acmegate db check' of the source lists ", false},
        {change_a_value, "the copy differs: the row of accounts with id", false},
        {set_a_null, "has another user_agent in", false},
        {lose_a_row, "has the row of accounts with id", false},
        {add_a_row, "has the row of early_renewals with id 4711", false},
        {replace_a_row, "has the row of accounts with id", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        begin_filled(&pair.source);
        database_begin(&pair.target);
        pair.from = pair.source.location;
        pair.to = pair.target.location;
        cases[i].prepare(&pair);
        expect_refused(pair.from, pair.to, cases[i].words);
        const char *rows = "SELECT count(*) FROM accounts";
        if (pair.to == pair.target.location && cases[i].prepare != give_target_to_another_program &&
            store_exists(pair.target.location))
            cr_expect_eq(database_count(&pair.target, rows), cases[i].target_has_rows, "%s", cases[i].words);
        database_end(&pair.target);
        database_end(&pair.source);
    }
}

static enum store_apply_result add_account(void *context, struct store_writer *writer)
{
    struct account account = {.endpoint = "acme",
                              .status = ACCOUNT_VALID,
                              .key = BYTES_LITERAL("{}"),
                              .thumbprint = "late",
                              .contacts_json = "[]",
                              .created_at = NOW};
    (void)context;
    return store_applied(store_account_insert(writer, &account));
}

static void expect_to_wait_in_vain(const struct store_location *location)
{
    struct fault fault;
    struct store_command *command = store_command_open(location, &fault);
    cr_assert_not_null(command, "%s", fault.message);
    cr_expect_not(store_write_now(command, add_account, NULL, &fault));
    store_command_close(command);
}

/* It would be lost in the copy, or be in its way. */
Test(copy, meanwhile_nobody_else_copies_and_no_command_writes)
{
    struct pair pair;
    struct fault fault;
    store_set_log(writes_keep_quiet);
    begin_filled(&pair.source);
    database_begin(&pair.target);
    const struct engine_copy *sides = pair.source.location->engine->copy;
    struct copy_side *from = sides->open_source(pair.source.location, &fault);
    struct copy_side *to = sides->open_target(pair.target.location, &fault);
    cr_assert(from != NULL && to != NULL, "%s", fault.message);
    expect_refused(pair.source.location, file_of(&pair.source, "other.db"), "is already served");
    expect_to_wait_in_vain(pair.source.location);
    expect_to_wait_in_vain(pair.target.location);
    sides->close(to);
    sides->close(from);
    database_end(&pair.target);
    database_end(&pair.source);
}

/* As an operator who was refused does. */
Test(copy, a_refused_copy_can_be_tried_again)
{
    struct pair pair;
    begin_filled(&pair.source);
    database_begin(&pair.target);
    change_a_value(&pair);
    expect_refused(pair.source.location, pair.target.location, "the copy differs");
    database_run(&pair.target,
                 database_is_postgresql() ? "DROP TRIGGER meddle ON accounts" : "DROP TRIGGER meddle");
    expect_copied(pair.source.location, pair.target.location);
    database_end(&pair.target);
    database_end(&pair.source);
}

/* SQLite takes such texts; a tool may have written them. */
Test(postgresql_copy, a_text_that_cannot_be_stored_is_named)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"'a' || char(0) || 'b'", "a NUL in its column user_agent"},
        {"CAST(x'ff' AS TEXT)", "octets that are not UTF-8 in its column user_agent"},
    };
    struct database source, target;
    begin_filled(&source);
    const struct store_location *file = file_of(&source, "copy.db");
    expect_copied(source.location, file);
    database_begin(&target);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database behind = {.arena = source.arena};
        snprintf(behind.path, sizeof behind.path, "%s", store_location_text(file));
        sqlite_shell.run(&behind,
                         arena_printf(source.arena, "UPDATE accounts SET user_agent = %s", cases[i].text));
        expect_refused(file, target.location, cases[i].words);
        expect_refused(file, target.location, "the row of accounts with id ");
        cr_expect_eq(database_count(&target, "SELECT count(*) FROM accounts"), 0);
    }
    database_end(&target);
    database_end(&source);
}

/* ---- the mark ---- */

static const char *restored_because(struct database *database)
{
    database_serve(database);
    const char *why = store_restored(database->store);
    why = why == NULL ? NULL : arena_duplicate(database->arena, why);
    database_disconnect(database);
    return why;
}

Test(sqlite_copy, a_copy_is_no_restored_database)
{
    struct database source, target;
    begin_filled(&source);
    database_begin(&target);
    expect_copied(source.location, target.location);
    cr_expect_null(restored_because(&target));
    cr_expect_null(restored_because(&target));
    database_end(&target);
    database_end(&source);
}

Test(sqlite_copy, a_lost_database_is_no_target)
{
    struct database source, target;
    begin_filled(&source);
    database_begin(&target);
    cr_expect_null(restored_because(&target));
    unlink(target.path);
    expect_refused(source.location, target.location, "the database is missing");
    database_end(&target);
    database_end(&source);
}

/* A server ends the work that was in progress; a copy would carry it on. */
Test(sqlite_copy, a_restored_source_is_served_first)
{
    struct database source, target;
    begin_filled(&source);
    database_begin(&target);
    const char *backup = arena_printf(source.arena, "%s/backup.db", source.directory);
    database_copy_file(source.path, backup);
    database_connect(&source);
    make_event(&source, (struct event){.type = EVENT_ORDER_CREATED, .order_id = 1});
    database_disconnect(&source);
    cr_expect_null(restored_because(&source));
    database_copy_file(backup, source.path);
    expect_refused(source.location, target.location, "was restored from a copy (it lacks the event");
    database_serve(&source);
    store_take_as_it_is(source.store);
    database_disconnect(&source);
    expect_copied(source.location, target.location);
    database_end(&target);
    database_end(&source);
}

Test(sqlite_copy, a_back_up_without_a_mark_can_be_copied)
{
    struct database source, target;
    begin_filled(&source);
    database_begin(&target);
    const struct store_location *backup = file_of(&source, "backup.db");
    database_copy_file(source.path, store_location_text(backup));
    expect_copied(backup, target.location);
    database_end(&target);
    database_end(&source);
}
