/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the roots that an issuer still needs. acme/pki/root_rotation.h decides. */
#pragma once

#include "gateway/ca/issuer.h"
#include "store/location.h"

enum issuer_roots {
    ISSUER_ROOTS_SUFFICE,
    ISSUER_ROOTS_MISSING,
    ISSUER_ROOTS_UNKNOWN, /* the database cannot be read */
};

/*
 * Every live certificate must lead to a root that the issuer pins; otherwise it could not be revoked.
 * `old_pem`: the roots until now, for the messages. Reports a line for each missing root, or why none is
 * known, in the arena. It opens the database by itself: not on a thread that serves.
 */
[[gnu::warn_unused_result]] enum issuer_roots issuer_roots_check(
    const struct store_location *location, const struct issuer *issuer, struct bytes old_pem,
    struct arena *arena, void (*tell)(void *context, const char *line), void *context);
