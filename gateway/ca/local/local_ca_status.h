/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local CA's revocation list, and the certificate that its OCSP responses are signed with. The CA that
 * signs leaves signs both.
 */
#pragma once

#include "acme/pki/crl.h"
#include "gateway/ca/local/local_ca.h"

enum {
    LOCAL_CA_LIST_S = 24 * 3600, /* nextUpdate is so long after thisUpdate */
    LOCAL_CA_RESPONDER_S = 7 * 24 * 3600,
};

enum local_ca_list { LOCAL_CA_LIST_MADE, LOCAL_CA_LIST_GOOD, LOCAL_CA_LIST_FAILED };

/*
 * Makes a new list (DER, in the arena) when `current` (NULL for none) lacks entries of the register, has
 * lived half its life, or is another CA's. An entry drops out with the first list made LOCAL_CA_LIST_S after
 * its certificate's end, so that it was in at least one list after that (RFC 5280 §3.3). The number is
 * greater than the current list's, and than any earlier one unless the clock runs backwards.
 */
[[gnu::warn_unused_result]] enum local_ca_list local_ca_make_list(struct arena *arena,
                                                                  const struct local_ca *ca,
                                                                  const struct crl *current, int64_t now,
                                                                  struct bytes *out);

/* A certificate for OCSPSigning with this key (DER, in the arena), that need not be checked itself. False
 * when OpenSSL fails or the CA is over. */
[[gnu::warn_unused_result]] bool local_ca_make_responder(struct arena *arena, const struct local_ca *ca,
                                                         EVP_PKEY *key, int64_t now, struct bytes *out);
