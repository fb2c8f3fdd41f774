/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate check --expiring`: certificates that expire soon. */
#include "acme/pki.h"
#include "check_site.h"
#include "gateway/cli/cli.h"

LEAK_CHECKED_SUITE(cli_check_expiring);

Test(cli_check_expiring, nothing_there_yet)
{
    check_begin(&(struct shell_configuration){0});
    struct output output = run("check --expiring 30d --config %s", local_only(own_of_inner, ""));
    cr_expect_eq(output.status, CLI_OK, "%s", output.text);
    cr_expect_str_eq(output.text,
                     text_of("ok    own certificate: none yet, `acmegate serve` asks issuer inner for it\n"
                             "ok    issuer inner: no CA in %s yet\n",
                             shell_path("ca")));
    shell_end();
}

Test(cli_check_expiring, each_certificate_has_its_line)
{
    check_begin(&(struct shell_configuration){0});
    make_local_ca();
    X509 *own = make_certificate_of("own", "DNS:acme.test", SHELL_NOW + 10 * DAY_S);
    X509 *above = make_certificate_of("above", NULL, SHELL_NOW + 20 * DAY_S);
    const char *file =
        shell_write("own.crt", text_of("%s%s", arena_string(shell.arena, pki_pem(shell.arena, own)),
                                       arena_string(shell.arena, pki_pem(shell.arena, above))));
    const char *top = text_of(",\"tls\":{\"cert\":\"%s\",\"key\":\"/x.key\"}", file);
    static const struct {
        const char *within, *own, *above;
        int status;
    } cases[] = {
        {"9d", "ok    own certificate: /CN=own expires at 2026-06-11T01:00:00Z, 10.0 days left",
         "ok    own certificate's chain: /CN=above expires at 2026-06-21T01:00:00Z, 20.0 days left", CLI_OK},
        {"10d", "FAIL  own certificate: /CN=own expires at 2026-06-11T01:00:00Z, 10.0 days left",
         "ok    own certificate's chain: ", CLI_FAILED},
        {"20d", "FAIL  own certificate: /CN=own ", "FAIL  own certificate's chain: /CN=above ", CLI_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output = run("check --expiring %s --config %s", cases[i].within, local_only(top, ""));
        cr_expect_eq(output.status, cases[i].status, "%s: %s", cases[i].within, output.text);
        expect_words(cases[i].within, &output, cases[i].own);
        expect_words(cases[i].within, &output, cases[i].above);
        expect_words(cases[i].within, &output, "ok    issuer inner: intermediate: /CN=");
        expect_words(cases[i].within, &output, "ok    issuer inner: root: /CN=");
        cr_expect_eq(count_lines(output.text), 4, "%s", output.text);
        cr_expect_null(strstr(output.text, "renews itself"));
    }
    shell_end();
}

Test(cli_check_expiring, a_certificate_that_is_over)
{
    check_begin(&(struct shell_configuration){0});
    const char *file = write_certificate("own.crt", make_certificate_of(NULL, "DNS:acme.test", SHELL_NOW));
    struct output output =
        run("check --expiring 1h --config %s",
            local_only(text_of(",\"tls\":{\"cert\":\"%s\",\"key\":\"/x.key\"}", file), ""));
    cr_expect_eq(output.status, CLI_FAILED);
    expect_words("over", &output, "FAIL  own certificate: acme.test expires at 2026-06-01T01:00:00Z, ");
    cr_expect_null(strstr(output.text, " left"), "%s", output.text);
    shell_end();
}

Test(cli_check_expiring, files_that_hold_no_certificate)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {NULL, "FAIL  own certificate: %s cannot be read: No such file or directory\n"},
        {"words", "FAIL  own certificate: %s contains no certificate, or a damaged one\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_begin(&(struct shell_configuration){0});
        const char *file =
            cases[i].text == NULL ? shell_path("own.crt") : shell_write("own.crt", cases[i].text);
        struct output output =
            run("check --expiring 1h --config %s",
                local_only(text_of(",\"tls\":{\"cert\":\"%s\",\"key\":\"/x.key\"}", file), ""));
        cr_expect_eq(output.status, CLI_FAILED);
        const char *at = strstr(cases[i].words, "%s");
        expect_words(cases[i].words, &output,
                     text_of("%.*s%s%s", (int)(at - cases[i].words), cases[i].words, file, at + 2));
        shell_end();
    }
}

/* The server renews it: it alarms when less than a sixth of its life is left. */
Test(cli_check_expiring, a_certificate_that_the_server_renews)
{
    static const struct {
        int64_t left_s;
        bool alarms;
    } cases[] = {{20 * HOUR_S, false}, {5 * HOUR_S, false}, {4 * HOUR_S - 60, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_begin(&(struct shell_configuration){0});
        const struct pki_certificate wanted = {.key = check_key,
                                               .common_name = "own",
                                               .names = "DNS:acme.test",
                                               .not_before = SHELL_NOW + cases[i].left_s - DAY_S,
                                               .not_after = SHELL_NOW + cases[i].left_s};
        shell_write("data/acmegate.db.tls.crt",
                    arena_string(shell.arena, pki_pem(shell.arena, pki_certificate(shell.arena, &wanted))));
        struct output output = run("check --expiring 30d --config %s", local_only(own_of_inner, ""));
        cr_expect_eq(output.status, cases[i].alarms ? CLI_FAILED : CLI_OK, "%lld: %s",
                     (long long)cases[i].left_s, output.text);
        expect_words("own", &output,
                     cases[i].alarms ? " left; its renewal is late, see the server's log\n"
                                     : " left; it renews itself\n");
        shell_end();
    }
}

/* ---- of a step-ca ---- */

static struct world_page pages[4];

Test(cli_check_expiring, certificates_of_a_stepca)
{
    check_begin(&(struct shell_configuration){0});
    write_certificate("root.crt", make_root(SHELL_NOW + 50 * DAY_S));
    struct output output = run("check --expiring 30d");
    cr_expect_eq(output.status, CLI_OK, "%s", output.text);
    expect_words("silent", &output,
                 "warn  issuer main: intermediate: the CA does not tell when it expires: ");
    expect_words("silent", &output, "; see the chain of one of its certificates\n");
    expect_line("root", &output,
                "ok    issuer main: root: /CN=Root expires at 2026-07-21T01:00:00Z, 50.0 days left");
    const char *list = shell_list_of(make_certificate_of("Intermediate", NULL, SHELL_NOW + 20 * DAY_S));
    pages[0] =
        (struct world_page){.url = "https://ca.test:9000/1.0/intermediates", .status = 200, .body = list};
    pages[1] = (struct world_page){.url = "https://ca.test:9000/intermediates", .status = 200, .body = list};
    world.pages = pages;
    output = run("check --expiring 30d");
    cr_expect_eq(output.status, CLI_FAILED, "%s", output.text);
    expect_line(
        "intermediate", &output,
        "FAIL  issuer main: intermediate: /CN=Intermediate expires at 2026-06-21T01:00:00Z, 20.0 days left");
    cr_expect_null(strstr(output.text, "responder"), "%s", output.text);
    shell_end();
}

Test(cli_check_expiring, certificates_of_an_ocsp_responder)
{
    check_begin(&(struct shell_configuration){0});
    write_certificate("root.crt", make_root(SHELL_NOW + 50 * DAY_S));
    const char *file =
        write_certificate("ocsp.crt", make_certificate_of("Responder", NULL, SHELL_NOW + 20 * DAY_S));
    shell_configure(&(struct shell_configuration){
        .main = text_of(",\"ocsp\":{\"certificate\":\"%s\",\"key\":\"/x.key\"}", file)});
    struct output output = run("check --expiring 30d");
    expect_line(
        "files", &output,
        "FAIL  issuer main: OCSP responder: /CN=Responder expires at 2026-06-21T01:00:00Z, 20.0 days left");
    shell_configure(&(struct shell_configuration){
        .main = text_of(
            ",\"ocsp\":{\"provisioner_name\":\"ocsp\",\"provisioner_key_path\":\"%s/provisioner.json\"}",
            shell.folder)});
    output = run("check --expiring 30d");
    cr_expect_null(strstr(output.text, "responder"), "none yet: %s%s", output.text, output.errors);
    shell_write("data/acmegate.db.ocsp-main.crt",
                arena_string(shell.arena, pki_pem(shell.arena, make_certificate_of("Kept", NULL,
                                                                                   SHELL_NOW + 20 * DAY_S))));
    output = run("check --expiring 30d");
    expect_words("kept", &output, "issuer main: OCSP responder: /CN=Kept expires at ");
    expect_words("kept", &output, "; it renews itself\n");
    shell_end();
}
