/* SPDX-License-Identifier: Apache-2.0 */
/* PATH.lock: who has the database, and what the owner of the folder can make of it. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "database.h"
#include "store/care.h"

LEAK_CHECKED_SUITE(lock);

static const char *beside(const struct database *database, const char *suffix)
{
    return arena_printf(database->arena, "%s%s", database->path, suffix);
}

/* ---- who serves ---- */

/* The answer of store_server_process to another process. */
static int64_t ask_from_outside(const struct store_location *location)
{
    int ends[2];
    int64_t answer = -1;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        answer = store_server_process(location);
        _exit(write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(read(ends[0], &answer, sizeof answer), sizeof answer);
    close(ends[0]);
    close(ends[1]);
    return answer;
}

Test(lock, a_served_database_is_known_with_its_process)
{
    struct database database;
    database_begin(&database);
    cr_expect_not(store_is_served(database.location));
    cr_expect_eq(ask_from_outside(database.location), 0);
    database_serve(&database);
    cr_expect_eq(ask_from_outside(database.location), getpid());
    cr_expect(store_is_served(database.location));
    database_disconnect(&database);
    cr_expect_not(store_is_served(database.location));
    cr_expect_eq(ask_from_outside(database.location), 0);
    database_end(&database);
}

/* A process id is sent a signal by root. 4294967295 would be every process, 4294967296 root's own group. */
Test(lock, what_the_file_says_is_nobodys_process)
{
    static const char *const said[] = {"1\n", "4294967295\n", "4294967296\n", "-1\n", "", "nobody\n"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct database database;
        database_begin(&database);
        cr_assert(file_replace(beside(&database, ".lock"), bytes_from_string(said[i]), 0600));
        int file = open(beside(&database, ".lock"), O_RDWR | O_CLOEXEC);
        cr_assert_eq(flock(file, LOCK_EX | LOCK_NB), 0);
        cr_expect(store_is_served(database.location), "%s", said[i]);
        cr_expect_eq(ask_from_outside(database.location), 0, "%s", said[i]);
        close(file);
        database_end(&database);
    }
}

/* ---- links ---- */

/* A file of root in a folder of its own. */
struct secret {
    char folder[64];
    const char *path;
};

#define SECRET_TEXT "root:secret\n"

static void make_secret(struct secret *secret, struct arena *arena)
{
    snprintf(secret->folder, sizeof secret->folder, "/tmp/acmegate-secret-XXXXXX");
    cr_assert_not_null(mkdtemp(secret->folder));
    secret->path = arena_printf(arena, "%s/secret", secret->folder);
    cr_assert(file_replace(secret->path, BYTES_LITERAL(SECRET_TEXT), 0600));
}

static void expect_untouched(const struct secret *secret, struct arena *arena, const char *what)
{
    struct stat status;
    struct bytes text;
    cr_assert_eq(stat(secret->path, &status), 0);
    cr_expect_eq(status.st_uid, geteuid(), "%s: its owner", what);
    cr_assert(file_read(arena, secret->path, 1024, &text));
    cr_expect(bytes_equal_string(text, SECRET_TEXT), "%s: its text", what);
    cr_assert_eq(unlink(secret->path), 0);
    cr_expect_eq(rmdir(secret->folder), 0, "%s: nothing is beside it", what);
}

/* Gives the folder to another user, when root runs the tests. */
static void give_away(const struct database *database)
{
    enum { NOBODY = 65534 };
    cr_assert_eq(geteuid() == 0 ? chown(database->directory, NOBODY, NOBODY) : 0, 0);
}

static bool migrate(const struct database *database, struct fault *fault)
{
    return store_migrate(database->location, NULL, fault);
}

static bool vacuum(const struct database *database, struct fault *fault)
{
    return store_vacuum(database->location, fault);
}

static bool serve(const struct database *database, struct fault *fault)
{
    struct store *store = store_open(database->location, STORE_MIGRATE, fault);
    store_close(store);
    return store != NULL;
}

static bool restore(const struct database *database, struct fault *fault)
{
    char kept[PATH_MAX];
    return store_restore(database->location, beside(database, ".backup"), NOW, kept, fault);
}

enum { SECRET, NOTHING };

static const struct {
    const char *suffix; /* of the file that is a link, to the secret or to nothing beside it */
    int target;
    bool laid; /* there is a database */
    bool (*run)(const struct database *database, struct fault *fault);
    const char *words;
} links[] = {
    {".lock", SECRET, false, migrate, "symbolic link"},
    {".lock", NOTHING, false, migrate, "symbolic link"},
    {".lock", SECRET, true, vacuum, "symbolic link"},
    {".lock", SECRET, true, restore, "symbolic link"},
    {".lock", SECRET, true, serve, "symbolic link"},
    {".mark", SECRET, true, serve, "symbolic link"},
    {".mark", NOTHING, true, serve, "symbolic link"},
    {"", SECRET, false, migrate, "is not a database"},
    {"", SECRET, false, serve, "is not a database"},
    {"", NOTHING, false, migrate, "is a link to a file that does not exist"},
    {"", NOTHING, false, serve, "is a link to a file that does not exist"},
    {".backup", SECRET, true, restore, "is not a database"},
};

/* Root runs these in a folder of the service's user, who must not become root by that. */
Test(lock, a_link_of_the_folders_owner_leads_nobody_elsewhere)
{
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        struct database database;
        struct secret secret;
        struct fault fault = {0};
        database_begin(&database);
        make_secret(&secret, database.arena);
        const char *what = arena_printf(database.arena, "case %zu", i);
        const char *target =
            links[i].target == SECRET ? secret.path : arena_printf(database.arena, "%s/new", secret.folder);
        if (links[i].laid)
            database_lay(database.path);
        database_lay(beside(&database, ".backup"));
        give_away(&database);
        unlink(beside(&database, links[i].suffix));
        cr_assert_eq(symlink(target, beside(&database, links[i].suffix)), 0);
        cr_expect_not(links[i].run(&database, &fault), "%s", what);
        cr_expect_not_null(strstr(fault.message, links[i].words), "%s: %s", what, fault.message);
        expect_untouched(&secret, database.arena, what);
        database_end(&database);
    }
}

Test(lock, a_database_may_be_a_link_to_another_disk)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    const char *other = beside(&database, ".other");
    database_lay(other);
    cr_assert_eq(symlink(other, database.path), 0);
    cr_expect(serve(&database, &fault), "%s", fault.message);
    database_end(&database);
}
