/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "house.h"
#include "odd.h"
#include "oracle_internal.h"
#include "store/sqlite/session.h"
#include "verdict.h"

enum { CHANGED_MAX = 4096, REMEMBERED_SLOTS = 1 << 14, SERIALS_MAX = 4096, EAB_MAX = 256, DENIED_MAX = 4 };

struct change {
    const char *table;
    int64_t id;
};

static struct change changes[CHANGED_MAX];
static size_t change_count;
static struct remembered *memory;
static char serials[SERIALS_MAX][SERIAL_HEX_BYTES];
static size_t serial_count;
static int64_t revoked_eab_keys[EAB_MAX];
static size_t revoked_eab_count;
static const char *denied[DENIED_MAX];
static sqlite3 *database;
static size_t event_count;

/* ---- what each table must answer to ---- */

static const struct invariant {
    const char *table;
    void (*check)(sqlite3 *db, int64_t id);
} invariants[] = {
    {"orders", oracle_check_order},
    {"authorizations", oracle_check_authorization},
    {"attempts", oracle_check_attempt},
    {"certificates", oracle_check_certificate},
};

static const struct invariant *invariant_of(const char *table)
{
    for (size_t i = 0; i < sizeof invariants / sizeof invariants[0]; i++)
        if (strcmp(invariants[i].table, table) == 0)
            return &invariants[i];
    return NULL;
}

/* S12, for each text of each table: people read them with sqlite3. */
static void check_texts(sqlite3 *db, const char *table, int64_t id)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE rowid = ?", table);
    sqlite3_stmt *row = oracle_ask(db, sql, id);
    for (int i = 0; row != NULL && i < sqlite3_column_count(row); i++) {
        if (sqlite3_column_type(row, i) != SQLITE_TEXT)
            continue;
        const char *column = sqlite3_column_name(row, i);
        struct bytes text = bytes_of(sqlite3_column_text(row, i), (size_t)sqlite3_column_bytes(row, i));
        if (odd_is_unfit_for_people(text, strstr(column, "pem") != NULL))
            finding("S12", "%s.%s holds a control or bidi character: %.*s", table, column, (int)text.n,
                    (const char *)text.p);
    }
    oracle_done(row);
}

static void on_change(void *context, int operation, const char *db, const char *table, sqlite3_int64 id)
{
    (void)context;
    (void)db;
    if (operation == SQLITE_DELETE)
        return;
    for (size_t i = 0; i < change_count; i++)
        if (changes[i].id == id && strcmp(changes[i].table, table) == 0)
            return;
    if (change_count == CHANGED_MAX)
        verdict("one transaction has changed more than %d rows", CHANGED_MAX);
    const struct invariant *invariant = invariant_of(table);
    /* The name of the hook's table lives as long as the hook's call. */
    const char *name = invariant != NULL                ? invariant->table
                       : strcmp(table, "events") == 0   ? "events"
                       : strcmp(table, "accounts") == 0 ? "accounts"
                       : strcmp(table, "chains") == 0   ? "chains"
                       : strcmp(table, "eab_keys") == 0 ? "eab_keys"
                                                        : NULL;
    if (name != NULL)
        changes[change_count++] = (struct change){name, id};
}

void oracle_committed(struct store_reader *reader)
{
    for (size_t i = 0; i < change_count; i++) {
        const struct invariant *invariant = invariant_of(changes[i].table);
        event_count += strcmp(changes[i].table, "events") == 0;
        check_texts(database_of(reader), changes[i].table, changes[i].id);
        if (invariant != NULL)
            invariant->check(database_of(reader), changes[i].id);
    }
    change_count = 0;
}

/* ---- life ---- */

void oracle_begin(void)
{
    serial_count = revoked_eab_count = change_count = event_count = 0;
    database = NULL;
}

static void forget(void)
{
    free(memory);
    memory = calloc(REMEMBERED_SLOTS, sizeof memory[0]);
    if (memory == NULL)
        abort();
}

static void remember_all(sqlite3 *db, const char *sql, void (*check)(sqlite3 *db, int64_t id))
{
    sqlite3_stmt *all = oracle_ask(db, sql, 0);
    for (int step = all == NULL ? SQLITE_DONE : SQLITE_ROW; step == SQLITE_ROW; step = sqlite3_step(all))
        check(db, sqlite3_column_int64(all, 0));
    oracle_done(all);
}

