/* SPDX-License-Identifier: Apache-2.0 */
#include "store/care.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "store/sql/lock.h"
#include "store/sqlite/backup.h"
#include "store/sqlite/check.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/session.h"

enum { CHUNK_BYTES = 64 * 1024, BYTES_PER_MIB = 1024 * 1024, NAMES_TRIED = 100 };

/* The files of a database; SQLite finds the others by the first one's name. */
static const char *const parts[] = {"", "-wal", "-shm"};
enum { PARTS = sizeof parts / sizeof *parts };

struct name {
    char path[PATH_MAX + 8];
};

static struct name part_of(const char *path, size_t part)
{
    struct name name;
    snprintf(name.path, sizeof name.path, "%s%s", path, parts[part]);
    return name;
}

static void remove_all(const char *path)
{
    for (size_t i = 0; i < PARTS; i++)
        unlink(part_of(path, i).path);
}

/* ---- the copy ---- */

static bool copy_octets(int from, int to)
{
    static char chunk[CHUNK_BYTES];
    ssize_t n;
    while ((n = read(from, chunk, sizeof chunk)) > 0)
        for (ssize_t at = 0, written; at < n; at += written)
            if ((written = write(to, chunk + at, (size_t)(n - at))) < 0)
                return false;
    return n == 0 && fsync(to) == 0;
}

/* Returns the copy's descriptor; -1 with `fault`. */
static int copy_file(const char *from, const char *to, struct fault *fault)
{
    int copy = backup_make(to, fault);
    if (copy < 0)
        return -1;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    bool copied = source >= 0 && copy_octets(source, copy);
    if (!copied)
        fault_set(fault, "%s: cannot be copied: %s", from, strerror(errno));
    if (source >= 0)
        close(source);
    if (copied)
        return copy;
    close(copy);
    return -1;
}

static bool copy_log(const char *from, const char *to, struct fault *fault)
{
    const struct name log = part_of(from, 1);
    if (access(log.path, F_OK) != 0)
        return true;
    int copy = copy_file(log.path, part_of(to, 1).path, fault);
    if (copy >= 0)
        close(copy);
    return copy >= 0;
}

/* Takes the log into the copy. `from` names it in messages. */
static bool check_copy(const char *copy, const char *from, struct fault *fault)
{
    size_t schema = 0;
    struct store_writer *writer = writer_open(copy, fault);
    bool good = writer != NULL &&
                migrate_read_version(database_of(writer->reader), from, &store_migrations, &schema, fault) &&
                (schema != 0 || fault_set(fault, "%s is empty: it is no back-up", from)) &&
                check_database(database_of(writer->reader), from, NULL, fault) &&
                database_execute(database_of(writer->reader), "PRAGMA wal_checkpoint(TRUNCATE)", fault);
    writer_close(writer);
    for (size_t i = 1; i < PARTS; i++)
        unlink(part_of(copy, i).path);
    return good;
}

/* ---- the exchange ---- */

/* Moves the database first: without it, no server starts on what is left (store_was_lost). */
static bool move_away(const char *path, const char *kept, struct fault *fault)
{
    for (size_t i = 0; i < PARTS; i++) {
        const struct name from = part_of(path, i), to = part_of(kept, i);
        if (renameat2(AT_FDCWD, from.path, AT_FDCWD, to.path, RENAME_NOREPLACE) == 0 || errno == ENOENT)
            continue;
        fault_set(fault, "%s cannot be moved to %s: %s", from.path, to.path, strerror(errno));
        while (i-- > 0)
            rename(part_of(kept, i).path, part_of(path, i).path);
        return false;
    }
    return true;
}

static void move_back(const char *path, const char *kept)
{
    for (size_t i = PARTS; i-- > 0;)
        rename(part_of(kept, i).path, part_of(path, i).path);
}

static bool exchange(const char *path, const char *copy, const char *kept, struct fault *fault)
{
    if (!move_away(path, kept, fault))
        return false;
    if (rename(copy, path) == 0 && file_sync_directory_of(path))
        return true;
    fault_set(fault, "%s: the copy cannot take its place: %s", path, strerror(errno));
    move_back(path, kept);
    return false;
}

