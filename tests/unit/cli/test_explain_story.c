/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate explain`, line by line: what the history of an order shows of each state. */
#include "fakes.h"
#include "gateway/cli/cli.h"
#include "shell.h"
#include "store/events.h"

LEAK_CHECKED_SUITE(explain_story);

#define AT_NOW "2026-06-01T00:00:00Z (60 minutes ago)"
#define IN_2_H "2026-06-01T03:00:00Z (in 2 hours)"
#define PENDING \
    "UPDATE orders SET status = 'pending'; UPDATE authorizations SET status = 'pending', basis = NULL, "
#define PROBLEM(type, detail) "'{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail "\"}'"

static struct order order;
static struct account account;

/* An order with its certificate; all of it ends in two hours. */
static void begin(void)
{
    shell_begin();
    account = make_account(&shell.database, "one");
    order = make_issued_order(&shell.database, &account, "www.example.org", "1a");
    const char *end = text_of("%lld", (long long)SHELL_NOW + 2 * HOUR_S);
    database_run(&shell.database,
                 text_of("UPDATE orders SET expires_at = %s; UPDATE authorizations SET expires_at = %s;"
                         "UPDATE certificates SET not_after = %s",
                         end, end, end));
}

static void expect_line(const char *what, const struct output *output, const char *line)
{
    cr_expect(has_line(output->text, line), "%s: '%s' is missing:\n%s%s", what, line, output->text,
              output->errors);
}

Test(explain_story, every_line_of_a_good_order)
{
    begin();
    struct output output = run("explain www.example.org");
    const char *const lines[] = {
        text_of("Order %lld for www.example.org", (long long)order.id),
        "  state     valid since " AT_NOW,
        "  ordered   " AT_NOW,
        "  from      192.0.2.7, \"CertBot/2.1.0 (certbot; Debian 12) Authenticator/standalone "
        "Installer/None\"",
        text_of("  account   %lld (valid, contacts [\"mailto:admin@example.org\"]), made " AT_NOW,
                (long long)account.id),
        "  endpoint  acme, profile default",
        "Names",
        text_of("  www.example.org: authorization %lld, valid, lasts until " IN_2_H,
                (long long)order.authorization_ids[0]),
        "    http-01 is valid, tries: 1",
        "    " AT_NOW "  challenge.requested, by client 192.0.2.7: http-01",
        "    " AT_NOW "  challenge.valid, by gateway: http-01: 192.0.2.10:80 answered 200",
        "Signing",
        text_of("  1. " AT_NOW ": asked issuer main, validity 24h, token %s",
                database_text(&shell.database, "SELECT token_id FROM attempts")),
        "     signed, HTTP 201",
        text_of("Certificate %lld", (long long)order.certificate_id),
        "  serial    1a",
        "  issuer    main, root c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00",
        "  from      " AT_NOW,
        "  expires   " IN_2_H,
        "  revoked   no",
        "Events",
        "    " AT_NOW "  order.created, by client 192.0.2.7: profile default",
        "    " AT_NOW "  order.ready, by gateway",
        "What to do next",
        "  cause     certificate-good",
        "  turn      nobody",
        "  the client should renew it before " IN_2_H,
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_line("good", &output, lines[i]);
    /* An authorization's events stand below it, and nowhere else. */
    const char *first = strstr(output.text, "challenge.valid");
    cr_expect_lt(first, strstr(output.text, "Events\n"));
    cr_expect_null(strstr(first + 1, "challenge.valid"));
    cr_expect_null(strstr(output.text, "because"));
    cr_expect_null(strstr(output.text, "Earlier orders"));
    cr_expect_null(strstr(output.text, "orphan"));
    cr_expect_null(strstr(output.text, "learned"));
    shell_end();
}

Test(explain_story, an_order_is_found_by_id_url_and_name)
{
    begin();
    long long id = order.id;
    const char *const words[] = {"www.example.org", "WWW.Example.Org", text_of("%lld", id),
                                 text_of("https://acme.test/acme/acme/order/%lld", id)};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct output output = run("explain %s", words[i]);
        expect_line(words[i], &output, text_of("Order %lld for www.example.org", id));
    }
    shell_end();
}

Test(explain_story, distances_in_time)
{
    static const struct {
        int64_t seconds;
        const char *words;
    } cases[] = {
        {0, "(0 seconds ago)"},  {1, "(in 1 second)"},       {2, "(in 2 seconds)"},
        {-1, "(1 second ago)"},  {119, "(in 119 seconds)"},  {120, "(in 2 minutes)"},
        {179, "(in 2 minutes)"}, {-120, "(2 minutes ago)"},  {7199, "(in 119 minutes)"},
        {7200, "(in 2 hours)"},  {-7200, "(2 hours ago)"},   {172799, "(in 47 hours)"},
        {172800, "(in 2 days)"}, {-864000, "(10 days ago)"},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        database_run(&shell.database, text_of("UPDATE certificates SET not_after = %lld",
                                              (long long)(SHELL_NOW + cases[i].seconds)));
        struct output output = run("explain www.example.org");
        const char *line = strstr(output.text, "  expires   ");
        cr_assert_not_null(line);
        cr_expect_not_null(strstr(text_of("%.*s", (int)strcspn(line, "\n"), line), cases[i].words),
                           "%lld: %.60s", (long long)cases[i].seconds, line);
    }
    shell_end();
}

/* What the rows say → lines that must stand in the history. */
Test(explain_story, each_state_of_the_rows)
{
    static const struct {
        const char *sql, *lines[4];
    } cases[] = {
        /* the order */
        {"UPDATE orders SET status = 'ready', expires_at = 1780272001",
         {"  state     expired since 2026-06-01T00:00:01Z (59 minutes ago)", "  cause     order-expired"}},
        {"UPDATE orders SET status = 'ready', expires_at = 1780275600", {"  cause     order-expired"}},
        {"UPDATE orders SET status = 'ready', expires_at = 1780275601",
         {"  state     ready since " AT_NOW, "  cause     waiting-for-finalize"}},
        {"UPDATE orders SET client_address = NULL, user_agent = NULL", {"  from      unknown, \"unknown\""}},
        {"UPDATE orders SET user_agent = ''", {"  from      192.0.2.7, \"unknown\""}},
        {"UPDATE orders SET status = 'invalid', error = " PROBLEM("rejectedIdentifier", "not here"),
         {"  because   not here", "  cause     name-refused",
          "  an invalid order stays invalid: the client makes a new one"}},
        {"UPDATE orders SET status = 'invalid'", {"  cause     server-fault"}},
        {"UPDATE orders SET status = 'invalid', error = 'no JSON'",
         {"  because   ", "  cause     server-fault"}},
        /* its authorization */
        {PENDING "challenge_type = NULL, challenge_status = NULL",
         {"    the client has not asked for a challenge", "  cause     waiting-for-challenge",
          "  the client has not asked for www.example.org to be checked"}},
        {PENDING "challenge_status = 'processing', attempt_count = 2, next_attempt_at = 1780275660",
         {"    http-01 is processing, tries: 2", "  cause     validation-under-way",
          "  www.example.org is checked again 2026-06-01T01:01:00Z (in 60 seconds)"}},
        {PENDING "challenge_status = 'processing', next_attempt_at = 0",
         {"  www.example.org is checked again 2026-06-01T01:00:00Z (0 seconds ago)"}},
        {"UPDATE orders SET status = 'pending'", {"  cause     waiting-for-finalize"}},
        {"UPDATE authorizations SET basis = 'trusted name', challenge_type = NULL, challenge_status = NULL",
         {"    not proven: trusted name"}},
        {"UPDATE orders SET status = 'pending'; UPDATE authorizations SET expires_at = 1780275600",
         {"  cause     validation-under-way"}},
        /* its attempts */
        {"UPDATE attempts SET asked_validity = '', http_status = 0, status = 'failed', message = 'no "
         "route'",
         {"     failed: no route"}},
        {"UPDATE attempts SET status = 'refused', http_status = 403, message = 'requested duration of "
         "18h1m0s is more "
         "than the authorized maximum certificate duration of 12h1m0s.'",
         {"     learned: the CA's maximum is 12h1m, its backdate included. step-ca does not publish "
          "authority-wide claims, so "
          "another one was assumed"}},
        {"UPDATE attempts SET status = 'refused', http_status = 403, message = 'requested duration of 1h1m0s "
         "is less "
         "than the authorized minimum certificate duration of 2h0m0s.'",
         {"     learned: the CA's minimum is 2h. step-ca does not publish authority-wide claims, so another "
          "one "
          "was assumed"}},
        {"UPDATE orders SET status = 'processing'; UPDATE attempts SET status = 'started'",
         {"  cause     issuance-under-way"}},
        {"UPDATE orders SET status = 'processing', next_attempt_at = 1780275720; UPDATE attempts SET status "
         "= 'failed'",
         {"  cause     issuance-under-way",
          "  the issuer is asked again 2026-06-01T01:02:00Z (in 2 minutes)"}},
        {"UPDATE orders SET status = 'processing'; DELETE FROM attempts", {"  cause     issuance-under-way"}},
        {"UPDATE attempts SET status = 'unknown', token_id = 'tok'",
         {"  possible orphan: it is unknown whether the CA signed for token tok. Look it up in the CA's "
          "records, and "
          "revoke there a certificate that nobody has"}},
        /* its certificate */
        {"UPDATE certificates SET not_after = 1780275600", {"  cause     certificate-expired"}},
        {"UPDATE certificates SET not_after = 1780275601",
         {"  cause     certificate-good",
          "  the client should renew it before 2026-06-01T01:00:01Z (in 1 second)"}},
        {"UPDATE certificates SET revocation_requested_at = 1780272000, revocation_reason = 4,"
         " revocation_requested_by = 'operator', revocation_attempt_count = 3, revocation_error = 'busy',"
         " revocation_next_attempt_at = 1780275720",
         {"  revoked   requested " AT_NOW " by operator, reason superseded",
          "            NOT confirmed by the CA after 3 tries, last answer: busy",
          "  cause     revocation-under-way",
          "  the revocation is requested again 2026-06-01T01:02:00Z (in 2 minutes)"}},
        {"UPDATE certificates SET revocation_requested_at = 1780272000, revocation_reason = 0",
         {"  revoked   requested " AT_NOW " by unknown, reason unspecified",
          "            NOT confirmed by the CA after 0 tries, last answer: unknown"}},
        {"UPDATE certificates SET revocation_requested_at = 1780272000, revoked_at = 1780272000, "
         "revocation_reason = 4",
         {"            confirmed by the CA " AT_NOW, "  cause     certificate-revoked"}},
        {"UPDATE certificates SET revocation_requested_at = 1780272000, revoked_at = 1780272000, "
         "revocation_reason = 4,"
         " revocation_error = 'it keeps reason 6'",
         {"            it keeps reason 6", "  cause     revocation-reason-kept"}},
        {"UPDATE certificates SET revocation_requested_at = 1780272000, revoked_at = 1780272000, "
         "revocation_reason = 6,"
         " revocation_correction = 1",
         {"            reason keyCompromise is requested instead; the CA has not answered",
          "  cause     revocation-under-way"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        database_run(&shell.database, cases[i].sql);
        struct output output = run("explain www.example.org");
        cr_expect_eq(output.status, CLI_OK, "%s: %s", cases[i].sql, output.errors);
        for (size_t j = 0; j < 4 && cases[i].lines[j] != NULL; j++)
            expect_line(cases[i].sql, &output, cases[i].lines[j]);
        shell_end();
    }
}

/* Lines that a state must not have. */
Test(explain_story, advice_that_would_be_wrong)
{
    static const struct {
        const char *sql, *words;
    } cases[] = {
        {"UPDATE orders SET status = 'ready', expires_at = 1780272001", "is checked again"},
        {"UPDATE orders SET status = 'ready', expires_at = 1780272001", "should renew"},
        {"UPDATE certificates SET not_after = 1780275600", "should renew"},
        {"UPDATE certificates SET revocation_requested_at = 1780272000", "should renew"},
        {"UPDATE certificates SET revocation_requested_at = 1780272000", "confirmed by the CA 2026"},
        {"UPDATE certificates SET revocation_requested_at = 1, revoked_at = 1", "NOT confirmed"},
        {"UPDATE certificates SET revocation_requested_at = 1, revocation_error = 'once'",
         "            once"},
        {"UPDATE orders SET status = 'processing'; UPDATE attempts SET status = 'started'", "is asked again"},
        {"UPDATE orders SET status = 'processing'; DELETE FROM attempts", "is asked again"},
        {"UPDATE orders SET status = 'processing'; DELETE FROM attempts", "Signing"},
        {"UPDATE attempts SET status = 'failed', message = 'requested duration of 18h1m0s is more than the "
         "authorized "
         "maximum certificate duration of 12h1m0s.'",
         "learned"},
        {"UPDATE attempts SET status = 'refused', http_status = 0, message = 'requested duration of "
         "18h1m0s is more "
         "than the authorized maximum certificate duration of 12h1m0s.'",
         "learned"},
        {"UPDATE attempts SET status = 'refused', http_status = 403, message = 'no'", "learned"},
        {"UPDATE authorizations SET basis = 'trusted name'", "inherited"},
        {"UPDATE authorizations SET basis = 'trusted name'", "http-01 is valid"},
        {"UPDATE orders SET status = 'ready'", "should renew"},
        {"SELECT 1", "rejected"},
        {"SELECT 1", "The certificate that nobody got"},
        {"SELECT 1", "is requested again"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        database_run(&shell.database, cases[i].sql);
        struct output output = run("explain www.example.org");
        cr_expect_eq(output.status, CLI_OK, "%s: %s", cases[i].sql, output.errors);
        cr_expect_null(strstr(output.text, cases[i].words), "%s: '%s' stands there:\n%s", cases[i].sql,
                       cases[i].words, output.text);
        shell_end();
    }
}

/* ---- causes that events tell ---- */

Test(explain_story, the_newest_event_of_an_authorization_tells_its_cause)
{
    begin();
    database_run(&shell.database, PENDING "challenge_status = 'processing'");
    int64_t id = order.authorization_ids[0];
    make_event(&shell.database, (struct event){.type = EVENT_CHALLENGE_RETRIED,
                                               .actor = "gateway",
                                               .authorization_id = id,
                                               .cause = CAUSE_NAME_SERVER_FAILED});
    make_event(&shell.database, (struct event){.type = EVENT_CHALLENGE_RETRIED,
                                               .actor = "gateway",
                                               .authorization_id = id,
                                               .cause = CAUSE_CONNECTION_FAILED});
    make_event(&shell.database,
               (struct event){.type = EVENT_CHALLENGE_RETRIED, .actor = "gateway", .authorization_id = id});
    make_event(&shell.database, (struct event){.type = EVENT_ORDER_READY,
                                               .actor = "gateway",
                                               .order_id = order.id,
                                               .cause = CAUSE_CA_UNAVAILABLE});
    struct output output = run("explain www.example.org");
    expect_line("pending", &output, "  cause     connection-failed");
    database_run(&shell.database,
                 "UPDATE orders SET status = 'processing'; UPDATE attempts SET status = 'failed'");
    output = run("explain www.example.org");
    expect_line("processing", &output, "  cause     ca-unavailable");
    database_run(&shell.database, "UPDATE orders SET status = 'ready'");
    output = run("explain www.example.org");
    expect_line("ready", &output, "  cause     ca-unavailable");
    shell_end();
}

/* A certificate that was rejected is no order's: its event names it. */
Test(explain_story, the_certificate_that_nobody_got)
{
    begin();
    database_run(
        &shell.database,
        "UPDATE orders SET status = 'invalid', certificate_id = NULL, error = " PROBLEM(
            "serverInternal",
            "misfit") ";"
                      "UPDATE certificates SET status = 'rejected', rejected_because = 'other names',"
                      " revocation_requested_at = 1780272000, revocation_reason = 0");
    make_event(&shell.database, (struct event){.type = EVENT_CERTIFICATE_REJECTED,
                                               .actor = "gateway",
                                               .order_id = order.id,
                                               .certificate_id = order.certificate_id});
    struct output output = run("explain www.example.org");
    expect_line("rejected", &output, "  rejected  other names");
    expect_line("rejected", &output, "The certificate that nobody got");
    cr_expect_not_null(strstr(strstr(output.text, "nobody got"), "  cause     revocation-under-way\n"), "%s",
                       output.text);
    make_event(&shell.database, (struct event){.type = EVENT_REVOCATION_REFUSED,
                                               .actor = "gateway",
                                               .order_id = order.id,
                                               .certificate_id = order.certificate_id,
                                               .cause = CAUSE_REVOCATION_REFUSED});
    output = run("explain www.example.org");
    cr_expect_not_null(strstr(strstr(output.text, "nobody got"), "  cause     revocation-under-way\n"), "%s",
                       output.text);
    database_run(&shell.database, "UPDATE certificates SET revocation_attempt_count = 1");
    output = run("explain www.example.org");
    cr_expect_not_null(strstr(strstr(output.text, "nobody got"), "  cause     revocation-refused\n"), "%s",
                       output.text);
    database_run(&shell.database, "UPDATE certificates SET revoked_at = 1780272000");
    output = run("explain www.example.org");
    cr_expect_null(strstr(output.text, "The certificate that nobody got"));
    shell_end();
}

/* ---- requests that were refused ---- */

Test(explain_story, a_refused_request_is_shown_with_its_cause)
{
    begin();
    make_event(&shell.database, (struct event){.type = EVENT_ORDER_REFUSED,
                                               .account_id = account.id,
                                               .names = "a.test, b.test",
                                               .detail = "the policy denies b.test",
                                               .cause = CAUSE_NAME_REFUSED});
    struct output output = run("explain b.test");
    expect_line("refused", &output, "Refused " AT_NOW ": order.refused for a.test, b.test");
    expect_line("refused", &output,
                text_of("  from      client 192.0.2.7, account %lld", (long long)account.id));
    expect_line("refused", &output, "  because   the policy denies b.test");
    expect_line("refused", &output, "  cause     name-refused");
    make_event(&shell.database, (struct event){.type = EVENT_ORDER_REFUSED, .names = "a.test"});
    output = run("explain a.test");
    expect_line("without words", &output, "  because   unknown");
    expect_line("without words", &output, "  cause     server-fault");
    /* One that came after the newest order stands below it, an older one does not. */
    output = run("explain www.example.org");
    cr_expect_null(strstr(output.text, "Refused "));
    make_event(&shell.database, (struct event){.at = SHELL_NOW,
                                               .type = EVENT_ORDER_REFUSED,
                                               .names = "www.example.org",
                                               .cause = CAUSE_NAME_REFUSED});
    output = run("explain www.example.org");
    cr_expect_not_null(strstr(output.text, "Refused 2026-06-01T01:00:00Z (0 seconds ago): order.refused"),
                       "%s", output.text);
    output = run("explain %lld", (long long)order.id);
    cr_expect_null(strstr(output.text, "Refused "), "an order alone was asked for");
    shell_end();
}

Test(explain_story, ten_earlier_orders_are_shown)
{
    begin();
    for (size_t i = 0; i < 12; i++) {
        struct authorization authorization = make_authorization(&shell.database, &account, "www.example.org");
        make_order(&shell.database, &account, &authorization, 1);
    }
    struct output output = run("explain www.example.org");
    const char *earlier = strstr(output.text, "Earlier orders\n");
    cr_assert_not_null(earlier);
    cr_expect_eq(count_lines(earlier), 11, "%s", earlier);
    cr_expect_null(strstr(earlier, ": valid since"));
    shell_end();
}

Test(explain_story, a_cause_is_explained_and_nothing_else_is_found)
{
    static const struct command_case cases[] = {
        {"explain connection-failed", CLI_OK,
         "What to do next\n  cause     connection-failed\n  turn      the client\n", ""},
        {"explain nosuch-cause", CLI_FAILED, "", "acmegate explain: no order of 'nosuch-cause' in "},
        {"explain nosuch.test", CLI_FAILED, "", "'acmegate explain CAUSE' explains\n"},
        {"explain 4711", CLI_FAILED, "", "no order of '4711' in "},
        {"explain 192.0.2.1", CLI_FAILED, "",
         ", and no refused request for it.\nCheck its spelling (a wildcard begins "},
    };
    begin();
    RUN_CASES(cases);
    shell_end();
}
