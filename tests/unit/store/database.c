/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "store/accounts.h"
#include "store/attempts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/orders.h"
#include "store/sqlite/mark.h"

void database_begin(struct database *database)
{
    *database = (struct database){.arena = arena_new()};
    snprintf(database->directory, sizeof database->directory, "/tmp/store-XXXXXX");
    cr_assert_not_null(mkdtemp(database->directory));
    snprintf(database->path, sizeof database->path, "%s/acmegate.db", database->directory);
    database->location = store_location_new(database->arena, database->path);
}

static struct {
    unsigned char *octets; /* NULL before the first database */
    size_t n;
} laid;

static void keep_laid(const char *path)
{
    sqlite3 *db;
    sqlite3_int64 n = 0;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    laid.octets = sqlite3_serialize(db, "main", &n, 0);
    laid.n = (size_t)n;
    cr_assert_not_null(laid.octets);
    sqlite3_close(db);
}

void database_lay(const char *path)
{
    struct fault fault;
    struct mark mark;
    if (laid.octets == NULL) {
        struct arena *arena = arena_new();
        cr_assert(store_migrate(store_location_new(arena, path), NULL, &fault), "%s", fault.message);
        arena_free(arena);
        keep_laid(path);
        return;
    }
    cr_assert(file_replace(path, bytes_of(laid.octets, laid.n), 0600));
    cr_assert(mark_open(&mark, path, &fault), "%s", fault.message);
    mark_write(&mark, 0);
    mark_close(&mark);
}

void database_connect(struct database *database)
{
    struct fault fault;
    cr_assert(store_migrate(database->location, NULL, &fault), "%s", fault.message);
    database->writer = writer_open(database->path, &fault);
    cr_assert_not_null(database->writer, "%s", fault.message);
    cr_assert(writer_continue_ids(database->writer));
}

void database_serve(struct database *database)
{
    struct fault fault;
    database->store = store_open(database->location, STORE_MIGRATE, &fault);
    cr_assert_not_null(database->store, "%s", fault.message);
}

void database_disconnect(struct database *database)
{
    store_close(database->store);
    writer_close(database->writer);
    database->store = NULL;
    database->writer = NULL;
}

void database_end(struct database *database)
{
    database_disconnect(database);
    DIR *directory = opendir(database->directory);
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(database->directory);
    arena_free(database->arena);
}

void database_copy_file(const char *from, const char *to)
{
    char buffer[4096];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    cr_assert(in != NULL && out != NULL);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        cr_assert_eq(fwrite(buffer, 1, n, out), n);
    fclose(in);
    cr_assert_eq(fclose(out), 0);
}

