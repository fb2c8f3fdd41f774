/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of whoever serves or replaces the database, private to store/. store_is_served asks it. */
#pragma once

#include "acme/base/fault.h"

/* Takes PATH.lock. It ends with the process, however it ends, or when the file is closed; the file stays. -1
 * with `fault`, which names the process that has it. */
[[gnu::warn_unused_result]] int lock_take(const char *path, struct fault *fault);

/* Makes the process of a lock known to store_server_process; the kernel forgets it with the process. Closing
 * any other descriptor of the file in this process would end that, too (fcntl(2)). False with errno. */
[[gnu::warn_unused_result]] bool lock_name_server(int lock);
