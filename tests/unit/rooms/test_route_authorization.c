/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations, newAuthz and challenges (RFC 8555 §7.4.1, §7.5). */
#include "site.h"
#include "world.h"

LEAK_CHECKED_SUITE(route_authorization);

#define IDENTIFIER(name) "{\"identifier\":{\"type\":\"dns\",\"value\":\"" name "\"}}"

static const char *path_of(const char *resource, int64_t id)
{
    return arena_printf(site.arena, "/%s/%lld", resource, (long long)id);
}

static const char *challenge_path(int64_t id, const char *type)
{
    return arena_printf(site.arena, "/challenge/%lld/%s", (long long)id, type);
}

/* ---- newAuthz ---- */

static const struct {
    const char *endpoint, *has;
    const char *payload;
    struct site_expected expected;
    const char *row; /* of the new authorization; NULL: there is none */
} news[] = {
    {"acme",
     NULL,
     IDENTIFIER("a.test"),
     {201, NULL, "\"status\":\"pending\"|\"type\":\"http-01\"|\"type\":\"dns-01\"", "authorization.created"},
     "a.test pending 0"},
    {"acme", "a.test", IDENTIFIER("a.test"), {200, NULL, "\"status\":\"valid\"", NULL}, NULL},
    {"acme",
     "a.test",
     "{\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"subdomainAuthAllowed\":true}",
     {201, NULL, "\"status\":\"pending\"|\"subdomainAuthAllowed\":true", "authorization.created"},
     "a.test pending 1"},
    {"acme",
     ".a.test",
     "{\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"subdomainAuthAllowed\":true}",
     {200, NULL, "\"status\":\"valid\"|\"subdomainAuthAllowed\":true", NULL},
     NULL},
    {"acme",
     NULL,
     "{\"identifier\":{\"type\":\"dns\",\"value\":\"zone.test\"},\"subdomainAuthAllowed\":true}",
     {201, NULL, "\"status\":\"pending\"", "authorization.created"},
     "zone.test pending 1"},
    {"acme",
     NULL,
     IDENTIFIER("zone.test"),
     {201, NULL, "\"status\":\"valid\"", "authorization.trusted authorization.created"},
     "zone.test valid 0"},
    {"acme",
     ".a.test",
     IDENTIFIER("b.a.test"),
     {201, NULL, "\"status\":\"valid\"", "authorization.inherited authorization.created"},
     "b.a.test valid 0"},
    {"brief",
     NULL,
     "{\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"subdomainAuthAllowed\":true}",
     {201, NULL, "\"status\":\"pending\"", "authorization.created"},
     "a.test pending 0"},
    {"acme",
     NULL,
     IDENTIFIER("never.test"),
     {403, "rejectedIdentifier", "never.test", "authorization.refused"},
     NULL},
    {"acme",
     NULL,
     IDENTIFIER("*.a.test"),
     {400, "malformed", "Wildcards cannot be authorized before an order", NULL},
     NULL},
    {"acme", NULL, "{}", {400, "malformed", "needs an \\\"identifier\\\"", NULL}, NULL},
    {"acme", NULL, NULL, {400, "malformed", "The payload must be a JSON object.", NULL}, NULL},
    {"net",
     NULL,
     IDENTIFIER("a.test"),
     {404, "malformed", "This endpoint has no pre-authorization.", NULL},
     NULL},
};

Test(route_authorization, a_name_is_authorized_before_its_order)
{
    site_begin("");
    for (size_t i = 0; i < sizeof news / sizeof *news; i++) {
        struct site_client *client = site_account(news[i].endpoint);
        int64_t had = news[i].has == NULL ? 0 : site_authorize(client, news[i].has, AUTHORIZATION_PROVEN).id;
        const char *what =
            arena_printf(site.arena, "%zu: %s has %s: %s", i, news[i].endpoint, news[i].has, news[i].payload);
        struct fake_reply *reply = site_post(client, "/new-authz", news[i].payload);
        int64_t id = site_location_id(reply);
        site_expect(what, reply, &news[i].expected);
        if (news[i].row == NULL) {
            cr_expect_eq(id, news[i].expected.status == 200 ? had : 0, "%s", what);
            continue;
        }
        const char *row =
            site_text(arena_printf(site.arena,
                                   "SELECT identifier || ' ' || status || ' ' || subdomains FROM "
                                   "authorizations WHERE id = %lld AND created_at = 1780272000",
                                   (long long)id));
        cr_expect_str_eq(row, news[i].row, "%s", what);
    }
    site_end();
}

