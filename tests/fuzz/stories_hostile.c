/* SPDX-License-Identifier: Apache-2.0 */
#include "stories.h"

#include <stdio.h>
#include <stdlib.h>

#include "acme/base/base64.h"
#include "acme/base/file.h"
#include "acme/pki/certificate.h"
#include "acme/renewal.h"
#include "dice.h"
#include "gateway/runtime/clock.h"
#include "odd.h"
#include "oracle.h"
#include "steps.h"
#include "verdict.h"
#include "world.h"

enum {
    SPAM_NAME = HOUSE_ORDERS_PER_NAME + 4,
    SPAM_REFUSED = HOUSE_ORDERS_PER_ACCOUNT + 60,
    ORDER_LIFETIME_S = 3600
};

static struct step_order order_of(const char *name)
{
    return (struct step_order){.names = {name}, .name_count = 1};
}

/* ---- S1: odd JSON where nothing is verified yet ---- */

static void tell_odd_binding(struct arena *arena)
{
    struct client_account stranger = {.client = dice_below(CLIENTS),
                                      .endpoint = 1 + dice_below(ENDPOINTS - 1)};
    struct house_eab_key key = {.kid = "k1"};
    struct buffer extra;
    buffer_init(&extra, arena, 64 * 1024);
    buffer_append_string(&extra, ",\"x\":");
    odd_json_value(&extra);
    client_set_key(&stranger, client_new_key());
    step_register_with(arena, &stranger, &key, buffer_string(&extra));
}

/* ---- S3, S4: from a domain to the names below ---- */

static void tell_subdomains(struct arena *arena)
{
    static const char *const domains[] = {"a.test", "b.test", "zone.test", "x.a.test", "m.test", "c.test"};
    static const char *const below[] = {"x.a.test",   "w.b.test", "x.zone.test",
                                        "y.x.a.test", "*.a.test", "w.b.test"};
    struct client_account *account = step_account_at(arena, dice_below(CLIENTS), ENDPOINT_OPEN);
    size_t which = dice_below(6);
    if (account == NULL)
        return;
    for (size_t tries = 0; tries < 4 && !world_holds_zone(account->client, domains[which]) && dice_chance(70);
         tries++)
        which = dice_below(6);
    int64_t id = step_new_authorization(arena, account, domains[which], dice_chance(80));
    challenge_set offered = id == 0 ? 0 : step_read_authorization(arena, account, id);
    if ((offered & 1U << CHALLENGE_DNS_PERSIST_01) != 0 && dice_chance(40))
        step_challenge(arena, account, id, CHALLENGE_DNS_PERSIST_01);
    else if (dice_chance(85))
        step_prove(arena, account, id);
    struct step_order order = order_of(below[which]);
    if (dice_chance(20))
        order.names[order.name_count++] = domains[which];
    step_new_order(arena, account, &order, "");
    if (order.id != 0)
        step_obtain(arena, account, &order);
}

/* ---- S5, S6: certificates of others ---- */

/* The attacker has the names, trusted and unproven, where it may. */
static void tell_revoke_others(struct arena *arena)
{
    struct bytes leaf = {0};
    struct client_account *account =
        dice_chance(60) ? step_account_at(arena, CLIENTS - 1, ENDPOINT_NET) : step_account(arena);
    struct certificate_facts facts;
    if (account == NULL || !step_any_certificate(arena, &leaf) ||
        !certificate_read_facts(arena, leaf, &facts))
        return;
    struct step_order order = {0};
    for (size_t i = 0; i < facts.identifier_count && i < STEP_NAMES_MAX; i++)
        order.names[order.name_count++] = facts.identifiers[i].value;
    if (dice_chance(70))
        step_new_order(arena, account, &order, "");
    if (dice_chance(40))
        leaf = dice_chance(80) ? step_encode_again(arena, leaf) : odd_octets(arena, leaf);
    step_revoke(arena, account, leaf, dice_chance(15) ? client_new_key() : NULL);
}

