/* SPDX-License-Identifier: Apache-2.0 */
#include "world_pki.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "acme/authorization.h"
#include "acme/caa.h"
#include "acme/jose/openssl_handles.h"
#include "dice.h"
#include "odd.h"
#include "verdict.h"

enum { PROOFS_MAX = 8192, TEXTS_MAX = 12, SLOW_MS = 4000 };

struct place {
    const char *name;
    size_t host_holder;
    size_t zone_holder;
    size_t caa;
};

static struct place places[] = {
    {"a.test", 0, 0, 0},      {"x.a.test", 0, 0, 0},    {"y.x.a.test", 0, 0, 0}, {"b.test", 0, 0, 0},
    {"w.b.test", 0, 0, 0},    {"c.test", 0, 0, 0},      {"m.test", 0, 0, 0},     {"zone.test", 0, 0, 0},
    {"x.zone.test", 0, 0, 0}, {"denied.test", 0, 0, 0}, {"10.5.5.5", 0, 0, 0},   {"fd00::5", 0, 0, 0},
};
enum { PLACES = sizeof places / sizeof places[0], PLACES_WITH_ZONE = 10 };

struct proof {
    int64_t account_id;
    const struct place *place;
    enum proof_scope scope;
};

/* Each name with a zone has one set of CAA records for the whole epoch. */

static const struct caa_record caa_records[] = {
    {false, BYTES_LITERAL("issue"), BYTES_LITERAL("ca.test")},
    {false, BYTES_LITERAL("issue"), BYTES_LITERAL(";")},
    {false, BYTES_LITERAL("issue"), BYTES_LITERAL("ca.test; accounturi https://other.test")},
    {false, BYTES_LITERAL("issue"),
     BYTES_LITERAL("ca.test; accounturi=https://acme.test/acme/net/account/1")},
    {false, BYTES_LITERAL("issue"), BYTES_LITERAL("ca.test; validationmethods dns-99")},
    {true, BYTES_LITERAL("tbs"), BYTES_LITERAL("x")},
    {false, BYTES_LITERAL("issue"), BYTES_LITERAL("other.test")},
};
enum { CAA_SETS = sizeof caa_records / sizeof caa_records[0], CAA_ALLOWS = 0 };

static struct proof proofs[PROOFS_MAX];
static size_t proof_count;
static unsigned oddness;

/* ---- names ---- */

static struct place *find(const char *name)
{
    for (size_t i = 0; i < PLACES; i++)
        if (strcmp(places[i].name, name) == 0)
            return &places[i];
    return NULL;
}

static bool is_below(const char *name, const char *domain)
{
    size_t n = strlen(name), below = strlen(domain);
    return n > below && name[n - below - 1] == '.' && strcmp(name + n - below, domain) == 0;
}

/* A host has its own holder; a zone covers what lies in it. */
void world_deal(void)
{
    for (size_t i = 0; i < PLACES; i++) {
        places[i].host_holder = dice_below(CLIENTS - 1);
        places[i].zone_holder = dice_below(CLIENTS - 1);
        for (size_t j = 0; j < i; j++)
            if (is_below(places[i].name, places[j].name))
                places[i].zone_holder = places[j].zone_holder;
    }
}

void world_begin(void)
{
    proof_count = 0;
    world_crl_clear();
    oddness = 15;
    world_deal();
    for (size_t i = 0; i < PLACES; i++)
        places[i].caa = i < PLACES_WITH_ZONE ? dice_below(2 * CAA_SETS) : CAA_SETS;
}

void world_set_oddness(unsigned percent)
{
    oddness = percent;
}

const char *world_name(void)
{
    static const char *const strange[] = {"*.a.test",      "*.b.test",     "*.x.a.test", "*.zone.test",
                                          "acme.test",     "A.Test",       "10.5.5.6",   "ca-one.test",
                                          "test",          "*.test",       "::1",        "127.0.0.1",
                                          "q.denied.test", "*.denied.test"};
    return dice_chance(75) ? places[dice_below(PLACES)].name : DICE_TEXT(strange);
}

const char *world_name_of(size_t client)
{
    size_t first = dice_below(PLACES);
    for (size_t i = 0; i < PLACES; i++) {
        const struct place *place = &places[(first + i) % PLACES];
        if (place->host_holder == client || place->zone_holder == client)
            return place->name;
    }
    return world_name();
}

bool world_holds_host(size_t client, const char *name)
{
    const struct place *place = find(name);
    return place != NULL && place->host_holder == client;
}

bool world_holds_zone(size_t client, const char *name)
{
    const struct place *place = find(name);
    return place != NULL && place < places + PLACES_WITH_ZONE && place->zone_holder == client;
}

/* ---- proofs ---- */

static void note(int64_t account_id, const struct place *place, enum proof_scope scope)
{
    if (world_has_proof(account_id, place->name, scope))
        return;
    if (proof_count == PROOFS_MAX)
        verdict("the harness notes no more proofs: make epochs shorter");
    proofs[proof_count++] = (struct proof){account_id, place, scope};
}

