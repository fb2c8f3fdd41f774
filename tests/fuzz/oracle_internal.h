/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by oracle*.c only. */
#pragma once

#include <sqlite3.h>

#include "oracle.h"

/* The oracles' memory of a row: its last states. */
struct remembered {
    int64_t id;
    int status;    /* an enum of acme/objects.h, + 1; 0: not known yet */
    int challenge; /* of an authorization */
    bool revocation_requested;
};
struct remembered *oracle_remember(int64_t id);

/* One row that a transaction has changed, looked at by its table's invariants. */
void oracle_check_order(sqlite3 *db, int64_t id);
void oracle_check_authorization(sqlite3 *db, int64_t id);
void oracle_check_attempt(sqlite3 *db, int64_t id);
void oracle_check_certificate(sqlite3 *db, int64_t id);

bool oracle_knows_may_revoke(const char *serial);
bool oracle_denies(const char *name);

/* A query with one integer parameter, and its first row; finalized by oracle_done. NULL: no row. */
sqlite3_stmt *oracle_ask(sqlite3 *db, const char *sql, int64_t parameter);
void oracle_done(sqlite3_stmt *statement);
/* Text of a column; "" for NULL. */
const char *oracle_text(sqlite3_stmt *statement, int column);
