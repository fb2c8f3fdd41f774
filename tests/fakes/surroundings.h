/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a program defines when it links the fakes: the network's answers, and the end of a
 * failed run. */
#pragma once

#include "gateway/outbound/outbound.h"

/* Tells the words and ends the process. */
[[gnu::noreturn, gnu::format(printf, 1, 2)]] void verdict(const char *format, ...);

/* ---- answers, for fake_outbound.c: in the arena, given after `delay_ms`, which is 1 unless it is set ----
 */

void world_answer_http(struct arena *arena, const struct outbound_http_request *request,
                       struct outbound_http_reply *reply, int64_t *delay_ms);
void world_answer_tls(struct arena *arena, const struct outbound_tls_request *request,
                      struct outbound_tls_reply *reply, int64_t *delay_ms);
void world_answer_addresses(const char *host, struct outbound_addresses *found, int64_t *delay_ms);
void world_answer_texts(struct arena *arena, const char *name, struct outbound_texts *found,
                        int64_t *delay_ms);
void world_answer_caa(struct arena *arena, const char *name, struct outbound_caa *found, int64_t *delay_ms);
