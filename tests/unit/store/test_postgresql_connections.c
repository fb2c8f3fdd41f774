/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are lost, and the place of a gateway that another one takes. */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/base/monotonic.h"
#include "log_capture.h"
#include "odd_statements.h"
#include "store/accounts.h"
#include "store/sql/query.h"
#include "writes.h"

LEAK_CHECKED_SUITE(postgresql_connections);

static struct database database;

static void end_all_sessions(void)
{
    database_run(&database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE usename = 'acmegate' AND datname = current_database()");
    while (database_count(&database, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'acmegate'"
                                     " AND datname = current_database()") != 0)
        continue;
}

static struct store_reader *open_reader(void)
{
    struct fault fault;
    struct store_reader *reader = store_reader_open(database.location, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    return reader;
}

/* ---- a reader ---- */

static enum store_result read_one(struct store_reader *reader)
{
    int64_t count;
    return store_accounts_without_key(reader, "acme", &count);
}

/* Ends the session that runs it, so that the loss is seen in the middle of a read. */
static const struct statement fatal[] = {{"fatal", "SELECT pg_terminate_backend(pg_backend_pid())"}};

static enum store_result read_fatally(struct store_reader *reader)
{
    QUERY(query, reader, database.arena, ODD_STATEMENTS, 0);
    return query_next(&query);
}

Test(postgresql_connections, a_read_runs_again_on_a_new_connection)
{
    database_begin(&database);
    store_set_log(writes_hear);
    struct store_reader *reader = open_reader();
    cr_expect_eq(read_one(reader), STORE_OK);
    end_all_sessions();
    cr_expect_eq(read_one(reader), STORE_OK);
    cr_expect_null(writes_heard_line(0), "%s", writes_heard_line(0));
    store_reader_close(reader);
    database_end(&database);
}

Test(postgresql_connections, a_read_of_one_moment_begins_on_a_new_connection)
{
    database_begin(&database);
    store_set_log(writes_hear);
    struct store_reader *reader = open_reader();
    end_all_sessions();
    cr_assert(store_read_begin(reader));
    cr_expect_eq(read_one(reader), STORE_OK);
    store_read_end(reader);
    cr_expect_null(writes_heard_line(0), "%s", writes_heard_line(0));
    store_reader_close(reader);
    database_end(&database);
}

/* The state of that moment is gone. */
Test(postgresql_connections, a_read_of_one_moment_fails_and_the_next_one_works)
{
    database_begin(&database);
    store_set_log(writes_hear);
    odd_statements_use(fatal, 1);
    struct store_reader *reader = open_reader();
    cr_assert(store_read_begin(reader));
    cr_expect_eq(read_one(reader), STORE_OK);
    end_all_sessions();
    cr_expect_eq(read_one(reader), STORE_FAILED);
    cr_expect_eq(writes_heard("store: accounts_without_key: FATAL: terminating connection"), 1, "%s",
                 writes_heard_line(0));
    cr_expect_eq(read_one(reader), STORE_FAILED, "no other state in its place");
    store_read_end(reader);
    cr_expect_eq(read_one(reader), STORE_OK);
    cr_assert(store_read_begin(reader));
    cr_expect_eq(read_one(reader), STORE_OK);
    store_read_end(reader);
    store_reader_close(reader);
    database_end(&database);
}

/* Once: the statement may be the reason. */
Test(postgresql_connections, a_read_that_ends_the_second_connection_too_fails)
{
    database_begin(&database);
    store_set_log(writes_hear);
    odd_statements_use(fatal, 1);
    struct store_reader *reader = open_reader();
    cr_expect_eq(read_fatally(reader), STORE_FAILED);
    cr_expect_eq(writes_heard("store: fatal: FATAL: terminating connection"), 1, "%s", writes_heard_line(0));
    cr_expect_eq(read_one(reader), STORE_OK);
    store_reader_close(reader);
    database_end(&database);
}

/* Its owner opens another one later, so that it does not count as an answer. */
Test(postgresql_connections, a_reader_without_a_connection_is_not_in_place)
{
    database_begin(&database);
    store_set_log(writes_hear);
    struct store_reader *reader = open_reader();
    cr_expect(store_reader_is_in_place(reader));
    database_run(&database,
                 arena_printf(database.arena, "ALTER DATABASE %s CONNECTION LIMIT 0", database.name));
    end_all_sessions();
    cr_expect_eq(read_one(reader), STORE_FAILED);
    cr_expect_eq(writes_heard("too many connections for database"), 1, "%s", writes_heard_line(0));
    cr_expect_not(store_reader_is_in_place(reader));
    store_reader_close(reader);
    database_end(&database);
}

/* ---- a server ---- */

/* COMMIT ends the session before it is kept, so many times. */
static void end_sessions_in_commit(int times)
{
    database_run(&database,
                 arena_printf(database.arena,
                              "CREATE SEQUENCE ends; GRANT USAGE ON ends TO acmegate;"
                              "CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS"
                              " 'BEGIN IF nextval(''ends'') <= %d THEN"
                              " PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END';"
                              "CREATE CONSTRAINT TRIGGER end_session AFTER INSERT ON events"
                              " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_session()",
                              times));
}

static void write_through(int ends, struct write writes[static 2])
{
    struct write gate = {0};
    store_set_log(writes_hear);
    database_begin(&database);
    end_sessions_in_commit(ends);
    database_serve(&database);
    writes_submit_at_gate(&database, &gate);
    for (int i = 0; i < 2; i++) {
        writes[i] = (struct write){.body = write_insert, .number = 1 + i};
        writes_submit(&database, &writes[i]);
    }
    writes_open_gate();
    writes_wait(3);
    cr_expect_eq(writes_answered(), 3);
}

Test(postgresql_connections, a_batch_whose_commit_was_not_kept_runs_again)
{
    struct write writes[2];
    write_through(3, writes);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(writes[i].outcome, STORE_COMMITTED);
        cr_expect_eq(writes_events_of(&database, 1 + i), 1);
    }
    cr_expect_eq(writes_heard("the COMMIT had not been kept"), 3);
    database_end(&database);
}

Test(postgresql_connections, a_batch_whose_commit_is_never_kept_fails_and_the_next_one_does_not)
{
    struct write writes[2], next = {.body = write_insert, .number = 9};
    write_through(1000, writes);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(writes[i].outcome, STORE_UNAVAILABLE);
        cr_expect_eq(writes_events_of(&database, 1 + i), 0);
    }
    cr_expect_eq(writes_heard("a batch of 3 operations could not be written"), 1);
    database_run(&database, "DROP TRIGGER end_session ON events");
    writes_submit(&database, &next);
    writes_wait(4);
    cr_expect_eq(next.outcome, STORE_COMMITTED);
    database_end(&database);
}

