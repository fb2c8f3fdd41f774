#include "store/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/session.h"

enum { MARK_TEXT_BYTES = 128 };

/* Always of one length, so that a shorter text leaves nothing of a longer one behind. */
#define MARK_FORMAT "acmegate mark 1\ninode %020" PRIu64 "\nevent %020" PRId64 "\n"
#define MARK_SCAN   "acmegate mark 1\ninode %20" SCNu64 "\nevent %20" SCNd64 "\n"

static bool inode_of(int file, uint64_t *inode)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return false;
    *inode = (uint64_t)status.st_ino;
    return true;
}

static void read_mark(struct mark *mark)
{
    char text[MARK_TEXT_BYTES];
    uint64_t inode = 0, own = 0;
    ssize_t n = pread(mark->file, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    mark->readable = sscanf(text, MARK_SCAN, &inode, &mark->newest_event) == 2 && mark->newest_event >= 0;
    mark->is_own = mark->readable && inode_of(mark->file, &own) && inode == own;
}

bool mark_open(struct mark *mark, const char *path, struct store_error *error)
{
    char name[PATH_MAX];
    *mark = (struct mark){.file = -1};
    if (snprintf(name, sizeof name, "%s.mark", path) >= PATH_MAX) {
        store_error_set(error, "%s: the path is too long", path);
        return false;
    }
    mark->file = open(name, O_RDWR | O_CLOEXEC);
    mark->was_there = mark->file >= 0;
    if (mark->file < 0 && errno == ENOENT)
        mark->file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (mark->file < 0) {
        store_error_set(error, "%s: cannot be opened: %s", name, strerror(errno));
        return false;
    }
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

bool mark_contradicts(const struct mark *mark, size_t schema, int64_t newest_event,
                      char why[static MARK_WHY_BYTES])
{
    const char *words = NULL;
    if (!mark->was_there && schema >= MARKED_SINCE_SCHEMA)
        words = "no mark lies beside it";
    else if (mark->was_there && !mark->readable)
        words = "the mark beside it cannot be read";
    else if (mark->was_there && newest_event < mark->newest_event)
        words = "it is older than the mark beside it says";
    else if (mark->was_there && !mark->is_own)
        words = "the mark beside it is a copy itself";
    if (words != NULL)
        snprintf(why, MARK_WHY_BYTES, "%s", words);
    return words != NULL;
}

void mark_write(struct mark *mark, int64_t newest_event)
{
    char text[MARK_TEXT_BYTES];
    uint64_t inode;
    int n = inode_of(mark->file, &inode) ? snprintf(text, sizeof text, MARK_FORMAT, inode, newest_event) : -1;
    bool written = n > 0 && pwrite(mark->file, text, (size_t)n, 0) == n;
    if (!written && mark->written_event >= 0)
        store_log("store: the mark beside the database cannot be written: %s", strerror(errno));
    mark->written_event = written ? newest_event : -1;
}
