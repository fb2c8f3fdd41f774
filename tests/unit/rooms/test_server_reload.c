/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that is read anew while the server runs: what serves at once, what waits, what is refused.
 */
#include <sys/resource.h>

#include "acme/jose/private_key.h"
#include "acme/pki.h"
#include "gateway/kept/own_certificate.h"
#include "good_stepca.h"
#include "server_place.h"

LEAK_CHECKED_SUITE(server_reload);

static struct world_page pages[GOOD_STEPCA_PAGES];

static void begin(const char *was, const char *is)
{
    server_place_begin();
    good_stepca_make(&house.place, pages);
    server_place_start(was, is);
    (void)server_place_log();
}

static void end(void)
{
    server_place_stop();
    server_place_end();
}

/* "" or why not. */
static const char *reload(const char *was, const char *is)
{
    struct fault fault = {0};
    struct config_changes changes;
    struct arena *arena = arena_new();
    bool good = server_reload(house.server, arena, server_place_parse(was, is), &changes, &fault);
    arena_on_free(house.arena, (void (*)(void *))arena_free, arena);
    fakes_pass(100);
    return good ? "" : arena_duplicate(house.arena, fault.message);
}

static const struct {
    const char *was, *is;
    const char *line; /* NULL: none is written about it */
    bool published;
} changes[] = {
    {NULL, NULL, NULL, false},
    {"\"60s\"", "\"61s\"", "info configuration: validation.retry_for is in force\n", true},
    {"\"loops\":3", "\"loops\":4", "warning configuration: loops waits for a restart\n", false},
    {"ca_url\":\"https://ca.test:9000\"", "ca_url\":\"https://ca.test:9000\",\"validity_days\":1",
     "info configuration: issuers.main.validity_days is in force\n", true},
    {"\"directory\":\"", "\"directory\":\"/elsewhere",
     "warning configuration: issuers.local.directory waits for a restart\n", false},
    {"\"profiles\":{", "\"profiles\":{\"new\":{\"issuer\":\"main\"},",
     "info configuration: profiles.new was added\n", true},
    {"\"60s\"", "\"60s\",\"max_concurrent\":5", "info configuration: validation.max_concurrent is in force\n",
     true},
    {"\"loops\":3", "\"loops\":3,\"finalize\":{\"hold_reply\":\"7s\"}",
     "info configuration: finalize.hold_reply is in force\n", true},
    {"\"loops\":3", "\"loops\":3,\"accounts\":{\"export_every\":\"7s\"}",
     "info configuration: accounts.export_every is in force\n", true},
    {"\"endpoints\":{", "\"endpoints\":{\"new\":{\"profiles\":[\"short\"],\"eab\":\"required\"},",
     "info configuration: endpoints.new was added\n", true},
    {",\"keyed\":{\"profiles\":[\"far\"],\"eab\":\"optional\"}", "",
     "info configuration: endpoints.keyed was removed\n", true},
};

Test(server_reload, a_change_serves_at_once_or_waits_and_the_log_says_which)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        begin(NULL, NULL);
        const struct config *before = config_now(house.config);
        cr_expect_str_eq(reload(changes[i].was, changes[i].is), "", "%zu", i);
        const char *log = server_place_log();
        if (changes[i].line == NULL)
            cr_expect_null(strstr(log, "configuration: "), "%zu: %s", i, log);
        else
            cr_expect_not_null(strstr(log, changes[i].line), "%zu: %s", i, log);
        cr_expect_eq(config_now(house.config) != before, changes[i].published, "%zu", i);
        end();
    }
}

Test(server_reload, what_serves_at_once_is_published_beside_what_waits)
{
    begin(NULL, NULL);
    cr_expect_str_eq(reload("\"loops\":3", "\"loops\":4,\"orders\":{\"lifetime\":\"61s\"}"), "");
    cr_expect_eq(config_now(house.config)->order_lifetime_s, 61);
    cr_expect_eq(config_now(house.config)->loops, 3);
    const char *log = server_place_log();
    cr_expect(strstr(log, "orders.lifetime is in force") != NULL &&
                  strstr(log, "loops waits for a restart") != NULL,
              "%s", log);
    end();
}

