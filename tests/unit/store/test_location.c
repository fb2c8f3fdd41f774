/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "disk.h"

#include <sys/stat.h>
#include <unistd.h>

LEAK_CHECKED_SUITE(location);

static int64_t size_of(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0, "%s", path);
    return status.st_size;
}

Test(location, names_what_it_was_made_of)
{
    struct arena *arena = arena_new();
    char text[] = "/var/lib/acmegate.db";
    const struct store_location *location = store_location_new(arena, text);
    text[0] = 'x';
    cr_expect_str_eq(store_location_text(location), "/var/lib/acmegate.db");
    arena_free(arena);
}

/* No server is asked. */
Test(location, names_a_postgresql_database_for_people_and_for_psql)
{
    static const struct {
        const char *database, *text, *address;
    } cases[] = {
        {"postgresql://me:secret@db.example.org:5433/acme?sslmode=verify-full&sslrootcert=/etc/a b.crt",
         "postgresql://me@db.example.org:5433/acme",
         "postgresql://me@db.example.org:5433/acme?sslmode=verify-full&sslrootcert=/etc/a%20b.crt"},
        {"host=db1,db2 port=1,2 dbname=acme target_session_attrs=read-write password=secret",
         "postgresql://db1:1,db2:2/acme", "postgresql://db1:1,db2:2/acme?target_session_attrs=read-write"},
        {"postgresql://[::1],db2/acme", "postgresql://[::1],db2/acme", "postgresql://[::1],db2/acme"},
        {"host=db1,db2 port=7", "postgresql://db1:7,db2:7/", "postgresql://db1:7,db2:7/"},
        {"postgresql://me@/acme?host=/run/postgresql&port=7",
         "postgresql://me@/acme?host=/run/postgresql&port=7",
         "postgresql://me@/acme?host=/run/postgresql&port=7"},
        {"user='a@b/c' dbname='x?y&z' application_name='%&='", "postgresql://a%40b%2Fc@/x%3Fy%26z",
         "postgresql://a%40b%2Fc@/x%3Fy%26z?application_name=%25%26%3D"},
        {"dbname=acme sslpassword=secret sslkey=key.pem", "postgresql:///acme",
         "postgresql:///acme?sslkey=key.pem"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct store_location *location = store_location_new(arena, cases[i].database);
        cr_expect_null(store_location_refusal(location), "%s", cases[i].database);
        cr_expect_str_eq(store_location_text(location), cases[i].text);
        cr_expect_str_eq(store_location_address(location), cases[i].address);
        const struct store_location *again = store_location_new(arena, store_location_address(location));
        cr_expect_str_eq(store_location_address(again), cases[i].address, "psql reads it as it was meant");
    }
    arena_free(arena);
}

Test(location, says_whether_there_is_a_database_and_how_large_it_is)
{
    struct database database;
    struct store_size size;
    database_begin(&database);
    cr_expect_not(store_exists(database.location));
    store_read_size(database.location, &size);
    cr_expect_eq(size.data, STORE_SIZE_UNKNOWN);
    cr_expect_eq(size.log, STORE_SIZE_UNKNOWN);
    database_serve(&database);
    cr_expect(store_exists(database.location));
    store_read_size(database.location, &size);
    cr_expect_eq(size.data, size_of(database.path));
    cr_expect_eq(size.log, size_of(arena_printf(database.arena, "%s-wal", database.path)));
    cr_expect_gt(size.data, 0);
    cr_expect_gt(size.free, 0);
    disk_leave(5 * 1024 * 1024);
    store_read_size(database.location, &size);
    cr_expect_eq(size.free, 5 * 1024 * 1024);
    database_end(&database);
}

Test(location, the_room_of_a_disk_is_known_before_there_is_a_database)
{
    struct database database;
    struct store_size size;
    database_begin(&database);
    disk_leave(7 * 1024);
    store_read_size(database.location, &size);
    cr_expect_eq(size.free, 7 * 1024);
    store_read_size(store_location_new(database.arena, "/nowhere/acmegate.db"), &size);
    cr_expect_eq(size.free, STORE_SIZE_UNKNOWN);
    database_end(&database);
}
