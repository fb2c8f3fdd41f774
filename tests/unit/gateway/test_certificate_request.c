/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/csr.h"
#include "gateway/keys/certificate_request.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(certificate_request);

/* csr_check is the judge of every CSR that comes from outside. */
Test(certificate_request, is_what_finalize_takes_for_its_names)
{
    static const struct {
        const char *type, *value;
    } names[] = {{"dns", "ca.example.org"}, {"ip", "192.0.2.7"}, {"ip", "2001:db8::7"}, {"dns", "b.test"}};
    enum { NAMES = sizeof names / sizeof *names };
    struct arena *arena = arena_new();
    struct identifier identifiers[NAMES];
    for (size_t i = 0; i < NAMES; i++)
        cr_assert_null(identifier_parse(arena, bytes_from_string(names[i].type),
                                        bytes_from_string(names[i].value), &identifiers[i]));
    for (size_t count = 1; count <= NAMES; count++) {
        struct certificate_request made;
        autofree_x509_req X509_REQ *read = NULL;
        cr_assert(certificate_request_make(arena, identifiers, count, &made), "%zu names", count);
        cr_expect_null(csr_check(arena, made.csr_der, identifiers, count, NULL, &read), "%zu names", count);
        cr_expect(read != NULL && EVP_PKEY_eq(X509_REQ_get0_pubkey(read), made.key) == 1);
    }
    arena_free(arena);
}

Test(certificate_request, has_one_name_at_least)
{
    struct arena *arena = arena_new();
    struct certificate_request made;
    cr_expect_not(certificate_request_make(arena, NULL, 0, &made));
    arena_free(arena);
}
