/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"

int backup_make(const char *path, struct fault *fault)
{
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        fault_set(fault, "%s: cannot be made: %s", path, strerror(errno));
    return file;
}

/* Copies all pages in one step, in a read transaction: commits meanwhile neither wait nor restart it. */
bool backup_copy(sqlite3 *from, const char *path, struct fault *fault)
{
    sqlite3 *to = NULL;
    bool copied = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                  sqlite3_exec(to, "PRAGMA synchronous = FULL", NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_backup *backup = copied ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (backup != NULL)
        sqlite3_backup_step(backup, -1);
    copied = backup != NULL && sqlite3_backup_finish(backup) == SQLITE_OK;
    if (!copied)
        database_error(to, path, fault);
    sqlite3_close(to);
    return copied;
}

bool backup_begin(const char *path, struct fault *fault)
{
    unlink(path);
    int file = backup_make(path, fault);
    bool made = file >= 0 && file_adopt_owner(file, path);
    if (file >= 0 && !made)
        fault_set(fault, "%s: cannot be made: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    return made;
}

/* The name is always unique, so that two back-ups to one name do not write to one file. */
static bool begin_beside(const char *to, char unfinished[static PATH_MAX], struct fault *fault)
{
    if (snprintf(unfinished, PATH_MAX, "%s.unfinished-XXXXXX", to) >= PATH_MAX)
        return fault_set(fault, "%.100s…: the path is too long", to);
    int file = mkostemp(unfinished, O_CLOEXEC);
    if (file >= 0) {
        close(file);
        return true;
    }
    return fault_set(fault, "%s: cannot be made: %s", to, strerror(errno));
}

/* Renames, but never over a file. False with errno; EEXIST: a file has that name. NFS cannot rename so, but
 * has links. */
static bool rename_to_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    return (errno == EINVAL || errno == ENOSYS) && link(from, to) == 0 && unlink(from) == 0;
}

static bool finish(const char *unfinished, const char *to, struct fault *fault)
{
    if (!rename_to_new(unfinished, to))
        return fault_set(fault, "%s: cannot be made: %s", to, strerror(errno));
    if (file_sync_directory_of(to))
        return true;
    fault_set(fault, "%s: its folder cannot be written to the disk: %s", to, strerror(errno));
    unlink(to);
    return false;
}

static bool back_up(sqlite3 *from, const char *to, struct fault *fault)
{
    char unfinished[PATH_MAX];
    if (!begin_beside(to, unfinished, fault))
        return false;
    bool kept = backup_copy(from, unfinished, fault) && finish(unfinished, to, fault);
    if (!kept)
        unlink(unfinished);
    return kept;
}

/* A file with the final name is complete: it gets that name last, and never replaces another file. An
 * existing name is still refused before the work. */
bool sqlite_backup(const struct store_location *location, const char *to, struct fault *fault)
{
    struct stat status;
    if (lstat(to, &status) == 0) {
        fault_set(fault, "%s: cannot be made: %s", to, strerror(EEXIST));
        return false;
    }
    struct store_reader *reader = store_reader_open(location, fault);
    bool kept = reader != NULL && back_up(database_of(reader), to, fault);
    store_reader_close(reader);
    return kept;
}
