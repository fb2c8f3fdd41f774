/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgresql/serving_lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "store/postgresql/session.h"

/* Of the advisory locks: "acmg", and "serv" or the id of a gateway, which is far below. */
#define LOCK_CLASS  "1633905767"
#define LOCK_OF_ALL LOCK_CLASS ", 1936028278"

/* Of a row of pg_stat_activity, in microseconds. */
#define STARTED "(extract(epoch FROM backend_start) * 1000000)::bigint"

enum { LOCK_TRIES = 20, LOCK_PAUSE_MS = 100, SQL_BYTES = 512 };

/* The process id alone may belong to somebody else by now. */
static bool end_session(PGconn *connection, const char *name, const struct serving_session *session,
                        struct fault *fault)
{
    char sql[SQL_BYTES];
    int64_t ended;
    if (session->process == 0)
        return true;
    snprintf(sql, sizeof sql,
             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = %d AND " STARTED
             " = %" PRId64 " AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = pg_stat_activity.pid"
             " AND locktype = 'advisory' AND classid = " LOCK_CLASS ")",
             session->process, session->started);
    return postgresql_integer(connection, sql, name, &ended, fault);
}

static bool read_session(PGconn *connection, const char *name, struct serving_session *session,
                         struct fault *fault)
{
    if (!postgresql_integer(connection,
                            "SELECT " STARTED " FROM pg_stat_activity WHERE pid = pg_backend_pid()", name,
                            &session->started, fault))
        return false;
    session->process = PQbackendPID(connection);
    return true;
}

/* Who has it may be about to end. */
static enum serving_lock try_to_take(PGconn *connection, const char *name, const char *sql,
                                     struct fault *fault)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    int64_t taken = 0;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        if (!postgresql_integer(connection, sql, name, &taken, fault))
            return SERVING_LOCK_FAILED;
        if (taken != 0)
            return SERVING_LOCK_TAKEN;
    }
    return SERVING_LOCK_HELD;
}

enum serving_lock serving_lock_take_alone(PGconn *connection, const char *name, struct fault *fault)
{
    enum serving_lock result =
        try_to_take(connection, name, "SELECT pg_try_advisory_lock(" LOCK_OF_ALL ")::int", fault);
    if (result == SERVING_LOCK_HELD)
        fault_set(fault, "%s is already served by another acmegate: stop that one first", name);
    return result;
}

bool serving_lock_take_for_transaction(PGconn *connection, const char *name, struct fault *fault)
{
    int64_t taken = 0;
    return postgresql_integer(connection, "SELECT pg_try_advisory_xact_lock(" LOCK_OF_ALL ")::int", name,
                              &taken, fault) &&
           (taken != 0 ||
            fault_set(fault, "%s: an acmegate with another schema serves it: stop all of them first", name));
}

enum serving_lock serving_lock_share(PGconn *connection, const char *name, struct fault *fault)
{
    enum serving_lock result =
        try_to_take(connection, name, "SELECT pg_try_advisory_lock_shared(" LOCK_OF_ALL ")::int", fault);
    if (result == SERVING_LOCK_HELD)
        fault_set(fault, "%s: a command has the database to itself: wait until it has ended", name);
    return result;
}

enum serving_lock serving_lock_take(PGconn *connection, const char *name, int64_t gateway,
                                    struct serving_session *session, struct fault *fault)
{
    char sql[SQL_BYTES];
    snprintf(sql, sizeof sql, "SELECT pg_try_advisory_lock(" LOCK_CLASS ", %" PRId64 ")::int", gateway);
    if (!end_session(connection, name, session, fault) || !read_session(connection, name, session, fault))
        return SERVING_LOCK_FAILED;
    enum serving_lock result = try_to_take(connection, name, sql, fault);
    if (result == SERVING_LOCK_HELD)
        fault_set(fault, "%s is already served by another acmegate of this name: set another gateway_id",
                  name);
    return result;
}

bool serving_lock_is_held(PGconn *connection, const char *name, bool *held, struct fault *fault)
{
    int64_t count;
    if (!postgresql_integer(connection,
                            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                            " AND (classid, objid) = (" LOCK_OF_ALL ")",
                            name, &count, fault))
        return false;
    *held = count > 0;
    return true;
}
