/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate cert`: revoke and renew-early. */
#include "fakes.h"
#include "gateway/cli/cli.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_cert);

static struct order issued;

static void begin(void)
{
    shell_begin();
    struct account account = make_account(&shell.database, "one");
    issued = make_issued_order(&shell.database, &account, "www.example.org", "1a2b");
    database_run(&shell.database, "DELETE FROM events");
}

static const char *certificate(const char *columns)
{
    return database_text(&shell.database, text_of("SELECT %s FROM certificates", columns));
}

/* ---- revoke ---- */

#define ASKED \
    "revocation_requested_at || ' ' || revocation_reason || ' ' || revocation_requested_by || ' ' || " \
    "revocation_next_attempt_at"

Test(cli_cert, a_revocation_is_due_at_once)
{
    begin();
    database_run(&shell.database, "UPDATE certificates SET revocation_next_attempt_at = 5");
    struct output output = run("cert revoke 00:1A:2b --reason superseded");
    expect_output(
        "revoke", &output, CLI_OK,
        "requested the revocation of 1a2b; no server is running: the next start tells the CA. It takes "
        "effect once the CA confirms it: see 'acmegate cert show 1a2b'\n",
        "");
    cr_expect_str_eq(certificate(ASKED), text_of("%lld 4 operator 0", (long long)SHELL_NOW));
    cr_expect_str_eq(shell_events(), "revocation.requested operator by operator, reason superseded\n");
    cr_expect_eq(database_count(&shell.database, "SELECT order_id FROM events"), issued.id);
    cr_expect_eq(database_count(&shell.database, "SELECT certificate_id FROM events"), issued.certificate_id);
    cr_expect_eq(database_count(&shell.database, "SELECT account_id FROM events"), issued.account_id);
    output = run("cert revoke 1a2b");
    expect_output("again", &output, CLI_FAILED, "",
                  "acmegate cert revoke: its revocation was already requested and waits for the CA\n");
    shell_end();
}

Test(cli_cert, the_reason_is_unspecified_unless_it_is_given)
{
    begin();
    cr_expect_eq(run("cert revoke 1a2b").status, CLI_OK);
    cr_expect_str_eq(certificate("revocation_reason"), "0");
    shell_end();
}

Test(cli_cert, a_running_server_tells_the_ca)
{
    begin();
    database_disconnect(&shell.database);
    database_serve(&shell.database);
    struct output output = run("cert revoke 1a2b");
    expect_output("revoke", &output, CLI_OK, "; the running server tells the CA now. It", "");
    shell_end();
}

Test(cli_cert, a_revocation_is_corrected)
{
    begin();
    database_run(&shell.database,
                 "UPDATE certificates SET revocation_requested_at = 1780272000, revoked_at = 1780272000,"
                 " revocation_reason = 4, revocation_requested_by = 'client'");
    struct output output = run("cert revoke 1a2b --reason cessationOfOperation");
    expect_output(
        "no correction", &output, CLI_FAILED, "",
        "it is already revoked, with reason superseded. A revocation can be corrected from a reason "
        "that does not revoke, or to keyCompromise\n");
    output = run("cert revoke 1a2b --reason keyCompromise");
    expect_output("correct", &output, CLI_OK, "requested another reason for the revocation of 1a2b; ", "");
    cr_expect_str_eq(certificate("revocation_correction || ' ' || revocation_reason"), "1 4");
    cr_expect_str_eq(certificate("revocation_requested_by"), "client");
    cr_expect_str_eq(
        shell_events(),
        "revocation.requested operator by operator, reason keyCompromise instead of superseded\n");
    output = run("cert revoke 1a2b --reason keyCompromise");
    expect_output("again", &output, CLI_FAILED, "",
                  "its correction was already requested and waits for the CA\n");
    shell_end();
}

Test(cli_cert, P1_revocations_that_are_refused)
{
    static const struct command_case cases[] = {
        {"cert revoke 1a2c", CLI_FAILED, "",
         "acmegate cert revoke: no certificate in this database has this serial"},
        {"cert revoke 0", CLI_USAGE, "", "'0' is not a hexadecimal serial number\n"},
        {"cert revoke 1a2b --reason boredom", CLI_USAGE, "",
         "--reason: 'boredom' is not a reason of RFC 5280, such as keyCompromise, superseded or "
         "cessationOfOperation\n"},
        {"cert revoke 1a2b --reason removeFromCRL", CLI_USAGE, "", "delta CRL"},
        {"cert revoke 1a2b --reason certificateHold", CLI_USAGE, "", "suspends"},
        {"cert revoke 1a2b --database /nowhere/none.db", CLI_FAILED, "", "/nowhere/none.db"},
    };
    begin();
    RUN_CASES(cases);
    cr_expect_str_eq(certificate("coalesce(revocation_requested_at, 0)"), "0");
    cr_expect_str_eq(shell_events(), "");
    shell_end();
}

/* Serial numbers are one CA's. The same certificate under two issuers is one. */
Test(cli_cert, a_serial_number_of_several_cas)
{
    begin();
    database_run(&shell.database,
                 "INSERT INTO issuer_identities (id, issuer, root_fingerprint) VALUES (99, 'other', 'd0');"
                 "UPDATE certificates SET issuer_identity_id = 99");
    struct account account = make_account(&shell.database, "two");
    make_issued_order(&shell.database, &account, "www.example.net", "1a2b");
    database_run(&shell.database, "DELETE FROM events");
    struct output output = run("cert revoke 1a2b");
    expect_output("two certificates", &output, CLI_FAILED, "",
                  "certificates of several CAs have this serial number; nothing was changed\n");
    cr_expect_str_eq(shell_events(), "");
    database_run(&shell.database, "UPDATE certificates SET leaf = (SELECT min(leaf) FROM certificates)");
    output = run("cert revoke 1a2b");
    expect_output("one certificate", &output, CLI_OK, "requested the revocation of 1a2b", "");
    shell_end();
}

/* ---- renew-early ---- */

static const char *orders(void)
{
    return database_text(&shell.database,
                         "SELECT coalesce(group_concat(scope, ' '), '') FROM early_renewals");
}

Test(cli_cert, clients_are_told_to_renew_early)
{
    static const struct {
        const char *line, *says, *scope, *event;
    } cases[] = {
        {"cert renew-early all", "renew within 24h (all). Certificates issued from now on are not affected\n",
         "all", "renewal.early operator all, within 24h\n"},
        {"cert renew-early all --within now", "renew at their next look (all).", "all",
         "renewal.early operator all, at their next look\n"},
        {"cert renew-early all --within 2s", "renew at their next look (all).", "all",
         "at their next look\n"},
        {"cert renew-early all --within 0s", "renew at their next look (all).", "all",
         "at their next look\n"},
        {"cert renew-early issuer main --within 36h", "renew within 36h (issuer:main).", "issuer:main",
         "issuer:main, within 36h\n"},
        {"cert renew-early serial 00:1A:2b", "(serial:1a2b).", "serial:1a2b", "serial:1a2b, within 24h\n"},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        database_run(&shell.database, "DELETE FROM early_renewals; DELETE FROM events");
        struct output output = run("%s", cases[i].line);
        expect_output(cases[i].line, &output, CLI_OK, cases[i].says, "");
        cr_expect_str_eq(orders(), cases[i].scope, "%s: %s", cases[i].line, orders());
        cr_expect_not_null(strstr(shell_events(), cases[i].event), "%s: %s", cases[i].line, shell_events());
        cr_expect_eq(database_count(&shell.database, "SELECT issued_before FROM early_renewals"), SHELL_NOW);
    }
    database_run(&shell.database, "DELETE FROM early_renewals");
    cr_expect_eq(run("cert renew-early all --explanation https://status.test/1").status, CLI_OK);
    cr_expect_str_eq(database_text(&shell.database, "SELECT explanation_url FROM early_renewals"),
                     "https://status.test/1");
    shell_end();
}

Test(cli_cert, scopes_and_spans_that_are_refused)
{
    static const struct command_case cases[] = {
        {"cert renew-early everything", CLI_USAGE, "", "give a scope: all, issuer ID, or serial HEX\n"},
        {"cert renew-early all more", CLI_USAGE, "", "give a scope: "},
        {"cert renew-early issuer", CLI_USAGE, "", "give a scope: "},
        {"cert renew-early serial", CLI_USAGE, "", "give a scope: "},
        {"cert renew-early serial xyz", CLI_USAGE, "", "give a scope: "},
        {"cert renew-early", CLI_USAGE, "", "all | issuer ID | serial HEX is missing\n"},
        {"cert renew-early issuer main more", CLI_USAGE, "", "unexpected argument 'more'\n"},
        {"cert renew-early all --within soon", CLI_USAGE, "",
         "--within: 'soon' is neither a duration such as 24h nor 'now'\n"},
        {"cert renew-early issuer nosuch", CLI_FAILED, "",
         "acmegate cert renew-early: issuer:nosuch matches nothing in this database; nothing was changed\n"},
        {"cert renew-early serial 77", CLI_FAILED, "", "serial:77 matches nothing in this database"},
        {"cert renew-early all --database /nowhere/none.db", CLI_FAILED, "", "/nowhere/none.db"},
    };
    begin();
    RUN_CASES(cases);
    cr_expect_str_eq(orders(), "");
    cr_expect_str_eq(shell_events(), "");
    shell_end();
}

/* ---- both ---- */

/* Each statement fails once: nothing is kept, and the failure is told. */
Test(cli_cert, a_database_that_fails)
{
    static const char *const lines[] = {"cert revoke 1a2b", "cert renew-early all",
                                        "cert renew-early serial 1a2b", "cert renew-early issuer main"};
    begin();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        bool failed = true;
        for (size_t step = 1; failed; step++) {
            fake_store_fail_step(step);
            struct output output = run("%s", lines[i]);
            failed = fake_store_step_failed();
            fake_store_fail_step(0);
            cr_expect_eq(output.status, failed ? CLI_FAILED : CLI_OK, "%s, step %zu", lines[i], step);
            cr_expect_eq(*output.errors != '\0', failed, "%s, step %zu: %s", lines[i], step, output.errors);
            cr_expect_null(strstr(output.errors, "matches nothing"), "%s, step %zu", lines[i], step);
            cr_expect_null(strstr(output.errors, "no certificate"), "%s, step %zu", lines[i], step);
            cr_expect_eq(database_count(&shell.database, "SELECT count(*) FROM events") == (int64_t)i, failed,
                         "%s, step %zu", lines[i], step);
        }
    }
    shell_end();
}

/* ---- revoke --wait ---- */

/* What the CA does, as the server would write it when the request is there. */
static void the_ca(const char *sets)
{
    database_run(&shell.database,
                 text_of("CREATE TRIGGER the_ca AFTER UPDATE OF revocation_requested_at ON certificates"
                         " WHEN NEW.revoked_at IS NULL BEGIN UPDATE certificates SET %s; END",
                         sets));
}

static void begin_served(void)
{
    database_disconnect(&shell.database);
    database_serve(&shell.database);
}

Test(cli_cert, C7_wait_ends_when_the_ca_has_confirmed)
{
    begin();
    the_ca("revoked_at = 1780275600, status = 'revoked'");
    begin_served();
    struct output output = run("cert revoke 1a2b --wait");
    expect_output("wait", &output, CLI_OK, "the CA has confirmed the revocation of 1a2b\n", "");
    shell_end();
}

Test(cli_cert, C7_wait_fails_with_the_words_of_the_ca)
{
    begin();
    the_ca("revocation_error = 'the CA says no'");
    begin_served();
    struct output output = run("cert revoke 1a2b --wait --timeout 1s");
    expect_output(
        "wait", &output, CLI_FAILED, "",
        "acmegate cert revoke: requested, but the CA has not confirmed it within 1s: the CA says no. "
        "The server asks it again\n");
    output = run("cert revoke 1a2b --wait --timeout 1s");
    expect_output("again", &output, CLI_FAILED, "", "within 1s: the CA says no. ");
    output = run("cert revoke 1a2b");
    expect_output("without --wait", &output, CLI_FAILED, "", "was already requested and waits for the CA\n");
    database_run(&shell.database, "UPDATE certificates SET revocation_error = NULL");
    output = run("cert revoke 1a2b --wait --timeout 1s");
    expect_output("nothing", &output, CLI_FAILED, "", "within 1s: no answer yet. ");
    shell_end();
}

Test(cli_cert, wait_without_a_server_does_not_wait)
{
    begin();
    const struct command_case cases[] = {
        {"cert revoke 1a2b --wait --timeout 1h", CLI_FAILED, "",
         "requested, but no server is running: the next start tells the CA\n"},
        {"cert revoke 1a2b --wait --timeout soon", CLI_USAGE, "", "--timeout: 'soon' is not a duration"},
    };
    RUN_CASES(cases);
    shell_end();
}

Test(cli_cert, revoke_as_json)
{
    begin();
    struct output output = run("cert revoke 1a2b --reason superseded --json");
    expect_output("json", &output, CLI_OK,
                  "{\"serial\":\"1a2b\",\"reason\":\"superseded\",\"corrects\":false,\"confirmed\":false,"
                  "\"served\":false}\n",
                  "");
    shell_end();
}

/* ---- show --pem ---- */

Test(cli_cert, C7_pem_has_the_leaf_and_its_chain)
{
    begin();
    struct output output = run("cert show 00:1A:2B --pem");
    cr_expect_eq(output.status, CLI_OK, "%s", output.errors);
    cr_expect_eq(strncmp(output.text, "-----BEGIN CERTIFICATE-----\n", 28), 0, "%s", output.text);
    const char *chain = database_text(&shell.database, "SELECT pem FROM chains");
    const char *at = strstr(output.text, chain);
    cr_assert_not_null(at, "%s", output.text);
    cr_expect_gt(at, output.text, "the leaf comes first");
    cr_expect_str_eq(at, chain);
    const struct command_case cases[] = {
        {"cert show 1a2c --pem", CLI_FAILED, "", "no certificate '1a2c' in "},
        {"cert show 1a2b --pem --json", CLI_USAGE, "", "give --pem or --json, not both\n"},
    };
    RUN_CASES(cases);
    output = run_on_full_disk("cert show 1a2b --pem");
    cr_expect_eq(output.status, CLI_FAILED);
    shell_end();
}

/* ---- list --expiring ---- */

/* The views ask SQLite for the time, which is the machine's. */
Test(cli_cert, C7_what_expires_soon_and_was_not_renewed)
{
    shell_begin();
    fake_clock_set(time(NULL) * 1000);
    struct account account = make_account(&shell.database, "one");
    static const struct {
        const char *serial, *name;
        int days;
    } certificates[] = {{"a1", "soon.test", 3},
                        {"a2", "later.test", 20},
                        {"a3", "over.test", -1},
                        {"a4", "renewed.test", 3},
                        {"a5", "renewed.test", 60}};
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        make_issued_order(&shell.database, &account, certificates[i].name, certificates[i].serial);
        database_run(&shell.database,
                     text_of("UPDATE certificates SET not_after = unixepoch() + %d WHERE serial = '%s'",
                             certificates[i].days * DAY_S, certificates[i].serial));
    }
    struct output output = run("cert list --expiring 7d --json");
    cr_expect_eq(output.status, CLI_OK, "%s", output.errors);
    cr_expect_eq(count_lines(output.text), 1, "%s", output.text);
    cr_expect_not_null(strstr(output.text, "\"serial\":\"a1\""), "%s", output.text);
    output = run("cert list --expiring 30d");
    cr_expect_eq(count_lines(output.text), 3, "%s", output.text);
    output = run("cert list --expiring 30d --name later.test --json");
    cr_expect_eq(count_lines(output.text), 1, "%s", output.text);
    output = run("cert list --expiring never");
    expect_output("never", &output, CLI_USAGE, "", "--expiring: 'never' is not a duration");
    shell_end();
}