Test(route_authorization, newAuthz_takes_from_the_orders_limits)
{
    site_begin(",\"limits\":{\"orders_per_account\":\"1/1h\"}");
    struct site_client *client = site_account("acme");
    SITE_EXPECT("first", site_post(client, "/new-authz", IDENTIFIER("a.test")), 201, NULL, NULL,
                "authorization.created");
    SITE_EXPECT("second", site_post(client, "/new-authz", IDENTIFIER("b.test")), 429, "rateLimited",
                "orders of account", "authorization.refused");
    site_end();
}

/* ---- an authorization ---- */

Test(route_authorization, an_authorization_is_its_accounts_and_its_endpoints_alone)
{
    site_begin("");
    struct site_client *client = site_account("acme"), *other = site_account("acme"),
                       *elsewhere = site_account("brief");
    int64_t id = site_authorize(client, "a.test", AUTHORIZATION_PROVEN).id;
    static const struct site_expected none = {404, "malformed", "This account has no such authorization.",
                                              NULL};
    struct fake_reply *reply = site_post(client, path_of("authz", id), NULL);
    SITE_EXPECT("own", reply, 200, NULL,
                "\"status\":\"valid\"|\"value\":\"a.test\"|\"status\":\"valid\",\"token\":\"0123456789abcdef",
                NULL);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "");
    site_expect("another's", site_post(other, path_of("authz", id), NULL), &none);
    site_expect("elsewhere", site_post(elsewhere, path_of("authz", id), NULL), &none);
    site_expect("none", site_post(client, "/authz/7", NULL), &none);
    site_expect("another's challenge", site_post(other, challenge_path(id, "http-01"), NULL), &none);
    SITE_EXPECT("not offered", site_post(client, challenge_path(id, "tls-alpn-01"), NULL), 404, "malformed",
                "This authorization has no challenge of type tls-alpn-01.", NULL);
    SITE_EXPECT("no type", site_post(client, challenge_path(id, "http-02"), NULL), 404, "malformed",
                "No such resource.", NULL);
    site_end();
}

static int64_t pending(const struct site_client *client, const char *name)
{
    return site_location_id(
        site_post(client, "/new-authz",
                  arena_printf(site.arena, "{\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"}}", name)));
}

static const struct {
    const char *row; /* what the authorization is set to, a pending one without it */
    const char *payload;
    struct site_expected expected;
    const char *status; /* then */
} updates[] = {
    {NULL, NULL, {200, NULL, "\"status\":\"pending\"", NULL}, "pending"},
    {NULL,
     "{\"status\":\"deactivated\"}",
     {200, NULL, "\"status\":\"deactivated\"", "authorization.deactivated"},
     "deactivated"},
    {NULL, "{\"status\":\"valid\"}", {400, "malformed", "can only be updated with", NULL}, "pending"},
    {NULL, "{}", {400, "malformed", "can only be updated with", NULL}, "pending"},
    {"status = 'deactivated'",
     "{\"status\":\"deactivated\"}",
     {200, NULL, "\"status\":\"deactivated\"", NULL},
     "deactivated"},
    {"status = 'invalid'",
     "{\"status\":\"deactivated\"}",
     {400, "malformed", "An authorization that is invalid cannot be deactivated.", NULL},
     "invalid"},
    {"expires_at = 1780272000",
     "{\"status\":\"deactivated\"}",
     {400, "malformed", "cannot be deactivated.", NULL},
     "pending"},
};

Test(route_authorization, an_authorization_can_be_given_back_while_it_is_open_or_valid)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    for (size_t i = 0; i < sizeof updates / sizeof *updates; i++) {
        int64_t id = pending(client, "a.test");
        const char *what = arena_printf(site.arena, "%s: %s", updates[i].row, updates[i].payload);
        if (updates[i].row != NULL)
            site_run(arena_printf(site.arena, "UPDATE authorizations SET %s WHERE id = %lld", updates[i].row,
                                  (long long)id));
        site_skip_events();
        struct fake_reply *reply = site_post(client, path_of("authz", id), updates[i].payload);
        site_expect(what, reply, &updates[i].expected);
        cr_expect_str_eq(site_text(arena_printf(
                             site.arena, "SELECT status FROM authorizations WHERE id = %lld", (long long)id)),
                         updates[i].status, "%s", what);
        cr_expect_str_eq(fake_header(reply, "Retry-After"), updates[i].payload == NULL ? "2" : "", "%s",
                         what);
    }
    site_end();
}

