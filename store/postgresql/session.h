/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's places and connections, private to store/postgresql/. */
#pragma once

#include <libpq-fe.h>

#include "store/postgresql/serving_lock.h"
#include "store/sql/gateways.h"

enum {
    PARAMETERS_MAX = 24,
    COLUMNS_MAX = 40,
    NUMBER_BYTES = 24,
    WHY_BYTES = 256,
    SENT_MAX = 256, /* statements on their way, before their answers are read */
    KEPT_MAX = 8,   /* statements that were asked for ahead of their use */
};

struct postgresql_location {
    struct store_location location; /* first; its text has no password */
    const char *conninfo;           /* libpq's URI or keywords */
    const char *password;           /* NULL: the text, or a file or variable of libpq, has it */
};

struct postgresql_reader;

enum form {
    FORM_PLAIN,
    FORM_MUST_CHANGE, /* fails when it changes no row, and what comes behind it with it */
    FORMS,
};

/* A text that the server prepares. */
struct form_text {
    char *sql;     /* NULL: not made yet */
    char name[12]; /* on the server */
    bool on_server;
};

/* A statement of store/sql in PostgreSQL's form: $1, $2… in the place of names. */
struct postgresql_statement {
    struct postgresql_reader *owner;
    const char *label; /* for the log */
    struct form_text forms[FORMS];
    int parameters;
    char *names[PARAMETERS_MAX];
    Oid types[PARAMETERS_MAX];
    const char *values[PARAMETERS_MAX]; /* NULL: NULL */
    int lengths[PARAMETERS_MAX];
    int formats[PARAMETERS_MAX];       /* all binary */
    uint64_t integers[PARAMETERS_MAX]; /* in network order */
    char *copies[PARAMETERS_MAX];      /* texts that do not live until the run */
    unsigned run;                      /* counts them */
    bool asked;                        /* the present run is on its way, or its result is there */
    bool kept;                         /* `reset` leaves it so, for the next run */
    PGresult *result;                  /* of the present run; NULL before it, and when it failed */
    int row;
    char numbers[COLUMNS_MAX][NUMBER_BYTES]; /* of the present row, as texts */
};

enum sent_kind {
    SENT_PREPARATION,
    SENT_QUESTION, /* its result is for the statement's run */
    SENT_CHANGE,   /* nobody waits for it */
    SENT_WORDS,
};

/* On its way to the server, in the order of the answers. */
struct sent {
    enum sent_kind kind;
    struct postgresql_statement *statement; /* NULL for words */
    enum form form;
    unsigned run; /* of the statement */
};

/* The part of a connection that a server writes with. */
struct postgresql_gateway {
    int64_t id;         /* its row in the table gateways */
    int64_t fence;      /* a connection that another one replaced has an older one, and cannot commit */
    int64_t batch;      /* the number of the last transaction that is known to be kept */
    int64_t row;        /* the number that the row had when this connection was made */
    int64_t started_at; /* of this process, as the row has it */
    unsigned number;    /* its part in ids and nonces */
    struct serving_session session;
};

struct postgresql_reader {
    struct store_reader reader; /* first */
    const struct postgresql_location *location;
    PGconn *connection;                 /* NULL after a loss */
    struct postgresql_gateway *gateway; /* NULL but for a server's writer */
    struct postgresql_statement *statements[STATEMENT_GROUP_END][STATEMENTS_IN_GROUP_MAX];
    unsigned next_name;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    struct postgresql_statement *kept[KEPT_MAX]; /* or they were used since */
    size_t kept_count;
    int64_t changed;     /* rows that the last statement changed */
    bool is_open;        /* a transaction is */
    bool reads_moment;   /* it reads the state of one moment, and never runs again */
    bool broken;         /* the transaction cannot be kept, whatever becomes of the present statement */
    bool again;          /* it may succeed when it runs again */
    bool careful;        /* wait for each statement: one failed that nobody had waited for */
    bool alone;          /* the next transaction of a server keeps others waiting: one undid the last */
    bool replaced;       /* another connection has the gateway's row */
    char why[WHY_BYTES]; /* the last failure */
    int64_t tried_ms;    /* when a connection was last tried in vain; 0: not since one was made */
};

