/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/provisioner_extension.h"

#include <openssl/asn1.h>
#include <openssl/err.h>

enum { NAME_MAX_BYTES = 128 };

static const char extension_oid[] = "1.3.6.1.4.1.37476.9000.64.1";

/* provisioner.Type of step-ca's authority/provisioner/provisioner.go */
static const char *const types[] = {NULL,   "JWK", "OIDC",  "GCP",    "AWS",  "Azure",
                                    "ACME", "X5C", "K8sSA", "SSHPOP", "SCEP", "Nebula"};

static void objects_release(ASN1_OBJECT **object)
{
    ASN1_OBJECT_free(*object);
}

static void sequence_release(ASN1_SEQUENCE_ANY **sequence)
{
    sk_ASN1_TYPE_pop_free(*sequence, ASN1_TYPE_free);
}

static const ASN1_OCTET_STRING *find_extension(const X509 *certificate)
{
    [[gnu::cleanup(objects_release)]] ASN1_OBJECT *object = OBJ_txt2obj(extension_oid, 1);
    int at = object == NULL ? -1 : X509_get_ext_by_OBJ(certificate, object, -1);
    return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(certificate, at));
}

static const char *type_name(const ASN1_INTEGER *number)
{
    int64_t value = 0;
    bool known = ASN1_INTEGER_get_int64(&value, number) == 1 && value > 0 &&
                 value < (int64_t)(sizeof types / sizeof *types);
    return known ? types[value] : "unknown";
}

/* SEQUENCE { type INTEGER, name OCTET STRING, … } */
static bool read_sequence(struct arena *arena, const ASN1_OCTET_STRING *data, struct stepca_signed_by *out)
{
    const uint8_t *at = ASN1_STRING_get0_data(data);
    [[gnu::cleanup(sequence_release)]] ASN1_SEQUENCE_ANY *sequence =
        d2i_ASN1_SEQUENCE_ANY(NULL, &at, ASN1_STRING_length(data));
    if (sequence == NULL || sk_ASN1_TYPE_num(sequence) < 2)
        return false;
    const ASN1_TYPE *type = sk_ASN1_TYPE_value(sequence, 0), *name = sk_ASN1_TYPE_value(sequence, 1);
    if (type->type != V_ASN1_INTEGER || name->type != V_ASN1_OCTET_STRING)
        return false;
    struct bytes text = bytes_of(ASN1_STRING_get0_data(name->value.octet_string),
                                 (size_t)ASN1_STRING_length(name->value.octet_string));
    *out = (struct stepca_signed_by){.type = type_name(type->value.integer),
                                     .name = arena_printable(arena, text, NAME_MAX_BYTES)};
    return text.n != 0;
}

bool stepca_signed_by(struct arena *arena, const X509 *certificate, struct stepca_signed_by *out)
{
    const ASN1_OCTET_STRING *data = find_extension(certificate);
    bool read = data != NULL && read_sequence(arena, data, out);
    ERR_clear_error();
    return read;
}
