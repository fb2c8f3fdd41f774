/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers by id and root, private to store/. Another CA under an old id is another identity. */
#pragma once

#include "store/store.h"

/* The id of an identity that was noted, in a statement with these two parameters. */
#define ISSUER_IDENTITY_ID \
    "(SELECT id FROM issuer_identities WHERE issuer = $issuer AND root_fingerprint = $root_fingerprint)"

/* Makes the identity's row when it is new. Only inside `apply`. */
[[gnu::warn_unused_result]] enum store_result issuer_identity_note(struct store_writer *writer,
                                                                   const char *issuer,
                                                                   const char *root_fingerprint);