static enum store_apply_result insert_and_lose(struct write *write, struct store_writer *writer)
{
    static bool lost;
    enum store_apply_result result = write_insert(write, writer);
    if (!lost)
        end_all_sessions();
    lost = true;
    return result;
}

Test(postgresql_connections, a_server_that_lost_its_connection_goes_on)
{
    struct write writes[] = {{.body = write_insert, .number = 1},
                             {.body = insert_and_lose, .number = 2},
                             {.body = write_insert, .number = 3}};
    store_set_log(writes_hear);
    database_begin(&database);
    database_serve(&database);
    for (size_t i = 0; i < 3; i++) {
        writes_submit(&database, &writes[i]);
        writes_wait(i + 1);
        cr_expect_eq(writes[i].outcome, STORE_COMMITTED);
        cr_expect_eq(writes_events_of(&database, (int)i + 1), 1);
        if (i == 0)
            end_all_sessions();
    }
    database_end(&database);
}

Test(postgresql_connections, a_server_refused_shuts_the_first_one_out_in_no_way)
{
    struct fault fault;
    struct write first = {.body = write_insert, .number = 1};
    store_set_log(writes_hear);
    database_begin(&database);
    store_set_gateway("first", "1");
    database_serve(&database);
    struct store_place place = {.text = arena_printf(database.arena, "host=%s user=acmegate dbname=%s",
                                                     getenv("ACMEGATE_UNIT_POSTGRESQL"), database.name),
                                .state = arena_printf(database.arena, "%s-elsewhere", database.path)};
    const struct store_location *elsewhere = store_location_of(database.arena, &place);
    cr_expect_null(store_open(elsewhere, STORE_EXPECT_CURRENT, &fault));
    cr_expect_not_null(strstr(fault.message, "already served by another acmegate"), "%s", fault.message);
    writes_submit(&database, &first);
    writes_wait(1);
    cr_expect_eq(first.outcome, STORE_COMMITTED, "the second one has not shut it out");
    database_end(&database);
}

