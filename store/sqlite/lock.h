/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of whoever serves or replaces the database, private to store/. store_is_served asks it. */
#pragma once

#include "acme/base/fault.h"

/* Takes PATH.lock. It ends with the process, however it ends, or when the file is closed; the file stays. -1
 * with `fault`, which names the process that has it. */
[[gnu::warn_unused_result]] int lock_take(const char *path, struct fault *fault);