bool world_has_proof(int64_t account_id, const char *name, enum proof_scope scope)
{
    for (size_t i = 0; i < proof_count; i++)
        if (proofs[i].account_id == account_id && proofs[i].scope >= scope &&
            strcmp(proofs[i].place->name, name) == 0)
            return true;
    return false;
}

/* The challenge that a token belongs to, and its account. */
static const struct known_challenge *find_token(struct bytes token, const struct client_account **account)
{
    for (size_t i = 0; i < CLIENTS * ENDPOINTS; i++) {
        *account = &clients.accounts[i / ENDPOINTS][i % ENDPOINTS];
        size_t n =
            (*account)->challenge_count < CLIENT_KNOWS_MAX ? (*account)->challenge_count : CLIENT_KNOWS_MAX;
        for (size_t j = 0; j < n; j++)
            if (bytes_equal_string(token, (*account)->challenges[j].token))
                return &(*account)->challenges[j];
    }
    return NULL;
}

/* ---- web servers ---- */

static bool answer_oddly(struct arena *arena, const char *host, struct outbound_http_reply *reply,
                         int64_t *delay_ms)
{
    static const int statuses[] = {100, 204, 301, 302, 304, 307, 400, 404, 429, 500, 503, 599, 999};
    switch (dice_below(7)) {
    case 0:
        *delay_ms = dice_between(1, 60 * 1000);
        return false;
    case 1:
        reply->transport_error = "Connection refused";
        return true;
    case 2:
        reply->transport_error = arena_printf(arena, "SSL: %s", odd_text());
        reply->connected = true;
        return true;
    case 3:
        reply->body = bytes_from_string(arena_printf(arena, "%s", odd_text()));
        break;
    case 4:
        reply->status = 302;
        reply->location = arena_printf(arena, "http://%s%s/%s", odd_text(), host, odd_text());
        return true;
    case 5:
        reply->status = 301;
        reply->location = arena_printf(arena, "https://%s/.well-known/acme-challenge/again", host);
        return true;
    default:
        reply->body = odd_octets(arena, BYTES_LITERAL("the wrong text of a hundred octets or so\0\1\2"));
        break;
    }
    reply->status = dice_chance(50) ? 200 : statuses[dice_below(sizeof statuses / sizeof statuses[0])];
    return true;
}

void world_answer_http(struct arena *arena, const struct outbound_http_request *request,
                       struct outbound_http_reply *reply, int64_t *delay_ms)
{
    if (strncmp(request->url, "https://ca-", strlen("https://ca-")) == 0) {
        world_ca_answer(arena, request, reply, delay_ms);
        return;
    }
    struct outbound_url url;
    if (!outbound_url_parse(arena, request->url, NULL, &url))
        verdict("a URL that cannot be read is dialled: %s", request->url);
    reply->connected = true;
    *delay_ms = dice_between(1, 50);
    if (dice_chance(oddness) && answer_oddly(arena, url.host, reply, delay_ms))
        return;
    const struct place *place = find(url.host);
    const char *slash = strrchr(url.url, '/');
    const struct client_account *account = NULL;
    const struct known_challenge *challenge = find_token(bytes_from_string(slash + 1), &account);
    reply->status = 404;
    if (place == NULL || challenge == NULL || strcmp(challenge->name, url.host) != 0 ||
        place->host_holder != account->client)
        return;
    reply->status = 200;
    reply->body = bytes_from_string(key_authorization(arena, challenge->token, account->jwk.thumbprint));
    if (*delay_ms < request->timeout_ms)
        note(account->id, place, PROOF_NAME);
}

/* tls-alpn-01 is shown as often as it is refused: the certificate is what http-01's text is. */
void world_answer_tls(struct arena *arena, const struct outbound_tls_request *request,
                      struct outbound_tls_reply *reply, int64_t *delay_ms)
{
    (void)request;
    *delay_ms = dice_between(1, 50);
    if (dice_chance(40)) {
        reply->error = arena_printf(arena, "handshake: %s", odd_text());
        reply->connected = dice_chance(50);
        return;
    }
    reply->connected = true;
    reply->alpn_agreed = dice_chance(80);
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    reply->certificate = odd_octets(arena, world_ca_sign_stepca_api(arena, 0, key, "tls.test"));
}

/* ---- name servers ---- */

