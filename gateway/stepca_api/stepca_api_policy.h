/* SPDX-License-Identifier: Apache-2.0 */
/* Applies the profile to a request of the CA's own API. No clock, no sockets. NULL: accepted; else the
 * problem. */
#pragma once

#include "acme/pki/csr.h"
#include "acme/validity.h"
#include "gateway/config/config.h"
#include "stepca/client_request.h"

/* Either may add names to the certificate, and the subject becomes its common name: all of them must be
 * allowed. Names that are neither DNS names nor IP addresses are not. */
[[gnu::warn_unused_result]] const struct problem *stepca_api_policy_check_names(
    struct arena *arena, const struct profile_config *profile, const struct stepca_token_claims *claims,
    const struct subject_names *csr_names);

[[gnu::warn_unused_result]] const struct problem *stepca_api_policy_check_key(
    struct arena *arena, const struct profile_config *profile, EVP_PKEY *key);

/*
 * Plans the request to the CA: the client's own times, in its words, when the limits allow them. If it
 * requests no end and the CA's default is over the cap, the end is the cap.
 */
[[gnu::warn_unused_result]] const struct problem *stepca_api_policy_plan(
    struct arena *arena, const struct validity_limits *limits, int64_t now,
    const struct stepca_client_sign *request, struct validity_request *out);

/* A certificate that is to be renewed: its life, from its signing on, is its successor's. Before the CA's
 * backdate is known nothing is refused: the successor is checked when it comes. */
[[gnu::warn_unused_result]] const struct problem *stepca_api_policy_check_life(
    struct arena *arena, const struct validity_limits *limits, int64_t now, int64_t not_before,
    int64_t not_after);
