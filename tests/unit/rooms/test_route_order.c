/* SPDX-License-Identifier: Apache-2.0 */
/* newOrder and orders (RFC 8555 §7.4). */
#include "acme/renewal.h"
#include "site.h"

LEAK_CHECKED_SUITE(route_order);

#define DNS(name)      "{\"type\":\"dns\",\"value\":\"" name "\"}"
#define NAMES(names)   "{\"identifiers\":[" names "]}"
#define TO(name, more) "{\"identifiers\":[" DNS(name) "]," more "}"

/* ---- what may be ordered ---- */

static const struct {
    const char *endpoint;
    const char *address;
    const char *payload;
    struct site_expected expected;
    const char *row; /* profile, status, not_before, not_after and replaces of the order */
} orders[] = {
    {"acme",
     NULL,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"|\"expires\":\"2026-06-02T00:00:00Z\"|/acme/acme/authz/",
      "order.created"},
     "default pending"},
    {"acme",
     NULL,
     NAMES(DNS("a.test") "," DNS("*.b.test") ",{\"type\":\"ip\",\"value\":\"192.0.2.9\"}"),
     {201, NULL, "\"status\":\"pending\"|\"value\":\"*.b.test\"", "order.created"},
     "default pending"},
    {"acme",
     NULL,
     TO("a.test", "\"profile\":\"short\""),
     {201, NULL, "\"profile\":\"short\"", "order.created"},
     "short pending"},
    {"acme",
     NULL,
     TO("a.test", "\"profile\":\"twin\""),
     {400, "invalidProfile", "This endpoint has no profile \\\"twin\\\"", NULL},
     NULL},
    {"acme", NULL, NULL, {400, "malformed", "The payload must be a JSON object.", NULL}, NULL},
    {"acme", NULL, "{}", {400, "malformed", "An order needs", NULL}, NULL},
    {"acme",
     NULL,
     NAMES(DNS("a.test") "," DNS("b.test") "," DNS("c.test") "," DNS("d.test")),
     {400, "malformed", "3 identifiers at most", NULL},
     NULL},
    {"acme",
     NULL,
     NAMES(DNS("never.test")),
     {403, "rejectedIdentifier", "never.test", "order.refused"},
     NULL},
    {"acme",
     NULL,
     NAMES(DNS("zone.test")),
     {201, NULL, "\"status\":\"ready\"", "authorization.trusted order.created"},
     "default ready"},
    {"acme",
     NULL,
     NAMES(DNS("zone.test") "," DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "authorization.trusted order.created"},
     "default pending"},
    {"acme",
     NULL,
     TO("a.test", "\"notAfter\":\"2026-05-31T00:00:00Z\""),
     {400, "malformed", "is in the past", "order.refused"},
     NULL},
    {"acme",
     NULL,
     TO("a.test", "\"profile\":\"short\",\"notAfter\":\"2026-06-01T00:30:00Z\""),
     {201, NULL, "\"notAfter\":\"2026-06-01T00:30:00Z\"", "order.created"},
     "short pending"},
    {"acme",
     NULL,
     TO("a.test", "\"profile\":\"short\",\"notAfter\":\"2026-06-02T00:00:00Z\""),
     {400, "malformed", "is too late", "order.refused"},
     NULL},
    {"keyed",
     NULL,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     "twin pending"},
    {"keyed",
     NULL,
     NAMES(DNS("a.test") "," DNS("*.a.test")),
     {403, "rejectedIdentifier",
      "offers no challenge that could prove control of *.a.test.|\"cause\":\"no-challenge-fits\"",
      "order.refused"},
     NULL},
    {"net",
     "10.9.0.5",
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"ready\"", "authorization.trusted order.created"},
     "default ready"},
    {"net",
     "10.10.0.5",
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     "default pending"},
};

