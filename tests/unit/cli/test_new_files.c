/* SPDX-License-Identifier: Apache-2.0 */
/* New files that come into being together, or not at all. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/cli/new_files.h"
#include "shell.h"

LEAK_CHECKED_SUITE(new_files);

enum { SERVICE_USER_ID = 4711, SERVICE_GROUP_ID = 4712 };

static struct new_files files;
static struct fault fault;

static void begin(void)
{
    shell_begin();
    new_files_init(&files, shell.arena, "no-such-user");
    cr_expect_not(files.has_service);
}

static void be_root_for_a_service(void)
{
    files.has_service = true;
    files.user = SERVICE_USER_ID;
    files.group = SERVICE_GROUP_ID;
}

static struct stat status_of(const char *path)
{
    struct stat status = {0};
    cr_assert_eq(stat(path, &status), 0, "%s", path);
    return status;
}

static size_t entries_of(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static bool add(const char *path, const char *text, enum new_file_access access)
{
    return new_files_add(&files, path, bytes_from_string(text), access, &fault);
}

Test(new_files, are_there_together)
{
    begin();
    const char *folder = shell_path("etc"), *a = shell_path("etc/a"), *b = shell_path("etc/b");
    cr_assert(new_files_add_folder(&files, folder, NEW_FILE_PUBLIC, &fault), "%s", fault.message);
    cr_assert(add(a, "one", NEW_FILE_SECRET) && add(b, "two", NEW_FILE_PUBLIC));
    cr_expect(access(a, F_OK) != 0 && access(b, F_OK) != 0);
    cr_assert(new_files_keep(&files, &fault));
    cr_expect_str_eq(shell_read(a), "one");
    cr_expect_str_eq(shell_read(b), "two");
    cr_expect_eq(entries_of(folder), 2);
    new_files_drop(&files);
    cr_expect_eq(entries_of(folder), 2, "what was kept stays");
    shell_end();
}

Test(new_files, have_the_mode_and_owner_of_their_readers)
{
    static const struct {
        enum new_file_access access;
        bool service;
        mode_t file, folder;
        uid_t user;
        gid_t group;
    } cases[] = {
        {NEW_FILE_PUBLIC, false, 0644, 0755, 0, 0},
        {NEW_FILE_OF_SERVICE, false, 0600, 0700, 0, 0},
        {NEW_FILE_SECRET, false, 0600, 0700, 0, 0},
        {NEW_FILE_PUBLIC, true, 0644, 0755, 0, SERVICE_GROUP_ID},
        {NEW_FILE_OF_SERVICE, true, 0640, 0750, 0, SERVICE_GROUP_ID},
        {NEW_FILE_SECRET, true, 0600, 0700, SERVICE_USER_ID, SERVICE_GROUP_ID},
    };
    bool is_root = geteuid() == 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].service && !is_root)
            continue;
        begin();
        if (cases[i].service)
            be_root_for_a_service();
        const char *folder = shell_path("etc"), *file = shell_path("etc/a");
        cr_assert(new_files_add_folder(&files, folder, cases[i].access, &fault), "%s", fault.message);
        cr_assert(add(file, "one", cases[i].access) && new_files_keep(&files, &fault), "%s", fault.message);
        const struct stat of_file = status_of(file), of_folder = status_of(folder);
        cr_expect_eq(of_file.st_mode & 07777, cases[i].file, "%zu: %o", i, of_file.st_mode);
        cr_expect_eq(of_folder.st_mode & 07777, cases[i].folder, "%zu: %o", i, of_folder.st_mode);
        if (is_root) {
            cr_expect(of_file.st_uid == cases[i].user && of_file.st_gid == cases[i].group, "%zu", i);
            cr_expect(of_folder.st_uid == cases[i].user && of_folder.st_gid == cases[i].group, "%zu", i);
        }
        shell_end();
    }
}

Test(new_files, one_that_is_there_stays_and_none_is_added)
{
    begin();
    const char *a = shell_path("a"), *b = shell_write("b", "mine");
    size_t before = entries_of(shell.folder);
    cr_assert(add(a, "one", NEW_FILE_PUBLIC) && add(b, "two", NEW_FILE_PUBLIC));
    cr_expect_not(new_files_keep(&files, &fault));
    cr_expect_str_eq(fault.message, text_of("%s exists already, and is not replaced", b));
    cr_expect_str_eq(shell_read(b), "mine");
    cr_expect_eq(entries_of(shell.folder), before);
    shell_end();
}

Test(new_files, dropped_ones_leave_nothing)
{
    begin();
    const char *folder = shell_path("etc"), *kept = shell_path("kept");
    cr_assert_eq(mkdir(kept, 0700), 0);
    cr_assert(new_files_add_folder(&files, kept, NEW_FILE_PUBLIC, &fault));
    cr_assert(new_files_add_folder(&files, folder, NEW_FILE_SECRET, &fault));
    cr_assert(add(shell_path("etc/a"), "one", NEW_FILE_SECRET));
    new_files_drop(&files);
    cr_expect(access(folder, F_OK) != 0);
    cr_expect(access(kept, F_OK) == 0, "it was there before");
    shell_end();
}

Test(new_files, places_that_cannot_be_written)
{
    begin();
    const char *file = shell_write("file", "");
    cr_expect_not(add(shell_path("no/a"), "", NEW_FILE_PUBLIC));
    cr_expect_str_eq(fault.message,
                     text_of("%s cannot be made: No such file or directory", shell_path("no/a")));
    cr_expect_not(new_files_add_folder(&files, shell_path("no/etc"), NEW_FILE_PUBLIC, &fault));
    cr_expect_str_eq(fault.message, text_of("the folder %s cannot be made: No such file or directory",
                                            shell_path("no/etc")));
    cr_expect_not(new_files_add_folder(&files, file, NEW_FILE_PUBLIC, &fault));
    cr_expect_str_eq(fault.message, text_of("the folder %s cannot be made: File exists", file));
    new_files_drop(&files);
    shell_end();
}
