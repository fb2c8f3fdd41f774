/* SPDX-License-Identifier: Apache-2.0 */
/* `list` and `show` of account, order, cert, eab and gateway: tables for people, JSON for programs. */
#include "fakes.h"
#include "gateway/cli/cli.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_lists);

static struct account first, second;
static struct order issued, waiting;

/* Two accounts; an order with its certificate, and one that waits. They end in 2040: the views ask SQLite for
 * the time. */
static void begin(void)
{
    shell_begin();
    first = make_account(&shell.database, "one");
    second = make_account(&shell.database, "two");
    issued = make_issued_order(&shell.database, &first, "www.example.org", "1a2b");
    struct authorization authorization = make_authorization(&shell.database, &second, "*.example.net");
    waiting = make_order(&shell.database, &second, &authorization, 1);
    database_run(&shell.database, "UPDATE orders SET expires_at = 2208988800;"
                                  "UPDATE certificates SET not_after = 2208988800");
}

static const char *id(int64_t value)
{
    return text_of("%lld", (long long)value);
}

static void expect_rows(const char *line, const struct output *output, size_t count)
{
    cr_expect_eq(output->status, CLI_OK, "%s: %s", line, output->errors);
    cr_expect_eq(count_lines(output->text), count, "%s: not %zu lines:\n%s", line, count, output->text);
}

Test(cli_lists, a_table_has_a_line_of_names_and_a_line_a_row)
{
    begin();
    struct output output = run("order list");
    expect_rows("order list", &output, 3);
    cr_expect_str_empty(output.errors);
    cr_expect(
        has_line(output.text,
                 "id                state       created               names                             "
                 "account           endpoint      blocked_on"),
        "%s", output.text);
    cr_expect(
        has_line(output.text, text_of("%-16s  %-10s  2026-06-01T00:00:00Z  %-32s  %-16s  acme          ",
                                      id(issued.id), "valid", "www.example.org", id(first.id))),
        "%s", output.text);
    cr_expect_lt(strstr(output.text, id(waiting.id)), strstr(output.text, id(issued.id)), "the newest first");
    shell_end();
}

Test(cli_lists, rows_are_filtered)
{
    begin();
    const char *account = id(first.id), *newest = id(waiting.id);
    const struct {
        const char *line;
        size_t rows;
        const char *has;
    } cases[] = {
        {"account list", 2, "acme          valid        2026-06-01T00:00:00Z  1       "},
        {"account list --state valid", 2, id(second.id)},
        {"account list --state revoked", 0, "eab_kid"},
        {"account list --endpoint acme", 2, "[\"mailto:admin@example.org\"]"},
        {"account list --endpoint other", 0, "contacts"},
        {"order list --name www.example.org", 1, id(issued.id)},
        {"order list --name nosuch.example.org", 0, "names"},
        {"order list --state pending", 1, "*.example.net"},
        {text_of("order list --account %s", account), 1, id(issued.id)},
        {text_of("order list --before %s", newest), 1, id(issued.id)},
        {text_of("order list --before https://acme.test/acme/acme/order/%s", newest), 1, id(issued.id)},
        {"cert list", 1, "good      2040-01-01T00:00:00Z  main        acme      1a2b"},
        {"cert list --name www.example.org --state good", 1, "1a2b"},
        {"cert list --state revoked", 0, "serial"},
        {"eab list", 0,
         "endpoint      kid                           state    uses  max_uses  expires               "
         "comment"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output = run("%s", cases[i].line);
        expect_rows(cases[i].line, &output, cases[i].rows + 1);
        cr_expect_not_null(strstr(output.text, cases[i].has), "%s:\n%s", cases[i].line, output.text);
        output = run("%s --json", cases[i].line);
        expect_rows(cases[i].line, &output, cases[i].rows);
        cr_expect_str_empty(output.errors);
    }
    shell_end();
}

/* "edge" serves and was seen in 2040, "old" has gone before the last day, "late" within it. */
static void make_gateways(void)
{
    database_run(&shell.database,
                 "DELETE FROM gateways;"
                 "INSERT INTO gateways (id, name, version, started_at, seen_at, number, state) VALUES"
                 " (1, 'old', '0.1', 1, 2, 1, 'gone'),"
                 " (2, 'late', '0.2', 1, unixepoch() - 3600, 1, 'stopped'),"
                 " (3, 'edge', '0.2', 1780272000, 2208988800, 1, 'serving')");
}

Test(cli_lists, gateways_that_serve_and_those_of_the_last_day)
{
    static const struct {
        const char *line;
        size_t rows;
    } cases[] = {
        {"gateway list", 2},
        {"gateway list --all", 3},
        {"gateway list --all --limit 3", 3},
        {"gateway list --before 3", 1},
        {"gateway list --all --before 3", 2},
        {"gateway list --state serving", 1},
        {"gateway list --state gone", 1},
    };
    begin();
    make_gateways();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output table = run("%s", cases[i].line);
        expect_rows(cases[i].line, &table, cases[i].rows + 1);
        struct output json = run("%s --json", cases[i].line);
        expect_rows(cases[i].line, &json, cases[i].rows);
    }
    struct output output = run("gateway list");
    static const char *const lines[] = {
        "name                      version     state    started               seen",
        "edge                      0.2         serving  2026-06-01T00:00:00Z  2040-01-01T00:00:00Z"};
    for (size_t i = 0; i < 2; i++)
        cr_expect(has_line(output.text, lines[i]), "'%s' is missing:\n%s", lines[i], output.text);
    cr_expect_lt(strstr(output.text, "edge"), strstr(output.text, "late"), "the newest first");
    output = run("gateway list --state serving --json");
    cr_expect_str_eq(output.text,
                     "{\"id\":3,\"name\":\"edge\",\"version\":\"0.2\",\"state\":\"serving\",\"number\":1,"
                     "\"started\":\"2026-06-01T00:00:00Z\",\"seen\":\"2040-01-01T00:00:00Z\"}\n");
    shell_end();
}

