/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/session.h"

enum { USER_BYTES = 64 };

static const char *user_name(uid_t user, char out[static USER_BYTES])
{
    char text[1024];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(user, &entry, text, sizeof text, &found) == 0 && found != NULL)
        snprintf(out, USER_BYTES, "%s", entry.pw_name);
    else
        snprintf(out, USER_BYTES, "user %ld", (long)user);
    return out;
}

void store_folder_of(const char *path, char out[static PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(out, PATH_MAX, "%.*s",
             slash == NULL   ? 1
             : slash == path ? 1
                             : (int)(slash - path),
             slash == NULL ? "." : path);
}

/* Reports why `what` of the database cannot be used, by `errno`. */
static bool refuse(const char *path, const char *what, struct fault *fault)
{
    char owner[USER_BYTES], us[USER_BYTES];
    struct stat status;
    int number = errno;
    if (number == EACCES && stat(what, &status) == 0)
        fault_set(fault,
                  "%s: %s belongs to %s, and acmegate runs as %s, which may not write it: run it as "
                  "the owner, or put the database into a folder of %s alone",
                  path, what, user_name(status.st_uid, owner), user_name(geteuid(), us), us);
    else if (number == EROFS)
        fault_set(fault,
                  "%s: %s is on a file system that is mounted read-only: mount it writable, "
                  "or put `database` elsewhere",
                  path, what);
    else
        fault_set(fault, "%s: %s cannot be used: %s", path, what, strerror(number));
    return false;
}

bool sqlite_place_is_usable(const struct store_location *location, struct fault *fault)
{
    const char *path = sqlite_path(location);
    static const char *const beside[] = {"", "-wal", "-shm", ".lock", ".mark"};
    char name[PATH_MAX];
    if (strlen(path) + sizeof ".schema-999.unfinished" >= PATH_MAX)
        return fault_set(fault, "%.100s…: the path is too long", path);
    store_folder_of(path, name);
    if (access(name, F_OK) != 0 && errno == ENOENT)
        return fault_set(fault, "%s: its folder %s does not exist: make it, for the user that serves", path,
                         name);
    if (access(name, R_OK | W_OK | X_OK) != 0)
        return refuse(path, name, fault);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        snprintf(name, sizeof name, "%s%s", path, beside[i]);
        if (access(name, R_OK | W_OK) != 0 && errno != ENOENT)
            return refuse(path, name, fault);
    }
    return true;
}
