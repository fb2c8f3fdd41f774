/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements on their way. What needs no look goes with the next one that does: a wait for the network costs
 * more than the statement.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "store/postgresql/session.h"

static atomic_uint_fast64_t round_trips;

uint64_t postgresql_round_trips(void)
{
    return atomic_load_explicit(&round_trips, memory_order_relaxed);
}

/* True with room for two more. */
static bool make_room(struct postgresql_reader *own)
{
    return own->sent_count + 2 <= SENT_MAX || pipeline_collect(own, NULL);
}

/* Notes what was sent, or that it could not be. */
static bool note_sent(struct postgresql_reader *own, int done, struct sent sent)
{
    if (done == 1) {
        own->sent[own->sent_count++] = sent;
        return true;
    }
    session_lose(own, PQerrorMessage(own->connection));
    return false;
}

bool pipeline_send_words(struct postgresql_reader *own, const char *sql)
{
    postgresql_rows.forget(&own->reader); /* it is of another moment */
    if (own->connection == NULL || !make_room(own))
        return false;
    return note_sent(own, PQsendQueryParams(own->connection, sql, 0, NULL, NULL, NULL, NULL, 1),
                     (struct sent){.kind = SENT_WORDS});
}

/* The log has the one that failed, or `why` has it, when the transaction runs again. */
static void pass_over(struct postgresql_reader *own)
{
    if (!own->again)
        postgresql_words("an earlier statement of the transaction failed", own->why);
}

static bool is_passed_over(struct postgresql_reader *own)
{
    bool broken = own->is_open && own->broken && own->connection != NULL;
    if (broken)
        pass_over(own);
    return broken;
}

static bool send_statement(struct postgresql_statement *statement, struct sent sent)
{
    struct postgresql_reader *own = statement->owner;
    bool has_room = own->connection != NULL && make_room(own);
    if (is_passed_over(own) || !has_room)
        return false;
    struct form_text *text = statement_form(statement, sent.form);
    if (!text->on_server) {
        int done =
            PQsendPrepare(own->connection, text->name, text->sql, statement->parameters, statement->types);
        struct sent preparation = {.kind = SENT_PREPARATION, .statement = statement, .form = sent.form};
        if (!note_sent(own, done, preparation))
            return false;
        text->on_server = true;
    }
    int done = PQsendQueryPrepared(own->connection, text->name, statement->parameters, statement->values,
                                   statement->lengths, statement->formats, 1);
    return note_sent(own, done, sent);
}

bool pipeline_ask(struct postgresql_statement *statement)
{
    return send_statement(
        statement, (struct sent){.kind = SENT_QUESTION, .statement = statement, .run = statement->run});
}

bool pipeline_send_change(struct postgresql_statement *statement, bool must_change)
{
    return send_statement(statement, (struct sent){.kind = SENT_CHANGE,
                                                   .statement = statement,
                                                   .form = must_change ? FORM_MUST_CHANGE : FORM_PLAIN});
}

static bool has_state(const PGresult *result, const char *const states[])
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state != NULL && states[i] != NULL; i++) {
        if (strcmp(state, states[i]) == 0)
            return true;
    }
    return false;
}

/* Another transaction was faster (serialization failure), or each waited for the other (deadlock). */
static bool is_about_another(const PGresult *result)
{
    return has_state(result, (const char *const[]){"40001", "40P01", NULL});
}

/* Another transaction may have inserted the row meanwhile. In the next run the operation finds it, or fails
 * alone. */
static bool is_there_already(const PGresult *result)
{
    return has_state(result, (const char *const[]){"23505", NULL});
}

static bool is_behind_failure(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_PIPELINE_ABORTED ||
           has_state(result, (const char *const[]){"25P02", NULL});
}

/* Of the words that are sent, only those that number a transaction write a column that takes no NULL. */
static bool breaks_fence(const PGresult *result)
{
    return has_state(result, (const char *const[]){"23502", NULL});
}

