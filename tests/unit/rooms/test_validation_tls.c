/* SPDX-License-Identifier: Apache-2.0 */
/* tls-alpn-01: one handshake at each address, and the certificate that it shows. */
#include <openssl/sha.h>

#include "acme/pki.h"
#include "leaks.h"
#include "validation_try.h"

LEAK_CHECKED_SUITE(validation_tls);

#define ASKED           "A www.test\nTLS acme-tls/1 www.test at 10.0.0.1\n"
#define SHOWN(what)     "TLS to www.test at 10.0.0.1 port 5001: " what
#define NOT_AGREED      "it did not agree on the protocol acme-tls/1"
#define NO_PROOF(fault) "it showed a certificate that does not prove it: " fault
#define OTHER_HASH      "its acmeIdentifier extension is not the SHA-256 of the expected key authorization"

/* A self-signed certificate for the name, with the extension of RFC 8737 §3 for a key authorization. */
static struct bytes proof(struct arena *arena, const char *names, const char *key_authorization)
{
    EVP_PKEY *key = pki_key(arena, "P-256");
    const struct pki_certificate wanted = {
        .key = key, .common_name = "proof", .names = names, .not_after = INT64_C(4000000000)};
    X509 *certificate = pki_certificate(arena, &wanted);
    uint8_t value[2 + SHA256_DIGEST_LENGTH] = {V_ASN1_OCTET_STRING, SHA256_DIGEST_LENGTH};
    SHA256((const uint8_t *)key_authorization, strlen(key_authorization), value + 2);
    ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    cr_assert(ASN1_OCTET_STRING_set(octets, value, sizeof value) == 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, type, 1, octets);
    cr_assert(X509_add_ext(certificate, extension, -1) == 1);
    cr_assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(type);
    return pki_der(arena, certificate);
}

static struct arena *arena;
static struct bytes right, wrong, of_address;

static void make_proofs(void)
{
    arena = arena_new();
    right = proof(arena, "DNS:www.test", TRY_KEY_AUTHORIZATION);
    wrong = proof(arena, "DNS:www.test", "token.other");
    of_address = proof(arena, "IP:10.0.0.9", TRY_KEY_AUTHORIZATION);
}

/* Each row of peers is at 10.0.0.1, the first address, or at 10.0.0.2, the second. */
static const struct {
    const char *name, *addresses;
    struct world_peer peers[2];
    struct bytes *certificates[2];
    const char *expected;
    enum problem_type type;
    enum cause cause;
    bool passing;
    const char *tried, *asked;
} cases[] = {
    {"the certificate",
     "10.0.0.1",
     {{"10.0.0.1", .alpn_agreed = true}},
     {&right},
     .tried = SHOWN("the certificate is as expected"),
     .asked = ASKED},
    {"another protocol",
     "10.0.0.1",
     {{"10.0.0.1", .alpn_agreed = false}},
     {&right},
     .expected = "www.test at 10.0.0.1 port 5001 answered, but " NOT_AGREED ".",
     .type = PROBLEM_UNAUTHORIZED,
     .cause = CAUSE_TLS_ALPN_NOT_AGREED,
     .tried = SHOWN(NOT_AGREED),
     .asked = ASKED},
    {"another certificate",
     "10.0.0.1",
     {{"10.0.0.1", .alpn_agreed = true}},
     {&wrong},
     .expected = "www.test at 10.0.0.1 port 5001 answered, but " NO_PROOF(OTHER_HASH) ".",
     .type = PROBLEM_UNAUTHORIZED,
     .cause = CAUSE_TLS_ALPN_WRONG_CERTIFICATE,
     .tried = SHOWN(NO_PROOF(OTHER_HASH)),
     .asked = ASKED},
    {"the first certificate decides",
     "10.0.0.1 10.0.0.2",
     {{"10.0.0.1", .alpn_agreed = true}, {"10.0.0.2", .alpn_agreed = true}},
     {&wrong, &right},
     .expected = "www.test at 10.0.0.1 port 5001 answered, but " NO_PROOF(OTHER_HASH) ".",
     .type = PROBLEM_UNAUTHORIZED,
     .cause = CAUSE_TLS_ALPN_WRONG_CERTIFICATE,
     .tried = SHOWN(NO_PROOF(OTHER_HASH)),
     .asked = ASKED},
    {"the second address answers",
     "10.0.0.1 10.0.0.2",
     {{"10.0.0.2", .alpn_agreed = true}},
     {&right},
     .tried = SHOWN("Connection refused") "; TLS to www.test at 10.0.0.2 port 5001: the certificate is as "
                                          "expected",
     .asked = ASKED "TLS acme-tls/1 www.test at 10.0.0.2\n"},
    {"a handshake that fails at the first of two",
     "10.0.0.1 10.0.0.2",
     {{"10.0.0.1", .error = "alert", .fault = OUTBOUND_TLS_FAILED, .connected = true},
      {"10.0.0.2", .alpn_agreed = true}},
     {NULL, &right},
     .tried = SHOWN("alert") "; TLS to www.test at 10.0.0.2 port 5001: the certificate is as expected",
     .asked = ASKED "TLS acme-tls/1 www.test at 10.0.0.2\n"},
    {"a handshake that fails at the last",
     "10.0.0.1",
     {{"10.0.0.1", .error = "alert", .fault = OUTBOUND_TLS_FAILED, .connected = true}},
     {NULL},
     .expected = "www.test at 10.0.0.1 port 5001: the TLS handshake failed: alert",
     .type = PROBLEM_TLS,
     .passing = true,
     .tried = SHOWN("alert"),
     .asked = ASKED},
    {"nobody listens",
     "10.0.0.1",
     {{"10.0.0.1", .error = "too late", .fault = OUTBOUND_TIMED_OUT}},
     {NULL},
     .expected = "No address of www.test answered: " SHOWN("too late"),
     .type = PROBLEM_CONNECTION,
     .cause = CAUSE_CONNECTION_TIMED_OUT,
     .passing = true,
     .tried = SHOWN("too late"),
     .asked = ASKED},
    {"a forbidden address",
     "127.0.0.1",
     {{"127.0.0.1", .alpn_agreed = true}},
     {&right},
     .expected = "www.test has the address 127.0.0.1 (loopback), which validations may not dial "
                 "(validation.allow_addresses)",
     .type = PROBLEM_CONNECTION,
     .cause = CAUSE_ADDRESS_FORBIDDEN,
     .tried = "www.test has the address 127.0.0.1 (loopback), which validations may not dial "
              "(validation.allow_addresses)",
     .asked = "A www.test\n"},
};