Test(postgresql_connections, so_many_gateways_serve_and_no_more)
{
    struct fault fault;
    database_begin(&database);
    database_run(
        &database,
        arena_printf(database.arena,
                     "INSERT INTO gateways (name, version, started_at, seen_at, number, state)"
                     " SELECT 'other ' || n, '1', 1, 1, n, 'serving' FROM generate_series(1, %d) AS n",
                     STORE_GATEWAYS_MAX));
    cr_expect_null(store_open(database.location, STORE_EXPECT_CURRENT, &fault));
    cr_expect_not_null(strstr(fault.message, "15 gateways serve it, and no more can"), "%s", fault.message);
    database_run(&database, "UPDATE gateways SET state = 'gone' WHERE number = 7");
    database_serve(&database);
    cr_expect_eq(store_gateway_number(database.store), 7);
    database_end(&database);
}

/* What becomes of a server when this is done behind its back. */
struct takeover {
    const char *what;
    const char *sql;
    bool ends_sessions;
};

/* A moment without a connection is none without a place. */
static void submit_until_answered(struct write *write)
{
    int64_t until_ms = monotonic_ms() + 30 * 1000;
    do {
        size_t answered = writes_answered();
        (void)database_count(&database, "SELECT 1"); /* it is there again */
        writes_submit(&database, write);
        writes_wait(answered + 1);
    } while (write->outcome == STORE_UNAVAILABLE && monotonic_ms() < until_ms);
}

static void serve_through(const struct takeover *takeover)
{
    struct write before = {.body = write_insert, .number = 1}, after = {.body = write_insert, .number = 2};
    database_serve(&database);
    writes_submit(&database, &before);
    writes_wait(1);
    database_run(&database, takeover->sql);
    if (takeover->ends_sessions)
        end_all_sessions();
    submit_until_answered(&after);
    store_close(database.store);
    _exit(after.outcome == STORE_COMMITTED ? 0 : 1);
}

static int status_after(const struct takeover *takeover, const char **log)
{
    int status = 0;
    database_begin(&database);
    store_set_gateway("first", "1");
    log_capture_begin();
    pid_t child = fork();
    if (child == 0)
        serve_through(takeover);
    cr_assert_eq(waitpid(child, &status, 0), child);
    *log = log_capture_end(database.arena);
    cr_assert(WIFEXITED(status), "%s", takeover->what);
    return WEXITSTATUS(status);
}

#define OTHER \
    "INSERT INTO gateways (name, version, started_at, seen_at, number, state)" \
    " VALUES ('other', '1', 1, 1, 2, 'serving')"
/* The fence cannot be raised, so many times. */
#define REFUSE(times, code) \
    "CREATE SEQUENCE refusals; GRANT USAGE ON refusals TO acmegate;" \
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS" \
    " 'BEGIN IF NEW.fence <> OLD.fence AND nextval(''refusals'') <= " #times " THEN" \
    " RAISE EXCEPTION ''not now'' USING ERRCODE = ''" code "''; END IF; RETURN NEW; END';" \
    "CREATE TRIGGER refuse BEFORE UPDATE ON gateways FOR EACH ROW EXECUTE FUNCTION refuse()"
#define TAKEN_OVER "UPDATE gateways SET fence = fence + 1, state = 'gone'"

