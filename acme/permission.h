/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides whether an account, a policy or an authorization permits a step, by their present state. Every step
 * that relies on them asks here again: newOrder and newAuthz, the reuse of an authorization, inheritance (RFC
 * 9444), finalize, each attempt to have a certificate signed, and every request that touches the certificate
 * of another account. Pure: the caller reads the configuration and the store.
 */
#pragma once

#include "acme/eab.h"
#include "acme/objects.h"

/* The present configuration of one endpoint and of the profile that was chosen there. Borrowed. */
struct permission_policy {
    const struct name_policy *endpoint_names;
    const char *const *profiles; /* profiles that the endpoint offers */
    size_t profile_count;
    const char *profile; /* NULL: not yet chosen */
    const struct name_policy *profile_names;
    const struct name_policy
        *keyless_names;                  /* for accounts without an external account key, beside the others */
    const char *const *keyless_profiles; /* empty: all of the endpoint's profiles */
    size_t keyless_profile_count;
    const char *const *trusted_names; /* patterns */
    size_t trusted_name_count;
    bool network_is_trusted; /* of the client that orders, or ordered */
    bool subdomains;         /* RFC 9444 */
};

/* The account that asks, the time, and the policy. */
struct permission {
    int64_t now;
    const struct account *account;
    const struct eab_key *eab_key; /* the account's key in its present state; NULL: the account has none */
    struct permission_policy policy;
};

/* The step that an authorization has to permit. */
enum permission_use {
    PERMISSION_ISSUE = 1, /* a certificate for its own name: an order rests on it, or is about to */
    PERMISSION_ANCESTOR,  /* authorizations of names below its own (RFC 9444) */
    PERMISSION_CONTROL,   /* a step on somebody else's certificate: its revocation, its replacement */
};

/*
 * Checks whether the account may have these names under this profile, proofs aside. The account must be
 * valid, its external account key not revoked, and the policies of endpoint, profile and key must allow names
 * and profile. `keyless_*` apply to an account without a key. unauthorized, rejectedIdentifier,
 * invalidProfile.
 *
 * An expired key changes nothing here: it creates no new account, but the existing ones stay.
 */
[[gnu::warn_unused_result]] const struct problem *permission_check_names(struct arena *arena,
                                                                         const struct permission *permission,
                                                                         const struct identifier *identifiers,
                                                                         size_t count);

/* Returns why the name needs no proof, as the basis of its authorization and, when `why` is not NULL, in
 * words. 0: it needs a proof. Trust covers that name only: an authorization of the names below needs a
 * proof. */
enum authorization_basis permission_trust(struct arena *arena, const struct permission *permission,
                                          const struct identifier *identifier, const char **why);

/*
 * Returns NULL when the authorization permits `use` now; else why not, as the end of a sentence. `parent` is
 * the authorization `parent_id` of an inherited one, NULL when it is gone.
 *
 *             proven                        inherited                    trusted
 *   ISSUE     yes                           its parent is an ANCESTOR    the same trust still stands
 *   ANCESTOR  by the DNS, for subdomains    no                           no
 *   CONTROL   yes                           no                           no
 *
 * In every case it must be valid, unexpired, and the account's own. Without a basis it permits nothing.
 */
[[gnu::warn_unused_result]] const char *permission_why_not(struct arena *arena,
                                                           const struct permission *permission,
                                                           const struct authorization *authorization,
                                                           const struct authorization *parent,
                                                           enum permission_use use);

/*
 * Checks whether a certificate for the order may be requested: permission_check_names, and for each
 * identifier an authorization that permits PERMISSION_ISSUE, in their order (id 0: it is gone). `parents` are
 * in the same order. The problem ends the order (RFC 8555 §7.1.6). A problem of several names has a
 * subproblem for each.
 */
[[gnu::warn_unused_result]] const struct problem *permission_check_issue(
    struct arena *arena, const struct permission *permission, const struct identifier *identifiers,
    const struct authorization *authorizations, const struct authorization *parents, size_t count);
