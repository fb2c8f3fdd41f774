/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate migration status`: each name's state, and what to do next. */
#include "acme/pki.h"
#include "gateway/cli/cli.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_migration);

#define BEGAN "2026-06-01T00:00:00Z"

static struct account account;

static void begin(void)
{
    shell_begin();
    account = make_account(&shell.database, "one");
}

/* A certificate of the name, from `origin`, that lasts until 2026-06-02T00:00:00Z. */
static void make(const char *name, const char *serial, const char *origin, int64_t not_before)
{
    struct order order = make_issued_order(&shell.database, &account, name, serial);
    database_run(&shell.database,
                 text_of("UPDATE certificates SET origin = '%s', not_before = %lld WHERE id = %lld", origin,
                         (long long)not_before, (long long)order.certificate_id));
}

/* A leaf that step-ca's provisioner `name` of this type signed. */
static void sign_by(const char *serial, char type, const char *name)
{
    struct bytes value = bytes_from_string(
        text_of("\x30%c\x02\x01%c\x04%c%s", (int)strlen(name) + 7, type, (int)strlen(name), name));
    EVP_PKEY *key = pki_key(shell.arena, "P-256");
    X509 *leaf = pki_certificate(
        shell.arena, &(struct pki_certificate){.key = key, .not_before = NOW, .not_after = NOW + DAY_S});
    ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.37476.9000.64.1", 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    /* An empty credential id ends the sequence. */
    struct bytes whole = bytes_from_string(text_of("%s\x04", (const char *)value.p));
    uint8_t octets[128];
    memcpy(octets, whole.p, whole.n);
    octets[whole.n] = 0;
    cr_assert_eq(ASN1_OCTET_STRING_set(data, octets, (int)whole.n + 1), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, data);
    cr_assert_eq(X509_add_ext(leaf, extension, -1), 1);
    cr_assert_gt(X509_sign(leaf, key, EVP_sha256()), 0);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(object);
    struct bytes der = pki_der(shell.arena, leaf);
    char *hex = arena_alloc(shell.arena, 2 * der.n + 1);
    for (size_t i = 0; i < der.n; i++)
        snprintf(hex + 2 * i, 3, "%02x", der.p[i]);
    database_run(&shell.database,
                 text_of("UPDATE certificates SET leaf = x'%s' WHERE serial = '%s'", hex, serial));
}

Test(cli_migration, each_name_has_its_state_and_its_next_step)
{
    begin();
    make("a-moved.test", "1a", "imported", NOW - HOUR_S);
    make("a-moved.test", "1b", "acme", NOW);
    make("b-old.test", "2a", "imported", NOW + 60);
    make("c-back.test", "3a", "acme", NOW - HOUR_S);
    make("c-back.test", "3b", "external", NOW);
    make("d-over.test", "4a", "imported", NOW);
    make("acme.test", "5a", "external", NOW);
    make("f-proxied.test", "6a", "imported", NOW);
    sign_by("2a", 1, "people");
    sign_by("6a", 6, "acme");
    database_run(&shell.database, "UPDATE certificates SET not_after = 1780275599 WHERE serial = '4a'");
    struct output output = run("migration status");
    const char *const lines[] = {
        "NAME                              STATE      EXPIRES               LAST RENEWED, BY WHICH PATH",
        "a-moved.test                      moved      2026-06-02T00:00:00Z  " BEGAN " acme",
        "                                  nothing: it renews here",
        "b-old.test                        old way    2026-06-02T00:00:00Z  2026-06-01T00:01:00Z imported by "
        "people (JWK)",
        "                                  have an ACME client on its host order from "
        "https://acme.test/acme/acme/directory "
        "and stop its `step ca renew`; for a host without ACME, use `acmegate sign`",
        "c-back.test                       went back  2026-06-02T00:00:00Z  " BEGAN " external",
        "                                  it was ordered here at 2026-05-31T23:00:00Z and the old way after "
        "that: stop the "
        "old client or timer on its host",
        "d-over.test                       over       2026-06-01T00:59:59Z  " BEGAN " imported",
        "                                  nothing, if its host is gone: nobody renews it",
        "acme.test                         own        2026-06-02T00:00:00Z  " BEGAN " external",
        "                                  nothing: acmegate's own certificate renews by itself",
        "f-proxied.test                    old way    2026-06-02T00:00:00Z  " BEGAN
        " imported by acme (ACME)",
        "                                  point its ACME client at https://acme.test/acme/acme/directory",
        "6 names: 1 moved, 2 old way, 1 went back, 1 over, 1 own",
        "The newest imported certificate was issued at 2026-06-01T00:01:00Z. Import the CA's log again to "
        "see later ones.",
    };
    cr_expect_eq(output.status, CLI_OK, "%s", output.errors);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect(has_line(output.text, lines[i]), "'%s' is missing:\n%s", lines[i], output.text);
    cr_expect_eq(count_lines(output.text), 1 + 2 * 6 + 1 + 2);
    shell_end();
}

Test(cli_migration, json_is_one_object)
{
    begin();
    struct output output = run("migration status --json");
    cr_expect_str_eq(
        output.text,
        "{\"names\": [],\n \"counts\": {\"moved\":0,\"old way\":0,\"went back\":0,\"over\":0,\"own\":0}}\n");
    make("a.test", "1a", "acme", NOW);
    make("b.test", "2a", "imported", NOW);
    sign_by("2a", 1, "people");
    long long ids[] = {database_count(&shell.database, "SELECT id FROM certificates WHERE serial = '1a'"),
                       database_count(&shell.database, "SELECT id FROM certificates WHERE serial = '2a'")};
    output = run("migration status --json");
    cr_expect_str_eq(
        output.text,
        text_of(
            "{\"names\": [\n  {\"name\":\"a.test\",\"state\":\"moved\",\"path\":\"acme\",\"begins\":\"" BEGAN
            "\","
            "\"expires\":\"2026-06-02T00:00:00Z\",\"last_acme\":\"" BEGAN
            "\",\"certificates\":1,\"certificate_id\":%lld,"
            "\"next\":\"nothing: it renews here\"},\n"
            "  {\"name\":\"b.test\",\"state\":\"old way\",\"path\":\"imported\",\"provisioner\":\"people\","
            "\"provisioner_type\":\"JWK\",\"begins\":\"" BEGAN "\",\"expires\":\"2026-06-02T00:00:00Z\","
            "\"certificates\":1,\"certificate_id\":%lld,\"next\":\"have an ACME client on its host order "
            "from "
            "https://acme.test/acme/acme/directory and stop its `step ca renew`; for a host without ACME, "
            "use `acmegate "
            "sign`\"}\n ],\n \"counts\": {\"moved\":1,\"old way\":1,\"went back\":0,\"over\":0,\"own\":0},\n"
            " \"imported_until\": \"" BEGAN "\"}\n",
            ids[0], ids[1]));
    shell_end();
}

