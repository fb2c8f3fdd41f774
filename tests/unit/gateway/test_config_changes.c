/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that is read anew: what of it serves at once, and what waits for a restart. */
#include "gateway/config/config_changes.h"

#include "leaks.h"

LEAK_CHECKED_SUITE(config_changes);

/* Each text is the running configuration with one place changed: `was` is replaced by `is`. */
static const char running_text[] =
    "{\"base_url\":\"https://acme.test\",\"alternate_names\":[\"acme2.test\"],\"listen\":[\"127.0.0.1:1\"],"
    "\"trusted_proxies\":[\"10.0.0.5\"],"
    "\"database\":\"/db\",\"tls\":{\"issuer\":\"ca\"},\"loops\":2,"
    "\"admin\":{\"socket\":\"/socket\"},"
    "\"issuers\":{\"ca\":{\"type\":\"stepca\",\"ca_url\":\"https://ca.test:9000\",\"provisioner_name\":\"p\","
    "\"provisioner_key_path\":\"/key\",\"root_cert_path\":\"/root\",\"provisioner_password\":\"one\","
    "\"alternate_chains\":[\"/a\",\"/b\"]},"
    "\"local\":{\"type\":\"local\",\"directory\":\"/local\"}},"
    "\"profiles\":{\"p\":{\"issuer\":\"ca\",\"max_ttl\":\"1h\",\"key_types\":[\"P-256\"]},"
    "\"q\":{\"issuer\":\"local\"}},"
    "\"endpoints\":{\"e\":{\"profiles\":[\"p\"],\"challenges\":[\"http-01\"],\"eab\":\"required\","
    "\"trusted\":{\"networks\":[\"10.0.0.0/8\"]},\"authorization_lifetime\":\"2h\"}},"
    "\"limits\":{\"orders_per_name\":\"10/1h\"},"
    "\"validation\":{\"http_port\":80,\"retry_for\":\"60s\",\"allow_addresses\":[\"127.0.0.0/8\",\"::1\"]}}";

static const struct config *parse(struct arena *arena, const char *was, const char *is)
{
    struct config_errors errors = {0};
    const char *at = was == NULL ? NULL : strstr(running_text, was);
    const char *text = running_text;
    if (was != NULL) {
        cr_assert_not_null(at, "%s", was);
        text = arena_printf(arena, "%.*s%s%s", (int)(at - running_text), running_text, is, at + strlen(was));
    }
    const struct config *config = config_parse(arena, "test.json", bytes_from_string(text), NULL, &errors);
    cr_assert(config != NULL, "%s: %s", is, errors.count > 0 ? errors.lines[0] : "");
    return config;
}

