/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How store/sql and an engine meet, beside the queries of store/sql/query.h. Private to store/.
 *
 * An engine makes readers, and says by struct engine_rows how one runs a statement. Writers are the same for
 * every engine: a connection that writes, with the state of its transaction.
 */
#pragma once

#include "acme/base/bytes.h"
#include "store/sql/statements.h"
#include "store/store.h"

struct event_notes;
struct retention_pass;

/* How a connection that writes runs its transaction. What fails is logged. */
struct engine_transactions {
    bool (*begin)(struct store_reader *reader);
    /* True when all is kept, also through a loss of power. */
    bool (*commit)(struct store_reader *reader);
    void (*roll_back)(struct store_reader *reader);
    /* False when there is none, or the engine has rolled it back. */
    bool (*is_open)(const struct store_reader *reader);
    /* A savepoint in it. `undo` goes back to it; `release` gives it up and keeps what was written. */
    bool (*save)(struct store_reader *reader);
    bool (*undo)(struct store_reader *reader);
    bool (*release)(struct store_reader *reader);
    /* Fills `fault` with "`what`: the engine's words" of the last failure; returns false. */
    bool (*say_why)(struct store_reader *reader, const char *what, struct fault *fault);
};

/*
 * One prepared statement of a connection. Parameters and columns are numbered by the engine: parameters as
 * `parameter` says, columns from 0.
 */
struct engine_rows {
    const struct engine_transactions *transactions;

    /* Returns the statement, which the connection prepares once and keeps. NULL, logged, on failure. */
    void *(*prepare)(struct store_reader *reader, enum statement_group group, size_t index);
    /* Ends its run and forgets its parameters. */
    void (*reset)(void *prepared);

    /* Returns 0 when the statement has no such parameter. */
    int (*parameter)(void *prepared, const char *name);
    /* These return NULL, or why the value cannot be bound. The octets live until `reset`, unless `copy`. */
    const char *(*bind_integer)(void *prepared, int parameter, int64_t value);
    const char *(*bind_null)(void *prepared, int parameter);
    const char *(*bind_text)(void *prepared, int parameter, struct bytes text, bool copy);
    const char *(*bind_blob)(void *prepared, int parameter, struct bytes blob);

    /* STORE_OK for a row, STORE_NOT_FOUND behind the last one, STORE_FAILED with `why`, which lives until the
     * connection's next call. */
    enum store_result (*step)(void *prepared, const char **why);
    /* The number of rows that the last statement changed. */
    int64_t (*changed)(const struct store_reader *reader);

    /* 0 for NULL. */
    int64_t (*integer)(void *prepared, int column);
    /* True with the column's text or octets, which live until the next step; false for NULL and, with `why`,
     * when there is no memory. */
    bool (*octets)(void *prepared, int column, struct bytes *out, const char **why);
    size_t (*column_count)(void *prepared);
    const char *(*column_name)(void *prepared, int column);
    bool (*is_number)(void *prepared, int column);
};

/* An engine's connection begins with it. */
struct store_reader {
    const struct engine_rows *rows;
    bool failed; /* a statement failed since the runner of operations cleared this */
};

struct store_writer {
    struct store_reader *reader; /* the connection, which writes too */
    int64_t last_id;             /* the highest id issued */
    bool refused;    /* a state was refused (STORE_REFUSED) since the runner of operations cleared this */
    bool is_command; /* its ids are separate from the committer's */
    struct event_notes *notes; /* of the transaction's events; NULL: nobody observes them */
};

/* Notes that the operation wrote a state that may not follow the one before (STORE_REFUSED). */
void writer_refuse(struct store_writer *writer);

/* Continues the ids from the highest one in the database. Call it before the writer's first operation. False,
 * logged, when it cannot be read. */
[[gnu::warn_unused_result]] bool writer_continue_ids(struct store_writer *writer);

/* Returns the id of the newest event up to `until`; 0 when there is none. Events are only added, and deleted
 * from the oldest on. False, logged, when it cannot be read. */
[[gnu::warn_unused_result]] bool reader_newest_event(struct store_reader *reader, int64_t until, int64_t *id);

/* Returns a lower bound of ids issued at that time or later, unless the clock went back meanwhile. */
int64_t first_id_at(int64_t unix_seconds);

/* The last stage of a pass, one step: gives room that deleted rows have left back to the file system. Adds to
 * pass->pages, and sets pass->finished when there is nothing more to give back. */
[[gnu::warn_unused_result]] enum store_result engine_give_back(struct store_writer *writer,
                                                               struct retention_pass *pass);

/* Writes to the function of store_set_log, else to standard error. */
[[gnu::format(printf, 1, 2)]] void store_log(const char *format, ...);