/* It has waited for a lock, or worked, as long as a client waits. */
static bool is_out_of_time(const PGresult *result)
{
    return has_state(result, (const char *const[]){"55P03", "57014", NULL});
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* It is no failure of the statement. */
static bool is_end_of_session(const struct postgresql_reader *own, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return !is_good(result) && (PQstatus(own->connection) == CONNECTION_BAD ||
                                (severity != NULL && strcmp(severity, "ERROR") != 0));
}

/* A change that was put off found no row in the state that it expected: FORM_MUST_CHANGE divides by zero. */
static bool is_lost_race(const struct sent *sent, const PGresult *result)
{
    return sent->form == FORM_MUST_CHANGE && has_state(result, (const char *const[]){"22012", NULL});
}

static void note_failure(struct postgresql_reader *own, const struct sent *sent, const PGresult *result,
                         bool somebody_waits)
{
    if (sent->kind == SENT_PREPARATION)
        sent->statement->forms[sent->form].on_server = false;
    if (is_behind_failure(result)) {
        if (somebody_waits)
            pass_over(own);
        return;
    }
    postgresql_words(PQresultErrorMessage(result), own->why);
    if (sent->kind == SENT_WORDS && breaks_fence(result))
        own->replaced = true;
    if (!own->is_open)
        return;
    bool about_another = is_about_another(result), out_of_time = is_out_of_time(result);
    bool own_fault = somebody_waits && !(is_there_already(result) && !own->careful);
    own->broken = own->broken || about_another || out_of_time || !own_fault;
    own->again = own->broken && !out_of_time && !own->reads_moment;
    own->alone = own->alone || about_another;
    /* The transaction runs again, one statement at a time: then the operation that it belongs to fails alone.
     */
    own->careful = own->careful || (!about_another && !out_of_time && !own_fault);
    if (!somebody_waits && !about_another && !is_lost_race(sent, result))
        store_log("store: %s: %s", sent->statement != NULL ? sent->statement->label : "transaction",
                  own->why);
}

/* True for a question that was not reset meanwhile. */
static bool is_waited_for(const struct sent *sent)
{
    return sent->kind == SENT_QUESTION && sent->run == sent->statement->run;
}

static void keep_result(const struct sent *sent, PGresult *result, PGresult **last)
{
    if (is_waited_for(sent))
        sent->statement->result = result;
    else if (last != NULL)
        *last = result;
    else
        PQclear(result);
}

/* Reads the answer to one that was sent. False when it failed, or the connection is lost. */
static bool take_answer(struct postgresql_reader *own, size_t index, size_t count, PGresult **last)
{
    const struct sent sent = own->sent[index];
    bool is_last = index + 1 == count;
    bool prepares = sent.kind == SENT_PREPARATION && !is_last;
    bool somebody_waits = is_waited_for(prepares ? &own->sent[index + 1] : &sent) ||
                          (is_last && last != NULL && sent.kind == SENT_WORDS);
    const char *lost = NULL;
    PGresult *result = postgresql_next_result(own->connection, &lost);
    if (result != NULL)
        postgresql_end_answer(own->connection, &lost);
    if (lost != NULL || result == NULL) {
        PQclear(result);
        session_lose(own, lost != NULL ? lost : PQerrorMessage(own->connection));
        return false;
    }
    bool good = is_good(result);
    if (is_end_of_session(own, result)) {
        postgresql_words(PQresultErrorMessage(result), own->why);
        PQclear(result);
        session_lose(own, own->why);
        return false;
    }
    if (good) {
        keep_result(&sent, result, is_last ? last : NULL);
    } else {
        note_failure(own, &sent, result, somebody_waits);
        PQclear(result);
    }
    return good;
}

/* The answer to the end of what was sent. */
static void take_sync(struct postgresql_reader *own)
{
    const char *lost = NULL;
    PGresult *result = postgresql_next_result(own->connection, &lost);
    bool in_step = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    if (!in_step)
        session_lose(own, lost != NULL ? lost : PQerrorMessage(own->connection));
}

bool pipeline_collect(struct postgresql_reader *own, PGresult **last)
{
    bool good = true;
    size_t count = own->sent_count;
    if (own->connection == NULL)
        return false;
    if (PQpipelineSync(own->connection) != 1) {
        session_lose(own, PQerrorMessage(own->connection));
        return false;
    }
    atomic_fetch_add_explicit(&round_trips, 1, memory_order_relaxed);
    for (size_t i = 0; i < count && own->connection != NULL; i++)
        good = take_answer(own, i, count, last) && good;
    if (own->connection != NULL)
        take_sync(own);
    own->sent_count = 0;
    if (own->connection == NULL && last != NULL) {
        PQclear(*last);
        *last = NULL;
    }
    return good && own->connection != NULL;
}