static const struct {
    const char *was, *is;
    const char *path, *section; /* of the one change; NULL: there is none */
    bool at_once;
} changes[] = {
    {"\"loops\":2", "\"loops\":2", NULL, NULL, false},
    {"\"loops\":2", "\"loops\":3", "loops", NULL, false},
    {"127.0.0.1:1", "127.0.0.1:2", "listen", NULL, false},
    {"127.0.0.1:1", "127.0.0.2:1", "listen", NULL, false},
    {"[\"127.0.0.1:1\"]", "[\"127.0.0.1:1\",\"127.0.0.1:2\"]", "listen", NULL, false},
    {"[\"127.0.0.1:1\"]", "[{\"address\":\"127.0.0.1:1\"}]", NULL, NULL, false},
    {"[\"127.0.0.1:1\"]", "[{\"address\":\"127.0.0.1:1\",\"tls\":false}]", "listen", NULL, false},
    {"[\"127.0.0.1:1\"]", "[{\"address\":\"127.0.0.1:1\",\"proxy_protocol\":true}]", "listen", NULL, false},
    {"[\"127.0.0.1:1\"]", "[{\"address\":\"127.0.0.1:1\",\"forwarded_headers\":true}]", "listen", NULL,
     false},
    {"[\"10.0.0.5\"]", "[\"10.0.0.6\"]", "trusted_proxies", NULL, true},
    {"/socket", "/other", "admin.socket", NULL, false},
    {"\"http_port\":80", "\"http_port\":81", "validation.http_port", NULL, true},
    {"\"http_port\":80", "\"http_port\":336", "validation.http_port", NULL, true},
    {"\"60s\"", "\"61s\"", "validation.retry_for", NULL, true},
    {"[\"127.0.0.0/8\",\"::1\"]", "[\"127.0.0.0/8\"]", "validation.allow_addresses", NULL, true},
    {"[\"127.0.0.0/8\",\"::1\"]", "[\"127.0.0.0/8\",\"::2\"]", "validation.allow_addresses", NULL, true},
    {"[\"127.0.0.0/8\",\"::1\"]", "[\"127.0.0.0/9\",\"::1\"]", "validation.allow_addresses", NULL, true},
    {"10/1h", "11/1h", "limits.orders_per_name", NULL, true},
    {"10/1h", "10/2h", "limits.orders_per_name", NULL, true},
    {"\"max_ttl\":\"1h\"", "\"max_ttl\":\"2h\"", "profiles.p.max_ttl", "p", true},
    {"[\"P-256\"]", "[\"P-384\"]", "profiles.p.key_types", "p", true},
    {"[\"P-256\"]", "[\"P-256\",\"P-384\"]", "profiles.p.key_types", "p", true},
    {"[\"http-01\"]", "[\"dns-01\"]", "endpoints.e.challenges", "e", true},
    {"\"eab\":\"required\"", "\"eab\":\"optional\"", "endpoints.e.eab", "e", true},
    {"\"acme2.test\"", "\"acme3.test\"", "alternate_names", NULL, true},
    {"https://acme.test\"", "https://acme4.test\"", "base_url", NULL, true},
    {"\"p\":{\"issuer\":\"ca\"", "\"p\":{\"issuer\":\"local\"", "profiles.p.issuer", "p", true},
    {"\"profiles\":[\"p\"]", "\"profiles\":[\"p\",\"q\"]", "endpoints.e.profiles", "e", true},
    {"10.0.0.0/8", "10.0.0.0/9", "endpoints.e.trusted.networks", "e", true},
    {"\"2h\"", "\"3h\"", "endpoints.e.authorization_lifetime", "e", true},
    {"\"2h\"}", "\"2h\",\"website\":\"https://acme.test/about\"}", "endpoints.e.website", "e", true},
    {"ca.test:9000", "ca.test:9001", "issuers.ca.ca_url", "ca", true},
    {"\"one\"", "\"two\"", "issuers.ca.provisioner_password", "ca", true},
    {"\"one\"", "\"onetwo\"", "issuers.ca.provisioner_password", "ca", true},
    {"[\"/a\",\"/b\"]", "[\"/a\",\"/c\"]", "issuers.ca.alternate_chains", "ca", true},
    {"[\"/a\",\"/b\"]", "[\"/a\"]", "issuers.ca.alternate_chains", "ca", true},
    {"\"/local\"", "\"/elsewhere\"", "issuers.local.directory", "local", false},
    {"\"q\":{\"issuer\":\"local\"}", "\"q\":{\"issuer\":\"local\"},\"r\":{\"issuer\":\"ca\"}", "profiles.r",
     "r", true},
    {",\"q\":{\"issuer\":\"local\"}", "", "profiles.q", "q", true},
    {"\"endpoints\":{", "\"endpoints\":{\"f\":{\"profiles\":[\"q\"]},", "endpoints.f", "f", true},
    {"\"issuers\":{", "\"issuers\":{\"new\":{\"type\":\"local\",\"directory\":\"/new\"},", "issuers.new",
     "new", true},
};

