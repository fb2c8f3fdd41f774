/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/subject_names.h"

#include <stdlib.h>

enum { QUOTED_NAME_MAX_BYTES = 255 };

static struct bytes string_octets(const ASN1_STRING *string)
{
    return bytes_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static const char *kind_of_name(int general_name_type)
{
    switch (general_name_type) {
    case GEN_EMAIL:
        return "an e-mail address";
    case GEN_URI:
        return "a URI";
    case GEN_DIRNAME:
        return "a directory name";
    case GEN_RID:
        return "a registered ID";
    default:
        return "a name that is neither DNS nor IP";
    }
}

static void note_foreign(struct subject_names *names, const char *words)
{
    if (names->foreign == NULL) {
        names->foreign = words;
    }
}

static const char *quote(struct arena *arena, const char *kind, struct bytes text)
{
    size_t n = text.n < QUOTED_NAME_MAX_BYTES ? text.n : QUOTED_NAME_MAX_BYTES;
    return arena_printf(arena, "%s \"%.*s\", which is not valid", kind, (int)n, (const char *)text.p);
}

static void read_alternative(struct arena *arena, const GENERAL_NAME *name, struct subject_names *out)
{
    int type;
    const void *value = GENERAL_NAME_get0_value(name, &type);
    if (type != GEN_DNS && type != GEN_IPADD) {
        note_foreign(out, kind_of_name(type));
        return;
    }
    struct bytes octets = string_octets(value);
    enum identifier_type identifier_type = type == GEN_DNS ? IDENTIFIER_DNS : IDENTIFIER_IP;
    if (identifier_from_name(identifier_type, octets, &out->identifiers[out->count])) {
        out->count++;
    } else if (type == GEN_DNS) {
        note_foreign(out, quote(arena, "the DNS name", octets));
    } else {
        note_foreign(out, "an IP address that is not valid");
    }
}

static void sort_without_duplicates(struct subject_names *names)
{
    names->count = identifiers_sort(names->identifiers, names->count);
}

static void read_common_name(struct arena *arena, const ASN1_STRING *string, struct subject_names *out)
{
    unsigned char *utf8 = NULL;
    int length = ASN1_STRING_to_UTF8(&utf8, string);
    struct bytes text = length < 0 ? (struct bytes){0} : arena_copy(arena, bytes_of(utf8, (size_t)length));
    OPENSSL_free(utf8);
    if (length < 0) {
        note_foreign(out, "a common name that cannot be read");
        return;
    }
    if (text.n == 0) {
        return;
    }
    if (out->has_common_name) {
        note_foreign(out, "a second common name");
        return;
    }
    out->has_common_name = identifier_parse(arena, BYTES_LITERAL("ip"), text, &out->common_name) == NULL ||
                           identifier_from_name(IDENTIFIER_DNS, text, &out->common_name);
    if (!out->has_common_name) {
        note_foreign(out, quote(arena, "the common name", text));
    }
}

static void read_subject(struct arena *arena, const X509_NAME *subject, struct subject_names *out)
{
    for (int i = 0; i < X509_NAME_entry_count(subject); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int type = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        if (type == NID_commonName) {
            read_common_name(arena, X509_NAME_ENTRY_get_data(entry), out);
        } else if (type == NID_pkcs9_emailAddress) {
            note_foreign(out, "an e-mail address in its subject");
        }
    }
}

void subject_names_read(struct arena *arena, const X509_NAME *subject, const GENERAL_NAMES *alternatives,
                        struct subject_names *out)
{
    *out = (struct subject_names){0};
    int count = alternatives == NULL ? 0 : sk_GENERAL_NAME_num(alternatives);
    out->identifiers = arena_alloc_array(arena, (size_t)count, sizeof *out->identifiers);
    for (int i = 0; i < count; i++) {
        read_alternative(arena, sk_GENERAL_NAME_value(alternatives, i), out);
    }
    sort_without_duplicates(out);
    read_subject(arena, subject, out);
}

void subject_names_merge_common_name(struct arena *arena, struct subject_names *names)
{
    if (!names->has_common_name) {
        return;
    }
    struct identifier *merged = arena_alloc_array(arena, names->count + 1, sizeof *merged);
    if (names->count > 0) {
        memcpy(merged, names->identifiers, names->count * sizeof *merged);
    }
    merged[names->count++] = names->common_name;
    names->identifiers = merged;
    sort_without_duplicates(names);
}

const char *subject_names_fault(struct arena *arena, const struct subject_names *names,
                                const struct identifier *identifiers, size_t count, const char *holder)
{
    if (names->foreign != NULL) {
        return arena_printf(arena, "the %s holds %s", holder, names->foreign);
    }
    struct subject_names wanted = {.count = count};
    wanted.identifiers = arena_alloc_array(arena, count, sizeof *wanted.identifiers);
    if (count > 0) {
        memcpy(wanted.identifiers, identifiers, count * sizeof *identifiers);
    }
    sort_without_duplicates(&wanted);

    size_t have = 0;
    size_t want = 0;
    while (have < names->count || want < wanted.count) {
        int order = have == names->count ? 1
                    : want == wanted.count
                        ? -1
                        : identifier_compare(&names->identifiers[have], &wanted.identifiers[want]);
        if (order > 0) {
            return arena_printf(arena, "identifier %s is not in the %s", wanted.identifiers[want].value,
                                holder);
        }
        if (order < 0) {
            return arena_printf(arena, "the %s holds %s, which is not in the order", holder,
                                names->identifiers[have].value);
        }
        have++;
        want++;
    }
    if (names->has_common_name && bsearch(&names->common_name, wanted.identifiers, wanted.count,
                                          sizeof *wanted.identifiers, identifier_compare) == NULL) {
        return arena_printf(arena, "the common name %s of the %s is not in the order",
                            names->common_name.value, holder);
    }
    return NULL;
}
