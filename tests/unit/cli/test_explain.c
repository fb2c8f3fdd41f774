/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate explain`: the history of an order, its cause and the next step. */
#include "gateway/cli/cli.h"
#include "shell.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(explain);

static struct output explain(const char *word)
{
    return run("explain '%s'", word);
}

static void expect_lines(const struct output *output, const char *const *lines, size_t count)
{
    cr_expect_eq(output->status, CLI_OK, "%s", output->errors);
    cr_expect_str_eq(output->errors, "");
    for (size_t i = 0; i < count; i++)
        cr_expect_not_null(strstr(output->text, lines[i]), "'%s' is missing in\n%s", lines[i], output->text);
}

#define EXPECT_LINES(output, ...) \
    expect_lines(output, (const char *const[]){__VA_ARGS__}, \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void move_ends(int64_t end)
{
    static const char *const statements[] = {"orders SET expires_at", "authorizations SET expires_at",
                                             "certificates SET not_after"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        database_run(&shell.database,
                     arena_printf(shell.arena, "UPDATE %s = %lld", statements[i], (long long)end));
}

static void begin(struct account *account)
{
    shell_begin();
    *account = make_account(&shell.database, "thumbprint");
}

Test(explain, a_good_certificate_needs_nothing)
{
    struct account account;
    begin(&account);
    make_issued_order(&shell.database, &account, "www.example.org", "1a");
    move_ends(SHELL_NOW + 7200 + 30);
    struct output output = explain("WWW.example.org");
    EXPECT_LINES(&output, "for www.example.org\n", "state     valid since 2026-06-01T00:00:00Z",
                 "from      192.0.2.7, \"CertBot", "http-01 is valid, tries: 1", "192.0.2.10:80 answered 200",
                 "asked issuer main, validity 24h", "signed, HTTP 201", "serial    1a", "(in 2 hours)",
                 "revoked   no", "order.finalized", "cause     certificate-good", "turn      nobody",
                 "the client should renew it before");
    shell_end();
}

Test(explain, a_failed_challenge_says_what_was_answered_and_what_to_do)
{
    struct account account;
    begin(&account);
    struct authorization name = make_authorization(&shell.database, &account, "www.example.org");
    struct order order = make_order(&shell.database, &account, &name, 1);
    name.attempt_count = 3;
    fail_authorization(
        &shell.database, &name, CHALLENGE_HTTP_01,
        "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"192.0.2.10:80 refused\"}");
    order.status = ORDER_INVALID;
    order.error_json = name.error_json;
    cr_assert_eq(store_order_update(shell.database.writer, &order, ORDER_PENDING), STORE_OK);
    move_ends(SHELL_NOW + 7200);
    struct output output = explain(arena_printf(shell.arena, "%lld", (long long)order.id));
    EXPECT_LINES(
        &output, "state     invalid", "because   192.0.2.10:80 refused", "http-01 is invalid, tries: 3",
        "reason: connection: 192.0.2.10:80 refused", "cause     connection-failed", "turn      the client",
        "next      See that the client listens at the address and port", "the client makes a new one");
    shell_end();
}

Test(explain, each_state_has_its_advice)
{
    static const struct {
        const char *sql, *advice;
    } cases[] = {
        {"UPDATE orders SET status = 'pending'; UPDATE authorizations SET status = 'pending', challenge_type "
         "= NULL,"
         " challenge_status = NULL",
         "has not asked for www.example.org to be checked"},
        {"UPDATE orders SET status = 'pending'; UPDATE authorizations SET status = 'pending',"
         " challenge_status = 'processing'",
         "www.example.org is checked again"},
        {"UPDATE orders SET status = 'ready'", "cause     waiting-for-finalize"},
        {"UPDATE orders SET status = 'ready', expires_at = 1780272001", "cause     order-expired"},
        {"UPDATE orders SET status = 'processing'; UPDATE attempts SET status = 'started'",
         "cause     issuance-under-way"},
        {"UPDATE orders SET status = 'processing'; UPDATE attempts SET status = 'failed', message = 'away'",
         "the issuer is asked again"},
        {"UPDATE attempts SET status = 'unknown'", "possible orphan"},
        {"UPDATE orders SET status = 'invalid', error = "
         "'{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"no\"}'",
         "cause     name-refused"},
        {"UPDATE certificates SET not_after = 1780272001", "cause     certificate-expired"},
        {"UPDATE certificates SET revocation_requested_at = 1780272001", "cause     revocation-under-way"},
        {"UPDATE certificates SET revocation_requested_at = 1780272001, revoked_at = 1780272001",
         "cause     certificate-revoked"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct account account;
        begin(&account);
        make_issued_order(&shell.database, &account, "www.example.org", "1a");
        move_ends(SHELL_NOW + 7200);
        database_run(&shell.database, cases[i].sql);
        struct output output = explain("www.example.org");
        EXPECT_LINES(&output, "What to do next\n", cases[i].advice);
        shell_end();
    }
}

Test(explain, control_characters_of_strangers_stay_out_of_the_terminal)
{
    struct account account;
    begin(&account);
    make_issued_order(&shell.database, &account, "www.example.org", "1a");
    database_run(&shell.database, "UPDATE orders SET user_agent = 'red ' || char(27) || '[31m'");
    struct output output = explain("www.example.org");
    cr_expect_null(strchr(output.text, 27));
    EXPECT_LINES(&output, "\"red ?[31m\"");
    shell_end();
}

Test(explain, earlier_orders_are_listed)
{
    struct account account;
    begin(&account);
    struct order first = make_issued_order(&shell.database, &account, "www.example.org", "1a");
    make_issued_order(&shell.database, &account, "www.example.org", "1b");
    struct output output = explain("www.example.org");
    EXPECT_LINES(&output, "serial    1b", "Earlier orders\n",
                 arena_printf(shell.arena, "  %lld: valid since", (long long)first.id));
    shell_end();
}

Test(explain, a_type_of_event_is_explained)
{
    struct account account;
    begin(&account);
    struct output output = explain("work.set_aside");
    EXPECT_LINES(&output, "Event work.set_aside\n", "meaning   the server crashed twice",
                 "about     server\n", "severity  error\n", "of note   a person should hear of it\n");
    output = explain("order.created");
    cr_expect_null(strstr(output.text, "of note"));
    EXPECT_LINES(&output, "Event order.created\n", "severity  info\n");
    shell_end();
}

/* A newer version's database has types that this one does not know. */
Test(explain, an_event_of_an_unknown_type_is_shown_as_it_is)
{
    struct account account;
    begin(&account);
    struct order order = make_issued_order(&shell.database, &account, "www.example.org", "1a");
    database_run(&shell.database,
                 arena_printf(shell.arena,
                              "INSERT INTO events (id, at, kind, who, detail, order_id)"
                              " VALUES (%lld, 1780272000, 'order.sung', 'gateway', 'in C', %lld)",
                              (long long)order.id + 1, (long long)order.id));
    struct output output = explain("www.example.org");
    EXPECT_LINES(&output, "order.sung, by gateway: in C\n", "order.finalized, by client 192.0.2.7\n");
    shell_end();
}

Test(explain, what_is_not_known_is_said_helpfully)
{
    static char *const words[] = {"nothing.example.org", "*.example.org", "4711", "192.0.2.1", "not a name"};
    struct account account;
    begin(&account);
    make_issued_order(&shell.database, &account, "www.example.org", "1a");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct output output = explain(words[i]);
        cr_expect_eq(output.status, CLI_FAILED, "%s", words[i]);
        cr_expect_not_null(strstr(output.errors, words[i]));
        cr_expect_not_null(strstr(output.errors, "no refused request"));
    }
    shell_end();
}
