/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/clock.h"

#include "acme/pki/x509_read.h"
#include "gateway/ca/issuer_stepca_internal.h"

struct ca_claims issuer_stepca_claims(const struct stepca_provisioner *provisioner)
{
    return (struct ca_claims){
        .min_s = provisioner->min_s,
        .max_s = provisioner->max_s,
        .default_s = provisioner->default_s,
    };
}

struct ca_refusal issuer_stepca_duration_refusal(const struct stepca_error *error)
{
    enum ca_refusal_kind kind = error->refusal == STEPCA_REFUSAL_TOO_LONG    ? CA_REFUSAL_TOO_LONG
                                : error->refusal == STEPCA_REFUSAL_TOO_SHORT ? CA_REFUSAL_TOO_SHORT
                                                                             : CA_REFUSAL_OTHER;
    return (struct ca_refusal){
        .kind = kind,
        .requested_s = error->requested_s,
        .limit_s = error->limit_s,
    };
}

bool issuer_stepca_read_signed(struct bytes leaf, struct ca_signed *out)
{
    return certificate_read_validity(leaf, &out->not_before, &out->not_after);
}
