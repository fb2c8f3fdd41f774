/* SPDX-License-Identifier: Apache-2.0 */
/* Exports of accounts: what goes out, and the file that holds it. */
#include <sys/stat.h>
#include <unistd.h>

#include "exports.h"
#include "gateway/config/config_changes.h"
#include "gateway/housekeeping/account_exporter.h"

LEAK_CHECKED_SUITE(account_export_files);

/* ---- what is exported ---- */

Test(account_export_files, the_digest_is_that_of_keys_and_accounts_alone)
{
    static const struct {
        const char *sql;
        int64_t now;
        bool same;
    } cases[] = {
        {"SELECT 1", NOW + 1, true},
        {"UPDATE accounts SET status = 'deactivated'", NOW, false},
        {"UPDATE eab_keys SET uses = uses + 1", NOW, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct account_export_summary before, after;
        exports_begin(&database);
        exports_make_account(&database, exports_make_key(&database, "kid-1").id);
        fclose(exports_write(&database, NOW, &before));
        database_run(&database, cases[i].sql);
        fclose(exports_write(&database, cases[i].now, &after));
        cr_expect_eq(memcmp(before.digest, after.digest, sizeof before.digest) == 0, cases[i].same, "%s",
                     cases[i].sql);
        database_end(&database);
    }
}

Test(account_export_files, a_database_that_cannot_be_read_is_told)
{
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"ALTER TABLE accounts RENAME TO elsewhere", "the accounts: the database cannot be read"},
        {"ALTER TABLE eab_keys RENAME TO elsewhere",
         "the external account keys: the database cannot be read"},
        {"DELETE FROM eab_keys", "an account's external account key: the database cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct account_export_summary summary;
        FILE *file = tmpfile();
        exports_begin(&database);
        exports_make_account(&database, exports_make_key(&database, "kid-1").id);
        database_run(&database, cases[i].sql);
        cr_expect_not(
            account_export_to_stream(store_reader_of(database.writer), file, NOW, &summary, &exports_fault));
        cr_expect_str_eq(exports_fault.message, cases[i].expected);
        fclose(file);
        database_end(&database);
    }
}

/* With a key and an account, and with neither. */
Test(account_export_files, an_export_that_cannot_be_written_fails)
{
    for (int empty = 0; empty <= 1; empty++) {
        struct database database;
        struct account_export_summary summary;
        FILE *full = fopen("/dev/full", "w");
        cr_assert(full != NULL && setvbuf(full, NULL, _IONBF, 0) == 0);
        exports_begin(&database);
        if (!empty)
            exports_make_account(&database, exports_make_key(&database, "kid-1").id);
        cr_expect_not(
            account_export_to_stream(store_reader_of(database.writer), full, NOW, &summary, &exports_fault));
        cr_expect_str_eq(exports_fault.message, "the export cannot be written: No space left on device");
        fclose(full);
        database_end(&database);
    }
}

/* ---- files ---- */

static const char *file_path(struct database *database)
{
    return arena_printf(database->arena, "%s/accounts.jsonl", database->directory);
}

static bool export_to(struct database *database, const char *path, const struct account_export_summary *last,
                      struct account_export_summary *out)
{
    return account_export_to_file(store_reader_of(database->writer), path, NOW + LATER, last, out,
                                  &exports_fault);
}