/* A change in force is no difference when the same file is read again; a waiting one still is. */
Test(config_changes, each_key_serves_at_once_or_waits)
{
    struct arena *arena = arena_new();
    const struct config *running = parse(arena, NULL, NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const char *is = changes[i].is;
        struct fault fault = {0};
        struct config_changes found, again;
        const struct config *fresh = parse(arena, changes[i].was, is);
        const struct config *next = config_take(arena, running, fresh, &found, &fault);
        cr_assert(next != NULL, "%s: %s", is, fault.message);
        cr_assert_eq(found.count, changes[i].path != NULL, "%s: %zu", is, found.count);
        if (found.count == 1) {
            cr_expect_str_eq(found.items[0].path, changes[i].path, "%s: %s", is, found.items[0].path);
            cr_expect_eq(found.items[0].at_once, changes[i].at_once, "%s", is);
            cr_expect_str_eq(found.items[0].section == NULL ? "" : found.items[0].section,
                             changes[i].section == NULL ? "" : changes[i].section, "%s", is);
            cr_expect_eq(found.items[0].is_issuer, strncmp(changes[i].path, "issuers.", 8) == 0, "%s", is);
        }
        cr_assert_not_null(config_take(arena, next, fresh, &again, &fault));
        cr_expect_eq(again.count, found.count == 1 && !changes[i].at_once, "%s: %zu", is, again.count);
        cr_assert_not_null(config_take(arena, running, running, &again, &fault));
        cr_expect_eq(again.count, 0, "%s changed what serves", is);
    }
    arena_free(arena);
}

/* An issuer of another type is another issuer: all of it waits. */
Test(config_changes, another_type_of_issuer_waits_as_a_whole)
{
    struct arena *arena = arena_new();
    struct config_changes found;
    struct fault fault = {0};
    const struct config *running = parse(arena, NULL, NULL);
    const struct config *fresh =
        parse(arena, "{\"type\":\"local\",\"directory\":\"/local\"}",
              "{\"type\":\"stepca\",\"ca_url\":\"https://ca.test:9002\",\"provisioner_name\":\"p\","
              "\"provisioner_key_path\":\"/key\",\"root_cert_path\":\"/root\"}");
    const struct config *next = config_take(arena, running, fresh, &found, &fault);
    cr_assert_not_null(next);
    cr_expect(found.count >= 5, "%zu", found.count);
    for (size_t i = 0; i < found.count; i++)
        cr_expect_not(found.items[i].at_once, "%s", found.items[i].path);
    cr_expect_eq(config_issuer(next, "local")->type, ISSUER_LOCAL);
    cr_expect_null(config_issuer(next, "local")->ca_url);
    arena_free(arena);
}

static const struct config_change *find_change(const struct config_changes *found, const char *path)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->items[i].path, path) == 0)
            return &found->items[i];
    return NULL;
}

/* A section takes all of its keys with it. What refers to a new section is looked up among the new ones. */
Test(config_changes, sections_come_and_go_together)
{
    struct arena *arena = arena_new();
    struct config_changes found, again;
    struct fault fault = {0};
    const struct config *running = parse(arena, NULL, NULL);
    const struct config *fresh =
        parse(arena, ",\"q\":{\"issuer\":\"local\"}},\"endpoints\":{",
              ",\"r\":{\"issuer\":\"ca\",\"max_ttl\":\"3h\"}},\"endpoints\":{\"f\":{\"profiles\":[\"r\"]},");
    const struct config *next = config_take(arena, running, fresh, &found, &fault);
    cr_assert(next != NULL, "%s", fault.message);
    static const struct {
        const char *path;
        enum config_change_kind kind;
    } wanted[] = {{"profiles.r", CONFIG_SECTION_ADDED},
                  {"profiles.q", CONFIG_SECTION_REMOVED},
                  {"endpoints.f", CONFIG_SECTION_ADDED}};
    cr_expect_eq(found.count, 3);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct config_change *change = find_change(&found, wanted[i].path);
        cr_assert_not_null(change, "%s", wanted[i].path);
        cr_expect_eq(change->kind, wanted[i].kind, "%s", wanted[i].path);
        cr_expect(change->at_once, "%s", wanted[i].path);
    }
    cr_expect_eq(next->profile_count, 2);
    cr_expect_eq(next->endpoint_count, 2);
    config_publish(running, next);
    cr_expect_eq(config_profile(running, "r")->max_ttl_s, 3 * 3600);
    cr_expect_null(config_profile(running, "q"));
    cr_expect_str_eq(config_endpoint(running, BYTES_LITERAL("f"))->profiles[0], "r");
    cr_assert_not_null(config_take(arena, next, fresh, &again, &fault));
    cr_expect_eq(again.count, 0);
    arena_free(arena);
}