Test(validation_tls, the_certificate_decides)
{
    make_proofs();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct world_host hosts[] = {{"www.test", .addresses = cases[i].addresses}, {0}};
        struct world_peer peers[] = {cases[i].peers[0], cases[i].peers[1], {0}};
        for (size_t j = 0; j < 2; j++)
            if (cases[i].certificates[j] != NULL)
                peers[cases[i].peers[1].address == NULL ? 0 : j].certificate = *cases[i].certificates[j];
        const struct validation_case one = {
            cases[i].name,
            CHALLENGE_TLS_ALPN_01,
            "www.test",
            .world = {.hosts = hosts, .peers = peers},
            .expected = cases[i].expected,
            .type = cases[i].type,
            .cause = cases[i].cause,
            .passing = cases[i].passing,
            .tried = cases[i].tried,
            .asked = cases[i].asked,
        };
        validation_try(&one, NULL, 0);
    }
    arena_free(arena);
}

Test(validation_tls, an_address_is_asked_for_by_its_name_in_the_reverse_tree)
{
    make_proofs();
    const struct world_host hosts[] = {{"10.0.0.9", .addresses = "10.0.0.9"}, {0}};
    const struct world_peer peers[] = {{"10.0.0.9", .certificate = of_address, .alpn_agreed = true}, {0}};
    const struct validation_case one = {
        "an address",
        CHALLENGE_TLS_ALPN_01,
        "10.0.0.9",
        .world = {.hosts = hosts, .peers = peers},
        .tried = "TLS to 10.0.0.9 at 10.0.0.9 port 5001: the certificate is as expected",
        .asked = "A 10.0.0.9\nTLS acme-tls/1 9.0.0.10.in-addr.arpa at 10.0.0.9\n",
    };
    validation_try(&one, NULL, 0);
    arena_free(arena);
}

Test(validation_tls, a_look_up_that_fails_may_pass)
{
    const struct validation_case one = {
        "no such name",
        CHALLENGE_TLS_ALPN_01,
        "www.test",
        .expected = "The look-up of www.test failed: no such name",
        .type = PROBLEM_DNS,
        .cause = CAUSE_NAME_SERVER_FAILED,
        .passing = true,
        .tried = "look-up of www.test: no such name",
        .asked = "A www.test\n",
    };
    validation_try(&one, NULL, 0);
}

Test(validation_tls, a_type_that_nobody_knows_proves_nothing)
{
    const struct validation_case one = {
        "the type behind the last",
        CHALLENGE_TYPE_END,
        "www.test",
        .expected = "Unknown challenge type.",
        .type = PROBLEM_SERVER_INTERNAL,
        .tried = "nothing: unknown challenge type",
        .asked = "",
    };
    validation_try(&one, NULL, 0);
}
