/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "acme/base/buffer.h"
#include "acme/pki/certificate.h"

enum {
    REMARKS_MAX_BYTES = 1024,
    TOLD_MAX = 4,                    /* of one type: a client chooses how many there are */
    COMMON_NAME_MAX_CHARACTERS = 64, /* RFC 5280, appendix A: ub-common-name */
};

struct remarks {
    struct buffer text;
    size_t names_told, extensions_told;
};

/* The DNS names and addresses, sorted, duplicates included. */
struct name_list {
    struct identifier *identifiers;
    size_t count;
};

static void begin_remark(struct remarks *remarks)
{
    if (remarks->text.n != 0)
        buffer_append_string(&remarks->text, "; ");
}

/* ---- names that the CSR repeats ---- */

static struct name_list read_list(struct arena *arena, const GENERAL_NAMES *names)
{
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    struct name_list list = {.identifiers =
                                 arena_alloc_array(arena, (size_t)count, sizeof list.identifiers[0])};
    for (int i = 0; i < count; i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type != GEN_DNS && type != GEN_IPADD)
            continue;
        struct bytes octets = bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        list.count += identifier_from_name(type == GEN_DNS ? IDENTIFIER_DNS : IDENTIFIER_IP, octets,
                                           &list.identifiers[list.count]);
    }
    if (list.count != 0)
        qsort(list.identifiers, list.count, sizeof list.identifiers[0], identifier_compare);
    return list;
}

/* Counts the copies of the name at `at`. */
static size_t times_at(const struct name_list *list, size_t at)
{
    size_t end = at;
    while (end < list->count && identifier_compare(&list->identifiers[end], &list->identifiers[at]) == 0)
        end++;
    return end - at;
}

static size_t times_of(const struct name_list *list, const struct identifier *name)
{
    size_t times = 0;
    for (size_t i = 0; i < list->count; i++)
        times += identifier_compare(&list->identifiers[i], name) == 0;
    return times;
}

static void remark_on_repeated_names(struct remarks *remarks, struct arena *arena,
                                     const STACK_OF(X509_EXTENSION) * requested, const X509 *leaf)
{
    autofree_general_names GENERAL_NAMES *wanted =
        X509V3_get_d2i(requested, NID_subject_alt_name, NULL, NULL);
    autofree_general_names GENERAL_NAMES *given = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    struct name_list in_csr = read_list(arena, wanted);
    struct name_list in_leaf = read_list(arena, given);
    for (size_t i = 0, times; i < in_csr.count; i += times) {
        times = times_at(&in_csr, i);
        if (times == 1 || ++remarks->names_told > TOLD_MAX)
            continue;
        begin_remark(remarks);
        buffer_printf(&remarks->text, "the CSR names %s %zu times, the certificate %zu",
                      in_csr.identifiers[i].value, times, times_of(&in_leaf, &in_csr.identifiers[i]));
    }
}

/* ---- extensions that the CA left out ---- */

/* A certificate without basicConstraints means the same as one with CA:FALSE. */
static bool is_worth_a_word(int nid)
{
    return nid != NID_subject_alt_name && nid != NID_basic_constraints;
}

static const char *name_of_extension(struct arena *arena, const ASN1_OBJECT *object)
{
    char text[80] = "";
    if (OBJ_obj2nid(object) == NID_tlsfeature)
        return "must-staple (TLS feature)";
    OBJ_obj2txt(text, sizeof text, object, 0);
    return arena_duplicate(arena, text);
}

static void remark_on_extensions(struct remarks *remarks, struct arena *arena,
                                 const STACK_OF(X509_EXTENSION) * requested, const X509 *leaf)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(requested); i++) {
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(sk_X509_EXTENSION_value(requested, i));
        if (!is_worth_a_word(OBJ_obj2nid(object)) || X509_get_ext_by_OBJ(leaf, object, -1) >= 0 ||
            ++remarks->extensions_told > TOLD_MAX)
            continue;
        begin_remark(remarks);
        buffer_printf(&remarks->text, "the CSR asks for %s, the certificate lacks it",
                      name_of_extension(arena, object));
    }
}

/* ---- the common name ---- */

static void remark_on_common_name(struct remarks *remarks, const X509 *leaf)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    int length =
        index < 0 ? 0 : ASN1_STRING_length(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    if (length <= COMMON_NAME_MAX_CHARACTERS)
        return;
    begin_remark(remarks);
    buffer_printf(
        &remarks->text,
        "the certificate's common name has %d octets, RFC 5280 allows %d characters: a template at the "
        "CA can leave it out",
        length, COMMON_NAME_MAX_CHARACTERS);
}

static void extensions_release(STACK_OF(X509_EXTENSION) * *extensions)
{
    sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

const char *certificate_remarks(struct arena *arena, X509_REQ *csr, const X509 *leaf)
{
    struct remarks remarks = {0};
    buffer_init(&remarks.text, arena, REMARKS_MAX_BYTES);
    [[gnu::cleanup(extensions_release)]] STACK_OF(X509_EXTENSION) *requested = X509_REQ_get_extensions(csr);
    remark_on_repeated_names(&remarks, arena, requested, leaf);
    remark_on_extensions(&remarks, arena, requested, leaf);
    remark_on_common_name(&remarks, leaf);
    return remarks.text.n == 0 ? NULL : buffer_string(&remarks.text);
}
