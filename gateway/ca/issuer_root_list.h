/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the pinned roots with those that the CA lists (GET /roots). A root is never trusted because the CA
 * lists it: the operator is informed, and pins it.
 */
#pragma once

#include "acme/base/arena.h"

enum { ISSUER_ROOTS_TOLD = 4, ISSUER_FINGERPRINT_BYTES = 65 };

struct issuer_root_list {
    size_t count;
    size_t told; /* the first ones of them, as lower-case hexadecimal SHA-256 */
    char fingerprint[ISSUER_ROOTS_TOLD][ISSUER_FINGERPRINT_BYTES];
};

struct issuer_root_differences {
    bool known;                       /* false: the CA has not been asked yet, or has no list */
    struct issuer_root_list unpinned; /* it lists them, they are not pinned */
    struct issuer_root_list unlisted; /* they are pinned, it does not list them (any more) */
};

/* Both as DER. */
void issuer_root_list_compare(struct arena *arena, const struct bytes *pinned, size_t pinned_count,
                              const struct bytes *listed, size_t listed_count,
                              struct issuer_root_differences *out);

bool issuer_root_differences_are_same(const struct issuer_root_differences *a,
                                      const struct issuer_root_differences *b);
