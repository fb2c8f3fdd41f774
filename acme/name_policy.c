/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/identifier.h"

#include <arpa/inet.h>

#include "acme/base/buffer.h"

/* The most octets of the allow list that a refusal quotes. */
enum { ALLOW_LIST_MAX_BYTES = 400 };

struct network {
    int family;
    uint8_t octets[16];
    unsigned prefix_bits;
};

static bool parse_prefix_bits(const char *text, unsigned most, unsigned *out)
{
    size_t length = strlen(text);
    if (length == 0 || length > 3 || strspn(text, "0123456789") != length) {
        return false;
    }
    unsigned bits = 0;
    for (const char *c = text; *c != '\0'; c++) {
        bits = bits * 10 + (unsigned)(*c - '0');
    }
    *out = bits;
    return bits <= most;
}

static unsigned bit_at(const uint8_t *octets, unsigned index)
{
    return (unsigned)octets[index / 8] >> (7 - index % 8) & 1u;
}

/* Reads an address, or a network with no bit set behind its prefix: "10.0.0.1/8" is more likely a slip than a
 * wish. */
static bool parse_network(const char *pattern, struct network *out)
{
    char address[INET6_ADDRSTRLEN] = "";
    size_t length = strcspn(pattern, "/");
    if (length >= sizeof address) {
        return false;
    }
    memcpy(address, pattern, length);
    struct network network = {.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET};
    if (inet_pton(network.family, address, network.octets) != 1) {
        return false;
    }
    unsigned all_bits = network.family == AF_INET6 ? 128 : 32;
    network.prefix_bits = all_bits;
    if (pattern[length] == '/' && !parse_prefix_bits(pattern + length + 1, all_bits, &network.prefix_bits)) {
        return false;
    }
    for (unsigned i = network.prefix_bits; i < all_bits; i++) {
        if (bit_at(network.octets, i) != 0) {
            return false;
        }
    }
    *out = network;
    return true;
}

static bool network_holds(const struct network *network, const char *address_text)
{
    uint8_t address[16];
    if (inet_pton(network->family, address_text, address) != 1) {
        return false;
    }
    for (unsigned i = 0; i < network->prefix_bits; i++) {
        if (bit_at(network->octets, i) != bit_at(address, i)) {
            return false;
        }
    }
    return true;
}

bool name_pattern_is_valid(const char *pattern)
{
    struct network network;
    struct identifier name;
    return strcmp(pattern, "*") == 0 || parse_network(pattern, &network) ||
           identifier_from_name(IDENTIFIER_DNS, bytes_from_string(pattern), &name);
}

static bool name_is_below(const char *name, const char *suffix_with_dot)
{
    size_t name_length = strlen(name);
    size_t suffix_length = strlen(suffix_with_dot);
    return name_length > suffix_length && strcmp(name + name_length - suffix_length, suffix_with_dot) == 0;
}

static bool pattern_matches(const char *pattern, const struct identifier *identifier)
{
    if (identifier->type == IDENTIFIER_IP) {
        struct network network;
        return parse_network(pattern, &network) && network_holds(&network, identifier->value);
    }
    if (strcmp(pattern, "*") == 0) {
        return true;
    }
    struct identifier name;
    if (!identifier_from_name(IDENTIFIER_DNS, bytes_from_string(pattern), &name)) {
        return false;
    }
    if (identifier_is_wildcard(&name)) {
        return name_is_below(identifier->value, name.value + 1);
    }
    return strcmp(identifier->value, name.value) == 0;
}

const char *name_patterns_find(const char *const *patterns, size_t count, const struct identifier *identifier)
{
    for (size_t i = 0; i < count; i++) {
        if (pattern_matches(patterns[i], identifier)) {
            return patterns[i];
        }
    }
    return NULL;
}

/* True for a wildcard whose certificate would serve the one name that the pattern denies. */
static bool wildcard_covers(const struct identifier *identifier, const char *pattern)
{
    struct identifier name;
    if (!identifier_is_wildcard(identifier) ||
        !identifier_from_name(IDENTIFIER_DNS, bytes_from_string(pattern), &name) ||
        identifier_is_wildcard(&name)) {
        return false;
    }
    const char *dot = strchr(name.value, '.');
    return dot != NULL && strcmp(dot + 1, identifier_base_name(identifier)) == 0;
}

static const char *list_of_allowed(struct arena *arena, const struct name_policy *policy)
{
    struct buffer text;
    buffer_init(&text, arena, ALLOW_LIST_MAX_BYTES);
    size_t length = 0;
    for (size_t i = 0; i < policy->allow_count; i++) {
        length += strlen(policy->allow[i]) + 2;
        if (length + sizeof "…" > ALLOW_LIST_MAX_BYTES) {
            buffer_append_string(&text, "…");
            break;
        }
        buffer_printf(&text, "%s%s", policy->allow[i], i + 1 < policy->allow_count ? ", " : "");
    }
    return buffer_string(&text);
}

/* Returns why the policy refuses the name; NULL when it does not. */
static const char *refusal(struct arena *arena, const struct name_policy *policy, const char *whose,
                           const struct identifier *identifier)
{
    const char *name = identifier->value;
    for (size_t i = 0; i < policy->deny_count; i++) {
        if (pattern_matches(policy->deny[i], identifier)) {
            return arena_printf(arena, "%s is refused: %s denies \"%s\"", name, whose, policy->deny[i]);
        }
        if (wildcard_covers(identifier, policy->deny[i])) {
            return arena_printf(arena, "%s is refused: it would cover \"%s\", which %s denies", name,
                                policy->deny[i], whose);
        }
    }
    if (policy->allow_count == 0 ||
        name_patterns_find(policy->allow, policy->allow_count, identifier) != NULL) {
        return NULL;
    }
    return arena_printf(arena, "%s is not allowed: %s allows only %s", name, whose,
                        list_of_allowed(arena, policy));
}

const struct problem *name_underscores_check(struct arena *arena, const struct name_policy *policy,
                                             const struct identifier *identifiers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (identifier_has_underscore(&identifiers[i]) &&
            (policy == NULL ||
             name_patterns_find(policy->underscores, policy->underscore_count, &identifiers[i]) == NULL)) {
            return problem_new(
                arena, PROBLEM_MALFORMED,
                "identifier \"%s\": a label may only hold letters, digits and hyphens; underscores are "
                "for private zones that names.underscores of the endpoint lists",
                identifiers[i].value);
        }
    }
    return NULL;
}

const struct problem *name_policy_check(struct arena *arena, const struct name_policy *policy,
                                        const char *whose, const struct identifier *identifiers, size_t count)
{
    struct subproblem *refused = arena_alloc_array(arena, count, sizeof *refused);
    size_t refused_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *why = refusal(arena, policy, whose, &identifiers[i]);
        if (why != NULL) {
            refused[refused_count++] = (struct subproblem){
                .type = PROBLEM_REJECTED_IDENTIFIER,
                .detail = why,
                .identifier_type = identifier_type_name(identifiers[i].type),
                .identifier_value = arena_duplicate(arena, identifiers[i].value),
            };
        }
    }
    if (refused_count == 0) {
        return NULL;
    }
    struct problem *problem =
        refused_count == 1
            ? problem_new(arena, PROBLEM_REJECTED_IDENTIFIER, "%s", refused[0].detail)
            : problem_new(arena, PROBLEM_REJECTED_IDENTIFIER, "%zu of %zu names are refused. %s",
                          refused_count, count, refused[0].detail);
    problem->subproblems = refused;
    problem->subproblem_count = refused_count;
    return problem;
}
