/* SPDX-License-Identifier: Apache-2.0 */
#include "stories.h"

#include <stdlib.h>

#include "acme/base/base64.h"
#include "acme/renewal.h"
#include "acme/urls.h"
#include "dice.h"
#include "gateway/server/route_tables.h"
#include "house.h"
#include "odd.h"
#include "oracle.h"
#include "steps.h"
#include "verdict.h"
#include "world.h"

enum { PARALLEL = 4, PATTERN_BYTES = 200 };

/* ---- orders ---- */

static void choose_names(struct step_order *order, size_t client)
{
    order->name_count = dice_chance(70) ? 1 : 1 + dice_below(STEP_NAMES_MAX);
    for (size_t i = 0; i < order->name_count; i++)
        order->names[i] = dice_chance(75) ? world_name_of(client) : world_name();
}

static const char *extra_members(struct arena *arena)
{
    static const char *const plain[] = {"",
                                        "",
                                        "",
                                        "",
                                        ",\"profile\":\"local\"",
                                        ",\"profile\":\"one\"",
                                        ",\"profile\":\"none\"",
                                        ",\"notAfter\":\"2026-11-28T00:00:00Z\"",
                                        ",\"notBefore\":\"2026-11-27T12:00:00Z\"",
                                        ",\"replaces\":\"AAAA.AAAA\""};
    (void)arena;
    return DICE_TEXT(plain);
}

static void tell_issue(struct arena *arena)
{
    struct step_order order = {0};
    struct client_account *account = step_account(arena);
    if (account == NULL)
        return;
    choose_names(&order, account->client);
    step_issue(arena, account, &order, extra_members(arena));
}

/* Steps of several orders, in any order. */
static void tell_interleaved(struct arena *arena)
{
    struct step_order orders[PARALLEL] = {0};
    struct client_account *accounts[PARALLEL] = {0};
    for (size_t steps = 0; steps < 16; steps++) {
        size_t i = dice_below(PARALLEL);
        if (accounts[i] == NULL && (accounts[i] = step_account(arena)) == NULL)
            continue;
        struct step_order *order = &orders[i];
        if (order->id == 0) {
            choose_names(order, accounts[i]->client);
            step_new_order(arena, accounts[i], order, extra_members(arena));
        } else if (dice_chance(45)) {
            step_prove(arena, accounts[i], order->authorizations[dice_below(order->name_count)]);
        } else if (dice_chance(60)) {
            step_obtain(arena, accounts[i], order);
        } else if (dice_chance(20)) {
            house_restart(dice_chance(50) ? HOUSE_CRASH : HOUSE_STOP_CLEAN);
        } else {
            step_read_order(arena, accounts[i], order);
        }
    }
}

/* Requests that are under way at the same time. */
static void tell_at_once(struct arena *arena)
{
    struct fake_reply *replies[PARALLEL];
    struct step_order order = {0};
    struct client_account *account = step_account(arena);
    if (account == NULL)
        return;
    choose_names(&order, account->client);
    step_new_order(arena, account, &order, "");
    for (size_t i = 0; i < order.name_count; i++)
        step_prove(arena, account, order.authorizations[i]);
    order.key = client_new_key();
    const char *csr = base64url_encode(arena, step_csr(arena, order.key, order.names, order.name_count));
    for (size_t i = 0; i < PARALLEL; i++) {
        const char *paths[] = {
            arena_printf(arena, "/order/%lld/finalize", (long long)order.id),
            arena_printf(arena, "/authz/%lld", (long long)order.authorizations[0]),
            arena_printf(arena, "/challenge/%lld/http-01", (long long)order.authorizations[0])};
        const char *payloads[] = {arena_printf(arena, "{\"csr\":\"%s\"}", csr),
                                  "{\"status\":\"deactivated\"}", "{}"};
        size_t which = dice_chance(60) ? 0 : dice_below(3);
        const struct client_call call = {
            .account = account, .path = paths[which], .payload = payloads[which]};
        replies[i] = client_begin(arena, &call);
        for (size_t turns = dice_below(6); turns != 0; turns--)
            fakes_turn();
    }
    for (size_t i = 0; i < PARALLEL; i++)
        client_await(replies[i]);
    step_read_order(arena, account, &order);
    step_download(arena, account, &order);
}

/* ---- accounts ---- */

