/* SPDX-License-Identifier: Apache-2.0 */
#include "steps.h"

#include <stdlib.h>

#include "acme/base/base64.h"
#include "acme/base/json.h"
#include "acme/pki/certificate.h"
#include "dice.h"
#include "odd.h"
#include "oracle.h"
#include "verdict.h"
#include "world.h"

const struct json *step_json(const struct fake_reply *reply)
{
    return reply->status == 0 ? NULL : json_parse(reply->arena, reply->body, &json_limits_config, NULL);
}

static int64_t id_of_url(struct bytes url)
{
    int64_t id = 0;
    for (size_t i = 0; i < url.n; i++)
        id = url.p[i] >= '0' && url.p[i] <= '9' ? id * 10 + (url.p[i] - '0') : 0;
    return id;
}

/* ---- accounts ---- */

static const char *contacts(void)
{
    static const char *const lists[] = {"[]", "[\"mailto:admin@a.test\"]",
                                        "[\"mailto:a@a.test\",\"mailto:b@b.test\"]", "[\"tel:+1\"]"};
    return DICE_TEXT(lists);
}

bool step_register_with(struct arena *arena, struct client_account *account, const struct house_eab_key *key,
                        const char *extra)
{
    const char *binding = "";
    const char *url =
        arena_printf(arena, "https://acme.test/acme/%s/new-account", endpoint_names[account->endpoint]);
    if (key != NULL)
        binding = arena_printf(arena, ",\"externalAccountBinding\":%s",
                               fake_binding(arena, &account->jwk, key->kid,
                                            bytes_of(key->mac_key, sizeof key->mac_key), url, extra));
    const struct client_call call = {
        .account = account,
        .path = "/new-account",
        .payload =
            arena_printf(arena, "{\"termsOfServiceAgreed\":true,\"contact\":%s%s}", contacts(), binding),
        .signer = SIGNER_JWK,
    };
    struct fake_reply *reply = client_call(arena, &call);
    int64_t id = reply->status == 200 || reply->status == 201 ? fake_reply_location_id(reply) : 0;
    if (id != 0)
        account->id = id;
    return id != 0;
}

bool step_register(struct arena *arena, struct client_account *account)
{
    if (account->id != 0)
        return true;
    bool keyed =
        account->endpoint == ENDPOINT_KEYED || (account->endpoint == ENDPOINT_NET && dice_chance(30));
    struct house_eab_key key;
    if (keyed)
        house_add_eab_key(arena, endpoint_names[account->endpoint], dice_chance(15), &key);
    return step_register_with(arena, account, keyed ? &key : NULL, "");
}

struct client_account *step_account_at(struct arena *arena, size_t client, size_t endpoint)
{
    struct client_account *account = &clients.accounts[client][endpoint];
    for (int i = 0; i < 3 && account->id == 0; i++)
        step_register(arena, account);
    return account->id == 0 ? NULL : account;
}

struct client_account *step_account(struct arena *arena)
{
    return step_account_at(arena, dice_below(CLIENTS),
                           dice_chance(55) ? ENDPOINT_OPEN : dice_below(ENDPOINTS));
}

/* ---- orders ---- */

static const char *identifier_of(struct arena *arena, const char *name)
{
    bool is_address = strchr(name, ':') != NULL || strspn(name, "0123456789.") == strlen(name);
    return arena_printf(arena, "{\"type\":\"%s\",\"value\":\"%s\"}", is_address ? "ip" : "dns", name);
}

struct fake_reply *step_new_order(struct arena *arena, struct client_account *account,
                                  struct step_order *order, const char *extra)
{
    const char *list = "";
    for (size_t i = 0; i < order->name_count; i++)
        list = arena_printf(arena, "%s%s%s", list, i == 0 ? "" : ",", identifier_of(arena, order->names[i]));
    const struct client_call call = {.account = account,
                                     .path = "/new-order",
                                     .payload = arena_printf(arena, "{\"identifiers\":[%s]%s}", list, extra)};
    struct fake_reply *reply = client_call(arena, &call);
    if (reply->status != 201)
        return reply;
    order->id = fake_reply_location_id(reply);
    account->orders[account->order_count++ % CLIENT_KNOWS_MAX] = order->id;
    const struct json *urls = json_member(step_json(reply), "authorizations");
    for (size_t i = 0; urls != NULL && urls->type == JSON_ARRAY && i < urls->count && i < STEP_NAMES_MAX; i++)
        order->authorizations[i] = id_of_url(urls->items[i]->string);
    return reply;
}

int64_t step_new_authorization(struct arena *arena, struct client_account *account, const char *name,
                               bool subdomains)
{
    const char *identifier = identifier_of(arena, name);
    const char *inside = subdomains ? ",\"subdomainAuthAllowed\":true" : "";
    const struct client_call call = {
        .account = account,
        .path = "/new-authz",
        .payload =
            arena_printf(arena, "{\"identifier\":%.*s%s}}", (int)strlen(identifier) - 1, identifier, inside)};
    struct fake_reply *reply = client_call(arena, &call);
    return reply->status == 201 || reply->status == 200 ? fake_reply_location_id(reply) : 0;
}

