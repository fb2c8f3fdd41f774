/* SPDX-License-Identifier: Apache-2.0 */
/* The outbound thread of a test. */
#pragma once

#include "gateway/outbound/outbound.h"

/* NULL-terminated, as in struct outbound_config; NULL: the system's. */
struct outbound *outbound_thread_start(const char *const *resolvers);
void outbound_thread_stop(struct outbound *outbound);
