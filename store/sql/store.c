/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of store.h and care.h, for any engine. */
#include <pthread.h>
#include <stdlib.h>

#include "store/sql/committer.h"

void store_libraries(struct library out[static STORE_LIBRARIES])
{
    out[0] = sqlite_engine.library();
    out[1] = postgresql_engine.library();
}

size_t store_schema(void)
{
    return sqlite_engine.schema();
}

/* ---- the place and its care ---- */

bool store_place_is_usable(const struct store_location *location, struct fault *fault)
{
    return location->engine->place_is_usable(location, fault);
}

bool store_was_lost(const struct store_location *location, struct fault *fault)
{
    return location->engine->was_lost(location, fault);
}

bool store_is_older(const struct store_location *location)
{
    return location->engine->is_older(location);
}

bool store_is_served(const struct store_location *location)
{
    return location->engine->is_served(location);
}

int64_t store_server_process(const struct store_location *location)
{
    return location->engine->server_process(location);
}

/* True when the schema needs nothing. */
static bool is_current(const struct store_location *location)
{
    struct store_reader *reader = store_reader_open(location, NULL);
    store_reader_close(reader);
    return reader != NULL;
}

bool store_migrate(const struct store_location *location, void (*report)(const char *line),
                   struct fault *fault)
{
    if (!is_current(location))
        return location->engine->migrate(location, report, fault);
    if (report != NULL)
        report("the schema is up to date: nothing to do");
    return true;
}

bool store_check(const struct store_location *location, void (*report)(const char *line), struct fault *fault)
{
    return location->engine->check(location, report, fault);
}

bool store_backup(const struct store_location *location, const char *to, struct fault *fault)
{
    return location->engine->backup(location, to, fault);
}

bool store_restore(const struct store_location *location, const char *from, int64_t now,
                   char kept[static PATH_MAX], struct fault *fault)
{
    return location->engine->restore(location, from, now, kept, fault);
}

bool store_vacuum(const struct store_location *location, struct fault *fault)
{
    return location->engine->vacuum(location, fault);
}

/* ---- a server ---- */

struct store *store_open(const struct store_location *location, enum store_migration migration,
                         struct fault *fault)
{
    const struct engine *engine = location->engine;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    store->engine = engine;
    if (engine->channel != NULL)
        store->heartbeat = heartbeat_new();
    if (engine->serve(store, location, migration, fault))
        store->committer =
            committer_start(store->writer, engine->look_after, store->own, store->heartbeat, fault);
    if (store->committer != NULL)
        return store;
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->committer != NULL)
        committer_stop(store->committer);
    store->engine->stop_serving(store);
    heartbeat_free(store->heartbeat);
    free(store);
}

unsigned store_gateway_number(const struct store *store)
{
    (void)store;
    return gateway_identity()->number;
}

size_t store_gateways_others(const struct store *store)
{
    return store->heartbeat == NULL ? 0 : heartbeat_others(store->heartbeat);
}

const char *store_restored(const struct store *store)
{
    return store->restored;
}

void store_take_as_it_is(struct store *store)
{
    store->engine->take_as_it_is(store);
}

void store_submit(struct store *store, struct store_operation *operation)
{
    committer_submit(store->committer, operation);
}

size_t store_backlog(struct store *store)
{
    return committer_backlog(store->committer);
}

uint64_t store_round_trips(const struct store *store)
{
    return store->engine->round_trips == NULL ? 0 : store->engine->round_trips();
}

void store_read_ahead_end(struct store_reader *reader)
{
    if (reader->rows->forget != NULL)
        reader->rows->forget(reader);
}

bool store_takes_writes(const struct store *store)
{
    return committer_keeps_writes(store->committer);
}

struct waited_write {
    struct store_operation operation; /* first */
    enum store_apply_result (*apply)(void *context, struct store_writer *writer);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool applied;
    bool done;
    enum store_outcome outcome;
};

static enum store_apply_result apply_waited(struct store_operation *operation, struct store_writer *writer)
{
    struct waited_write *write = (struct waited_write *)operation;
    enum store_apply_result result = write->apply(write->context, writer);
    write->applied = result == STORE_APPLIED;
    return result;
}

static void on_waited_done(struct store_operation *operation, enum store_outcome outcome)
{
    struct waited_write *write = (struct waited_write *)operation;
    pthread_mutex_lock(&write->lock);
    write->outcome = outcome;
    write->done = true;
    pthread_cond_signal(&write->ended);
    pthread_mutex_unlock(&write->lock);
}

bool store_write_and_wait(struct store *store,
                          enum store_apply_result (*apply)(void *context, struct store_writer *writer),
                          void *context)
{
    struct waited_write write = {
        .operation = {.apply = apply_waited, .done = on_waited_done}, .apply = apply, .context = context};
    pthread_mutex_init(&write.lock, NULL);
    pthread_cond_init(&write.ended, NULL);
    store_submit(store, &write.operation);
    pthread_mutex_lock(&write.lock);
    while (!write.done)
        pthread_cond_wait(&write.ended, &write.lock);
    pthread_mutex_unlock(&write.lock);
    pthread_mutex_destroy(&write.lock);
    pthread_cond_destroy(&write.ended);
    return write.applied && write.outcome == STORE_COMMITTED;
}

enum store_result store_probe(struct store_writer *writer)
{
    return writer->reader->engine->probe(writer);
}

/* ---- a reader ---- */

struct store_reader *store_reader_open(const struct store_location *location, struct fault *fault)
{
    return location->engine->open_reader(location, fault);
}

void store_reader_close(struct store_reader *reader)
{
    if (reader != NULL)
        reader->engine->close_reader(reader);
}

bool store_reader_is_in_place(const struct store_reader *reader)
{
    return reader->engine->reader_is_in_place(reader);
}

bool store_read_begin(struct store_reader *reader)
{
    return reader->engine->transactions->begin_reading(reader);
}

void store_read_end(struct store_reader *reader)
{
    reader->engine->transactions->roll_back(reader);
}

/* ---- a command ---- */

static struct store_command *command_new(struct store_writer *writer, struct fault *fault)
{
    struct store_command *command = calloc(1, sizeof *command);
    if (command == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    writer->is_command = true;
    command->writer = writer;
    return command;
}

struct store_command *store_command_open(const struct store_location *location, struct fault *fault)
{
    struct store_writer *writer = location->engine->open_writer(location, fault);
    struct store_command *command = writer != NULL ? command_new(writer, fault) : NULL;
    if (command == NULL)
        writer_close(writer);
    return command;
}

void store_command_close(struct store_command *command)
{
    if (command == NULL)
        return;
    writer_close(command->writer);
    free(command);
}

struct store_reader *store_command_reader(struct store_command *command)
{
    return store_reader_of(command->writer);
}

bool store_write_now(struct store_command *command,
                     enum store_apply_result (*apply)(void *context, struct store_writer *writer),
                     void *context, struct fault *fault)
{
    return writer_write(command->writer, apply, context, fault);
}
