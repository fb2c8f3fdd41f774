/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "leaks.h"

static char folder[] = "/tmp/acmegate-file-XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static const char *path_of(struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static void remove_folder(void)
{
    struct arena *arena = arena_new();
    unlink(path_of(arena, "text"));
    rmdir(folder);
    arena_free(arena);
    leaks_report();
}

TestSuite(file, .init = make_folder, .fini = remove_folder);

Test(file, is_replaced_with_its_mode_and_leaves_nothing_beside)
{
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    static const struct {
        const char *text;
        unsigned mode;
    } cases[] = {{"first", 0600}, {"second, and longer", 0644}, {"", 0600}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes got;
        struct stat status;
        cr_assert(file_replace(path, bytes_from_string(cases[i].text), cases[i].mode));
        cr_assert(file_read(arena, path, 100, &got));
        cr_expect(bytes_equal_string(got, cases[i].text));
        cr_assert_eq(stat(path, &status), 0);
        cr_expect_eq(status.st_mode & 0777, cases[i].mode);
    }
    cr_assert_eq(unlink(path), 0);
    cr_expect_eq(rmdir(folder), 0, "nothing else is in the folder");
    arena_free(arena);
}

/* A command that root runs beside a service of another user. */
Test(file, O3_what_root_makes_belongs_to_the_owner_of_the_folder)
{
    enum { NOBODY = 65534, OTHER = 65533 };
    if (geteuid() != 0)
        cr_skip_test("only root gives files away");
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    struct stat status;
    cr_assert_eq(chown(folder, NOBODY, NOBODY), 0);
    cr_assert(file_replace(path, BYTES_LITERAL("new"), 0600));
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_uid, NOBODY);
    cr_assert_eq(chown(path, OTHER, OTHER), 0);
    cr_assert(file_replace(path, BYTES_LITERAL("replaced"), 0600));
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_uid, OTHER, "a file that was there keeps its owner");
    arena_free(arena);
}

Test(file, an_own_file_is_made_once_and_keeps_what_it_has)
{
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    struct stat status;
    for (int i = 0; i < 2; i++) {
        int fd = file_open_own(path, O_APPEND);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fstat(fd, &status), 0);
        cr_expect_eq(status.st_mode, S_IFREG | 0600);
        cr_expect_eq(status.st_size, i);
        cr_assert_eq(write(fd, "x", 1), 1);
        close(fd);
    }
    arena_free(arena);
}

/* The owner of the folder lays them there, and root opens them. */
Test(file, an_own_file_is_no_link_and_of_no_other_kind)
{
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text"), *other = path_of(arena, "other");
    struct stat status;
    cr_assert_eq(symlink(other, path), 0);
    cr_expect_eq(file_open_own(path, 0), -1);
    cr_expect_eq(errno, ELOOP);
    cr_expect_neq(access(other, F_OK), 0, "nothing is made where the link leads");
    cr_assert(file_replace(other, BYTES_LITERAL("untouched"), 0600));
    cr_expect_eq(file_open_own(path, 0), -1);
    cr_expect_eq(errno, ELOOP);
    cr_assert_eq(stat(other, &status), 0);
    cr_expect_eq(status.st_size, strlen("untouched"));
    cr_assert_eq(unlink(other), 0);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(file_open_own(path, 0), -1);
    cr_expect_eq(errno, EMEDIUMTYPE);
    cr_expect_eq(file_open_own(path_of(arena, "none/text"), 0), -1);
    cr_expect_eq(errno, ENOENT);
    arena_free(arena);
}

Test(file, O3_an_own_file_of_root_changes_its_owner_only_when_it_is_made)
{
    enum { NOBODY = 65534 };
    if (geteuid() != 0)
        cr_skip_test("only root gives files away");
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    static const uid_t owners[] = {NOBODY, 0};
    struct stat status;
    cr_assert_eq(chown(folder, NOBODY, NOBODY), 0);
    for (size_t i = 0; i < 2; i++) {
        int fd = file_open_own(path, 0);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fstat(fd, &status), 0);
        cr_expect_eq(status.st_uid, owners[i]);
        cr_assert_eq(fchown(fd, 0, 0), 0);
        close(fd);
    }
    arena_free(arena);
}

