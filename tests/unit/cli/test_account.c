/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate account`: deactivate, export and import. */
#include "acme/jose/openssl_handles.h"
#include "fakes.h"
#include "gateway/cli/cli.h"
#include "shell.h"
#include "store/accounts.h"

LEAK_CHECKED_SUITE(cli_account);

/* With a real key: an import checks it. */
static int64_t make_keyed_account(void)
{
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    struct jwk jwk;
    struct jose_error error;
    cr_assert(jwk_from_key(shell.arena, key, &jwk, &error));
    struct account account = {.endpoint = "acme",
                              .status = ACCOUNT_VALID,
                              .key = jwk.canonical,
                              .thumbprint = arena_duplicate(shell.arena, jwk.thumbprint),
                              .contacts_json = "[]",
                              .created_at = NOW};
    cr_assert_eq(store_account_insert(shell.database.writer, &account), STORE_OK);
    return account.id;
}

Test(cli_account, deactivate_revokes_an_account_once)
{
    shell_begin();
    long long id = make_account(&shell.database, "one").id;
    struct output output = run("account deactivate %lld", id);
    expect_output(
        "deactivate", &output, CLI_OK,
        text_of("account %lld is revoked: its client can no longer order. Its certificates stay valid: "
                "list them with 'acmegate cert list --account %lld'",
                id, id),
        "");
    cr_expect_str_eq(database_text(&shell.database, "SELECT status FROM accounts"), "revoked");
    cr_expect_str_eq(shell_events(), "account.revoked operator \n");
    output = run("account deactivate https://acme.test/acme/acme/account/%lld", id);
    expect_output("again", &output, CLI_FAILED, "",
                  text_of("acmegate account deactivate: account %lld is already revoked\n", id));
    database_run(&shell.database, "UPDATE accounts SET status = 'deactivated'");
    output = run("account deactivate %lld", id);
    expect_output("the client was faster", &output, CLI_FAILED, "",
                  text_of("account %lld is already deactivated\n", id));
    output = run("account deactivate 77");
    expect_output("unknown", &output, CLI_FAILED, "", "no account with the id 77\n");
    cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM events"), 1);
    shell_end();
}

/* Each statement of the command fails once: nothing is changed, and no other reason is told. */
Test(cli_account, deactivate_on_a_database_that_fails)
{
    shell_begin();
    long long id = make_account(&shell.database, "one").id;
    size_t failures = 0;
    for (bool failed = true; failed; failures += failed) {
        fake_store_fail_step(failures + 1);
        struct output output = run("account deactivate %lld", id);
        failed = fake_store_step_failed();
        fake_store_fail_step(0);
        cr_expect_eq(output.status, failed ? CLI_FAILED : CLI_OK, "step %zu", failures + 1);
        if (!failed)
            break;
        cr_expect_str_eq(database_text(&shell.database, "SELECT status FROM accounts"), "valid");
        cr_expect_null(strstr(output.errors, "already"), "%s", output.errors);
        cr_expect_null(strstr(output.errors, "no account"), "%s", output.errors);
    }
    cr_expect_geq(failures, 3, "load, update and event");
    shell_end();
}

Test(cli_account, an_export_is_imported_with_the_same_ids)
{
    shell_begin();
    long long id = make_keyed_account();
    struct output output = run("account export");
    expect_output("export", &output, CLI_OK, text_of("%lld", id),
                  "exported 1 accounts and 0 external account keys\n");
    const char *file = shell_path("accounts.jsonl");
    cr_expect_eq(run("account export --out %s", file).status, CLI_OK);
    cr_expect_str_eq(shell_read(file), output.text);
    const char *other = shell_path("other.db");
    cr_expect_eq(run("db migrate --database %s", other).status, CLI_OK);
    const struct command_case cases[] = {
        {text_of("account import %s --database %s", file, other), CLI_OK,
         "added 1, ended 0, changed 0, unchanged 0, refused 0 (accounts and external account keys)\n", ""},
        {text_of("account import %s --database %s", file, other), CLI_OK,
         "added 0, ended 0, changed 0, unchanged 1, refused 0 ", ""},
        {text_of("account show %lld --database %s", id, other), CLI_OK, text_of("%lld", id), ""},
    };
    RUN_CASES(cases);
    cr_expect_eq(run("account deactivate %lld", id).status, CLI_OK);
    cr_expect_eq(run("account export --out %s", file).status, CLI_OK);
    output = run("account import %s --database %s", file, other);
    expect_output("an ended one", &output, CLI_OK, "added 0, ended 1, changed 0, unchanged 0, refused 0 ",
                  "");
    shell_end();
}

Test(cli_account, import_reads_standard_input)
{
    shell_begin();
    make_keyed_account();
    struct output exported = run("account export");
    database_run(&shell.database, "DELETE FROM accounts");
    FILE *in = stdin;
    stdin = fmemopen((void *)(uintptr_t)exported.text, strlen(exported.text), "r");
    struct output output = run("account import -");
    expect_output("-", &output, CLI_OK, "added 1, ", "");
    cr_expect_eq(fseek(stdin, 0, SEEK_SET), 0, "the stream stays open");
    fclose(stdin);
    stdin = in;
    shell_end();
}

Test(cli_account, lines_that_are_refused_are_told_and_counted)
{
    shell_begin();
    make_keyed_account();
    struct output exported = run("account export");
    const char *header = text_of("%.*s", (int)strcspn(exported.text, "\n"), exported.text);
    const char *broken = shell_write("broken.jsonl", text_of("%s\n{\"frob\":1}\n", header));
    const char *empty = shell_write("empty.jsonl", "");
    const char *words = shell_write("words.txt", "no export\n");
    struct output output = run("account import %s", broken);
    cr_expect_eq(output.status, CLI_FAILED);
    cr_expect_not_null(strstr(output.errors, "line 2 is refused: "), "%s", output.errors);
    cr_expect_not_null(strstr(output.text, "refused 1 "), "%s", output.text);
    const struct command_case cases[] = {
        {text_of("account import %s/none.jsonl", shell.folder), CLI_FAILED, "",
         text_of("acmegate account import: %s/none.jsonl: No such file or directory\n", shell.folder)},
        {text_of("account import %s --database %s/none.db", broken, shell.folder), CLI_FAILED, "", "none.db"},
        {text_of("account import %s", empty), CLI_FAILED, "added 0", "acmegate account import: "},
        {text_of("account import %s", words), CLI_FAILED, "added 0", "this is not an export of accounts"},
    };
    RUN_CASES(cases);
    shell_end();
}

Test(cli_account, an_export_that_cannot_be_written)
{
    shell_begin();
    make_keyed_account();
    struct output output = run("account export --out %s/nowhere/file", shell.folder);
    expect_output("no folder", &output, CLI_FAILED, "", "acmegate account export: ");
    cr_expect_null(strstr(output.errors, "exported"));
    output = run_on_full_disk("account export");
    expect_output("a full disk", &output, CLI_FAILED, "",
                  "the export cannot be written: No space left on device\n");
    shell_end();
}
