/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate signing requests at finalize (RFC 8555 §7.4). */
#pragma once

#include "acme/objects.h"
#include "acme/pki/subject_names.h"

enum { CSR_RSA_MAX_BITS = 8192, CSR_MAX_BYTES = 32 * 1024 };

/*
 * Reads and checks a DER request: one request and nothing after it, signature good and not by a weak hash,
 * key acceptable (acme/jose/public_key.h) and not the account's, names exactly the order's (DNS and IP as
 * sets, a CN among them, case ignored), no e-mail, URI or other names. badCSR says which of these and which
 * name. `out` is the caller's to free.
 */
[[gnu::warn_unused_result]] const struct problem *csr_check(struct arena *arena, struct bytes der,
                                                            const struct identifier *identifiers,
                                                            size_t count, EVP_PKEY *account_key,
                                                            X509_REQ **out);

/*
 * The same for a request whose names are nobody's order: `names` gets them, the common name among the
 * identifiers. What they hold that is no identifier of ours (`foreign`) is badCSR too; that there are none at
 * all is not.
 */
[[gnu::warn_unused_result]] const struct problem *csr_read(struct arena *arena, struct bytes der,
                                                           struct subject_names *names, X509_REQ **out);

/* As public_key_type_name has it; NULL for keys that certificates may not have. */
const char *csr_key_type(X509_REQ *request);

/* badCSR when an accepted request's key is of none of these types; none listed: all are good. */
[[gnu::warn_unused_result]] const struct problem *csr_check_key_type(struct arena *arena, X509_REQ *request,
                                                                     const char *const *types, size_t count);
