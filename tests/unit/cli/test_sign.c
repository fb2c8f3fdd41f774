/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate sign`: a certificate for a request file, by the local CA. */
#include <unistd.h>

#include "acme/base/json.h"
#include "acme/pki.h"
#include "gateway/cli/cli.h"
#include "sign_site.h"

LEAK_CHECKED_SUITE(cli_sign);

Test(cli_sign, a_certificate_is_printed_and_recorded)
{
    sign_begin();
    struct output output = run("sign %s --profile inside", sign_csr_file("DNS:www.test,IP:192.0.2.1"));
    cr_assert_eq(output.status, CLI_OK, "%s", output.errors);
    cr_expect_str_empty(output.errors);
    cr_expect_eq(strncmp(output.text, "-----BEGIN CERTIFICATE-----\n", 28), 0, "%s", output.text);
    const char *second = strstr(output.text + 1, "-----BEGIN CERTIFICATE-----\n");
    cr_assert_not_null(second, "leaf and intermediate");
    cr_expect_null(strstr(second + 10, "BEGIN"));
    cr_expect_str_eq(
        sign_stored("origin || ' ' || status || ' ' || (not_after - not_before > 43000) || ' ' || "
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
    sign_begin();
    const char *out = shell_path("host.crt"), *csr = sign_csr_file("DNS:www.test");
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
    sign_begin();
    struct bytes der = sign_csr("DNS:www.test");
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
    sign_begin();
    const char *good = sign_csr_file("DNS:www.test");
    const char *with_key = shell_write("key.pem", shell_pem("PRIVATE KEY", BYTES_LITERAL("0123")));
    const char *words = shell_write("words", "these are words\n");
    const char *nothing = shell_write("none.csr", shell_pem("CERTIFICATE REQUEST", sign_csr(NULL)));
    const char *lined = shell_write("line.csr", shell_pem("CERTIFICATE REQUEST", sign_csr("DNS:a_b.test")));
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
        sign_begin();
        shell_configure(&(struct shell_configuration){
            .top = ",\"tls\":{\"issuer\":\"inner\"},\"limits\":{\"max_identifiers\":2}",
            .inside = cases[i].profile,
            .other = cases[i].endpoint});
        struct output output =
            run("sign %s --profile inside %s", sign_csr_file(cases[i].names), cases[i].options);
        if (cases[i].words == NULL)
            expect_output(cases[i].names, &output, CLI_OK, "BEGIN CERTIFICATE", "");
        else
            expect_output(cases[i].names, &output, CLI_FAILED, "", cases[i].words);
        shell_end();
    }
}

Test(cli_sign, a_local_ca_that_cannot_be_opened)
{
    sign_begin();
    shell_write("ca", "a file");
    struct output output = run("sign %s --profile inside", sign_csr_file("DNS:www.test"));
    expect_output("no folder", &output, CLI_FAILED, "", "acmegate sign: issuers.inner: ");
    shell_end();
}

/* Each statement fails once. A certificate that could not be recorded is still given out. */
Test(cli_sign, a_database_that_fails)
{
    sign_begin();
    const char *csr = sign_csr_file("DNS:www.test");
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
    sign_begin();
    database_disconnect(&shell.database);
    cr_assert_eq(unlink(shell.database.path), 0);
    struct output output = run("sign %s --profile inside", sign_csr_file("DNS:www.test"));
    expect_output("none", &output, CLI_FAILED, "", shell.database.path);
    shell_end();
}

Test(cli_sign, a_certificate_that_cannot_be_printed)
{
    sign_begin();
    struct output output = run_on_full_disk("sign %s --profile inside", sign_csr_file("DNS:www.test"));
    expect_output(
        "a full disk", &output, CLI_FAILED, "",
        text_of("acmegate sign: certificate %s cannot be written: No space left on device; the database has "
                "it\n",
                sign_stored("serial")));
    shell_end();
}
