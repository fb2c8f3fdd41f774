/* SPDX-License-Identifier: Apache-2.0 */
/* Name constraints, RFC 5280 §4.2.1.10. */
#include <openssl/err.h>
#include <string.h>

#include "gateway/ca/local/local_ca_internal.h"
#include "gateway/runtime/address_policy.h"

enum { IPV4_OCTETS = 4, IPV6_OCTETS = 16, MAPPED_BITS = 96 };

GENERAL_NAME *local_ca_general_name(const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL) {
        return NULL;
    }
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    if (address != NULL) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return name;
    }
    ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
    if (dns == NULL || ASN1_STRING_set(dns, text, -1) != 1) {
        ASN1_IA5STRING_free(dns);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, dns);
    return name;
}

/* ---- making them ---- */

static bool is_mapped(const struct network *network)
{
    static const uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return network->prefix_bits >= MAPPED_BITS && memcmp(network->address, prefix, sizeof prefix) == 0;
}

static bool push_name(STACK_OF(GENERAL_SUBTREE) * subtrees, int type, ASN1_STRING *value)
{
    GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
    if (value == NULL || subtree == NULL || sk_GENERAL_SUBTREE_push(subtrees, subtree) == 0) {
        ASN1_STRING_free(value);
        GENERAL_SUBTREE_free(subtree);
        return false;
    }
    GENERAL_NAME_set0_value(subtree->base, type, value);
    return true;
}

static bool push_octets(STACK_OF(GENERAL_SUBTREE) * subtrees, int type, int string_type, const void *octets,
                        size_t count)
{
    ASN1_STRING *value = ASN1_STRING_type_new(string_type);
    if (value == NULL || ASN1_STRING_set(value, octets, (int)count) != 1) {
        ASN1_STRING_free(value);
        return false;
    }
    return push_name(subtrees, type, value);
}

static bool push_domain(STACK_OF(GENERAL_SUBTREE) * subtrees, const char *name)
{
    return push_octets(subtrees, GEN_DNS, V_ASN1_IA5STRING, name, strlen(name));
}

/* Address and mask, each of 4 or 16 octets. */
static bool push_network(STACK_OF(GENERAL_SUBTREE) * subtrees, const struct network *network)
{
    uint8_t octets[2 * IPV6_OCTETS] = {0};
    bool mapped = is_mapped(network);
    size_t n = mapped ? IPV4_OCTETS : IPV6_OCTETS;
    unsigned bits = network->prefix_bits - (mapped ? MAPPED_BITS : 0);
    for (size_t i = 0; i < n; i++) {
        unsigned here = bits > 8 * i ? bits - 8 * (unsigned)i : 0;
        octets[n + i] = (uint8_t)(0xff00U >> (here < 8 ? here : 8));
        octets[i] = (uint8_t)(network->address[IPV6_OCTETS - n + i] & octets[n + i]);
    }
    return push_octets(subtrees, GEN_IPADD, V_ASN1_OCTET_STRING, octets, 2 * n);
}

/* A type of name without any constraint would be free. When only domains are permitted, every address is
 * excluded, and the other way round (CA/Browser Forum Baseline Requirements, §7.1.5). */
static bool exclude_the_rest(NAME_CONSTRAINTS *constraints, bool has_domain, bool has_network)
{
    static const struct network everywhere[] = {
        {.address = {[10] = 0xff, [11] = 0xff}, .prefix_bits = MAPPED_BITS}, {.prefix_bits = 0}};
    if (has_domain && has_network) {
        return true;
    }
    constraints->excludedSubtrees = sk_GENERAL_SUBTREE_new_null();
    if (constraints->excludedSubtrees == NULL) {
        return false;
    }
    return has_network ? push_domain(constraints->excludedSubtrees, "")
                       : push_network(constraints->excludedSubtrees, &everywhere[0]) &&
                             push_network(constraints->excludedSubtrees, &everywhere[1]);
}

static NAME_CONSTRAINTS *wanted_constraints(const struct local_ca *ca)
{
    NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
    bool has_domain = false;
    bool has_network = false;
    bool good =
        constraints != NULL && (constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null()) != NULL;
    for (size_t i = 0; good && i < ca->config.permitted_name_count; i++) {
        struct network network;
        const char *text = ca->config.permitted_names[i];
        bool is_network = network_parse(text, &network);
        has_network = has_network || is_network;
        has_domain = has_domain || !is_network;
        good = is_network ? push_network(constraints->permittedSubtrees, &network)
                          : push_domain(constraints->permittedSubtrees, text);
    }
    if (good && exclude_the_rest(constraints, has_domain, has_network)) {
        return constraints;
    }
    NAME_CONSTRAINTS_free(constraints);
    return NULL;
}

