/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer that has step-ca's native /sign do the work, with one-time tokens of a JWK provisioner. */
#pragma once

#include "acme/base/fault.h"
#include "gateway/ca/issuer.h"

/*
 * Reads root_cert_path and the provisioner key (once: the PBKDF2 happens here) and begins to learn from the
 * CA what it says of our provisioner; whether the CA can be reached makes no difference here. NULL with
 * `fault`.
 */
[[gnu::warn_unused_result]] struct issuer *issuer_stepca_new(const struct issuer_config *config,
                                                             struct outbound *outbound, struct fault *fault);
