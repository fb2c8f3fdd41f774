/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing what the database keeps secret (AES-256-GCM) with a key in a file of its own, so that a copy of the
 * database alone gives nothing away. What is sealed is bound to its place: it does not open in another's.
 */
#pragma once

#include "acme/base/arena.h"
#include "acme/base/fault.h"

struct secret_box;

/* Reads the key file, or makes one (readable by its owner alone) when there is none. NULL with `fault`
 * filled.
 */
[[gnu::warn_unused_result]] struct secret_box *secret_box_open(const char *path, struct fault *fault);

struct config;

/* Where its key file lies. */
const char *config_secret_path(struct arena *arena, const struct config *config);

/* A server with this configuration seals or opens something. */
bool config_needs_secrets(const struct config *config);

enum secret_box_use {
    SECRET_BOX_MAKE,       /* when there is none yet */
    SECRET_BOX_MUST_EXIST, /* something is sealed with it */
};

/* That of a configuration. */
[[gnu::warn_unused_result]] struct secret_box *config_open_secrets(const struct config *config,
                                                                   enum secret_box_use use,
                                                                   struct fault *fault);

/* Cleanses the key. NULL is ignored. */
void secret_box_free(struct secret_box *box);

/* `place` says what it belongs to; the same text opens it. False when OpenSSL fails. Any thread. */
[[gnu::warn_unused_result]] bool secret_seal(const struct secret_box *box, struct arena *arena,
                                             struct bytes secret, const char *place, struct bytes *out);

/* False when it was sealed with another key or for another place, or was changed. The arena cleanses it. */
[[gnu::warn_unused_result]] bool secret_unseal(const struct secret_box *box, struct arena *arena,
                                               struct bytes sealed, const char *place, struct bytes *out);
