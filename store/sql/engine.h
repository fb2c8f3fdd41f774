/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How store/sql and an engine meet, beside the queries of store/sql/query.h. Private to store/.
 *
 * struct engine has all that depends on the database: its place, its care, its connections. A location knows
 * its engine, and so does a connection. Writers are the same for every engine: a connection that writes, with
 * the state of its transaction.
 */
#pragma once

#include <limits.h>

#include "acme/base/bytes.h"
#include "store/care.h"
#include "store/sql/statements.h"
#include "store/store.h"

struct engine_channel;
struct engine_copy;
struct event_notes;
struct heartbeat;
struct retention_pass;

enum engine_commit {
    ENGINE_KEPT,    /* all of it, also through a loss of power */
    ENGINE_UNDONE,  /* nothing of it */
    ENGINE_UNKNOWN, /* the answer was lost: find_out asks the database */
};

/* How a connection that writes runs its transaction. What fails is logged. */
struct engine_transactions {
    /* False also when what is written would go nowhere. */
    bool (*begin)(struct store_reader *reader);
    enum engine_commit (*commit)(struct store_reader *reader);
    /* After ENGINE_UNKNOWN, and again while it returns that. It waits a few seconds at most. NULL: never
     * unknown. */
    enum engine_commit (*find_out)(struct store_reader *reader);
    /* True when the transaction failed because of another one or a lost connection, and may succeed when it
     * runs again. NULL: never. */
    bool (*may_run_again)(const struct store_reader *reader);
    void (*roll_back)(struct store_reader *reader);
    /* False when there is none, or the engine has rolled it back. */
    bool (*is_open)(const struct store_reader *reader);
    /* A savepoint in it. `undo` goes back to it; `release` gives it up and keeps what was written. */
    bool (*save)(struct store_reader *reader);
    bool (*undo)(struct store_reader *reader);
    bool (*release)(struct store_reader *reader);
    /* Begins to read the state of one moment; roll_back ends it. */
    bool (*begin_reading)(struct store_reader *reader);
    /* Fills `fault` with "`what`: the engine's words" of the last failure; returns false. */
    bool (*say_why)(struct store_reader *reader, const char *what, struct fault *fault);
};

enum engine_type { ENGINE_INTEGER, ENGINE_TEXT, ENGINE_BLOB };

/*
 * One prepared statement of a connection. Parameters and columns are numbered by the engine: parameters as
 * `parameter` says, columns from 0.
 */
struct engine_rows {
    /* Returns the statement, which the connection prepares once and keeps. NULL, logged, on failure. */
    void *(*prepare)(struct store_reader *reader, enum statement_group group, size_t index);
    /* Ends its run and forgets its parameters. */
    void (*reset)(void *prepared);

    /* Returns 0 when the statement has no such parameter. */
    int (*parameter)(void *prepared, const char *name);
    /* These return NULL, or why the value cannot be bound. A parameter has one type in all runs. The octets
     * live until `reset`, unless `copy`. */
    const char *(*bind_integer)(void *prepared, int parameter, int64_t value);
    const char *(*bind_null)(void *prepared, int parameter, enum engine_type type);
    const char *(*bind_text)(void *prepared, int parameter, struct bytes text, bool copy);
    const char *(*bind_blob)(void *prepared, int parameter, struct bytes blob);

    /* STORE_OK for a row, STORE_NOT_FOUND behind the last one, STORE_FAILED with `why`, which lives until the
     * connection's next call, and is NULL when the transaction only has to run again. */
    enum store_result (*step)(void *prepared, const char **why);
    /* Begins to run a statement, so that the next ones go with it. `reset` leaves it so: `step` has its rows
     * when the same values are bound next, before anything is written and before `forget`. NULL: a statement
     * costs no wait. */
    void (*ask)(void *prepared);
    void (*forget)(struct store_reader *reader); /* NULL with `ask` */
    /* Runs a statement without rows: STORE_OK, STORE_FAILED with `why`, STORE_NOT_FOUND when it `must_change`
     * a row and has changed none. An engine may do so with the next statement that is waited for, within the
     * transaction: then it says STORE_OK, and what goes wrong undoes the transaction (may_run_again). The
     * bound octets need not live on. */
    enum store_result (*send)(void *prepared, bool must_change, const char **why);
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

/* Each does the work of the function of store.h, location.h or care.h with its name, where nothing else is
 * said. */
struct engine {
    const struct engine_transactions *transactions;
    struct library (*library)(void);
    size_t (*schema)(void);
    bool reads_wait; /* for the network: no loop may read */
    /* The waits of all connections for an answer; NULL: there are none. */
    uint64_t (*round_trips)(void);

