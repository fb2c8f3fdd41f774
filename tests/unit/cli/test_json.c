/* SPDX-License-Identifier: Apache-2.0 */
/* --json: each line is one object, with lists as arrays, numbers as numbers and times as RFC 3339 text. */
#include <string.h>

#include "acme/base/json.h"
#include "acme/pki.h"
#include "check_site.h"
#include "gateway/cli/cli.h"

LEAK_CHECKED_SUITE(cli_json);

static struct account account;
static struct order issued;

static void begin(void)
{
    check_begin(&(struct shell_configuration){0});
    account = make_account(&shell.database, "one");
    issued = make_issued_order(&shell.database, &account, "www.example.org", "1a2b");
    database_run(&shell.database, "UPDATE orders SET expires_at = 2208988800;"
                                  "UPDATE certificates SET not_after = 2208988800");
}

static struct bytes make_csr(const char *names)
{
    return pki_csr(shell.arena, &(struct pki_csr){.key = pki_key(shell.arena, "P-256"), .names = names});
}

/* Each line is an object; the limits of configurations are the widest. */
static void expect_objects(const char *line, const struct output *output)
{
    cr_expect_str_not_empty(output->text, "%s", line);
    for (const char *at = output->text; *at != '\0';) {
        struct fault fault;
        size_t n = strcspn(at, "\n");
        const struct json *json = json_parse(shell.arena, bytes_of(at, n), &json_limits_config, &fault);
        cr_assert_not_null(json, "%s: %s: %.*s", line, fault.message, (int)n, at);
        cr_expect_eq(json->type, JSON_OBJECT, "%s: %.*s", line, (int)n, at);
        cr_assert_eq(at[n], '\n', "%s: the last line has no end", line);
        at += n + 1;
    }
}

