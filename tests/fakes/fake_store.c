/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The committer's work in this thread: each operation in a transaction of its own, on a connection of its own
 * (linked in by --wrap). The real committer runs, and has nothing to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "store/session.h"
#include "surroundings.h"

static const char *database;
static struct store_command *command;
static void (*on_commit)(struct store_reader *reader);
static struct store_operation *first, **last = &first;
static size_t failures_left;

/* A refused state is a fault of the program, whatever the requests. */
static void hear(const char *message)
{
    if (strstr(message, "is no transition of an") != NULL)
        verdict("%s", message);
    fprintf(stderr, "%s\n", message);
}

void fake_store_use(const char *path, void (*committed)(struct store_reader *reader))
{
    store_set_log(hear);
    database = path;
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

static enum store_apply_result run_operation(void *context, struct store_writer *writer)
{
    struct store_operation *operation = context;
    enum store_apply_result result = operation->apply(operation, writer);
    operation->failed = writer->reader.failed;
    return result;
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
    if (failures_left > 0) {
        failures_left--;
        operation->done(operation, STORE_UNAVAILABLE);
        return true;
    }
    operation->failed = false;
    bool kept = store_write_now(fake_store_command(), run_operation, operation, &fault);
    if (operation->failed)
        verdict("a statement failed: %s", fault.message);
    if (kept && on_commit != NULL)
        on_commit(store_command_reader(command));
    operation->done(operation, STORE_COMMITTED);
    return true;
}

/* The linker's names. */
void __wrap_store_submit(struct store *store, struct store_operation *operation);
size_t __wrap_store_backlog(struct store *store);
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
    return 0;
}

bool __wrap_store_write_and_wait(struct store *store,
                                 enum store_apply_result (*apply)(void *context, struct store_writer *writer),
                                 void *context)
{
    (void)store;
    struct fault fault;
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
