/* SPDX-License-Identifier: Apache-2.0 */
/* The room that is left on every disk, as statvfs(3) tells it to this program. */
#pragma once

#include <stdint.h>

/* From now on `bytes` are left; -1: what is true. */
void disk_leave(int64_t bytes);
