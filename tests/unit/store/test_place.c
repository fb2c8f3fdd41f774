/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "store/sqlite/session.h"

LEAK_CHECKED_SUITE(place);

static const char *beside(struct database *database, const char *suffix)
{
    return arena_printf(database->arena, "%s%s", database->path, suffix);
}

Test(place, the_database_and_the_files_beside_it_must_be_usable)
{
    static const char *const files[] = {"", "-wal", "-shm", ".lock", ".mark"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct database database;
        struct fault fault;
        database_begin(&database);
        cr_expect(store_place_is_usable(database.location, &fault), "nothing is there yet: %s",
                  fault.message);
        const char *file = beside(&database, files[i]);
        cr_assert_eq(symlink(file, file), 0, "a link to itself");
        cr_expect_not(store_place_is_usable(database.location, &fault), "%s", file);
        cr_expect_not_null(strstr(fault.message, arena_printf(database.arena, "%s cannot be used: ", file)),
                           "%s", fault.message);
        database_end(&database);
    }
}

Test(place, its_folder_must_be_there_and_be_one)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    const struct {
        const char *path, *words;
    } cases[] = {
        {beside(&database, ".none/acmegate.db"), ".none does not exist: make it"},
        {beside(&database, "/acmegate.db"), "acmegate.db"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_not(store_place_is_usable(store_location_new(database.arena, cases[i].path), &fault), "%s",
                      cases[i].path);
        cr_expect_not_null(strstr(fault.message, cases[i].words), "%s", fault.message);
    }
    cr_assert_eq(chdir(database.directory), 0);
    cr_expect(store_place_is_usable(store_location_new(database.arena, "acmegate.db"), &fault),
              "in the folder of the process: %s", fault.message);
    cr_assert_eq(chdir("/"), 0);
    database_end(&database);
}

/* ---- whose it is ---- */

static const char *name_of(struct arena *arena, uid_t user)
{
    const struct passwd *entry = getpwuid(user);
    return entry == NULL ? arena_printf(arena, "user %ld", (long)user)
                         : arena_duplicate(arena, entry->pw_name);
}

/* Root may write everywhere: it is another user for a moment, one with a name and one without. */
Test(place, a_folder_of_another_user_is_told_with_both_names)
{
    static const uid_t others[] = {65534, 4242424};
    uid_t us = getuid();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct database database;
        struct fault fault;
        uid_t user = us == 0 ? others[i] : us;
        database_begin(&database);
        cr_assert_eq(chmod(database.directory, 0500), 0);
        cr_assert_eq(us == 0 ? setresuid(user, user, 0) : 0, 0);
        bool usable = store_place_is_usable(database.location, &fault);
        cr_assert_eq(us == 0 ? setresuid(0, 0, 0) : 0, 0);
        cr_assert_eq(chmod(database.directory, 0700), 0);
        cr_expect_not(usable);
        const char *words =
            arena_printf(database.arena, "%s belongs to %s, and acmegate runs as %s, ", database.directory,
                         name_of(database.arena, us), name_of(database.arena, user));
        cr_expect_not_null(strstr(fault.message, words), "%s: %s", words, fault.message);
        database_end(&database);
    }
}

/* Names beside the database are longer than its own. */
Test(place, a_path_has_room_for_the_names_beside_it)
{
    struct arena *arena = arena_new();
    struct fault fault;
    char path[PATH_MAX] = {0};
    size_t most = PATH_MAX - sizeof ".schema-999.unfinished" - 1;
    for (size_t i = 0; i < most; i++)
        path[i] = i % 100 == 0 ? '/' : 'x';
    cr_expect_not(store_place_is_usable(store_location_new(arena, path), &fault));
    cr_expect_null(strstr(fault.message, "too long"), "%s", fault.message);
    path[most] = 'x';
    cr_expect_not(store_place_is_usable(store_location_new(arena, path), &fault));
    cr_expect_not_null(strstr(fault.message, "too long"), "%s", fault.message);
    cr_expect_not(store_is_served(store_location_new(arena, path)));
    arena_free(arena);
}

/* ---- a file that is no database ---- */

Test(place, a_file_of_another_kind_is_told_as_damaged)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    FILE *file = fopen(database.path, "w");
    cr_assert(file != NULL);
    for (int i = 0; i < 8192; i++)
        fputc('x', file);
    fclose(file);
    cr_assert_null(store_reader_open(database.location, &fault));
    cr_expect_not_null(strstr(fault.message, "is damaged (file is not a database): stop the server"), "%s",
                       fault.message);
    database_end(&database);
}
