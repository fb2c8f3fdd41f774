/* SPDX-License-Identifier: Apache-2.0 */
/* One look-up on the outbound thread, which the test waits for. What it found belongs to the arena. */
#pragma once

#include "gateway/outbound/outbound.h"

struct outbound_addresses dns_look_up_addresses(struct outbound *outbound, struct arena *arena,
                                                const char *host, int64_t timeout_ms);
struct outbound_texts dns_look_up_texts(struct outbound *outbound, struct arena *arena, const char *name,
                                        int64_t timeout_ms);
struct outbound_caa dns_look_up_caa(struct outbound *outbound, struct arena *arena, const char *name,
                                    int64_t timeout_ms);
/* Returns their number. */
size_t dns_look_up_servers(struct outbound *outbound, struct arena *arena, const char *name,
                           int64_t timeout_ms, struct outbound_server_report **reports);