extern const struct engine_rows postgresql_rows;
extern const struct engine_transactions postgresql_transactions;

/* ---- connections ---- */

/* Opens a connection, in pipeline mode, to a database with the program's schema. The one of a server takes
 * the serving locks, then the gateway's row with a new fence, which ends what an earlier connection of it may
 * still be doing. NULL with `fault`. */
[[gnu::warn_unused_result]] struct postgresql_reader *session_open(const struct store_location *location,
                                                                   bool serves, struct fault *fault);
void session_close(struct postgresql_reader *own);

/* Connects again when the connection is lost. False with own->why. The process of a server ends when another
 * gateway has taken its place meanwhile. */
[[gnu::warn_unused_result]] bool session_is_alive(struct postgresql_reader *own);

/* Tells the others that this gateway stops, when it has a connection. */
void session_leave(struct postgresql_reader *own);

/* Ends the process of a server: another one has taken its place, so that what it has in memory is old. */
[[gnu::noreturn]] void session_end_replaced(const struct postgresql_reader *own);

/* Notes that the connection is of no use any more. */
void session_lose(struct postgresql_reader *own, const char *why);

/* ---- a plain connection ---- */

/* SQL that bounds what a session does, and makes its COMMIT wait for the disk. */
extern const char postgresql_settings[];

/* Opens a connection without a look at the schema, in libpq's plain mode. NULL with `fault`. */
[[gnu::warn_unused_result]] PGconn *postgresql_connect(const struct postgresql_location *location,
                                                       struct fault *fault);

/* Runs `sql`, one statement or several without parameters. Returns the last result; NULL with `fault`. */
[[gnu::warn_unused_result]] PGresult *postgresql_run(PGconn *connection, const char *sql, const char *name,
                                                     struct fault *fault);
/* The same without a result. */
[[gnu::warn_unused_result]] bool postgresql_execute(PGconn *connection, const char *sql, const char *name,
                                                    struct fault *fault);
/* The one integer that `sql` yields; 0 for NULL. */
[[gnu::warn_unused_result]] bool postgresql_integer(PGconn *connection, const char *sql, const char *name,
                                                    int64_t *out, struct fault *fault);

/* Waits for the next result as PQgetResult does, but not for ever, nor for endless octets. NULL with why in
 * *lost: the connection is of no use any more. */
PGresult *postgresql_next_result(PGconn *connection, const char **lost);
/* Passes over the results up to the end of the answer, in the same way. */
void postgresql_end_answer(PGconn *connection, const char **lost);

/* Copies libpq's words as one line. */
void postgresql_words(const char *from, char out[static WHY_BYTES]);

/* ---- members of postgresql_engine ---- */

bool postgresql_takes(const char *database);
struct store_location *postgresql_locate(struct arena *arena, const struct store_place *place);
/* ---- the pipeline ---- */

/* These send without waiting. False with own->why when the connection is lost. */
[[gnu::warn_unused_result]] bool pipeline_send_words(struct postgresql_reader *own, const char *sql);
[[gnu::warn_unused_result]] bool pipeline_ask(struct postgresql_statement *statement);
[[gnu::warn_unused_result]] bool pipeline_send_change(struct postgresql_statement *statement,
                                                      bool must_change);

/* Waits for the answers to all that was sent. The results of questions are then in their statements. True
 * when all are good; the last one is in *last when that is not NULL, and the caller's to clear. The failure
 * of a change that nobody waited for breaks the transaction. */
[[gnu::warn_unused_result]] bool pipeline_collect(struct postgresql_reader *own, PGresult **last);

/* The number of waits of all connections for an answer. */
uint64_t postgresql_round_trips(void);

/* ---- the text of a statement ---- */

/* Makes `sql` of store/sql PostgreSQL's: numbers for names, and no order of joins. False when there are too
 * many parameters. */
[[gnu::warn_unused_result]] bool statement_translate(const char *sql, struct postgresql_statement *out);
/* The text of that form, made on first use. */
struct form_text *statement_form(struct postgresql_statement *statement, enum form form);
void statement_free(struct postgresql_statement *statement);
