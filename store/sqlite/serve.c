/* SPDX-License-Identifier: Apache-2.0 */
/* A server on SQLite's file, and the opening of connections to it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sql/gateways.h"
#include "store/sql/lock.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/upkeep.h"

/* How long a stop waits for readers that keep the write-ahead log from being emptied. */
enum { EMPTY_LOG_MS = 500 };

struct sqlite_server {
    struct upkeep upkeep; /* first: upkeep_look_after gets it */
    int lock;
};

static struct sqlite_server *server_of(const struct store *store)
{
    return store->own;
}

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
    struct mark *mark = &server_of(store)->upkeep.mark;
    struct marked_database database = {.schema = schema};
    if (!mark_open(mark, path, fault))
        return false;
    struct store_reader *reader = store_reader_of(store->writer);
    if (!reader_newest_event(reader, INT64_MAX, &database.newest_event) ||
        !reader_newest_event(reader, mark->newest_event, &database.newest_by_mark))
        return database_error(database_of(reader), path, fault);
    if (store->writer->last_id < mark->newest_event)
        store->writer->last_id = mark->newest_event;
    store->restored = mark_contradiction(mark, &database);
    if (store->restored == NULL) {
        mark_write(mark, database.newest_event);
        atomic_store(&mark->kept, true);
    }
    return true;
}

/* A mark proves that there was a database: an empty one in its place would silently lose every account. */
bool sqlite_was_lost(const struct store_location *location, struct fault *fault)
{
    const char *path = sqlite_path(location);
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

bool sqlite_is_older(const struct store_location *location)
{
    size_t schema = schema_of(sqlite_path(location));
    return schema > 0 && schema < store_migrations.count;
}

static bool continue_ids(struct store_writer *writer, const char *path, struct fault *fault)
{
    return writer_continue_ids(writer) || database_error(database_of(writer->reader), path, fault);
}

static bool open_writer(struct store *store, const struct store_location *location,
                        enum store_migration migration, struct fault *fault)
{
    const char *path = sqlite_path(location);
    size_t schema = schema_of(path);
    if (sqlite_was_lost(location, fault))
        return false;
    if (migration == STORE_MIGRATE && !migrate_with_mark(path, schema, store_notice, fault))
        return false;
    store->writer = writer_open(path, fault);
    return store->writer != NULL &&
           migrate_expect_current(database_of(store->writer->reader), path, &store_migrations, fault) &&
           database_use_wal(database_of(store->writer->reader), path, fault) &&
           continue_ids(store->writer, path, fault) && judge(store, path, schema, fault) &&
           (gateway_enter(store->writer) || database_error(database_of(store->writer->reader), path, fault));
}

bool sqlite_serve(struct store *store, const struct store_location *location, enum store_migration migration,
                  struct fault *fault)
{
    const char *path = sqlite_path(location);
    if (!sqlite_place_is_usable(location, fault) ||
        (migration == STORE_EXPECT_CURRENT && !file_exists(path, fault)))
        return false;
    struct sqlite_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return fault_set(fault, "out of memory");
    server->upkeep = (struct upkeep){.location = location, .mark.file = -1};
    store->own = server;
    server->lock = lock_take_as_server(location, fault);
    return server->lock >= 0 && open_writer(store, location, migration, fault);
}

void sqlite_take_as_it_is(struct store *store)
{
    atomic_store(&server_of(store)->upkeep.mark.kept, true);
}

/* Empties the log, so that a copy of the file alone has everything. Open, idle readers do not prevent it. If
 * one does, the log keeps the rest. */
static void empty_log(struct store_writer *writer)
{
    sqlite3_busy_timeout(database_of(writer->reader), EMPTY_LOG_MS);
    sqlite3_wal_checkpoint_v2(database_of(writer->reader), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void sqlite_stop_serving(struct store *store)
{
    struct sqlite_server *server = server_of(store);
    int64_t newest_event;
    if (server == NULL)
        return;
    if (atomic_load(&server->upkeep.mark.kept) &&
        reader_newest_event(store_reader_of(store->writer), INT64_MAX, &newest_event))
        mark_write(&server->upkeep.mark, newest_event);
    mark_close(&server->upkeep.mark);
    if (store->writer != NULL) {
        gateway_leave(store->writer);
        empty_log(store->writer);
    }
    writer_close(store->writer);
    if (server->lock >= 0)
        close(server->lock);
    free(server);
}

static struct store_reader *open_current(const char *path,
                                         struct store_reader *open(const char *path, struct fault *fault),
                                         struct fault *fault)
{
    struct store_reader *reader = file_exists(path, fault) ? open(path, fault) : NULL;
    if (reader != NULL && migrate_expect_current(database_of(reader), path, &store_migrations, fault))
        return reader;
    store_reader_close(reader);
    return NULL;
}

struct store_reader *sqlite_open_reader(const struct store_location *location, struct fault *fault)
{
    return open_current(sqlite_path(location), reader_open, fault);
}

struct store_reader *sqlite_open_to_check(const struct store_location *location, struct fault *fault)
{
    return open_current(sqlite_path(location), reader_open_to_check, fault);
}

struct store_writer *sqlite_open_writer(const struct store_location *location, struct fault *fault)
{
    const char *path = sqlite_path(location);
    struct store_writer *writer = file_exists(path, fault) ? writer_open(path, fault) : NULL;
    if (writer != NULL &&
        migrate_expect_current(database_of(writer->reader), path, &store_migrations, fault) &&
        continue_ids(writer, path, fault))
        return writer;
    writer_close(writer);
    return NULL;
}

bool sqlite_migrate(const struct store_location *location, void (*report)(const char *line),
                    struct fault *fault)
{
    const char *path = sqlite_path(location);
    int lock = lock_take(location, fault);
    if (lock < 0)
        return false;
    bool migrated =
        !sqlite_was_lost(location, fault) && migrate_with_mark(path, schema_of(path), report, fault);
    close(lock);
    return migrated;
}

bool sqlite_make_where_none(const struct store_location *location, struct fault *fault)
{
    const char *path = sqlite_path(location);
    return schema_of(path) != 0 || migrate_with_mark(path, 0, NULL, fault);
}

/* SQLite writes the first page, whatever the number was. */
enum store_result sqlite_probe(struct store_writer *writer)
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