Test(cli_lists, C7_failed_orders)
{
    begin();
    database_run(
        &shell.database,
        text_of("UPDATE orders SET status = 'invalid', error_detail = 'no' WHERE id = %s", id(issued.id)));
    struct output output = run("order list --failed --json");
    expect_rows("invalid", &output, 1);
    cr_expect_not_null(strstr(output.text, "\"state\":\"invalid\""), "%s", output.text);
    database_run(&shell.database, text_of("UPDATE orders SET expires_at = 1 WHERE id = %s", id(waiting.id)));
    output = run("order list --failed --json");
    expect_rows("expired", &output, 2);
    cr_expect_not_null(strstr(output.text, "\"state\":\"expired\""), "%s", output.text);
    output = run("order list --failed --name www.example.org --json");
    expect_rows("with a name", &output, 1);
    shell_end();
}

/* The next page begins where this one ends. */
Test(cli_lists, a_full_page_tells_how_to_go_on)
{
    begin();
    struct output output = run("account list --limit 1");
    expect_output("the first page", &output, CLI_OK, id(second.id),
                  text_of("there may be more rows: continue with --before %lld\n", (long long)second.id));
    expect_rows("the first page", &output, 2);
    output = run("account list --limit 1 --before %lld", (long long)second.id);
    expect_output("the second page", &output, CLI_OK, id(first.id),
                  text_of("continue with --before %lld\n", (long long)first.id));
    output = run("account list --limit 3");
    expect_output("all", &output, CLI_OK, id(first.id), "");
    output = run("account list --limit 1000");
    expect_rows("the most", &output, 3);
    shell_end();
}

Test(cli_lists, json_has_numbers_texts_and_null)
{
    begin();
    database_run(&shell.database, "UPDATE orders SET user_agent = 'a \"quoted\" ' || char(27)");
    struct output output = run("order list --json --state pending");
    const char *const members[] = {text_of("{\"id\":%lld,", (long long)waiting.id),
                                   "\"state\":\"pending\"",
                                   "\"names\":[\"*.example.net\"]",
                                   "\"error\":null",
                                   text_of("\"account\":%lld", (long long)second.id),
                                   "a \\\"quoted\\\" "};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        cr_expect_not_null(strstr(output.text, members[i]), "%s is missing:\n%s", members[i], output.text);
    cr_expect_null(strchr(output.text, 27));
    output = run("cert show 1A:2B --json");
    cr_expect_not_null(strstr(output.text, "\"serial\":\"1a2b\""), "%s", output.text);
    shell_end();
}

