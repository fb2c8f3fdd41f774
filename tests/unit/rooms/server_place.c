/* SPDX-License-Identifier: Apache-2.0 */
#include "server_place.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/buffer.h"
#include "acme/pki.h"
#include "gateway/runtime/log.h"

enum { LOG_BYTES = 64 * 1024, DAY_S = 86400, ROOT_DAYS = 3650 };

struct server_place house;

static char heard[LOG_BYTES];

static const char configuration[] =
    "{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:1\"],\"pki_listen\":[\"127.0.0.1:2\"],"
    "\"database\":\"%s/acmegate.db\",\"loops\":3,\"tls\":{\"issuer\":\"local\"},"
    "\"admin\":{\"socket\":\"%s/socket\"},"
    "\"issuers\":{\"local\":{\"type\":\"local\",\"directory\":\"%s/local\"},"
    "\"main\":{\"type\":\"stepca\",\"ca_url\":\"https://ca.test:9000\",\"provisioner_name\":\"acmegate\","
    "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/root.crt\"}},"
    "\"profiles\":{\"default\":{\"issuer\":\"local\"},\"short\":{\"issuer\":\"local\"},"
    "\"far\":{\"issuer\":\"main\"}},"
    "\"endpoints\":{\"acme\":{\"profiles\":[\"default\",\"short\",\"far\"]},"
    "\"keyed\":{\"profiles\":[\"far\"],\"eab\":\"optional\"}},"
    "\"limits\":{\"max_connections\":77},\"validation\":{\"retry_for\":\"60s\"}}";

static void hear(struct bytes line)
{
    size_t n = strlen(heard);
    snprintf(heard + n, sizeof heard - n, "%.*s", (int)line.n, (const char *)line.p);
}

const char *server_place_log(void)
{
    const char *log = arena_duplicate(house.arena, heard);
    heard[0] = '\0';
    return log;
}

void server_place_begin(void)
{
    house = (struct server_place){0};
    place_begin(&house.place);
    house.arena = house.place.arena;
    house.database = (struct database){.arena = house.arena};
    snprintf(house.database.path, sizeof house.database.path, "%s/acmegate.db", house.place.folder);
    house.database.location = store_location_new(house.arena, house.database.path);
    fake_clock_set(NOW * 1000);
    EVP_PKEY *key = pki_key(house.arena, "P-256");
    X509 *root = pki_certificate(house.arena,
                                 &(struct pki_certificate){.key = key,
                                                           .common_name = "Root",
                                                           .is_ca = true,
                                                           .not_before = NOW - DAY_S,
                                                           .not_after = NOW + (int64_t)ROOT_DAYS * DAY_S});
    place_write(&house.place, "root.crt", (const char *)pki_pem(house.arena, root).p);
    cr_assert_eq(mkdir(arena_printf(house.arena, "%s/local", house.place.folder), 0700), 0);
    const char *folder = house.place.folder;
    house.text = arena_printf(house.arena, configuration, folder, folder, folder, folder, folder);
    heard[0] = '\0';
    log_set_level(LOG_LEVEL_DEBUG);
    fake_log_listen(hear);
}

void server_place_end(void)
{
    fake_log_listen(NULL);
    place_end(&house.place);
}

static const char *changed(const char *was, const char *is)
{
    if (was == NULL)
        return house.text;
    const char *at = strstr(house.text, was);
    cr_assert_not_null(at, "%s", was);
    return arena_printf(house.arena, "%.*s%s%s", (int)(at - house.text), house.text, is, at + strlen(was));
}

void server_place_change(const char *was, const char *is)
{
    house.text = changed(was, is);
}

const struct config *server_place_parse(const char *was, const char *is)
{
    struct config_errors errors = {0};
    const char *text = changed(was, is);
    const struct config *config =
        config_parse(house.arena, "test.json", bytes_from_string(text), (char *const[]){NULL}, &errors);
    cr_assert(config != NULL, "%s: %s", is, errors.lines[0]);
    return config;
}

const char *server_place_try(const char *was, const char *is)
{
    struct fault fault = {0};
    house.config = server_place_parse(was, is);
    fake_store_use(house.database.location, NULL);
    house.server = server_start(house.config, "test.json", &fault);
    if (house.server == NULL) {
        cr_expect_str_not_empty(fault.message);
        fake_agenda_clear();
        return arena_duplicate(house.arena, fault.message);
    }
    house.database.writer = fake_store_command()->writer;
    fakes_pass(1500);
    return "";
}

void server_place_start(const char *was, const char *is)
{
    const char *why = server_place_try(was, is);
    cr_assert_not_null(house.server, "%s", why);
}

void server_place_stop(void)
{
    fake_outbound_end_all();
    server_stop(house.server);
    house.server = NULL;
    fake_agenda_clear();
}

struct fake_reply *server_place_get(size_t front_end, const char *target)
{
    struct http_request request = {.method = BYTES_LITERAL("GET"),
                                   .target = bytes_from_string(target),
                                   .path = bytes_from_string(target),
                                   .host = BYTES_LITERAL("acme.test"),
                                   .local_user = front_end == HOUSE_ADMIN ? (int64_t)getuid() : -1,
                                   .client_address = "192.0.2.1",
                                   .client_network = "192.0.2.1"};
    struct fake_reply *reply = place_deliver(&house.place, front_end, &request);
    fakes_settle();
    cr_assert(reply->done, "%s: no answer", target);
    return reply;
}

const char *server_place_metric(const char *name)
{
    struct fake_reply *reply = server_place_get(HOUSE_ADMIN, "/metrics");
    cr_assert_eq(reply->status, 200);
    const char *text = arena_string(house.arena, reply->body);
    const char *line = arena_printf(house.arena, "\n%s ", name);
    const char *at = strstr(text, line);
    if (at == NULL)
        return "";
    at += strlen(line);
    return arena_string(house.arena, bytes_of(at, strcspn(at, "\n")));
}

struct order server_place_order(const char *profile, const char *name, int64_t since)
{
    struct account account =
        make_account(&house.database, arena_printf(house.arena, "%s%lld", name, (long long)since));
    struct authorization authorization = make_authorization(&house.database, &account, name);
    struct order order = make_order(&house.database, &account, &authorization, 1);
    advance_order(&house.database, &order, ORDER_READY);
    order.csr = BYTES_LITERAL("no request");
    order.processing_since = since;
    order.next_attempt_at = NOW;
    advance_order(&house.database, &order, ORDER_PROCESSING);
    database_run(&house.database,
                 arena_printf(house.arena,
                              "UPDATE orders SET profile = '%s', processing_since = %lld WHERE id = %lld",
                              profile, (long long)since, (long long)order.id));
    return order;
}
