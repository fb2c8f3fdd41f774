/* SPDX-License-Identifier: Apache-2.0 */
/* newAccount, accounts, key changes and the list of orders (RFC 8555 §7.3, §7.3.5, §7.3.6, §7.1.2.1). */
#include "gateway/frontend/crowd_watch.h"
#include "log_capture.h"
#include "site.h"

LEAK_CHECKED_SUITE(route_account);

/* ---- newAccount ---- */

static const struct {
    const char *payload;
    struct site_expected expected;
} new_accounts[] = {
    {"{}", {201, NULL, "\"status\":\"valid\"|\"contact\":[]", "account.created"}},
    {"{\"contact\":[\"mailto:a@b.test\"]}",
     {201, NULL, "\"contact\":[\"mailto:a@b.test\"]", "account.created"}},
    {"{\"termsOfServiceAgreed\":true}", {201, NULL, "\"termsOfServiceAgreed\":true", "account.created"}},
    {"{\"externalAccountBinding\":{}}", {201, NULL, "\"status\":\"valid\"", "account.created"}},
    {"{\"onlyReturnExisting\":true}",
     {400, "accountDoesNotExist", "No account at this endpoint has this key.", NULL}},
    {"{\"contact\":[\"tel:1\"]}", {400, "unsupportedContact", NULL, NULL}},
    {"[]", {400, "malformed", NULL, NULL}},
    {NULL, {400, "malformed", "The payload must be a JSON object.", NULL}},
};

Test(route_account, a_new_account_is_made_of_what_the_payload_says)
{
    site_begin("");
    for (size_t i = 0; i < sizeof new_accounts / sizeof *new_accounts; i++) {
        struct site_client *client = site_client("acme");
        const char *what = arena_printf(site.arena, "newAccount %s", new_accounts[i].payload);
        int64_t before = site_count("SELECT count(*) FROM accounts");
        struct fake_reply *reply = site_post(client, "/new-account", new_accounts[i].payload);
        bool made = new_accounts[i].expected.status == 201;
        site_expect(what, reply, &new_accounts[i].expected);
        cr_expect_eq(site_count("SELECT count(*) FROM accounts") - before, made, "%s", what);
        cr_expect_eq(site_location_id(reply) != 0, made, "%s", what);
    }
    cr_expect_eq(site_count("SELECT count(*) FROM accounts WHERE created_from = '192.0.2.7' AND user_agent = "
                            "'unit/1' AND created_at = 1780272000"),
                 4);
    site_end();
}

Test(route_account, a_key_has_one_account_an_endpoint)
{
    site_begin("");
    struct site_client *client = site_client("acme"), *elsewhere = site_client("net");
    elsewhere->jwk = client->jwk;
    int64_t id = site_location_id(site_post(client, "/new-account", "{}"));
    const char *agreed = "{\"termsOfServiceAgreed\":true}";
    cr_expect_neq(site_location_id(site_post(elsewhere, "/new-account", agreed)), id);
    site_skip_events();
    for (size_t i = 0; i < 2; i++) {
        struct fake_reply *again =
            site_post(client, "/new-account", i == 0 ? "{}" : "{\"onlyReturnExisting\":true}");
        SITE_EXPECT("again", again, 200, NULL, "\"status\":\"valid\"", NULL);
        cr_expect_eq(site_location_id(again), id);
    }
    client->id = id;
    site_post(client, arena_printf(site.arena, "/account/%lld", (long long)id),
              "{\"status\":\"deactivated\"}");
    site_skip_events();
    const struct site_post gone = {
        .client = client, .path = "/new-account", .payload = "{}", .with_key = true};
    SITE_EXPECT("deactivated", site_send(&gone), 403, "unauthorized", "The account is deactivated.", NULL);
    site_end();
}

Test(route_account, terms_of_service_are_agreed_to)
{
    site_begin("");
    struct fake_reply *reply = site_post(site_client("net"), "/new-account", "{}");
    SITE_EXPECT("without", reply, 403, "userActionRequired", "https://acme.test/terms", NULL);
    cr_expect(site_has_header(reply, "Link", "<https://acme.test/terms>;rel=\"terms-of-service\""));
    reply = site_post(site_client("net"), "/new-account", "{\"termsOfServiceAgreed\":true}");
    SITE_EXPECT("with", reply, 201, NULL, NULL, "account.created");
    cr_expect_eq(site_count("SELECT count(*) FROM accounts WHERE terms_agreed = 1"), 1);
    site_end();
}

