/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers that take the place of others while the server runs: all of them, or none. */
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/ca/issuers.h"
#include "leaks.h"
#include "place.h"
#include "store/sqlite/session.h"

LEAK_CHECKED_SUITE(issuers);

static struct place place;
static const struct config *config;
static struct outbound *outbound;
static const struct store_location *location;
static struct store *store;
static struct issuers *issuers;
static const char *faults[2];
static size_t fault_count, preflights;

static void preflight(void *context, const struct issuer_config *section, struct issuer_preflight *out)
{
    (void)context;
    cr_expect_eq(section->type, ISSUER_STEPCA);
    preflights++;
    out->faults = faults;
    out->fault_count = fault_count;
    out->key_id = fault_count == 0 ? "the new key" : NULL;
}

static void after_all_threads(void *context, void (*over)(void *what), void *what)
{
    (void)context;
    over(what);
}

/* The text with the place's folder for each FOLDER. */
static const char *in_folder(const char *text)
{
    static const char word[] = "FOLDER";
    const char *at = strstr(text, word);
    return at == NULL ? text
                      : arena_printf(place.arena, "%.*s%s%s", (int)(at - text), text, place.folder,
                                     in_folder(at + sizeof word - 1));
}

#define MORE_STEPCA \
    ",\"more\":{\"type\":\"stepca\",\"ca_url\":\"https://more.test:9000\",\"provisioner_name\":\"p\"," \
    "\"provisioner_key_path\":\"FOLDER/provisioner.json\",\"root_cert_path\":\"FOLDER/root.crt\"}"

/* Two of type stepca and one of type local; `url` is the second one's. */
static const struct config *parse(const char *url, const char *more)
{
    struct config_errors errors;
    const char *folder = place.folder;
    const char *text = arena_printf(
        place.arena,
        "{\"base_url\":\"https://acme.test\",\"listen\":[\"127.0.0.1:1\"],\"database\":\"%s/acmegate.db\","
        "\"tls\":{\"issuer\":\"one\"},\"issuers\":{"
        "\"one\":{\"type\":\"stepca\",\"ca_url\":\"https://one.test:9000\",\"provisioner_name\":\"p\","
        "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/root.crt\"},"
        "\"two\":{\"type\":\"stepca\",\"ca_url\":\"%s\",\"provisioner_name\":\"p\","
        "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/root.crt\"},"
        "\"local\":{\"type\":\"local\",\"directory\":\"%s/local\"}%s},"
        "\"profiles\":{\"p\":{\"issuer\":\"one\"},\"q\":{\"issuer\":\"two\",\"max_ttl\":\"1h\"}},"
        "\"endpoints\":{\"e\":{\"profiles\":[\"p\"]}}}",
        folder, folder, folder, url, folder, folder, folder, in_folder(more));
    const struct config *parsed =
        config_parse(place.arena, "test.json", bytes_from_string(text), (char *const[]){NULL}, &errors);
    cr_assert(parsed != NULL, "%s", errors.lines[0]);
    return parsed;
}

static void begin(bool overridden)
{
    struct fault fault = {0};
    place_begin(&place);
    cr_assert_eq(mkdir(arena_printf(place.arena, "%s/local", place.folder), 0700), 0);
    cr_assert_eq(mkdir(arena_printf(place.arena, "%s/more", place.folder), 0700), 0);
    preflights = fault_count = 0;
    config = parse("https://two.test:9000", "");
    location = store_location_new(place.arena, config->database);
    fake_store_use(location, NULL);
    store = store_open(location, STORE_MIGRATE, &fault);
    outbound = outbound_start(NULL, NULL);
    issuers =
        issuers_new(&(struct issuers_parts){config, location, outbound, preflight, after_all_threads, NULL});
    struct issuer_config sections[3] = {config->issuers[0], config->issuers[1], config->issuers[2]};
    sections[0].overridden = overridden;
    cr_assert(issuers_open(issuers, sections, 3, &fault), "%s", &fault);
    fakes_pass(100);
}

