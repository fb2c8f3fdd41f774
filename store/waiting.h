/* SPDX-License-Identifier: Apache-2.0 */
/* How much work waits or is open, for operators. None reads more than that. */
#pragma once

#include "store/store.h"

/* Counts a profile's orders in processing. `oldest` is the time since which the oldest has been so (0:
 * none). */
[[gnu::warn_unused_result]] enum store_result store_orders_waiting(struct store_reader *reader,
                                                                   const char *profile, int64_t *count,
                                                                   int64_t *oldest);
/* Counts authorizations whose challenge is processing. */
[[gnu::warn_unused_result]] enum store_result store_validations_waiting(struct store_reader *reader,
                                                                        int64_t *count);
/* Counts requested, unconfirmed revocations of an issuer's certificates, with any root. */
[[gnu::warn_unused_result]] enum store_result store_revocations_waiting(struct store_reader *reader,
                                                                        const char *issuer, int64_t *count);
/* Counts attempts at an issuer with an unknown outcome. */
[[gnu::warn_unused_result]] enum store_result store_attempts_unknown(struct store_reader *reader,
                                                                     const char *issuer, int64_t *count);