    /* ---- the place ---- */
    /* True when `database` of a configuration is for this engine. NULL: when it is for no other. */
    bool (*takes)(const char *database);
    struct store_location *(*locate)(struct arena *arena, const struct store_place *place);
    bool (*exists)(const struct store_location *location);
    void (*read_size)(const struct store_location *location, struct store_size *out);
    bool (*place_is_usable)(const struct store_location *location, struct fault *fault);
    bool (*was_lost)(const struct store_location *location, struct fault *fault);
    bool (*is_older)(const struct store_location *location);
    bool (*is_served)(const struct store_location *location);
    int64_t (*server_process)(const struct store_location *location);

    /* ---- care ---- */
    bool (*migrate)(const struct store_location *location, void (*report)(const char *line),
                    struct fault *fault);
    bool (*check)(const struct store_location *location, void (*report)(const char *line),
                  struct fault *fault);
    bool (*backup)(const struct store_location *location, const char *to, struct fault *fault);
    bool (*restore)(const struct store_location *location, const char *from, int64_t now,
                    char kept[static PATH_MAX], struct fault *fault);
    bool (*vacuum)(const struct store_location *location, struct fault *fault);
    const struct engine_copy *copy;       /* store/sql/copy.h */
    const struct engine_channel *channel; /* store/sql/channel.h; NULL: one gateway at a time */

    /* ---- connections ---- */
    struct store_reader *(*open_reader)(const struct store_location *location, struct fault *fault);
    void (*close_reader)(struct store_reader *reader);
    bool (*reader_is_in_place)(const struct store_reader *reader);
    /* Opens a connection that a command writes with. Its schema is the program's. NULL with `fault`. */
    struct store_writer *(*open_writer)(const struct store_location *location, struct fault *fault);

    /* ---- serving ---- */
    /* Does the work of store_open but for the committer: fills `writer`, `own` and `restored`. False with
     * `fault`; stop_serving follows then, too. */
    bool (*serve)(struct store *store, const struct store_location *location, enum store_migration migration,
                  struct fault *fault);
    /* After the committer has stopped: closes all that `serve` opened, as far as it came. */
    void (*stop_serving)(struct store *store);
    /* On the committer's thread, after the answers of a batch. */
    void (*look_after)(void *own, struct store_reader *reader);
    void (*take_as_it_is)(struct store *store);

    /* ---- within apply ---- */
    enum store_result (*probe)(struct store_writer *writer);
    /* The last stage of a pass, one step: gives room that deleted rows have left back to the file system.
     * Adds to pass->pages, and sets pass->finished when there is nothing more to give back. */
    enum store_result (*give_back)(struct store_writer *writer, struct retention_pass *pass);
};

extern const struct engine sqlite_engine, postgresql_engine;

/* An engine's location begins with it. */
struct store_location {
    const struct engine *engine;
    const char *text;    /* for people */
    const char *address; /* for other programs */
    const char *refusal; /* why it cannot be used; NULL: it can */
    const char *state;   /* the path that the names of the files beside it begin with; NULL: not known */
};

/* An engine's connection begins with it. */
struct store_reader {
    const struct engine *engine;
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

struct store_command {
    struct store_writer *writer;
};

struct store {
    const struct engine *engine;
    struct store_writer *writer;
    struct committer *committer;
    struct heartbeat *heartbeat; /* NULL: no other gateway can be there */
    const char *restored;        /* NULL: it is not a restored copy */
    void *own;                   /* the engine's */
};

/* Makes a writer of an open connection, which it then owns. NULL, with the connection closed, without memory.
 */
[[gnu::warn_unused_result]] struct store_writer *writer_new(struct store_reader *reader);
/* NULL is ignored. */
void writer_close(struct store_writer *writer);

/* Continues the ids from the highest one in the database. Call it before the writer's first operation. False,
 * logged, when it cannot be read. */
[[gnu::warn_unused_result]] bool writer_continue_ids(struct store_writer *writer);

/* Returns the id of the newest event up to `until`; 0 when there is none. Events are only added, and deleted
 * from the oldest on. False, logged, when it cannot be read. */
[[gnu::warn_unused_result]] bool reader_newest_event(struct store_reader *reader, int64_t until, int64_t *id);

/* Returns a lower bound of ids issued at that time or later, unless the clock went back meanwhile. */
int64_t first_id_at(int64_t unix_seconds);

/* Writes to the function of store_set_notice, for people; nothing without one. */
void store_notice(const char *message);

/* Writes to the function of store_set_log, else to standard error. */
[[gnu::format(printf, 1, 2)]] void store_log(const char *format, ...);
