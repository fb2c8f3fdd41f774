/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `acmegate check` for an issuer of type stepca: check_stepca.c (its files, the CA, the
 * provisioner), check_roots.c (the CA's list of roots), check_token.c (a token) and check_ocsp.c
 * (the OCSP responder). */
#pragma once

#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/preflight/check.h"
#include "gateway/preflight/stepca_client.h"

/* The answers that later queries need from earlier ones. */
struct stepca_check {
    struct check *check;
    const struct issuer_config *issuer;
    const struct issuer *roots;  /* the pinned ones; nothing else of it */
    struct stepca_client client; /* trusts them */
    struct provisioner_key key;
    struct stepca_provisioner provisioner;
    struct buffer other_provisioners; /* that sign, too */
    struct ca_knowledge known;
};

/* check_stepca_intermediates, with the roots open already. */
[[nodiscard]] bool stepca_check_intermediates(const struct stepca_check *ca, struct bytes **certificates,
                                              size_t *count, struct fault *fault);

/* Each writes its findings. */
[[nodiscard]] bool stepca_check_key(struct stepca_check *ca);
[[nodiscard]] bool stepca_check_provisioner(struct stepca_check *ca);
[[nodiscard]] bool stepca_check_key_is_the_provisioners(const struct stepca_check *ca);

/* Compares the roots that the CA lists with the pinned ones. */
void stepca_check_root_list(const struct stepca_check *ca);

/* True when the CA accepts a token for `ca_url`. */
[[nodiscard]] bool stepca_check_token(const struct stepca_check *ca);
/* Learns the CA's limits from refusals, when the CA does not publish them, by tokens that it accepts. */
void stepca_check_limits(struct stepca_check *ca);
/* Tokens for the gateway's own names, where the issuer's profile passes step-ca's API through. */
void stepca_check_tokens(const struct stepca_check *ca);

/* Checks the configured signer of OCSP responses. None configured is no fault. */
void stepca_check_ocsp(const struct stepca_check *ca);
