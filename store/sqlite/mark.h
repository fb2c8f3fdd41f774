/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest state of the database, in a small file beside it, PATH.mark. It distinguishes a restored copy
 * from the database that was served. Private to store/.
 *
 * The file names the newest committed event, a little late, and itself (inode, time of birth). It is never
 * ahead of the database, and a copy of it is recognized as a copy. It is written without fsync: after a crash
 * an older mark is still true.
 */
#pragma once

#include <stdatomic.h>

#include "store/store.h"

enum { MARKED_SINCE_SCHEMA = 6 };

struct mark {
    int file;              /* -1: none */
    bool was_there;        /* it existed before mark_open */
    int64_t newest_event;  /* from the file; 0 when it has none */
    bool readable, is_own; /* its content can be trusted */
    atomic_bool kept;      /* it may be written */
    int64_t written_ms;    /* belongs to the committer: time of the last write, on the monotonic clock */
    int64_t written_event; /* belongs to the committer */
};

/* Opens or makes the file and reads it. False with `fault` filled. */
[[gnu::warn_unused_result]] bool mark_open(struct mark *mark, const char *path, struct fault *fault);
void mark_close(struct mark *mark);

/* The facts of a database that are compared with the mark. */
struct marked_database {
    size_t schema;          /* before any migration; 0: new */
    int64_t newest_event;   /* 0: none */
    int64_t newest_by_mark; /* newest among those up to the mark's own; 0: none */
};

/*
 * Returns why the database cannot be the one that was served last, as a static sentence; NULL when it can be.
 * That one has the event that the mark names, or lost it to retention with all earlier ones. Later events
 * prove nothing: a command may have added some to a copy.
 */
const char *mark_contradiction(const struct mark *mark, const struct marked_database *database);

/* Writes the mark, whatever it was. A failure is logged, once for each run of failures. */
void mark_write(struct mark *mark, int64_t newest_event);
