/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database: one writer, the committer thread, which runs submitted operations in batches, and any
 * number of readers. Callers see objects of acme/objects.h, never SQL.
 *
 *   write:  store_submit(op) → op->apply in a savepoint of a transaction → COMMIT (WAL, synchronous=FULL) →
 *           op->done
 *   read:   a struct store_reader of the calling thread, straight away
 *
 * A function that writes takes a struct store_writer, which `apply` alone has. store_reader_of gives it to
 * functions that read: they see what the transaction has written so far.
 */
#pragma once

#include "acme/base/arena.h"
#include "acme/base/fault.h"
#include "acme/base/library.h"
#include "store/location.h"

struct store;         /* the database, with its committer thread */
struct store_reader;  /* a connection that reads; used by one thread at a time */
struct store_writer;  /* the connection of the transaction that `apply` is part of; good until `apply` returns
                       */
struct store_command; /* a command's connection */

/* The libraries of the engines. */
enum { STORE_LIBRARIES = 2 };
void store_libraries(struct library out[static STORE_LIBRARIES]);
/* The version of the schema that store_open brings a database to. */
size_t store_schema(void);

/* ---- opening ---- */

enum store_migration {
    STORE_MIGRATE, /* bring an older schema up to date, after a back-up copy beside the file; makes a new
                      database */
    STORE_EXPECT_CURRENT, /* commands: refuse an older or newer schema and a missing file */
};

/*
 * Opens the database, checks or migrates its schema, takes the serving lock (a second server on the same file
 * is refused) and starts the committer. NULL with `fault` filled.
 */
[[gnu::warn_unused_result]] struct store *store_open(const struct store_location *location,
                                                     enum store_migration migration, struct fault *fault);

/*
 * Returns why the database is a restored copy: its work in progress may be outdated. NULL when it is the one
 * that was served last. The result is the same at every start until store_take_as_it_is. New ids are above
 * all those that the mark beside the file knows.
 */
const char *store_restored(const struct store *store);

/* Records that the consequences of store_restored were committed. */
void store_take_as_it_is(struct store *store);

/* Runs the submitted operations, then stops the committer and closes. NULL is ignored. */
void store_close(struct store *store);

/* Brings the schema up to date without serving. `report` receives lines for people (may be NULL). */
[[gnu::warn_unused_result]] bool store_migrate(const struct store_location *location,
                                               void (*report)(const char *line), struct fault *fault);

/* Looks through all that is stored for damage and for references to nothing; `report` (may be NULL) receives
 * a line for each fault. Reads only, whether the server runs or not. False with `fault` filled when there is
 * a fault or it cannot be read. */
[[gnu::warn_unused_result]] bool store_check(const struct store_location *location,
                                             void (*report)(const char *line), struct fault *fault);

/* Writes a copy of what the database holds as of one moment to a file, readable by its owner alone, on the
 * disk when this returns; whether the server runs or not. A file `to` that exists is left alone: false with
 * `fault` filled. */
[[gnu::warn_unused_result]] bool store_backup(const struct store_location *location, const char *to,
                                              struct fault *fault);

/* The place can hold a database: for SQLite, the folder is there, and it, the file and those beside it may be
 * read and written. False with
 * `fault`, which ends with what to do. store_open asks this first. */
[[gnu::warn_unused_result]] bool store_place_is_usable(const struct store_location *location,
                                                       struct fault *fault);

/* True with `fault` when the database is missing although its mark says that there was one. */
[[gnu::warn_unused_result]] bool store_was_lost(const struct store_location *location, struct fault *fault);

/* True when it is acmegate's, with a schema that store_open brings up to date. */
[[gnu::warn_unused_result]] bool store_is_older(const struct store_location *location);

/* True when a server holds the database, or a command that needs it alone. */
[[gnu::warn_unused_result]] bool store_is_served(const struct store_location *location);

/*
 * Returns the process id of the server that holds the database, as the kernel knows it. 0 when none does, and
 * for a server that this process cannot see, such as one in a container. Not in the server's own process.
 */
[[gnu::warn_unused_result]] int64_t store_server_process(const struct store_location *location);

/* Opens a connection for the calling thread: for loops and commands. NULL with `fault`. */
[[gnu::warn_unused_result]] struct store_reader *store_reader_open(const struct store_location *location,
                                                                   struct fault *fault);
/* NULL is ignored. */
void store_reader_close(struct store_reader *reader);

/* False when what this reader reads is no longer what its location names: SQLite's file was replaced or
 * removed, and what is written goes nowhere; PostgreSQL cannot be reached. Costs a stat(2). */
[[gnu::warn_unused_result]] bool store_reader_is_in_place(const struct store_reader *reader);

/* Begins reading the state of one moment. Keep it short: the write-ahead log grows meanwhile. Not within
 * `apply`. */
[[gnu::warn_unused_result]] bool store_read_begin(struct store_reader *reader);
void store_read_end(struct store_reader *reader);

/*
 * A server's answer costs a wait. The functions named store_…_ask send for what the function store_…_load of
 * the same id reads next: the first one that waits, waits for all. What was not read until this call, or
 * until the next write within `apply`, is forgotten. A file is read without.
 */
void store_read_ahead_end(struct store_reader *reader);

/* ---- writing ---- */

