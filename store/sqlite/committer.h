/* SPDX-License-Identifier: Apache-2.0 */
/* The committer thread, private to store/: runs submitted operations in batches on the writer's connection.
 */
#pragma once

#include "acme/base/fault.h"
#include "store/sqlite/mark.h"
#include "store/sqlite/session.h"

enum {
    BATCH_MAX_OPERATIONS = 64,
    BATCH_MAX_MS = 50, /* no further operation joins a batch that is this old */
    DISK_EVERY_MS = 60 * 1000,
    MARK_EVERY_MS = 1000, /* the mark is at most this far behind, while there are commits */
};

struct committer;

/* Starts the thread. It takes no ownership: all that it gets must outlive it. NULL with `fault`. */
[[gnu::warn_unused_result]] struct committer *committer_start(const struct store_location *location,
                                                              struct store_writer *writer, struct mark *mark,
                                                              struct fault *fault);
/* Runs the waiting operations, joins the thread and frees. */
void committer_stop(struct committer *committer);

/* Does the work of store_write_now. */
[[gnu::warn_unused_result]] bool writer_write(struct store_writer *writer,
                                              enum store_apply_result (*apply)(void *context,
                                                                               struct store_writer *writer),
                                              void *context, struct fault *fault);

void committer_submit(struct committer *committer, struct store_operation *operation);
/* False since the last batch could not be kept. */
[[gnu::warn_unused_result]] bool committer_keeps_writes(struct committer *committer);
size_t committer_backlog(struct committer *committer);