/* "PATH.replaced-2026-06-01T00:00:00Z", with a number after it when that name is taken. */
static bool name_kept(const char *path, int64_t now, char kept[static PATH_MAX], struct fault *fault)
{
    char stamp[TIME_TEXT_BYTES];
    time_format(stamp, now);
    int n = snprintf(kept, PATH_MAX, "%s.replaced-%s", path, stamp);
    for (int i = 2; n < PATH_MAX && i < NAMES_TRIED && access(kept, F_OK) == 0; i++)
        n = snprintf(kept, PATH_MAX, "%s.replaced-%s-%d", path, stamp, i);
    return n < PATH_MAX || fault_set(fault, "%s: the path is too long", path);
}

static bool is_same_file(const char *path, const struct stat *other)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_dev == other->st_dev && status.st_ino == other->st_ino;
}

static bool is_file(const char *path, const char *from, struct fault *fault)
{
    struct stat status;
    if (stat(from, &status) != 0)
        return fault_set(fault, "%s: %s", from, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fault_set(fault, "%s is not a file", from);
    if (is_same_file(path, &status))
        return fault_set(fault, "%s is the database itself: name a back-up", from);
    return true;
}

/* Octet by octet: the back-up may be on read-only media, where SQLite does not open a database with a log.
 * Root gives the copy away only once it is known to be a database of ours: `from` may be a link to a secret.
 */
static bool make_copy(const char *from, const char *copy, const char *path, struct fault *fault)
{
    int file = copy_file(from, copy, fault);
    bool good = file >= 0 && copy_log(from, copy, fault) && check_copy(copy, from, fault);
    if (good && !file_adopt_owner(file, path))
        good = fault_set(fault, "%s: cannot be given to the owner of %s: %s", copy, path, strerror(errno));
    if (file >= 0)
        close(file);
    return good;
}

static bool restore(const char *path, const char *from, int64_t now, char kept[static PATH_MAX],
                    struct fault *fault)
{
    struct name copy;
    snprintf(copy.path, sizeof copy.path, "%s.new", path);
    remove_all(copy.path);
    bool restored = name_kept(path, now, kept, fault) && make_copy(from, copy.path, path, fault) &&
                    exchange(path, copy.path, kept, fault);
    if (!restored)
        remove_all(copy.path);
    if (access(kept, F_OK) != 0)
        kept[0] = '\0';
    return restored;
}

bool sqlite_restore(const struct store_location *location, const char *from, int64_t now,
                    char kept[static PATH_MAX], struct fault *fault)
{
    const char *path = sqlite_path(location);
    kept[0] = '\0';
    if (!sqlite_place_is_usable(location, fault) || !is_file(path, from, fault))
        return false;
    int lock = lock_take(location, fault);
    bool restored = lock >= 0 && restore(path, from, now, kept, fault);
    if (lock >= 0)
        close(lock);
    return restored;
}

/* ---- vacuum ---- */

static bool has_room(const struct store_location *location, struct fault *fault)
{
    struct store_size size;
    sqlite_read_size(location, &size);
    if (size.free == STORE_SIZE_UNKNOWN || size.free / 2 >= size.data)
        return true;
    return fault_set(fault, "%s: twice its size is needed on the disk, %lld MiB, and %lld MiB are free",
                     sqlite_path(location), (long long)(2 * size.data / BYTES_PER_MIB),
                     (long long)(size.free / BYTES_PER_MIB));
}

static bool vacuum(const char *path, struct fault *fault)
{
    struct store_writer *writer = writer_open(path, fault);
    bool done = writer != NULL &&
                migrate_expect_current(database_of(writer->reader), path, &store_migrations, fault) &&
                database_execute(database_of(writer->reader), "REINDEX; VACUUM", fault) &&
                database_execute(database_of(writer->reader), "PRAGMA wal_checkpoint(TRUNCATE)", fault);
    writer_close(writer);
    return done;
}

bool sqlite_vacuum(const struct store_location *location, struct fault *fault)
{
    if (!sqlite_place_is_usable(location, fault))
        return false;
    if (!sqlite_exists(location))
        return fault_set(fault, "%s: there is no database", sqlite_path(location));
    int lock = lock_take(location, fault);
    bool done = lock >= 0 && has_room(location, fault) && vacuum(sqlite_path(location), fault);
    if (lock >= 0)
        close(lock);
    return done;
}
