/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for issuers that another gateway has changed. */
#include "gateway/server/issuer_follow.h"

#include "admin_room.h"
#include "leaks.h"
#include "store/sqlite/session.h"

LEAK_CHECKED_SUITE(issuer_follow);

static struct issuer_follow *follow;
static struct loads *loads;

static void changed(void *context, const char *id)
{
    (void)context;
    cr_expect(false, "%s", id);
}

static void begin(void)
{
    struct fault fault;
    admin_room_begin(false);
    loads = loads_new(room.parts.location, room.outbound, room.parts.readers, &fault);
    follow =
        issuer_follow_new(&(struct issuer_follow_parts){room.config, room.parts.config_path,
                                                        room.parts.location, room.outbound, changed, NULL},
                          &fault);
    cr_assert(loads != NULL && follow != NULL, "%s", fault.message);
    issuer_follow_begin(follow, room.parts.issuers, loads, room.parts.background);
}

static void end(void)
{
    admin_room_end();
    loads_free(loads);
    issuer_follow_free(follow);
}

/* Another gateway writes a section, which nobody can open. */
static void write_override(const char *issuer)
{
    const char *sql = arena_printf(room.place.arena,
                                   "INSERT INTO issuer_overrides (issuer, sealed, changed_at, changed_by)"
                                   " VALUES ('%s', x'00', 1, 'operator')",
                                   issuer);
    cr_assert_eq(sqlite3_exec(database_of(fake_store_command()->writer->reader), sql, NULL, NULL, NULL),
                 SQLITE_OK);
}

/* Otherwise the background thread has been asked. */
static bool looks_again_within(int64_t ms)
{
    fake_loads_hinder(FAKE_LOADS_AWAY, 1);
    fakes_pass(ms);
    bool looked = fake_loads_hindered(FAKE_LOADS_AWAY);
    fake_loads_hinder(FAKE_LOADS_AWAY, 0);
    return looked;
}

Test(issuer_follow, a_look_that_sees_no_change_of_its_issuers_is_followed_by_the_next)
{
    enum { SOON_MS = 2 * ISSUER_FOLLOW_EVERY_MS };
    begin();
    cr_expect(looks_again_within(SOON_MS), "nothing has changed");
    write_override("other");
    fakes_pass(SOON_MS);
    cr_expect(looks_again_within(SOON_MS), "an issuer that is not here has changed");
    write_override("one");
    fakes_pass(SOON_MS);
    cr_expect_not(looks_again_within(SOON_MS), "an issuer has changed");
    admin_room_run_background();
    cr_expect_not(looks_again_within(SOON_MS), "the change was not taken over");
    cr_expect(looks_again_within(ISSUER_FOLLOW_AGAIN_MS));
    end();
}
