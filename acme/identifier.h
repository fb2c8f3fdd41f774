/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers (RFC 8555 §9.7.7, RFC 8738): validated names, and the policy on them. */
#pragma once

#include "acme/problem.h"

enum identifier_type { IDENTIFIER_DNS = 1, IDENTIFIER_IP };

enum { IDENTIFIER_VALUE_BYTES = 256 };

/* A validated name. Only identifier_parse makes one: lower case, labels of letters, digits, hyphens and
 * underscores, or a canonical IP address. No host name has an underscore (RFC 1123 §2.1), but names of
 * private zones do: see name_underscores_check. */
struct identifier {
    enum identifier_type type;
    char value[IDENTIFIER_VALUE_BYTES]; /* a wildcard keeps its "*." here */
};

/* Returns "dns" or "ip". */
const char *identifier_type_name(enum identifier_type type);

bool identifier_has_underscore(const struct identifier *identifier);

bool identifier_is_wildcard(const struct identifier *identifier);

/* Returns the name without "*.", which is the name of an authorization (RFC 8555 §7.1.4). */
const char *identifier_base_name(const struct identifier *identifier);

/* Orders by type, then value, for sorting and for comparing sets. */
int identifier_compare(const void *a, const void *b);

/* Sorts the identifiers in place, without duplicates. Returns the number left. */
size_t identifiers_sort(struct identifier *identifiers, size_t count);

/* Validates an identifier. malformed; unsupportedIdentifier for another type. */
[[gnu::warn_unused_result]] const struct problem *identifier_parse(struct arena *arena, struct bytes type,
                                                                   struct bytes value,
                                                                   struct identifier *out);

/* Validates {"type": …, "value": …} as identifier_parse does. */
[[gnu::warn_unused_result]] const struct problem *identifier_parse_json(struct arena *arena,
                                                                        const struct json *json,
                                                                        struct identifier *out);

/* True for a DNS name, wildcards included, that ends in "." and the domain. */
bool identifier_is_below(const struct identifier *identifier, const char *domain);

/* Reads a name of a CSR or certificate: a DNS name in any case, or the 4 or 16 octets of an iPAddress. False
 * when it is not a valid identifier. */
[[gnu::warn_unused_result]] bool identifier_from_name(enum identifier_type type, struct bytes value,
                                                      struct identifier *out);

enum { IDENTIFIERS_JOINED = 100 };

/* Joins the first IDENTIFIERS_JOINED identifiers: "a.test, b.test". NULL when there are none. */
const char *identifiers_join(struct arena *arena, const struct identifier *identifiers, size_t count);

/*
 * The names that an endpoint issues for. A pattern is an exact name, "*.example" (everything below example,
 * at any depth, and wildcards there), "*" (every DNS name), or an IP address or network ("10.0.0.0/8"). A
 * matching `deny` wins. A denied exact name also denies the wildcard that would cover it. An empty `allow`
 * allows all.
 */
struct name_policy {
    const char *const *allow;
    size_t allow_count;
    const char *const *deny;
    size_t deny_count;
    const char *const
        *underscores; /* set for an endpoint: where labels may have underscores; see name_underscores_check */
    size_t underscore_count;
};

bool name_pattern_is_valid(const char *pattern);

/* Returns the first pattern that matches; NULL when none does. */
const char *name_patterns_find(const char *const *patterns, size_t count,
                               const struct identifier *identifier);

/* Refuses as malformed a name with an underscore that no pattern of the policy's `underscores` covers. A
 * policy of NULL covers none. */
[[gnu::warn_unused_result]] const struct problem *name_underscores_check(struct arena *arena,
                                                                         const struct name_policy *policy,
                                                                         const struct identifier *identifiers,
                                                                         size_t count);

/* Refuses with rejectedIdentifier, with the rule in words and a subproblem for each refused name. `whose`
 * names the policy: "this endpoint". */
[[gnu::warn_unused_result]] const struct problem *name_policy_check(struct arena *arena,
                                                                    const struct name_policy *policy,
                                                                    const char *whose,
                                                                    const struct identifier *identifiers,
                                                                    size_t count);
