/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares a newly read configuration with the one that serves. Each key of the table (config_keys.c) says
 * whether a change of it takes effect at once or at a restart. Profiles, endpoints and issuers are added at
 * once, profiles and endpoints removed at once. A removed issuer stays until a restart: its certificates may
 * have to be revoked.
 *
 * A configuration that serves never changes: a change publishes another one. A part of the server keeps the
 * pointer that it got at the start, and gets the newest with config_now(), without a lock.
 */
#pragma once

#include "gateway/config/config.h"

enum config_change_kind { CONFIG_KEY_CHANGED, CONFIG_SECTION_ADDED, CONFIG_SECTION_REMOVED };

struct config_change {
    enum config_change_kind kind;
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
 * Returns the running configuration with every part of `fresh` that can take effect at once. It borrows from
 * both. `changes` has every difference. NULL with `fault` when the parts that take effect at
 * once do not fit those that wait.
 */
[[gnu::warn_unused_result]] const struct config *config_take(struct arena *arena,
                                                             const struct config *running,
                                                             const struct config *fresh,
                                                             struct config_changes *changes,
                                                             struct fault *fault);

/* Publishes `next`: config_now() of `running` returns it from now on. It must live as long as any caller. Any
 * thread. */
void config_publish(const struct config *running, const struct config *next);