Test(route_account, an_address_makes_so_many_accounts)
{
    site_begin(",\"limits\":{\"accounts_per_address\":\"2/1h\"}");
    for (size_t i = 0; i < 4; i++) {
        struct site_client *client = site_client("acme");
        client->address = i == 3 ? "192.0.2.8" : "192.0.2.7";
        struct fake_reply *reply = site_post(client, "/new-account", "{}");
        const struct site_expected made = {201, NULL, NULL, "account.created"},
                                   refused = {429, "rateLimited", "new accounts from 192.0.2.7", NULL};
        site_expect(client->address, reply, i == 2 ? &refused : &made);
        cr_expect_eq(site_has_header(reply, "Link", "<https://acme.test/acme/acme/limits>;rel=\"help\""),
                     i == 2);
        cr_expect_str_eq(fake_header(reply, "Retry-After"), i == 2 ? "1800" : "");
    }
    site_end();
}

static const struct {
    const char *what, *address;
    const char *more;
    const char *words; /* NULL: nothing is told */
} crowds[] = {
    {"a trusted network", "10.9.0.1", "",
     "10 new accounts came from 10.9.0.1, which endpoints.net.trusted.networks holds: if a proxy is there, "
     "all its "
     "clients get every name; add it to trusted_proxies"},
    {"a proxy that is known", "10.9.0.1", ",\"trusted_proxies\":[\"10.9.0.1\"]",
     "10 new accounts came from 10.9.0.1, one of trusted_proxies: this proxy does not tell its clients' "
     "addresses, "
     "or the listener does not believe it"},
    {"another network", "192.0.2.7", "", NULL},
};

Test(route_account, many_accounts_from_one_trusted_address_are_told_once)
{
    for (size_t i = 0; i < sizeof crowds / sizeof *crowds; i++) {
        site_begin(crowds[i].more);
        log_capture_begin();
        fake_log_to_stderr(true);
        for (size_t k = 1; k <= 2 * ACCOUNTS_OF_A_CROWD; k++) {
            struct site_client *client = site_client("net");
            client->address = crowds[i].address;
            cr_expect_eq(site_post(client, "/new-account", "{\"termsOfServiceAgreed\":true}")->status, 201);
        }
        fake_log_to_stderr(false);
        const char *text = log_capture_end(site.arena);
        cr_expect_eq(count_of(text, "new accounts came from"), crowds[i].words != NULL, "%s: %s",
                     crowds[i].what, text);
        cr_expect(crowds[i].words == NULL || strstr(text, crowds[i].words) != NULL, "%s: %s", crowds[i].what,
                  text);
        site_end();
    }
}

Test(route_account, a_crowd_is_noticed_among_many_that_come_once)
{
    struct crowd_watch watch = {0};
    char address[INET6_ADDRSTRLEN];
    size_t told = 0;
    for (size_t i = 0; i < 10000; i++) {
        snprintf(address, sizeof address, "10.9.%zu.%zu", i / 256, i % 256);
        cr_expect_not(crowd_watch_count(&watch, address), "%zu", i);
        told += crowd_watch_count(&watch, "10.9.255.255");
    }
    cr_expect_eq(told, 1);
}

/* ---- external accounts ---- */

static const struct {
    const char *endpoint;
    const char *kid; /* NULL: no binding */
    struct eab_key key;
    bool wrong_mac;
    struct site_expected expected;
} bindings[] = {
    {"keyed",
     "k1",
     {.kid = "k1", .max_uses = 1},
     false,
     {201, NULL, "\"externalAccountBinding\":{", "account.created"}},
    {"keyed", NULL, {.kid = "k2"}, false, {403, "externalAccountRequired", NULL, NULL}},
    {"keyed", "k3", {.kid = "other"}, false, {403, "unauthorized", "is unknown at this endpoint", NULL}},
    {"keyed", "k4", {.kid = "k4", .revoked_at = NOW - 1}, false, {403, "unauthorized", "was revoked", NULL}},
    {"keyed", "k5", {.kid = "k5", .expires_at = NOW}, false, {403, "unauthorized", "has expired", NULL}},
    {"keyed", "k6", {.kid = "k6", .expires_at = NOW + 1}, false, {201, NULL, NULL, "account.created"}},
    {"keyed", "k7", {.kid = "k7"}, true, {403, "unauthorized", "is not signed with the key of kid", NULL}},
    {"keyed",
     "k8",
     {.kid = "k8", .sealed_key = {(const uint8_t *)"not sealed at all, but long enough", 34}},
     false,
     {500, "serverInternal", "The external account key cannot be read.", NULL}},
    {"net", "k9", {.kid = "k9"}, false, {201, NULL, NULL, "account.created"}},
    {"net", NULL, {.kid = "k10"}, false, {201, NULL, NULL, "account.created"}},
    {"net", "k11", {.kid = "k11"}, true, {403, "unauthorized", "is not signed with the key of kid", NULL}},
};

