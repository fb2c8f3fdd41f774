/* The committer thread, private to store/: runs submitted operations in batches on the writer's connection.
 */
#pragma once

#include "store/session.h"

enum {
    BATCH_MAX_OPERATIONS = 64,
    BATCH_MAX_MS = 50, /* no further operation joins a batch that is this old */
};

struct committer;

/* Takes over nothing: `writer` must outlive it. NULL with `error` filled. */
[[gnu::warn_unused_result]] struct committer *committer_start(struct store_session *writer,
                                                              struct store_error *error);
/* Runs what waits, joins the thread and frees. */
void committer_stop(struct committer *committer);

void committer_submit(struct committer *committer, struct store_operation *operation);
size_t committer_backlog(struct committer *committer);
