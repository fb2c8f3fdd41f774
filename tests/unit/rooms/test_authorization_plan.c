/* SPDX-License-Identifier: Apache-2.0 */
/* Which authorizations serve an order (RFC 8555 §7.4, RFC 9444). */
#include "site.h"

LEAK_CHECKED_SUITE(authorization_plan);

#define DNS(name)    "{\"type\":\"dns\",\"value\":\"" name "\"}"
#define NAMES(names) "{\"identifiers\":[" names "]}"

static const struct {
    const char *endpoint;
    const char *has; /* the account's authorization */
    enum authorization_basis basis;
    int expires_in_s;
    const char *payload;
    struct site_expected expected;
    bool again; /* that authorization serves the order */
} reuses[] = {
    {"acme",
     "a.test",
     AUTHORIZATION_PROVEN,
     61,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"ready\"|\"expires\":\"2026-06-01T00:01:01Z\"", "order.created"},
     true},
    {"acme",
     "a.test",
     AUTHORIZATION_PROVEN,
     60,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     "a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("b.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     "a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("*.a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     "*.a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("*.a.test")),
     {201, NULL, "\"status\":\"ready\"", "order.created"},
     true},
    {"acme",
     "*.a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     "a.test",
     AUTHORIZATION_TRUSTED_NAME,
     600,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     "zone.test",
     AUTHORIZATION_TRUSTED_NAME,
     600,
     NAMES(DNS("zone.test")),
     {201, NULL, "\"status\":\"ready\"", "order.created"},
     true},
    {"net",
     "a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"brief",
     "a.test",
     AUTHORIZATION_PROVEN,
     11,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"ready\"", "order.created"},
     true},
    {"brief",
     "a.test",
     AUTHORIZATION_PROVEN,
     10,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    /* names below a domain (RFC 9444) */
    {"acme",
     ".a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("b.a.test")),
     {201, NULL, "\"status\":\"ready\"|\"expires\":\"2026-06-01T00:10:00Z\"",
      "authorization.inherited order.created"},
     false},
    {"acme",
     ".a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("c.b.a.test")),
     {201, NULL, "\"status\":\"ready\"", "authorization.inherited order.created"},
     false},
    {"acme",
     ".a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("a.test")),
     {201, NULL, "\"status\":\"ready\"", "order.created"},
     true},
    {"acme",
     ".a.test",
     AUTHORIZATION_PROVEN,
     90000,
     NAMES(DNS("b.a.test")),
     {201, NULL, "\"status\":\"ready\"|\"expires\":\"2026-06-02T00:00:00Z\"",
      "authorization.inherited order.created"},
     false},
    {"acme",
     ".a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES("{\"type\":\"dns\",\"value\":\"b.a.test\",\"ancestorDomain\":\"a.test\"}"),
     {201, NULL, "\"status\":\"ready\"", "authorization.inherited order.created"},
     false},
    {"acme",
     ".a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES("{\"type\":\"dns\",\"value\":\"c.b.a.test\",\"ancestorDomain\":\"b.a.test\"}"),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     "a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("b.a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     ".a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("*.b.a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"acme",
     ".0.2.9",
     AUTHORIZATION_PROVEN,
     600,
     NAMES("{\"type\":\"ip\",\"value\":\"192.0.2.9\"}"),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
    {"brief",
     ".a.test",
     AUTHORIZATION_PROVEN,
     600,
     NAMES(DNS("b.a.test")),
     {201, NULL, "\"status\":\"pending\"", "order.created"},
     false},
};

Test(authorization_plan, a_valid_authorization_serves_further_orders)
{
    site_begin("");
    for (size_t i = 0; i < sizeof reuses / sizeof *reuses; i++) {
        struct site_client *client = site_account(reuses[i].endpoint);
        struct authorization had = site_authorize(client, reuses[i].has, reuses[i].basis);
        site_run(arena_printf(site.arena, "UPDATE authorizations SET expires_at = %lld WHERE id = %lld",
                              (long long)NOW + reuses[i].expires_in_s, (long long)had.id));
        struct fake_reply *reply = site_post(client, "/new-order", reuses[i].payload);
        const char *what = arena_printf(site.arena, "%zu: %s has %s: %s", i, reuses[i].endpoint,
                                        reuses[i].has, reuses[i].payload);
        site_expect(what, reply, &reuses[i].expected);
        const char *same = arena_printf(site.arena, "/authz/%lld\"", (long long)had.id);
        cr_expect_eq(site_has_words(reply, same), reuses[i].again, "%s", what);
        bool inherited = strstr(reuses[i].expected.events, "inherited") != NULL;
        cr_expect_eq(site_count(arena_printf(site.arena,
                                             "SELECT count(*) FROM authorizations WHERE parent_id = %lld AND "
                                             "basis = 'inherited' AND validated_at = 1780272000",
                                             (long long)had.id)),
                     inherited, "%s", what);
    }
    site_end();
}