bool local_ca_constrain(const struct local_ca *ca, X509 *certificate)
{
    if (ca->config.permitted_name_count == 0) {
        return true;
    }
    NAME_CONSTRAINTS *wanted = wanted_constraints(ca);
    bool added = wanted != NULL && X509_add1_ext_i2d(certificate, NID_name_constraints, wanted, 1, 0) == 1;
    NAME_CONSTRAINTS_free(wanted);
    return added;
}

static const ASN1_OCTET_STRING *constraints_octets(const X509 *certificate)
{
    int at = X509_get_ext_by_NID(certificate, NID_name_constraints, -1);
    return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(certificate, at));
}

bool local_ca_is_constrained(const struct local_ca *ca, const X509 *certificate)
{
    autofree_x509 X509 *wanted = X509_new();
    const ASN1_OCTET_STRING *there = constraints_octets(certificate);
    if (wanted == NULL || !local_ca_constrain(ca, wanted)) {
        return false;
    }
    const ASN1_OCTET_STRING *expected = constraints_octets(wanted);
    return expected == NULL || (there != NULL && ASN1_OCTET_STRING_cmp(there, expected) == 0);
}

/* ---- checking leaves ---- */

/* Makes a certificate of this subject and this one name, for OpenSSL to check. */
static X509 *probe_new(const X509_NAME *subject, const char *name)
{
    X509 *probe = X509_new();
    autofree_general_names GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *general_name = local_ca_general_name(name);
    if (names == NULL || general_name == NULL || sk_GENERAL_NAME_push(names, general_name) == 0) {
        GENERAL_NAME_free(general_name);
    } else if (probe != NULL && X509_set_subject_name(probe, subject) == 1 &&
               X509_add1_ext_i2d(probe, NID_subject_alt_name, names, 0, 0) == 1) {
        (void)X509_check_purpose(probe, -1, 0); /* makes OpenSSL read the extensions */
        return probe;
    }
    X509_free(probe);
    return NULL;
}

/* *.a.test includes x.a.test: when that is excluded, so is the wildcard. OpenSSL compares only the ends of
 * names. */
static bool stands_for(const char *wildcard, const GENERAL_NAME *excluded)
{
    if (strncmp(wildcard, "*.", 2) != 0 || excluded->type != GEN_DNS) {
        return false;
    }
    struct bytes domain = bytes_from_string(wildcard + 1); /* with its dot */
    struct bytes name =
        bytes_of(ASN1_STRING_get0_data(excluded->d.dNSName), (size_t)ASN1_STRING_length(excluded->d.dNSName));
    if (name.n <= domain.n) {
        return false;
    }
    size_t label = name.n - domain.n;
    return bytes_equal_ignore_case(bytes_of(name.p + label, domain.n), domain) &&
           memchr(name.p, '.', label) == NULL;
}

static bool stands_for_any(const char *name, const STACK_OF(GENERAL_SUBTREE) * excluded)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(excluded); i++) {
        if (stands_for(name, sk_GENERAL_SUBTREE_value(excluded, i)->base)) {
            return true;
        }
    }
    return false;
}

static const char *name_fault(struct arena *arena, X509 *authority, NAME_CONSTRAINTS *constraints,
                              const X509_NAME *subject, const char *name)
{
    char authority_name[256];
    autofree_x509 X509 *probe = probe_new(subject, name);
    int verdict = probe == NULL ? X509_V_ERR_OUT_OF_MEM : NAME_CONSTRAINTS_check(probe, constraints);
    if (verdict == X509_V_OK && stands_for_any(name, constraints->excludedSubtrees)) {
        verdict = X509_V_ERR_EXCLUDED_VIOLATION;
    }
    if (verdict == X509_V_OK) {
        return NULL;
    }
    X509_NAME_oneline(X509_get_subject_name(authority), authority_name, sizeof authority_name);
    return arena_printf(arena, "%s is outside the name constraints of the CA %s: %s", name, authority_name,
                        X509_verify_cert_error_string(verdict));
}

const char *local_ca_names_fault(struct arena *arena, const struct local_ca *ca, const X509_NAME *subject,
                                 const char *const *names, size_t count)
{
    const char *fault = NULL;
    for (int i = 0; fault == NULL && i < sk_X509_num(ca->path); i++) {
        X509 *authority = sk_X509_value(ca->path, i);
        int critical; /* -1: it has none */
        NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(authority, NID_name_constraints, &critical, NULL);
        if (constraints == NULL && critical != -1) {
            fault = "the name constraints of the local CA cannot be read";
        }
        for (size_t j = 0; constraints != NULL && fault == NULL && j < count; j++) {
            fault = name_fault(arena, authority, constraints, subject, names[j]);
        }
        NAME_CONSTRAINTS_free(constraints);
    }
    ERR_clear_error();
    return fault;
}

const char *local_ca_name_fault(struct arena *arena, const struct local_ca *ca, const char *name)
{
    X509_NAME *nobody = X509_NAME_new();
    const char *fault = nobody == NULL ? NULL : local_ca_names_fault(arena, ca, nobody, &name, 1);
    X509_NAME_free(nobody);
    return fault;
}
