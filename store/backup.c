#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/file.h"

bool backup_create_private(const char *path, int flags, struct store_error *error)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);
    if (file >= 0) {
        close(file);
        return true;
    }
    store_error_set(error, "%s: cannot be made: %s", path, strerror(errno));
    return false;
}

/* All pages in one step: a read transaction, so that what is committed meanwhile neither waits nor starts it
 * over. */
bool backup_copy(sqlite3 *from, const char *path, struct store_error *error)
{
    sqlite3 *to = NULL;
    bool copied = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                  sqlite3_exec(to, "PRAGMA synchronous = FULL", NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_backup *backup = copied ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (backup != NULL)
        sqlite3_backup_step(backup, -1);
    copied = backup != NULL && sqlite3_backup_finish(backup) == SQLITE_OK;
    if (!copied)
        database_error(to, path, error);
    sqlite3_close(to);
    return copied;
}

static bool copy_under_two_names(sqlite3 *from, const char *unfinished, const char *path,
                                 struct store_error *error)
{
    if (!backup_create_private(unfinished, O_TRUNC, error))
        return false;
    if (!backup_copy(from, unfinished, error)) {
        unlink(unfinished);
        return false;
    }
    if (rename(unfinished, path) != 0) {
        store_error_set(error, "%s: cannot be renamed to %s: %s", unfinished, path, strerror(errno));
        unlink(unfinished);
        return false;
    }
    if (file_sync_directory_of(path))
        return true;
    store_error_set(error, "%s: its folder cannot be written to the disk: %s", path, strerror(errno));
    return false;
}

/* The final name is taken first, so that no other file is ever replaced, and gets its content in one rename.
 */
bool store_backup(const char *path, const char *to, struct store_error *error)
{
    char unfinished[PATH_MAX];
    if (snprintf(unfinished, sizeof unfinished, "%s.unfinished", to) >= PATH_MAX) {
        store_error_set(error, "%s: the path is too long", to);
        return false;
    }
    struct store_session *session = store_session_open(path, error);
    if (session == NULL)
        return false;
    bool kept = false;
    if (backup_create_private(to, O_EXCL, error)) {
        kept = copy_under_two_names(session->db, unfinished, to, error);
        if (!kept)
            unlink(to);
    }
    store_session_close(session);
    return kept;
}