Test(file, longer_than_allowed_missing_or_a_folder)
{
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    struct bytes got;
    cr_assert(file_replace(path, BYTES_LITERAL("12345"), 0600));
    cr_expect(file_read(arena, path, 5, &got));
    cr_expect_not(file_read(arena, path, 4, &got));
    cr_expect_eq(errno, EFBIG);
    cr_expect_not(file_read_secret(arena, path_of(arena, "none"), 5, &got));
    cr_expect_eq(errno, ENOENT);
    cr_expect_not(file_read(arena, folder, 5, &got));
    cr_expect_eq(errno, EISDIR);
    arena_free(arena);
}

/* Opened by a server whose configuration names them, they would hold a thread for ever. */
Test(file, S15_what_is_no_regular_file_is_refused_at_once)
{
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    struct bytes got;
    cr_assert_eq(mkfifo(path, 0600), 0);
    static const char *const devices[] = {"/dev/zero", "/dev/null", "/dev/tty"};
    cr_expect_not(file_read(arena, path, 100, &got));
    cr_expect_eq(errno, EMEDIUMTYPE);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        cr_expect_not(file_read_secret(arena, devices[i], 100, &got), "%s", devices[i]);
        cr_expect(errno == EMEDIUMTYPE || errno == ENXIO, "%s: %s", devices[i], strerror(errno));
    }
    arena_free(arena);
}

Test(file, S15_a_huge_file_is_not_read)
{
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    struct bytes got;
    cr_assert(file_replace(path, BYTES_LITERAL("x"), 0600));
    cr_assert_eq(truncate(path, (off_t)1 << 40), 0);
    cr_expect_not(file_read(arena, path, 100, &got));
    cr_expect_eq(errno, EFBIG);
    arena_free(arena);
}

Test(file, a_replacement_that_fails_leaves_the_old_text)
{
    struct arena *arena = arena_new();
    cr_expect_not(file_replace(path_of(arena, "none/text"), BYTES_LITERAL("x"), 0600));
    cr_expect_eq(errno, ENOENT);
    cr_expect_not(file_replace(folder, BYTES_LITERAL("x"), 0600), "a folder is not replaced by a file");
    struct stat status;
    cr_assert_eq(stat(folder, &status), 0);
    cr_expect(S_ISDIR(status.st_mode));
    arena_free(arena);
}

/* Files below /proc say that they are empty. */
Test(file, one_that_does_not_tell_its_size_is_read_whole_within_its_limit)
{
    struct arena *arena = arena_new();
    struct bytes got = {0};
    cr_assert(file_read(arena, "/proc/self/smaps", 16 << 20, &got));
    cr_expect_gt(got.n, 3 * 4096);
    cr_expect_eq(got.p[got.n - 1], '\n');
    const size_t limits[] = {10, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        errno = 0;
        cr_expect_not(file_read(arena, "/proc/self/smaps", limits[i], &got), "%zu", limits[i]);
        cr_expect_eq(errno, EFBIG, "%zu", limits[i]);
    }
    arena_free(arena);
}

/* The limit may be more than there is memory. */
Test(file, takes_as_much_memory_as_it_has_octets)
{
    struct arena *arena = arena_new();
    const char *path = path_of(arena, "text");
    struct bytes got;
    cr_assert(file_replace(path, BYTES_LITERAL("short"), 0600));
    cr_assert(file_read(arena, path, SIZE_MAX / 4, &got));
    cr_expect(bytes_equal_string(got, "short"));
    const struct {
        size_t max;
        bool good;
    } limits[] = {{4, false}, {5, true}, {6, true}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        cr_expect_eq(file_read(arena, path, limits[i].max, &got), limits[i].good, "%zu", limits[i].max);
    arena_free(arena);
}
