/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer that signs through step-ca's /sign, with one-time tokens of a JWK provisioner. */
#pragma once

#include "acme/base/fault.h"
#include "gateway/ca/issuer.h"

/*
 * Reads root_cert_path and the provisioner key (the PBKDF2 happens here, once). It then begins to ask the CA
 * about our provisioner; an unreachable CA is not a failure here. NULL with `fault`.
 */
[[gnu::warn_unused_result]] struct issuer *issuer_stepca_new(const struct issuer_config *config,
                                                             struct outbound *outbound, struct fault *fault);
