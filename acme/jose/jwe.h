/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens password-protected JWEs (RFC 7516, PBES2 of RFC 7518 §4.8). step-ca keeps provisioner keys in this
 * form. It reads compact and flattened JSON; PBES2-HS256+A128KW, -HS384+A192KW, -HS512+A256KW; A128GCM,
 * A256GCM, A128CBC-HS256, A256CBC-HS512. A p2c over 1,000,000 is refused: a stranger's file would choose how
 * much work we do.
 */
#pragma once

#include "acme/base/json.h"
#include "acme/jose/jose_error.h"

/* True when the text looks like a JWE in either form, so that callers can say "a password is needed". */
bool jwe_recognize(struct bytes text);

/*
 * Decrypts the JWE. It takes hundreds of milliseconds (PBKDF2): call it off the loops. The plaintext is
 * cleansed with the arena. JOSE_WRONG_PASSWORD when the password does not open it, otherwise JOSE_MALFORMED
 * or JOSE_UNSUPPORTED_ALGORITHM.
 */
[[gnu::warn_unused_result]] bool jwe_decrypt(struct arena *arena, struct bytes text, struct bytes password,
                                             struct bytes *plaintext, struct jose_error *error);
