/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/file.h"
#include "database.h"
#include "store/attempts.h"
#include "store/authorizations.h"
#include "store/events.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(views);

static const char *order_column(const struct database *database, const char *column, int64_t id)
{
    return database_text(database, arena_printf(database->arena, "SELECT %s FROM v_orders WHERE id = %lld",
                                                column, (long long)id));
}

static const char *certificate_column(const struct database *database, const char *column, const char *serial)
{
    return database_text(
        database,
        arena_printf(database->arena, "SELECT %s FROM v_certificates WHERE serial = '%s'", column, serial));
}

/* The views compare with the clock: what they are to show as current begins now. */
static int64_t in_an_hour(const struct database *database)
{
    return database_count(database, "SELECT unixepoch() + 3600");
}

static const char problem[] =
    "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"192.0.2.10:80 \\\"refused\\\"\"}";

static struct order make_blocked_order(struct database *database, const struct account *account)
{
    struct authorization names[] = {make_authorization(database, account, "www.example.org"),
                                    make_authorization(database, account, "*.example.org")};
    fail_authorization(database, &names[1], CHALLENGE_DNS_01, problem);
    struct order order = make_order(database, account, names, 2);
    order.status = ORDER_INVALID;
    order.status_since = NOW + 61;
    order.error_json = problem;
    cr_assert_eq(store_order_update(database->writer, &order, ORDER_PENDING), STORE_OK);
    return order;
}

Test(views, a_failed_order_names_what_blocks_it)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct order order = make_blocked_order(&database, &account);
    cr_expect_str_eq(order_column(&database, "names", order.id), "www.example.org, *.example.org");
    cr_expect_str_eq(order_column(&database, "state", order.id), "invalid");
    cr_expect_str_eq(order_column(&database, "since", order.id), "2026-06-01T00:01:01Z");
    cr_expect_str_eq(order_column(&database, "blocked_on", order.id),
                     "*.example.org: dns-01 invalid: 192.0.2.10:80 \"refused\"");
    cr_expect_str_eq(order_column(&database, "error", order.id), "192.0.2.10:80 \"refused\"");
    cr_expect_str_eq(order_column(&database, "address", order.id), "192.0.2.7");
    cr_expect_str_eq(order_column(&database, "contacts", order.id), "[\"mailto:admin@example.org\"]");
    database_end(&database);
}

Test(views, a_waiting_order_says_for_what)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization name = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &name, 1);
    cr_expect_str_eq(order_column(&database, "blocked_on", order.id),
                     "www.example.org: the client has not asked for a challenge yet");
    database_run(&database, "UPDATE orders SET expires_at = 1900000000");
    cr_expect_str_eq(order_column(&database, "state", order.id), "pending");
    database_run(&database, "UPDATE orders SET expires_at = 1780272001");
    cr_expect_str_eq(order_column(&database, "state", order.id), "expired");
    cr_expect_str_eq(order_column(&database, "since", order.id), "2026-06-01T00:00:01Z");
    order.csr = BYTES_LITERAL("csr");
    advance_order(&database, &order, ORDER_PROCESSING);
    struct attempt attempt = make_attempt(&database, order.id);
    attempt.status = ATTEMPT_UNKNOWN;
    cr_assert_eq(store_attempt_end(database.writer, &attempt), STORE_OK);
    attempt = make_attempt(&database, order.id);
    attempt.status = ATTEMPT_FAILED;
    attempt.message = "the CA is away";
    cr_assert_eq(store_attempt_end(database.writer, &attempt), STORE_OK);
    cr_expect_str_eq(order_column(&database, "blocked_on", order.id),
                     "issuer main: attempt failed: the CA is away");
    cr_expect_str_eq(order_column(&database, "attempts", order.id), "2");
    cr_expect_str_eq(order_column(&database, "last_outcome", order.id), "failed");
    cr_expect_str_eq(order_column(&database, "ca_message", order.id), "the CA is away");
    cr_expect_str_eq(order_column(&database, "possible_orphans", order.id), "1");
    database_end(&database);
}

