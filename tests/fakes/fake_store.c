/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The committer's work in this thread: each operation in a transaction of its own, on a connection of its own
 * (linked in by --wrap). The real committer runs, and has nothing to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "store/sqlite/session.h"
#include "surroundings.h"

static const struct store_location *database;
static struct store_command *command;
static void (*on_commit)(struct store_reader *reader);
static struct store_operation *first, **last = &first;
static size_t failures_left;
static size_t steps_to_failure, backlog;
static bool step_failed, failing;

/* A refused state is a fault of the program, whatever the requests. */
static void hear(const char *message)
{
    if (strstr(message, "is not a transition of an") != NULL)
        verdict("%s", message);
    fprintf(stderr, "%s\n", message);
}

void fake_store_use(const struct store_location *location, void (*committed)(struct store_reader *reader))
{
    store_set_log(hear);
    database = location;
    on_commit = committed;
}

struct store_command *fake_store_command(void)
{
    struct fault fault;
    if (command == NULL)
        command = store_command_open(database, &fault);
    if (command == NULL)
        verdict("the database cannot be opened: %s", fault.message);
    return command;
}

void fake_store_fail(size_t operations)
{
    failures_left = operations;
}

size_t fake_store_waiting(void)
{
    return first != NULL;
}

void fake_store_fail_step(size_t step)
{
    steps_to_failure = step;
    step_failed = false;
}

void fake_store_set_backlog(size_t operations)
{
    backlog = operations;
}

bool fake_store_step_failed(void)
{
    return step_failed;
}

static void run_sql(struct store_writer *writer, const char *sql)
{
    if (sqlite3_exec(database_of(writer->reader), sql, NULL, NULL, NULL) != SQLITE_OK)
        verdict("%s: %s", sql, sqlite3_errmsg(database_of(writer->reader)));
}

/* An engine may undo an operation and apply it again: another gateway was faster. */
static enum store_apply_result apply_twice(struct store_operation *operation, struct store_writer *writer)
{
    int64_t last_id = writer->last_id;
    run_sql(writer, "SAVEPOINT again");
    (void)operation->apply(operation, writer);
    run_sql(writer, "ROLLBACK TO again; RELEASE again");
    writer->last_id = last_id;
    return operation->apply(operation, writer);
}

static enum store_apply_result run_operation(void *context, struct store_writer *writer)
{
    struct store_operation *operation = context;
    enum store_apply_result result =
        steps_to_failure == 0 ? apply_twice(operation, writer) : operation->apply(operation, writer);
    operation->failed = writer->reader->failed;
    return result;
}

/* Nothing of it is kept, as when the COMMIT fails. */
static enum store_apply_result undo_operation(void *context, struct store_writer *writer)
{
    struct store_operation *operation = context;
    (void)operation->apply(operation, writer);
    return STORE_DISCARD;
}

bool fake_store_turn(void)
{
    struct fault fault;
    struct store_operation *operation = first;
    if (operation == NULL)
        return false;
    first = operation->next;
    if (first == NULL)
        last = &first;
    operation->failed = false;
    if (failures_left > 0) {
        failures_left--;
        failing = true;
        if (store_write_now(fake_store_command(), undo_operation, operation, &fault))
            verdict("an operation that was to fail was kept");
        operation->done(operation, STORE_UNAVAILABLE);
        return true;
    }
    bool kept = store_write_now(fake_store_command(), run_operation, operation, &fault);
    if (operation->failed && !step_failed)
        verdict("a statement failed: %s", fault.message);
    if (kept && on_commit != NULL)
        on_commit(store_command_reader(command));
    failing = operation->failed;
    operation->done(operation, operation->failed ? STORE_UNAVAILABLE : STORE_COMMITTED);
    return true;
}

/* The store's own, around an operation. */
static bool is_of_transaction(const char *sql)
{
    static const char *const words[] = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(sql, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* The linker's names. */
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __real_sqlite3_step(sqlite3_stmt *statement);

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
    if (steps_to_failure == 0 || is_of_transaction(sqlite3_sql(statement)) || --steps_to_failure != 0)
        return __real_sqlite3_step(statement);
    step_failed = true;
    return SQLITE_IOERR;
}

void __wrap_store_submit(struct store *store, struct store_operation *operation);
size_t __wrap_store_backlog(struct store *store);
bool __wrap_store_takes_writes(const struct store *store);

bool __wrap_store_takes_writes(const struct store *store)
{
    (void)store;
    return !failing;
}

bool __wrap_store_write_and_wait(struct store *store,
                                 enum store_apply_result (*apply)(void *context, struct store_writer *writer),
                                 void *context);
void __wrap_store_close(struct store *store);
void __real_store_close(struct store *store);

void __wrap_store_submit(struct store *store, struct store_operation *operation)
{
    (void)store;
    operation->next = NULL;
    *last = operation;
    last = &operation->next;
}

size_t __wrap_store_backlog(struct store *store)
{
    (void)store;
    return backlog;
}

bool __wrap_store_write_and_wait(struct store *store,
                                 enum store_apply_result (*apply)(void *context, struct store_writer *writer),
                                 void *context)
{
    (void)store;
    struct fault fault;
    if (failures_left > 0) {
        failures_left--;
        return false;
    }
    bool kept = store_write_now(fake_store_command(), apply, context, &fault);
    if (kept && on_commit != NULL)
        on_commit(store_command_reader(command));
    return kept;
}

void __wrap_store_close(struct store *store)
{
    while (fake_store_turn())
        continue;
    store_command_close(command);
    command = NULL;
    __real_store_close(store);
}