static void check_binding(size_t i)
{
    struct eab_key key = bindings[i].key;
    struct site_client *client = site_client(bindings[i].endpoint);
    key.endpoint = bindings[i].endpoint;
    struct bytes mac_key = site_add_eab_key(&key);
    const char *url = arena_printf(site.arena, "https://acme.test/acme/%s/new-account", key.endpoint);
    const char *binding =
        bindings[i].kid == NULL
            ? ""
            : arena_printf(site.arena, ",\"externalAccountBinding\":%s",
                           fake_binding(site.arena, &client->jwk, bindings[i].kid,
                                        bindings[i].wrong_mac ? bytes_of(mac_key.p, mac_key.n - 1) : mac_key,
                                        url, ""));
    const char *payload = arena_printf(site.arena, "{\"termsOfServiceAgreed\":true%s}", binding);
    site_expect(key.kid, site_post(client, "/new-account", payload), &bindings[i].expected);
    bool used = bindings[i].expected.status == 201 && bindings[i].kid != NULL;
    cr_expect_eq(site_count(arena_printf(site.arena, "SELECT uses FROM eab_keys WHERE kid = '%s'", key.kid)),
                 used);
    cr_expect_eq(site_count(arena_printf(site.arena, "SELECT count(*) FROM accounts WHERE eab_key_id = %lld",
                                         (long long)key.id)),
                 used);
    const char *told = site_text("SELECT detail FROM events ORDER BY id DESC LIMIT 1");
    if (used)
        cr_expect_str_eq(told, arena_printf(site.arena, "external account key %s", key.kid));
}

Test(route_account, an_external_account_key_binds_the_account)
{
    site_begin("");
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++)
        check_binding(i);
    struct site_client *client = site_client("net");
    const char *payload = "{\"termsOfServiceAgreed\":true,\"externalAccountBinding\":{}}";
    SITE_EXPECT("no JWS", site_post(client, "/new-account", payload), 400, "malformed",
                "The externalAccountBinding", NULL);
    site_end();
}

/* ---- accounts ---- */

static const struct {
    const char *payload;
    struct site_expected expected;
} updates[] = {
    {NULL, {200, NULL, "\"contact\":[]|\"status\":\"valid\"", NULL}},
    {"{}", {200, NULL, "\"contact\":[]", NULL}},
    {"{\"termsOfServiceAgreed\":true}", {200, NULL, "\"termsOfServiceAgreed\":true", NULL}},
    {"{\"contact\":[\"mailto:x@y.test\"]}",
     {200, NULL, "\"contact\":[\"mailto:x@y.test\"]", "account.updated"}},
    {"{\"contact\":[]}", {200, NULL, "\"contact\":[]", "account.updated"}},
    {"{\"contact\":[\"\"]}", {400, "invalidContact", NULL, NULL}},
    {"{\"status\":\"revoked\"}", {400, "malformed", NULL, NULL}},
    {"{\"status\":\"deactivated\"}", {200, NULL, "\"status\":\"deactivated\"", "account.deactivated"}},
    {NULL, {403, "unauthorized", "The account is deactivated.", NULL}},
};

Test(route_account, an_account_is_read_changed_and_ended)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    const char *path = arena_printf(site.arena, "/account/%lld", (long long)client->id);
    for (size_t i = 0; i < sizeof updates / sizeof *updates; i++) {
        const char *what = arena_printf(site.arena, "account %zu: %s", i, updates[i].payload);
        struct fake_reply *reply = site_post(client, path, updates[i].payload);
        site_expect(what, reply, &updates[i].expected);
        if (updates[i].expected.status == 200)
            cr_expect_eq(site_location_id(reply), client->id);
    }
    cr_expect_eq(site_count("SELECT count(*) FROM events WHERE who = 'client 192.0.2.7' AND account_id = "
                            "(SELECT id FROM accounts)"),
                 3);
    site_end();
}