static void end(void)
{
    issuers_settle(issuers);
    fake_outbound_end_all();
    outbound_stop(outbound);
    store_close(store);
    issuers_stop(issuers);
    outbound_free(outbound);
    place_end(&place);
}

/* ---- all at once ---- */

static const struct {
    const char *name;
    const char *more; /* issuers beside them */
    const char *key;  /* text of the provisioner's key; NULL: as it is */
    size_t faults;
    bool overridden;
    bool good;
    size_t preflights;
    const char *why; /* a part of it */
} reloads[] = {
    {"as they should be", "", NULL, 0, false, true, 2, ""},
    {"one that the admin API has set", "", NULL, 0, true, true, 1, ""},
    {"one fault", "", NULL, 1, false, false, 1, "the CA is away"},
    {"two faults", "", NULL, 2, false, false, 1, "the CA is away (the log has 1 more faults of issuer one)"},
    {"a key that does not open", "", "rubbish", 0, false, false, 1, "issuers.one: "},
    {"one more of type local", ",\"more\":{\"type\":\"local\",\"directory\":\"FOLDER/more\"}", NULL, 0, false,
     true, 2, ""},
    {"one more that cannot be opened", ",\"more\":{\"type\":\"local\",\"directory\":\"/dev/null/more\"}",
     NULL, 0, false, false, 2, "issuers.more: "},
    {"one more whose CA is away", MORE_STEPCA, NULL, 1, false, false, 1, "the CA is away"},
    {"one more of type stepca", MORE_STEPCA, NULL, 0, false, true, 3, ""},
};

static bool reload(const struct config *fresh, struct fault *fault)
{
    struct issuers_plan *plan = issuers_plan(issuers, fresh, fault);
    if (plan != NULL)
        issuers_commit(plan);
    return plan != NULL;
}

static void check_reload(size_t i)
{
    struct fault fault = {0};
    const char *name = reloads[i].name;
    begin(reloads[i].overridden);
    faults[0] = "the CA is away";
    faults[1] = "its clock is wrong";
    fault_count = reloads[i].faults;
    if (reloads[i].key != NULL)
        place_write(&place, "provisioner.json", reloads[i].key);
    const struct issuer *before[] = {issuers_find(issuers, "one"), issuers_find(issuers, "two"),
                                     issuers_find(issuers, "local")};
    const struct config *fresh = parse("https://other.test:9000", reloads[i].more);
    bool adds = reloads[i].good && *reloads[i].more != '\0';
    cr_expect_eq(reload(fresh, &fault), reloads[i].good, "%s: %s", name, fault.message);
    cr_expect_eq(preflights, reloads[i].preflights, "%s: %zu", name, preflights);
    cr_expect(strstr(fault.message, reloads[i].why) != NULL, "%s: %s", name, fault.message);
    bool replaced = reloads[i].good;
    cr_expect_eq(issuers_find(issuers, "one") != before[0], replaced && !reloads[i].overridden, "%s", name);
    cr_expect_eq(issuers_find(issuers, "two") != before[1], replaced, "%s", name);
    cr_expect_eq(issuers_find(issuers, "local"), before[2], "%s", name);
    cr_expect_eq(issuers_find(issuers, "more") != NULL, adds, "%s", name);
    struct issuer *two = issuers_find(issuers, "two");
    cr_expect_str_eq(two->config->ca_url, replaced ? "https://other.test:9000" : "https://two.test:9000",
                     "%s", name);
    fakes_pass(1000);
    cr_expect_eq(issuer_objects(), adds ? 4 : 3, "%s: %zu are left", name, issuer_objects());
    end();
}

Test(issuers, a_reload_replaces_all_or_none)
{
    for (size_t i = 0; i < sizeof reloads / sizeof *reloads; i++)
        check_reload(i);
}

