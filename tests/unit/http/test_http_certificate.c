/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of the listeners: the first one, another one, and one that cannot be taken. */
#include "acme/jose/private_key.h"
#include "acme/pki.h"
#include "front.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_certificate);

#define ASK "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static void expect_shown(const char *common_name)
{
    struct client *client = front_client();
    struct client_handshake came = CLIENT_SHAKE(client, .server_name = "localhost");
    cr_assert_eq(came.reason, 0, "%d", came.reason);
    cr_expect_str_eq(came.common_name, common_name);
    client_close(client);
}

Test(http_certificate, nobody_is_accepted_before_there_is_one)
{
    FRONT_START(.tls = true, .no_certificate = true);
    struct client *client = front_client();
    front_pass(0);
    cr_expect_eq(http_server_connections(front.server), 0);
    struct front_identity identity = front_identity("first");
    front_use(&identity);
    cr_expect_eq(CLIENT_SHAKE(client, .root = identity.certificate).reason, 0, "it is trusted by its root");
    cr_expect_eq(client_ask(client, ASK).status, 200);
    client_close(client);
    front_stop();
}

Test(http_certificate, without_TLS_none_is_needed)
{
    FRONT_START();
    struct client *client = front_client();
    cr_expect_eq(client_ask(client, ASK).status, 200);
    client_close(client);
    front_stop();
}

Test(http_certificate, new_connections_of_every_loop_have_the_new_one_and_old_ones_go_on)
{
    enum { LOOPS = 3, MANY = 12 };
    FRONT_START(.tls = true, .loops = LOOPS);
    struct client *old = front_client();
    cr_expect_str_eq(CLIENT_SHAKE(old, .server_name = "localhost").common_name, "first");
    struct front_identity second = front_identity("second");
    front_use(&second);
    for (size_t i = 0; i < MANY; i++)
        expect_shown("second");
    cr_expect_eq(client_ask(old, ASK).status, 200);
    client_close(old);
    front_stop();
}

Test(http_certificate, a_chain_is_sent_whole)
{
    FRONT_START(.tls = true, .no_certificate = true);
    EVP_PKEY *root_key = pki_key(front.arena, "P-256"), *ca_key = pki_key(front.arena, "P-256"),
             *key = pki_key(front.arena, "P-256");
    X509 *root = pki_certificate(
        front.arena, &(struct pki_certificate){
                         .key = root_key, .common_name = "root", .is_ca = true, .not_after = UINT32_MAX});
    X509 *ca = pki_certificate(front.arena, &(struct pki_certificate){.key = ca_key,
                                                                      .signer_key = root_key,
                                                                      .signer = root,
                                                                      .common_name = "ca",
                                                                      .is_ca = true,
                                                                      .not_after = UINT32_MAX});
    X509 *leaf = pki_certificate(front.arena, &(struct pki_certificate){.key = key,
                                                                        .signer_key = ca_key,
                                                                        .signer = ca,
                                                                        .common_name = "leaf",
                                                                        .names = "DNS:localhost",
                                                                        .not_after = UINT32_MAX});
    struct bytes leaf_pem = pki_pem(front.arena, leaf), ca_pem = pki_pem(front.arena, ca);
    const struct front_identity identity = {
        .chain_pem =
            bytes_from_string(arena_printf(front.arena, "%.*s%.*s", (int)leaf_pem.n, (const char *)leaf_pem.p,
                                           (int)ca_pem.n, (const char *)ca_pem.p)),
        .key_pem = private_key_to_pem(front.arena, key, (struct bytes){0}),
    };
    front_use(&identity);
    struct client *client = front_client();
    cr_expect_eq(CLIENT_SHAKE(client, .root = root).reason, 0);
    client_close(client);
    front_stop();
}

static struct bytes of_text(const char *text)
{
    return bytes_from_string(text);
}

Test(http_certificate, one_that_cannot_be_taken_changes_nothing)
{
    FRONT_START(.tls = true, .loops = 2);
    struct front_identity second = front_identity("second"), third = front_identity("third");
    struct bytes encrypted =
        private_key_to_pem(front.arena, pki_key(front.arena, "P-256"), BYTES_LITERAL("password"));
    struct bytes cut = bytes_of(second.chain_pem.p, second.chain_pem.n - 30);
    const struct {
        struct bytes chain, key;
        const char *why;
    } cases[] = {
        {of_text(""), second.key_pem, "the certificate file contains no certificate, or a damaged one"},
        {second.key_pem, second.key_pem, "the certificate file contains no certificate, or a damaged one"},
        {cut, second.key_pem, "the certificate file contains no certificate, or a damaged one"},
        {second.chain_pem, of_text(""), "the key file contains no unencrypted PEM private key"},
        {second.chain_pem, second.chain_pem, "the key file contains no unencrypted PEM private key"},
        {second.chain_pem, encrypted, "the key file contains no unencrypted PEM private key"},
        {second.chain_pem, third.key_pem, "the private key does not belong to the certificate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        cr_expect_null(http_certificate_prepare(front.server, cases[i].chain, cases[i].key, &fault));
        cr_expect_str_eq(fault.message, cases[i].why, "%zu", i);
        front_pass(0);
        expect_shown("first");
    }
    front_stop();
}