Test(route_authorization, what_rests_on_an_authorization_ends_with_it)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct authorization domain = site_authorize(client, ".a.test", AUTHORIZATION_PROVEN);
    const char *names = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"b.a.test\"},{\"type\":\"dns\","
                        "\"value\":\"c.test\"}]}";
    int64_t waiting = site_location_id(site_post(client, "/new-order", names));
    struct order ready = site_ready_order(client, "d.test");
    site_skip_events();
    struct fake_reply *reply = site_post(client, path_of("authz", domain.id), "{\"status\":\"deactivated\"}");
    SITE_EXPECT("the domain", reply, 200, NULL, "\"status\":\"deactivated\"",
                "authorization.deactivated order.invalid authorization.deactivated");
    cr_expect_eq(site_count("SELECT count(*) FROM authorizations WHERE status = 'deactivated'"), 2);
    cr_expect_eq(
        site_count(arena_printf(
            site.arena, "SELECT count(*) FROM events WHERE detail = 'it rested on authorization %lld'",
            (long long)domain.id)),
        1);
    reply = site_post(client, path_of("order", waiting), NULL);
    SITE_EXPECT("its order", reply, 200, NULL,
                "\"status\":\"invalid\"|The client deactivated the authorization for a.test.", NULL);
    SITE_EXPECT("another order", site_post(client, path_of("order", ready.id), NULL), 200, NULL,
                "\"status\":\"ready\"", NULL);
    site_end();
}

/* ---- challenges ---- */

Test(route_authorization, a_challenge_is_handed_over_and_its_reply_waits_for_the_outcome)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    int64_t id = pending(client, "a.test");
    site_skip_events();
    const char *path = challenge_path(id, "http-01");
    struct fake_reply *reply = site_post(client, path, NULL);
    SITE_EXPECT("read", reply, 200, NULL, "\"type\":\"http-01\"|\"status\":\"pending\"|\"token\":\"", NULL);
    const char *up =
        arena_printf(site.arena, "<https://acme.test/acme/acme/authz/%lld>;rel=\"up\"", (long long)id);
    cr_expect(site_has_header(reply, "Link", up));
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "");
    cr_expect(strstr(world.asked, "A a.test") == NULL, "%s", world.asked);
    const char *token = site_text("SELECT token FROM authorizations");
    const char *proof = arena_printf(site.arena, "%s.%s", token, client->jwk.thumbprint);
    const char *url = arena_printf(site.arena, "http://a.test:80/.well-known/acme-challenge/%s", token);
    const struct world_host hosts[] = {{.host = "a.test", .addresses = "10.1.2.3"}, {0}};
    const struct world_page pages[] = {{.url = url, .status = 200, .body = proof}, {0}};
    world.hosts = hosts;
    world.pages = pages;
    reply = site_post(client, path, "{}");
    SITE_EXPECT("asked for", reply, 200, NULL,
                "\"type\":\"http-01\"|\"status\":\"valid\"|\"validated\":\"2026-06-01T00:00:0",
                "challenge.requested challenge.valid");
    cr_expect(site_has_header(reply, "Link", up));
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "");
    cr_expect(strstr(world.asked, url) != NULL, "asked: %s", world.asked);
    SITE_EXPECT("again", site_post(client, path, "{}"), 200, NULL, "\"status\":\"valid\"", NULL);
    world_clear();
    site_end();
}

