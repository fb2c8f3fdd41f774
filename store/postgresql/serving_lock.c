/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgresql/serving_lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "store/postgresql/session.h"

/* Of the advisory lock: "acmg", "serv". */
#define LOCK_KEYS "1633905767, 1936028278"

/* Of a row of pg_stat_activity, in microseconds. */
#define STARTED "(extract(epoch FROM backend_start) * 1000000)::bigint"

enum { LOCK_TRIES = 20, LOCK_PAUSE_MS = 100, SQL_BYTES = 512 };

static bool end_session(PGconn *connection, const char *name, const struct serving_session *session,
                        struct fault *fault)
{
    char sql[SQL_BYTES];
    int64_t ended;
    if (session->process == 0)
        return true;
    snprintf(sql, sizeof sql,
             "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_stat_activity USING (pid)"
             " WHERE locktype = 'advisory' AND (classid, objid) = (" LOCK_KEYS ") AND pid = %d AND " STARTED
             " = %" PRId64,
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

static enum serving_lock try_to_take(PGconn *connection, const char *name, struct fault *fault)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    int64_t taken = 0;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        if (!postgresql_integer(connection, "SELECT pg_try_advisory_lock(" LOCK_KEYS ")::int", name, &taken,
                                fault))
            return SERVING_LOCK_FAILED;
        if (taken != 0)
            return SERVING_LOCK_TAKEN;
    }
    fault_set(fault, "%s is already served by another acmegate: stop that one first", name);
    return SERVING_LOCK_HELD;
}

enum serving_lock serving_lock_take(PGconn *connection, const char *name, struct serving_session *session,
                                    struct fault *fault)
{
    return end_session(connection, name, session, fault) && read_session(connection, name, session, fault)
               ? try_to_take(connection, name, fault)
               : SERVING_LOCK_FAILED;
}

bool serving_lock_is_held(PGconn *connection, const char *name, bool *held, struct fault *fault)
{
    int64_t count;
    if (!postgresql_integer(connection,
                            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                            " AND (classid, objid) = (" LOCK_KEYS ")",
                            name, &count, fault))
        return false;
    *held = count > 0;
    return true;
}
