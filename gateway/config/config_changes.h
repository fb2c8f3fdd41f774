/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration that was read anew beside the one that serves. Each key of the table (config_keys.c) says
 * whether a change of it serves at once or waits for a restart; so do sections that were added or removed.
 *
 * What serves is one value that never changes: a change publishes another one. A part of the server keeps the
 * pointer that it was given at the start, and gets the newest with config_now(), without a lock.
 */
#pragma once

#include "gateway/config/config.h"

struct config_change {
    const char *path;    /* of a key, or of a section that was added or removed */
    const char *section; /* the name of the issuer, profile or endpoint; NULL for a key of the top */
    bool is_issuer;
    bool at_once; /* false: a restart takes it in */
};

struct config_changes {
    struct config_change *items;
    size_t count;
};

/*
 * The running configuration with all of `fresh` that can serve at once. It borrows from both. Every
 * difference stands in `changes`. NULL with `why` (in the arena) where what serves at once does not fit what
 * waits.
 */
[[gnu::warn_unused_result]] const struct config *config_take(struct arena *arena,
                                                             const struct config *running,
                                                             const struct config *fresh,
                                                             struct config_changes *changes,
                                                             const char **why);

/* From here on config_now() of `running` gives `next`, which lives as long as whoever asks. Any thread. */
void config_publish(const struct config *running, const struct config *next);
