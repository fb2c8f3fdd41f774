/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate eab` and `acmegate issuer`. */
#include "acme/base/base64.h"
#include "fakes.h"
#include "gateway/cli/cli.h"
#include "gateway/config/config.h"
#include "gateway/keys/secret_box.h"
#include "shell.h"
#include "store/eab_keys.h"

LEAK_CHECKED_SUITE(cli_eab);

/* The word behind `before` in the text; "" when it is not there. */
static const char *word_behind(const char *text, const char *before)
{
    const char *at = strstr(text, before);
    if (at == NULL)
        return "";
    at += strlen(before);
    return text_of("%.*s", (int)strcspn(at, " \"\n"), at);
}

static const char *key_row(const char *columns)
{
    return database_text(&shell.database,
                         text_of("SELECT %s FROM eab_keys ORDER BY id DESC LIMIT 1", columns));
}

/* ---- eab add ---- */

Test(cli_eab, a_new_key_is_shown_once_and_kept_sealed)
{
    shell_begin();
    struct output output = run("eab add acme");
    cr_expect_eq(output.status, CLI_OK, "%s", output.errors);
    const char *kid = word_behind(output.text, "kid       "), *key = word_behind(output.text, "hmac key  ");
    struct bytes octets;
    cr_expect_eq(strlen(kid), 16, "%s", kid);
    cr_expect(base64url_decode(shell.arena, bytes_from_string(key), &octets));
    cr_expect_eq(octets.n, 32);
    cr_expect(kid[0] >= 'A' && kid[0] <= 'f' && key[0] >= 'A' && key[0] <= 'f', "a letter: %s %s", kid, key);
    cr_expect_eq(count_lines(output.text), 2);
    cr_expect_str_eq(key_row("kid"), kid);
    cr_expect_str_eq(key_row("endpoint || ' ' || created_at || ' ' || coalesce(expires_at, 0) || ' ' || "
                             "coalesce(max_uses, 0) || ' ' || coalesce(comment, '-') || ' ' || trusted"),
                     text_of("acme %lld 0 0 - 0", (long long)SHELL_NOW));
    cr_expect_str_eq(shell_events(), text_of("eab.added operator %s at acme\n", kid));
    cr_expect_eq(database_count(&shell.database,
                                text_of("SELECT count(*) FROM eab_keys WHERE instr(sealed_key, '%s')", key)),
                 0);
    cr_expect_neq(strcmp(word_behind(run("eab add acme").text, "hmac key  "), key), 0,
                  "another key each time");
    shell_end();
}

/* The server opens what the command has sealed. */
Test(cli_eab, the_sealed_key_is_the_one_that_was_shown)
{
    shell_begin();
    struct fault fault;
    struct config_errors errors = {0};
    struct output output = run("eab add acme --kid mine --json");
    const char *shown = word_behind(output.text, "\"hmac_key\":\"");
    const struct config *config = config_load(shell.arena, shell_path("acmegate.json"), NULL, &errors);
    struct secret_box *box = config_open_secrets(config, SECRET_BOX_MUST_EXIST, &fault);
    struct eab_key key;
    struct bytes opened;
    cr_assert_not_null(box, "%s", fault.message);
    cr_assert_eq(
        store_eab_key_by_kid(store_reader_of(shell.database.writer), shell.arena, "acme", "mine", &key),
        STORE_OK);
    cr_expect(
        secret_unseal(box, shell.arena, key.sealed_key, eab_key_place(shell.arena, "acme", "mine"), &opened));
    cr_expect_str_eq(base64url_encode(shell.arena, opened), shown);
    secret_box_free(box);
    shell_end();
}

Test(cli_eab, a_key_file_that_cannot_be_read)
{
    shell_begin();
    shell_configure(&(struct shell_configuration){
        .top = text_of(",\"tls\":{\"issuer\":\"inner\"},\"secret_key_path\":\"%s\"", shell.folder)});
    struct output output = run("eab add acme");
    expect_output("a folder", &output, CLI_FAILED, "", text_of("acmegate eab add: %s", shell.folder));
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM eab_keys"), 0);
    shell_end();
}

Test(cli_eab, options_of_a_key_are_stored)
{
    static const struct {
        const char *options, *columns, *row;
    } cases[] = {
        {"--kid k1", "kid", "k1"},
        {"--kid k2 --allow www.example.org,*.example.net", "names_allow", "www.example.org *.example.net"},
        {"--kid k3 --deny *,10.0.0.0/8", "names_deny", "* 10.0.0.0/8"},
        {"--kid k4 --profiles inside,default", "profiles", "inside default"},
        {"--kid k5 --trusted yes", "trusted", "1"},
        {"--kid k6 --trusted no", "trusted", "0"},
        {"--kid k7 --expires 30d", "expires_at - created_at", "2592000"},
        {"--kid k8 --uses 1", "max_uses", "1"},
        {"--kid k9 --uses 1000000", "max_uses", "1000000"},
        {"--kid k10 --comment 'for the hall'", "comment", "for the hall"},
        {"--kid k11 --allow a.test,", "names_allow", "a.test"},
    };
    shell_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output = run("eab add acme %s", cases[i].options);
        expect_output(cases[i].options, &output, CLI_OK, "hmac key  ", "");
        cr_expect_str_eq(key_row(cases[i].columns), cases[i].row, "%s: %s", cases[i].options,
                         key_row(cases[i].columns));
    }
    shell_end();
}

Test(cli_eab, json_has_the_key_and_its_end)
{
    shell_begin();
    struct output output = run("eab add acme --kid mine --json --expires 1h");
    expect_output("json", &output, CLI_OK, "{\"endpoint\":\"acme\",\"kid\":\"mine\",\"hmac_key\":\"", "");
    cr_expect_not_null(strstr(output.text, "\"expires\":\"2026-06-01T02:00:00Z\","), "%s", output.text);
    output = run("eab add acme --kid other --json");
    cr_expect_null(strstr(output.text, "expires"), "%s", output.text);
    shell_end();
}

Test(cli_eab, keys_that_are_refused)
{
    shell_begin();
    const char *long_kid = text_of("%0128d", 1), *too_long = text_of("%0129d", 1);
    const struct command_case cases[] = {
        {text_of("eab add acme --kid %s", long_kid), CLI_OK, long_kid, ""},
        {text_of("eab add acme --kid %s", too_long), CLI_USAGE, "",
         "--kid must have 1 to 128 visible characters, without "},
        {"eab add acme --kid=", CLI_USAGE, "", "--kid must have "},
        {"eab add acme --kid=-x", CLI_USAGE, "", "--kid must have "},
        {"eab add acme --kid 'a b'", CLI_USAGE, "", "--kid must have "},
        {"eab add acme --kid 'a\033b'", CLI_USAGE, "", "--kid must have "},
        {"eab add acme --kid 'a\tb'", CLI_USAGE, "", "--kid must have "},
        {"eab add acme --allow a..b", CLI_USAGE, "",
         "--allow must be names such as host.example, *.example, *, "},
        {"eab add acme --allow ,", CLI_USAGE, "", "--allow must be names"},
        {"eab add acme --allow 'a.test, b.test'", CLI_USAGE, "", "--allow must be names"},
        {"eab add acme --deny a..b", CLI_USAGE, "", "--deny must be names, as for --allow\n"},
        {"eab add acme --profiles nosuch", CLI_USAGE, "",
         "--profiles must be profiles of this endpoint, separated "},
        {"eab add acme --profiles inside,nosuch", CLI_USAGE, "", "--profiles must be "},
        {"eab add acme --profiles inside,,default", CLI_USAGE, "", "--profiles must be "},
        {"eab add other --profiles default", CLI_USAGE, "", "--profiles must be "},
        {"eab add acme --trusted maybe", CLI_USAGE, "", "--trusted must be yes or no\n"},
        {"eab add acme --expires never", CLI_USAGE, "", "--expires: 'never' is not a duration"},
        {"eab add acme --expires 0s", CLI_USAGE, "", "--expires: '0s' is not a duration"},
        {"eab add acme --uses 0", CLI_USAGE, "", "--uses: '0' is not a number from 1 to 1000000\n"},
        {"eab add acme --uses 1000001", CLI_USAGE, "", "--uses: '1000001' is not a number"},
        {"eab add nosuch", CLI_USAGE, "", "acmegate eab add: the configuration has no endpoint 'nosuch'\n"},
        {text_of("eab add acme --database %s", shell.database.path), CLI_USAGE, "",
         "a new key needs the configuration: leave out --database\n"},
        {text_of("eab add acme --kid %s", long_kid), CLI_FAILED, "",
         "endpoint acme already has a key with the kid '0"},
        {text_of("eab add other --kid %s", long_kid), CLI_OK, long_kid,
         "note: endpoints.other.eab is \"off\": clients need no key, and the server ignores this one\n"},
    };
    RUN_CASES(cases);
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM eab_keys"), 2);
    shell_end();
}

Test(cli_eab, a_list_of_a_thousand_names_is_the_longest)
{
    shell_begin();
    const char *list = "a.test";
    for (size_t i = 1; i < 1000; i++)
        list = text_of("%s,a.test", list);
    cr_expect_eq(run("eab add acme --allow %s", list).status, CLI_OK);
    cr_expect_eq(run("eab add acme --allow %s,a.test", list).status, CLI_USAGE);
    shell_end();
}

/* ---- eab list and revoke ---- */

Test(cli_eab, a_key_is_revoked_once)
{
    shell_begin();
    cr_expect_eq(run("eab add acme --kid mine --comment mine").status, CLI_OK);
    struct output output = run("eab list");
    expect_output("list", &output, CLI_OK, "acme          mine                          good     0     ", "");
    static const struct command_case cases[] = {
        {"eab revoke acme mine", CLI_OK, "revoked: accounts made with this key can no longer order\n", ""},
        {"eab revoke acme mine", CLI_FAILED, "", "acmegate eab revoke: the key 'mine' is already revoked\n"},
        {"eab revoke acme other", CLI_FAILED, "", "endpoint acme has no key with the kid 'other'\n"},
        {"eab revoke other mine", CLI_FAILED, "", "endpoint other has no key with the kid 'mine'\n"},
        {"eab revoke acme", CLI_USAGE, "", "ENDPOINT KID is missing\n"},
        {"eab revoke acme mine --database /nowhere/none.db", CLI_FAILED, "", "/nowhere/none.db"},
    };
    RUN_CASES(cases);
    cr_expect_eq(database_count(&shell.database, "SELECT revoked_at FROM eab_keys"), SHELL_NOW);
    cr_expect_str_eq(shell_events(), "eab.added operator mine at acme\neab.revoked operator mine at acme\n");
    shell_end();
}

/* ---- issuer reset ---- */

Test(cli_eab, an_issuer_follows_the_file_again)
{
    shell_begin();
    database_run(&shell.database, "INSERT INTO issuer_overrides VALUES ('main', x'00', 1780272000, 'admin'),"
                                  " ('inner', x'00', 1780272000, 'admin')");
    static const struct command_case cases[] = {
        {"issuer reset main", CLI_OK,
         "issuer main follows the configuration file again from the next start of the "
         "server. DELETE in the admin API does the same without a restart\n",
         ""},
        {"issuer reset main", CLI_FAILED, "",
         "acmegate issuer reset: the admin API has not changed issuer 'main'\n"},
        {"issuer reset", CLI_USAGE, "", "ID is missing\n"},
        {"issuer reset main --database /nowhere/none.db", CLI_FAILED, "", "/nowhere/none.db"},
    };
    RUN_CASES(cases);
    cr_expect_str_eq(database_text(&shell.database, "SELECT group_concat(issuer) FROM issuer_overrides"),
                     "inner");
    cr_expect_str_eq(shell_events(), "issuer.reset operator main\n");
    shell_end();
}

/* ---- all ---- */

Test(cli_eab, a_database_that_fails)
{
    static const struct {
        const char *prepare, *line, *table;
    } cases[] = {
        {"SELECT 1", "eab add acme --kid mine", "SELECT count(*) FROM eab_keys"},
        {"SELECT 1", "eab revoke acme mine", "SELECT count(*) FROM eab_keys WHERE revoked_at IS NOT NULL"},
        {"INSERT INTO issuer_overrides VALUES ('main', x'00', 1780272000, 'admin')", "issuer reset main",
         "SELECT count(*) = 0 FROM issuer_overrides"},
    };
    shell_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool failed = true;
        database_run(&shell.database, cases[i].prepare);
        for (size_t step = 1; failed; step++) {
            fake_store_fail_step(step);
            struct output output = run("%s", cases[i].line);
            failed = fake_store_step_failed();
            fake_store_fail_step(0);
            cr_expect_eq(output.status, failed ? CLI_FAILED : CLI_OK, "%s, step %zu", cases[i].line, step);
            cr_expect_eq(*output.text == '\0', failed, "%s, step %zu", cases[i].line, step);
            cr_expect_eq(database_count(&shell.database, cases[i].table) == 0, failed, "%s, step %zu",
                         cases[i].line, step);
            const char *const others[] = {"already", "no key", "has not changed"};
            for (size_t j = 0; j < sizeof others / sizeof *others; j++)
                cr_expect_null(strstr(output.errors, others[j]), "%s, step %zu: %s", cases[i].line, step,
                               output.errors);
        }
    }
    shell_end();
}
