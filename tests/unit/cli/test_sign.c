/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate sign`: a certificate for a request file, by the local CA and by a step-ca. */
#include <unistd.h>

#include "acme/base/json.h"
#include "acme/pki.h"
#include "gateway/cli/cli.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_sign);

static EVP_PKEY *key;

static struct bytes csr_of(const char *names)
{
    return pki_csr(shell.arena, &(struct pki_csr){.key = key, .names = names});
}

/* A request file in the shell's folder, as PEM. */
static const char *csr_file(const char *names)
{
    return shell_write("host.csr", shell_pem("CERTIFICATE REQUEST", csr_of(names)));
}

static void begin(void)
{
    shell_begin();
    key = pki_key(shell.arena, "P-256");
    fake_log_to_stderr(false);
}

static const char *stored(const char *columns)
{
    return database_text(&shell.database,
                         text_of("SELECT coalesce(group_concat(%s), '') FROM certificates", columns));
}

/* ---- the local CA ---- */

Test(cli_sign, a_certificate_is_printed_and_recorded)
{
    begin();
    struct output output = run("sign %s --profile inside", csr_file("DNS:www.test,IP:192.0.2.1"));
    cr_assert_eq(output.status, CLI_OK, "%s", output.errors);
    cr_expect_str_empty(output.errors);
    cr_expect_eq(strncmp(output.text, "-----BEGIN CERTIFICATE-----\n", 28), 0, "%s", output.text);
    const char *second = strstr(output.text + 1, "-----BEGIN CERTIFICATE-----\n");
    cr_assert_not_null(second, "leaf and intermediate");
    cr_expect_null(strstr(second + 10, "BEGIN"));
    cr_expect_str_eq(stored("origin || ' ' || status || ' ' || (not_after - not_before > 43000) || ' ' || "
                            "(not_after <= 1780275600 + 43200)"),
                     "external good 1 1");
    const char *events = shell_events();
    const char *words = "operator www.test, 192.0.2.1 by profile inside of issuer inner, token ";
    cr_expect_eq(
        strncmp(events, text_of("sign.requested %s", words), strlen("sign.requested ") + strlen(words)), 0,
        "%s", events);
    cr_expect_not_null(strstr(events, text_of("\nsign.issued %s", words)), "%s", events);
    cr_expect_eq(count_lines(events), 2);
    shell_end();
}

Test(cli_sign, a_certificate_goes_to_a_new_file)
{
    begin();
    const char *out = shell_path("host.crt"), *csr = csr_file("DNS:www.test");
    struct output output = run("sign %s --profile inside --out %s", csr, out);
    expect_output("--out", &output, CLI_OK, "", "");
    cr_expect_eq(strncmp(shell_read(out), "-----BEGIN CERTIFICATE-----\n", 28), 0);
    const char *before = shell_read(out);
    output = run("sign %s --profile inside --out %s", csr, out);
    expect_output("again", &output, CLI_FAILED, "",
                  text_of("acmegate sign: --out %s: File exists; the CA was not asked\n", out));
    cr_expect_str_eq(shell_read(out), before);
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM certificates"), 1);
    shell_end();
}

/* Both labels of PEM, and DER. */
Test(cli_sign, forms_of_a_request)
{
    begin();
    struct bytes der = csr_of("DNS:www.test");
    const char *const files[] = {shell_write("a.csr", shell_pem("CERTIFICATE REQUEST", der)),
                                 shell_write("b.csr", shell_pem("NEW CERTIFICATE REQUEST", der)),
                                 shell_write_bytes("c.csr", der)};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct output output = run("sign %s --profile inside", files[i]);
        expect_output(files[i], &output, CLI_OK, "-----END CERTIFICATE-----\n", "");
    }
    shell_end();
}

Test(cli_sign, requests_that_are_refused)
{
    begin();
    const char *good = csr_file("DNS:www.test");
    const char *with_key = shell_write("key.pem", shell_pem("PRIVATE KEY", BYTES_LITERAL("0123")));
    const char *words = shell_write("words", "these are words\n");
    const char *nothing = shell_write("none.csr", shell_pem("CERTIFICATE REQUEST", csr_of(NULL)));
    const char *lined = shell_write("line.csr", shell_pem("CERTIFICATE REQUEST", csr_of("DNS:a_b.test")));
    const struct command_case cases[] = {
        {text_of("sign %s --profile nosuch", good), CLI_FAILED, "",
         "acmegate sign: the configuration has no profile named nosuch\n"},
        {text_of("sign %s --profile inside --endpoint nowhere", good), CLI_FAILED, "",
         "the configuration has no endpoint named nowhere\n"},
        {text_of("sign %s --profile default --endpoint other", good), CLI_FAILED, "",
         "the endpoint other has no profile named default\n"},
        {text_of("sign %s/no.csr --profile inside", shell.folder), CLI_FAILED, "",
         text_of("acmegate sign: %s/no.csr: No such file or directory\n", shell.folder)},
        {text_of("sign %s --profile inside", with_key), CLI_FAILED, "",
         "key.pem: it holds a PEM block PRIVATE KEY, not CERTIFICATE REQUEST: give the CSR\n"},
        {text_of("sign %s --profile inside", words), CLI_FAILED, "",
         "words: it is not a certificate request (CSR) in PEM or DER\n"},
        {text_of("sign %s --profile inside", nothing), CLI_FAILED, "", "none.csr: CSR: it has no names\n"},
        {text_of("sign %s --profile inside", lined), CLI_FAILED, "", "a_b.test"},
        {text_of("sign %s --profile inside --config %s/no.json", good, shell.folder), CLI_FAILED, "",
         "no.json: cannot be read"},
        {text_of("sign %s --profile inside --out %s/nowhere/x", good, shell.folder), CLI_FAILED, "",
         "No such file or directory; the CA was not asked\n"},
        {text_of("sign --profile inside"), CLI_USAGE, "", "CSR is missing\n"},
        {text_of("sign %s --profile inside --endpoint other", good), CLI_OK, "BEGIN CERTIFICATE", ""},
    };
    RUN_CASES(cases);
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM certificates"), 1);
    cr_expect_eq(access(shell_path("nowhere"), F_OK), -1);
    shell_end();
}

/* The policies of profile and endpoint, as an order meets them. */
Test(cli_sign, policies)
{
    static const struct {
        const char *profile, *endpoint, *names, *options, *words; /* words NULL: it is signed */
    } cases[] = {
        {",\"names\":{\"deny\":[\"bad.test\"]}", "", "DNS:bad.test", "", "the profile \"inside\""},
        {",\"names\":{\"deny\":[\"bad.test\"]}", "", "DNS:good.test", "", NULL},
        {"", ",\"names\":{\"deny\":[\"bad.test\"]}", "DNS:bad.test", "--endpoint other",
         "the endpoint \"other\""},
        {"", ",\"names\":{\"deny\":[\"bad.test\"]}", "DNS:bad.test", "", NULL},
        {"", ",\"names\":{\"underscores\":[\"*.test\"]}", "DNS:a_b.test", "--endpoint other", NULL},
        {",\"key_types\":[\"P-384\"]", "", "DNS:www.test", "", "P-256"},
        {"", "", "DNS:a.test,DNS:b.test,DNS:c.test", "",
         "CSR: it has 3 names, limits.max_identifiers is 2\n"},
        {"", "", "DNS:a.test,DNS:b.test", "", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        shell_configure(&(struct shell_configuration){
            .top = ",\"tls\":{\"issuer\":\"inner\"},\"limits\":{\"max_identifiers\":2}",
            .inside = cases[i].profile,
            .other = cases[i].endpoint});
        struct output output = run("sign %s --profile inside %s", csr_file(cases[i].names), cases[i].options);
        if (cases[i].words == NULL)
            expect_output(cases[i].names, &output, CLI_OK, "BEGIN CERTIFICATE", "");
        else
            expect_output(cases[i].names, &output, CLI_FAILED, "", cases[i].words);
        shell_end();
    }
}

Test(cli_sign, a_local_ca_that_cannot_be_opened)
{
    begin();
    shell_write("ca", "a file");
    struct output output = run("sign %s --profile inside", csr_file("DNS:www.test"));
    expect_output("no folder", &output, CLI_FAILED, "", "acmegate sign: issuers.inner: ");
    shell_end();
}

/* Each statement fails once. A certificate that could not be recorded is still given out. */
Test(cli_sign, a_database_that_fails)
{
    begin();
    const char *csr = csr_file("DNS:www.test");
    size_t given_and_told = 0;
    bool failed = true;
    for (size_t step = 1; failed; step++) {
        fake_store_fail_step(step);
        struct output output = run("sign %s --profile inside", csr);
        failed = fake_store_step_failed();
        fake_store_fail_step(0);
        cr_expect_eq(output.status, failed ? CLI_FAILED : CLI_OK, "step %zu: %s", step, output.errors);
        cr_expect_eq(*output.errors != '\0', failed, "step %zu: %s", step, output.errors);
        bool given = *output.text != '\0';
        cr_expect(!given || !failed || strstr(output.errors, "not recorded: ") != NULL, "step %zu: %s", step,
                  output.errors);
        given_and_told += given && failed;
    }
    cr_expect_gt(given_and_told, 0);
    shell_end();
}

Test(cli_sign, the_database_has_to_be_there)
{
    begin();
    database_disconnect(&shell.database);
    cr_assert_eq(unlink(shell.database.path), 0);
    struct output output = run("sign %s --profile inside", csr_file("DNS:www.test"));
    expect_output("none", &output, CLI_FAILED, "", shell.database.path);
    shell_end();
}

Test(cli_sign, a_certificate_that_cannot_be_printed)
{
    begin();
    struct output output = run_on_full_disk("sign %s --profile inside", csr_file("DNS:www.test"));
    expect_output(
        "a full disk", &output, CLI_FAILED, "",
        text_of("acmegate sign: certificate %s cannot be written: No space left on device; the database has "
                "it\n",
                stored("serial")));
    shell_end();
}

/* ---- a step-ca ---- */

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
    const struct pki_certificate wanted = {.key = key,
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

Test(cli_sign, a_stepca_signs)
{
    begin();
    struct ca ca = make_ca();
    answer(&(struct world_page){.status = 201, .body = signed_reply(&ca, "DNS:www.test")});
    struct output output = run("sign %s --profile default", csr_file("DNS:www.test"));
    expect_output("sign", &output, CLI_OK, "-----BEGIN CERTIFICATE-----\n", "");
    cr_expect_eq(times_asked("POST " CA "sign"), 1, "%s", world.asked);
    cr_expect_str_eq(stored("serial || ' ' || status"), "1a2b good");
    /* The same certificate again is another's: nobody gets it. */
    output = run("sign %s --profile default", csr_file("DNS:www.test"));
    expect_output("of before", &output, CLI_FAILED, "",
                  "the CA answered with a certificate that it had issued before: it is not given out\n");
    cr_expect_not_null(strstr(shell_events(),
                              "\nsign.failed operator www.test by profile default of issuer main: the CA "
                              "answered with a certificate that it had issued before, token "),
                       "%s", shell_events());
    shell_end();
}

Test(cli_sign, a_misfit_is_stored_to_be_revoked)
{
    begin();
    struct ca ca = make_ca();
    answer(&(struct world_page){.status = 201, .body = signed_reply(&ca, "DNS:other.test")});
    const char *out = shell_path("host.crt");
    struct output output = run("sign %s --profile default --out %s", csr_file("DNS:www.test"), out);
    expect_output("misfit", &output, CLI_FAILED, "",
                  "acmegate sign: the CA's certificate does not fit the request (");
    cr_expect_not_null(strstr(output.errors, "): it is not given out, and the server revokes it\n"), "%s",
                       output.errors);
    cr_expect_eq(access(out, F_OK), -1, "the file is removed");
    cr_expect_str_eq(stored("status || ' ' || (revocation_requested_at IS NOT NULL)"), "rejected 1");
    cr_expect_not_null(strstr(shell_events(),
                              "\ncertificate.rejected operator www.test by profile default of issuer main: "),
                       "%s", shell_events());
    shell_end();
}

Test(cli_sign, answers_without_a_certificate)
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
        begin();
        make_ca();
        answer(&cases[i].page);
        struct output output = run("sign %s --profile default", csr_file("DNS:www.test"));
        expect_output(cases[i].name, &output, CLI_FAILED, "", cases[i].words);
        cr_expect_eq(times_asked("POST " CA "sign"), 1, "%s: %s", cases[i].name, world.asked);
        const char *events = shell_events();
        cr_expect_eq(strncmp(events, "sign.requested ", 15), 0, "%s: %s", cases[i].name, events);
        cr_expect_not_null(strstr(events, text_of("\n%s operator ", cases[i].event)), "%s: %s", cases[i].name,
                           events);
        cr_expect_str_eq(stored("serial"), "", "%s", cases[i].name);
        shell_end();
    }
}

/* The CA's words tell its limit: it is asked again, until the answer teaches nothing more. */
Test(cli_sign, another_lifetime_is_asked_for)
{
    begin();
    shell_configure(&(struct shell_configuration){.main = ",\"validity_days\":1"});
    make_ca();
    answer(&(struct world_page){.status = 403,
                                .body = "{\"status\":403,\"message\":\"The request was forbidden by the "
                                        "certificate authority: requested duration of 24h0m0s is more "
                                        "than the authorized maximum certificate duration of 12h1m0s.\"}"});
    struct output output = run("sign %s --profile default", csr_file("DNS:www.test"));
    expect_output("too long", &output, CLI_FAILED, "", "the CA refused: ");
    cr_expect_eq(times_asked("POST " CA "sign"), 3, "%s", world.asked);
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM events WHERE kind = 'sign.requested'"),
                 3);
    shell_end();
}

/* Nothing is asked for before the CA's limits are known, or the CA has failed to tell them. */
Test(cli_sign, a_ca_that_is_silent)
{
    begin();
    make_ca();
    answer(&(struct world_page){.error = "Connection refused", .fault = OUTBOUND_UNREACHABLE});
    pages[0] = (struct world_page){
        .url = CA "provisioners?limit=100", .status = 200, .body = PROVISIONERS, .delay_ms = 3600000};
    int64_t began = fake_clock_steady_ms();
    struct output output = run("sign %s --profile default", csr_file("DNS:www.test"));
    expect_output("silent", &output, CLI_FAILED, "", "the CA did not sign: ");
    cr_expect_geq(fake_clock_steady_ms() - began, 10000, "issuers.main.request_timeout");
    shell_end();
}