static ino_t file_number(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

Test(account_export_files, a_file_is_replaced_unless_it_holds_the_same)
{
    static const struct {
        const char *sql;
        bool last, removed, replaced;
    } cases[] = {
        {"SELECT 1", true, false, false},
        {"SELECT 1", false, false, true},
        {"SELECT 1", true, true, true},
        {"UPDATE accounts SET status = 'deactivated'", true, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct account_export_summary first, second;
        struct stat status;
        exports_begin(&database);
        const char *path = file_path(&database), *kept = arena_printf(database.arena, "%s.kept", path);
        exports_make_account(&database, exports_make_key(&database, "kid-1").id);
        cr_assert(export_to(&database, path, NULL, &first), "%s", exports_fault.message);
        cr_assert_eq(stat(path, &status), 0);
        cr_expect_eq(status.st_mode & 07777, 0600);
        /* A second name keeps the first file's number from being given again. */
        cr_assert_eq(link(path, kept), 0);
        if (cases[i].removed)
            cr_assert_eq(unlink(path), 0);
        database_run(&database, cases[i].sql);
        cr_expect(export_to(&database, path, cases[i].last ? &first : NULL, &second), "%s",
                  exports_fault.message);
        cr_expect_neq(file_number(path), 0);
        cr_expect_eq(file_number(path) != file_number(kept), cases[i].replaced, "%zu", i);
        database_end(&database);
    }
}

Test(account_export_files, a_file_that_has_more_than_the_database_stays)
{
    static const struct {
        const char *sql; /* what the database loses */
        bool kept;
    } cases[] = {
        {"DELETE FROM accounts", true},
        {"DELETE FROM accounts; DELETE FROM eab_keys", true},
        {"UPDATE accounts SET eab_key_id = NULL; DELETE FROM eab_keys", true},
        {"UPDATE eab_keys SET revoked_at = NULL", true},
        {"UPDATE eab_keys SET uses = uses + 1", false},
        {"UPDATE accounts SET status = 'revoked'", false},
        {"SELECT 1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct account_export_summary summary;
        exports_begin(&database);
        const char *path = file_path(&database);
        exports_make_account(&database, exports_make_key(&database, "kid-1").id);
        database_run(&database, "UPDATE eab_keys SET revoked_at = 1780272001");
        cr_assert(export_to(&database, path, NULL, &summary), "%s", exports_fault.message);
        ino_t number = file_number(path);
        database_run(&database, cases[i].sql);
        cr_expect_eq(export_to(&database, path, NULL, &summary), !cases[i].kept, "%s", cases[i].sql);
        cr_expect(!cases[i].kept || file_number(path) == number, "%s", cases[i].sql);
        cr_expect_eq(strstr(exports_fault.message, "that this database lacks") != NULL, cases[i].kept, "%s",
                     exports_fault.message);
        database_end(&database);
    }
}

Test(account_export_files, what_is_no_export_is_replaced_and_what_is_no_file_is_not)
{
    struct database database;
    struct account_export_summary summary;
    exports_begin(&database);
    const char *path = file_path(&database), *none = arena_printf(database.arena, "%s/none", path);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fputs("garbage\n", file) >= 0 && fclose(file) == 0);
    cr_expect(export_to(&database, path, NULL, &summary), "%s", exports_fault.message);
    cr_expect_not(export_to(&database, none, NULL, &summary));
    cr_expect_str_eq(exports_fault.message, arena_printf(database.arena, "%s: Not a directory", none));
    cr_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0);
    cr_expect_not(export_to(&database, path, NULL, &summary));
    cr_expect_str_eq(exports_fault.message,
                     arena_printf(database.arena, "%s: it is not a regular file", path));
    database_end(&database);
}

/* ---- a running server's ---- */

Test(account_export_files, a_server_exports_once_more_when_it_stops)
{
    struct database database;
    exports_begin(&database);
    const struct config config = {.database = database.path,
                                  .account_export_path = file_path(&database),
                                  .account_export_every_s = 3600};
    struct account_exporter *exporter = account_exporter_start(&config, database.location, &exports_fault);
    cr_assert_not_null(exporter, "%s", exports_fault.message);
    exports_make_account(&database, 0);
    account_exporter_stop(exporter);
    FILE *file = fopen(config.account_export_path, "r");
    cr_assert_not_null(file);
    cr_expect_eq(exports_count_lines(file), 3);
    fclose(file);
    database_end(&database);
}

static bool is_there(const char *path)
{
    return access(path, R_OK) == 0;
}

static void await_file(const char *path)
{
    for (int i = 0; i < 2000 && !is_there(path); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    cr_assert(is_there(path), "%s", path);
}

/* A reload sets a path, another, and none. */
Test(account_export_files, the_newest_configuration_names_the_file)
{
    struct database database;
    exports_begin(&database);
    const char *first = file_path(&database);
    const char *second = arena_printf(database.arena, "%s.second", first);
    struct config configs[4] = {{.database = database.path, .account_export_every_s = 3600}};
    configs[0].versions = config_versions_new(database.arena, &configs[0]);
    for (size_t i = 1; i < 4; i++) {
        configs[i] = configs[0];
        configs[i].account_export_path = i == 1 ? first : i == 2 ? second : NULL;
    }
    struct account_exporter *exporter =
        account_exporter_start(&configs[0], database.location, &exports_fault);
    cr_assert_not_null(exporter, "%s", exports_fault.message);
    cr_expect_not(is_there(first), "no path, no file");
    config_publish(&configs[0], &configs[1]);
    account_exporter_look_again(exporter);
    await_file(first);
    config_publish(&configs[0], &configs[2]);
    account_exporter_look_again(exporter);
    await_file(second);
    unlink(second);
    config_publish(&configs[0], &configs[3]);
    account_exporter_look_again(exporter);
    account_exporter_stop(exporter);
    cr_expect_not(is_there(second), "no path, no file");
    account_exporter_look_again(NULL);
    unlink(first);
    database_end(&database);
}

Test(account_export_files, a_server_without_a_database_does_not_export)
{
    struct database database;
    database_begin(&database);
    const struct config config = {.database = database.path, .account_export_path = file_path(&database)};
    cr_expect_null(account_exporter_start(&config, database.location, &exports_fault));
    cr_expect_str_neq(exports_fault.message, "");
    account_exporter_stop(NULL);
    database_end(&database);
}
