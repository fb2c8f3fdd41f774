/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate signing requests at finalize (RFC 8555 §7.4). */
#pragma once

#include "acme/objects.h"
#include "acme/pki/subject_names.h"

enum { CSR_RSA_MAX_BITS = 8192, CSR_MAX_BYTES = 32 * 1024 };

/*
 * Reads and checks a DER request: one request and nothing after it, a good signature without a weak hash, an
 * acceptable key (acme/jose/public_key.h) that is not the account's. The names are exactly the order's (DNS
 * and IP as sets, a CN among them, case ignored), without e-mail, URI or other names. badCSR states the fault
 * and the name. The caller frees `out`.
 */
[[gnu::warn_unused_result]] const struct problem *csr_check(struct arena *arena, struct bytes der,
                                                            const struct identifier *identifiers,
                                                            size_t count, EVP_PKEY *account_key,
                                                            X509_REQ **out);

/*
 * Reads and checks a request that belongs to no order. `names` gets its names, the common name among the
 * identifiers. A name that is not a DNS name or an IP address (`foreign`) is badCSR too. A request without
 * names is accepted.
 */
[[gnu::warn_unused_result]] const struct problem *csr_read(struct arena *arena, struct bytes der,
                                                           struct subject_names *names, X509_REQ **out);

/* Returns the name of the key's type as public_key_type_name does; NULL for keys that certificates may not
 * have. */
const char *csr_key_type(X509_REQ *request);

/* Refuses with badCSR when the key of an accepted request has none of these types. An empty list allows
 * all. */
[[gnu::warn_unused_result]] const struct problem *csr_check_key_type(struct arena *arena, X509_REQ *request,
                                                                     const char *const *types, size_t count);
