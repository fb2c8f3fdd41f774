/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals the secrets of the database (AES-256-GCM) with a key in a separate file, so that a copy of the
 * database alone reveals nothing. A sealed secret is bound to its place: it cannot be opened for another
 * place.
 */
#pragma once

#include "acme/base/arena.h"
#include "acme/base/fault.h"

struct secret_box;

/* Reads the key file, or makes one (readable by its owner only) when it is absent. NULL with `fault`. */
[[gnu::warn_unused_result]] struct secret_box *secret_box_open(const char *path, struct fault *fault);

struct config;

/* Returns the path of the key file. */
const char *config_secret_path(struct arena *arena, const struct config *config);

/* A server with this configuration seals or opens something. */
bool config_needs_secrets(const struct config *config);

enum secret_box_use {
    SECRET_BOX_MAKE,       /* makes the key file when it is absent */
    SECRET_BOX_MUST_EXIST, /* something is sealed with it */
};

/* Opens the box of a configuration. */
[[gnu::warn_unused_result]] struct secret_box *config_open_secrets(const struct config *config,
                                                                   enum secret_box_use use,
                                                                   struct fault *fault);

/* Cleanses the key. NULL is ignored. */
void secret_box_free(struct secret_box *box);

/* Seals a secret. `place` names its owner; the same text opens it. False when OpenSSL fails. Any thread. */
[[gnu::warn_unused_result]] bool secret_seal(const struct secret_box *box, struct arena *arena,
                                             struct bytes secret, const char *place, struct bytes *out);

/* False when it was sealed with another key or for another place, or was changed. The arena cleanses it. */
[[gnu::warn_unused_result]] bool secret_unseal(const struct secret_box *box, struct arena *arena,
                                               struct bytes sealed, const char *place, struct bytes *out);