static void tell_account(struct arena *arena)
{
    struct client_account *account = step_account(arena);
    if (account == NULL)
        return;
    const char *own = arena_printf(arena, "/account/%lld", (long long)account->id);
    const char *payload = NULL;
    if (dice_chance(60))
        payload = arena_printf(arena, "{\"contact\":[\"mailto:%s@a.test\"]}", odd_text());
    const struct client_call update = {.account = account, .path = own, .payload = payload};
    client_call(arena, &update);
    const struct client_call list = {.account = account, .path = arena_printf(arena, "%s/orders", own)};
    client_call(arena, &list);
    if (!dice_chance(15))
        return;
    const struct client_call end = {
        .account = account, .path = own, .payload = "{\"status\":\"deactivated\"}"};
    struct fake_reply *reply = client_call(arena, &end);
    if (reply->status == 0 || reply->status == 200) {
        account->id = 0;
        account->order_count = account->certificate_count = 0;
        client_set_key(account, client_new_key());
    }
}

static void tell_key_change(struct arena *arena)
{
    struct client_account *account = step_account(arena);
    struct jose_error error;
    struct jwk fresh;
    if (account == NULL)
        return;
    EVP_PKEY *key = client_new_key();
    if (!jwk_from_key(arena, key, &fresh, &error))
        verdict("the harness cannot read its own key");
    const char *url =
        arena_printf(arena, "https://acme.test/acme/%s/key-change", endpoint_names[account->endpoint]);
    const char *header =
        arena_printf(arena, "{\"alg\":\"%s\",\"jwk\":%.*s,\"url\":\"%s\"}", jws_algorithm_for(&fresh)->name,
                     (int)fresh.canonical.n, (const char *)fresh.canonical.p, url);
    const char *inner =
        arena_printf(arena, "{\"account\":\"https://acme.test/acme/%s/account/%lld\",\"oldKey\":%.*s}",
                     endpoint_names[account->endpoint], (long long)account->id, (int)account->jwk.canonical.n,
                     (const char *)account->jwk.canonical.p);
    if (dice_chance(20))
        inner = odd_json_bend(arena, inner);
    struct bytes envelope = fake_envelope(arena, header, bytes_from_string(inner), &fresh);
    const struct client_call call = {
        .account = account, .path = "/key-change", .payload = (const char *)envelope.p};
    struct fake_reply *reply = client_call(arena, &call);
    if (reply->status == 200)
        client_set_key(account, key);
    else if (reply->status == 0)
        account->id = 0; /* which key holds now is not known: it registers anew */
}

/* ---- renewal ---- */

static void tell_renewal(struct arena *arena)
{
    struct client_account *account = step_account(arena);
    if (account == NULL || account->certificate_count == 0)
        return;
    const struct known_certificate *certificate = &account->certificates[dice_below(
        account->certificate_count < CLIENT_KNOWS_MAX ? account->certificate_count : CLIENT_KNOWS_MAX)];
    const char *id = renewal_id_of(arena, certificate->leaf);
    if (id == NULL)
        return;
    const struct client_plain ask = {
        .method = "GET",
        .target = arena_printf(arena, "/acme/%s/renewal-info/%s", endpoint_names[account->endpoint], id)};
    client_plain_call(arena, account->client, &ask);
    struct step_order order = {0};
    choose_names(&order, account->client);
    step_issue(arena, account, &order, arena_printf(arena, ",\"replaces\":\"%s\"", id));
    if (dice_chance(40))
        step_revoke(arena, account, certificate->leaf, dice_chance(30) ? certificate->key : NULL);
}

/* ---- operators, time, and others' machines ---- */

static void tell_time(struct arena *arena)
{
    (void)arena;
    switch (dice_below(5)) {
    case 0:
        fakes_pass(dice_between(1000, 4000 * 1000));
        return;
    case 1:
        house_set_clock(dice_between(-7200 * 1000, 7200 * 1000));
        break;
    case 2:
        fake_clock_jump(dice_between(0, 3) * 86400 * 1000);
        break;
    case 3:
        world_deal();
        return;
    default:
        world_set_oddness((unsigned)dice_below(50));
        return;
    }
    fakes_pass(3000);
}

static void tell_operator(struct arena *arena)
{
    (void)arena;
    switch (dice_below(6)) {
    case 0:
        house_keep_copy();
        return;
    case 1:
    case 2:
        house_restart(HOUSE_STOP_CLEAN);
        return;
    case 3:
    case 4:
        house_restart(HOUSE_CRASH);
        return;
    default:
        if (dice_chance(30))
            house_restart(HOUSE_RESTORE);
        return;
    }
}