static void check_order(size_t i)
{
    struct site_client *client = site_account(orders[i].endpoint);
    client->address = orders[i].address == NULL ? client->address : orders[i].address;
    const char *what = arena_printf(site.arena, "%s: %s", client->endpoint, orders[i].payload);
    struct fake_reply *reply = site_post(client, "/new-order", orders[i].payload);
    bool made = orders[i].row != NULL;
    bool pending = made && strstr(orders[i].row, "pending") != NULL;
    site_expect(what, reply, &orders[i].expected);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), pending ? "2" : "", "%s", what);
    cr_expect_eq(site_location_id(reply) != 0, made, "%s", what);
    if (!made)
        return;
    const char *row = site_text(arena_printf(
        site.arena,
        "SELECT profile || ' ' || status FROM orders WHERE id = %lld AND client_address = '%s' AND "
        "user_agent = "
        "'unit/1' AND created_at = 1780272000 AND status_since = 1780272000 AND expires_at = 1780358400",
        (long long)site_location_id(reply), client->address));
    cr_expect_str_eq(row, orders[i].row, "%s", what);
}

Test(route_order, a_new_order_is_for_what_policies_and_profiles_allow)
{
    site_begin(",\"limits\":{\"max_identifiers\":3}");
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        check_order(i);
    cr_expect_eq(
        site_count("SELECT count(*) FROM events WHERE kind = 'order.refused' AND names = 'never.test'"), 1);
    cr_expect_eq(site_count("SELECT count(*) FROM events WHERE kind = 'authorization.trusted' AND detail = "
                            "'the endpoint trusts the name \"zone.test\"'"),
                 2);
    site_end();
}

Test(route_order, no_order_is_taken_while_its_issuer_is_away)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    site_break_issuer("main");
    struct fake_reply *reply = site_post(client, "/new-order", NAMES(DNS("a.test")));
    SITE_EXPECT("main", reply, 503, "serverInternal",
                "The certificate authority is not available|\"cause\":\"ca-unavailable\"", NULL);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "31", "half a minute, and the clock's second");
    SITE_EXPECT("local", site_post(client, "/new-order", TO("a.test", "\"profile\":\"short\"")), 201, NULL,
                NULL, "order.created");
    site_end();
}

/* ---- limits ---- */

static const struct {
    const char *limits;
    const char *payload[2];
    const char *words;
} rates[] = {
    {",\"limits\":{\"orders_per_account\":\"1/1h\"}",
     {NAMES(DNS("a.test")), NAMES(DNS("b.test"))},
     "orders of account"},
    {",\"limits\":{\"orders_per_name\":\"1/1h\"}",
     {NAMES(DNS("a.test")), NAMES(DNS("b.test") "," DNS("a.test"))},
     "orders of this account for a.test"},
};

Test(route_order, an_account_and_each_of_its_names_have_a_limit)
{
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        site_begin(rates[i].limits);
        struct site_client *client = site_account("acme"), *other = site_account("acme");
        SITE_EXPECT("first", site_post(client, "/new-order", rates[i].payload[0]), 201, NULL, NULL,
                    "order.created");
        struct fake_reply *reply = site_post(client, "/new-order", rates[i].payload[1]);
        SITE_EXPECT("second", reply, 429, "rateLimited", rates[i].words, "order.refused");
        cr_expect_str_eq(fake_header(reply, "Retry-After"), "3600");
        SITE_EXPECT("other", site_post(other, "/new-order", rates[i].payload[1]), 201, NULL, NULL,
                    "order.created");
        site_end();
    }
}

/* ---- an order ---- */

Test(route_order, an_order_is_its_accounts_and_its_endpoints_alone)
{
    site_begin("");
    struct site_client *client = site_account("acme"), *other = site_account("acme"),
                       *elsewhere = site_account("brief");
    struct order order = site_ready_order(client, "a.test");
    const char *path = arena_printf(site.arena, "/order/%lld", (long long)order.id);
    struct fake_reply *reply = site_post(client, path, NULL);
    SITE_EXPECT("own", reply, 200, NULL, "\"status\":\"ready\"|/finalize\"", NULL);
    cr_expect_eq(site_location_id(reply), order.id);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "");
    SITE_EXPECT("another's", site_post(other, path, NULL), 404, "malformed",
                "This account has no such order.", NULL);
    SITE_EXPECT("elsewhere", site_post(elsewhere, path, NULL), 404, "malformed",
                "This account has no such order.", NULL);
    SITE_EXPECT("none", site_post(client, "/order/7", NULL), 404, "malformed",
                "This account has no such order.", NULL);
    SITE_EXPECT("a payload", site_post(client, path, "{}"), 400, "malformed", NULL, NULL);
    site_end();
}

