/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles share the room of their issuer, in shares and by turns. */
#include "acme/objects.h"
#include "acme/pki.h"
#include "jobs_place.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(jobs_queues);

static struct jobs_place place;

/* So many finalized orders of a profile, due now. One authorization proves them all. */
static void add_orders(struct authorization *proven, const struct account *account, const char *profile,
                       size_t count)
{
    const struct pki_csr wanted = {.key = pki_key(place.place.arena, "P-256"), .names = "DNS:www.test"};
    struct bytes csr = pki_csr(place.place.arena, &wanted);
    for (size_t i = 0; i < count; i++) {
        struct order order = make_order(&place.database, account, proven, 1);
        database_run(&place.database,
                     arena_printf(place.place.arena, "UPDATE orders SET profile = '%s' WHERE id = %lld",
                                  profile, (long long)order.id));
        advance_order(&place.database, &order, ORDER_READY);
        order.csr = csr;
        order.processing_since = order.next_attempt_at = NOW;
        advance_order(&place.database, &order, ORDER_PROCESSING);
    }
}

static size_t taken(const char *profile)
{
    return (size_t)jobs_place_number(
        &place, arena_printf(place.place.arena,
                             "SELECT count(*) FROM attempts JOIN orders ON orders.id = attempts.order_id "
                             "WHERE profile = '%s'",
                             profile));
}

/* Room for sixteen at the main issuer; the spare one has its own. */
static const struct {
    const char *name;
    size_t defaults, briefs, spares; /* orders that are due */
    size_t of_default, of_brief,
        of_spare; /* that are taken up at once, at least; at main they fill its room */
} cases[] = {
    {"one profile alone", 20, 0, 0, 16, 0, 0},
    {"two that are busy", 20, 20, 0, 4, 4, 0},
    {"one leaves room to the other", 20, 3, 0, 13, 3, 0},
    {"an issuer of its own", 20, 20, 5, 4, 4, 5},
};

Test(jobs_queues, profiles_share_the_room_of_their_issuer)
{
    jobs_place_begin(&place);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].name;
        jobs_place_clear(&place);
        issuer_health_init(&place.main.issuer->health, 16 / ISSUER_REQUESTS_AHEAD);
        struct account account = make_account(&place.database, "thumb");
        struct authorization proven =
            jobs_place_prove(&place, make_authorization(&place.database, &account, "www.test"));
        add_orders(&proven, &account, "default", cases[i].defaults);
        add_orders(&proven, &account, "brief", cases[i].briefs);
        add_orders(&proven, &account, "spare", cases[i].spares);
        place.main.delay_ms = place.spare.delay_ms = 5000;
        jobs_place_work(&place, JOBS_DUE_ORDERS, 100);
        cr_expect_geq(taken("default"), cases[i].of_default, "%s: %zu", name, taken("default"));
        cr_expect_geq(taken("brief"), cases[i].of_brief, "%s: %zu", name, taken("brief"));
        cr_expect_eq(taken("default") + taken("brief"), 16, "%s", name);
        cr_expect_eq(taken("spare"), cases[i].of_spare, "%s: %zu", name, taken("spare"));
        place.main.delay_ms = place.spare.delay_ms = 0;
        fakes_pass(30000);
        cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM orders WHERE status = 'valid'"),
                     cases[i].defaults + cases[i].briefs + cases[i].spares, "%s", name);
    }
    jobs_place_end(&place);
}

/* With room for one, the profiles come in turn. */
Test(jobs_queues, a_profile_waits_for_the_other_ones_turn)
{
    jobs_place_begin(&place);
    struct account account = make_account(&place.database, "thumb");
    struct authorization proven =
        jobs_place_prove(&place, make_authorization(&place.database, &account, "www.test"));
    add_orders(&proven, &account, "default", 4);
    add_orders(&proven, &account, "brief", 4);
    issuer_health_init(&place.main.issuer->health, 1);
    struct issuer_permit permits[ISSUER_REQUESTS_AHEAD - 1];
    for (size_t i = 0; i < ISSUER_REQUESTS_AHEAD - 1; i++)
        cr_assert(issuer_admit(place.main.issuer, ISSUER_WORK_SIGN, &permits[i]));
    jobs_place_work(&place, JOBS_DUE_ORDERS, 1000);
    const char *order = jobs_place_text(
        &place,
        "SELECT group_concat(profile, ' ') FROM (SELECT profile FROM attempts JOIN orders ON orders.id = "
        "attempts.order_id ORDER BY attempts.id)");
    cr_expect_str_eq(order, "brief default brief default brief default brief default", "%s", order);
    for (size_t i = 0; i < ISSUER_REQUESTS_AHEAD - 1; i++)
        issuer_permit_end(place.main.issuer, &permits[i]);
    jobs_place_end(&place);
}
