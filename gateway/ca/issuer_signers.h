/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates an issuer's CA signs with. Several CAs may stand under one root, so that a path to the
 * root does not tell whose a certificate is: the certificate that signed it does. step-ca tells its own from
 * v0.27.3 on (GET /intermediates); every chain that an issuer signs tells one.
 */
#pragma once

#include "gateway/ca/issuer.h"

/*
 * Any thread: `der` is a certificate that the issuer's CA says it signs leaves with. It is learned when it is
 * an authority's and a path leads from it, over `others` (DER), to a root that the issuer pins. Repeats are
 * cheap. Beyond ISSUER_SIGNERS_MAX the one that was seen longest ago is forgotten.
 */
void issuer_learn_signer(struct issuer *issuer, struct bytes der, const struct bytes *others, size_t count);

/* Any thread: `chain`, leaf first, is the CA's answer to `csr`. What signed the leaf is learned as above,
 * when the leaf holds the key of the request: the certificate of somebody else shows nothing of this CA. */
void issuer_learn_from_chain(struct issuer *issuer, X509_REQ *csr, const struct bytes *chain, size_t count);

/* When the issuer is freed. */
void issuer_forget_signers(struct issuer *issuer);

/* Any thread: another number after any issuer has learned a signer. Never 0. */
uint64_t issuer_signers_version(void);

/* Any thread: those that were learned, as DER in the arena. Returns their number. */
size_t issuer_read_signers(struct issuer *issuer, struct arena *arena,
                           struct bytes out[static ISSUER_SIGNERS_MAX]);

/* Any thread: true when one of the certificates that were learned has signed the leaf (DER). */
[[gnu::warn_unused_result]] bool issuer_has_signed(struct issuer *issuer, struct bytes leaf);

/* True when both pin a common root. */
[[gnu::warn_unused_result]] bool issuer_shares_root(const struct issuer *a, const struct issuer *b);
