/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

#include "acme/base/base64.h"
#include "acme/base/buffer.h"
#include "acme/jose/jws.h"
#include "dice.h"
#include "house.h"
#include "odd.h"
#include "oracle.h"
#include "verdict.h"

enum { ENVELOPE_MAX_BYTES = 512 * 1024, AWAIT_MS = 10 * 60 * 1000, NONCE_BYTES = 128, BENT_PERCENT = 22 };

#define BASE "https://acme.test"

const char *const endpoint_names[ENDPOINTS] = {"open", "keyed", "net"};
struct clients clients;

static char last_nonce[NONCE_BYTES], spent_nonce[NONCE_BYTES];

/* ---- life ---- */

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

EVP_PKEY *client_new_key(void)
{
    static const char *const curves[] = {"P-256", "P-256", "P-256", "P-384", "P-521"};
    EVP_PKEY *key =
        dice_chance(20) ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen(DICE_TEXT(curves));
    if (key == NULL)
        abort();
    arena_on_free(clients.arena, free_key, key);
    return key;
}

void client_set_key(struct client_account *account, EVP_PKEY *key)
{
    struct jose_error error;
    account->key = key;
    if (!jwk_from_key(clients.arena, key, &account->jwk, &error))
        verdict("the harness cannot read its own key");
}

void clients_begin(void)
{
    /* The last one lies in the network that "net" trusts. */
    static const char *const addresses[CLIENTS] = {"192.0.2.1", "192.0.2.2", "2001:db8::3", "198.51.100.4",
                                                   "10.9.0.5"};
    clients = (struct clients){.arena = arena_new()};
    last_nonce[0] = '\0';
    for (size_t i = 0; i < CLIENTS; i++) {
        clients.addresses[i] = addresses[i];
        EVP_PKEY *shared = client_new_key();
        for (size_t j = 0; j < ENDPOINTS; j++) {
            clients.accounts[i][j].client = i;
            clients.accounts[i][j].endpoint = j;
            client_set_key(&clients.accounts[i][j], dice_chance(50) ? shared : client_new_key());
        }
    }
}

void clients_end(void)
{
    arena_free(clients.arena);
    clients = (struct clients){0};
}

struct client_account *clients_find(int64_t account_id)
{
    for (size_t i = 0; i < CLIENTS * ENDPOINTS; i++)
        if (clients.accounts[i / ENDPOINTS][i % ENDPOINTS].id == account_id)
            return &clients.accounts[i / ENDPOINTS][i % ENDPOINTS];
    return NULL;
}

/* ---- one request ---- */

struct bending {
    bool payload, header, envelope, octets, nonce, url, signer, content_type, method;
};

static struct bending choose_bending(bool straight)
{
    struct bending bending = {0};
    bool *const all[] = {&bending.payload, &bending.payload,      &bending.payload, &bending.header,
                         &bending.header,  &bending.envelope,     &bending.octets,  &bending.nonce,
                         &bending.url,     &bending.content_type, &bending.signer,  &bending.method};
    if (!straight && dice_chance(BENT_PERCENT))
        *all[dice_below(sizeof all / sizeof all[0])] = true;
    return bending;
}

static void take_nonce(const struct fake_reply *reply)
{
    const char *nonce = fake_reply_header(reply, "Replay-Nonce");
    if (nonce != NULL)
        snprintf(last_nonce, sizeof last_nonce, "%s", nonce);
}

static struct fake_reply *new_reply(struct arena *arena)
{
    struct fake_reply *reply = arena_alloc(arena, sizeof *reply);
    reply->arena = arena;
    return reply;
}

static struct http_request *new_request(size_t client, const char *method, const char *target,
                                        struct bytes body, const char *content_type)
{
    struct arena *arena = arena_new();
    struct http_request *request = arena_alloc(arena, sizeof *request);
    struct bytes copy = arena_copy(arena, bytes_from_string(target));
    const uint8_t *query = copy.n == 0 ? NULL : memchr(copy.p, '?', copy.n);
    size_t path_bytes = query == NULL ? copy.n : (size_t)(query - copy.p);
    *request = (struct http_request){
        .arena = arena,
        .method = arena_copy(arena, bytes_from_string(method)),
        .target = copy,
        .path = bytes_of(copy.p, path_bytes),
        .query = query == NULL ? (struct bytes){0} : bytes_of(query + 1, copy.n - path_bytes - 1),
        .host = BYTES_LITERAL("acme.test"),
        .content_type = arena_copy(arena, bytes_from_string(content_type)),
        .user_agent = arena_copy(arena, bytes_from_string(dice_chance(80) ? "fuzz/1" : odd_text())),
        .local_user = -1,
        .body_too_long = body.n > HTTP_MAX_BODY_BYTES,
    };
    if (!request->body_too_long)
        request->body = arena_copy(arena, body);
    snprintf(request->client_address, sizeof request->client_address, "%s", clients.addresses[client]);
    return request;
}

static void ensure_nonce(struct arena *arena, const struct client_account *account)
{
    if (last_nonce[0] != '\0')
        return;
    struct client_plain plain = {
        .method = "HEAD",
        .target = arena_printf(arena, "/acme/%s/new-nonce", endpoint_names[account->endpoint])};
    client_plain_call(arena, account->client, &plain);
}

static const char *target_of(struct arena *arena, const struct client_call *call)
{
    return strncmp(call->path, "//", 2) == 0
               ? call->path + 1
               : arena_printf(arena, "/acme/%s%s", endpoint_names[call->account->endpoint], call->path);
}

