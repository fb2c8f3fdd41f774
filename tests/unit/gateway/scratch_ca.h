/* SPDX-License-Identifier: Apache-2.0 */
/* A local CA in a directory of its own. */
#pragma once

#include "gateway/ca/local/local_ca.h"
#include "local_files.h"

/* 2027-01-15T08:00:00Z. */
enum { NOW = 1800000000, YEAR_S = 365 * 24 * 3600 };

struct scratch_ca {
    struct arena *arena;
    const char *directory;
    struct local_ca *ca;
};

/* The CA of a directory at NOW; NULL with `fault`. */
struct local_ca *scratch_ca_open(const char *directory, struct fault *fault);

struct scratch_ca scratch_ca_make(void);
/* Removes its directory too. */
void scratch_ca_drop(struct scratch_ca *made);
/* As a restart does. */
void scratch_ca_reopen(struct scratch_ca *made);

/* The leaf that it signs with no wishes about its validity; the caller frees it. */
X509 *scratch_ca_sign(struct scratch_ca *ca, X509_REQ *csr, struct local_ca_chain *chain);

/* The caller frees it. */
X509 *scratch_certificate(struct bytes der);
int64_t scratch_time(const ASN1_TIME *time);