Test(cli_lists, show_prints_every_column_that_has_a_value)
{
    begin();
    const struct {
        const char *line, *has[3];
    } cases[] = {
        {text_of("account show %lld", (long long)first.id),
         {text_of("id                       %lld", (long long)first.id), "state                    valid",
          "contacts                 [\"mailto:admin@example.org\"]"}},
        {text_of("account show https://acme.test/acme/acme/account/%lld", (long long)first.id),
         {text_of("id                       %lld", (long long)first.id), "endpoint                 acme",
          "orders                   1"}},
        {text_of("order show %lld", (long long)waiting.id),
         {"names                    *.example.net", "state                    pending",
          "profile                  default"}},
        {"cert show 1a2b",
         {"serial                   1a2b", "state                    good", "issuer                   main"}},
        {"cert show 00:1A:2b",
         {"serial                   1a2b", "origin                   acme",
          "names                    www.example.org"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output = run("%s", cases[i].line);
        cr_expect_eq(output.status, CLI_OK, "%s: %s", cases[i].line, output.errors);
        cr_expect_str_empty(output.errors);
        for (size_t j = 0; j < 3; j++)
            cr_expect(has_line(output.text, cases[i].has[j]), "%s: '%s' is missing:\n%s", cases[i].line,
                      cases[i].has[j], output.text);
        cr_expect_null(strstr(output.text, "revoked_at "), "%s: a column without a value", cases[i].line);
    }
    shell_end();
}

Test(cli_lists, what_is_not_there)
{
    begin();
    const struct command_case cases[] = {
        {"account show 77", CLI_FAILED, "",
         text_of("acmegate account show: no account '77' in %s\n", shell.database.path)},
        {"order show 77", CLI_FAILED, "", "no order '77' in "},
        {"order show 77 --json", CLI_FAILED, "", "no order '77' in "},
        {"cert show 1a2c", CLI_FAILED, "", "no cert '1a2c' in "},
        {"cert show 0", CLI_USAGE, "", "'0' is not a hexadecimal serial number"},
        {"cert show 1a-2b", CLI_USAGE, "", "'1a-2b' is not a hexadecimal serial number"},
        {"cert show ::", CLI_USAGE, "", "'::' is not a hexadecimal serial number"},
        {text_of("cert show 1%039d", 0), CLI_FAILED, "", "no cert '10"},
        {text_of("cert show 1%0300d", 0), CLI_USAGE, "", "is not a hexadecimal serial number"},
    };
    RUN_CASES(cases);
    shell_end();
}

static const char *const readers[] = {"account list",   "account show 5", "order list",
                                      "cert show 1a",   "eab list",       "explain x.test",
                                      "account export", "gateway list",   "migration status"};

Test(cli_lists, the_database_has_to_be_one_of_this_program)
{
    shell_begin();
    database_disconnect(&shell.database);
    database_run(&shell.database, "PRAGMA user_version = 9999");
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        struct output output = run("%s", readers[i]);
        cr_expect_eq(output.status, CLI_FAILED, "%s", readers[i]);
        cr_expect_not_null(strstr(output.errors, shell.database.path), "%s: %s", readers[i], output.errors);
        cr_expect_not_null(strstr(output.errors, "schema"), "%s: %s", readers[i], output.errors);
    }
    shell_end();
}

Test(cli_lists, the_database_has_to_be_there)
{
    shell_begin();
    for (size_t i = 0; i + 1 < sizeof readers / sizeof *readers; i++) {
        struct output output = run("%s --database %s/none.db", readers[i], shell.folder);
        cr_expect_eq(output.status, CLI_FAILED, "%s", readers[i]);
        cr_expect_not_null(strstr(output.errors, "/none.db"), "%s: %s", readers[i], output.errors);
    }
    shell_end();
}

/* A statement that fails in the middle of the reading is told, and is not an empty list. */
Test(cli_lists, a_database_that_fails_while_it_is_read)
{
    begin();
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        bool failed = true;
        for (size_t step = 1; failed; step++) {
            fake_store_fail_step(step);
            struct output output = run("%s", readers[i]);
            failed = fake_store_step_failed();
            fake_store_fail_step(0);
            if (failed) {
                cr_expect_eq(output.status, CLI_FAILED, "%s, step %zu: %s", readers[i], step, output.text);
                cr_expect_not_null(strstr(output.errors, "acmegate "), "%s, step %zu: %s", readers[i], step,
                                   output.errors);
            }
        }
    }
    shell_end();
}
