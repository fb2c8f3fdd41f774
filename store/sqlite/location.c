/* SPDX-License-Identifier: Apache-2.0 */
#include "store/location.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/sqlite/session.h"

const struct store_location *store_location_new(struct arena *arena, const char *database)
{
    struct store_location *location = arena_alloc(arena, sizeof *location);
    location->path = arena_duplicate(arena, database);
    location->log_path = arena_printf(arena, "%s-wal", database);
    return location;
}

const char *store_location_text(const struct store_location *location)
{
    return location->path;
}

bool store_exists(const struct store_location *location)
{
    return access(location->path, F_OK) == 0;
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

void store_read_size(const struct store_location *location, struct store_size *out)
{
    *out = (struct store_size){.data = file_size(location->path),
                               .log = file_size(location->log_path),
                               .free = free_bytes(location->path)};
}
