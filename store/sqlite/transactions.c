/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite runs a transaction. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "store/sql/query.h"
#include "store/sqlite/session.h"

enum { BEGIN, COMMIT, ROLL_BACK, SAVE, RELEASE, UNDO, BEGIN_READ };

static const struct statement statements[] = {
    [BEGIN] = {"batch_begin", "BEGIN IMMEDIATE"},
    [COMMIT] = {"batch_commit", "COMMIT"},
    [ROLL_BACK] = {"batch_rollback", "ROLLBACK"},
    [SAVE] = {"operation_begin", "SAVEPOINT operation"},
    [RELEASE] = {"operation_keep", "RELEASE operation"},
    [UNDO] = {"operation_undo", "ROLLBACK TO operation"},
    [BEGIN_READ] = {"read_begin", "BEGIN"},
};

const struct statement_table store_transaction_statements = {statements,
                                                             sizeof statements / sizeof *statements};

static bool run(struct store_reader *reader, size_t statement)
{
    QUERY(query, reader, NULL, STATEMENTS_TRANSACTIONS, statement);
    return query_next(&query) != STORE_FAILED;
}

static bool begin(struct store_reader *reader)
{
    if (sqlite_reader_is_in_place(reader))
        return run(reader, BEGIN);
    store_log("store: the database file was removed or replaced: nothing is written from now on; stop "
              "the server, restore the file and start it again");
    return false;
}

static bool begin_reading(struct store_reader *reader)
{
    return run(reader, BEGIN_READ);
}

/*
 * After an I/O error in COMMIT the state of the disk is unknown. The process ends: nothing was answered, and
 * the next start reads the true state.
 */
static enum engine_commit commit(struct store_reader *reader)
{
    if (run(reader, COMMIT))
        return ENGINE_KEPT;
    if ((sqlite3_errcode(database_of(reader)) & 0xff) == SQLITE_IOERR) {
        store_log("store: COMMIT failed with an I/O error (%s): ending, so that the next start reads what "
                  "was written",
                  strerror(sqlite3_system_errno(database_of(reader))));
        _exit(EX_IOERR);
    }
    return ENGINE_UNDONE;
}

static void roll_back(struct store_reader *reader)
{
    (void)run(reader, ROLL_BACK); /* a failure is logged, and the reader keeps it */
}

static bool is_open(const struct store_reader *reader)
{
    return sqlite3_get_autocommit(database_of(reader)) == 0;
}

static bool save(struct store_reader *reader)
{
    return run(reader, SAVE);
}

static bool undo(struct store_reader *reader)
{
    return run(reader, UNDO);
}

static bool release(struct store_reader *reader)
{
    return run(reader, RELEASE);
}

static bool say_why(struct store_reader *reader, const char *what, struct fault *fault)
{
    if (!sqlite_reader_is_in_place(reader))
        return fault_set(fault, "%s: its file was removed or replaced", what);
    return database_error(database_of(reader), what, fault);
}

const struct engine_transactions sqlite_transactions = {
    .begin = begin,
    .begin_reading = begin_reading,
    .commit = commit,
    .roll_back = roll_back,
    .is_open = is_open,
    .save = save,
    .undo = undo,
    .release = release,
    .say_why = say_why,
};