Test(issuers, a_plan_that_is_abandoned_changes_nothing)
{
    struct fault fault = {0};
    begin(false);
    const struct issuer *before[] = {issuers_find(issuers, "one"), issuers_find(issuers, "two"),
                                     issuers_find(issuers, "local")};
    for (int i = 0; i < 2; i++) {
        struct issuers_plan *plan =
            issuers_plan(issuers, parse("https://other.test:9000", MORE_STEPCA), &fault);
        cr_assert_not_null(plan, "%s", fault.message);
        cr_expect_gt(issuer_objects(), 3);
        cr_expect_eq(issuers_find(issuers, "two"), before[1], "a plan serves nobody");
        issuers_abandon(plan);
        fakes_pass(1000);
        cr_expect_eq(issuer_objects(), 3, "%zu are left", issuer_objects());
    }
    issuers_abandon(NULL);
    cr_expect(issuers_find(issuers, "one") == before[0] && issuers_find(issuers, "two") == before[1] &&
              issuers_find(issuers, "local") == before[2]);
    cr_expect_null(issuers_find(issuers, "more"));
    cr_expect(reload(parse("https://other.test:9000", ""), &fault), "the lock is free: %s", fault.message);
    fakes_pass(1000);
    end();
}

/* An object of an arena lives until the arena is freed. */
Test(issuers, one_that_was_replaced_lives_while_somebody_holds_it)
{
    struct fault fault = {0};
    begin(false);
    struct arena *arena = arena_new();
    struct issuer *held = issuers_find(issuers, "two");
    issuer_ref_with(held, arena);
    cr_assert(reload(parse("https://other.test:9000", ""), &fault), "%s", fault.message);
    fakes_pass(1000);
    cr_expect_eq(issuer_objects(), 4);
    cr_expect_str_eq(held->config->ca_url, "https://two.test:9000");
    arena_free(arena);
    fakes_pass(1000);
    cr_expect_eq(issuer_objects(), 3);
    end();
}

/* ---- at the start ---- */

Test(issuers, none_opens_where_one_does_not)
{
    struct fault fault = {0};
    begin(false);
    struct issuers *others =
        issuers_new(&(struct issuers_parts){config, location, outbound, preflight, after_all_threads, NULL});
    struct issuer_config sections[2] = {config->issuers[0], config->issuers[1]};
    const char *const chains[] = {"/nowhere/chain.pem"};
    const char *const rubbish[] = {arena_printf(place.arena, "%s/provisioner.json", place.folder)};
    sections[1].alternate_chains = chains;
    sections[1].alternate_chain_count = 1;
    cr_expect_not(issuers_open(others, sections, 2, &fault));
    cr_expect_str_eq(fault.message,
                     "issuers.two: alternate_chains /nowhere/chain.pem: No such file or directory");
    sections[1].alternate_chains = rubbish;
    cr_expect_not(issuers_open(others, sections, 2, &fault));
    cr_expect(strstr(fault.message, "it contains no certificate, or a damaged one") != NULL, "%s", &fault);
    sections[1] = config->issuers[1];
    sections[1].root_cert_path = "/nowhere/root.crt";
    cr_expect_not(issuers_open(others, sections, 2, &fault));
    cr_expect(strstr(fault.message, "issuers.two: ") == fault.message, "%s", &fault);
    cr_expect_null(issuers_find(others, "one"));
    fake_outbound_end_all();
    outbound_stop(outbound);
    issuers_stop(others);
    store_close(store);
    issuers_stop(issuers);
    outbound_free(outbound);
    place_end(&place);
}

Test(issuers, a_profile_leads_to_its_issuer_and_bounds_the_lifetime)
{
    const struct profile_config *profile = NULL;
    struct validity_limits limits;
    begin(false);
    cr_expect_eq(issuers_of_profile(issuers, "q", &profile), issuers_find(issuers, "two"));
    cr_assert_not_null(profile);
    cr_expect_str_eq(profile->name, "q");
    issuers_profile_limits(issuers, profile, &limits);
    cr_expect_eq(limits.profile_max_s, 3600);
    cr_expect_null(issuers_of_profile(issuers, "nobody", &profile));
    cr_expect_null(profile);
    end();
}
