/* SPDX-License-Identifier: Apache-2.0 */
/* The fault of a JOSE object, in the classes that ACME answers differently. */
#pragma once

enum jose_error_code {
    JOSE_OK,
    JOSE_MALFORMED,             /* not a JWS/JWK/JWE of the accepted form */
    JOSE_UNSUPPORTED_ALGORITHM, /* well-formed, but the algorithm is not in the table or not for this key */
    JOSE_BAD_KEY,               /* a key that is unsupported, weak or not on its curve */
    JOSE_BAD_SIGNATURE,         /* the signature does not verify */
    JOSE_WRONG_PASSWORD,        /* a JWE that does not open */
};

struct jose_error {
    enum jose_error_code code;
    const char *detail; /* a sentence for the client or operator, static or in the caller's arena */
};