static sqlite3 *open_shell(const struct database *database)
{
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(database->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

void database_run(const struct database *database, const char *sql)
{
    sqlite3 *db = open_shell(database);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

int64_t database_count(const struct database *database, const char *sql)
{
    struct fault fault;
    int64_t count;
    sqlite3 *db = open_shell(database);
    cr_assert(database_integer(db, sql, &count, &fault), "%s", fault.message);
    sqlite3_close(db);
    return count;
}

const char *database_text(const struct database *database, const char *sql)
{
    sqlite3 *db = open_shell(database);
    sqlite3_stmt *prepared;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &prepared, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(prepared), SQLITE_ROW, "%s: no row", sql);
    const char *text = (const char *)sqlite3_column_text(prepared, 0);
    const char *copy = arena_duplicate(database->arena, text == NULL ? "" : text);
    sqlite3_finalize(prepared);
    sqlite3_close(db);
    return copy;
}

struct identifier dns(const char *name)
{
    struct identifier identifier = {.type = IDENTIFIER_DNS};
    snprintf(identifier.value, sizeof identifier.value, "%s", name);
    return identifier;
}

struct account make_account(struct database *database, const char *thumbprint)
{
    struct account account = {
        .endpoint = "acme",
        .status = ACCOUNT_VALID,
        .key = BYTES_LITERAL("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AQ\"}"),
        .thumbprint = thumbprint,
        .contacts_json = "[\"mailto:admin@example.org\"]",
        .terms_agreed = true,
        .created_at = NOW,
        .created_from = "192.0.2.7",
        .user_agent = "certbot/2.1.0",
    };
    cr_assert_eq(store_account_insert(database->writer, &account), STORE_OK);
    return account;
}

struct authorization make_authorization(struct database *database, const struct account *account,
                                        const char *name)
{
    bool wildcard = strncmp(name, "*.", 2) == 0;
    struct authorization authorization = {
        .account_id = account->id,
        .identifier = dns(wildcard ? name + 2 : name),
        .wildcard = wildcard,
        .status = AUTHORIZATION_PENDING,
        .created_at = NOW,
        .expires_at = NOW + 86400,
        .token = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
        .offered = 1u << CHALLENGE_HTTP_01 | 1u << CHALLENGE_DNS_01,
    };
    cr_assert_eq(store_authorization_insert(database->writer, &authorization), STORE_OK);
    return authorization;
}

struct order make_order(struct database *database, const struct account *account,
                        const struct authorization *authorizations, size_t count)
{
    struct order order = {
        .account_id = account->id,
        .endpoint = "acme",
        .profile = "default",
        .status = ORDER_PENDING,
        .status_since = NOW,
        .created_at = NOW,
        .expires_at = NOW + 86400,
        .identifiers = arena_alloc_array(database->arena, count, sizeof(struct identifier)),
        .authorization_ids = arena_alloc_array(database->arena, count, sizeof(int64_t)),
        .identifier_count = count,
        .client_address = "192.0.2.7",
        .user_agent = "CertBot/2.1.0 (certbot; Debian 12) Authenticator/standalone Installer/None",
    };
    for (size_t i = 0; i < count; i++) {
        const struct authorization *authorization = &authorizations[i];
        const char *prefix = authorization->wildcard ? "*." : "";
        order.identifiers[i] =
            dns(arena_printf(database->arena, "%s%s", prefix, authorization->identifier.value));
        order.authorization_ids[i] = authorization->id;
    }
    cr_assert_eq(store_order_insert(database->writer, &order), STORE_OK);
    return order;
}

/* Octets that no two calls share: a compressing file system or an index must not profit from repetition. */
static struct bytes octets(struct database *database, size_t n)
{
    uint8_t *p = arena_alloc(database->arena, n);
    sqlite3_randomness((int)n, p);
    return bytes_of(p, n);
}

static const char *hexadecimal(struct database *database, size_t digits)
{
    char *text = arena_alloc(database->arena, digits + 1);
    struct bytes random = octets(database, digits);
    for (size_t i = 0; i < digits; i++)
        text[i] = "0123456789abcdef"[random.p[i] & 15];
    return text;
}

static const char root_fingerprint[] = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

struct attempt make_attempt(struct database *database, int64_t order_id)
{
    struct attempt attempt = {
        .order_id = order_id,
        .issuer = "main",
        .root_fingerprint = root_fingerprint,
        .token_id = hexadecimal(database, 64),
        .csr_hash = octets(database, 32),
        .asked_validity = "24h",
        .status = ATTEMPT_STARTED,
        .started_at = NOW,
    };
    cr_assert_eq(store_attempt_insert(database->writer, &attempt), STORE_OK);
    return attempt;
}

struct certificate make_certificate(struct database *database, const struct order *order, const char *serial)
{
    struct certificate certificate = {
        .account_id = order->account_id,
        .order_id = order->id,
        .issuer = "main",
        .root_fingerprint = root_fingerprint,
        .serial = serial == NULL ? hexadecimal(database, 32) : serial,
        .leaf = octets(database, 700),
        .chain_pem = BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
        .key_hash = octets(database, 32),
        .not_before = NOW,
        .not_after = NOW + 86400,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_FROM_ACME,
        .created_at = NOW,
    };
    cr_assert_eq(
        store_certificate_insert(database->writer, &certificate, order->identifiers, order->identifier_count),
        STORE_OK);
    return certificate;
}

void make_event(struct database *database, struct event event)
{
    event.at = event.at == 0 ? NOW : event.at;
    event.actor = event.actor == NULL ? "client 192.0.2.7" : event.actor;
    cr_assert_eq(store_event_insert(database->writer, &event), STORE_OK);
}

static void prove(struct database *database, struct authorization *authorization)
{
    authorization->chosen = CHALLENGE_HTTP_01;
    authorization->challenge_status = CHALLENGE_PROCESSING;
    authorization->first_attempt_at = NOW;
    cr_assert_eq(store_authorization_update(database->writer, authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    authorization->status = AUTHORIZATION_VALID;
    authorization->basis = AUTHORIZATION_PROVEN;
    authorization->challenge_status = CHALLENGE_VALID;
    authorization->validated_at = NOW;
    authorization->attempt_count = 1;
    cr_assert_eq(store_authorization_update(database->writer, authorization, AUTHORIZATION_PENDING,
                                            CHALLENGE_PROCESSING),
                 STORE_OK);
}

void fail_authorization(struct database *database, struct authorization *authorization,
                        enum challenge_type type, const char *problem_json)
{
    authorization->chosen = type;
    authorization->challenge_status = CHALLENGE_PROCESSING;
    cr_assert_eq(store_authorization_update(database->writer, authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    authorization->status = AUTHORIZATION_INVALID;
    authorization->challenge_status = CHALLENGE_INVALID;
    authorization->error_json = problem_json;
    cr_assert_eq(store_authorization_update(database->writer, authorization, AUTHORIZATION_PENDING,
                                            CHALLENGE_PROCESSING),
                 STORE_OK);
}

void advance_order(struct database *database, struct order *order, enum order_status status)
{
    while (order->status < status) {
        enum order_status was = order->status++;
        cr_assert_eq(store_order_update(database->writer, order, was), STORE_OK);
    }
}

static void make_issuance_events(struct database *database, const struct order *order)
{
    static const struct {
        enum event_type type;
        const char *actor, *detail;
        bool authorization, certificate;
    } story[] = {
        {EVENT_ORDER_CREATED, NULL, "profile default", false, false},
        {EVENT_CHALLENGE_REQUESTED, NULL, "http-01", true, false},
        {EVENT_CHALLENGE_VALID, "gateway", "http-01: 192.0.2.10:80 answered 200", true, false},
        {EVENT_ORDER_READY, "gateway", NULL, false, false},
        {EVENT_ORDER_FINALIZED, NULL, NULL, false, false},
        {EVENT_ATTEMPT_FAILED, "gateway", "issuer main", false, false},
        {EVENT_RENEWAL_EARLY, "gateway", NULL, false, true},
        {EVENT_ORDER_VALID, "gateway", NULL, false, false},
    };
    for (size_t i = 0; i < sizeof story / sizeof *story; i++) {
        make_event(database, (struct event){
                                 .type = story[i].type,
                                 .actor = story[i].actor,
                                 .detail = story[i].detail,
                                 .account_id = order->account_id,
                                 .order_id = story[i].authorization ? 0 : order->id,
                                 .authorization_id = story[i].authorization ? order->authorization_ids[0] : 0,
                                 .certificate_id = story[i].certificate ? order->certificate_id : 0});
    }
}

struct order make_issued_order(struct database *database, const struct account *account, const char *name,
                               const char *serial)
{
    struct authorization authorization = make_authorization(database, account, name);
    struct order order = make_order(database, account, &authorization, 1);
    prove(database, &authorization);
    advance_order(database, &order, ORDER_READY);
    order.csr = octets(database, 280);
    order.processing_since = NOW;
    advance_order(database, &order, ORDER_PROCESSING);
    struct attempt attempt = make_attempt(database, order.id);
    attempt.status = ATTEMPT_SIGNED;
    attempt.ended_at = NOW;
    attempt.http_status = 201;
    cr_assert_eq(store_attempt_end(database->writer, &attempt), STORE_OK);
    struct certificate certificate = make_certificate(database, &order, serial);
    order.certificate_id = certificate.id;
    order.attempt_count = 1;
    advance_order(database, &order, ORDER_VALID);
    make_issuance_events(database, &order);
    return order;
}
