/* The issuer for trying acmegate out, and for its own certificate: a CA of its own in a directory
 * (gateway/local_ca.h). */
#pragma once

#include "gateway/issuer.h"

/* Makes the CA in config->directory at the first start. NULL with `why`. */
[[gnu::warn_unused_result]] struct issuer *issuer_local_new(const struct issuer_config *config,
                                                            struct outbound *outbound,
                                                            char why[static ISSUER_WHY_BYTES]);