static void learn_token(struct client_account *account, int64_t id, struct bytes name, struct bytes token)
{
    struct known_challenge *known = &account->challenges[account->challenge_count % CLIENT_KNOWS_MAX];
    for (size_t i = 0; i < CLIENT_KNOWS_MAX && i < account->challenge_count; i++)
        if (account->challenges[i].authorization_id == id)
            return;
    *known = (struct known_challenge){.authorization_id = id,
                                      .name = arena_string(clients.arena, name),
                                      .token = arena_string(clients.arena, token)};
    account->challenge_count++;
}

challenge_set step_read_authorization(struct arena *arena, struct client_account *account, int64_t id)
{
    const struct client_call call = {.account = account,
                                     .path = arena_printf(arena, "/authz/%lld", (long long)id)};
    const struct json *json = step_json(client_call(arena, &call));
    const struct json *list = json_member(json, "challenges");
    challenge_set offered = 0;
    struct bytes name = {0};
    bool named = json_member_string(json_member(json, "identifier"), "value", &name);
    for (size_t i = 0; named && list != NULL && list->type == JSON_ARRAY && i < list->count; i++) {
        struct bytes type, token;
        enum challenge_type read;
        if (!json_member_string(list->items[i], "type", &type) || !challenge_type_from_name(type, &read))
            continue;
        offered |= 1U << read;
        if (json_member_string(list->items[i], "token", &token))
            learn_token(account, id, name, token);
    }
    return offered;
}

struct fake_reply *step_challenge(struct arena *arena, struct client_account *account, int64_t id,
                                  enum challenge_type type)
{
    const struct client_call call = {
        .account = account,
        .path = arena_printf(arena, "/challenge/%lld/%s", (long long)id, challenge_type_info(type)->name),
        .payload = "{}"};
    return client_call(arena, &call);
}

void step_prove(struct arena *arena, struct client_account *account, int64_t id)
{
    challenge_set offered = id == 0 ? 0 : step_read_authorization(arena, account, id);
    size_t first = dice_below(CHALLENGE_TYPE_END);
    for (size_t i = 0; i < CHALLENGE_TYPE_END; i++) {
        enum challenge_type type = (enum challenge_type)((first + i) % CHALLENGE_TYPE_END);
        if (type == 0 || (offered & 1U << type) == 0 || (type == CHALLENGE_TLS_ALPN_01 && dice_chance(80)))
            continue;
        step_challenge(arena, account, id, type);
        if (dice_chance(60))
            fakes_pass(dice_between(100, 12000));
        return;
    }
}

/* ---- certificates ---- */

struct fake_reply *step_finalize(struct arena *arena, struct client_account *account,
                                 struct step_order *order)
{
    if (order->key == NULL)
        order->key = dice_chance(3) ? account->key : client_new_key();
    struct bytes csr = dice_chance(94) ? step_csr(arena, order->key, order->names, order->name_count)
                                       : step_csr(arena, order->key, (const char *const[]){world_name()}, 1);
    if (dice_chance(3))
        csr = odd_octets(arena, csr);
    const struct client_call call = {
        .account = account,
        .path = arena_printf(arena, "/order/%lld/finalize", (long long)order->id),
        .payload = arena_printf(arena, "{\"csr\":\"%s\"}", base64url_encode(arena, csr))};
    return client_call(arena, &call);
}

const char *step_read_order(struct arena *arena, struct client_account *account, struct step_order *order)
{
    const struct client_call call = {.account = account,
                                     .path = arena_printf(arena, "/order/%lld", (long long)order->id)};
    const struct json *json = step_json(client_call(arena, &call));
    struct bytes status = {0}, url;
    if (json_member_string(json, "certificate", &url))
        order->certificate_id = id_of_url(url);
    return json_member_string(json, "status", &status) ? arena_string(arena, status) : "";
}

bool step_download(struct arena *arena, struct client_account *account, struct step_order *order)
{
    if (order->certificate_id == 0)
        return false;
    const struct client_call call = {
        .account = account,
        .path = arena_printf(arena, dice_chance(95) ? "/certificate/%lld" : "/certificate/%lld/1",
                             (long long)order->certificate_id)};
    struct fake_reply *reply = client_call(arena, &call);
    struct bytes *chain = NULL;
    size_t count = 0;
    struct certificate_facts facts;
    if (reply->status != 200 || !certificates_from_pem(arena, reply->body, &chain, &count) || count == 0 ||
        !certificate_read_facts(arena, chain[0], &facts))
        return false;
    account->certificates[account->certificate_count++ % CLIENT_KNOWS_MAX] = (struct known_certificate){
        .id = order->certificate_id,
        .leaf = arena_copy(clients.arena, chain[0]),
        .issuer = count > 1 ? arena_copy(clients.arena, chain[1]) : (struct bytes){0},
        .serial = arena_duplicate(clients.arena, facts.serial),
        .key = order->key};
    return true;
}

bool step_obtain(struct arena *arena, struct client_account *account, struct step_order *order)
{
    step_finalize(arena, account, order);
    for (int i = 0; i < 3; i++) {
        const char *status = step_read_order(arena, account, order);
        if (strcmp(status, "processing") != 0)
            break;
        fakes_pass(dice_between(500, 20000));
    }
    return step_download(arena, account, order);
}

bool step_issue(struct arena *arena, struct client_account *account, struct step_order *order,
                const char *extra)
{
    step_new_order(arena, account, order, extra);
    if (order->id == 0)
        return false;
    for (size_t i = 0; i < order->name_count; i++)
        step_prove(arena, account, order->authorizations[i]);
    return step_obtain(arena, account, order);
}
