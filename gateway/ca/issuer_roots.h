/* SPDX-License-Identifier: Apache-2.0 */
/* Which roots an issuer still needs: the decision is acme/pki/root_rotation.h's. */
#pragma once

#include "gateway/ca/issuer.h"

/*
 * Every certificate that lives must lead to a root that the issuer pins, or it could not be revoked any more.
 * `old_pem`: the roots until now, for the words. Tells a line for each that is missing, in the arena; false
 * when there is one. Reads the database at this path: not on a thread that serves.
 */
[[gnu::warn_unused_result]] bool issuer_roots_check(const char *database, const struct issuer *issuer,
                                                    struct bytes old_pem, struct arena *arena,
                                                    void (*tell)(void *context, const char *line),
                                                    void *context);
