/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What allows a thing. Every step that relies on an account, a policy or an authorization asks here again,
 * with what stands now: newOrder and newAuthz, the reuse of an authorization, inheritance (RFC 9444),
 * finalize, each attempt to have a certificate signed, and whatever touches the certificate of another
 * account. Pure: the caller reads the configuration and the store.
 */
#pragma once

#include "acme/eab.h"
#include "acme/objects.h"

/* The configuration as it stands now, for one endpoint and the profile that was chosen there. Borrowed. */
struct permission_policy {
    const struct name_policy *endpoint_names;
    const char *const *profiles; /* that the endpoint offers */
    size_t profile_count;
    const char *profile; /* NULL: not chosen yet */
    const struct name_policy *profile_names;
    const struct name_policy
        *keyless_names;                  /* of accounts without an external account key, beside the others */
    const char *const *keyless_profiles; /* none: all of the endpoint's */
    size_t keyless_profile_count;
    const char *const *trusted_names; /* patterns */
    size_t trusted_name_count;
    bool network_is_trusted; /* the network that the client orders, or ordered, from */
    bool subdomains;         /* RFC 9444 */
};

/* Who asks, when, and under which policy. */
struct permission {
    int64_t now;
    const struct account *account;
    const struct eab_key *eab_key; /* the account's, as it is now; NULL: it was made without one */
    struct permission_policy policy;
};

/* What an authorization is to permit. */
enum permission_use {
    PERMISSION_ISSUE = 1, /* a certificate for its own name: an order rests on it, or is to */
    PERMISSION_ANCESTOR,  /* authorizations of names below its own (RFC 9444) */
    PERMISSION_CONTROL,   /* an act on the certificate of somebody else: its revocation, its replacement */
};

/*
 * Whether the account may have these names under this profile, proofs aside: the account is valid, its
 * external account key is not revoked, and the policies of endpoint, profile and key allow names and profile.
 * An account without a key is held to `keyless_*`. unauthorized, rejectedIdentifier, invalidProfile.
 *
 * That a key has expired says nothing here: no account is made with it from then on, and those that were
 * stay.
 */
[[gnu::warn_unused_result]] const struct problem *permission_check_names(struct arena *arena,
                                                                         const struct permission *permission,
                                                                         const struct identifier *identifiers,
                                                                         size_t count);

/* Why the name needs no proof, as the basis of its authorization and, where `why` is not NULL, in words; 0:
 * it needs one. Trust is for that name alone: an authorization of the names below needs a proof. */
enum authorization_basis permission_trust(struct arena *arena, const struct permission *permission,
                                          const struct identifier *identifier, const char **why);

/*
 * NULL when the authorization permits `use` now; else why not, as the end of a sentence. `parent` is the
 * authorization `parent_id` of an inherited one, NULL when it is gone.
 *
 *             proven                        inherited                    trusted
 *   ISSUE     yes                           its parent is an ANCESTOR    the same trust still stands
 *   ANCESTOR  by the DNS, for subdomains    no                           no
 *   CONTROL   yes                           no                           no
 *
 * In every case it must be valid, unexpired, and the account's own. One without a basis permits nothing.
 */
[[gnu::warn_unused_result]] const char *permission_why_not(struct arena *arena,
                                                           const struct permission *permission,
                                                           const struct authorization *authorization,
                                                           const struct authorization *parent,
                                                           enum permission_use use);

/*
 * Whether a certificate for the order may be asked for: permission_check_names, and an authorization that
 * permits PERMISSION_ISSUE for each identifier, in their order (id 0: it is gone). `parents` in the same
 * order. The problem ends the order (RFC 8555 §7.1.6); one of several names has a subproblem for each.
 */
[[gnu::warn_unused_result]] const struct problem *permission_check_issue(
    struct arena *arena, const struct permission *permission, const struct identifier *identifiers,
    const struct authorization *authorizations, const struct authorization *parents, size_t count);