Test(server_reload, the_front_end_has_room_for_as_many_as_the_newest_says)
{
    begin(NULL, NULL);
    cr_assert_eq(fake_server_max_connections(HOUSE_HTTP), 77);
    const size_t others = fake_server_max_connections(HOUSE_ADMIN);
    cr_expect_str_eq(reload("\"max_connections\":77", "\"max_connections\":99999"), "");
    cr_expect_eq(fake_server_max_connections(HOUSE_HTTP), 99999);
    cr_expect_eq(fake_server_max_connections(HOUSE_ADMIN), others);
    const char *log = server_place_log();
    cr_expect_not_null(strstr(log, "limits.max_connections is in force"), "%s", log);
    struct rlimit files;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    cr_expect_eq(strstr(log, "limits.max_connections is 99999, but only ") != NULL,
                 files.rlim_cur < 99999 + 512, "%s", log);
    end();
}

Test(server_reload, the_issuers_pass_their_preflight_first_and_the_log_has_its_lines)
{
    begin(NULL, NULL);
    const struct issuer *before = issuers_find(house.server->issuers, "main");
    cr_expect_str_eq(
        reload("ca_url\":\"https://ca.test:9000\"", "ca_url\":\"https://ca.test:9000\",\"validity_days\":1"),
        "");
    const char *log = server_place_log();
    cr_expect_not_null(strstr(log, "debug preflight: "), "%s", log);
    cr_expect_not_null(
        strstr(log,
               "warning preflight: issuer main: certificates of acmegate can be renewed at the CA itself"),
        "%s", log);
    cr_expect_null(strstr(log, "debug preflight: issuer main: certificates of acmegate can be renewed"));
    cr_expect_neq(issuers_find(house.server->issuers, "main"), before);
    end();
}

static const struct {
    const char *was, *is;
    const char *words;
} refusals[] = {
    {"https://ca.test:9000", "https://nobody.test:9000", "nobody.test"},
    {"/provisioner.json", "/nowhere.json", "nowhere.json"},
};

Test(server_reload, what_is_refused_changes_nothing)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        begin(NULL, NULL);
        const struct config *before = config_now(house.config);
        const struct issuer *issuer = issuers_find(house.server->issuers, "main");
        const char *why = reload(refusals[i].was, refusals[i].is);
        cr_expect_not_null(strstr(why, refusals[i].words), "%zu: %s", i, why);
        cr_expect_eq(config_now(house.config), before);
        cr_expect_eq(issuers_find(house.server->issuers, "main"), issuer);
        cr_expect_null(strstr(server_place_log(), "configuration: "));
        end();
    }
}

Test(server_reload, what_does_not_fit_what_waits_is_refused)
{
    begin(NULL, NULL);
    const char *why =
        reload("\"tls\":{\"issuer\":\"local\"}", "\"tls\":{\"cert\":\"/c.crt\",\"key\":\"/c.key\"}");
    cr_expect_not_null(strstr(why, "conflict with changes that wait for a restart: "), "%s", why);
    end();
}

Test(server_reload, what_the_admin_API_has_set_stays)
{
    begin(NULL, NULL);
    const struct issuer *issuer = issuers_find(house.server->issuers, "main");
    ((struct issuer_config *)(uintptr_t)issuer->config)->overridden = true;
    cr_expect_str_eq(reload("https://ca.test:9000", "https://nobody.test:9000"), "");
    const char *log = server_place_log();
    cr_expect_not_null(
        strstr(log, "warning configuration: issuers.main.ca_url has no effect while issuer main follows "
                    "the admin API; 'acmegate issuer reset main' returns to the file\n"),
        "%s", log);
    end();
}

Test(server_reload, the_export_of_accounts_begins_with_its_path)
{
    begin(NULL, NULL);
    cr_assert_null(house.server->account_exporter);
    const char *path = arena_printf(house.arena, "%s/accounts", house.place.folder);
    cr_expect_str_eq(
        reload("\"loops\":3",
               arena_printf(house.arena, "\"loops\":3,\"accounts\":{\"export_path\":\"%s\"}", path)),
        "");
    cr_assert_not_null(house.server->account_exporter);
    struct account_exporter *exporter = house.server->account_exporter;
    cr_expect_str_eq(reload(NULL, NULL), "");
    cr_expect_eq(house.server->account_exporter, exporter);
    end();
}

