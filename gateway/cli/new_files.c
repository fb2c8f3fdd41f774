/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/new_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"

struct new_file {
    struct new_file *next;
    const char *path;
    char *temporary; /* NULL: it is a folder */
    bool is_there;   /* under its own name */
};

void new_files_init(struct new_files *files, struct arena *arena, const char *service_user)
{
    *files = (struct new_files){.arena = arena};
    files->last = &files->first;
    const struct passwd *user = geteuid() == 0 ? getpwnam(service_user) : NULL;
    if (user == NULL)
        return;
    files->has_service = true;
    files->user = user->pw_uid;
    files->group = user->pw_gid;
}

static struct new_file *remember(struct new_files *files, const char *path)
{
    struct new_file *file = arena_alloc(files->arena, sizeof *file);
    file->path = path;
    *files->last = file;
    files->last = &file->next;
    return file;
}

static mode_t mode_of(const struct new_files *files, enum new_file_access access)
{
    switch (access) {
    case NEW_FILE_PUBLIC:
        return 0644;
    case NEW_FILE_OF_SERVICE:
        return files->has_service ? 0640 : 0600;
    case NEW_FILE_SECRET:
        break;
    }
    return 0600;
}

static uid_t owner_of(const struct new_files *files, enum new_file_access access)
{
    return access == NEW_FILE_SECRET ? files->user : 0;
}

/* Search goes with read. */
static mode_t folder_mode(mode_t mode)
{
    return mode | (mode & 0444) >> 2;
}

bool new_files_add_folder(struct new_files *files, const char *path, enum new_file_access access,
                          struct fault *fault)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return true;
    if (mkdir(path, 0700) != 0)
        return fault_set(fault, "the folder %s cannot be made: %s", path, strerror(errno));
    remember(files, path)->is_there = true;
    if ((files->has_service && chown(path, owner_of(files, access), files->group) != 0) ||
        chmod(path, folder_mode(mode_of(files, access))) != 0)
        return fault_set(fault, "the folder %s cannot be given to the service: %s", path, strerror(errno));
    return true;
}

/* Syncs: a set that is kept survives a loss of power. */
static bool write_text(int fd, struct bytes text)
{
    while (text.n != 0) {
        ssize_t written = write(fd, text.p, text.n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text = bytes_of(text.p + written, text.n - (size_t)written);
    }
    return fsync(fd) == 0;
}

bool new_files_add(struct new_files *files, const char *path, struct bytes text, enum new_file_access access,
                   struct fault *fault)
{
    char *temporary = arena_printf(files->arena, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd == -1)
        return fault_set(fault, "%s cannot be made: %s", path, strerror(errno));
    remember(files, path)->temporary = temporary;
    bool good = fchmod(fd, mode_of(files, access)) == 0 &&
                (!files->has_service || fchown(fd, owner_of(files, access), files->group) == 0) &&
                write_text(fd, text);
    int saved = errno;
    close(fd);
    return good || fault_set(fault, "%s cannot be written: %s", path, strerror(saved));
}

static bool link_all(struct new_files *files, struct fault *fault)
{
    for (struct new_file *file = files->first; file != NULL; file = file->next) {
        if (file->temporary == NULL)
            continue;
        if (link(file->temporary, file->path) != 0)
            return errno == EEXIST ? fault_set(fault, "%s exists already, and is not replaced", file->path)
                                   : fault_set(fault, "%s cannot be made: %s", file->path, strerror(errno));
        file->is_there = true;
        if (!file_sync_directory_of(file->path))
            return fault_set(fault, "the folder of %s cannot be synced: %s", file->path, strerror(errno));
    }
    return true;
}

bool new_files_keep(struct new_files *files, struct fault *fault)
{
    if (!link_all(files, fault)) {
        new_files_drop(files);
        return false;
    }
    for (struct new_file *file = files->first; file != NULL; file = file->next)
        if (file->temporary != NULL)
            unlink(file->temporary);
    files->first = NULL;
    files->last = &files->first;
    return true;
}

/* Folders stand before the files in them: the last goes first. */
static void drop_from(const struct new_file *file)
{
    if (file == NULL)
        return;
    drop_from(file->next);
    if (file->temporary == NULL) {
        rmdir(file->path);
        return;
    }
    unlink(file->temporary);
    if (file->is_there)
        unlink(file->path);
}

void new_files_drop(struct new_files *files)
{
    drop_from(files->first);
    files->first = NULL;
    files->last = &files->first;
}
