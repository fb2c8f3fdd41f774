/* SPDX-License-Identifier: Apache-2.0 */
/* A database of its own for each test, and the objects that an issuance leaves in it. It is in SQLite, or in
 * the PostgreSQL server of tests/unit/with-postgresql. */
#pragma once

#include "acme/objects.h"
#include "acme/pki/certificate.h"
#include "leaks.h"
#include "store/events.h"
#include "store/sql/committer.h"
#include "store/sql/gateways.h"
#include "store/sqlite/migrate.h"

/* The tests' time: 2026-06-01T00:00:00Z. */
#define NOW INT64_C(1780272000)

struct database {
    char directory[64];
    char path[128]; /* of the file; PostgreSQL: what the names of the server's own files begin with */
    char name[64];  /* of the database in PostgreSQL's server */
    const struct store_location *location;
    struct arena *arena;
    struct store_writer *writer; /* without a committer; database_connect */
    struct store *store;         /* database_serve */
};

/* True when the tests' server is there, and the database in it. */
bool database_is_postgresql(void);

/* An empty directory, no file in it; or a database of PostgreSQL with acmegate's empty tables. */
void database_begin(struct database *database);
/* An empty database of SQLite at this path, as the first start of a server leaves it. The schema is migrated
 * once a process: that took half the time of a case. */
void database_lay(const char *path);
/* Makes the schema and a writing connection, of a gateway that has the number 1. */
void database_connect(struct database *database);
/* Opens it as a server does. */
void database_serve(struct database *database);
/* Closes both, keeps the files. */
void database_disconnect(struct database *database);
/* Removes everything. */
void database_end(struct database *database);

/* As cp does. */
void database_copy_file(const char *from, const char *to);

/* Runs SQL on a connection of its own. */
void database_run(const struct database *database, const char *sql);
int64_t database_count(const struct database *database, const char *sql);
/* One text, in the arena; "" for NULL. */
const char *database_text(const struct database *database, const char *sql);
/* SQL for octets that are given in hexadecimal. */
const char *database_blob(const struct database *database, const char *hexadecimal);

/* A transaction of the writing connection. */
void database_begin_writing(const struct database *database);
void database_end_writing(const struct database *database, bool keep);

struct identifier dns(const char *name);

/* Objects as a client's issuance makes them; each is inserted and must be accepted. */
struct account make_account(struct database *database, const char *thumbprint);
struct authorization make_authorization(struct database *database, const struct account *account,
                                        const char *name);
struct order make_order(struct database *database, const struct account *account,
                        const struct authorization *authorizations, size_t count);
struct attempt make_attempt(struct database *database, int64_t order_id);
struct certificate make_certificate(struct database *database, const struct order *order, const char *serial);
void make_event(struct database *database, struct event event);

/* The client chooses this challenge of a pending authorization, and it fails. */
void fail_authorization(struct database *database, struct authorization *authorization,
                        enum challenge_type type, const char *problem_json);
/* Writes the order in each state up to this one: ready, processing, valid. */
void advance_order(struct database *database, struct order *order, enum order_status status);

/* The client has finalized it. */
void put_into_processing(struct database *database, struct order *order, int64_t next_attempt_at);

/* From newOrder to the certificate, with the events that go with it. */
struct order make_issued_order(struct database *database, const struct account *account, const char *name,
                               const char *serial);