Test(views, the_cas_refusal_is_shown_even_when_an_authorization_has_gone_since)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization name = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &name, 1);
    order.status = ORDER_INVALID;
    order.error_json = "{\"detail\":\"the CA refused\"}";
    cr_assert_eq(store_order_update(database.writer, &order, ORDER_PENDING), STORE_OK);
    name.status = AUTHORIZATION_DEACTIVATED;
    cr_assert_eq(store_authorization_update(database.writer, &name, AUTHORIZATION_PENDING, 0), STORE_OK);
    cr_expect_str_eq(order_column(&database, "blocked_on", order.id), "the CA refused");
    database_end(&database);
}

Test(views, a_certificate_shows_its_life)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct order order = make_issued_order(&database, &account, "www.example.org", "1a");
    database_run(&database, arena_printf(database.arena, "UPDATE certificates SET not_after = %lld",
                                         (long long)in_an_hour(&database)));
    cr_expect_str_eq(certificate_column(&database, "state", "1a"), "good");
    cr_expect_eq(strtod(certificate_column(&database, "hours_left", "1a"), NULL), 1.0);
    cr_expect_str_eq(certificate_column(&database, "origin", "1a"), "acme");
    cr_expect_str_eq(certificate_column(&database, "revocation", "1a"), "");
    cr_expect_str_eq(order_column(&database, "serial", order.id), "1a");
    cr_expect_str_eq(order_column(&database, "blocked_on", order.id), "");
    database_run(&database, "UPDATE certificates SET not_after = 1780272000");
    cr_expect_str_eq(certificate_column(&database, "state", "1a"), "expired");
    cr_expect_str_eq(certificate_column(&database, "expires", "1a"), "2026-06-01T00:00:00Z");
    database_run(&database, "UPDATE certificates SET revocation_requested_at = 1780272000");
    cr_expect_str_eq(certificate_column(&database, "revocation", "1a"), "not confirmed yet");
    cr_expect_str_eq(order_column(&database, "revocation", order.id), "not confirmed yet");
    database_run(&database, "UPDATE certificates SET status = 'revoked', revoked_at = 1780272060");
    cr_expect_str_eq(certificate_column(&database, "state", "1a"), "revoked");
    cr_expect_str_eq(certificate_column(&database, "revocation", "1a"), "confirmed by the CA");
    cr_expect_str_eq(certificate_column(&database, "revoked_at", "1a"), "2026-06-01T00:01:00Z");
    database_end(&database);
}

static struct certificate make_certificate_for(struct database *database, const struct order *order,
                                               size_t names, int64_t not_after, const char *serial)
{
    struct order part = *order;
    part.identifier_count = names;
    struct certificate certificate = make_certificate(database, &part, serial);
    database_run(database,
                 arena_printf(database->arena, "UPDATE certificates SET not_after = %lld WHERE serial = '%s'",
                              (long long)not_after, serial));
    return certificate;
}

Test(views, renewed_means_all_names_and_longer)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization names[] = {make_authorization(&database, &account, "a.example.org"),
                                    make_authorization(&database, &account, "b.example.org")};
    struct order order = make_order(&database, &account, names, 2);
    make_certificate_for(&database, &order, 2, NOW + 1000, "1");
    make_certificate_for(&database, &order, 1, NOW + 2000, "2");
    make_certificate_for(&database, &order, 2, NOW + 500, "3");
    cr_expect_str_eq(certificate_column(&database, "renewed_by", "1"), "",
                     "none has all names and lasts longer");
    struct certificate renewal = make_certificate_for(&database, &order, 2, NOW + 3000, "4");
    const char *id = arena_printf(database.arena, "%lld", (long long)renewal.id);
    cr_expect_str_eq(certificate_column(&database, "renewed_by", "1"), id);
    cr_expect_str_eq(certificate_column(&database, "renewed_by", "2"), id);
    cr_expect_str_eq(certificate_column(&database, "renewed_by", "4"), "");
    database_run(&database, "UPDATE certificates SET status = 'rejected' WHERE serial = '4'");
    cr_expect_str_eq(certificate_column(&database, "renewed_by", "1"), "");
    database_end(&database);
}