static struct bytes sign_call(struct arena *arena, const struct client_call *call, const char *target,
                              struct bending bending)
{
    const struct client_account *account = call->account;
    struct jwk jwk = account->jwk;
    struct jose_error error;
    if (call->key != NULL && !jwk_from_key(arena, call->key, &jwk, &error))
        verdict("the harness cannot read its own key");
    struct jwk signing = jwk;
    if (bending.signer && !jwk_from_key(arena, client_new_key(), &signing, &error))
        verdict("the harness cannot read its own key");
    const char *who =
        call->signer == SIGNER_JWK
            ? arena_printf(arena, "\"jwk\":%.*s", (int)jwk.canonical.n, (const char *)jwk.canonical.p)
            : arena_printf(arena, "\"kid\":\"" BASE "/acme/%s/account/%lld\"",
                           endpoint_names[account->endpoint], (long long)account->id);
    const char *header = arena_printf(
        arena, "{\"alg\":\"%s\",%s,\"nonce\":\"%s\",\"url\":\"" BASE "%s%s\"}", jws_algorithm_for(&jwk)->name,
        who, bending.nonce ? spent_nonce : last_nonce, target, bending.url ? "?" : "");
    snprintf(spent_nonce, sizeof spent_nonce, "%s", last_nonce);
    last_nonce[0] = '\0';
    const char *payload = call->payload;
    if (bending.payload)
        payload = odd_json_bend(arena, payload == NULL ? "{}" : payload);
    if (bending.header)
        header = odd_json_bend(arena, header);
    struct bytes body = fake_envelope(arena, header, bytes_from_string(payload), &signing);
    if (bending.envelope)
        body = bytes_from_string(odd_json_bend(arena, (const char *)body.p));
    return bending.octets ? odd_octets(arena, body) : body;
}

struct fake_reply *client_begin(struct arena *arena, const struct client_call *call)
{
    static const char *const methods[] = {"GET", "PUT", "", "POST,", "HEAD", "get"};
    struct bending bending = choose_bending(call->straight);
    ensure_nonce(arena, call->account);
    const char *target = target_of(arena, call);
    struct bytes body = sign_call(arena, call, target, bending);
    struct fake_reply *reply = new_reply(arena);
    struct http_request *request =
        new_request(call->account->client, bending.method ? DICE_TEXT(methods) : "POST", target, body,
                    bending.content_type ? odd_text() : "application/jose+json");
    reply->gone = !call->straight && dice_chance(2);
    reply->acme = strncmp(target, "/acme/", strlen("/acme/")) == 0;
    reply->is_post = reply->acme && !bending.method;
    if (strcmp(call->path, "/new-order") == 0 || strcmp(call->path, "/new-authz") == 0)
        call->account->order_requests++;
    call->account->requests++;
    verdict_count_step();
    fake_loops_send(fake_server(0), request, reply);
    return reply;
}

void client_await(struct fake_reply *reply)
{
    int64_t until = fake_clock_steady_ms() + AWAIT_MS;
    fakes_settle();
    while (!reply->done && fake_clock_steady_ms() < until) {
        fake_agenda_advance(1000);
        fakes_settle();
    }
    if (!reply->done)
        verdict("a request is not answered in ten minutes");
    take_nonce(reply);
    if (reply->status != 0)
        oracle_replied(reply);
}

static bool is_bad_nonce(const struct fake_reply *reply)
{
    return reply->status == 400 && memmem(reply->body.p, reply->body.n, "badNonce", 8) != NULL;
}

struct fake_reply *client_call(struct arena *arena, const struct client_call *call)
{
    struct fake_reply *reply = client_begin(arena, call);
    client_await(reply);
    if (is_bad_nonce(reply)) {
        reply = client_begin(arena, call);
        client_await(reply);
    }
    if (reply->status == 429 && strcmp(call->path, "/new-account") != 0)
        oracle_rate_limited(call->account, reply);
    return reply;
}

struct fake_reply *client_plain_call(struct arena *arena, size_t client, const struct client_plain *plain)
{
    struct fake_reply *reply = new_reply(arena);
    struct http_request *request =
        new_request(client, plain->method, plain->target, plain->body, plain->content_type);
    struct http_server *server = fake_server(plain->pki ? 1 : 0);
    if (plain->authorization != NULL)
        request->authorization = arena_copy_secret(request->arena, bytes_from_string(plain->authorization));
    int64_t until = fake_clock_steady_ms() + AWAIT_MS;
    reply->acme = strncmp(plain->target, "/acme/", strlen("/acme/")) == 0;
    verdict_count_step();
    fake_loops_send(server, request, reply);
    fakes_settle();
    while (!reply->done && fake_clock_steady_ms() < until) {
        fake_agenda_advance(1000);
        fakes_settle();
    }
    if (!reply->done)
        verdict("a request is not answered in ten minutes");
    take_nonce(reply);
    oracle_replied(reply);
    return reply;
}

/* ---- replies ---- */

const char *fake_reply_header(const struct fake_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return NULL;
}

int64_t fake_reply_location_id(const struct fake_reply *reply)
{
    const char *location = fake_reply_header(reply, "Location");
    const char *slash = location == NULL ? NULL : strrchr(location, '/');
    return slash == NULL ? 0 : strtoll(slash + 1, NULL, 10);
}
