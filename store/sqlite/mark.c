/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "store/sqlite/session.h"

enum { MARK_TEXT_BYTES = 128, NS_PER_S = 1000000000 };

/* The length is fixed, so that a new text covers the old one completely. */
#define MARK_FORMAT "acmegate mark 1\ninode %020" PRIu64 "\nborn %020" PRId64 "\nevent %020" PRId64 "\n"
#define MARK_SCAN   "acmegate mark 1\ninode %20" SCNu64 "\nborn %20" SCNd64 "\nevent %20" SCNd64 "\n"

/* Ids end here (store_next_id): a larger one is damaged. */
#define EVENT_END (INT64_C(1) << 53)

/* The inode number alone is not enough: the next file gets it when this one is removed. */
struct file_identity {
    uint64_t inode;
    int64_t born_ns; /* 0 when the file system does not record it */
};

static bool identity_of(int file, struct file_identity *out)
{
    struct statx status;
    if (statx(file, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
        return false;
    *out = (struct file_identity){.inode = status.stx_ino};
    if ((status.stx_mask & STATX_BTIME) != 0)
        out->born_ns = status.stx_btime.tv_sec * NS_PER_S + status.stx_btime.tv_nsec;
    return true;
}

/* A newer kernel may report a time of birth that an older one did not. */
static bool is_same(const struct file_identity *one, const struct file_identity *other)
{
    bool both_tell = one->born_ns != 0 && other->born_ns != 0;
    return one->inode == other->inode && (!both_tell || one->born_ns == other->born_ns);
}

static void read_mark(struct mark *mark)
{
    char text[MARK_TEXT_BYTES];
    struct file_identity said = {0}, own = {0};
    ssize_t n = pread(mark->file, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    mark->readable = sscanf(text, MARK_SCAN, &said.inode, &said.born_ns, &mark->newest_event) == 3 &&
                     mark->newest_event >= 0 && mark->newest_event < EVENT_END;
    if (!mark->readable)
        mark->newest_event = 0;
    mark->is_own = mark->readable && identity_of(mark->file, &own) && is_same(&said, &own);
}

bool mark_open(struct mark *mark, const char *path, struct fault *fault)
{
    char name[PATH_MAX];
    *mark = (struct mark){.file = -1};
    if (snprintf(name, sizeof name, "%s.mark", path) >= PATH_MAX)
        return fault_set(fault, "%s: the path is too long", path);
    mark->was_there = access(name, F_OK) == 0;
    mark->file = file_open_own(name, 0);
    if (mark->file < 0)
        return fault_set(fault, "%s: cannot be opened: %s", name, strerror(errno));
    if (mark->was_there)
        read_mark(mark);
    return true;
}

void mark_close(struct mark *mark)
{
    if (mark->file >= 0)
        close(mark->file);
    mark->file = -1;
}

/* An older copy has earlier events only, not the mark's. */
static bool has_marked_event(const struct mark *mark, const struct marked_database *database)
{
    bool gone_with_all_before = database->newest_by_mark == 0 && database->newest_event > mark->newest_event;
    return database->newest_by_mark == mark->newest_event || gone_with_all_before;
}

const char *mark_contradiction(const struct mark *mark, const struct marked_database *database)
{
    if (!mark->was_there && database->schema >= MARKED_SINCE_SCHEMA)
        return "no mark lies beside it";
    if (mark->was_there && !mark->readable)
        return "the mark beside it cannot be read";
    if (mark->was_there && !has_marked_event(mark, database))
        return "it lacks the event that the mark beside it names";
    if (mark->was_there && !mark->is_own)
        return "the mark beside it is a copy itself";
    return NULL;
}

void mark_write(struct mark *mark, int64_t newest_event)
{
    char text[MARK_TEXT_BYTES];
    struct file_identity own;
    int n = identity_of(mark->file, &own)
                ? snprintf(text, sizeof text, MARK_FORMAT, own.inode, own.born_ns, newest_event)
                : -1;
    bool written = n > 0 && pwrite(mark->file, text, (size_t)n, 0) == n;
    if (!written && mark->written_event >= 0)
        store_log("store: the mark beside the database cannot be written: %s", strerror(errno));
    mark->written_event = written ? newest_event : -1;
}
