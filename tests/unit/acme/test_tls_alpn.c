/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/tls_alpn.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(tls_alpn);

/* RFC 8738 §6, RFC 3596 §2.5. */
Test(tls_alpn, an_address_is_asked_for_by_its_name_in_the_reverse_tree)
{
    static const struct {
        const char *identifier, *server_name;
    } cases[] = {
        {"dns:www.example.org", "www.example.org"},
        {"ip:192.0.2.7", "7.2.0.192.in-addr.arpa"},
        {"ip:2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count;
        const struct identifier *identifier = pki_identifiers(arena, cases[i].identifier, &count);
        cr_expect_str_eq(tls_alpn_server_name(arena, identifier), cases[i].server_name);
    }
    arena_free(arena);
}

Test(tls_alpn, octets_that_are_no_certificate)
{
    struct arena *arena = arena_new();
    size_t count;
    const struct identifier *identifier = pki_identifiers(arena, "dns:www.example.org", &count);
    cr_assert_not_null(tls_alpn_fault(arena, BYTES_LITERAL("\x30\x03\x02\x01\x01"), identifier, "a.b"));
    cr_assert_not_null(tls_alpn_fault(arena, (struct bytes){0}, identifier, "a.b"));
    arena_free(arena);
}
