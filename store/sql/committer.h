/* SPDX-License-Identifier: Apache-2.0 */
/* The committer thread, private to store/: runs submitted operations in batches on the writer's connection.
 */
#pragma once

#include "acme/base/fault.h"
#include "store/sql/gateways.h"

enum {
    BATCH_MAX_OPERATIONS = 64,
    BATCH_MAX_MS = 50, /* no further operation joins a batch that is this old */
};

struct committer;

/* Starts the thread. With `heartbeat` (NULL: none) it runs that from time to time. It calls `look_after`
 * after the answers of each batch, because nobody waits for that. It takes no ownership: all that it gets
 * must outlive it. NULL with `fault`. */
[[gnu::warn_unused_result]] struct committer *committer_start(
    struct store_writer *writer, void (*look_after)(void *upkeep, struct store_reader *reader), void *upkeep,
    struct heartbeat *heartbeat, struct fault *fault);
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