/* ---- the own certificate from files ---- */

static void write_certificate_until(const char *name, const char *key_name, int64_t end)
{
    EVP_PKEY *key = pki_key(house.arena, "P-256");
    X509 *certificate = pki_certificate(house.arena, &(struct pki_certificate){.key = key,
                                                                               .common_name = "acme.test",
                                                                               .names = "DNS:acme.test",
                                                                               .not_before = NOW - 60,
                                                                               .not_after = end});
    place_write(&house.place, name, (const char *)pki_pem(house.arena, certificate).p);
    place_write(&house.place, key_name,
                (const char *)private_key_to_pem(house.arena, key, (struct bytes){0}).p);
}

static void write_certificate(const char *name, const char *key_name)
{
    write_certificate_until(name, key_name, NOW + 86400);
}

Test(server_reload, the_files_of_the_own_certificate_are_read_anew)
{
    server_place_begin();
    good_stepca_make(&house.place, pages);
    write_certificate("tls.crt", "tls.key");
    const char *files = arena_printf(house.arena, "\"tls\":{\"cert\":\"%s/tls.crt\",\"key\":\"%s/tls.key\"}",
                                     house.place.folder, house.place.folder);
    static const char was[] = "\"tls\":{\"issuer\":\"local\"}";
    server_place_start(was, files);
    size_t before = fake_server_certificates(HOUSE_HTTP);
    cr_expect_gt(before, 0);
    cr_expect_str_eq(reload(was, files), "");
    cr_expect_eq(fake_server_certificates(HOUSE_HTTP), before + 1);
    cr_expect_eq(fake_server_certificates(HOUSE_ADMIN), before + 1);

    write_certificate("tls.crt", "other.key");
    const char *why = reload(was, files);
    cr_expect_not_null(strstr(why, "tls.key"), "%s", why);
    cr_expect_eq(fake_server_certificates(HOUSE_HTTP), before + 1);
    end();
}

/* ---- all or nothing ---- */

static void spoil_nothing(void)
{
}

static void spoil_chain(void)
{
    place_write(&house.place, "tls.crt", "no certificate");
}

static void spoil_key(void)
{
    write_certificate("tls.crt", "other.key");
}

static void spoil_front_end(void)
{
    fake_server_refuse_certificates(HOUSE_HTTP);
}

static void spoil_admin(void)
{
    fake_server_refuse_certificates(HOUSE_ADMIN);
}

static void spoil_ca(void)
{
    server_place_change("https://ca.test:9000", "https://nobody.test:9000");
}

static void spoil_provisioner(void)
{
    place_write(&house.place, "provisioner.json", "no key");
}

static void spoil_new_issuer(void)
{
    server_place_change("\"issuers\":{",
                        "\"issuers\":{\"more\":{\"type\":\"local\",\"directory\":\"/dev/null/more\"},");
}

static void spoil_secrets(void)
{
    place_write(&house.place, "acmegate.db.secret", "no key");
}

static const char from_issuer[] = "\"tls\":{\"issuer\":\"local\"}";

static const char *from_files(void)
{
    return arena_printf(house.arena, "\"tls\":{\"cert\":\"%s/tls.crt\",\"key\":\"%s/tls.key\"}",
                        house.place.folder, house.place.folder);
}

static void spoil_name_servers(void)
{
    fake_outbound_fail_name_servers(true);
}

static void spoil_rules(void)
{
    server_place_change(from_files(), from_issuer);
}