/* ---- every route, whatever it is ---- */

static const char *fill_pattern(struct arena *arena, const char *label, const struct client_account *account)
{
    const char *path = "";
    for (const char *at = label; *at != '\0';) {
        if (*at != '{') {
            path = arena_printf(arena, "%s%c", path, *at++);
            continue;
        }
        const char *end = strchr(at, '}') + 1;
        struct bytes name = bytes_of(at, (size_t)(end - at));
        const char *value = odd_text();
        int64_t id = account->order_count == 0 || dice_chance(30)
                         ? dice_between(0, 3)
                         : account->orders[dice_below(account->order_count) % CLIENT_KNOWS_MAX];
        if (bytes_equal_string(name, "{endpoint}"))
            value = dice_chance(90) ? endpoint_names[dice_below(ENDPOINTS)] : odd_text();
        else if (bytes_equal_string(name, "{id}"))
            value = arena_printf(arena, "%lld", (long long)id);
        else if (bytes_equal_string(name, "{type}"))
            value = challenge_type_info((enum challenge_type)(1 + dice_below(CHALLENGE_TYPE_END - 1)))->name;
        else if (bytes_equal_string(name, "{issuer}"))
            value = dice_chance(50) ? "one" : "local";
        else if (bytes_equal_string(name, "{certificate}") && dice_chance(70))
            value = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
        path = arena_printf(arena, "%s%s", path, value);
        at = end;
    }
    return path;
}

static const char *any_route(struct arena *arena)
{
    const char *label = NULL;
    while (label == NULL)
        label = server_route_label(arena, house_config(), 1 + dice_below(server_route_count() - 1));
    return label;
}

static void tell_any_route(struct arena *arena)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "POST", "DELETE"};
    const struct client_account *account = &clients.accounts[dice_below(CLIENTS)][dice_below(ENDPOINTS)];
    struct buffer odd;
    buffer_init(&odd, arena, 300 * 1024);
    odd_json_value(&odd);
    const char *path = fill_pattern(arena, any_route(arena), account);
    const struct client_plain plain = {
        .method = DICE_TEXT(methods),
        .target = dice_chance(90) ? path : arena_printf(arena, "%s?%s", path, odd_text()),
        .body = dice_chance(70) ? buffer_bytes(&odd) : BYTES_LITERAL("{}"),
        .content_type = dice_chance(80) ? "application/jose+json" : odd_text(),
        .pki = dice_chance(10)};
    client_plain_call(arena, account->client, &plain);
}

/* A signed request to a route that it is not for, or to another's object. */
static void tell_any_signed(struct arena *arena)
{
    struct client_account *account = step_account(arena);
    if (account == NULL)
        return;
    struct buffer odd;
    buffer_init(&odd, arena, 300 * 1024);
    odd_json_value(&odd);
    const struct client_account *other = &clients.accounts[dice_below(CLIENTS)][dice_below(ENDPOINTS)];
    const char *path = fill_pattern(arena, any_route(arena), other);
    const char *payload = dice_chance(30) ? NULL : dice_chance(50) ? "{}" : buffer_string(&odd);
    if (strstr(path, "key-change") != NULL)
        return;
    const struct client_call call = {.account = account,
                                     .path = strncmp(path, "/acme/", 6) == 0 && strchr(path + 6, '/') != NULL
                                                 ? strchr(path + 6, '/')
                                                 : arena_printf(arena, "/%s", path),
                                     .payload = payload,
                                     .signer = dice_chance(85) ? SIGNER_KID : SIGNER_JWK};
    if (call.signer == SIGNER_JWK && strstr(path, "new-account") != NULL)
        return;
    client_call(arena, &call);
}

const struct story stories_plain[] = {
    {"issue", 30, tell_issue},
    {"interleaved", 8, tell_interleaved},
    {"at once", 8, tell_at_once},
    {"account", 6, tell_account},
    {"key change", 4, tell_key_change},
    {"renewal", 8, tell_renewal},
    {"time", 5, tell_time},
    {"operator", 3, tell_operator},
    {"any route", 12, tell_any_route},
    {"any signed request", 8, tell_any_signed},
};
const size_t stories_plain_count = sizeof stories_plain / sizeof stories_plain[0];
