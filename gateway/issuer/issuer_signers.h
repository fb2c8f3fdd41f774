/*
 * Which certificates an issuer's CA signs with. Several CAs may stand under one root, so that a path to the
 * root does not tell whose a certificate is: the certificate that signed it does. step-ca tells its own from
 * v0.27.3 on (GET /intermediates); every chain that an issuer signs tells one.
 */
#pragma once

#include "gateway/issuer/issuer.h"

/* Any thread: `der` is a certificate that the issuer's CA signs leaves with. Repeats are free; beyond
 * ISSUER_SIGNERS_MAX nothing is added. */
void issuer_learn_signer(struct issuer *issuer, struct bytes der);

/* Any thread: those that were learned, as DER that lives as long as the issuer. Returns their number. */
size_t issuer_read_signers(struct issuer *issuer, struct bytes out[static ISSUER_SIGNERS_MAX]);

/* Any thread: true when one of the certificates that were learned has signed the leaf (DER). */
[[gnu::warn_unused_result]] bool issuer_has_signed(struct issuer *issuer, struct bytes leaf);

/* True when both pin a common root. */
[[gnu::warn_unused_result]] bool issuer_shares_root(const struct issuer *a, const struct issuer *b);
