/* SPDX-License-Identifier: Apache-2.0 */
/* All that PostgreSQL does for the store. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/postgresql/channel.h"
#include "store/postgresql/migrate.h"
#include "store/postgresql/serving_lock.h"
#include "store/postgresql/session.h"
#include "store/retention.h"
#include "store/sql/copy.h"
#include "store/sql/lock.h"

static struct library library(void)
{
    static char version[16];
    int number = PQlibVersion();
    snprintf(version, sizeof version, "%d.%d", number / 10000, number % 10000);
    return (struct library){"libpq", NULL, version};
}

/* ---- the place ---- */

static void read_size(const struct store_location *location, struct store_size *out)
{
    (void)location;
    *out = (struct store_size){STORE_SIZE_UNKNOWN, STORE_SIZE_UNKNOWN, STORE_SIZE_UNKNOWN};
}

static PGconn *connect_to(const struct store_location *location, struct fault *fault)
{
    return postgresql_connect((const struct postgresql_location *)location, fault);
}

static bool place_is_usable(const struct store_location *location, struct fault *fault)
{
    PGconn *connection = connect_to(location, fault);
    PQfinish(connection);
    return connection != NULL;
}

static bool read_version(const struct store_location *location, size_t *version)
{
    PGconn *connection = connect_to(location, NULL);
    bool known = connection != NULL && schema_read_version(connection, location->text, version, NULL);
    PQfinish(connection);
    return known;
}

/* True also when it cannot be asked: that its reader finds out, with the reason. */
static bool exists(const struct store_location *location)
{
    size_t version;
    return !read_version(location, &version) || version != 0;
}

static bool is_older(const struct store_location *location)
{
    size_t version;
    return read_version(location, &version) && version != 0 && version < sqlite_engine.schema();
}

static bool was_lost(const struct store_location *location, struct fault *fault)
{
    (void)location;
    (void)fault;
    return false;
}

static bool is_served(const struct store_location *location)
{
    bool held = false;
    PGconn *connection = connect_to(location, NULL);
    if (connection != NULL && !serving_lock_is_held(connection, location->text, &held, NULL))
        held = false;
    PQfinish(connection);
    return held;
}

/* ---- care ---- */

static bool migrate(const struct store_location *location, void (*report)(const char *line),
                    struct fault *fault)
{
    PGconn *connection = connect_to(location, fault);
    bool migrated = connection != NULL && schema_migrate(connection, location->text, report, fault);
    PQfinish(connection);
    return migrated;
}

/* PostgreSQL keeps references itself; what it does not keep is an index whose making failed. */
static bool find_faults(PGconn *connection, const char *name, void (*report)(const char *line),
                        struct fault *fault)
{
    PGresult *result = postgresql_run(
        connection,
        "SELECT 'the index ' || indexrelid::regclass || ' is not valid' FROM pg_index WHERE NOT indisvalid"
        " UNION ALL SELECT 'the constraint ' || conname || ' of ' || conrelid::regclass || ' is not valid'"
        " FROM pg_constraint WHERE NOT convalidated",
        name, fault);
    if (result == NULL)
        return false;
    int count = PQnfields(result) == 1 ? PQntuples(result) : 0;
    for (int i = 0; report != NULL && i < count; i++)
        report(PQgetvalue(result, i, 0));
    PQclear(result);
    return count == 0 || fault_set(fault,
                                   "%s is damaged: faults were found (%d), which 'acmegate db check' lists: "
                                   "REINDEX and VALIDATE CONSTRAINT mend them",
                                   name, count);
}

static bool check(const struct store_location *location, void (*report)(const char *line),
                  struct fault *fault)
{
    PGconn *connection = connect_to(location, fault);
    bool good = connection != NULL && schema_expect_current(connection, location->text, fault) &&
                find_faults(connection, location->text, report, fault);
    PQfinish(connection);
    return good;
}

static bool backup(const struct store_location *location, const char *to, struct fault *fault)
{
    (void)to;
    return fault_set(fault, "%s: PostgreSQL makes its own back-ups: pg_dump, or pg_basebackup with its log",
                     location->text);
}

