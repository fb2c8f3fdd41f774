/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate explain` and `acmegate db` over databases made as the store's tests make theirs. */
#include "store/database.h"

#include "command_output.h"

LEAK_CHECKED_SUITE(explain);

static struct output explain(struct database *database, char *word)
{
    return run(&cli_explain, (char *[]){"explain", "--database", database->path, word, NULL});
}

static void expect_lines(struct output *output, const char *const *lines, size_t count)
{
    cr_expect_eq(output->status, CLI_OK, "%s", output->errors);
    for (size_t i = 0; i < count; i++)
        cr_expect_not_null(strstr(output->text, lines[i]), "'%s' is missing in\n%s", lines[i], output->text);
    free_output(output);
}

#define EXPECT_LINES(output, ...) \
    expect_lines(output, (const char *const[]){__VA_ARGS__}, \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static int64_t clock_now(struct database *database)
{
    return database_count(database, "SELECT unixepoch()");
}

static void move_ends(struct database *database, int64_t end)
{
    static const char *const statements[] = {"orders SET expires_at", "authorizations SET expires_at",
                                             "certificates SET not_after"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        database_run(database,
                     arena_printf(database->arena, "UPDATE %s = %lld", statements[i], (long long)end));
}

static void begin(struct database *database, struct account *account)
{
    database_begin(database);
    database_connect(database);
    *account = make_account(database, "thumbprint");
}

Test(explain, a_good_certificate_needs_nothing)
{
    struct database database;
    struct account account;
    begin(&database, &account);
    make_issued_order(&database, &account, "www.example.org", "1a");
    move_ends(&database, clock_now(&database) + 7200 + 30);
    struct output output = explain(&database, "WWW.example.org");
    EXPECT_LINES(&output, "for www.example.org\n", "state     valid since 2026-06-01T00:00:00Z",
                 "from      192.0.2.7, \"CertBot", "http-01 is valid, tries: 1", "192.0.2.10:80 answered 200",
                 "asked issuer main, validity 24h", "signed, HTTP 201", "serial    1a", "(in 2 hours)",
                 "revoked   no", "order.finalized", "cause     certificate-good", "turn      nobody",
                 "the client should renew it before");
    database_end(&database);
}

Test(explain, a_failed_challenge_says_what_was_answered_and_what_to_do)
{
    struct database database;
    struct account account;
    begin(&database, &account);
    struct authorization name = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &name, 1);
    name.attempt_count = 3;
    fail_authorization(
        &database, &name, CHALLENGE_HTTP_01,
        "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"192.0.2.10:80 refused\"}");
    order.status = ORDER_INVALID;
    order.error_json = name.error_json;
    cr_assert_eq(store_order_update(database.writer, &order, ORDER_PENDING), STORE_OK);
    move_ends(&database, clock_now(&database) + 7200);
    struct output output = explain(&database, arena_printf(database.arena, "%lld", (long long)order.id));
    EXPECT_LINES(
        &output, "state     invalid", "because   192.0.2.10:80 refused", "http-01 is invalid, tries: 3",
        "reason: connection: 192.0.2.10:80 refused", "cause     connection-failed", "turn      the client",
        "next      See that the client listens at the address and port", "the client makes a new one");
    database_end(&database);
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
        struct database database;
        struct account account;
        begin(&database, &account);
        make_issued_order(&database, &account, "www.example.org", "1a");
        move_ends(&database, clock_now(&database) + 7200);
        database_run(&database, cases[i].sql);
        struct output output = explain(&database, "www.example.org");
        EXPECT_LINES(&output, "What to do next\n", cases[i].advice);
        database_end(&database);
    }
}

Test(explain, control_characters_of_strangers_stay_out_of_the_terminal)
{
    struct database database;
    struct account account;
    begin(&database, &account);
    make_issued_order(&database, &account, "www.example.org", "1a");
    database_run(&database, "UPDATE orders SET user_agent = 'red ' || char(27) || '[31m'");
    struct output output = explain(&database, "www.example.org");
    cr_expect_null(strchr(output.text, 27));
    EXPECT_LINES(&output, "\"red ?[31m\"");
    database_end(&database);
}

Test(explain, earlier_orders_are_listed)
{
    struct database database;
    struct account account;
    begin(&database, &account);
    struct order first = make_issued_order(&database, &account, "www.example.org", "1a");
    make_issued_order(&database, &account, "www.example.org", "1b");
    struct output output = explain(&database, "www.example.org");
    EXPECT_LINES(&output, "serial    1b", "Earlier orders\n",
                 arena_printf(database.arena, "  %lld: valid since", (long long)first.id));
    database_end(&database);
}

Test(explain, a_type_of_event_is_explained)
{
    struct database database;
    struct account account;
    begin(&database, &account);
    struct output output = explain(&database, "work.set_aside");
    EXPECT_LINES(&output, "Event work.set_aside\n", "meaning   the server died twice", "about     server\n",
                 "severity  error\n", "of note   a person should hear of it\n");
    output = explain(&database, "order.created");
    cr_expect_null(strstr(output.text, "of note"));
    EXPECT_LINES(&output, "Event order.created\n", "severity  info\n");
    database_end(&database);
}

/* A newer version's database has types that this one does not know. */
Test(explain, an_event_of_an_unknown_type_is_shown_as_it_is)
{
    struct database database;
    struct account account;
    begin(&database, &account);
    struct order order = make_issued_order(&database, &account, "www.example.org", "1a");
    database_run(&database, arena_printf(database.arena,
                                         "INSERT INTO events (id, at, kind, who, detail, order_id)"
                                         " VALUES (%lld, 1780272000, 'order.sung', 'gateway', 'in C', %lld)",
                                         (long long)order.id + 1, (long long)order.id));
    struct output output = explain(&database, "www.example.org");
    EXPECT_LINES(&output, "order.sung, by gateway: in C\n", "order.finalized, by client 192.0.2.7\n");
    database_end(&database);
}

Test(explain, what_is_not_known_is_said_helpfully)
{
    static char *const words[] = {"nothing.example.org", "*.example.org", "4711", "192.0.2.1", "not a name"};
    struct database database;
    struct account account;
    begin(&database, &account);
    make_issued_order(&database, &account, "www.example.org", "1a");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct output output = explain(&database, words[i]);
        cr_expect_eq(output.status, CLI_FAILED, "%s", words[i]);
        cr_expect_not_null(strstr(output.errors, words[i]));
        cr_expect_not_null(strstr(output.errors, "no refused request"));
        free_output(&output);
    }
    database_end(&database);
}

Test(explain, the_database_has_to_be_named)
{
    static char *const cases[][5] = {{"explain", "www.example.org"},
                                     {"explain", "--frob", "x"},
                                     {"explain", "--database"},
                                     {"explain", "--database", "/nowhere"},
                                     {"explain", "a", "b", "c"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *words[6] = {0};
        memcpy(words, cases[i], sizeof cases[i]);
        struct output output = run(&cli_explain, words);
        cr_expect_eq(output.status, CLI_USAGE, "case %zu", i);
        cr_expect_neq(output.errors[0], '\0', "case %zu", i);
        free_output(&output);
    }
}

/* ---- acmegate db ---- */

Test(explain, db_makes_checks_and_names_a_database)
{
    struct database database;
    database_begin(&database);
    static const struct {
        char *command;
        int status;
        const char *says;
    } steps[] = {{"check", CLI_FAILED, "there is no database"},
                 {"migrate", CLI_OK, "made "},
                 {"migrate", CLI_OK, "nothing to do"},
                 {"check", CLI_OK, "the file is whole"},
                 {"path", CLI_OK, "acmegate.db\n"},
                 {"frob", CLI_USAGE, "usage"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct output output =
            run(&cli_db, (char *[]){"db", steps[i].command, "--database", database.path, NULL});
        cr_expect_eq(output.status, steps[i].status, "step %zu", i);
        const char *said = steps[i].status == CLI_OK ? output.text : output.errors;
        cr_expect_not_null(strstr(said, steps[i].says), "step %zu: %s", i, said);
        free_output(&output);
    }
    database_end(&database);
}