Test(views, accounts_and_events_are_named)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    make_event(&database, (struct event){.type = EVENT_ACCOUNT_CREATED, .account_id = account.id});
    cr_expect_str_eq(database_text(&database,
                                   "SELECT state || ' ' || orders || ' ' || valid_orders || ' ' || last_order"
                                   " FROM v_accounts"),
                     "valid 1 1 2026-06-01T00:00:00Z");
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM v_events WHERE names = 'www.example.org'"),
                 8);
    cr_expect_str_eq(
        database_text(&database, "SELECT at || ' ' || endpoint FROM v_events WHERE names IS NULL"),
        "2026-06-01T00:00:00Z acme");
    database_end(&database);
}

/* ---- docs/sql.md ---- */

static const char *documentation(struct arena *arena)
{
    struct bytes text;
    const char *slash = strrchr(__FILE__, '/');
    int folder = slash == NULL ? 0 : (int)(slash - __FILE__) + 1;
    const char *path = arena_printf(arena, "%.*s../../../docs/sql.md", folder, __FILE__);
    cr_assert(file_read(arena, path, 1 << 20, &text), "%s", path);
    return (const char *)text.p;
}

Test(views, every_documented_query_runs_as_it_stands)
{
    static const char fence[] = "\n```sql\n";
    struct database database;
    size_t queries = 0;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    const char *at = documentation(database.arena);
    while ((at = strstr(at, fence)) != NULL) {
        at += sizeof fence - 1;
        size_t length = (size_t)(strstr(at, "\n```") - at);
        const char *sql = arena_string(database.arena, bytes_of(at, length));
        cr_expect_eq(strncmp(sql, "-- ", 3), 0, "a query without a name: %s", sql);
        database_run(&database, sql);
        queries++;
    }
    cr_assert_geq(queries, 6);
    database_end(&database);
}

Test(views, the_documented_history_of_a_name_has_its_challenges_and_no_others)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    make_issued_order(&database, &account, "other.example.org", "1b");
    const char *at = strstr(documentation(database.arena), "-- How was this name issued?");
    const char *sql = arena_string(database.arena, bytes_of(at, (size_t)(strstr(at, ";\n```") - at)));
    cr_assert_eq(
        database_count(&database, arena_printf(database.arena, "SELECT count(*) FROM (%s) AS rows", sql)), 8);
    database_end(&database);
}

/* Returns the name of a column, counted from 0; "" behind the last. */
static const char *column_of(const struct database *database, const char *view, int n)
{
    const char *columns =
        arena_printf(database->arena,
                     database_is_postgresql() ? "SELECT column_name FROM information_schema.columns WHERE"
                                                " table_name = '%s' ORDER BY ordinal_position"
                                              : "SELECT name FROM pragma_table_info('%s')",
                     view);
    return database_text(database,
                         arena_printf(database->arena,
                                      "SELECT * FROM (%s) AS names UNION ALL SELECT '' LIMIT 1 OFFSET %d",
                                      columns, n));
}

Test(views, every_column_is_documented)
{
    static const char *const views[] = {"v_orders", "v_certificates", "v_accounts", "v_events",
                                        "v_authorizations"};
    struct database database;
    database_begin(&database);
    database_connect(&database);
    const char *text = documentation(database.arena);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        const char *section = strstr(text, arena_printf(database.arena, "\n## %s", views[i]));
        cr_assert_not_null(section, "%s has no section", views[i]);
        const char *end = strstr(section + 1, "\n## ");
        const char *own = arena_string(database.arena, bytes_of(section, (size_t)(end - section)));
        for (int n = 0;; n++) {
            const char *column = column_of(&database, views[i], n);
            if (column[0] == '\0')
                break;
            cr_expect_not_null(strstr(own, arena_printf(database.arena, "\n| `%s` |", column)),
                               "%s.%s is not documented", views[i], column);
        }
    }
    database_end(&database);
}
