/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateways of one database seal with one key: what one has sealed, each must open. A gateway leaves a
 * text that it has sealed (store/gateways.h), and the others try theirs on it.
 */
#pragma once

#include "gateway/config/config.h"
#include "gateway/keys/secret_box.h"
#include "store/gateways.h"

/* False with `fault`, which says what to do, when a gateway that serves seals with another key. `box` is NULL
 * when there is no key file. */
[[gnu::warn_unused_result]] bool shared_key_check(struct store_reader *reader, const struct config *config,
                                                  const struct secret_box *box, struct fault *fault);

/* Opens the box of a configuration. Makes the key file when it is absent, and no other gateway has one. NULL
 * with `fault`. */
[[gnu::warn_unused_result]] struct secret_box *shared_key_open(struct store_reader *reader,
                                                               const struct config *config,
                                                               struct fault *fault);

/* The same for a server, which then leaves its text, where the database may have several. It waits for the
 * committer. */
[[gnu::warn_unused_result]] struct secret_box *shared_key_join(struct store *store,
                                                               const struct store_location *location,
                                                               const struct config *config,
                                                               struct fault *fault);
