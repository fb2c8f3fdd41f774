/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate sign` by a step-ca. */
#include <unistd.h>

#include "acme/base/json.h"
#include "acme/pki.h"
#include "gateway/cli/cli.h"
#include "sign_site.h"

LEAK_CHECKED_SUITE(cli_sign_stepca);

#define CA "https://ca.test:9000/1.0/"
#define JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\""
#define PROVISIONERS \
    "{\"provisioners\":[{\"type\":\"JWK\",\"name\":\"acmegate\",\"key\":{" JWK ",\"kid\":\"k1\"}," \
    "\"claims\":{\"maxTLSCertDuration\":\"48h\",\"defaultTLSCertDuration\":\"24h\"}}],\"nextCursor\":\"\"}"

static struct world_page pages[8];

/* A CA whose root is pinned; it answers `status` and `body` to a request for a certificate. */
static void answer(const struct world_page *sign)
{
    memset(pages, 0, sizeof pages);
    pages[0] = (struct world_page){.url = CA "provisioners?limit=100", .status = 200, .body = PROVISIONERS};
    pages[1] = (struct world_page){.url = CA "intermediates", .status = 404};
    pages[2] = (struct world_page){.url = CA "roots", .status = 404};
    pages[3] = *sign;
    pages[3].url = CA "sign";
    world.pages = pages;
}

struct ca {
    EVP_PKEY *root_key, *intermediate_key;
    X509 *root, *intermediate;
};

static struct ca make_ca(void)
{
    struct ca ca = {.root_key = pki_key(shell.arena, "P-256"),
                    .intermediate_key = pki_key(shell.arena, "P-256")};
    struct pki_certificate root = {.key = ca.root_key,
                                   .common_name = "Root",
                                   .is_ca = true,
                                   .not_before = NOW - DAY_S,
                                   .not_after = NOW + 100 * DAY_S};
    ca.root = pki_certificate(shell.arena, &root);
    struct pki_certificate intermediate = root;
    intermediate.key = ca.intermediate_key;
    intermediate.signer_key = ca.root_key;
    intermediate.signer = ca.root;
    intermediate.common_name = "Intermediate";
    intermediate.serial_hex = "22";
    ca.intermediate = pki_certificate(shell.arena, &intermediate);
    shell_write("root.crt", arena_string(shell.arena, pki_pem(shell.arena, ca.root)));
    return ca;
}

/* What the CA answers with a certificate of these names. */
static const char *signed_reply(const struct ca *ca, const char *names)
{
    const struct pki_certificate wanted = {.key = sign_key,
                                           .signer_key = ca->intermediate_key,
                                           .signer = ca->intermediate,
                                           .names = names,
                                           .serial_hex = "1a2b",
                                           .extended_key_usage = "serverAuth,clientAuth",
                                           .key_usage = "critical,digitalSignature",
                                           .authority_key = ca->intermediate_key,
                                           .not_before = SHELL_NOW - 60,
                                           .not_after = SHELL_NOW + 12 * HOUR_S};
    X509 *leaf = pki_certificate(shell.arena, &wanted);
    struct json_writer *writer = json_writer_new(shell.arena, 64 * 1024);
    json_begin_object(writer);
    json_put_string(writer, "crt", arena_string(shell.arena, pki_pem(shell.arena, leaf)));
    json_put_string(writer, "ca", arena_string(shell.arena, pki_pem(shell.arena, ca->intermediate)));
    json_key(writer, "certChain");
    json_begin_array(writer);
    json_write_bytes(writer, pki_pem(shell.arena, leaf));
    json_write_bytes(writer, pki_pem(shell.arena, ca->intermediate));
    json_end_array(writer);
    json_end_object(writer);
    return arena_string(shell.arena, json_writer_finish(writer));
}

Test(cli_sign_stepca, a_stepca_signs)
{
    sign_begin();
    struct ca ca = make_ca();
    answer(&(struct world_page){.status = 201, .body = signed_reply(&ca, "DNS:www.test")});
    struct output output = run("sign %s --profile default", sign_csr_file("DNS:www.test"));
    expect_output("sign", &output, CLI_OK, "-----BEGIN CERTIFICATE-----\n", "");
    cr_expect_eq(times_asked("POST " CA "sign"), 1, "%s", world.asked);
    cr_expect_str_eq(sign_stored("serial || ' ' || status"), "1a2b good");
    /* The same certificate again is another's: nobody gets it. */
    output = run("sign %s --profile default", sign_csr_file("DNS:www.test"));
    expect_output("of before", &output, CLI_FAILED, "",
                  "the CA answered with a certificate that it had issued before: it is not given out\n");
    cr_expect_not_null(strstr(shell_events(),
                              "\nsign.failed operator www.test by profile default of issuer main: the CA "
                              "answered with a certificate that it had issued before, token "),
                       "%s", shell_events());
    shell_end();
}

Test(cli_sign_stepca, a_misfit_is_stored_to_be_revoked)
{
    sign_begin();
    struct ca ca = make_ca();
    answer(&(struct world_page){.status = 201, .body = signed_reply(&ca, "DNS:other.test")});
    const char *out = shell_path("host.crt");
    struct output output = run("sign %s --profile default --out %s", sign_csr_file("DNS:www.test"), out);
    expect_output("misfit", &output, CLI_FAILED, "",
                  "acmegate sign: the CA's certificate does not fit the request (");
    cr_expect_not_null(strstr(output.errors, "): it is not given out, and the server revokes it\n"), "%s",
                       output.errors);
    cr_expect_eq(access(out, F_OK), -1, "the file is removed");
    cr_expect_str_eq(sign_stored("status || ' ' || (revocation_requested_at IS NOT NULL)"), "rejected 1");
    cr_expect_not_null(strstr(shell_events(),
                              "\ncertificate.rejected operator www.test by profile default of issuer main: "),
                       "%s", shell_events());
    shell_end();
}

Test(cli_sign_stepca, answers_without_a_certificate)
{
    static const struct {
        const char *name;
        struct world_page page;
        const char *words, *event;
    } cases[] = {
        {"refused",
         {.status = 403, .body = "{\"status\":403,\"message\":\"not that name\"}"},
         "acmegate sign: the CA refused: ",
         "sign.refused"},
        {"a token refused",
         {.status = 401, .body = "{\"status\":401,\"message\":\"no\"}"},
         "the CA does not accept our token (`acmegate check` shows why): ",
         "sign.failed"},
        {"nobody there",
         {.error = "Connection refused", .fault = OUTBOUND_UNREACHABLE},
         "the CA did not sign: ",
         "sign.failed"},
        {"an answer lost",
         {.error = "the connection broke", .fault = OUTBOUND_BROKEN, .connected = true},
         "(a possible orphan). `acmegate import --step-ca-log` finds it in the CA's log: ",
         "sign.unknown"},
        {"rubbish", {.status = 201, .body = "{\"crt\":\"x\"}"}, "orphan", "sign.unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sign_begin();
        make_ca();
        answer(&cases[i].page);
        struct output output = run("sign %s --profile default", sign_csr_file("DNS:www.test"));
        expect_output(cases[i].name, &output, CLI_FAILED, "", cases[i].words);
        cr_expect_eq(times_asked("POST " CA "sign"), 1, "%s: %s", cases[i].name, world.asked);
        const char *events = shell_events();
        cr_expect_eq(strncmp(events, "sign.requested ", 15), 0, "%s: %s", cases[i].name, events);
        cr_expect_not_null(strstr(events, text_of("\n%s operator ", cases[i].event)), "%s: %s", cases[i].name,
                           events);
        cr_expect_str_eq(sign_stored("serial"), "", "%s", cases[i].name);
        shell_end();
    }
}

/* The CA's words tell its limit: it is asked again, until the answer teaches nothing more. */
Test(cli_sign_stepca, another_lifetime_is_asked_for)
{
    sign_begin();
    shell_configure(&(struct shell_configuration){.main = ",\"validity_days\":1"});
    make_ca();
    answer(&(struct world_page){.status = 403,
                                .body = "{\"status\":403,\"message\":\"The request was forbidden by the "
                                        "certificate authority: requested duration of 24h0m0s is more "
                                        "than the authorized maximum certificate duration of 12h1m0s.\"}"});
    struct output output = run("sign %s --profile default", sign_csr_file("DNS:www.test"));
    expect_output("too long", &output, CLI_FAILED, "", "the CA refused: ");
    cr_expect_eq(times_asked("POST " CA "sign"), 3, "%s", world.asked);
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM events WHERE kind = 'sign.requested'"),
                 3);
    shell_end();
}

/* Nothing is asked for before the CA's limits are known, or the CA has failed to tell them. */
Test(cli_sign_stepca, a_ca_that_is_silent)
{
    sign_begin();
    make_ca();
    answer(&(struct world_page){.error = "Connection refused", .fault = OUTBOUND_UNREACHABLE});
    pages[0] = (struct world_page){
        .url = CA "provisioners?limit=100", .status = 200, .body = PROVISIONERS, .delay_ms = 3600000};
    int64_t began = fake_clock_steady_ms();
    struct output output = run("sign %s --profile default", sign_csr_file("DNS:www.test"));
    expect_output("silent", &output, CLI_FAILED, "", "the CA did not sign: ");
    cr_expect_geq(fake_clock_steady_ms() - began, 10000, "issuers.main.request_timeout");
    shell_end();
}
