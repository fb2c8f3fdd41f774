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
    return run(reader, BEGIN);
}

/*
 * After an I/O error in COMMIT the state of the disk is unknown. The process ends: nothing was answered, and
 * the next start reads the true state.
 */
static bool commit(struct store_reader *reader)
{
    if (run(reader, COMMIT))
        return true;
    if ((sqlite3_errcode(database_of(reader)) & 0xff) == SQLITE_IOERR) {
        store_log("store: COMMIT failed with an I/O error (%s): ending, so that the next start reads what "
                  "was written",
                  strerror(sqlite3_system_errno(database_of(reader))));
        _exit(EX_IOERR);
    }
    return false;
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
    return database_error(database_of(reader), what, fault);
}

const struct engine_transactions sqlite_transactions = {
    .begin = begin,
    .commit = commit,
    .roll_back = roll_back,
    .is_open = is_open,
    .save = save,
    .undo = undo,
    .release = release,
    .say_why = say_why,
};

bool store_read_begin(struct store_reader *reader)
{
    return run(reader, BEGIN_READ);
}

void store_read_end(struct store_reader *reader)
{
    roll_back(reader);
}