Test(route_account, terms_are_agreed_to_later_and_never_taken_back)
{
    site_begin("");
    struct site_client *client = site_client("acme");
    client->id = site_location_id(site_post(client, "/new-account", "{}"));
    site_skip_events();
    const char *path = arena_printf(site.arena, "/account/%lld", (long long)client->id);
    SITE_EXPECT("agree", site_post(client, path, "{\"termsOfServiceAgreed\":true}"), 200, NULL,
                "\"termsOfServiceAgreed\":true", "account.updated");
    SITE_EXPECT("take back", site_post(client, path, "{\"contact\":[\"mailto:a@b.test\"]}"), 200, NULL,
                "\"termsOfServiceAgreed\":true", "account.updated");
    site_end();
}

Test(route_account, an_account_is_its_own_alone)
{
    site_begin("");
    struct site_client *client = site_account("acme"), *other = site_account("acme");
    for (size_t i = 0; i < 2; i++) {
        const char *path =
            arena_printf(site.arena, "/account/%lld%s", (long long)other->id, i == 0 ? "" : "/orders");
        site_expect(
            path, site_post(client, path, NULL),
            &(struct site_expected){403, "unauthorized", "This is not the account that signed", NULL});
    }
    site_end();
}

Test(route_account, an_account_changes_so_often_but_may_always_end)
{
    site_begin(",\"limits\":{\"changes_per_account\":\"1/1h\"}");
    struct site_client *client = site_account("acme");
    const char *path = arena_printf(site.arena, "/account/%lld", (long long)client->id);
    const char *change = "{\"contact\":[\"mailto:a@b.test\"]}";
    SITE_EXPECT("first", site_post(client, path, change), 200, NULL, NULL, "account.updated");
    SITE_EXPECT("second", site_post(client, path, change), 429, "rateLimited", "changes of account", NULL);
    struct site_client *unused = site_client("acme");
    const char *inner = site_key_change(client, unused, NULL);
    SITE_EXPECT("key", site_post(client, "/key-change", inner), 429, "rateLimited", "changes of account",
                NULL);
    SITE_EXPECT("end", site_post(client, path, "{\"status\":\"deactivated\"}"), 200, NULL, NULL,
                "account.deactivated");
    site_end();
}

/* ---- key changes ---- */

Test(route_account, a_key_change_gives_the_account_another_key)
{
    site_begin("");
    struct site_client *client = site_account("acme"), *fresh = site_client("acme"),
                       *other = site_account("acme");
    const char *old_thumbprint = arena_duplicate(site.arena, client->jwk.thumbprint);
    struct fake_reply *taken = site_post(client, "/key-change", site_key_change(client, other, NULL));
    site_expect(
        "taken", taken,
        &(struct site_expected){409, "malformed", "The new key belongs to an account already.", NULL});
    cr_expect_eq(site_location_id(taken), other->id);
    SITE_EXPECT("no JWS", site_post(client, "/key-change", NULL), 400, "malformed",
                "The payload must be a JWS.", NULL);
    SITE_EXPECT("of another account", site_post(client, "/key-change", site_key_change(other, fresh, NULL)),
                400, "malformed", "The inner JWS of the key change", NULL);
    SITE_EXPECT("of another old key", site_post(client, "/key-change", site_key_change(client, fresh, other)),
                400, "malformed", "The inner JWS of the key change", NULL);
    struct fake_reply *changed = site_post(client, "/key-change", site_key_change(client, fresh, NULL));
    SITE_EXPECT("good", changed, 200, NULL, "\"status\":\"valid\"", "account.key_changed");
    cr_expect_eq(site_location_id(changed), client->id);
    cr_expect_str_eq(site_text("SELECT detail FROM events"),
                     arena_printf(site.arena, "%s, before %s", fresh->jwk.thumbprint, old_thumbprint));
    cr_expect_eq(
        site_count(arena_printf(site.arena, "SELECT key_changed_at FROM accounts WHERE thumbprint = '%s'",
                                fresh->jwk.thumbprint)),
        NOW);
    const char *path = arena_printf(site.arena, "/account/%lld", (long long)client->id);
    SITE_EXPECT("by the old key", site_post(client, path, NULL), 400, "malformed",
                "The signature does not verify.", NULL);
    fresh->id = client->id;
    SITE_EXPECT("by the new key", site_post(fresh, path, NULL), 200, NULL, NULL, NULL);
    site_post(fresh, "/key-change", site_key_change(fresh, client, NULL));
    cr_expect_eq(
        site_count(arena_printf(site.arena, "SELECT key_changed_at FROM accounts WHERE thumbprint = '%s'",
                                old_thumbprint)),
        NOW + 1, "each change has a time of its own");
    site_end();
}

