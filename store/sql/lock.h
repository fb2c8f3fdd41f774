/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock of the process that serves a database, or replaces it, among the processes of this machine: a file
 * beside the database's file, or in the server's state directory. Private to store/.
 */
#pragma once

#include "store/sql/engine.h"

/* Takes STATE.lock of the location. It ends with the process, however it ends, or when the file is closed;
 * the file stays. -1 with `fault`, which names the process that has it. */
[[gnu::warn_unused_result]] int lock_take(const struct store_location *location, struct fault *fault);

/* The same for a server, whose process lock_holder then tells. */
[[gnu::warn_unused_result]] int lock_take_as_server(const struct store_location *location,
                                                    struct fault *fault);

[[gnu::warn_unused_result]] bool lock_is_held(const struct store_location *location);

/* Does the work of store_server_process. */
[[gnu::warn_unused_result]] int64_t lock_holder(const struct store_location *location);
