/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/listing.h"

LEAK_CHECKED_SUITE(listing);

struct found {
    struct arena *arena;
    const char *ids; /* with a comma behind each */
    size_t numbers, texts;
};

static void take(void *context, const struct listing_value *values, size_t count)
{
    struct found *found = context;
    cr_assert_str_eq(values[0].column, "id");
    found->ids = arena_printf(found->arena, "%s%s,", found->ids, values[0].text);
    for (size_t i = 0; i < count; i++) {
        found->numbers += values[i].text != NULL && values[i].is_number;
        found->texts += values[i].text != NULL && !values[i].is_number;
    }
}

static struct found list(struct database *database, enum listing listing, struct listing_filter filter,
                         size_t max)
{
    struct found found = {.arena = database->arena, .ids = ""};
    cr_assert_eq(store_listing(store_reader_of(database->writer), listing, &filter, max, take, &found),
                 STORE_OK);
    return found;
}

Test(listing, rows_come_newest_first_and_in_pages)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    struct order first = make_issued_order(&database, &account, "a.example.org", "1a");
    struct order second = make_issued_order(&database, &account, "*.example.org", "2a");
    const char *one = arena_printf(database.arena, "%lld,", (long long)first.id);
    const char *two = arena_printf(database.arena, "%lld,", (long long)second.id);
    const struct {
        struct listing_filter filter;
        size_t max;
        const char *ids;
    } cases[] = {
        {{0}, 10, arena_printf(database.arena, "%s%s", two, one)},
        {{0}, 1, two},
        {{.before = second.id}, 10, one},
        {{.id = second.id}, 10, two},
        {{.name = "a.example.org"}, 10, one},
        {{.name = "*.example.org"}, 10, two},
        {{.name = "example.org"}, 10, ""},
        {{.state = "valid", .endpoint = "acme", .account = account.id},
         10,
         arena_printf(database.arena, "%s%s", two, one)},
        {{.state = "pending"}, 10, ""},
        {{.endpoint = "other"}, 10, ""},
        {{.id = second.id, .before = second.id}, 10, ""},
        {{.name = "a.example.org", .account = account.id, .before = second.id}, 10, one},
        {{.name = "a.example.org", .account = 1}, 10, ""},
        {{.account = account.id, .before = second.id}, 10, one},
        {{.account = 1}, 10, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(list(&database, LISTING_ORDERS, cases[i].filter, cases[i].max).ids, cases[i].ids,
                         "case %zu", i);
    const char *certificate = arena_printf(database.arena, "%lld,", (long long)first.certificate_id);
    cr_expect_str_eq(list(&database, LISTING_CERTIFICATES, (struct listing_filter){.serial = "1a"}, 10).ids,
                     certificate);
    cr_expect_str_eq(
        list(&database, LISTING_CERTIFICATES, (struct listing_filter){.name = "a.example.org"}, 10).ids,
        certificate);
    cr_expect_str_eq(
        list(&database, LISTING_CERTIFICATES, (struct listing_filter){.account = account.id}, 10).ids,
        arena_printf(database.arena, "%lld,%s", (long long)second.certificate_id, certificate));
    cr_expect_str_eq(list(&database, LISTING_CERTIFICATES,
                          (struct listing_filter){.serial = "1a", .name = "*.example.org"}, 10)
                         .ids,
                     "");
    struct found accounts = list(&database, LISTING_ACCOUNTS, (struct listing_filter){.state = "valid"}, 10);
    cr_expect_str_eq(accounts.ids, arena_printf(database.arena, "%lld,", (long long)account.id));
    cr_expect(accounts.numbers >= 3 && accounts.texts >= 5);
    database_end(&database);
}

Test(listing, gateways_that_left_long_ago_are_left_out)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    database_run(&database,
                 "DELETE FROM gateways;"
                 "INSERT INTO gateways (id, name, version, started_at, seen_at, number, state) VALUES"
                 " (1, 'a', '1', 1, 1, 1, 'serving'), (2, 'b', '1', 1, 1, 2, 'gone'),"
                 " (3, 'c', '1', 1, unixepoch() - 300, 3, 'stopped'),"
                 " (4, 'd', '1', 1, unixepoch() - 60, 3, 'gone')");
    static const struct {
        struct listing_filter filter;
        size_t max;
        const char *ids;
    } cases[] = {
        {{0}, 10, "4,3,2,1,"},
        {{0}, 2, "4,3,"},
        {{.before = 3}, 10, "2,1,"},
        {{.id = 3}, 10, "3,"},
        {{.state = "gone"}, 10, "4,2,"},
        {{.state = "serving"}, 10, "1,"},
        {{.seen_within_s = 3600}, 10, "4,3,1,"},
        {{.seen_within_s = 200}, 10, "4,1,"},
        {{.state = "gone", .seen_within_s = 200}, 10, "4,"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(list(&database, LISTING_GATEWAYS, cases[i].filter, cases[i].max).ids, cases[i].ids,
                         "case %zu", i);
    database_end(&database);
}
