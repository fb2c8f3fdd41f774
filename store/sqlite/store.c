/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sql/committer.h"
#include "store/sqlite/lock.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/upkeep.h"

/* How long a stop waits for readers that keep the write-ahead log from being emptied. */
enum { EMPTY_LOG_MS = 500 };

struct store {
    int lock;
    struct store_writer *writer;
    struct committer *committer;
    struct upkeep upkeep;
    const char *restored; /* NULL: it is not a restored copy */
};

static bool file_exists(const char *path, struct fault *fault)
{
    if (access(path, F_OK) == 0)
        return true;
    if (errno == ENOENT)
        fault_set(fault, "%s: there is no database; 'acmegate serve' and 'acmegate db migrate' create one",
                  path);
    else
        fault_set(fault, "%s: %s", path, strerror(errno));
    return false;
}

/* Returns 0 for a file that is absent, not a database of ours, or empty. */
static size_t schema_of(const char *path)
{
    size_t version = 0;
    struct store_reader *reader = access(path, F_OK) == 0 ? reader_open(path, NULL) : NULL;
    if (reader != NULL && !migrate_read_version(database_of(reader), path, &store_migrations, &version, NULL))
        version = 0;
    store_reader_close(reader);
    return version;
}

/* Gives a database from before there were marks its first one. The next start examines any other mark. */
static bool begin_mark(const char *path, size_t schema, struct fault *fault)
{
    struct mark mark;
    int64_t newest_event = 0;
    if (schema >= MARKED_SINCE_SCHEMA)
        return true;
    struct store_reader *reader = reader_open(path, fault);
    bool begun = reader != NULL && mark_open(&mark, path, fault);
    if (begun && !reader_newest_event(reader, INT64_MAX, &newest_event))
        begun = database_error(database_of(reader), path, fault);
    if (begun && !mark.was_there)
        mark_write(&mark, newest_event);
    if (reader != NULL)
        mark_close(&mark);
    store_reader_close(reader);
    return begun;
}

/* Writes the mark first: without one, a database whose schema has marks counts as a copy. A new database
 * loses nothing by that, and may turn out not to be ours. */
static bool migrate_with_mark(const char *path, size_t schema, void (*report)(const char *line),
                              struct fault *fault)
{
    return (schema == 0 || begin_mark(path, schema, fault)) &&
           migrate_file(path, &store_migrations, report, fault) && begin_mark(path, schema, fault);
}

/* Decides whether the database is the one that the mark belongs to. */
static bool judge(struct store *store, const char *path, size_t schema, struct fault *fault)
{
    struct marked_database database = {.schema = schema};
    if (!mark_open(&store->upkeep.mark, path, fault))
        return false;
    struct store_reader *reader = store_reader_of(store->writer);
    if (!reader_newest_event(reader, INT64_MAX, &database.newest_event) ||
        !reader_newest_event(reader, store->upkeep.mark.newest_event, &database.newest_by_mark))
        return database_error(database_of(reader), path, fault);
    if (store->writer->last_id < store->upkeep.mark.newest_event)
        store->writer->last_id = store->upkeep.mark.newest_event;
    store->restored = mark_contradiction(&store->upkeep.mark, &database);
    if (store->restored == NULL) {
        mark_write(&store->upkeep.mark, database.newest_event);
        atomic_store(&store->upkeep.mark.kept, true);
    }
    return true;
}

/* A mark proves that there was a database: an empty one in its place would silently lose every account. */
bool store_was_lost(const struct store_location *location, struct fault *fault)
{
    const char *path = location->path;
    char mark[PATH_MAX];
    if (snprintf(mark, sizeof mark, "%s.mark", path) >= PATH_MAX || access(path, F_OK) == 0 ||
        access(mark, F_OK) != 0)
        return false;
    fault_set(fault,
              "%s: the database is missing, and %s says that there was one: restore a back-up "
              "(docs/recovery.md); to begin anew, remove %s",
              path, mark, mark);
    return true;
}

bool store_is_older(const struct store_location *location)
{
    size_t schema = schema_of(location->path);
    return schema > 0 && schema < store_migrations.count;
}

struct library store_library(void)
{
    return (struct library){"SQLite", SQLITE_VERSION, sqlite3_libversion()};
}

size_t store_schema(void)
{
    return store_migrations.count;
}

static void (*notify)(const char *message);

void store_set_notice(void (*notice)(const char *message))
{
    notify = notice;
}

static bool continue_ids(struct store_writer *writer, const char *path, struct fault *fault)
{
    return writer_continue_ids(writer) || database_error(database_of(writer->reader), path, fault);
}

