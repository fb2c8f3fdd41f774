/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate sign`: one certificate for a request file, by the issuer of a profile and under its policies. */
#pragma once

#include "acme/pki/csr.h"
#include "gateway/ca/issuer.h"

struct sign_request {
    struct arena *arena;
    const struct config *config;
    const struct profile_config *profile;
    const struct endpoint_config *endpoint; /* NULL: none was named */
    X509_REQ *csr;
    struct bytes csr_der;
    struct subject_names names;
};

struct sign_result {
    const char *chain_pem; /* leaf and intermediates; NULL: no certificate is given out */
    char serial[SERIAL_HEX_BYTES];
    int64_t not_before, not_after; /* as the CA wrote them */
    /* a sentence; NULL: none. A certificate that could not be recorded has both */
    const char *problem;
};

/*
 * Asks the issuer and waits. Writes an event before it asks and another with the answer: a lost answer shows
 * as a possible orphan. Checks and stores the certificate as an order's; one that fails the check is stored
 * to be revoked, and is not given out.
 */
void sign_issue(struct sign_request *request, struct sign_result *out);