Test(cli_json, C7_values_have_their_types)
{
    begin();
    const char *own = local_only(own_of_inner, "");
    const char *id = text_of("%lld", (long long)account.id), *order = text_of("%lld", (long long)issued.id);
    const char *csr = shell_write("host.csr", shell_pem("CERTIFICATE REQUEST", make_csr("DNS:www.test")));
    const struct {
        const char *line, *has[5];
    } cases[] = {
        {"account list --json",
         {text_of("\"id\":%s,", id), "\"contacts\":[\"mailto:admin@example.org\"]", "\"terms_agreed\":true",
          "\"created\":\"2026-06-01T00:00:00Z\"", "\"eab_kid\":null"}},
        {text_of("account show %s --json", id),
         {"\"contacts\":[\"mailto:admin@example.org\"]", "\"orders\":1"}},
        {"order list --json",
         {"\"names\":[\"www.example.org\"]", "\"contacts\":[\"mailto:", "\"attempts\":"}},
        {"cert show 1a2b --json",
         {"\"names\":[\"www.example.org\"]", "\"serial\":\"1a2b\"", "\"expires\":\"2040-01-01T00:00:00Z\"",
          "\"not_after\":2208988800", "\"renewed_by\":null"}},
        {"eab add acme --kid one --allow a.test,*.b.test --uses 3 --trusted yes --json",
         {"\"kid\":\"one\"", "\"hmac_key\":\"", "\"names_allow\":[\"a.test\",\"*.b.test\"],\"names_deny\":[]",
          "\"max_uses\":3", "\"trusted\":true"}},
        {"eab list --json",
         {"\"names_allow\":[\"a.test\",\"*.b.test\"],\"names_deny\":[],\"profiles\":[]", "\"trusted\":true",
          "\"uses\":0,\"max_uses\":3", "\"expires\":null"}},
        {"eab revoke acme one --json",
         {"{\"endpoint\":\"acme\",\"kid\":\"one\",\"state\":\"revoked\",\"revoked\":\"2026-06-01T01:00:"
          "00Z\"}"}},
        {"cert renew-early all --within now --json",
         {"{\"scope\":\"all\",\"renew_until\":\"", "\"issued_before\":\"2026-06-01T01:00:00Z\""}},
        {text_of("explain %s --json", order),
         {text_of("{\"order\":{\"id\":%s,\"state\":\"valid\"", order), "\"names\":[\"www.example.org\"]",
          "\"authorizations\":[{\"id\":", "\"certificate\":{\"id\":",
          "\"cause\":{\"name\":\"certificate-good\""}},
        {"explain www.example.org --json", {"\"events\":[{\"id\":", "\"attempts\":[{", "\"earlier\":[]"}},
        {"explain ca-unavailable --json", {"{\"cause\":{\"name\":\"ca-unavailable\",\"turn\":\""}},
        {"explain order.refused --json",
         {"{\"event_type\":{\"name\":\"order.refused\"", "\"severity\":\"warning\",\"of_note\":false"}},
        {"config show --json",
         {"\"key\":\"listen\"", "\"value\":[\"127.0.0.1:1\"],\"set\":true,\"origin\":\"file\"}",
          "{\"key\":\"validation.http_port\",\"type\":\"",
          "\"value\":80,\"set\":true,\"origin\":\"default\"}", "\"value\":null,\"set\":false}"}},
        {text_of("check --json --config %s", own),
         {"{\"result\":\"ok\",\"message\":\"configuration ", "`acmegate serve` makes it\"}"}},
        {"db path --json", {text_of("{\"database\":\"%s\"}\n", shell.database.path)}},
        {"db check --json",
         {text_of("{\"database\":\"%s\",\"found\":[],\"result\":\"ok\"}\n", shell.database.path)}},
        {"db migrate --json",
         {"\"steps\":[\"the schema is up to date: nothing to do\"]",
          text_of("\"schema\":%zu}\n", store_schema())}},
        {text_of("db backup %s --json", shell_path("copy.db")),
         {text_of("\"copy\":\"%s\"}\n", shell_path("copy.db"))}},
        {text_of("db restore %s --database %s --json", shell_path("copy.db"), shell_path("new.db")),
         {text_of("{\"database\":\"%s\",\"from\":\"%s\"}\n", shell_path("new.db"), shell_path("copy.db"))}},
        {text_of("db restore %s --database %s --json", shell_path("copy.db"), shell_path("new.db")),
         {text_of("\"from\":\"%s\",\"kept\":\"%s.", shell_path("copy.db"), shell_path("new.db"))}},
        {text_of("db vacuum --database %s --json", shell_path("new.db")),
         {"\"bytes_before\":", ",\"bytes_after\":"}},
        {text_of("sign %s --profile inside --json", csr),
         {"{\"serial\":\"",
          "\"issuer\":\"inner\",\"profile\":\"inside\",\"names\":[\"www.test\"],\"begins\":\"2026-06-01T",
          "\"expires\":\"2026-06-01T13:", "\"chain\":\"-----BEGIN CERTIFICATE-----\\n"}},
        {text_of("sign %s --profile inside --out %s --json", csr, shell_path("host.crt")),
         {text_of("Z\",\"file\":\"%s\"}\n", shell_path("host.crt"))}},
        {text_of("account deactivate %s --json", id), {text_of("{\"id\":%s,\"state\":\"revoked\"}\n", id)}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output = run("%s", cases[i].line);
        cr_expect_eq(output.status, CLI_OK, "%s: %s", cases[i].line, output.errors);
        cr_expect_str_empty(output.errors, "%s", cases[i].line);
        expect_objects(cases[i].line, &output);
        for (size_t j = 0; j < 5 && cases[i].has[j] != NULL; j++)
            cr_expect_not_null(strstr(output.text, cases[i].has[j]), "%s: %s is missing:\n%s", cases[i].line,
                               cases[i].has[j], output.text);
    }
    shell_end();
}

/* The skips are told on standard error one by one, and counted in the object. */
Test(cli_json, an_import)
{
    begin();
    const char *csr = shell_write("host.csr", shell_pem("CERTIFICATE REQUEST", make_csr("DNS:www.test")));
    const char *chain = shell_path("host.crt");
    cr_assert_eq(run("sign %s --profile inside --out %s", csr, chain).status, CLI_OK);
    struct output output = run("import --dry-run %s --json", chain);
    expect_output(
        "import", &output, CLI_OK,
        "{\"result\":\"ok\",\"dry_run\":true,\"taken\":0,\"known\":1,\"skipped\":[{\"count\":1,\"why\":\"an "
        "authority's own certificate\"}]}\n",
        chain);
    output = run("import %s.none --json", chain);
    expect_output("none", &output, CLI_FAILED, "{\"result\":\"failure\",\"dry_run\":false,\"taken\":0,",
                  "No such file");
    shell_end();
}

/* Faults are in the output, and the advice is on standard error. */
Test(cli_json, a_database_that_is_damaged)
{
    begin();
    database_run(&shell.database, "PRAGMA foreign_keys = OFF; UPDATE accounts SET eab_key_id = 4711");
    struct output output = run("db check --json");
    expect_output("check", &output, CLI_FAILED, "\"found\":[\"a row of accounts (id ",
                  "acmegate db restore FILE");
    expect_output("check", &output, CLI_FAILED, "],\"result\":\"failure\"}\n", "acmegate db check: ");
    expect_objects("check", &output);
    shell_end();
}

/* A finding is no error of the command: it is in the output, and the exit status tells. */
Test(cli_json, a_check_that_fails)
{
    begin();
    write_certificate("root.crt", make_root(NOW + 100 * DAY_S));
    struct output output = run("check --json");
    expect_output("check", &output, CLI_FAILED, "{\"result\":\"failure\",\"message\":\"issuer main: cannot ",
                  "");
    expect_objects("check", &output);
    output = run("check --expiring 200d --json");
    expect_output("expiring", &output, CLI_FAILED, "{\"result\":\"warning\",\"message\":\"issuer main: ", "");
    expect_objects("expiring", &output);
    shell_end();
}

Test(cli_json, a_refused_request_and_an_issuer)
{
    begin();
    database_run(
        &shell.database,
        "INSERT INTO events (id, at, kind, who, detail, names, cause) VALUES (9000000000000, 1780272000,"
        " 'order.refused', 'client 192.0.2.9', 'not allowed', 'a.test, b.test', 'name-refused');"
        "INSERT INTO issuer_overrides VALUES ('main', x'00', 1780272000, 'admin')");
    struct output output = run("explain a.test --json");
    expect_output("explain", &output, CLI_OK, "{\"refused\":{\"event\":{\"id\":9000000000000,", "");
    expect_output("explain", &output, CLI_OK,
                  "\"names\":[\"a.test\",\"b.test\"],\"cause\":{\"name\":\"name-refused\"", "");
    expect_objects("explain", &output);
    output = run("issuer reset main --json");
    expect_output("reset", &output, CLI_OK, "{\"issuer\":\"main\",\"follows\":\"file\",", "");
    shell_end();
}

Test(cli_json, errors_stay_on_standard_error)
{
    begin();
    const struct command_case cases[] = {
        {"explain nobody.test --json", CLI_FAILED, "", "no order of 'nobody.test'"},
        {"eab add acme --uses x --json", CLI_USAGE, "", "--uses"},
        {"issuer reset main --json", CLI_FAILED, "", "has not changed issuer 'main'"},
        {"account deactivate 77 --json", CLI_FAILED, "", "no account with the id 77"},
    };
    RUN_CASES(cases);
    shell_end();
}

Test(cli_json, a_full_disk_is_a_failure)
{
    begin();
    static const char *const lines[] = {"account list --json", "explain www.example.org --json",
                                        "eab add acme --json", "cert show 1a2b --json",
                                        "db path --json",      "db check --json"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct output output = run_on_full_disk("%s", lines[i]);
        cr_expect_eq(output.status, CLI_FAILED, "%s", lines[i]);
        cr_expect_not_null(strstr(output.errors, "cannot be written: No space left"), "%s: %s", lines[i],
                           output.errors);
    }
    shell_end();
}
