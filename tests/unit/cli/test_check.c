/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate check`: this host, the configuration and the issuers. */
#include <unistd.h>

#include "acme/pki.h"
#include "check_site.h"
#include "gateway/cli/cli.h"

LEAK_CHECKED_SUITE(cli_check);

/* ---- check ---- */

Test(cli_check, each_thing_has_its_line)
{
    check_begin(&(struct shell_configuration){0});
    write_certificate("root.crt", make_root(NOW + 100 * DAY_S));
    struct output output = run("check");
    cr_expect_eq(output.status, CLI_FAILED, "the step-ca does not answer");
    cr_expect_str_empty(output.errors);
    const char *const lines[] = {
        text_of("ok    configuration %s is valid", shell_path("acmegate.json")),
        text_of("ok    database %s: opens, its schema is current", shell.database.path),
        "ok    tls: issuer inner signs the server's own certificate",
        text_of("ok    issuer inner: no CA in %s yet, `acmegate serve` makes it", shell_path("ca")),
        "FAIL  issuer main: cannot connect to https://ca.test:9000: Connection refused; is ca_url right, and "
        "does the CA run?",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_line("check", &output, lines[i]);
    cr_expect_null(strstr(output.text, "as the admin API has set it"));
    shell_end();
}

Test(cli_check, a_configuration_with_faults)
{
    check_begin(&(struct shell_configuration){0});
    const char *bad = shell_write("bad.json", "{\"frob\":1}");
    struct output output = run("check --config %s", bad);
    cr_expect_eq(output.status, CLI_FAILED);
    expect_words("bad", &output, text_of("FAIL  %s: frob: ", bad));
    expect_words("bad", &output, text_of("FAIL  %s: base_url: ", bad));
    cr_expect_null(strstr(output.text, "ok "), "%s", output.text);
    shell_end();
}

Test(cli_check, all_is_well)
{
    check_begin(&(struct shell_configuration){0});
    struct output output = run("check --config %s", local_only(own_of_inner, ""));
    expect_output("check", &output, CLI_OK, "`acmegate serve` makes it", "");
    cr_expect_null(strstr(output.text, "FAIL"), "%s", output.text);
    shell_end();
}

Test(cli_check, the_servers_certificate_from_files)
{
    static const struct {
        const char *name, *names, *line;
        int64_t not_after;
        bool fails;
    } cases[] = {
        {"good", "DNS:acme.test", "ok    tls.cert %s and its key fit, and it names acme.test", SHELL_NOW + 1,
         false},
        {"expired", "DNS:acme.test", "FAIL  tls.cert %s has expired; renew it", SHELL_NOW, true},
        {"another name", "DNS:other.test",
         "FAIL  tls.cert %s does not name acme.test, the host of base_url; clients will reject it",
         SHELL_NOW + 1, true},
        {"an address", "IP:192.0.2.1",
         "FAIL  tls.cert %s does not name acme.test, the host of base_url; clients will reject it",
         SHELL_NOW + 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_begin(&(struct shell_configuration){0});
        const char *certificate =
            write_certificate("own.crt", make_certificate_of("own", cases[i].names, cases[i].not_after));
        const char *key_file = shell_write("own.key", key_pem());
        const char *top = text_of(",\"tls\":{\"cert\":\"%s\",\"key\":\"%s\"}", certificate, key_file);
        struct output output = run("check --config %s", local_only(top, ""));
        cr_expect_eq(output.status, cases[i].fails ? CLI_FAILED : CLI_OK, "%s: %s", cases[i].name,
                     output.text);
        const char *at = strstr(cases[i].line, "%s");
        expect_line(cases[i].name, &output,
                    text_of("%.*s%s%s", (int)(at - cases[i].line), cases[i].line, certificate, at + 2));
        shell_end();
    }
}

Test(cli_check, the_servers_address_in_its_certificate)
{
    check_begin(&(struct shell_configuration){0});
    const char *certificate =
        write_certificate("own.crt", make_certificate_of("own", "IP:192.0.2.1", SHELL_NOW + 1));
    const char *top =
        text_of(",\"tls\":{\"cert\":\"%s\",\"key\":\"%s\"}", certificate, shell_write("own.key", key_pem()));
    const char *file = local_only(top, "");
    const char *text = shell_read(file);
    const char *host = strstr(text, "acme.test");
    shell_write("local.json",
                text_of("%.*s192.0.2.1%s", (int)(host - text), text, host + strlen("acme.test")));
    struct output output = run("check --config %s", file);
    expect_line("an address", &output,
                text_of("ok    tls.cert %s and its key fit, and it names 192.0.2.1", certificate));
    shell_end();
}

Test(cli_check, a_file_of_the_servers_certificate_that_is_missing)
{
    check_begin(&(struct shell_configuration){0});
    struct output output =
        run("check --config %s",
            local_only(",\"tls\":{\"cert\":\"/nowhere/x.crt\",\"key\":\"/nowhere/x.key\"}", ""));
    cr_expect_eq(output.status, CLI_FAILED);
    expect_words("missing", &output,
                 "FAIL  tls.cert /nowhere/x.crt cannot be read: No such file or directory");
    shell_end();
}

/* ---- the local CA ---- */

Test(cli_check, a_local_ca_that_is_there)
{
    check_begin(&(struct shell_configuration){0});
    make_local_ca();
    struct output output = run("check --config %s", local_only(own_of_inner, ""));
    cr_expect_eq(output.status, CLI_OK, "%s", output.text);
    expect_words("there", &output,
                 text_of("ok    issuer inner: local CA in %s, root SHA-256 ", shell_path("ca")));
    expect_words("there", &output, ", signs until 2031-05-31T");
    expect_words("there", &output, "ok    profile inside: max_ttl, 12h, is within the CA's limits");
    shell_end();
}

Test(cli_check, parts_of_a_local_ca)
{
    static const struct {
        const char *name, *removed[3], *line;
        bool fails;
    } cases[] = {
        {"no intermediate",
         {"intermediate_ca.crt", "intermediate_ca.key"},
         "ok    issuer inner: no intermediate in ",
         false},
        {"no certificate of it", {"intermediate_ca.crt"}, "FAIL  issuer inner: directory ", true},
        {"no key of it", {"intermediate_ca.key"}, "FAIL  issuer inner: directory ", true},
        {"the root's key alone is elsewhere", {"root_ca.key"}, "ok    issuer inner: local CA in ", false},
        {"no root", {"root_ca.crt"}, "FAIL  issuer inner: directory ", true},
        {"a root without key, and no intermediate",
         {"intermediate_ca.crt", "intermediate_ca.key", "root_ca.key"},
         "FAIL  issuer inner: directory ",
         true},
        {"a key without root, and no intermediate",
         {"intermediate_ca.crt", "intermediate_ca.key", "root_ca.crt"},
         "FAIL  issuer inner: directory ",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_begin(&(struct shell_configuration){0});
        make_local_ca();
        for (size_t j = 0; j < 3 && cases[i].removed[j] != NULL; j++)
            cr_assert_eq(unlink(shell_path(text_of("ca/%s", cases[i].removed[j]))), 0);
        struct output output = run("check --config %s", local_only(own_of_inner, ""));
        cr_expect_eq(output.status, cases[i].fails ? CLI_FAILED : CLI_OK, "%s: %s", cases[i].name,
                     output.text);
        expect_words(cases[i].name, &output, cases[i].line);
        shell_end();
    }
}

Test(cli_check, a_folder_that_cannot_be_made)
{
    check_begin(&(struct shell_configuration){0});
    const char *file = local_only(own_of_inner, "");
    const char *text = shell_read(file), *folder = shell_path("ca");
    const char *at = strstr(text, folder);
    shell_write("local.json",
                text_of("%.*s%s/no/ca%s", (int)(at - text), text, shell.folder, at + strlen(folder)));
    struct output output = run("check --config %s", file);
    cr_expect_eq(output.status, CLI_FAILED);
    expect_line(
        "no folder", &output,
        text_of(
            "FAIL  issuer inner: directory %s/no/ca cannot be made: No such file or directory; make %s/no "
            "writable for the server's user",
            shell.folder, shell.folder));
    shell_end();
}

/* The folder above must be writable: of a path that begins at the root, and of one that has no slash. */
Test(cli_check, the_folder_above_the_local_ca)
{
    static const char *const directories[] = {"/acmegate-no-such-ca", "acmegate-no-such-ca"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        check_begin(&(struct shell_configuration){0});
        const char *file = local_only(own_of_inner, ""), *folder = shell_path("ca");
        const char *text = shell_read(file), *at = strstr(text, folder);
        shell_write("local.json",
                    text_of("%.*s%s%s", (int)(at - text), text, directories[i], at + strlen(folder)));
        struct output output = run("check --config %s", file);
        cr_expect_eq(output.status, CLI_OK, "%s", output.text);
        expect_line(
            directories[i], &output,
            text_of("ok    issuer inner: no CA in %s yet, `acmegate serve` makes it", directories[i]));
        shell_end();
    }
}

/* Name constraints of the intermediate forbid the server's own name. */
Test(cli_check, a_local_ca_that_may_not_sign_the_servers_name)
{
    check_begin(&(struct shell_configuration){.inner = ",\"permitted_names\":[\"inner.test\"]"});
    struct bytes csr =
        pki_csr(shell.arena, &(struct pki_csr){.key = check_key, .names = "DNS:www.inner.test"});
    cr_assert_eq(run("sign %s --profile inside", shell_write_bytes("x.csr", csr)).status, CLI_OK);
    struct output output =
        run("check --config %s", local_only(own_of_inner, ",\"permitted_names\":[\"inner.test\"]"));
    cr_expect_eq(output.status, CLI_FAILED);
    expect_words("constrained", &output, "FAIL  issuer inner: it cannot sign the server's own certificate: ");
    const char *top =
        text_of(",\"tls\":{\"cert\":\"%s\",\"key\":\"%s\"}",
                write_certificate("own.crt", make_certificate_of("own", "DNS:acme.test", SHELL_NOW + DAY_S)),
                shell_write("own.key", key_pem()));
    output = run("check --config %s", local_only(top, ",\"permitted_names\":[\"inner.test\"]"));
    cr_expect_eq(output.status, CLI_OK, "it need not: %s", output.text);
    shell_end();
}

/* What the admin API has set for an issuer is told. */
Test(cli_check, the_database_has_to_be_readable_for_what_the_admin_api_has_set)
{
    check_begin(&(struct shell_configuration){0});
    database_run(&shell.database, "INSERT INTO issuer_overrides VALUES ('main', x'00', 1780272000, 'admin')");
    struct output output = run("check");
    cr_expect_eq(output.status, CLI_FAILED);
    expect_words("sealed", &output, "FAIL  ");
    shell_end();
}
