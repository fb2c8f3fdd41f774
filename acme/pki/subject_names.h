/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a CSR or a certificate, read as identifiers and compared with an order's. */
#pragma once

#include "acme/identifier.h"
#include "acme/jose/openssl_handles.h"

struct subject_names {
    struct identifier *identifiers; /* the DNS and IP names of subjectAltName, sorted, without duplicates */
    size_t count;
    bool has_common_name;
    struct identifier common_name;
    const char *foreign; /* in words, the first name that is neither a DNS name nor an IP address; NULL:
                          * none */
};

/* Reads the names. `alternatives` may be NULL. A name that is neither a DNS name nor an IP address is left
 * out and described in `foreign`. */
void subject_names_read(struct arena *arena, const X509_NAME *subject, const GENERAL_NAMES *alternatives,
                        struct subject_names *out);

/* Adds the common name to the identifiers: RFC 8555 §7.4 takes a CSR's names from either place. */
void subject_names_merge_common_name(struct arena *arena, struct subject_names *names);

/*
 * Returns NULL when the names are exactly those of the order, as sets, and the common name is one of them;
 * else the fault. `holder` is "CSR" or "certificate".
 */
[[gnu::warn_unused_result]] const char *subject_names_fault(struct arena *arena,
                                                            const struct subject_names *names,
                                                            const struct identifier *identifiers,
                                                            size_t count, const char *holder);
