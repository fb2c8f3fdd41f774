/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates that an issuer's CA signs with. Several CAs may share a root, so a path to the root does
 * not identify the issuer of a certificate: the certificate that signed it does. step-ca 0.27.3 and later
 * lists its own (GET /intermediates). Every chain that an issuer signs shows one.
 */
#pragma once

#include "gateway/ca/issuer.h"

/*
 * Any thread. Learns `der`, which the issuer's CA says it signs leaves with. It must be a CA certificate, and
 * a path must lead from it, over `others` (DER), to a root that the issuer pins. Repeats are cheap. Beyond
 * ISSUER_SIGNERS_MAX the one seen longest ago is forgotten.
 */
void issuer_learn_signer(struct issuer *issuer, struct bytes der, const struct bytes *others, size_t count);

/* Any thread. Learns the signer from `chain`, leaf first, the CA's answer to `csr`. The leaf must hold the
 * key of the request: somebody else's certificate proves nothing about this CA. */
void issuer_learn_from_chain(struct issuer *issuer, X509_REQ *csr, const struct bytes *chain, size_t count);

/* Frees the signers, when the issuer is freed. */
void issuer_forget_signers(struct issuer *issuer);

/* Any thread. Returns a number that changes when any issuer has learned a signer. Never 0. */
uint64_t issuer_signers_version(void);

/* Any thread. Reads the learned certificates, as DER in the arena. Returns their number. */
size_t issuer_read_signers(struct issuer *issuer, struct arena *arena,
                           struct bytes out[static ISSUER_SIGNERS_MAX]);

/* Any thread. True when one of the learned certificates has signed the leaf (DER). */
[[gnu::warn_unused_result]] bool issuer_has_signed(struct issuer *issuer, struct bytes leaf);

/* True when both pin a common root. */
[[gnu::warn_unused_result]] bool issuer_shares_root(const struct issuer *a, const struct issuer *b);
