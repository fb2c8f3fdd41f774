/* SPDX-License-Identifier: Apache-2.0 */
/* The committer's work beside its batches: the mark, and a look at the disk. Private to store/. */
#pragma once

#include "store/sqlite/mark.h"
#include "store/sqlite/session.h"

enum {
    DISK_EVERY_MS = 60 * 1000,
    MARK_EVERY_MS = 1000, /* the mark is at most this far behind, while there are commits */
};

/* Belongs to the committer's thread while that runs, except mark.kept. */
struct upkeep {
    const struct store_location *location;
    struct mark mark;
    int64_t disk_due_ms;
    bool disk_is_low;
};

/* For committer_start: writes the mark and looks at the disk, when their times have come. */
void upkeep_look_after(void *upkeep, struct store_reader *reader);