Test(cli_migration, an_empty_inventory)
{
    begin();
    struct output output = run("migration status");
    cr_expect_str_eq(
        output.text,
        "NAME                              STATE      EXPIRES               LAST RENEWED, BY WHICH PATH\n"
        "0 names: 0 moved, 0 old way, 0 went back, 0 over, 0 own\n"
        "Nothing was imported: names that were never ordered here are missing. `acmegate import` adds "
        "them.\n");
    shell_end();
}

/* The first endpoint that allows the name, by its own policy and by that of its first profile. */
Test(cli_migration, the_directory_is_one_that_allows_the_name)
{
    static const struct {
        const char *top, *inside, *other, *name, *next;
    } cases[] = {
        {NULL, NULL, NULL, "host.test", "order from https://acme.test/acme/acme/directory and"},
        {NULL, NULL, NULL, "192.0.2.1", "order from https://acme.test/acme/acme/directory and"},
        {NULL, NULL, ",\"names\":{\"underscores\":[\"*.test\"]}", "a_b.test",
         "order from https://acme.test/acme/other/directory and"},
        {NULL, NULL, NULL, "a_b.test",
         "no endpoint's name policy allows it: add it to \"names\" of one, or leave it where it is"},
        {NULL, NULL, NULL, "no name", "no endpoint's name policy allows it: "},
        {NULL, ",\"names\":{\"deny\":[\"*.test\"]}", ",\"names\":{\"underscores\":[\"*.test\"]}", "a_b.test",
         "no endpoint's name policy"},
        {NULL, NULL, ",\"names\":{\"underscores\":[\"*.test\"],\"deny\":[\"a_b.test\"]}", "a_b.test",
         "no endpoint's name policy"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        shell_configure(&(struct shell_configuration){.inside = cases[i].inside, .other = cases[i].other});
        make("host.test", "1a", "imported", NOW);
        database_run(&shell.database, text_of("UPDATE certificate_names SET name = '%s'", cases[i].name));
        struct output output = run("migration status");
        expect_output(cases[i].name, &output, CLI_OK, cases[i].next, "");
        shell_end();
    }
}

/* A certificate by ACME, of another provisioner or of another name is not the server's own. */
Test(cli_migration, the_servers_own_certificate)
{
    static const struct {
        const char *top, *name, *origin, *provisioner, *state;
    } cases[] = {
        {",\"tls\":{\"issuer\":\"main\"}", "acme.test", "external", "acmegate", "own"},
        {",\"tls\":{\"issuer\":\"main\"}", "acme.test", "external", "people", "old way"},
        {",\"tls\":{\"issuer\":\"main\"}", "acme.test", "external", NULL, "own"},
        {",\"tls\":{\"issuer\":\"main\"}", "acme.test", "acme", NULL, "moved"},
        {",\"tls\":{\"issuer\":\"inner\"}", "acme.test", "external", "people", "own"},
        {",\"tls\":{\"issuer\":\"inner\"}", "www.acme.test", "external", NULL, "old way"},
        {",\"tls\":{\"issuer\":\"inner\"},\"alternate_names\":[\"ca.test\",\"acme2.test:9443\"]",
         "acme2.test", "external", NULL, "own"},
        {",\"tls\":{\"issuer\":\"inner\"},\"alternate_names\":[\"ca.test\",\"acme2.test:9443\"]", "ca.test",
         "external", NULL, "own"},
        {",\"tls\":{\"cert\":\"/x.crt\",\"key\":\"/x.key\"}", "acme.test", "external", NULL, "old way"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        shell_configure(&(struct shell_configuration){.top = cases[i].top});
        make(cases[i].name, "1a", cases[i].origin, NOW);
        if (cases[i].provisioner != NULL)
            sign_by("1a", 1, cases[i].provisioner);
        struct output output = run("migration status");
        expect_output(cases[i].top, &output, CLI_OK, text_of("%-32s  %-9s  ", cases[i].name, cases[i].state),
                      "");
        shell_end();
    }
}

/* More rows than a page has: each name stands there once. */
Test(cli_migration, many_names_and_many_certificates_of_one)
{
    begin();
    make("host.test", "1a", "acme", NOW);
    database_run(&shell.database,
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)"
                 " INSERT INTO certificate_names (certificate_id, name) SELECT c.id, printf('h%04d.test', i) "
                 "FROM n, certificates c");
    struct output output = run("migration status");
    cr_expect_not_null(strstr(output.text, "\n1101 names: 1101 moved, "), "%s",
                       strstr(output.text, " names: "));
    cr_expect_eq(count_lines(output.text), 1 + 2 * 1101 + 3);
    cr_expect(has_line(output.text,
                       "h0512.test                        moved      2026-06-02T00:00:00Z  " BEGAN " acme"));
    shell_end();
}

Test(cli_migration, what_cannot_be_read)
{
    begin();
    const struct command_case cases[] = {
        {text_of("migration status --config %s/none.json", shell.folder), CLI_FAILED, "",
         "acmegate migration status: "},
        {"migration", CLI_USAGE, "", "the action is missing\n"},
        {"migration status now", CLI_USAGE, "", "unexpected argument 'now'\n"},
    };
    RUN_CASES(cases);
    shell_end();
}
