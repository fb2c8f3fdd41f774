/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/subject.h"

#include <arpa/inet.h>
#include <strings.h>

#include "acme/jose/openssl_handles.h"

enum {
    COMMON_NAME_MAX_CHARACTERS = 64, /* RFC 5280, appendix A: ub-common-name */
    IPV4_BYTES = 4,
    IPV6_BYTES = 16,
};

static GENERAL_NAMES *read_names(X509_REQ *csr)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return names;
}

/* False for a common name that is not text. `*out` is NULL when the CSR has none. */
static bool read_common_name(struct arena *arena, X509_REQ *csr, const char **out)
{
    *out = NULL;
    const X509_NAME *subject = X509_REQ_get_subject_name(csr);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0) {
        return true;
    }
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    bool good = n >= 0 && bytes_is_text(bytes_of(utf8, (size_t)n));
    if (good && n > 0) {
        *out = arena_string(arena, bytes_of(utf8, (size_t)n));
    }
    OPENSSL_free(utf8);
    return good;
}

static const char *address_text(struct arena *arena, const ASN1_OCTET_STRING *address)
{
    int n = ASN1_STRING_length(address);
    char text[INET6_ADDRSTRLEN];
    if (n != IPV4_BYTES && n != IPV6_BYTES) {
        return NULL;
    }
    int family = n == IPV4_BYTES ? AF_INET : AF_INET6;
    if (inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text) == NULL) {
        return NULL;
    }
    return arena_duplicate(arena, text);
}

/* Returns NULL for a type of name that acme/pki/csr.h refuses. */
static const char *name_text(struct arena *arena, const GENERAL_NAME *name)
{
    int type = 0;
    const void *value = GENERAL_NAME_get0_value(name, &type);
    if (type == GEN_IPADD) {
        return address_text(arena, value);
    }
    if (type != GEN_DNS) {
        return NULL;
    }
    struct bytes text = bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return text.n > 0 && bytes_is_text(text) ? arena_string(arena, text) : NULL;
}

static bool contains_ignoring_case(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* step-ca compares sets of names. There each spelling is a name of its own. */
static bool contains(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_address(const char *text)
{
    uint8_t octets[IPV6_BYTES];
    return inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1;
}

const char *stepca_csr_fault(struct arena *arena, X509_REQ *csr)
{
    const char *common_name = NULL;
    if (!read_common_name(arena, csr, &common_name) || common_name == NULL) {
        return NULL;
    }
    bool address = is_address(common_name);
    bool has_others = false;
    autofree_general_names GENERAL_NAMES *names = read_names(csr);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *text = name_text(arena, name);
        if (text != NULL && strcasecmp(text, common_name) == 0) {
            return NULL;
        }
        has_others = has_others || name->type == (address ? GEN_IPADD : GEN_DNS);
    }
    return has_others ? arena_printf(arena,
                                     "its common name %s is not in its subjectAltName; the CA signs only %s "
                                     "that are there: add the common name to it",
                                     common_name, address ? "addresses" : "DNS names")
                      : NULL;
}

static const char *choose_subject(const struct stepca_subject *names, const char *common_name)
{
    if (common_name != NULL) {
        return common_name;
    }
    for (size_t i = 0; i < names->san_count; i++) {
        if (strlen(names->sans[i]) <= COMMON_NAME_MAX_CHARACTERS) {
            return names->sans[i];
        }
    }
    return names->sans[0];
}

bool stepca_subject_from_csr(struct arena *arena, X509_REQ *csr, struct stepca_subject *out)
{
    const char *common_name = NULL;
    if (!read_common_name(arena, csr, &common_name)) {
        return false;
    }
    autofree_general_names GENERAL_NAMES *names = read_names(csr);
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    const char **sans = arena_alloc_array(arena, (size_t)count + 1, sizeof *sans);
    *out = (struct stepca_subject){.sans = sans};
    for (int i = 0; i < count; i++) {
        const char *text = name_text(arena, sk_GENERAL_NAME_value(names, i));
        if (text == NULL) {
            return false;
        }
        if (!contains(sans, out->san_count, text)) {
            sans[out->san_count++] = text;
        }
    }
    /* Only the token's names go into the certificate, and a common name is one of the order's names. */
    if (common_name != NULL && !contains_ignoring_case(sans, out->san_count, common_name)) {
        sans[out->san_count++] = common_name;
    }
    if (out->san_count == 0) {
        return false;
    }
    out->subject = choose_subject(out, common_name);
    return true;
}