static bool restore(const struct store_location *location, const char *from, int64_t now,
                    char kept[static PATH_MAX], struct fault *fault)
{
    (void)from;
    (void)now;
    kept[0] = '\0';
    return fault_set(fault, "%s: PostgreSQL restores its own back-ups: pg_restore, or recovery from its log",
                     location->text);
}

static bool vacuum(const struct store_location *location, struct fault *fault)
{
    return fault_set(fault, "%s: PostgreSQL vacuums by itself; VACUUM FULL by its owner gives all room back",
                     location->text);
}

/* ---- connections ---- */

static struct store_reader *open_reader(const struct store_location *location, struct fault *fault)
{
    struct postgresql_reader *own = session_open(location, false, fault);
    return own != NULL ? &own->reader : NULL;
}

static void close_reader(struct store_reader *reader)
{
    session_close((struct postgresql_reader *)reader);
}

/* False after a loss, when no new connection could be made. */
static bool reader_is_in_place(const struct store_reader *reader)
{
    return ((const struct postgresql_reader *)reader)->connection != NULL;
}

static struct store_writer *writer_of(struct postgresql_reader *own, struct fault *fault)
{
    struct store_writer *writer = own != NULL ? writer_new(&own->reader) : NULL;
    if (own != NULL && writer == NULL)
        fault_set(fault, "out of memory");
    if (writer == NULL || writer_continue_ids(writer))
        return writer;
    postgresql_transactions.say_why(
        writer->reader, ((struct postgresql_reader *)writer->reader)->location->location.text, fault);
    writer_close(writer);
    return NULL;
}

static struct store_writer *open_writer(const struct store_location *location, struct fault *fault)
{
    return writer_of(session_open(location, false, fault), fault);
}

/* ---- serving ---- */

struct postgresql_server {
    int lock; /* among the processes of this machine */
};

static bool serve(struct store *store, const struct store_location *location, enum store_migration migration,
                  struct fault *fault)
{
    struct postgresql_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return fault_set(fault, "out of memory");
    store->own = server;
    server->lock = lock_take_as_server(location, fault);
    if (server->lock < 0 || (migration == STORE_MIGRATE && !migrate(location, store_notice, fault)))
        return false;
    store->writer = writer_of(session_open(location, true, fault), fault);
    return store->writer != NULL;
}

static void stop_serving(struct store *store)
{
    struct postgresql_server *server = store->own;
    if (store->writer != NULL)
        session_leave((struct postgresql_reader *)store->writer->reader);
    writer_close(store->writer);
    if (server != NULL && server->lock >= 0)
        close(server->lock);
    free(server);
}

static void look_after(void *own, struct store_reader *reader)
{
    (void)own;
    (void)reader;
}

static void take_as_it_is(struct store *store)
{
    (void)store;
}

/* ---- within apply ---- */

/* Each transaction writes the gateway's row. */
static enum store_result probe(struct store_writer *writer)
{
    (void)writer;
    return STORE_OK;
}

static enum store_result give_back(struct store_writer *writer, struct retention_pass *pass)
{
    (void)writer;
    pass->finished = true;
    return STORE_OK;
}

const struct engine postgresql_engine = {
    .transactions = &postgresql_transactions,
    .library = library,
    .reads_wait = true,
    .round_trips = postgresql_round_trips,
    .takes = postgresql_takes,
    .locate = postgresql_locate,
    .exists = exists,
    .read_size = read_size,
    .place_is_usable = place_is_usable,
    .was_lost = was_lost,
    .is_older = is_older,
    .is_served = is_served,
    .server_process = lock_holder,
    .migrate = migrate,
    .check = check,
    .backup = backup,
    .restore = restore,
    .vacuum = vacuum,
    .copy = &postgresql_copy,
    .channel = &postgresql_channel,
    .open_reader = open_reader,
    .close_reader = close_reader,
    .reader_is_in_place = reader_is_in_place,
    .open_writer = open_writer,
    .serve = serve,
    .stop_serving = stop_serving,
    .look_after = look_after,
    .take_as_it_is = take_as_it_is,
    .probe = probe,
    .give_back = give_back,
};
