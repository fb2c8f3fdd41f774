/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include "acme/base/file.h"
#include "stepca/provisioner_extension.h"
#include "stepca/request_log.h"

LEAK_CHECKED_SUITE(provisioner_extension);

Test(provisioner_extension, real_certificates_name_their_provisioner)
{
    struct arena *arena = arena_new();
    struct bytes text, der;
    size_t by_key = 0, by_acme = 0;
    char *rest = NULL;
    cr_assert(file_read(arena, ACMEGATE_TEST_DATA "/step-ca-request-log.txt", 1 << 20, &text));
    for (char *line = strtok_r(arena_string(arena, text), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        struct stepca_signed_by by;
        if (request_log_read(arena, bytes_from_string(line), &der) != REQUEST_LOG_CERTIFICATE)
            continue;
        const uint8_t *at = der.p;
        autofree_x509 X509 *certificate = d2i_X509(NULL, &at, (long)der.n);
        cr_assert(stepca_signed_by(arena, certificate, &by), "%s", line);
        by_key += strcmp(by.type, "JWK") == 0 && strcmp(by.name, "acmegate") == 0;
        by_acme += strcmp(by.type, "ACME") == 0 && strcmp(by.name, "acme") == 0;
    }
    cr_expect_eq(by_key, 8);
    cr_expect_eq(by_acme, 4);
    arena_free(arena);
}

static const struct {
    const char *der; /* of the extension's value */
    size_t n;
    const char *type; /* NULL: it is not read */
    const char *name;
} cases[] = {
    {"\x30\x09\x02\x01\x06\x04\x02"
     "ab\x04\x00",
     11, "ACME", "ab"},
    {"\x30\x07\x02\x01\x63\x04\x02"
     "ab",
     9, "unknown", "ab"},
    {"\x30\x07\x02\x01\xff\x04\x02"
     "ab",
     9, "unknown", "ab"},
    {"\x30\x0f\x02\x09\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x04\x02"
     "ab",
     17, "unknown", "ab"},
    {"\x30\x07\x02\x01\x01\x04\x02"
     "a\x1b",
     9, "JWK", "a?"},
    {"\x30\x05\x02\x01\x01\x04\x00", 7, NULL, NULL},
    {"\x30\x03\x02\x01\x01", 5, NULL, NULL},
    {"\x30\x07\x02\x01\x01\x0c\x02"
     "ab",
     9, NULL, NULL},
    {"\x30\x08\x04\x02"
     "ab\x04\x02"
     "ab",
     10, NULL, NULL},
    {"\x30\x20\x02\x01\x06\x04\x02"
     "ab",
     9, NULL, NULL},
    {"ab", 2, NULL, NULL},
    {"", 0, NULL, NULL},
};

static void add_extension(X509 *certificate, const char *der, size_t n)
{
    ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.37476.9000.64.1", 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    cr_assert_eq(ASN1_OCTET_STRING_set(data, (const uint8_t *)der, (int)n), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, data);
    cr_assert_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(object);
}

Test(provisioner_extension, what_is_broken_names_nobody)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        struct stepca_signed_by by;
        autofree_x509 X509 *certificate = X509_new();
        add_extension(certificate, cases[i].der, cases[i].n);
        cr_expect_eq(stepca_signed_by(arena, certificate, &by), cases[i].type != NULL, "case %zu", i);
        if (cases[i].type != NULL) {
            cr_expect_str_eq(by.type, cases[i].type);
            cr_expect_str_eq(by.name, cases[i].name);
        }
        arena_free(arena);
    }
}

Test(provisioner_extension, it_may_be_left_out)
{
    struct arena *arena = arena_new();
    struct stepca_signed_by by;
    autofree_x509 X509 *certificate = fixture_certificate("x");
    cr_expect_not(stepca_signed_by(arena, certificate, &by));
    arena_free(arena);
}
