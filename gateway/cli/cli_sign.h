/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate sign`: one certificate for a request file, by the issuer of a profile and under its policies. */
#pragma once

#include "acme/pki/csr.h"
#include "gateway/ca/issuer.h"
#include "store/objects.h"

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
    const char *chain_pem; /* leaf and intermediates; NULL when there is no certificate */
    char serial[SERIAL_HEX_BYTES];
    /* in words; NULL when all is well. A certificate that could not be recorded has both */
    const char *problem;
};

/*
 * Asks the issuer and waits. What is asked for is an event before it is asked, and what came of it after: a
 * lost answer shows as a possible orphan. The certificate is checked as one of an order is and stored; one
 * that does not fit is stored to be revoked, and not given out.
 */
void sign_issue(struct sign_request *request, struct sign_result *out);
