/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the database had come, in a small file beside it, PATH.mark: so that a copy that was put back is
 * told from the database that was served. Private to store/.
 *
 * The file names the newest event that was committed, a little late, and itself (inode, time of birth): it is
 * never ahead of the database, and a copy of it knows that it is one. It is written without fsync; after a
 * crash an older mark is a true one.
 */
#pragma once

#include <stdatomic.h>

#include "store/store.h"

enum { MARKED_SINCE_SCHEMA = 6 };

struct mark {
    int file;              /* -1: there is none */
    bool was_there;        /* before mark_open */
    int64_t newest_event;  /* as the file says; 0 when it says nothing */
    bool readable, is_own; /* what it says can be trusted */
    atomic_bool kept;      /* it may be written */
    int64_t written_ms;    /* the committer's: when, by the monotonic clock */
    int64_t written_event; /* the committer's */
};

/* Opens or makes the file and reads it. False with `fault` filled. */
[[gnu::warn_unused_result]] bool mark_open(struct mark *mark, const char *path, struct fault *fault);
void mark_close(struct mark *mark);

/* What a database says of itself. */
struct marked_database {
    size_t schema;          /* before any migration; 0: new */
    int64_t newest_event;   /* 0: none */
    int64_t newest_by_mark; /* among those up to the mark's own; 0: none */
};

/*
 * Why the database cannot be the one that was served last: a sentence (static). NULL when it can. It has the
 * very event that the mark names, or lost it to retention, with all that came before. That it has later ones
 * tells nothing: a command may have added some to a copy.
 */
const char *mark_contradiction(const struct mark *mark, const struct marked_database *database);

/* Writes it, whatever it said. A failure is logged, once for each run of failures. */
void mark_write(struct mark *mark, int64_t newest_event);
