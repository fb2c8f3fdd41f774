/* SPDX-License-Identifier: Apache-2.0 */
/* A site's clients, and what is expected of the replies. */
#include <stdio.h>
#include <stdlib.h>

#include "acme/jose/jws.h"
#include "acme/nonce.h"
#include "site.h"
#include "store/accounts.h"
#include "store/sqlite/session.h"

enum { FAULTS_MAX = 100 };

#define BASE "https://acme.test"

static int64_t last_event;

/* ---- clients ---- */

struct site_client *site_client(const char *endpoint)
{
    struct site_client *client = arena_alloc(site.arena, sizeof *client);
    struct jose_error error;
    *client = (struct site_client){.endpoint = endpoint, .address = "192.0.2.7"};
    cr_assert(jwk_from_key(site.arena, pki_key(site.arena, "P-256"), &client->jwk, &error));
    return client;
}

struct site_client *site_account(const char *endpoint)
{
    struct site_client *client = site_client(endpoint);
    struct account account = {.endpoint = endpoint,
                              .status = ACCOUNT_VALID,
                              .key = client->jwk.canonical,
                              .thumbprint = client->jwk.thumbprint,
                              .contacts_json = "[]",
                              .terms_agreed = true,
                              .created_at = NOW,
                              .created_from = client->address};
    cr_assert_eq(store_account_insert(site.database.writer, &account), STORE_OK);
    client->id = account.id;
    return client;
}

const char *site_key_change(const struct site_client *client, const struct site_client *fresh,
                            const struct site_client *old)
{
    const struct jwk *old_key = old == NULL ? &client->jwk : &old->jwk;
    const char *header =
        arena_printf(site.arena, "{\"alg\":\"ES256\",\"jwk\":%.*s,\"url\":\"" BASE "/acme/%s/key-change\"}",
                     (int)fresh->jwk.canonical.n, (const char *)fresh->jwk.canonical.p, client->endpoint);
    const char *payload = arena_printf(
        site.arena, "{\"account\":\"" BASE "/acme/%s/account/%lld\",\"oldKey\":%.*s}", client->endpoint,
        (long long)client->id, (int)old_key->canonical.n, (const char *)old_key->canonical.p);
    return (const char *)fake_envelope(site.arena, header, bytes_from_string(payload), &fresh->jwk).p;
}

static const char *fresh_nonce(void)
{
    char *nonce = arena_alloc(site.arena, NONCE_TEXT_BYTES);
    cr_assert(nonce_issue(site.frontend->nonces, nonce));
    return nonce;
}

static struct bytes sign(const struct site_post *post, const char *target)
{
    const struct site_client *client = post->client;
    bool with_key = post->with_key || client->id == 0;
    const char *key = with_key ? arena_printf(site.arena, "\"jwk\":%.*s", (int)client->jwk.canonical.n,
                                              (const char *)client->jwk.canonical.p)
                               : arena_printf(site.arena, "\"kid\":\"" BASE "/acme/%s/account/%lld\"",
                                              client->endpoint, (long long)client->id);
    const char *header =
        post->header != NULL
            ? post->header
            : arena_printf(site.arena, "{\"alg\":\"%s\",%s,\"nonce\":\"%s\",\"url\":\"%s\"}",
                           jws_algorithm_for(&client->jwk)->name, key,
                           post->nonce != NULL ? post->nonce : fresh_nonce(),
                           post->url != NULL ? post->url : arena_printf(site.arena, BASE "%s", target));
    return fake_envelope(site.arena, header, bytes_from_string(post->payload),
                         post->signer != NULL ? post->signer : &client->jwk);
}

static struct bytes or_else(const char *text, const char *otherwise)
{
    return bytes_from_string(text == NULL ? otherwise : text);
}

static void leave(void *argument)
{
    ((struct fake_reply *)argument)->gone = true;
}

