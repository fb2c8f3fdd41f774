/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer that needs no other program: its own CA in a directory (gateway/ca/local/). */
#pragma once

#include "acme/base/fault.h"
#include "gateway/ca/issuer.h"
#include "gateway/ca/local/local_ca.h"

/* Makes the CA in config->directory at the first start. NULL with `fault`. */
[[gnu::warn_unused_result]] struct issuer *issuer_local_new(const struct issuer_config *config,
                                                            struct outbound *outbound, struct fault *fault);

/* Returns the CA's part of the configuration of an issuer of this type; borrowed from it. */
struct local_ca_config local_ca_config_of(const struct issuer_config *config);
