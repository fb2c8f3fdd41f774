/* SPDX-License-Identifier: Apache-2.0 */
/* At a start, the section that the admin API has set for an issuer stands in the place of the file's. */
#include "gateway/ca/issuer_overrides.h"

#include <unistd.h>

#include "admin_room.h"
#include "leaks.h"
#include "store/sqlite/session.h"

LEAK_CHECKED_SUITE(issuer_override_sections);

/* The admin API sets another URL for issuer "one". */
static void begin(void)
{
    admin_room_begin(false);
    const struct place_request put = {
        "PUT", "/api/v1/issuers/one", 0, NULL, admin_section(",\"ca_url\":\"https://ca2.test:9000\""), false};
    const struct fake_reply *reply = place_send(&room.place, &put);
    admin_room_run_background();
    expect_answer("PUT", reply, 200, "\"source\":\"override\"");
}

static bool take(const struct issuer_config **sections, struct fault *fault)
{
    return issuer_overrides_take(room.place.arena, room.config, room.parts.location, sections, fault);
}

static void run_sql(const char *sql)
{
    cr_assert_eq(sqlite3_exec(database_of(fake_store_command()->writer->reader), sql, NULL, NULL, NULL),
                 SQLITE_OK);
}

static void delete_override(void)
{
    run_sql("DELETE FROM issuer_overrides");
}

static void damage_override(void)
{
    run_sql("UPDATE issuer_overrides SET sealed = zeroblob(length(sealed))");
}

static void remove_table(void)
{
    run_sql("DROP TABLE issuer_overrides");
}

/* The file's section is another by now. */
static struct issuer_config *change_section(void)
{
    struct config *changed = arena_alloc(room.place.arena, sizeof *changed);
    struct issuer_config *section = arena_alloc(room.place.arena, sizeof *section);
    *changed = *room.config;
    *section = room.config->issuers[0];
    changed->issuers = section;
    changed->versions = NULL; /* this one is in force */
    room.config = changed;
    return section;
}

static void change_type(void)
{
    change_section()->type = ISSUER_LOCAL;
}

static void change_id(void)
{
    change_section()->id = "other";
}

static void remove_secret_key(void)
{
    cr_assert_eq(unlink(config_secret_path(room.place.arena, room.config)), 0);
}

static const struct {
    const char *name;
    void (*happens)(void); /* since it was set; NULL: nothing */
    const char *url;       /* of the issuer then; NULL: the start fails */
    bool overridden;
    const char *words;
} starts[] = {
    {"it was set", NULL, "https://ca2.test:9000", true, NULL},
    {"it was reset", delete_override, "https://ca.test:9000", false, NULL},
    {"it is of an issuer that is gone", change_id, "https://ca.test:9000", false, NULL},
    {"it is of another type", change_type, NULL, false, "the issuer has another type in the file now"},
    {"it was damaged", damage_override, NULL, false, "it was sealed with another secret key file"},
    {"the secret key file is gone", remove_secret_key, NULL, false, "the secret key file cannot be read: "},
    {"the database cannot be read", remove_table, NULL, false, " cannot be read"},
};

Test(issuer_override_sections, a_start_takes_them_or_fails)
{
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        const struct issuer_config *sections = NULL;
        struct fault fault = {0};
        const char *name = starts[i].name;
        begin();
        if (starts[i].happens != NULL)
            starts[i].happens();
        cr_expect_eq(take(&sections, &fault), starts[i].url != NULL, "%s: %s", name, fault.message);
        if (starts[i].url != NULL) {
            cr_expect_str_eq(sections[0].ca_url, starts[i].url, "%s", name);
            cr_expect_eq(sections[0].overridden, starts[i].overridden, "%s", name);
        } else {
            cr_expect_not_null(strstr(fault.message, starts[i].words), "%s: %s", name, fault.message);
        }
        admin_room_end();
    }
}

/* A first start has no database yet. */
Test(issuer_override_sections, without_a_database_there_is_none)
{
    const struct issuer_config *sections = NULL;
    struct fault fault = {0};
    admin_room_begin(false);
    room.parts.location = store_location_new(room.place.arena, "/dev/null/acmegate.db");
    cr_expect(take(&sections, &fault), "%s", fault.message);
    cr_expect_str_eq(sections[0].ca_url, "https://ca.test:9000");
    admin_room_end();
}