/* ---- orders of an account ---- */

Test(route_account, orders_are_listed_by_pages_of_fifty_newest_first)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct account account = {.id = client->id};
    struct authorization authorization = make_authorization(&site.database, &account, "a.test");
    const char *path = arena_printf(site.arena, "/account/%lld/orders", (long long)client->id);
    SITE_EXPECT("none", site_post(client, path, NULL), 200, NULL, "{\"orders\":[]}", NULL);
    int64_t ids[51];
    for (size_t i = 0; i < 50; i++)
        ids[i] = make_order(&site.database, &account, &authorization, 1).id;
    cr_expect(!site_has_words(site_post(client, path, NULL), "next"));
    cr_expect_str_eq(fake_header(site_post(client, path, NULL), "Retry-After"), "");
    ids[50] = make_order(&site.database, &account, &authorization, 1).id;
    struct fake_reply *reply = site_post(client, path, NULL);
    const char *next = arena_printf(site.arena, "<https://acme.test/acme/acme%s?cursor=%lld>;rel=\"next\"",
                                    path, (long long)ids[1]);
    cr_expect(site_has_header(reply, "Link", next), "no %s", next);
    const char *newest = arena_printf(site.arena, "{\"orders\":[\"https://acme.test/acme/acme/order/%lld\"",
                                      (long long)ids[50]);
    const char *oldest = arena_printf(site.arena, "/order/%lld\"", (long long)ids[0]);
    cr_expect(site_has_words(reply, newest) && !site_has_words(reply, oldest));
    reply = site_post(client, arena_printf(site.arena, "%s?cursor=%lld", path, (long long)ids[1]), NULL);
    SITE_EXPECT("the last page", reply,

                200, NULL,
                arena_printf(site.arena, "{\"orders\":[\"https://acme.test/acme/acme/order/%lld\"]}",
                             (long long)ids[0]),
                NULL);
    cr_expect(site_has_words(
        site_post(client, arena_printf(site.arena, "%s?cursors=%lld", path, (long long)ids[1]), NULL),
        newest));
    site_end();
}

/* ---- faults of the database ---- */

Test(route_account, a_failing_statement_is_told_and_changes_nothing)
{
    site_begin("");
    struct eab_key key = {.endpoint = "keyed", .kid = "k1"};
    struct bytes mac_key = site_add_eab_key(&key);
    struct site_client *client = site_client("keyed"), *fresh = site_client("keyed");
    const char *url = "https://acme.test/acme/keyed/new-account";
    const char *binding = fake_binding(site.arena, &client->jwk, "k1", mac_key, url, "");
    const char *payload = arena_printf(site.arena, "{\"externalAccountBinding\":%s}", binding);
    struct fake_reply *made = site_post_past_faults(client, "/new-account", payload);
    SITE_EXPECT("new-account", made, 201, NULL, NULL, "account.created");
    cr_expect_eq(site_count("SELECT uses FROM eab_keys"), 1);
    client->id = site_location_id(made);
    const char *path = arena_printf(site.arena, "/account/%lld", (long long)client->id);
    site_expect("account", site_post_past_faults(client, path, "{\"contact\":[\"mailto:a@b.test\"]}"),
                &(struct site_expected){200, NULL, NULL, "account.updated"});
    const char *orders = arena_printf(site.arena, "%s/orders", path);
    SITE_EXPECT("orders", site_post_past_faults(client, orders, NULL), 200, NULL, NULL, NULL);
    SITE_EXPECT("key-change",
                site_post_past_faults(client, "/key-change", site_key_change(client, fresh, NULL)), 200, NULL,
                NULL, "account.key_changed");
    site_end();
}
