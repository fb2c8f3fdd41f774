/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include "acme/base/unconst.h"
#include "stepca/subject.h"

LEAK_CHECKED_SUITE(subject);

#define LONG_LABEL "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdef"
#define LONG_NAME  LONG_LABEL ".internal"

struct subject_case {
    const char *common_name, *names;
    const char *subject, *sans; /* joined by commas; NULL when it must be refused */
};

static const struct subject_case subject_cases[] = {
    {"a.internal", "DNS:b.internal,DNS:a.internal", "a.internal", "b.internal,a.internal"},
    {NULL, "DNS:b.internal,DNS:a.internal", "b.internal", "b.internal,a.internal"},
    {NULL, "DNS:MiXed.Internal", "MiXed.Internal", "MiXed.Internal"},
    {"a.internal", NULL, "a.internal", "a.internal"},
    {"A.internal", "DNS:a.internal", "A.internal", "a.internal"},
    {"host.internal", "IP:10.0.0.1", "host.internal", "10.0.0.1,host.internal"},
    {NULL, "IP:10.0.0.1,IP:2001:DB8:0:0:0:0:0:1", "10.0.0.1", "10.0.0.1,2001:db8::1"},
    {NULL, "DNS:a.internal,DNS:b.internal,DNS:a.internal", "a.internal", "a.internal,b.internal"},
    {"a.internal", "DNS:a.internal,DNS:A.internal,DNS:a.internal", "a.internal", "a.internal,A.internal"},
    {NULL, "IP:10.0.0.1,IP:10.0.0.1", "10.0.0.1", "10.0.0.1"},
    {NULL, "DNS:*.a.internal", "*.a.internal", "*.a.internal"},
    {NULL, "DNS:" LONG_NAME ",DNS:b.internal", "b.internal", LONG_NAME ",b.internal"},
    {NULL, "DNS:" LONG_NAME, LONG_NAME, LONG_NAME},
    {NULL, NULL, NULL, NULL},
    {NULL, "email:root@a.internal", NULL, NULL},
    {"a.internal", "DNS:a.internal,URI:https://a.internal/", NULL, NULL},
};

/* A common name that step-ca does not find among the names of its kind. */
Test(subject, P3_a_common_name_stands_among_the_names_of_its_kind)
{
    static const struct {
        const char *common_name, *names;
        const char *said; /* NULL: step-ca signs it */
    } cases[] = {
        {NULL, "DNS:a.internal", NULL},
        {"a.internal", NULL, NULL},
        {"a.internal", "DNS:a.internal,DNS:b.internal", NULL},
        {"A.internal", "DNS:b.internal,DNS:a.internal", NULL},
        {"a.internal", "IP:10.0.0.1", NULL},
        {"10.0.0.1", "DNS:a.internal", NULL},
        {"10.0.0.1", "DNS:a.internal,IP:10.0.0.1", NULL},
        {"2001:db8::1", "IP:2001:DB8:0:0:0:0:0:1", NULL},
        {"a.internal", "DNS:b.internal", "common name a.internal is not in its subjectAltName"},
        {"a.internal", "DNS:b.internal,IP:10.0.0.1", "signs only DNS names"},
        {"10.0.0.2", "DNS:a.internal,IP:10.0.0.1", "signs only addresses"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        autofree_x509_req X509_REQ *csr = fixture_csr(cases[i].common_name, cases[i].names);
        const char *fault = stepca_csr_fault(arena, csr);
        cr_expect_eq(fault == NULL, cases[i].said == NULL, "%zu: %s", i, fault == NULL ? "" : fault);
        if (fault != NULL && cases[i].said != NULL) {
            cr_expect_not_null(strstr(fault, cases[i].said), "%zu: %s", i, fault);
        }
        arena_free(arena);
    }
}

static const char *join(struct arena *arena, const struct stepca_subject *subject)
{
    const char *text = "";
    for (size_t i = 0; i < subject->san_count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ",", subject->sans[i]);
    }
    return text;
}

Test(subject, is_the_common_name_or_the_first_short_san_and_spelling_is_kept)
{
    for (size_t i = 0; i < sizeof subject_cases / sizeof subject_cases[0]; i++) {
        const struct subject_case *expected = &subject_cases[i];
        struct arena *arena = arena_new();
        autofree_x509_req X509_REQ *csr = fixture_csr(expected->common_name, expected->names);
        struct stepca_subject subject;
        bool good = stepca_subject_from_csr(arena, csr, &subject);
        cr_assert_eq(good, expected->subject != NULL, "%zu", i);
        if (good) {
            cr_expect_str_eq(subject.subject, expected->subject, "%zu", i);
            cr_expect_str_eq(join(arena, &subject), expected->sans, "%zu", i);
        }
        arena_free(arena);
    }
}

/* A NUL in it would make another name of it for whoever reads C strings. */
Test(subject, a_common_name_that_is_no_text_is_refused)
{
    static const struct {
        const char *name;
        int n, type;
        bool good;
    } cases[] = {
        {"a.internal", 10, V_ASN1_UTF8STRING, true},
        {"a.internal\0.example", 19, V_ASN1_UTF8STRING, false},
        {"\xff", 1, V_ASN1_UTF8STRING, false},
        {"\0a", 2, V_ASN1_BMPSTRING, true},
        {"\0\0", 2, V_ASN1_BMPSTRING, false},
        {"abc", 3, V_ASN1_BMPSTRING, false}, /* half a character */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_subject subject;
        autofree_x509_req X509_REQ *csr = fixture_csr("x.internal", NULL);
        /* in its place: OpenSSL would look at what it is given */
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(X509_REQ_get_subject_name(csr), 0);
        ASN1_STRING *value = ASN1_STRING_type_new(cases[i].type);
        cr_assert_eq(ASN1_STRING_set(value, cases[i].name, cases[i].n), 1);
        cr_assert_eq(ASN1_STRING_copy(UNCONST(ASN1_STRING *, X509_NAME_ENTRY_get_data(entry)), value), 1);
        ASN1_STRING_free(value);
        cr_expect_eq(stepca_subject_from_csr(arena, csr, &subject), cases[i].good, "%zu", i);
        arena_free(arena);
    }
}