static struct fake_reply *deliver(size_t listener, struct http_request *request, const char *target,
                                  const char *address)
{
    const char *query = strchr(target, '?');
    request->target = bytes_from_string(target);
    request->path = query == NULL ? request->target : bytes_of(request->target.p, (size_t)(query - target));
    request->query = bytes_from_string(query == NULL ? NULL : query + 1);
    request->local_user = -1;
    snprintf(request->client_address, sizeof request->client_address, "%s", address);
    snprintf(request->client_network, sizeof request->client_network, "%s", address);
    fake_loads_run_at_once(site.meanwhile != NULL);
    struct fake_reply *reply = place_deliver(&site.place, listener, request);
    fake_loads_run_at_once(false);
    if (site.meanwhile != NULL)
        site_run(site.meanwhile);
    site.meanwhile = NULL;
    if (site.leaves_in_ms != 0)
        fake_agenda_put(reply, site.leaves_in_ms, leave, reply);
    site.leaves_in_ms = 0;
    fakes_settle();
    if (!reply->done)
        fakes_pass(site.config->hold_reply_ms);
    cr_assert(reply->done, "%s: no answer", target);
    return reply;
}

struct fake_reply *site_send(const struct site_post *post)
{
    const char *target = post->target != NULL
                             ? post->target
                             : arena_printf(site.arena, "/acme/%s%s", post->client->endpoint, post->path);
    struct http_request request = {
        .method = or_else(post->method, "POST"),
        .host = or_else(post->host, "acme.test"),
        .content_type = or_else(post->content_type, "application/jose+json"),
        .user_agent = or_else(post->user_agent, "unit/1"),
        .body = post->body != NULL ? bytes_from_string(post->body) : sign(post, target),
        .body_too_long = post->too_long,
    };
    return deliver(0, &request, target, post->client->address);
}

struct fake_reply *site_post(const struct site_client *client, const char *path, const char *payload)
{
    return site_send(&(struct site_post){.client = client, .path = path, .payload = payload});
}

static void expect_unavailable(const char *path, const struct fake_reply *reply, const char *fault,
                               size_t nth)
{
    cr_expect_eq(reply->status, 503, "%s: %s %zu: %d", path, fault, nth, reply->status);
    cr_expect(site_has_words(reply, "urn:ietf:params:acme:error:serverInternal"), "%s", path);
    cr_expect_neq(*fake_header(reply, "Retry-After"), '\0', "%s: %s %zu", path, fault, nth);
}

/* The one that met no hindrance is not kept either. */
static void post_past_hindrances(const struct site_client *client, const char *path, const char *payload,
                                 enum fake_hindrance how)
{
    bool met = true;
    for (size_t nth = 1; met && nth < FAULTS_MAX; nth++) {
        fake_loads_hinder(how, nth);
        fake_store_fail(1);
        const struct fake_reply *reply = site_post(client, path, payload);
        fake_store_fail(0);
        met = fake_loads_hindered(how);
        fake_loads_hinder(how, 0);
        if (met)
            expect_unavailable(path, reply, "hindered load", nth);
    }
    cr_expect_not(met, "%s: each load is hindered", path);
}

struct fake_reply *site_post_past_faults(const struct site_client *client, const char *path,
                                         const char *payload)
{
    for (enum fake_hindrance how = 0; how < FAKE_HINDRANCES; how++)
        post_past_hindrances(client, path, payload, how);
    for (size_t step = 1; step < FAULTS_MAX; step++) {
        fake_store_fail_step(step);
        struct fake_reply *reply = site_post(client, path, payload);
        bool failed = fake_store_step_failed();
        fake_store_fail_step(0);
        if (!failed) {
            cr_expect_gt(step, 1, "%s: no statement at all", path);
            return reply;
        }
        expect_unavailable(path, reply, "failing statement", step);
    }
    cr_assert(false, "%s: each statement fails", path);
    return NULL;
}

