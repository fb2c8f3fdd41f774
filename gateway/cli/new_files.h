/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New files that come into being together, or not at all. Each is written beside its place under another
 * name. new_files_keep then links all of them; it never overwrites. Until then, new_files_drop removes every
 * trace, and also after a failure.
 */
#pragma once

#include <sys/types.h>

#include "acme/base/arena.h"
#include "acme/base/fault.h"

/* Who may read a file or folder. A system user of the service matters only when root makes the files. */
enum new_file_access {
    NEW_FILE_PUBLIC,     /* everybody: 0644 */
    NEW_FILE_OF_SERVICE, /* root writes it and the service's group reads it: 0640; without a service 0600 */
    NEW_FILE_SECRET,     /* the service's user alone: 0600 */
};

struct new_file;

struct new_files {
    struct arena *arena;
    bool has_service; /* the next two are its */
    uid_t user;
    gid_t group;
    struct new_file *first, **last;
};

/* Sets `files` for a process that makes them: root looks for the system user of this name. */
void new_files_init(struct new_files *files, struct arena *arena, const char *service_user);

/* Makes the folder if it does not exist; its own folder must. One of the service's user: `access` is
 * NEW_FILE_SECRET, else the service's group may only read in it. False with a sentence. */
[[gnu::warn_unused_result]] bool new_files_add_folder(struct new_files *files, const char *path,
                                                      enum new_file_access access, struct fault *fault);

/* Writes the text under another name in the folder of `path`. False with a sentence. */
[[gnu::warn_unused_result]] bool new_files_add(struct new_files *files, const char *path, struct bytes text,
                                               enum new_file_access access, struct fault *fault);

/* Puts all in their places, in the order in which they were added. False with a sentence: one exists
 * already, for example, and none is left. */
[[gnu::warn_unused_result]] bool new_files_keep(struct new_files *files, struct fault *fault);

/* Removes what was made and not kept. */
void new_files_drop(struct new_files *files);