/* Its certificates may have to be revoked. */
Test(config_changes, a_removed_issuer_stays_until_a_restart)
{
    struct arena *arena = arena_new();
    struct config_changes found;
    struct fault fault = {0};
    const struct config *running = parse(arena, NULL, NULL);
    const struct config *fresh =
        parse(arena,
              ",\"local\":{\"type\":\"local\",\"directory\":\"/"
              "local\"}},\"profiles\":{\"p\":{\"issuer\":\"ca\",\"max_ttl\":"
              "\"1h\",\"key_types\":[\"P-256\"]},\"q\":{\"issuer\":\"local\"}}",
              "},\"profiles\":{\"p\":{\"issuer\":\"ca\",\"max_ttl\":\"1h\",\"key_types\":[\"P-256\"]}}");
    const struct config *next = config_take(arena, running, fresh, &found, &fault);
    cr_assert(next != NULL, "%s", fault.message);
    const struct config_change *issuer = find_change(&found, "issuers.local");
    cr_assert_not_null(issuer);
    cr_expect(issuer->kind == CONFIG_SECTION_REMOVED && !issuer->at_once && issuer->is_issuer);
    cr_expect(find_change(&found, "profiles.q")->at_once);
    cr_expect_eq(found.count, 2);
    cr_expect_str_eq(config_issuer(next, "local")->directory, "/local");
    cr_expect_eq(next->issuer_count, 2);
    cr_expect_eq(next->profile_count, 1);
    arena_free(arena);
}

/* Extended key usages are for issuers of type local. Here the issuer's type waits, and the profile's usages
 * do not. */
Test(config_changes, what_does_not_fit_what_waits_is_refused)
{
    struct arena *arena = arena_new();
    struct config_changes found;
    struct fault fault = {0};
    const struct config *running = parse(arena, NULL, NULL);
    const struct config *fresh = parse(
        arena,
        "\"issuers\":{\"ca\":{\"type\":\"stepca\",\"ca_url\":\"https://"
        "ca.test:9000\",\"provisioner_name\":\"p\","
        "\"provisioner_key_path\":\"/key\",\"root_cert_path\":\"/root\",\"provisioner_password\":\"one\","
        "\"alternate_chains\":[\"/a\",\"/b\"]},"
        "\"local\":{\"type\":\"local\",\"directory\":\"/local\"}},\"profiles\":{\"p\":{\"issuer\":\"ca\",",
        "\"issuers\":{\"ca\":{\"type\":\"local\",\"directory\":\"/other\"},"
        "\"local\":{\"type\":\"local\",\"directory\":\"/local\"}},\"profiles\":{\"p\":{\"issuer\":\"ca\","
        "\"extended_key_usages\":[\"serverAuth\"],");
    cr_expect_null(config_take(arena, running, fresh, &found, &fault));
    cr_expect(strstr(fault.message, "conflict with changes that wait for a restart: ") != NULL &&
                  strstr(fault.message, "profiles.p.extended_key_usages") != NULL,
              "%s", fault.message);
    arena_free(arena);
}

Test(config_changes, the_newest_is_what_was_published_last)
{
    struct arena *arena = arena_new();
    struct config first = *parse(arena, NULL, NULL);
    first.versions = NULL;
    cr_expect_eq(config_now(&first), &first, "alone it is the newest");
    first.versions = config_versions_new(arena, &first);
    cr_expect_eq(config_now(&first), &first);
    const struct config *next = parse(arena, "\"max_ttl\":\"1h\"", "\"max_ttl\":\"2h\"");
    config_publish(&first, next);
    cr_expect_eq(config_now(&first), next);
    cr_expect_eq(config_profile(&first, "p")->max_ttl_s, 7200);
    cr_expect_null(config_profile(&first, "r"));
    arena_free(arena);
}
