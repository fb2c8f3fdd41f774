/* SPDX-License-Identifier: Apache-2.0 */
/* The revocation list of each issuer. Functions that write are called only inside `apply`. */
#pragma once

#include "store/store.h"

struct revocation_list_row {
    const char *issuer;
    const char *root_fingerprint;
    int64_t fetched_at;
    int64_t next_update;
    struct bytes crl;       /* DER */
    struct bytes chain_pem; /* the certificate that signed it, and the chain above it */
};
/* Reads the lists under this issuer's id, with any first root. The one fetched last comes first. */
[[gnu::warn_unused_result]] enum store_result store_revocation_lists_load(struct store_reader *reader,
                                                                          struct arena *arena,
                                                                          const char *issuer,
                                                                          struct revocation_list_row **out,
                                                                          size_t *count);
/* Replaces the previous list. */
[[gnu::warn_unused_result]] enum store_result store_revocation_list_save(
    struct store_writer *writer, const struct revocation_list_row *row);
