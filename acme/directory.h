/* SPDX-License-Identifier: Apache-2.0 */
/* The directory (RFC 8555 §7.1.1). */
#pragma once

#include "acme/urls.h"

struct directory_meta {
    const char *terms_of_service;     /* URL or NULL */
    const char *website;              /* URL or NULL */
    const char *const *profile_names; /* draft-ietf-acme-profiles */
    const char *const *profile_texts;
    size_t profile_count;
    bool external_account_required;
    const char *const *caa_identities;
    size_t caa_identity_count;
    bool pre_authorization; /* newAuthz (§7.4.1) */
    bool subdomains;        /* RFC 9444 */
};

struct bytes directory_render(struct arena *arena, const struct urls *urls,
                              const struct directory_meta *meta);
