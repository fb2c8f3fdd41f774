/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/sqlite/session.h"

struct store_location *sqlite_locate(struct arena *arena, const struct store_place *place)
{
    struct sqlite_location *own = arena_alloc(arena, sizeof *own);
    const char *path = arena_duplicate(arena, place->text);
    own->location =
        (struct store_location){.engine = &sqlite_engine, .text = path, .address = path, .state = path};
    own->log_path = arena_printf(arena, "%s-wal", path);
    return &own->location;
}

bool sqlite_exists(const struct store_location *location)
{
    return access(sqlite_path(location), F_OK) == 0;
}

static int64_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : STORE_SIZE_UNKNOWN;
}

/* The file may not be there yet: its folder then tells. */
static int64_t free_bytes(const char *path)
{
    struct statvfs disk;
    char folder[PATH_MAX];
    store_folder_of(path, folder);
    return statvfs(folder, &disk) == 0 ? (int64_t)disk.f_bavail * (int64_t)disk.f_frsize : STORE_SIZE_UNKNOWN;
}

void sqlite_read_size(const struct store_location *location, struct store_size *out)
{
    *out = (struct store_size){.data = file_size(sqlite_path(location)),
                               .log = file_size(((const struct sqlite_location *)location)->log_path),
                               .free = free_bytes(sqlite_path(location))};
}
