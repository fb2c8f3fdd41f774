/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate import`: PEM files, folders and step-ca's log. */
#include <sys/stat.h>
#include <unistd.h>

#include "acme/pki.h"
#include "gateway/cli/cli.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_import);

static EVP_PKEY *root_key, *intermediate_key, *key;
static X509 *root, *intermediate;

static X509 *make_of(EVP_PKEY *own, EVP_PKEY *signer_key, X509 *signer, const char *common_name,
                     const char *names, const char *serial)
{
    const struct pki_certificate wanted = {.key = own,
                                           .signer_key = signer_key,
                                           .signer = signer,
                                           .common_name = common_name,
                                           .names = names,
                                           .serial_hex = serial,
                                           .is_ca = names == NULL,
                                           .not_before = NOW - DAY_S,
                                           .not_after = NOW + 30 * DAY_S};
    return pki_certificate(shell.arena, &wanted);
}

static X509 *make_leaf(const char *name, const char *serial)
{
    return make_of(key, intermediate_key, intermediate, NULL, text_of("DNS:%s", name), serial);
}

static const char *pem(X509 *certificate)
{
    return arena_string(shell.arena, pki_pem(shell.arena, certificate));
}

/* The first signature makes it. */
static void make_local_ca(void)
{
    struct bytes csr = pki_csr(shell.arena, &(struct pki_csr){.key = key, .names = "DNS:www.test"});
    struct output output = run("sign %s --profile inside", shell_write_bytes("x.csr", csr));
    cr_assert_eq(output.status, CLI_OK, "%s", output.errors);
    database_run(
        &shell.database,
        "DELETE FROM certificate_names; DELETE FROM certificates; DELETE FROM chains; DELETE FROM events");
}

/* The CA does not list its intermediates: an older step-ca. */
static struct world_page pages[4];

static void begin(void)
{
    shell_begin();
    root_key = pki_key(shell.arena, "P-256");
    intermediate_key = pki_key(shell.arena, "P-256");
    key = pki_key(shell.arena, "P-256");
    root = make_of(root_key, NULL, NULL, "Root", NULL, "01");
    intermediate = make_of(intermediate_key, root_key, root, "Intermediate", NULL, "02");
    shell_write("root.crt", pem(root));
    cr_assert_eq(mkdir(shell_path("old"), 0700), 0);
    memset(pages, 0, sizeof pages);
    pages[0] = (struct world_page){.url = "https://ca.test:9000/intermediates", .status = 404};
    world.pages = pages;
    make_local_ca();
}

static const char *rows(void)
{
    return database_text(
        &shell.database,
        "SELECT coalesce(group_concat(line, ' '), '') FROM (SELECT serial || ':' || origin AS"
        " line FROM certificates ORDER BY serial)");
}

Test(cli_import, a_folder_is_taken_once)
{
    begin();
    shell_write("old/a.crt", text_of("%s%s", pem(make_leaf("a.test", "1a")), pem(intermediate)));
    shell_write("old/b.crt", pem(make_leaf("b.test", "1b")));
    struct output output = run("import %s/old", shell.folder);
    expect_output(
        "first", &output, CLI_OK, "2 taken, 0 already known\n1 skipped: an authority's own certificate\n",
        text_of("skipped: %s/old/a.crt, PEM block 2: an authority's own certificate\n", shell.folder));
    cr_expect_str_eq(rows(), "1a:imported 1b:imported");
    cr_expect_str_eq(
        shell_events(),
        text_of("certificate.imported operator 2 taken, 0 already known, 1 skipped; from %s/old\n",
                shell.folder));
    output = run("import %s/old/a.crt %s/old/b.crt", shell.folder, shell.folder);
    expect_output("again", &output, CLI_OK, "0 taken, 2 already known\n", "skipped: ");
    cr_expect_not_null(
        strstr(shell_events(), text_of("; from %s/old/a.crt, %s/old/b.crt\n", shell.folder, shell.folder)),
        "%s", shell_events());
    cr_expect_str_eq(rows(), "1a:imported 1b:imported");
    shell_end();
}

/* A folder that leads back to itself is visited once, and a link to a file is the file. */
Test(cli_import, links_are_followed)
{
    begin();
    shell_write("a.crt", text_of("%s%s", pem(make_leaf("a.test", "1a")), pem(intermediate)));
    cr_assert_eq(symlink(shell_path("old"), shell_path("old/around")), 0);
    cr_assert_eq(symlink(shell_path("a.crt"), shell_path("old/link.crt")), 0);
    cr_assert_eq(symlink(shell_path("nowhere"), shell_path("old/nowhere.crt")), 0);
    struct output output = run("import %s/old", shell.folder);
    cr_expect_not_null(strstr(output.text, "1 taken, 0 already known\n"), "%s%s", output.text, output.errors);
    cr_expect_not_null(strstr(output.errors, "old/nowhere.crt"), "%s", output.errors);
    cr_expect_null(strstr(output.errors, "around"), "%s", output.errors);
    shell_end();
}

/* A certificate of more than 64 KiB is none. */
Test(cli_import, a_block_that_is_too_large)
{
    begin();
    uint8_t *octets = arena_alloc(shell.arena, 64 * 1024 + 1);
    shell_write("old/large.crt", shell_pem("CERTIFICATE", bytes_of(octets, 64 * 1024 + 1)));
    struct output output = run("import %s/old", shell.folder);
    expect_output("large", &output, CLI_OK, "1 skipped: a certificate that cannot be read\n",
                  "old/large.crt, PEM block 1: a certificate that cannot be read\n");
    shell_end();
}

Test(cli_import, a_dry_run_changes_nothing)
{
    begin();
    shell_write("old/a.crt", text_of("%s%s", pem(make_leaf("a.test", "1a")), pem(intermediate)));
    struct output output = run("import --dry-run %s/old", shell.folder);
    expect_output("dry", &output, CLI_OK, "1 would be taken, 0 already known\n", "skipped: ");
    cr_expect_str_eq(rows(), "");
    cr_expect_str_eq(shell_events(), "");
    shell_end();
}

/* Each file of the folder → the line about it and the count. */
Test(cli_import, what_is_skipped_is_told_and_counted)
{
    begin();
    EVP_PKEY *other_key = pki_key(shell.arena, "P-256");
    X509 *other_root = make_of(other_key, NULL, NULL, "Other", NULL, "03");
    shell_write("old/chain.crt", pem(intermediate));
    shell_write("old/foreign.crt", pem(make_of(key, other_key, other_root, NULL, "DNS:x.test", "1c")));
    shell_write("old/key.pem", shell_pem("PRIVATE KEY", BYTES_LITERAL("0123")));
    shell_write("old/broken.crt", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    shell_write("old/cut.crt", "-----BEGIN CERTIFICATE-----\nMAAA\n");
    shell_write("old/words.txt", "words\n");
    cr_assert_eq(mkfifo(shell_path("old/fifo"), 0600), 0);
    cr_assert_eq(mkdir(shell_path("old/below"), 0700), 0);
    shell_write("old/below/a.crt", pem(make_leaf("a.test", "1a")));
    struct output output = run("import %s/old", shell.folder);
    cr_expect_eq(output.status, CLI_OK, "%s", output.errors);
    static const char *const told[] = {
        "old/chain.crt, PEM block 1: an authority's own certificate\n",
        "old/foreign.crt, PEM block 1: it leads to no pinned root of an issuer by the known intermediates\n",
        "old/key.pem, PEM block 1: not a certificate: PRIVATE KEY\n",
        "old/broken.crt, PEM block 1: a certificate that cannot be read\n",
        "old/cut.crt, PEM block 1: a certificate that cannot be read\n",
        "old/words.txt: no PEM block in it\n",
        "old/fifo: neither a folder nor a file of at most 256 MiB\n",
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        cr_expect_not_null(strstr(output.errors, text_of("skipped: %s/%s", shell.folder, told[i])),
                           "%s is missing:\n%s", told[i], output.errors);
    static const char *const counted[] = {
        "1 taken, 0 already known",
        "1 skipped: no PEM block in it",
        "1 skipped: not a certificate",
        "2 skipped: a certificate that cannot be read",
        "1 skipped: an authority's own certificate",
        "1 skipped: it leads to no pinned root of an issuer by the known intermediates",
        "1 skipped: neither a folder nor a file of at most 256 MiB",
    };
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        cr_expect(has_line(output.text, counted[i]), "%s is missing:\n%s", counted[i], output.text);
    cr_expect_eq(count_lines(output.text), sizeof counted / sizeof *counted);
    shell_end();
}

/* An issuer has changed its intermediate, and both have used a number. */
Test(cli_import, a_serial_number_that_is_taken)
{
    begin();
    EVP_PKEY *second_key = pki_key(shell.arena, "P-256");
    X509 *second = make_of(second_key, root_key, root, "Second", NULL, "04");
    X509 *leaf = make_of(key, second_key, second, NULL, "DNS:b.test", "1a");
    shell_write("old/a.crt", text_of("%s%s", pem(make_leaf("a.test", "1a")), pem(intermediate)));
    shell_write("old/b.crt", text_of("%s%s", pem(leaf), pem(second)));
    struct output output = run("import %s/old", shell.folder);
    expect_output("two of a number", &output, CLI_OK, "1 taken, 0 already known\n",
                  "its issuer has another certificate with this serial number: 1a\n");
    cr_expect(has_line(output.text, "1 skipped: its issuer has another certificate with this serial number"),
              "%s", output.text);
    cr_expect_str_eq(rows(), "1a:imported");
    shell_end();
}

/* Twenty skips are told one by one, the others are counted. */
Test(cli_import, many_skips)
{
    static const size_t counts[] = {20, 21, 23};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        begin();
        for (size_t n = 0; n < counts[i]; n++)
            shell_write(text_of("old/%02zu", n), "words\n");
        struct output output = run("import %s/old", shell.folder);
        cr_expect_eq(count_lines(output.errors), counts[i] == 20 ? 20 : 21, "%zu:\n%s", counts[i],
                     output.errors);
        cr_expect_eq(strstr(output.errors, "skipped: more, counted below\n") != NULL, counts[i] > 20, "%zu",
                     counts[i]);
        cr_expect(has_line(output.text, text_of("%zu skipped: no PEM block in it", counts[i])), "%s",
                  output.text);
        shell_end();
    }
}

/* More than a batch: each batch has its event. */
Test(cli_import, many_certificates)
{
    begin();
    const char *file = shell_path("old/many.crt");
    FILE *many = fopen(file, "we");
    fputs(pem(intermediate), many);
    for (size_t i = 0; i < 502; i++)
        fputs(pem(make_leaf("a.test", text_of("%zx", 0x1000 + i))), many);
    fclose(many);
    struct output output = run("import %s", file);
    expect_output("many", &output, CLI_OK, "502 taken, 0 already known\n", "skipped: ");
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM certificates"), 502);
    cr_expect_not_null(
        strstr(shell_events(), "certificate.imported operator 500 taken, more of the same run follow\n"),
        "%s", shell_events());
    cr_expect_not_null(
        strstr(shell_events(), "certificate.imported operator 502 taken, 0 already known, 1 skipped; from "),
        "%s", shell_events());
    shell_end();
}

/* ---- where intermediates come from ---- */

Test(cli_import, the_ca_tells_its_intermediates)
{
    begin();
    shell_write("old/a.crt", pem(make_leaf("a.test", "1a")));
    struct output output = run("import --dry-run %s/old", shell.folder);
    expect_output("no intermediate", &output, CLI_OK, "0 would be taken", "it leads to no pinned root");
    pages[0] = (struct world_page){
        .url = "https://ca.test:9000/intermediates", .status = 200, .body = shell_list_of(intermediate)};
    output = run("import %s/old", shell.folder);
    expect_output("the CA's", &output, CLI_OK, "1 taken, 0 already known\n", "");
    shell_end();
}

Test(cli_import, a_ca_that_does_not_answer_is_noted)
{
    begin();
    world.pages = NULL;
    shell_write("old/a.crt", text_of("%s%s", pem(make_leaf("a.test", "1a")), pem(intermediate)));
    struct output output = run("import %s/old", shell.folder);
    expect_output("silent", &output, CLI_OK, "1 taken",
                  "note: issuer main: the CA does not tell its intermediates (");
    cr_expect_not_null(strstr(output.errors, "): import uses those in the database and in the files\n"), "%s",
                       output.errors);
    shell_end();
}

Test(cli_import, the_local_cas_certificates)
{
    begin();
    struct bytes csr = pki_csr(shell.arena, &(struct pki_csr){.key = key, .names = "DNS:www.test"});
    struct output output = run("sign %s --profile inside", shell_write_bytes("x.csr", csr));
    cr_assert_eq(output.status, CLI_OK, "%s", output.errors);
    const char *end =
        strstr(output.text, "-----END CERTIFICATE-----\n") + strlen("-----END CERTIFICATE-----\n");
    shell_write("old/a.crt", text_of("%.*s", (int)(end - output.text), output.text));
    output = run("import %s/old", shell.folder);
    expect_output("known", &output, CLI_OK, "0 taken, 1 already known\n", "");
    database_run(&shell.database,
                 "DELETE FROM certificate_names; DELETE FROM certificates; DELETE FROM chains");
    output = run("import %s/old", shell.folder);
    expect_output("by the folder's intermediate", &output, CLI_OK, "1 taken, 0 already known\n", "");
    shell_end();
}

/* The own certificate's file may hold the only intermediate so far. */
/* It has signed nothing: what is imported is the step-ca's. */
Test(cli_import, a_local_ca_that_is_still_to_be_made)
{
    begin();
    for (size_t i = 0; i < 4; i++) {
        static const char *const files[] = {"root_ca.crt", "root_ca.key", "intermediate_ca.crt",
                                            "intermediate_ca.key"};
        cr_assert_eq(unlink(shell_path(text_of("ca/%s", files[i]))), 0, "%s", files[i]);
    }
    shell_write("old/a.pem", text_of("%s%s", pem(make_leaf("a.test", "0a")), pem(intermediate)));
    struct output output = run("import %s/old", shell.folder);
    expect_output("import", &output, CLI_OK, "1 taken, 0 already known\n", "an authority's own");
    cr_expect_str_eq(rows(), "a:imported");
    cr_expect_eq(access(shell_path("ca/root_ca.crt"), F_OK), -1, "an import makes none");
    shell_end();
}

Test(cli_import, the_servers_own_certificate_has_an_intermediate)
{
    begin();
    shell_write("data/acmegate.db.tls.crt", pem(intermediate));
    shell_write("old/a.crt", pem(make_leaf("a.test", "1a")));
    struct output output = run("import %s/old", shell.folder);
    expect_output("own", &output, CLI_OK, "1 taken, 0 already known\n", "");
    shell_configure(
        &(struct shell_configuration){.top = ",\"tls\":{\"cert\":\"/x.crt\",\"key\":\"/x.key\"}"});
    shell_write("old/a.crt", pem(make_leaf("b.test", "1b")));
    database_run(&shell.database,
                 "DELETE FROM certificate_names; DELETE FROM certificates; DELETE FROM chains");
    output = run("import %s/old", shell.folder);
    expect_output("of no issuer", &output, CLI_OK, "0 taken, 0 already known\n",
                  "it leads to no pinned root");
    shell_end();
}

/* ---- step-ca's log ---- */

/* A line as step-ca writes it in its JSON form. */
static const char *log_line(X509 *certificate)
{
    char text[16384];
    struct bytes der = pki_der(shell.arena, certificate);
    int n = EVP_EncodeBlock((unsigned char *)text, der.p, (int)der.n);
    return text_of(
        "{\"certificate\":\"%.*s\",\"level\":\"info\",\"msg\":\"\",\"path\":\"/1.0/sign\",\"status\":201}\n",
        n, text);
}

Test(cli_import, the_log_of_the_ca)
{
    begin();
    pages[0] = (struct world_page){
        .url = "https://ca.test:9000/intermediates", .status = 200, .body = shell_list_of(intermediate)};
    const char *log = shell_write(
        "step-ca.log", text_of("started\n%s{\"path\":\"/health\",\"status\":200}\n%s",
                               log_line(make_leaf("a.test", "1a")), log_line(make_leaf("b.test", "1b"))));
    struct output output = run("import --step-ca-log %s", log);
    expect_output("log", &output, CLI_OK, "2 taken, 0 already known\n", "");
    cr_expect_not_null(strstr(shell_events(), text_of("; from step-ca's log %s\n", log)), "%s",
                       shell_events());
    FILE *in = stdin;
    stdin = fopen(log, "re");
    output = run("import --step-ca-log - %s/old", shell.folder);
    expect_output("-", &output, CLI_OK, "0 taken, 2 already known\n", "");
    cr_expect_not_null(strstr(shell_events(), text_of("; from %s/old, ", shell.folder)), "%s",
                       shell_events());
    cr_expect_neq(feof(stdin), 0);
    fclose(stdin);
    stdin = in;
    shell_end();
}

Test(cli_import, lines_of_the_log_that_are_skipped)
{
    begin();
    char *too_long = arena_alloc(shell.arena, 256 * 1024 + 3);
    memset(too_long, 'x', 256 * 1024 + 1);
    too_long[256 * 1024 + 1] = '\n';
    const char *log = shell_write(
        "step-ca.log",
        text_of("%s{\"certificate\":\"AAAA\",\"path\":\"/1.0/sign\",\"status\":201}\n", too_long));
    struct output output = run("import --step-ca-log %s", log);
    cr_expect_not_null(strstr(output.errors, text_of("skipped: %s, line 1: a line that is too long\n", log)),
                       "%s", output.errors);
    cr_expect_not_null(
        strstr(output.errors, text_of("skipped: %s, line 2: a certificate that cannot be read\n", log)), "%s",
        output.errors);
    cr_expect(has_line(output.text, "1 skipped: a line that is too long"), "%s", output.text);
    shell_end();
}

Test(cli_import, a_log_without_certificates_and_files_that_are_missing)
{
    begin();
    const char *log = shell_write("words.log", "words\n");
    const struct command_case cases[] = {
        {text_of("import --step-ca-log %s", log), CLI_OK, "0 taken",
         text_of("note: no certificate in %s. Give step-ca's request log as it is (`journalctl -u step-ca -o "
                 "cat`), and see that ca.json has a \"logger\"\n",
                 log)},
        {text_of("import --step-ca-log %s/no.log", shell.folder), CLI_FAILED, "0 taken",
         text_of("failed: %s/no.log: No such file or directory\n", shell.folder)},
        {text_of("import --step-ca-log %s", shell.folder), CLI_FAILED, "0 taken",
         text_of("failed: %s: Is a directory\n", shell.folder)},
        {text_of("import %s/nowhere", shell.folder), CLI_FAILED, "0 taken",
         text_of("failed: %s/nowhere: No such file or directory\n", shell.folder)},
        {text_of("import %s --config %s/no.json", log, shell.folder), CLI_FAILED, "",
         "no.json: cannot be read"},
    };
    RUN_CASES(cases);
    shell_write("root.crt", "words");
    struct output output = run("import %s", log);
    expect_output("no root", &output, CLI_FAILED, "", "acmegate import: issuers.main: ");
    shell_end();
}

Test(cli_import, a_database_that_fails)
{
    begin();
    shell_write("old/a.crt", text_of("%s%s", pem(make_leaf("a.test", "1a")), pem(intermediate)));
    bool failed = true;
    for (size_t step = 1; failed; step++) {
        fake_store_fail_step(step);
        struct output output = run("import %s/old", shell.folder);
        failed = fake_store_step_failed();
        fake_store_fail_step(0);
        cr_expect_eq(output.status, failed ? CLI_FAILED : CLI_OK, "step %zu: %s", step, output.errors);
        cr_expect_str_eq(rows(), failed ? "" : "1a:imported", "step %zu", step);
        cr_expect(!failed || strstr(output.errors, "failed: database: ") != NULL ||
                      strstr(output.errors, "acmegate import: ") != NULL,
                  "step %zu: %s", step, output.errors);
        cr_expect(!failed || strstr(output.text, "1 taken") == NULL, "step %zu: %s", step, output.text);
    }
    database_disconnect(&shell.database);
    cr_assert_eq(unlink(shell.database.path), 0);
    struct output output = run("import %s/old", shell.folder);
    expect_output("no database", &output, CLI_FAILED, "", shell.database.path);
    shell_end();
}