enum store_apply_result {
    STORE_APPLIED, /* keep the writes */
    STORE_DISCARD, /* a refusal: undo this operation's writes, then send the answer */
};

enum store_outcome {
    STORE_COMMITTED, /* on disk (also when the operation was discarded: its refusal rests on committed state)
                      */
    STORE_UNAVAILABLE, /* nothing of the batch was kept: disk full, I/O, busy. Answer 503 */
    STORE_FAULT,       /* a state was refused (STORE_REFUSED): the operation was undone, whatever `apply`
                          returned. A fault of this program; logged. Answer 500 */
};

/* An operation, embedded in the job it belongs to. The job owns it until `done` was called. */
struct store_operation {
    struct store_operation *next; /* belongs to the store */
    /* Runs within a transaction. An engine that has to undo the transaction runs it again: it leaves nothing
     * elsewhere that a second run would find or add to. */
    enum store_apply_result (*apply)(struct store_operation *operation, struct store_writer *writer);
    /* On the committer thread, after the COMMIT. It only hands over to another thread. */
    void (*done)(struct store_operation *operation, enum store_outcome outcome);
    bool failed;  /* belongs to the store: a statement of this operation failed */
    bool refused; /* belongs to the store: a state that this operation wrote was refused */
};

/* Returns a reader for use within `apply`. Borrowed from the writer, and never closed. */
struct store_reader *store_reader_of(struct store_writer *writer);

/* Submits an operation. Never blocks on the disk. The caller bounds admission: see store_backlog. */
void store_submit(struct store *store, struct store_operation *operation);

/* Returns the number of operations waiting or running. Above a bound the front end answers 503. */
size_t store_backlog(struct store *store);

/* Returns how often a thread of this process has waited for an answer of the database's server. 0 for a file.
 */
uint64_t store_round_trips(const struct store *store);

/* False since the last batch could not be kept. A write that is kept sets it right: store_probe. Any thread.
 */
[[gnu::warn_unused_result]] bool store_takes_writes(const struct store *store);

/* Within `apply`: writes to the disk without changing anything, to find out whether it can be written. */
[[gnu::warn_unused_result]] enum store_result store_probe(struct store_writer *writer);

/* Submits `apply` and waits for its COMMIT, for threads that may block: never a loop, the outbound or the
 * committer thread. Discarded writes are undone. False when nothing was kept. */
[[gnu::warn_unused_result]] bool store_write_and_wait(
    struct store *store, enum store_apply_result (*apply)(void *context, struct store_writer *writer),
    void *context);

/* ---- writing by a command ---- */

/* Opens a connection that a command writes with, beside a running server or without one. */
[[gnu::warn_unused_result]] struct store_command *store_command_open(const struct store_location *location,
                                                                     struct fault *fault);
/* NULL is ignored. */
void store_command_close(struct store_command *command);

/* Returns a reader for use outside `apply`. Borrowed from the command, and never closed. */
struct store_reader *store_command_reader(struct store_command *command);

/* Runs `apply` in its own transaction and commits it. Discarded writes are undone, and all of them when a
 * statement fails. It waits a few seconds for the server's transactions. False with `fault` when nothing was
 * kept. */
[[gnu::warn_unused_result]] bool store_write_now(
    struct store_command *command,
    enum store_apply_result (*apply)(void *context, struct store_writer *writer), void *context,
    struct fault *fault);

/* ---- shared by every aggregate ---- */

/* The result of reading or writing one object. */
enum store_result {
    STORE_OK,
    STORE_NOT_FOUND, /* no such row */
    STORE_LOST_RACE, /* nothing was written: the row exists, but is no longer in the expected state;
                      * another was faster */
    STORE_KNOWN,     /* nothing was written: what was to be inserted is there already */
    STORE_FAILED,    /* SQLite failed; logged, and the operation will be answered 503 */
    STORE_REFUSED,   /* the state may not follow the one before (order_may_be_written): a fault of this
                        program; logged, nothing was written, and the operation ends with STORE_FAULT */
};

/* Converts a result for `apply`, which keeps all writes or none. */
static inline enum store_apply_result store_applied(enum store_result result)
{
    return result == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

/* Returns a new id: in time order, unique across tables, below 2^53. Only inside `apply`. */
int64_t store_next_id(struct store_writer *writer, int64_t now_ms);

/* The result of one batch of the committer, reported on its thread. */
struct store_batch {
    size_t operations;
    size_t undone;     /* runs that were undone and could come again, mostly because another was faster */
    int64_t commit_us; /* the time of the last run's COMMIT, if there was one */
    bool committed;    /* it was kept */
};
/* Sets the observer. Once, before store_open. */
void store_set_observer(void (*observer)(const struct store_batch *batch));

enum { STORE_GATEWAY_NAME_BYTES = 256 };
/* Names the gateway that this process is, and its version (table gateways, store/gateways.h). The texts are
 * copied, and cut at that many octets. Before store_open. */
void store_set_gateway(const char *name, const char *version);

/* Sets the function to which store_open reports changes of the schema. Once, before store_open. */
void store_set_notice(void (*notice)(const char *message));

/* Sets the function to which the store reports faults (disk full…). Once, before store_open. */
void store_set_log(void (*log)(const char *message));