/* Its memory is older than the database: it ends, and the service manager starts it again. */
Test(postgresql_connections, a_server_ends_after_another_one_took_its_place)
{
    static const struct takeover takeovers[] = {
        {"its work was taken over, and its connection lost", TAKEN_OVER, true},
        {"its work was taken over", TAKEN_OVER, false},
        {"the same name has served", "UPDATE gateways SET fence = fence + 1, started_at = started_at + 60",
         true},
        {"the same name serves", "UPDATE gateways SET fence = fence + 1, started_at = started_at + 60",
         false},
        {"an older copy has no row of it", "DELETE FROM gateways", true},
    };
    for (size_t i = 0; i < sizeof takeovers / sizeof *takeovers; i++) {
        const char *log;
        cr_expect_eq(status_after(&takeovers[i], &log), EX_TEMPFAIL, "%s", takeovers[i].what);
        cr_expect_not_null(strstr(log, "another gateway has taken this one's place"), "%s: %s",
                           takeovers[i].what, log);
        cr_expect_eq(writes_events_of(&database, 1), 1);
        cr_expect_eq(writes_events_of(&database, 2), 0, "%s", takeovers[i].what);
        database_end(&database);
    }
}

Test(postgresql_connections, a_server_goes_on_beside_what_is_no_takeover)
{
    static const struct takeover takeovers[] = {
        {"its connection was lost", "SELECT 1", true},
        {"another one serves", OTHER, true},
        {"an answer to the raised fence was lost", "UPDATE gateways SET fence = fence + 1", true},
        {"a command had the table of gateways for longer than a statement waits", REFUSE(1, "55P03"), true},
    };
    for (size_t i = 0; i < sizeof takeovers / sizeof *takeovers; i++) {
        const char *log;
        cr_expect_eq(status_after(&takeovers[i], &log), 0, "%s: %s", takeovers[i].what, log);
        cr_expect_eq(writes_events_of(&database, 2), 1, "%s", takeovers[i].what);
        database_end(&database);
    }
}

Test(postgresql_connections, a_server_says_how_many_transactions_a_standby_lacked)
{
    static const struct takeover behind = {"it was behind", "UPDATE gateways SET batch = batch - 2", true};
    const char *log;
    cr_expect_eq(status_after(&behind, &log), 0, "%s", log);
    cr_expect_not_null(strstr(log, "the database lacks the last 2 transactions that it had confirmed"), "%s",
                       log);
    database_end(&database);
}

/* Another gateway that starts may have taken the number first. */
Test(postgresql_connections, a_start_that_cannot_take_its_row_tries_again_and_says_why)
{
    static const struct {
        const char *sql, *words;
    } cases[] = {{REFUSE(1, "23505"), NULL}, {REFUSE(1000, "23505"), "not now"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        database_begin(&database);
        store_set_gateway("first", "1");
        database_run(&database, cases[i].sql);
        database.store = store_open(database.location, STORE_EXPECT_CURRENT, &fault);
        cr_expect_eq(database.store != NULL, cases[i].words == NULL, "%zu: %s", i, fault.message);
        cr_expect(cases[i].words == NULL || strstr(fault.message, cases[i].words) != NULL, "%s",
                  fault.message);
        database_end(&database);
    }
}

/* ---- two migrations at once ---- */

static atomic_size_t reports;

static void count_report(const char *line)
{
    reports += strstr(line, "made the tables") != NULL || strstr(line, "went from schema") != NULL;
}

static void *migrate(void *failed)
{
    struct fault fault;
    *(bool *)failed = !store_migrate(database.location, count_report, &fault);
    return NULL;
}

static void migrate_at_once(const char *what)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    bool failed[THREADS];
    reports = 0;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, migrate, &failed[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect_not(failed[i], "%s: thread %d", what, i);
    }
    cr_expect_eq(reports, 1, "%s: one of them did it", what);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM schema_version"), 1, "%s", what);
    cr_expect_eq(database_count(&database, "SELECT version FROM schema_version"), (int64_t)store_schema(),
                 "%s", what);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM gateways"), 0, "%s", what);
}