static const struct {
    const char *row;
    int status;
    const char *words;
    const char *retry_after;
} states[] = {
    {"status = 'pending'", 200, "\"status\":\"pending\"", "2"},
    {"status = 'processing', processing_since = 1780272000, csr = x'00'", 200, "\"status\":\"processing\"",
     "2"},
    {"status = 'invalid'", 200, "\"status\":\"invalid\"", ""},
    {"status = 'pending', expires_at = 1780272001", 200, "\"status\":\"pending\"", "2"},
    {"status = 'pending', expires_at = 1780272000", 404,
     "The order expired before it was finalized|\"cause\":\"order-expired\"", ""},
    {"status = 'ready', expires_at = 1780272000", 404, "The order expired before it was finalized", ""},
    {"status = 'invalid', expires_at = 1780272000", 200, "\"status\":\"invalid\"", ""},
};

Test(route_order, an_order_that_is_unfinished_ends_with_its_time)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct order order = site_ready_order(client, "a.test");
        site_run(arena_printf(site.arena, "UPDATE orders SET %s WHERE id = %lld", states[i].row,
                              (long long)order.id));
        struct fake_reply *reply =
            site_post(client, arena_printf(site.arena, "/order/%lld", (long long)order.id), NULL);
        SITE_EXPECT(states[i].row, reply, states[i].status, states[i].status == 404 ? "malformed" : NULL,
                    states[i].words, NULL);
        cr_expect_str_eq(fake_header(reply, "Retry-After"), states[i].retry_after, "%s", states[i].row);
    }
    site_end();
}

/* ---- what changes meanwhile ---- */

static const struct {
    const char *sql;
    struct site_expected expected;
} meanwhile[] = {
    {"UPDATE accounts SET status = 'deactivated'",
     {403, "unauthorized", "The account is deactivated.", NULL}},
    {"UPDATE accounts SET key = '{}'",
     {403, "unauthorized", "The account or its key changed meanwhile.", NULL}},
    {"PRAGMA foreign_keys = OFF; DELETE FROM accounts",
     {403, "unauthorized", "The account or its key changed meanwhile.", NULL}},
};

Test(route_order, the_account_is_asked_for_again_before_anything_is_written)
{
    for (size_t i = 0; i < sizeof meanwhile / sizeof *meanwhile; i++) {
        site_begin("");
        struct site_client *client = site_account("acme");
        site.meanwhile = meanwhile[i].sql;
        site_expect(meanwhile[i].sql, site_post(client, "/new-order", NAMES(DNS("a.test"))),
                    &meanwhile[i].expected);
        site_end();
    }
}

Test(route_order, a_failing_statement_is_told_and_changes_nothing)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct site_leaf leaf = site_leaf(client, "DNS:a.test", NULL, true);
    site_authorize(client, ".a.test", AUTHORIZATION_PROVEN);
    const char *payload = arena_printf(site.arena,
                                       "{\"identifiers\":[" DNS("a.test") "," DNS("b.a.test") "," DNS(
                                           "zone.test") "," DNS("c.test") "],\"replaces\":\"%s\"}",
                                       renewal_id_of(site.arena, leaf.der));
    struct fake_reply *reply = site_post_past_faults(client, "/new-order", payload);
    SITE_EXPECT("newOrder", reply, 201, NULL, NULL,
                "authorization.inherited authorization.trusted order.created");
    const char *path = arena_printf(site.arena, "/order/%lld", (long long)site_location_id(reply));
    SITE_EXPECT("order", site_post_past_faults(client, path, NULL), 200, NULL, "\"status\":\"pending\"",
                NULL);
    const char *ignored = "{\"identifiers\":[" DNS("d.test") "],\"replaces\":\"AA.AQ\"}";
    SITE_EXPECT("replaces", site_post_past_faults(client, "/new-order", ignored), 201, NULL, NULL,
                "order.created order.replaces_ignored");
    cr_expect_eq(site_post_past_faults(client, "/new-order", NAMES(DNS("never.test")))->status, 403);
    site_end();
}
