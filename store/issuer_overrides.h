/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers as the administration wants them, in the place of the file's sections. Functions that write are
 * called only inside `apply`. */
#pragma once

#include "store/store.h"

struct issuer_override {
    const char *issuer;
    struct bytes sealed; /* its section, sealed with a key that is not in the database */
    int64_t changed_at;
    const char *changed_by;
};
/* Reads all overrides, by id. */
[[gnu::warn_unused_result]] enum store_result store_issuer_overrides(struct store_reader *reader,
                                                                     struct arena *arena,
                                                                     struct issuer_override **out,
                                                                     size_t *count);
/* Inserts an override, or replaces the existing one. */
[[gnu::warn_unused_result]] enum store_result store_issuer_override_put(
    struct store_writer *writer, const struct issuer_override *override);
/* Deletes an override. STORE_NOT_FOUND when there is none. */
[[gnu::warn_unused_result]] enum store_result store_issuer_override_delete(struct store_writer *writer,
                                                                           const char *issuer);
