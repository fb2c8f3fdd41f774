/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "migrations_embedded.h"
#include "store/sqlite/backup.h"

/* "acmg", which the first migration writes. */
enum { APPLICATION_ID = 0x61636d67 };

const struct migrations store_migrations = {
    embedded_migrations,
    sizeof embedded_migrations / sizeof *embedded_migrations,
};

[[gnu::format(printf, 2, 3)]] static void tell(void (*report)(const char *line), const char *format, ...)
{
    char line[PATH_MAX + 128];
    if (report == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    report(line);
}

bool migrate_read_version(sqlite3 *db, const char *path, const struct migrations *migrations, size_t *version,
                          struct fault *fault)
{
    int64_t found, application, objects;
    if (!database_integer(db, "PRAGMA user_version", &found, fault) ||
        !database_integer(db, "PRAGMA application_id", &application, fault) ||
        !database_integer(db, "SELECT count(*) FROM sqlite_schema", &objects, fault))
        return false;
    bool ours = application == APPLICATION_ID && found > 0;
    bool empty = application == 0 && found == 0 && objects == 0;
    if (!ours && !empty)
        return fault_set(fault, "%s is an SQLite database, but not one of acmegate's: it is left alone",
                         path);
    *version = (size_t)found;
    if (*version <= migrations->count)
        return true;
    return fault_set(fault,
                     "%s has schema %zu, and this acmegate knows schemas up to %zu: a newer acmegate wrote "
                     "it. Run that one. Or give up later changes: stop it and restore the copy from before "
                     "the change of schema, %s.schema-%zu.backup",
                     path, *version, migrations->count, path, migrations->count);
}

bool migrate_expect_current(sqlite3 *db, const char *path, const struct migrations *migrations,
                            struct fault *fault)
{
    size_t version;
    if (!migrate_read_version(db, path, migrations, &version, fault))
        return false;
    if (version == migrations->count)
        return true;
    return fault_set(
        fault, "%s has schema %zu, and this acmegate needs schema %zu: 'acmegate db migrate' takes it there",
        path, version, migrations->count);
}

/* It is written under another name first: a copy with the final name is complete. */
static bool keep_copy(sqlite3 *db, const char *path, size_t version, void (*report)(const char *line),
                      struct fault *fault)
{
    char final[PATH_MAX], unfinished[PATH_MAX];
    int n = snprintf(final, sizeof final, "%s.schema-%zu.backup", path, version);
    int m = snprintf(unfinished, sizeof unfinished, "%s.schema-%zu.unfinished", path, version);
    if (n < 0 || n >= PATH_MAX || m < 0 || m >= PATH_MAX)
        return fault_set(fault, "%s: the path is too long", path);
    if (!backup_begin(unfinished, fault))
        return false;
    if (!backup_copy(db, unfinished, fault)) {
        unlink(unfinished);
        return false;
    }
    if (rename(unfinished, final) != 0)
        return fault_set(fault, "%s: cannot be renamed to %s: %s", unfinished, final, strerror(errno));
    tell(report, "kept a copy with schema %zu: %s", version, final);
    return true;
}

/* It cannot be changed once there is a table. */
static bool prepare_new(sqlite3 *db, const char *path, struct fault *fault)
{
    return database_execute(db, "PRAGMA auto_vacuum = INCREMENTAL", fault) &&
           database_use_wal(db, path, fault);
}

static bool apply_one(sqlite3 *db, const struct migration *migration, size_t version, struct fault *fault)
{
    char set_version[64];
    snprintf(set_version, sizeof set_version, "PRAGMA user_version = %zu", version);
    if (sqlite3_exec(db, migration->sql, NULL, NULL, NULL) != SQLITE_OK)
        return database_error(db, migration->name, fault);
    return database_execute(db, set_version, fault);
}

static bool apply(sqlite3 *db, const struct migrations *migrations, size_t version, struct fault *fault)
{
    if (!database_execute(db, "BEGIN IMMEDIATE", fault))
        return false;
    for (size_t i = version; i < migrations->count; i++) {
        if (!apply_one(db, &migrations->list[i], i + 1, fault)) {
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return false;
        }
    }
    if (database_execute(db, "COMMIT", fault))
        return true;
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

static bool migrate(sqlite3 *db, const char *path, const struct migrations *migrations,
                    void (*report)(const char *line), struct fault *fault)
{
    size_t version;
    if (!migrate_read_version(db, path, migrations, &version, fault))
        return false;
    if (version == migrations->count)
        return true;
    bool ready = version == 0 ? prepare_new(db, path, fault) : keep_copy(db, path, version, report, fault);
    if (!ready || !apply(db, migrations, version, fault))
        return false;
    if (version == 0)
        tell(report, "made %s with schema %zu", path, migrations->count);
    else
        tell(report, "%s went from schema %zu to %zu", path, version, migrations->count);
    return true;
}

/* An existing one may be a link to another disk. */
static bool make_if_missing(const char *path, struct fault *fault)
{
    struct stat status;
    if (access(path, F_OK) == 0)
        return true;
    int file = backup_make(path, fault);
    if (file < 0 && errno == EEXIST && lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
        fault_set(fault, "%s is a link to a file that does not exist: make that file, or remove the link",
                  path);
    if (file < 0)
        return false;
    bool made = file_adopt_owner(file, path) ||
                fault_set(fault, "%s: cannot be given to its folder's owner: %s", path, strerror(errno));
    close(file);
    return made;
}

bool migrate_file(const char *path, const struct migrations *migrations, void (*report)(const char *line),
                  struct fault *fault)
{
    if (!make_if_missing(path, fault))
        return false;
    struct store_writer *writer = writer_open(path, fault);
    if (writer == NULL)
        return false;
    bool migrated = migrate(database_of(writer->reader), path, migrations, report, fault);
    writer_close(writer);
    return migrated;
}