Test(route_authorization, one_challenge_is_validated_at_a_time)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    int64_t id = pending(client, "a.test");
    site_skip_events();
    struct fake_reply *reply = site_post(client, challenge_path(id, "http-01"), "{}");
    cr_expect(site_has_words(reply, "\"status\":\"processing\""));
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "2");
    cr_expect_eq(site_count("SELECT count(*) FROM authorizations WHERE challenge_type = 'http-01' AND "
                            "challenge_status = 'processing' AND first_attempt_at = 1780272000"),
                 1);
    site_skip_events();
    SITE_EXPECT("another", site_post(client, challenge_path(id, "dns-01"), "{}"), 400, "malformed",
                "The http-01 challenge of this authorization is being validated; wait for its end.", NULL);
    reply = site_post(client, challenge_path(id, "http-01"), "{}");
    cr_expect(site_has_words(reply, "\"status\":\"processing\""));
    cr_expect_eq(
        site_count("SELECT count(*) FROM events WHERE kind = 'challenge.requested' AND detail = 'http-01'"),
        1);
    site_end();
}

static const struct {
    const char *meanwhile;
    int status;
    const char *type, *words;
} changes[] = {
    {"UPDATE authorizations SET status = 'deactivated'", 200, NULL, "\"status\":\"pending\""},
    {"UPDATE authorizations SET expires_at = 1780272000", 200, NULL, "\"type\":\"http-01\""},
    {"UPDATE authorizations SET offered = 8", 404, "malformed", "no challenge of type http-01"},
    {"UPDATE accounts SET status = 'deactivated'", 403, "unauthorized", "The account is deactivated."},
};

Test(route_authorization, a_challenge_that_ended_meanwhile_is_not_handed_over)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        site_begin("");
        struct site_client *client = site_account("acme");
        int64_t id = pending(client, "a.test");
        site_skip_events();
        site.meanwhile = changes[i].meanwhile;
        SITE_EXPECT(changes[i].meanwhile, site_post(client, challenge_path(id, "http-01"), "{}"),
                    changes[i].status, changes[i].type, changes[i].words, NULL);
        cr_expect(strstr(world.asked, "A a.test") == NULL, "%s", world.asked);
        site_end();
    }
}

/* The account and the challenge are read together before it begins, and the challenge again for the reply. */
Test(route_authorization, a_reply_that_cannot_be_read_leaves_what_was_begun)
{
    for (enum fake_hindrance how = 0; how < FAKE_HINDRANCES; how++) {
        site_begin("");
        struct site_client *client = site_account("acme");
        const char *path = challenge_path(pending(client, "a.test"), "http-01");
        site_skip_events();
        fake_loads_hinder(how, 2);
        SITE_EXPECT("the reply", site_post(client, path, "{}"), 503, "serverInternal", "database",
                    "challenge.requested challenge.retried");
        cr_expect(fake_loads_hindered(how));
        SITE_EXPECT("again", site_post(client, path, "{}"), 200, NULL, "\"status\":\"processing\"", NULL);
        site_end();
    }
}

Test(route_authorization, a_failing_statement_is_told_and_changes_nothing)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct authorization domain = site_authorize(client, ".a.test", AUTHORIZATION_PROVEN);
    SITE_EXPECT("newAuthz", site_post_past_faults(client, "/new-authz", IDENTIFIER("b.a.test")), 201, NULL,
                NULL, "authorization.inherited authorization.created");
    site_post(client, "/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"b.a.test\"}]}");
    site_skip_events();
    SITE_EXPECT("authz", site_post_past_faults(client, path_of("authz", domain.id), NULL), 200, NULL, NULL,
                NULL);
    SITE_EXPECT("end",
                site_post_past_faults(client, path_of("authz", domain.id), "{\"status\":\"deactivated\"}"),
                200, NULL, NULL, "authorization.deactivated order.invalid authorization.deactivated");
    int64_t id = pending(client, "c.test");
    site_skip_events();
    SITE_EXPECT("challenge", site_post_past_faults(client, challenge_path(id, "http-01"), NULL), 200, NULL,
                NULL, NULL);
    site_end();
}