static bool open_writer(struct store *store, const struct store_location *location,
                        enum store_migration migration, struct fault *fault)
{
    const char *path = location->path;
    size_t schema = schema_of(path);
    if (store_was_lost(location, fault))
        return false;
    if (migration == STORE_MIGRATE && !migrate_with_mark(path, schema, notify, fault))
        return false;
    store->writer = writer_open(path, fault);
    return store->writer != NULL &&
           migrate_expect_current(database_of(store->writer->reader), path, &store_migrations, fault) &&
           database_use_wal(database_of(store->writer->reader), path, fault) &&
           continue_ids(store->writer, path, fault) && judge(store, path, schema, fault);
}

struct store *store_open(const struct store_location *location, enum store_migration migration,
                         struct fault *fault)
{
    if (!store_place_is_usable(location, fault) ||
        (migration == STORE_EXPECT_CURRENT && !file_exists(location->path, fault)))
        return NULL;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    store->upkeep = (struct upkeep){.location = location, .mark.file = -1};
    store->lock = lock_take(location->path, fault);
    if (store->lock >= 0 && !lock_name_server(store->lock))
        store_log("store: %s.lock cannot tell 'acmegate reload' of this process: %s", location->path,
                  strerror(errno));
    if (store->lock >= 0 && open_writer(store, location, migration, fault)) {
        store->committer = committer_start(store->writer, upkeep_look_after, &store->upkeep, fault);
        if (store->committer != NULL)
            return store;
    }
    store_close(store);
    return NULL;
}

const char *store_restored(const struct store *store)
{
    return store->restored;
}

void store_take_as_it_is(struct store *store)
{
    atomic_store(&store->upkeep.mark.kept, true);
}

/* Empties the log, so that a copy of the file alone has everything. Open, idle readers do not prevent it. If
 * one does, the log keeps the rest. */
static void empty_log(struct store_writer *writer)
{
    sqlite3_busy_timeout(database_of(writer->reader), EMPTY_LOG_MS);
    sqlite3_wal_checkpoint_v2(database_of(writer->reader), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->committer != NULL)
        committer_stop(store->committer);
    int64_t newest_event;
    if (atomic_load(&store->upkeep.mark.kept) &&
        reader_newest_event(store_reader_of(store->writer), INT64_MAX, &newest_event))
        mark_write(&store->upkeep.mark, newest_event);
    mark_close(&store->upkeep.mark);
    if (store->writer != NULL)
        empty_log(store->writer);
    writer_close(store->writer);
    if (store->lock >= 0)
        close(store->lock);
    free(store);
}

struct store_reader *store_reader_open(const struct store_location *location, struct fault *fault)
{
    const char *path = location->path;
    struct store_reader *reader = file_exists(path, fault) ? reader_open(path, fault) : NULL;
    if (reader != NULL && migrate_expect_current(database_of(reader), path, &store_migrations, fault))
        return reader;
    store_reader_close(reader);
    return NULL;
}

struct store_command *store_command_open(const struct store_location *location, struct fault *fault)
{
    const char *path = location->path;
    struct store_writer *writer = file_exists(path, fault) ? writer_open(path, fault) : NULL;
    bool good = writer != NULL &&
                migrate_expect_current(database_of(writer->reader), path, &store_migrations, fault) &&
                continue_ids(writer, path, fault);
    struct store_command *command = good ? calloc(1, sizeof *command) : NULL;
    if (command != NULL) {
        writer->is_command = true;
        command->writer = writer;
        return command;
    }
    if (good)
        fault_set(fault, "%s: out of memory", path);
    writer_close(writer);
    return NULL;
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

/* True when the schema needs nothing. It does not take the lock, which a running server holds. */
static bool is_current(const struct store_location *location)
{
    struct store_reader *reader = store_reader_open(location, NULL);
    store_reader_close(reader);
    return reader != NULL;
}

bool store_migrate(const struct store_location *location, void (*report)(const char *line),
                   struct fault *fault)
{
    const char *path = location->path;
    if (is_current(location)) {
        if (report != NULL)
            report("the schema is up to date: nothing to do");
        return true;
    }
    int lock = lock_take(path, fault);
    if (lock < 0)
        return false;
    bool migrated =
        !store_was_lost(location, fault) && migrate_with_mark(path, schema_of(path), report, fault);
    close(lock);
    return migrated;
}

void store_submit(struct store *store, struct store_operation *operation)
{
    committer_submit(store->committer, operation);
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

bool store_takes_writes(const struct store *store)
{
    return committer_keeps_writes(store->committer);
}

/* SQLite writes the first page, whatever the number was. */
enum store_result store_probe(struct store_writer *writer)
{
    struct fault fault;
    char same[64];
    int64_t version;
    if (database_integer(database_of(writer->reader), "PRAGMA user_version", &version, &fault)) {
        snprintf(same, sizeof same, "PRAGMA user_version = %lld", (long long)version);
        if (database_execute(database_of(writer->reader), same, &fault))
            return STORE_OK;
    }
    writer->reader->failed = true;
    return STORE_FAILED;
}

size_t store_backlog(struct store *store)
{
    return committer_backlog(store->committer);
}
