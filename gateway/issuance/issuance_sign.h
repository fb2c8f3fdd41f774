/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request that an issuer signs, as orders, `acmegate sign`, the own certificate and the OCSP responder
 * make it. The attempt is written down before issuer_sign is called, where there is somebody to tell of a
 * lost answer: an order's as a row, that of `acmegate sign` as an event. Both name the token.
 */
#pragma once

#include "gateway/ca/issuer.h"

/*
 * Fills in `request->arena`, a new token id, the validity, and the profile's extended key usages (`profile`
 * NULL: the issuer's own). The other members are the caller's and stay. False when OpenSSL has no randomness.
 */
[[gnu::warn_unused_result]] bool issuance_sign_prepare(struct arena *arena,
                                                       const struct profile_config *profile,
                                                       const struct validity_request *validity,
                                                       struct issuer_sign_request *request);
