/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate db` and `acmegate config`. */
#include <stdlib.h>

#include "gateway/cli/cli.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_db);

Test(cli_db, a_database_is_made_once)
{
    shell_begin();
    database_disconnect(&shell.database);
    const char *other = shell_path("other.db");
    const struct command_case cases[] = {
        {text_of("db check --database %s", other), CLI_FAILED, "", text_of("acmegate db check: ")},
        {text_of("db migrate --database %s", other), CLI_OK, text_of("made %s", other), ""},
        {text_of("db migrate --database %s", other), CLI_OK, "the schema is up to date: nothing to do\n", ""},
        {text_of("db check --database %s", other), CLI_OK,
         text_of("%s: the schema is current, the file is whole\n", other), ""},
        {"db path", CLI_OK, text_of("%s\n", shell.database.path), ""},
        {text_of("db migrate --database %s/nowhere/x.db", shell.folder), CLI_FAILED, "",
         "acmegate db migrate: "},
        {"db frob", CLI_USAGE, "",
         "acmegate db: unknown action 'frob'\nusage: acmegate db migrate|check|backup|path\n"},
    };
    RUN_CASES(cases);
    shell_end();
}

Test(cli_db, a_damaged_or_newer_database_fails_the_check)
{
    shell_begin();
    database_run(&shell.database, "PRAGMA user_version = 9999");
    struct output output = run("db check");
    expect_output("newer", &output, CLI_FAILED, "", "schema");
    output = run("db migrate");
    expect_output("newer", &output, CLI_FAILED, "", "schema");
    const char *broken =
        shell_write("broken.db", "This is not a database, and it is longer than a header of SQLite: "
                                 "a hundred octets are enough to see that it is none.");
    output = run("db check --database %s", broken);
    expect_output("broken", &output, CLI_FAILED, "", broken);
    shell_end();
}

/* Each row of PRAGMA foreign_key_check is a line. */
Test(cli_db, what_is_wrong_is_listed)
{
    shell_begin();
    make_account(&shell.database, "one");
    database_run(&shell.database, "PRAGMA foreign_keys = OFF; UPDATE accounts SET eab_key_id = 4711");
    struct output output = run("db check");
    expect_output("check", &output, CLI_FAILED, "a row of accounts (id ", "acmegate db check: ");
    shell_end();
}

Test(cli_db, a_backup_is_a_new_file)
{
    shell_begin();
    long long id = make_account(&shell.database, "one").id;
    const char *copy = shell_path("copy.db");
    const struct command_case cases[] = {
        {text_of("db backup %s", copy), CLI_OK,
         text_of("copied %s to %s. Back up the key that seals its secrets (secret_key_path), too, in another "
                 "place\n",
                 shell.database.path, copy),
         ""},
        {text_of("account show %lld --database %s", id, copy), CLI_OK, text_of("%lld", id), ""},
        {text_of("db backup %s", copy), CLI_FAILED, "", "acmegate db backup: "},
        {"db backup", CLI_USAGE, "", "FILE is missing\n"},
    };
    RUN_CASES(cases);
    shell_end();
}

/* ---- config ---- */

Test(cli_db, config_shows_the_values_in_force_and_where_they_come_from)
{
    shell_begin();
    setenv("ACMEGATE_LIMITS_MAX_CONNECTIONS", "77", 1);
    struct output output = run("config show");
    cr_expect_eq(output.status, CLI_OK, "%s", output.errors);
    cr_expect_str_empty(output.errors);
    const char *const has[] = {"base_url = \"https://acme.test\"  (file)\n",
                               "limits.max_connections = 77  (ACMEGATE_LIMITS_MAX_CONNECTIONS)\n",
                               "validation.http_port = 80  (default)\n"};
    for (size_t i = 0; i < sizeof has / sizeof *has; i++)
        cr_expect_not_null(strstr(output.text, has[i]), "%s is missing:\n%s", has[i], output.text);
    unsetenv("ACMEGATE_LIMITS_MAX_CONNECTIONS");
    shell_end();
}

Test(cli_db, config_with_faults_tells_each_once)
{
    shell_begin();
    const char *bad = shell_write("bad.json", "{\"base_url\":\"https://a.test\",\"frob\":1}");
    struct output output = run("config show --config %s", bad);
    cr_expect_eq(output.status, CLI_FAILED);
    const char *found = strstr(output.errors, "acmegate config show: ");
    cr_expect_not_null(found, "%s", output.errors);
    const char *frob = strstr(output.errors, "frob: ");
    cr_assert_not_null(frob, "%s", output.errors);
    cr_expect_null(strstr(frob + 1, "frob: "), "twice: %s", output.errors);
    output = run("config show --config %s/none.json", shell.folder);
    expect_output("no file", &output, CLI_FAILED, "", "none.json: cannot be read");
    shell_end();
}

/* The admin API's changes are sealed: without the key they are not shown, and that is told. */
Test(cli_db, config_without_the_key_of_the_admin_apis_changes)
{
    shell_begin();
    database_run(&shell.database, "INSERT INTO issuer_overrides VALUES ('main', x'00', 1780272000, 'admin')");
    struct output output = run("config show");
    expect_output("sealed", &output, CLI_FAILED, "https://acme.test",
                  "acmegate config show: changes by the admin API are not shown: ");
    shell_end();
}

Test(cli_db, config_reference_is_a_table)
{
    shell_begin();
    struct output output = run("config reference");
    expect_output("reference", &output, CLI_OK, "| `base_url` | ", "");
    cr_expect_gt(count_lines(output.text), 50);
    shell_end();
}
