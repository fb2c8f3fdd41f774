/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgresql/serving_lock.h"

#include <stdio.h>
#include <time.h>

#include "store/postgresql/session.h"

/* Of the advisory lock: "acmg", "serv". */
#define LOCK_KEYS "1633905767, 1936028278"

enum { LOCK_TRIES = 20, LOCK_PAUSE_MS = 100, SQL_BYTES = 256 };

bool serving_lock_take(PGconn *connection, const char *name, int earlier, struct fault *fault)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    char sql[SQL_BYTES];
    int64_t ended, taken = 0;
    snprintf(sql, sizeof sql,
             "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND pid = %d"
             " AND (classid, objid) = (" LOCK_KEYS ")",
             earlier);
    if (earlier != 0 && !postgresql_integer(connection, sql, name, &ended, fault))
        return false;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        if (!postgresql_integer(connection, "SELECT pg_try_advisory_lock(" LOCK_KEYS ")::int", name, &taken,
                                fault))
            return false;
        if (taken != 0)
            return true;
    }
    return fault_set(fault, "%s is already served by another acmegate: stop that one first", name);
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