struct fake_reply *site_get(size_t listener, const char *method, const char *target)
{
    struct http_request request = {.method = bytes_from_string(method), .host = BYTES_LITERAL("acme.test")};
    return deliver(listener, &request, target, "192.0.2.7");
}

/* ---- what is expected ---- */

bool site_has_words(const struct fake_reply *reply, const char *words)
{
    for (const char *end; *words != '\0'; words = *end == '\0' ? end : end + 1) {
        end = strchrnul(words, '|');
        if (memmem(reply->body.p, reply->body.n, words, (size_t)(end - words)) == NULL)
            return false;
    }
    return true;
}

bool site_has_header(const struct fake_reply *reply, const char *name, const char *value)
{
    for (size_t i = 0; i < reply->header_count; i++)
        if (strcmp(reply->headers[i].name, name) == 0 && strcmp(reply->headers[i].value, value) == 0)
            return true;
    return false;
}

void site_run(const char *sql)
{
    char *why = NULL;
    cr_assert_eq(sqlite3_exec(database_of(store_command_reader(fake_store_command())), sql, NULL, NULL, &why),
                 SQLITE_OK, "%s: %s", sql, why);
}

int64_t site_count(const char *sql)
{
    struct fault fault;
    int64_t count = -1;
    cr_assert(database_integer(database_of(store_command_reader(fake_store_command())), sql, &count, &fault),
              "%s", fault.message);
    return count;
}

const char *site_text(const char *sql)
{
    sqlite3_stmt *prepared = NULL;
    sqlite3 *db = database_of(store_command_reader(fake_store_command()));
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &prepared, NULL), SQLITE_OK, "%s: %s", sql,
                 sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(prepared), SQLITE_ROW, "%s: no row", sql);
    const char *text = (const char *)sqlite3_column_text(prepared, 0);
    const char *copy = arena_duplicate(site.arena, text == NULL ? "" : text);
    sqlite3_finalize(prepared);
    return copy;
}

void site_skip_events(void)
{
    last_event = site_count("SELECT coalesce(max(id), 0) FROM events");
}

static const char *take_events(void)
{
    const char *types = site_text(arena_printf(
        site.arena,
        "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM events WHERE id > %lld ORDER BY id)",
        (long long)last_event));
    site_skip_events();
    return types;
}

void site_expect_plain(const char *what, const struct fake_reply *reply, const struct site_expected *expected)
{
    const char *type =
        expected->type == NULL
            ? ""
            : arena_printf(site.arena, "\"type\":\"urn:ietf:params:acme:error:%s\"", expected->type);
    int n = (int)reply->body.n;
    const char *body = (const char *)reply->body.p;
    cr_expect_eq(reply->status, expected->status, "%s: %d %.*s", what, reply->status, n, body);
    cr_expect(site_has_words(reply, type), "%s: not %s: %.*s", what, type, n, body);
    if (expected->type != NULL)
        cr_expect_str_eq(reply->content_type, "application/problem+json", "%s", what);
    if (expected->words != NULL)
        cr_expect(site_has_words(reply, expected->words), "%s: not %s: %.*s", what, expected->words, n, body);
    const char *events = take_events();
    cr_expect_str_eq(events, expected->events == NULL ? "" : expected->events, "%s: events: %s", what,
                     events);
}

void site_expect(const char *what, const struct fake_reply *reply, const struct site_expected *expected)
{
    site_expect_plain(what, reply, expected);
    cr_expect_neq(*fake_header(reply, "Replay-Nonce"), '\0', "%s: no nonce", what);
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store", "%s", what);
    cr_expect_str_eq(fake_header(reply, "Access-Control-Allow-Origin"), "*", "%s", what);
}

int64_t site_location_id(const struct fake_reply *reply)
{
    const char *slash = strrchr(fake_header(reply, "Location"), '/');
    return slash == NULL ? 0 : strtoll(slash + 1, NULL, 10);
}
