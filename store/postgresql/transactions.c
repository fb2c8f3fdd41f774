/* SPDX-License-Identifier: Apache-2.0 */
/* How PostgreSQL runs a transaction. What begins it goes with its first statement, what ends a savepoint with
 * the next one: only COMMIT is waited for. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/postgresql/session.h"

enum { SQL_BYTES = 256, FIND_OUT_PAUSE_MS = 200 };

static struct postgresql_reader *own_of(struct store_reader *reader)
{
    return (struct postgresql_reader *)reader;
}

/* Sends the gateway's sign of life, and the number of the transaction. It fails, and the transaction with it,
 * when somebody has raised the fence since. */
static bool number_transaction(struct postgresql_reader *own)
{
    char sql[SQL_BYTES];
    own->gateway->batch = own->gateway->row;
    snprintf(sql, sizeof sql,
             "UPDATE gateways SET batch = %" PRId64
             ", seen_at = unixepoch(), fence = CASE WHEN fence = %" PRId64
             " THEN fence END WHERE id = %" PRId64,
             own->gateway->batch + 1, own->gateway->fence, own->gateway->id);
    return pipeline_send_words(own, sql);
}

static bool open_transaction(struct store_reader *reader, const char *words)
{
    struct postgresql_reader *own = own_of(reader);
    own->is_open = own->broken = own->again = false;
    if (own->replaced)
        session_end_replaced(own);
    if (!session_is_alive(own)) {
        store_log("store: %s", own->why);
        return false;
    }
    own->is_open = true;
    return pipeline_send_words(own, words);
}

/*
 * A transaction that writes begins with this lock, and its view of the rows with the next statement: it sees
 * all that was committed before it had the lock. Gateways share the lock, since most of their transactions do
 * not meet. A gateway whose last run was undone has it alone, and so cannot be undone again. A command has it
 * alone, too: a transaction as long as an import's would lose against the short ones of a busy server.
 */
static bool lock_writers(struct postgresql_reader *own)
{
    bool alone = own->gateway == NULL || own->alone;
    return pipeline_send_words(own, alone ? "LOCK TABLE gateways IN EXCLUSIVE MODE"
                                          : "LOCK TABLE gateways IN ROW EXCLUSIVE MODE");
}

static bool begin(struct store_reader *reader)
{
    struct postgresql_reader *own = own_of(reader);
    own->reads_moment = false;
    return open_transaction(reader, "BEGIN ISOLATION LEVEL SERIALIZABLE") && lock_writers(own) &&
           (own->gateway == NULL || number_transaction(own));
}

static bool begin_reading(struct store_reader *reader)
{
    own_of(reader)->reads_moment = true;
    return open_transaction(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

static bool is_committed(const PGresult *result)
{
    return result != NULL && strcmp(PQcmdStatus((PGresult *)(uintptr_t)result), "COMMIT") == 0;
}

static enum engine_commit commit(struct store_reader *reader)
{
    struct postgresql_reader *own = own_of(reader);
    PGresult *result = NULL;
    if (own->broken)
        return ENGINE_UNDONE;
    bool answered = pipeline_send_words(own, "COMMIT") && pipeline_collect(own, &result);
    bool kept = answered && is_committed(result);
    PQclear(result);
    own->is_open = own->connection != NULL && PQtransactionStatus(own->connection) != PQTRANS_IDLE;
    if (kept) {
        own->careful = own->alone = false;
        if (own->gateway != NULL)
            own->gateway->row = ++own->gateway->batch;
        return ENGINE_KEPT;
    }
    if (own->connection == NULL || !own->again)
        store_log("store: COMMIT: %s", own->why);
    if (own->connection != NULL)
        return ENGINE_UNDONE;
    own->again = false;
    return ENGINE_UNKNOWN;
}

/* A new connection has read the row of the gateway: what the old one was doing is over by then. */
static enum engine_commit find_out(struct store_reader *reader)
{
    struct postgresql_reader *own = own_of(reader);
    const struct timespec pause = {.tv_nsec = FIND_OUT_PAUSE_MS * 1000000L};
    if (own->gateway == NULL)
        return ENGINE_UNKNOWN;
    if (!session_is_alive(own)) {
        nanosleep(&pause, NULL);
        return ENGINE_UNKNOWN;
    }
    bool kept = own->gateway->row == own->gateway->batch + 1;
    own->gateway->batch = own->gateway->row;
    own->again = !kept; /* nobody was told anything */
    return kept ? ENGINE_KEPT : ENGINE_UNDONE;
}

static bool may_run_again(const struct store_reader *reader)
{
    return ((const struct postgresql_reader *)reader)->again;
}

static void roll_back(struct store_reader *reader)
{
    struct postgresql_reader *own = own_of(reader);
    own->is_open = own->broken = false;
    /* Behind a statement that fails, the first one is passed over. */
    for (int i = 0; i < 2 && own->connection != NULL; i++) {
        bool answered = pipeline_send_words(own, "ROLLBACK") && pipeline_collect(own, NULL);
        if (answered || (own->connection != NULL && PQtransactionStatus(own->connection) == PQTRANS_IDLE))
            return;
    }
    if (own->connection != NULL)
        session_lose(own, "a transaction cannot be rolled back");
}

static bool is_open(const struct store_reader *reader)
{
    return ((const struct postgresql_reader *)reader)->is_open;
}

static bool save(struct store_reader *reader)
{
    return pipeline_send_words(own_of(reader), "SAVEPOINT operation");
}

static bool undo(struct store_reader *reader)
{
    return !own_of(reader)->broken && pipeline_send_words(own_of(reader), "ROLLBACK TO operation");
}

static bool release(struct store_reader *reader)
{
    return !own_of(reader)->broken && pipeline_send_words(own_of(reader), "RELEASE operation");
}

static bool say_why(struct store_reader *reader, const char *what, struct fault *fault)
{
    return fault_set(fault, "%s: %s", what, own_of(reader)->why);
}

const struct engine_transactions postgresql_transactions = {
    .begin = begin,
    .begin_reading = begin_reading,
    .commit = commit,
    .find_out = find_out,
    .may_run_again = may_run_again,
    .roll_back = roll_back,
    .is_open = is_open,
    .save = save,
    .undo = undo,
    .release = release,
    .say_why = say_why,
};
