/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "shell.h"
#include "store/accounts.h"
#include "store/attempts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/orders.h"

bool database_is_postgresql(void)
{
    return getenv("ACMEGATE_UNIT_POSTGRESQL") != NULL;
}

static const struct shell *shell(void)
{
    return database_is_postgresql() ? &postgresql_shell : &sqlite_shell;
}

static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(path);
}

void database_begin(struct database *database)
{
    *database = (struct database){.arena = arena_new()};
    snprintf(database->directory, sizeof database->directory, "/tmp/store-XXXXXX");
    cr_assert_not_null(mkdtemp(database->directory));
    snprintf(database->path, sizeof database->path, "%s/acmegate.db", database->directory);
    const struct store_place place = {.text = shell()->begin(database), .state = database->path};
    database->location = store_location_of(database->arena, &place);
}

void database_connect(struct database *database)
{
    struct fault fault;
    const struct store_location *location = database->location;
    cr_assert(store_migrate(location, NULL, &fault), "%s", fault.message);
    database->writer = location->engine->open_writer(location, &fault);
    cr_assert_not_null(database->writer, "%s", fault.message);
    cr_assert(gateway_enter(database->writer));
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
    shell()->end(database);
    remove_directory(database->directory);
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

void database_run(const struct database *database, const char *sql)
{
    shell()->run(database, sql);
}

const char *database_text(const struct database *database, const char *sql)
{
    return shell()->text(database, sql);
}

int64_t database_count(const struct database *database, const char *sql)
{
    return strtoll(database_text(database, sql), NULL, 10);
}

const char *database_blob(const struct database *database, const char *hexadecimal)
{
    return arena_printf(database->arena, database_is_postgresql() ? "'\\x%s'::bytea" : "x'%s'", hexadecimal);
}

void database_begin_writing(const struct database *database)
{
    struct store_reader *reader = database->writer->reader;
    cr_assert(reader->engine->transactions->begin(reader));
}

void database_end_writing(const struct database *database, bool keep)
{
    struct store_reader *reader = database->writer->reader;
    if (keep)
        cr_assert_eq(reader->engine->transactions->commit(reader), ENGINE_KEPT);
    else
        reader->engine->transactions->roll_back(reader);
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
    cr_assert_eq(getrandom(p, n, 0), (ssize_t)n);
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

void put_into_processing(struct database *database, struct order *order, int64_t next_attempt_at)
{
    order->csr = BYTES_LITERAL("csr");
    order->next_attempt_at = next_attempt_at;
    advance_order(database, order, ORDER_PROCESSING);
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