void world_answer_addresses(const char *host, struct outbound_addresses *found, int64_t *delay_ms)
{
    static const char *const strange[] = {"127.0.0.1", "169.254.169.254", "10.1.1.2", "0.0.0.0", "224.0.0.1"};
    *delay_ms = dice_between(1, dice_chance(95) ? 20 : SLOW_MS);
    bool odd = dice_chance(oddness);
    if (odd && dice_chance(30)) {
        found->error = "the name server answered SERVFAIL";
        return;
    }
    if (odd && dice_chance(20)) {
        found->alias = dice_chance(50) ? "alias.test" : NULL;
        return;
    }
    struct sockaddr_in *address = (struct sockaddr_in *)&found->address[0];
    address->sin_family = AF_INET;
    if (inet_pton(AF_INET, host, &address->sin_addr) != 1)
        inet_pton(AF_INET, odd ? DICE_TEXT(strange) : "10.1.1.1", &address->sin_addr);
    found->count = 1;
    if (strchr(host, ':') != NULL) {
        struct sockaddr_in6 *long_address = (struct sockaddr_in6 *)&found->address[0];
        *long_address = (struct sockaddr_in6){.sin6_family = AF_INET6};
        inet_pton(AF_INET6, host, &long_address->sin6_addr);
    }
}

static void add_text(struct arena *arena, struct outbound_texts *found, const char *text)
{
    if (found->count < TEXTS_MAX)
        found->texts[found->count++] = bytes_from_string(arena_duplicate(arena, text));
}

static void add_persist_text(struct arena *arena, const struct place *place,
                             const struct client_account *account, struct outbound_texts *found)
{
    const char *record = arena_printf(arena, "ca.test; accounturi=https://acme.test/acme/%s/account/%lld",
                                      endpoint_names[account->endpoint], (long long)account->id);
    switch (dice_chance(oddness) ? dice_below(4) : 4 + dice_below(2)) {
    case 0:
        add_text(arena, found, arena_printf(arena, "%s; persistUntil 1", record));
        return;
    case 1:
        add_text(arena, found, arena_printf(arena, "%s; persistUntil=1; policy=wildcard", record));
        return;
    case 2:
        add_text(arena, found, arena_printf(arena, "%s; policy=%s", record, odd_text()));
        note(account->id, place, PROOF_NAME);
        return;
    case 3:
        add_text(arena, found, arena_printf(arena, "ca.test%s; accounturi=none", odd_text()));
        return;
    case 4:
        add_text(arena, found, arena_printf(arena, "%s; policy=wildcard", record));
        note(account->id, place, PROOF_SUBTREE);
        return;
    default:
        add_text(arena, found, record);
        note(account->id, place, PROOF_NAME);
        return;
    }
}

static void add_digests(struct arena *arena, const struct place *place, const struct client_account *account,
                        struct outbound_texts *found)
{
    size_t n = account->challenge_count < CLIENT_KNOWS_MAX ? account->challenge_count : CLIENT_KNOWS_MAX;
    for (size_t i = 0; i < n && found->count < TEXTS_MAX; i++) {
        const struct known_challenge *challenge = &account->challenges[i];
        if (strcmp(challenge->name, place->name) != 0)
            continue;
        const char *text = key_authorization(arena, challenge->token, account->jwk.thumbprint);
        add_text(arena, found, key_authorization_digest(arena, text));
        note(account->id, place, PROOF_SUBTREE);
    }
}

void world_answer_texts(struct arena *arena, const char *name, struct outbound_texts *found,
                        int64_t *delay_ms)
{
    static const char challenge[] = "_acme-challenge.", persist[] = "_validation-persist.";
    const char *under = strstr(name, challenge), *persistent = strstr(name, persist);
    const struct place *place = find(under != NULL        ? under + strlen(challenge)
                                     : persistent != NULL ? persistent + strlen(persist)
                                                          : name);
    *delay_ms = dice_between(1, dice_chance(95) ? 20 : SLOW_MS);
    if (dice_chance(oddness) && dice_chance(50)) {
        found->error = "the name server answered SERVFAIL";
        return;
    }
    found->texts = arena_alloc_array(arena, TEXTS_MAX, sizeof found->texts[0]);
    if (dice_chance(oddness))
        add_text(arena, found, odd_text());
    if (place == NULL || place >= places + PLACES_WITH_ZONE)
        return;
    for (size_t i = 0; i < ENDPOINTS; i++) {
        const struct client_account *account = &clients.accounts[place->zone_holder][i];
        if (account->id == 0)
            continue;
        if (persistent != NULL)
            add_persist_text(arena, place, account, found);
        else
            add_digests(arena, place, account, found);
    }
}

void world_answer_caa(struct arena *arena, const char *name, struct outbound_caa *found, int64_t *delay_ms)
{
    const struct place *place = find(name);
    (void)arena;
    *delay_ms = dice_between(1, 20);
    if (dice_chance(oddness) && dice_chance(30))
        found->error = "the name server answered SERVFAIL";
    else if (place != NULL && place->caa < CAA_SETS) {
        found->records = &caa_records[place->caa];
        found->count = 1;
    }
}

bool world_caa_forbids(const char *name)
{
    for (const char *at = name; at != NULL; at = strchr(at, '.')) {
        at += *at == '.';
        const struct place *place = find(at);
        if (place != NULL && place->caa < CAA_SETS)
            return place->caa != CAA_ALLOWS;
    }
    return false;
}