static bool replaced_by_one_who_may(const struct client_account *owner, const char *id, struct bytes leaf);

/* Of an account, or of none: then whoever has proven its names may. */
static bool owned_certificate(struct arena *arena, struct client_account *owner, struct bytes *leaf)
{
    const char *name = world_name_of(owner->client);
    if (dice_chance(60)) {
        struct step_order proof = order_of(name);
        step_issue(arena, owner, &proof, "");
        return step_external_certificate(arena, name, leaf);
    }
    if (owner->certificate_count == 0)
        return false;
    *leaf = owner->certificates[(owner->certificate_count - 1) % CLIENT_KNOWS_MAX].leaf;
    return true;
}

static void tell_replace_others(struct arena *arena)
{
    struct client_account *attacker = step_account_at(arena, CLIENTS - 1, ENDPOINT_NET);
    struct client_account *owner = step_account_at(arena, dice_below(CLIENTS - 1), ENDPOINT_OPEN);
    struct bytes leaf = {0};
    struct certificate_facts facts;
    if (attacker == NULL || owner == NULL || !owned_certificate(arena, owner, &leaf) ||
        !certificate_read_facts(arena, leaf, &facts))
        return;
    const char *id = renewal_id_of(arena, leaf);
    struct step_order taken = {0}, wanted = {0};
    for (size_t i = 0; i < facts.identifier_count && i < STEP_NAMES_MAX; i++)
        taken.names[taken.name_count++] = wanted.names[wanted.name_count++] = facts.identifiers[i].value;
    const char *replaces = arena_printf(arena, ",\"replaces\":\"%s\"", id == NULL ? "" : id);
    step_new_order(arena, attacker, &taken, replaces);
    if (taken.id != 0)
        step_obtain(arena, attacker, &taken);
    struct fake_reply *reply = step_new_order(arena, owner, &wanted, replaces);
    if (id != NULL && reply->status == 409 && !replaced_by_one_who_may(owner, id, leaf))
        finding("S6", "the owner of a certificate cannot replace it, for an order of another's did");
}

static bool replaced_by_one_who_may(const struct client_account *owner, const char *id, struct bytes leaf)
{
    for (size_t i = 0; i < CLIENTS * ENDPOINTS; i++) {
        const struct client_account *account = &clients.accounts[i / ENDPOINTS][i % ENDPOINTS];
        if (account->id != 0 && oracle_has_order_replacing(account->id, id) &&
            (account == owner || oracle_account_may_revoke(account->id, leaf)))
            return true;
    }
    return false;
}

/* ---- S7, S10: whoever has proven nothing costs the others nothing ---- */

static void tell_spam_a_name(struct arena *arena)
{
    struct client_account *account = step_account(arena);
    const char *name = world_name();
    for (size_t i = 0; account != NULL && i < SPAM_NAME; i++) {
        struct step_order order = order_of(name);
        step_new_order(arena, account, &order, "");
    }
    struct client_account *victim = step_account(arena);
    struct step_order order = order_of(name);
    if (victim != NULL)
        step_new_order(arena, victim, &order, "");
}

static void tell_spam_refused(struct arena *arena)
{
    struct client_account *account = step_account_at(arena, dice_below(CLIENTS), dice_below(ENDPOINTS));
    size_t before = oracle_event_count();
    for (size_t i = 0; account != NULL && i < SPAM_REFUSED; i++) {
        const struct client_call call = {
            .account = account,
            .path = "/new-order",
            .payload = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"never.test\"}]}",
            .straight = true};
        client_call(arena, &call);
    }
    if (oracle_event_count() - before > SPAM_REFUSED * 4 / 5)
        finding("S10", "%d refused requests have made %zu events", SPAM_REFUSED,
                oracle_event_count() - before);
}

/* ---- S11: what allowed an order goes ---- */

