/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for damage, and what to do about it. */
#include "store/sqlite/check.h"

#include <string.h>

#include "store/sqlite/session.h"

/* The damage that was found, from the mildest on. */
enum damage { DAMAGE_NONE, DAMAGE_OF_INDEXES, DAMAGE_OF_REFERENCES, DAMAGE_OF_PAGES };

struct findings {
    void (*report)(const char *line); /* NULL: nobody listens */
    size_t count;
    enum damage worst;
};

/* SQLite's words for an index that does not fit its table, which is whole. */
static bool is_about_index(const char *line)
{
    return strstr(line, " missing from index ") != NULL ||
           strstr(line, "wrong # of entries in index ") == line ||
           strstr(line, "non-unique entry in index ") == line;
}

static void add(struct findings *findings, const char *line, enum damage damage)
{
    findings->count++;
    if (damage > findings->worst)
        findings->worst = damage;
    if (findings->report != NULL)
        findings->report(line);
}

/* Each row is a fault; "ok" means none. False when SQLite fails. */
static bool find_faults(sqlite3 *db, const char *sql, bool of_references, struct findings *findings)
{
    sqlite3_stmt *prepared = NULL;
    int step = sqlite3_prepare_v2(db, sql, -1, &prepared, NULL) == SQLITE_OK ? SQLITE_ROW : SQLITE_ERROR;
    while (step == SQLITE_ROW && (step = sqlite3_step(prepared)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(prepared, 0);
        if (text == NULL)
            text = sql;
        if (strcmp(text, "ok") != 0)
            add(findings, text,
                of_references          ? DAMAGE_OF_REFERENCES
                : is_about_index(text) ? DAMAGE_OF_INDEXES
                                       : DAMAGE_OF_PAGES);
    }
    sqlite3_finalize(prepared);
    return step == SQLITE_DONE;
}

static const char *advice_about(enum damage damage)
{
    if (damage == DAMAGE_OF_INDEXES)
        return "only indexes are: stop the server, then 'acmegate db vacuum' makes them anew";
    if (damage == DAMAGE_OF_REFERENCES)
        return "the file is whole, but rows are missing: stop the server, then 'acmegate db restore FILE' "
               "with a back-up from before that (docs/recovery.md)";
    return "stop the server, then 'acmegate db restore FILE' with a back-up (docs/recovery.md). Without one, "
           "salvage with sqlite3's .recover";
}

bool check_database(sqlite3 *db, const char *path, void (*report)(const char *line), struct fault *fault)
{
    static const char references[] = "SELECT 'a row of ' || \"table\" || ' (id ' || coalesce(rowid, '?') || "
                                     "') refers to a row that \"' || parent"
                                     " || '\" does not have' FROM pragma_foreign_key_check";
    struct findings findings = {.report = report};
    if (!find_faults(db, "PRAGMA integrity_check", false, &findings) ||
        !find_faults(db, references, true, &findings))
        return database_error(db, path, fault);
    if (findings.count == 0)
        return true;
    return fault_set(fault, "%s is damaged: faults were found (%zu), which 'acmegate db check' lists: %s",
                     path, findings.count, advice_about(findings.worst));
}

bool sqlite_check(const struct store_location *location, void (*report)(const char *line),
                  struct fault *fault)
{
    struct store_reader *reader = sqlite_open_to_check(location, fault);
    bool whole = reader != NULL && check_database(database_of(reader), sqlite_path(location), report, fault);
    store_reader_close(reader);
    return whole;
}
