/* SPDX-License-Identifier: Apache-2.0 */
/* The provisioner that let a certificate be signed. step-ca writes it into the certificate as extension
 * 1.3.6.1.4.1.37476.9000.64.1, which a template may leave out. */
#pragma once

#include <openssl/x509.h>

#include "acme/base/arena.h"

struct stepca_signed_by {
    const char *type; /* "JWK", "ACME", "X5C"…; "unknown" for a newer one */
    const char *name;
};

/* Reads the extension. False when it is absent, is broken, or names nobody. The texts are printable and in
 * the arena. */
[[gnu::warn_unused_result]] bool stepca_signed_by(struct arena *arena, const X509 *certificate,
                                                  struct stepca_signed_by *out);
