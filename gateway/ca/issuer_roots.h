/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the roots that an issuer still needs. acme/pki/root_rotation.h decides. */
#pragma once

#include "gateway/ca/issuer.h"
#include "store/location.h"

/*
 * Every live certificate must lead to a root that the issuer pins; otherwise it could not be revoked.
 * `old_pem`: the roots until now, for the messages. Reports a line for each missing root, in the arena; false
 * when one is missing. It opens the database by itself: not on a thread that serves.
 */
[[gnu::warn_unused_result]] bool issuer_roots_check(const struct store_location *location,
                                                    const struct issuer *issuer, struct bytes old_pem,
                                                    struct arena *arena,
                                                    void (*tell)(void *context, const char *line),
                                                    void *context);
