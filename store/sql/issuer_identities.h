/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers by id and root, private to store/. Another CA under an old id is another identity. */
#pragma once

#include "store/store.h"

/* Returns the identity's row, made when it is new. Only inside `apply`. */
[[gnu::warn_unused_result]] enum store_result issuer_identity_id_of(struct store_writer *writer,
                                                                    const char *issuer,
                                                                    const char *root_fingerprint,
                                                                    int64_t *id);