static void tell_revoked_binding(struct arena *arena)
{
    struct house_eab_key key;
    size_t endpoint = dice_chance(70) ? ENDPOINT_KEYED : ENDPOINT_NET;
    struct client_account *account = &clients.accounts[dice_below(CLIENTS)][endpoint];
    if (account->id == 0) {
        house_add_eab_key(arena, endpoint_names[endpoint], dice_chance(30), &key);
        if (!step_register_with(arena, account, &key, ""))
            return;
    } else {
        key.id = oracle_eab_key_of(account->id);
    }
    struct step_order order = order_of(world_name_of(account->client));
    step_new_order(arena, account, &order, "");
    if (order.id == 0)
        return;
    step_prove(arena, account, order.authorizations[0]);
    if (key.id != 0 && dice_chance(60))
        house_revoke_eab_key(&key);
    step_obtain(arena, account, &order);
    if (key.id != 0 && oracle_eab_is_revoked(key.id)) {
        account->id = 0; /* it orders nothing any more: a new one comes */
        account->certificate_count = 0;
        client_set_key(account, client_new_key());
    }
}

static void tell_denied_name(struct arena *arena)
{
    struct client_account *account = step_account(arena);
    struct step_order order = order_of("denied.test");
    if (account == NULL)
        return;
    if (house_denies()) {
        house_deny(false);
        house_restart(HOUSE_STOP_CLEAN);
    }
    step_new_order(arena, account, &order, "");
    if (order.id == 0)
        return;
    step_prove(arena, account, order.authorizations[0]);
    house_deny(true);
    house_restart(dice_chance(50) ? HOUSE_STOP_CLEAN : HOUSE_CRASH);
    step_obtain(arena, account, &order);
    if (dice_chance(50)) {
        house_deny(false);
        house_restart(HOUSE_STOP_CLEAN);
    }
}

/* ---- S2: at the very end of an order ---- */

static void tell_late_challenge(struct arena *arena)
{
    struct client_account *account = step_account(arena);
    if (account == NULL)
        return;
    struct step_order order = order_of(world_name_of(account->client));
    int64_t began = clock_now();
    step_new_order(arena, account, &order, "");
    if (order.id == 0)
        return;
    challenge_set offered = step_read_authorization(arena, account, order.authorizations[0]);
    int64_t left_ms = (began + ORDER_LIFETIME_S - clock_now()) * 1000;
    fake_clock_jump(left_ms - dice_between(-1000, 3000));
    enum challenge_type type = (enum challenge_type)(1 + dice_below(CHALLENGE_TYPE_END - 1));
    for (size_t i = 0; i < CHALLENGE_TYPE_END && (offered & 1U << type) == 0; i++)
        type = (enum challenge_type)(1 + dice_below(CHALLENGE_TYPE_END - 1));
    const struct client_call call = {.account = account,
                                     .path = arena_printf(arena, "/challenge/%lld/%s",
                                                          (long long)order.authorizations[0],
                                                          challenge_type_info(type)->name),
                                     .payload = "{}"};
    struct fake_reply *reply = client_begin(arena, &call);
    for (size_t turns = dice_below(12); turns != 0; turns--)
        fakes_turn();
    if (dice_chance(60))
        fake_clock_jump(dice_between(500, 5000));
    client_await(reply);
    fakes_pass(4000);
    step_obtain(arena, account, &order);
    if (dice_chance(20))
        house_restart(HOUSE_CRASH);
}

const struct story stories_hostile[] = {
    {"S1 odd binding", 10, tell_odd_binding},          {"S3, S4 subdomains", 14, tell_subdomains},
    {"S5, S6 revoke others'", 12, tell_revoke_others}, {"S6 replace others'", 6, tell_replace_others},
    {"S7 spam a name", 2, tell_spam_a_name},           {"S10 spam refused", 2, tell_spam_refused},
    {"S11 revoked binding", 5, tell_revoked_binding},  {"S11 denied name", 3, tell_denied_name},
    {"S2 late challenge", 7, tell_late_challenge},
};
const size_t stories_hostile_count = sizeof stories_hostile / sizeof stories_hostile[0];
