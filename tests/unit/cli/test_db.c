/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate db` and `acmegate config`. */
#include <stdlib.h>
#include <unistd.h>

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
         "acmegate db: unknown action 'frob'\nusage: acmegate db "
         "migrate|check|backup|restore|copy|vacuum|path\n"},
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

/* ---- restore and vacuum ---- */

static long long accounts_there(void)
{
    return (long long)database_count(&shell.database, "SELECT count(*) FROM accounts");
}

/* The path after "kept what was there as ". */
static const char *kept_path(const struct output *output)
{
    static const char before[] = "kept what was there as ";
    const char *at = strstr(output->text, before);
    cr_assert_not_null(at, "%s", output->text);
    at += sizeof before - 1;
    return text_of("%.*s", (int)strcspn(at, ";"), at);
}

Test(cli_db, C7_a_backup_takes_the_databases_place)
{
    shell_begin();
    long long id = make_account(&shell.database, "one").id;
    const char *copy = shell_path("copy.db");
    cr_assert_eq(run("db backup %s", copy).status, CLI_OK);
    make_account(&shell.database, "two");
    database_disconnect(&shell.database);
    struct output output = run("db restore %s", copy);
    expect_output("restore", &output, CLI_OK,
                  text_of("%s is whole: a copy of it is %s now\n", copy, shell.database.path), "");
    cr_expect_eq(accounts_there(), 1);
    cr_expect_eq(access(copy, F_OK), 0, "the back-up stays");
    output = run("account list --json --database %s", kept_path(&output));
    cr_expect_eq(count_lines(output.text), 2, "%s", output.text);
    output = run("account show %lld", id);
    expect_output("an old account", &output, CLI_OK, "valid", "");
    output = run("db check");
    expect_output("check", &output, CLI_OK, "the file is whole", "");
    shell_end();
}

/* What is in the log alone is kept with it, and the new database does not get it. */
Test(cli_db, C7_the_log_goes_with_the_database_that_was_replaced)
{
    shell_begin();
    const char *copy = shell_path("copy.db"), *lost = shell_path("lost.db");
    cr_assert_eq(run("db backup %s", copy).status, CLI_OK);
    make_account(&shell.database, "one");
    database_copy_file(shell.database.path, lost);
    database_copy_file(text_of("%s-wal", shell.database.path), text_of("%s-wal", lost));
    struct output output = run("db restore %s --database %s", copy, lost);
    cr_assert_eq(output.status, CLI_OK, "%s", output.errors);
    const char *kept = kept_path(&output);
    cr_expect_eq(count_lines(run("account list --json --database %s", lost).text), 0);
    cr_expect_eq(count_lines(run("account list --json --database %s", kept).text), 1);
    /* and back, with its log, by a copy as cp makes it */
    output = run("db restore %s --database %s", kept, lost);
    cr_assert_eq(output.status, CLI_OK, "%s", output.errors);
    cr_expect_eq(count_lines(run("account list --json --database %s", lost).text), 1);
    shell_end();
}

Test(cli_db, C7_a_lost_database_is_restored)
{
    shell_begin();
    const char *copy = shell_path("copy.db");
    cr_assert_eq(run("db backup %s", copy).status, CLI_OK);
    database_disconnect(&shell.database);
    cr_assert_eq(unlink(shell.database.path), 0);
    struct output output = run("db restore %s", copy);
    expect_output("restore", &output, CLI_OK, "start the server", "");
    cr_expect_null(strstr(output.text, "kept what was there"), "%s", output.text);
    cr_expect_eq(accounts_there(), 0);
    shell_end();
}

Test(cli_db, C7_what_is_not_restored)
{
    shell_begin();
    make_account(&shell.database, "one");
    const char *empty = shell_path("empty.db"), *newer = shell_path("newer.db"),
               *torn = shell_path("torn.db");
    const char *references = shell_path("references.db"), *path = shell.database.path;
    const char *text =
        shell_write("text.db", "This is not a database, and it is longer than a header of SQLite: "
                               "a hundred octets are enough to see that it is none.");
    shell_write("empty.db", "");
    cr_assert_eq(run("db backup %s", newer).status, CLI_OK);
    cr_assert_eq(run("db backup %s", torn).status, CLI_OK);
    cr_assert_eq(run("db backup %s", references).status, CLI_OK);
    cr_assert_eq(truncate(torn, 40000), 0);
    const struct database of_newer = {.path = "", .arena = shell.arena};
    struct database other = of_newer;
    snprintf(other.path, sizeof other.path, "%s", newer);
    database_run(&other, "PRAGMA user_version = 9999");
    snprintf(other.path, sizeof other.path, "%s", references);
    database_run(&other, "PRAGMA foreign_keys = OFF; UPDATE accounts SET eab_key_id = 4711");
    const struct command_case cases[] = {
        {text_of("db restore %s/none.db", shell.folder), CLI_FAILED, "", "nothing was replaced: "},
        {text_of("db restore %s", shell.folder), CLI_FAILED, "", "is not a file\n"},
        {text_of("db restore %s", path), CLI_FAILED, "", "is the database itself: name a back-up\n"},
        {text_of("db restore %s", empty), CLI_FAILED, "", "is empty: it is no back-up\n"},
        {text_of("db restore %s", text), CLI_FAILED, "", "nothing was replaced: "},
        {text_of("db restore %s", newer), CLI_FAILED, "", "has schema 9999"},
        {text_of("db restore %s", torn), CLI_FAILED, "", "nothing was replaced: "},
        {text_of("db restore %s", references), CLI_FAILED, "", "rows are missing"},
        {"db restore", CLI_USAGE, "", "FILE is missing\n"},
    };
    RUN_CASES(cases);
    cr_expect_eq(accounts_there(), 1);
    cr_expect_neq(access(text_of("%s.new", path), F_OK), 0, "the copy is removed");
    database_disconnect(&shell.database);
    database_serve(&shell.database);
    struct output output = run("db restore %s", references);
    expect_output("served", &output, CLI_FAILED, "", "is already served by another acmegate");
    output = run("db vacuum");
    expect_output("served", &output, CLI_FAILED, "", "acmegate db vacuum: ");
    shell_end();
}

Test(cli_db, C7_vacuum_gives_space_back)
{
    shell_begin();
    database_run(&shell.database,
                 "CREATE TABLE ballast (octets BLOB); INSERT INTO ballast VALUES (zeroblob(3145728));"
                 "DROP TABLE ballast");
    database_disconnect(&shell.database);
    struct store_size before, after;
    store_read_size(shell.database.location, &before);
    struct output output = run("db vacuum");
    expect_output("vacuum", &output, CLI_OK, " MiB now; the indexes are new\n", "");
    store_read_size(shell.database.location, &after);
    cr_expect_lt(after.data + 2097152, before.data + 1, "%s", output.text);
    output = run("db vacuum --database %s/none.db", shell.folder);
    expect_output("none", &output, CLI_FAILED, "", "there is no database\n");
    shell_end();
}

/* An index that lacks a row is made anew from the table. */
Test(cli_db, C7_a_damaged_index_is_told_and_mended)
{
    shell_begin();
    make_account(&shell.database, "one");
    database_run(
        &shell.database,
        "CREATE INDEX spare ON accounts (created_from); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = NULL, name = 'gone' WHERE name = 'nothing';"
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX spare ON accounts (user_agent)' WHERE name = 'spare'");
    database_disconnect(&shell.database);
    struct output output = run("db check");
    expect_output("check", &output, CLI_FAILED, "index spare",
                  "only indexes are: stop the server, then 'acmegate db vacuum' makes them anew\n");
    cr_expect_eq(run("db vacuum").status, CLI_OK);
    output = run("db check");
    expect_output("mended", &output, CLI_OK, "the file is whole", "");
    shell_end();
}

/* ---- copy ---- */

Test(cli_db, a_copy_is_told_by_table_with_what_to_do_next)
{
    shell_begin();
    make_account(&shell.database, "one");
    database_disconnect(&shell.database);
    const char *path = shell.database.path, *other = shell_path("other.db"), *third = shell_path("third.db");
    struct output output = run("db copy --to %s", other);
    expect_output("copy", &output, CLI_OK, "accounts: 1 row\n", "");
    cr_expect_not_null(
        strstr(output.text, text_of("Next: name the new database in the configuration (`database`); copy "
                                    "%s.secret, if there is one, to %s.secret; start the server",
                                    path, other)),
        "%s", output.text);
    cr_expect_eq(count_lines(run("account list --json --database %s", other).text), 1);
    output = run("db copy --from %s --to %s --json", other, third);
    expect_output("json", &output, CLI_OK,
                  text_of("{\"from\":\"%s\",\"to\":\"%s\",\"tables\":[{\"table\":\"accounts\",\"rows\":1},",
                          other, third),
                  "");
    cr_expect_eq(count_lines(output.text), 1, "%s", output.text);
    unlink(path);
    unlink(text_of("%s.mark", path));
    output = run("db copy --from %s", third);
    expect_output("back", &output, CLI_OK, text_of("from %s to %s, and compared each\n", third, path), "");
    shell_end();
}

Test(cli_db, what_is_not_copied)
{
    shell_begin();
    make_account(&shell.database, "one");
    database_disconnect(&shell.database);
    const char *text = shell_write("text.db", "This is not a database, and it is longer than a header of "
                                              "SQLite: a hundred octets are enough to see that it is none.");
    const char *password = shell_write("password", "");
    const char *path = shell.database.path;
    const struct command_case cases[] = {
        {"db copy", CLI_USAGE, "", "acmegate db copy: --from or --to is missing\n"},
        {text_of("db copy --from %s", path), CLI_FAILED, "", "cannot be copied to itself\n"},
        {text_of("db copy --to %s", text), CLI_FAILED, "", "acmegate db copy: nothing was copied: "},
        {text_of("db copy --from %s/none.db --to %s/new.db", shell.folder, shell.folder), CLI_FAILED, "",
         "none.db: there is no database"},
        {text_of("db copy --to %s/none/new.db", shell.folder), CLI_FAILED, "", "does not exist: make it"},
        {"db copy --to postgresql://[host/name", CLI_FAILED, "", "acmegate db copy: --to: "},
        {text_of("db copy --to postgresql:///x --to-password-file %s", password), CLI_FAILED, "",
         "acmegate db copy: --to-password-file: "},
        {text_of("db copy --to %s/new.db --config %s/none.json", shell.folder, shell.folder), CLI_FAILED, "",
         "none.json: cannot be read"},
    };
    RUN_CASES(cases);
    cr_expect_neq(access(shell_path("new.db"), F_OK), 0);
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