void oracle_restarted(struct store_reader *reader)
{
    forget();
    database = database_of(reader);
    sqlite3_update_hook(database, on_change, NULL);
    change_count = 0;
    remember_all(database, "SELECT id FROM orders WHERE id > ?", oracle_check_order);
    remember_all(database, "SELECT id FROM authorizations WHERE id > ?", oracle_check_authorization);
    remember_all(database, "SELECT id FROM certificates WHERE id > ?", oracle_check_certificate);
}

struct remembered *oracle_remember(int64_t id)
{
    size_t at = (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 32) % REMEMBERED_SLOTS;
    for (size_t tries = 0; memory[at].id != 0 && memory[at].id != id; at = (at + 1) % REMEMBERED_SLOTS)
        if (++tries == REMEMBERED_SLOTS)
            verdict("the harness remembers no more rows: make epochs shorter");
    memory[at].id = id;
    return &memory[at];
}

/* ---- SQL ---- */

sqlite3_stmt *oracle_ask(sqlite3 *db, const char *sql, int64_t parameter)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        verdict("the harness cannot ask %s: %s", sql, sqlite3_errmsg(db));
    sqlite3_bind_int64(statement, 1, parameter);
    if (sqlite3_step(statement) == SQLITE_ROW)
        return statement;
    sqlite3_finalize(statement);
    return NULL;
}

void oracle_done(sqlite3_stmt *statement)
{
    sqlite3_finalize(statement);
}

const char *oracle_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text == NULL ? "" : (const char *)text;
}

/* ---- what the story knows ---- */

void oracle_may_revoke(const char *serial)
{
    if (oracle_knows_may_revoke(serial))
        return;
    if (serial_count == SERIALS_MAX)
        verdict("the harness notes no more serial numbers: make epochs shorter");
    snprintf(serials[serial_count++], SERIAL_HEX_BYTES, "%s", serial);
}

bool oracle_knows_may_revoke(const char *serial)
{
    for (size_t i = 0; i < serial_count; i++)
        if (strcmp(serials[i], serial) == 0)
            return true;
    return false;
}

void oracle_eab_revoked(int64_t eab_key_id)
{
    if (revoked_eab_count < EAB_MAX)
        revoked_eab_keys[revoked_eab_count++] = eab_key_id;
}

bool oracle_eab_is_revoked(int64_t eab_key_id)
{
    for (size_t i = 0; i < revoked_eab_count; i++)
        if (revoked_eab_keys[i] == eab_key_id)
            return true;
    return false;
}

void oracle_denied(const char *name, bool is_denied)
{
    for (size_t i = 0; i < DENIED_MAX; i++) {
        if (denied[i] != NULL && strcmp(denied[i], name) != 0)
            continue;
        denied[i] = is_denied ? name : NULL;
        return;
    }
}

bool oracle_denies(const char *name)
{
    for (size_t i = 0; i < DENIED_MAX; i++)
        if (denied[i] != NULL && strcmp(denied[i], name) == 0)
            return true;
    return false;
}

size_t oracle_event_count(void)
{
    return event_count;
}

void oracle_rate_limited(const struct client_account *account, const struct fake_reply *reply)
{
    bool for_refusals = memmem(reply->body.p, reply->body.n, "refused requests", 16) != NULL;
    size_t own = for_refusals ? account->requests : account->order_requests;
    size_t limit = for_refusals ? HOUSE_REFUSALS : HOUSE_ORDERS_PER_NAME;
    if (own <= limit)
        finding("S7", "an account is limited after %zu requests of its own, the limit being %zu: %.*s", own,
                limit, (int)reply->body.n, (const char *)reply->body.p);
}

void oracle_ca_revokes(const char *serial)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT 1 FROM certificates WHERE ? = 0 AND serial = '%s' AND status = 'rejected'", serial);
    if (oracle_knows_may_revoke(serial))
        return;
    sqlite3_stmt *rejected = oracle_ask(database, sql, 0);
    if (rejected == NULL)
        finding("S5, S6", "the CA is asked to revoke %s by nobody who may", serial);
    oracle_done(rejected);
}

void oracle_logged(struct bytes line)
{
    struct bytes text = bytes_of(line.p, line.n == 0 ? 0 : line.n - 1); /* without the line feed at its end */
    if (odd_is_unfit_for_people(text, false))
        finding("S12", "the log holds a control or bidi character: %.*s", (int)text.n, (const char *)text.p);
}