static const struct {
    const char *name;
    void (*spoil)(void);
    const char *words;  /* NULL: it is taken in */
    bool without_admin; /* so that secrets are needed only from the reload on */
} parts[] = {
    {"nothing", spoil_nothing, NULL, false},
    {"nothing, without an admin API", spoil_nothing, NULL, true},
    {"the chain of the own certificate", spoil_chain, "contains no certificate", false},
    {"the key of the own certificate", spoil_key, "is not the key of the first certificate", false},
    {"a listener", spoil_front_end, "no loop can use this certificate", false},
    {"the admin's listener", spoil_admin, "no loop can use this certificate", false},
    {"a CA that does not answer", spoil_ca, "nobody.test", false},
    {"a provisioner's key", spoil_provisioner, "provisioner.json", false},
    {"a new issuer", spoil_new_issuer, "issuers.more: ", false},
    {"the name servers", spoil_name_servers, "the system's name servers cannot be read", false},
    {"the secret key", spoil_secrets, "acmegate.db.secret", true},
    {"rules between keys", spoil_rules, "conflict with changes that wait for a restart", false},
};

struct state {
    const struct config *config;
    const struct issuer *issuer;
    const struct secret_box *secrets;
    size_t http, admin, names;
    int64_t end;
};

static struct state look(void)
{
    struct own_certificate_expiry expiry;
    own_certificate_read_expiry(house.server->own_certificate, &expiry);
    return (struct state){.config = config_now(house.config),
                          .issuer = issuers_find(house.server->issuers, "main"),
                          .secrets = house.server->secrets,
                          .http = fake_server_certificates(HOUSE_HTTP),
                          .admin =
                              fake_server(HOUSE_ADMIN) == NULL ? 0 : fake_server_certificates(HOUSE_ADMIN),
                          .names = fake_outbound_name_servers_used(),
                          .end = expiry.leaf};
}

/* A file that changes every part of the server, with one part that cannot be used. */
Test(server_reload, each_part_that_fails_leaves_all_as_it_was)
{
    static const char keyed[] = ",\"keyed\":{\"profiles\":[\"far\"],\"eab\":\"optional\"}";
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        server_place_begin();
        good_stepca_make(&house.place, pages);
        write_certificate("tls.crt", "tls.key");
        server_place_change(keyed, "");
        if (parts[i].without_admin)
            server_place_change(
                arena_printf(house.arena, "\"admin\":{\"socket\":\"%s/socket\"},", house.place.folder), "");
        server_place_change(from_issuer, from_files());
        server_place_start(NULL, NULL);
        (void)server_place_log();
        struct state before = look();
        cr_assert(before.issuer != NULL && before.end != 0, "%s", parts[i].name);
        cr_assert_eq(before.secrets == NULL, parts[i].without_admin, "%s", parts[i].name);

        write_certificate_until("tls.crt", "tls.key", NOW + 2 * 86400);
        server_place_change("\"far\"]}}", arena_printf(house.arena, "\"far\"]}%s}", keyed));
        server_place_change("ca_url\":\"https://ca.test:9000\"",
                            "ca_url\":\"https://ca.test:9000\",\"validity_days\":1");
        server_place_change("\"60s\"", "\"61s\"");
        parts[i].spoil();
        const char *why = reload(NULL, NULL);
        struct state after = look();
        if (parts[i].words == NULL) {
            cr_expect_str_eq(why, "");
            cr_expect(after.config != before.config && after.config->validation.retry_for_s == 61);
            cr_expect_neq(after.issuer, before.issuer);
            cr_expect_neq(after.secrets, NULL);
            cr_expect_eq(after.http, before.http + 1);
            cr_expect_eq(after.names, before.names + 1);
            cr_expect_eq(after.admin, before.admin + (parts[i].without_admin ? 0 : 1));
            cr_expect_eq(after.end, NOW + 2 * 86400);
        } else {
            cr_expect_not_null(strstr(why, parts[i].words), "%s: '%s'", parts[i].name, why);
            cr_expect_eq(after.config, before.config, "%s", parts[i].name);
            cr_expect_eq(after.issuer, before.issuer, "%s", parts[i].name);
            cr_expect_eq(after.secrets, before.secrets, "%s", parts[i].name);
            cr_expect_eq(after.names, before.names, "%s", parts[i].name);
            cr_expect(after.http == before.http && after.admin == before.admin, "%s", parts[i].name);
            cr_expect_eq(after.end, before.end, "%s", parts[i].name);
            cr_expect_null(strstr(server_place_log(), "configuration: "), "%s", parts[i].name);
        }
        end();
        fake_outbound_fail_name_servers(false);
    }
}
