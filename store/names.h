/* SPDX-License-Identifier: Apache-2.0 */
/* The names of orders and certificates. */
#pragma once

#include "acme/migration.h"
#include "store/store.h"

/* Reads the certificates of all names, without rejected ones, by name and id: the first `max` behind `after`,
 * which is NULL to begin. */
[[gnu::warn_unused_result]] enum store_result store_name_certificates(struct store_reader *reader,
                                                                      struct arena *arena,
                                                                      const struct name_certificate *after,
                                                                      struct name_certificate *out,
                                                                      size_t max, size_t *count);
