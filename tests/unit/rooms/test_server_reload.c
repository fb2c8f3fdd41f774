/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that is read anew while the server runs: what serves at once, what waits, what is refused.
 */
#include "acme/jose/private_key.h"
#include "acme/pki.h"
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
    cr_expect_str_eq(reload("\"max_connections\":77},\"validation\":{\"retry_for\":\"60s\"}",
                            "\"max_connections\":78},\"validation\":{\"retry_for\":\"61s\"}"),
                     "");
    cr_expect_eq(config_now(house.config)->validation.retry_for_s, 61);
    cr_expect_eq(config_now(house.config)->max_connections, 77);
    const char *log = server_place_log();
    cr_expect(strstr(log, "validation.retry_for is in force") != NULL &&
                  strstr(log, "limits.max_connections waits for a restart") != NULL,
              "%s", log);
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

/* ---- the own certificate from files ---- */

static void write_certificate(const char *name, const char *key_name)
{
    EVP_PKEY *key = pki_key(house.arena, "P-256");
    X509 *certificate = pki_certificate(house.arena, &(struct pki_certificate){.key = key,
                                                                               .common_name = "acme.test",
                                                                               .names = "DNS:acme.test",
                                                                               .not_before = NOW - 60,
                                                                               .not_after = NOW + 86400});
    place_write(&house.place, name, (const char *)pki_pem(house.arena, certificate).p);
    place_write(&house.place, key_name,
                (const char *)private_key_to_pem(house.arena, key, (struct bytes){0}).p);
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