static void lay_first_schema(void)
{
    enum { FILE_MAX_BYTES = 1 << 20 };
    struct bytes text;
    const char *path = arena_printf(database.arena, "%.*s/../../../migrations/postgresql/0012_schema.sql",
                                    (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
    cr_assert(file_read(database.arena, path, FILE_MAX_BYTES, &text), "%s cannot be read", path);
    database_run(&database, arena_printf(database.arena,
                                         "DROP SCHEMA public CASCADE;"
                                         "CREATE SCHEMA public AUTHORIZATION acmegate; SET ROLE acmegate;"
                                         "%.*s; UPDATE schema_version SET version = 12",
                                         (int)text.n, (const char *)text.p));
}

Test(postgresql_connections, migrations_at_once_leave_one_history)
{
    database_begin(&database);
    database_run(&database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION acmegate");
    migrate_at_once("new");
    lay_first_schema();
    migrate_at_once("older");
    database_end(&database);
}

/* ---- a migration by a newer version ---- */

static PGconn *begin_migration(void)
{
    PGconn *connection = PQconnectdb(arena_printf(database.arena, "host=%s user=acmegate dbname=%s",
                                                  getenv("ACMEGATE_UNIT_POSTGRESQL"), database.name));
    PGresult *result = PQexec(connection, "BEGIN; SELECT pg_advisory_xact_lock(1633905767, 1936028278);"
                                          " UPDATE schema_version SET version = version + 1");
    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(connection));
    PQclear(result);
    return connection;
}

static void end_migration(PGconn *connection)
{
    PQclear(PQexec(connection, "COMMIT"));
    PQfinish(connection);
}

struct start {
    struct store *store;
    struct fault fault;
};

static void *start_server(void *argument)
{
    struct start *start = argument;
    start->store = store_open(database.location, STORE_EXPECT_CURRENT, &start->fault);
    return NULL;
}

/* It has seen the older schema before it waits for the lock. */
Test(postgresql_connections, a_server_that_waited_for_a_migration_does_not_serve_the_newer_schema)
{
    pthread_t thread;
    struct start start = {0};
    store_set_log(writes_hear);
    database_begin(&database);
    store_set_gateway("first", "1");
    PGconn *migration = begin_migration();
    cr_assert_eq(pthread_create(&thread, NULL, start_server, &start), 0);
    while (database_count(&database, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'acmegate'"
                                     " AND query LIKE 'SELECT pg_try_advisory_lock_shared(%'"
                                     " AND datname = current_database()") == 0)
        continue;
    end_migration(migration);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_null(start.store);
    cr_expect_not_null(strstr(start.fault.message, "a newer acmegate wrote it"), "%s", start.fault.message);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM gateways"), 0);
    database_end(&database);
}

/* ---- versions that this program does not migrate ---- */

struct strange_version {
    int64_t version; /* 0: the one after the newest */
    const char *words;
};

static const struct strange_version strange_versions[] = {
    {0, "a newer acmegate wrote it"},
    {11, "was changed by hand"},
    {1, "was changed by hand"},
    {-1, "was changed by hand"},
};

static void expect_refused(const struct strange_version *strange)
{
    char sql[80];
    int64_t version = strange->version != 0 ? strange->version : (int64_t)store_schema() + 1;
    snprintf(sql, sizeof sql, "UPDATE schema_version SET version = %lld", (long long)version);
    database_run(&database, sql);
    reports = 0;
    struct fault fault = {0};
    cr_expect_not(store_migrate(database.location, count_report, &fault), "%lld", (long long)version);
    cr_expect_not_null(strstr(fault.message, strange->words), "%lld: %s", (long long)version, fault.message);
    cr_expect_eq(reports, 0, "%lld", (long long)version);
    cr_expect_eq(database_count(&database, "SELECT version FROM schema_version"), version);
}

Test(postgresql_connections, an_older_version_is_not_migrated_while_a_gateway_serves)
{
    static const struct strange_version older = {13, "an acmegate with another schema serves it: stop all"};
    database_begin(&database);
    database_serve(&database);
    expect_refused(&older);
    database_end(&database);
}

Test(postgresql_connections, a_version_that_is_not_migrated_is_refused)
{
    database_begin(&database);
    for (size_t i = 0; i < sizeof strange_versions / sizeof *strange_versions; i++)
        expect_refused(&strange_versions[i]);
    database_end(&database);
}
