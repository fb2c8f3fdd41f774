/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "acme/account_export.h"
#include "acme/jose/jwk.h"
#include "gateway/housekeeping/account_export.h"
#include "gateway/housekeeping/account_exporter.h"
#include "store/accounts.h"
#include "store/database.h"
#include "store/eab_keys.h"

LEAK_CHECKED_SUITE(account_export_files);

enum { LATER = 1000 };

static struct fault fault;

/* ---- what is exported ---- */

static void begin(struct database *database)
{
    database_begin(database);
    database_connect(database);
    fault.message[0] = '\0';
}

static struct eab_key make_key(struct database *database, const char *kid)
{
    struct eab_key key = {
        .endpoint = "acme", .kid = kid, .sealed_key = BYTES_LITERAL("sealed"), .created_at = NOW};
    cr_assert_eq(store_eab_key_insert(database->writer, database->arena, &key), STORE_OK);
    return key;
}

/* With a real key, for an import checks it. */
static struct account make_keyed_account(struct database *database, int64_t eab_key_id)
{
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    struct jwk jwk;
    struct jose_error error;
    cr_assert(jwk_from_key(database->arena, key, &jwk, &error));
    struct account account = {.endpoint = "acme",
                              .status = ACCOUNT_VALID,
                              .key = jwk.canonical,
                              .thumbprint = arena_duplicate(database->arena, jwk.thumbprint),
                              .contacts_json = "[]",
                              .created_at = NOW,
                              .eab_key_id = eab_key_id};
    cr_assert_eq(store_account_insert(database->writer, &account), STORE_OK);
    return account;
}

struct wanted {
    struct database *database;
    size_t accounts, keys;
};

static enum store_apply_result make_many(void *context, struct store_writer *writer)
{
    const struct wanted *wanted = context;
    (void)writer;
    for (size_t i = 0; i < wanted->keys; i++)
        make_key(wanted->database, arena_printf(wanted->database->arena, "kid-%zu", i));
    for (size_t i = 0; i < wanted->accounts; i++)
        make_keyed_account(wanted->database, 0);
    return STORE_APPLIED;
}

static FILE *export(struct database *database, int64_t now, struct account_export_summary *summary)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    cr_assert(account_export_to_stream(store_reader_of(database->writer), file, now, summary, &fault), "%s",
              fault.message);
    rewind(file);
    return file;
}

static int64_t count_lines(FILE *file)
{
    int64_t lines = 0;
    for (int c; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    rewind(file);
    return lines;
}

/* ---- an import's report ---- */

static int64_t refused_line;
static char refused_what[512];

static void refuse(int64_t line, const char *what)
{
    refused_line = line;
    snprintf(refused_what, sizeof refused_what, "%s", what);
}

static bool import(struct database *database, FILE *file, struct account_import_summary *summary)
{
    refused_line = 0;
    refused_what[0] = '\0';
    fault.message[0] = '\0';
    struct store_command command = {database->writer};
    return account_import_from_stream(&command, file, NOW + LATER, refuse, summary, &fault);
}

#define EXPECT_SUMMARY(got, ...) \
    do { \
        const struct account_import_summary expected_ = {__VA_ARGS__}; \
        cr_expect_eq((got).added, expected_.added); \
        cr_expect_eq((got).ended, expected_.ended); \
        cr_expect_eq((got).changed, expected_.changed); \
        cr_expect_eq((got).present, expected_.present); \
        cr_expect_eq((got).refused, expected_.refused); \
    } while (0)

/* Keys and accounts come in pages and transactions of 100. */
Test(account_export_files, all_keys_and_accounts_go_out_and_come_back)
{
    static const struct {
        size_t accounts, keys;
    } cases[] = {{0, 0}, {1, 0}, {0, 1}, {98, 0}, {99, 2}, {100, 0}, {0, 100}, {101, 101}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database from, to;
        struct account_export_summary summary;
        struct account_import_summary imported;
        int64_t accounts = (int64_t)cases[i].accounts, keys = (int64_t)cases[i].keys;
        begin(&from);
        begin(&to);
        struct wanted wanted = {&from, cases[i].accounts, cases[i].keys};
        cr_assert(writer_write(from.writer, make_many, &wanted, &fault), "%s", fault.message);
        FILE *file = export(&from, NOW, &summary);
        cr_expect_eq(summary.accounts, accounts, "%zu", i);
        cr_expect_eq(summary.eab_keys, keys, "%zu", i);
        cr_expect_eq(count_lines(file), accounts + keys + 2, "%zu", i);
        cr_expect(import(&to, file, &imported), "%s", fault.message);
        EXPECT_SUMMARY(imported, .added = accounts + keys);
        cr_expect_eq(database_count(&to, "SELECT count(*) FROM accounts"), accounts);
        cr_expect_eq(database_count(&to, "SELECT count(*) FROM eab_keys"), keys);
        rewind(file);
        cr_expect(import(&to, file, &imported), "%s", fault.message);
        EXPECT_SUMMARY(imported, .present = accounts + keys);
        fclose(file);
        database_end(&from);
        database_end(&to);
    }
}

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
        begin(&database);
        make_keyed_account(&database, make_key(&database, "kid-1").id);
        fclose(export(&database, NOW, &before));
        database_run(&database, cases[i].sql);
        fclose(export(&database, cases[i].now, &after));
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
        begin(&database);
        make_keyed_account(&database, make_key(&database, "kid-1").id);
        database_run(&database, cases[i].sql);
        cr_expect_not(
            account_export_to_stream(store_reader_of(database.writer), file, NOW, &summary, &fault));
        cr_expect_str_eq(fault.message, cases[i].expected);
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
        begin(&database);
        if (!empty)
            make_keyed_account(&database, make_key(&database, "kid-1").id);
        cr_expect_not(
            account_export_to_stream(store_reader_of(database.writer), full, NOW, &summary, &fault));
        cr_expect_str_eq(fault.message, "the export cannot be written: No space left on device");
        fclose(full);
        database_end(&database);
    }
}

/* ---- what comes back ---- */

Test(account_export_files, an_import_tells_the_audit_trail_what_it_did)
{
    static const struct {
        const char *sql; /* what happened where the second export comes from */
        struct account_import_summary expected;
        const char *detail;
    } cases[] = {
        {"SELECT 1", {.present = 2}, ""},
        {"UPDATE accounts SET status = 'deactivated'", {.ended = 1, .present = 1}, "deactivated"},
        {"UPDATE accounts SET status = 'revoked'", {.ended = 1, .present = 1}, "revoked"},
        {"UPDATE eab_keys SET revoked_at = 1780272001", {.ended = 1, .present = 1}, "kid-1 at acme"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database from, to;
        struct account_export_summary summary;
        struct account_import_summary imported;
        begin(&from);
        begin(&to);
        make_keyed_account(&from, make_key(&from, "kid-1").id);
        FILE *file = export(&from, NOW, &summary);
        cr_expect(import(&to, file, &imported), "%s", fault.message);
        EXPECT_SUMMARY(imported, .added = 2);
        fclose(file);
        cr_expect_eq(database_count(&to, "SELECT count(*) FROM accounts WHERE eab_key_id IS NOT NULL"), 1);
        cr_expect_eq(database_count(&to, "SELECT count(*) FROM events WHERE kind = 'account.imported'"
                                         " AND account_id = (SELECT id FROM accounts) AND detail IS NULL"
                                         " AND who = 'operator' AND at = 1780273000"),
                     1);
        cr_expect_eq(database_count(&to, "SELECT count(*) FROM events WHERE kind = 'eab.imported'"
                                         " AND account_id IS NULL AND detail = 'kid-1 at acme'"),
                     1);
        database_run(&to, "DELETE FROM events");
        database_run(&from, cases[i].sql);
        file = export(&from, NOW, &summary);
        cr_expect(import(&to, file, &imported), "%s", fault.message);
        cr_expect_eq(memcmp(&imported, &cases[i].expected, sizeof imported), 0, "%s", cases[i].sql);
        cr_expect_str_eq(database_text(&to, "SELECT coalesce(max(detail), '') FROM events"), cases[i].detail);
        fclose(file);
        database_end(&from);
        database_end(&to);
    }
}

Test(account_export_files, a_key_that_changed_comes_back)
{
    struct database from, to;
    struct account_export_summary summary;
    struct account_import_summary imported;
    begin(&from);
    begin(&to);
    struct account account = make_keyed_account(&from, 0);
    FILE *file = export(&from, NOW, &summary);
    cr_expect(import(&to, file, &imported), "%s", fault.message);
    fclose(file);
    database_run(&from, "DELETE FROM accounts");
    struct account other = make_keyed_account(&from, 0);
    database_run(&from, arena_printf(from.arena, "UPDATE accounts SET id = %lld, key_changed_at = 1780272009",
                                     (long long)account.id));
    file = export(&from, NOW, &summary);
    cr_expect(import(&to, file, &imported), "%s", fault.message);
    EXPECT_SUMMARY(imported, .changed = 1);
    cr_expect_str_eq(database_text(&to, "SELECT thumbprint FROM accounts"), other.thumbprint);
    cr_expect_str_eq(database_text(&to, "SELECT detail FROM events ORDER BY id DESC"),
                     arena_printf(to.arena, "the key that it changed to: %s", other.thumbprint));
    fclose(file);
    database_end(&from);
    database_end(&to);
}

enum line { HEAD = 1, GARBAGE, KEY, END_0_0, END_1_0, END_0_1 };

static void write_line(struct arena *arena, FILE *file, enum line line)
{
    static const struct account_export_line lines[] = {
        [HEAD] = {.type = EXPORT_HEAD, .exported_at = NOW},
        [KEY] = {.type = EXPORT_EAB_KEY,
                 .eab_key = {.id = 4711,
                             .endpoint = "acme",
                             .kid = "kid-1",
                             .sealed_key = {(const uint8_t *)"sealed", 6},
                             .created_at = NOW}},
        [END_0_0] = {.type = EXPORT_END},
        [END_1_0] = {.type = EXPORT_END, .accounts = 1},
        [END_0_1] = {.type = EXPORT_END, .eab_keys = 1},
    };
    struct bytes text = BYTES_LITERAL("garbage\n");
    if (line != GARBAGE)
        text = account_export_render(arena, &lines[line]);
    cr_assert_eq(fwrite(text.p, 1, text.n, file), text.n);
}

Test(account_export_files, only_a_whole_export_is_imported_without_complaint)
{
    static const struct {
        enum line lines[4];
        int64_t added, refused, refused_line;
        const char *why; /* NULL: it is whole */
    } cases[] = {
        {{0}, 0, 0, 0, "this is not an export of accounts: it is empty"},
        {{GARBAGE}, 0, 0, 0, "this is not an export of accounts: not JSON"},
        {{END_0_0}, 0, 0, 0, "this is not an export of accounts: its first line is not a head"},
        {{HEAD}, 0, 0, 0, "it ends early, after line 1: "},
        {{HEAD, KEY}, 1, 0, 0, "it ends early, after line 2: "},
        {{HEAD, END_0_0}, 0, 0, 0, NULL},
        {{HEAD, KEY, END_0_1}, 1, 0, 0, NULL},
        {{HEAD, GARBAGE, END_0_0}, 0, 1, 2, NULL},
        {{HEAD, KEY, END_0_0}, 1, 0, 0, "it had 0 accounts and 0 external account keys once; 0 and 1 of"},
        {{HEAD, END_1_0}, 0, 0, 0, "it had 1 accounts and 0 external account keys once; 0 and 0 of"},
        {{HEAD, END_0_1}, 0, 0, 0, "it had 0 accounts and 1 external account keys once; 0 and 0 of"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct account_import_summary imported;
        FILE *file = tmpfile();
        begin(&database);
        for (size_t k = 0; k < 4 && cases[i].lines[k] != 0; k++)
            write_line(database.arena, file, cases[i].lines[k]);
        rewind(file);
        cr_expect_eq(import(&database, file, &imported), cases[i].why == NULL, "%zu: %s", i, fault.message);
        EXPECT_SUMMARY(imported, .added = cases[i].added, .refused = cases[i].refused);
        cr_expect_eq(refused_line, cases[i].refused_line, "%zu", i);
        const char *expected = cases[i].why == NULL ? "" : cases[i].why;
        cr_expect_eq(strncmp(fault.message, expected, strlen(expected)), 0, "%zu: %s", i, fault.message);
        fclose(file);
        database_end(&database);
    }
}

Test(account_export_files, what_is_refused_is_named)
{
    static const char *const in_the_way[] = {"UPDATE accounts SET id = id + 1",
                                             "UPDATE eab_keys SET id = id + 1"};
    for (size_t i = 0; i < sizeof in_the_way / sizeof *in_the_way; i++) {
        struct database database;
        struct account_export_summary summary;
        struct account_import_summary imported;
        begin(&database);
        struct account account = make_keyed_account(&database, 0);
        make_key(&database, "kid-1");
        FILE *file = export(&database, NOW, &summary);
        database_run(&database, in_the_way[i]);
        cr_expect(import(&database, file, &imported), "%s", fault.message);
        EXPECT_SUMMARY(imported, .present = 1, .refused = 1);
        const char *name =
            i == 0 ? arena_printf(database.arena, "account %lld (acme, key %s): ", (long long)account.id,
                                  account.thumbprint)
                   : "external account key kid-1 (acme): ";
        cr_expect_eq(strncmp(refused_what, name, strlen(name)), 0, "%s", refused_what);
        cr_expect_eq(refused_line, i == 0 ? 3 : 2);
        fclose(file);
        database_end(&database);
    }
}

Test(account_export_files, an_import_that_cannot_be_written_fails)
{
    struct database from, to;
    struct account_export_summary summary;
    struct account_import_summary imported;
    begin(&from);
    begin(&to);
    make_keyed_account(&from, 0);
    FILE *file = export(&from, NOW, &summary);
    database_run(&to, "CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no'); END");
    cr_expect_not(import(&to, file, &imported));
    cr_expect_str_neq(fault.message, "");
    EXPECT_SUMMARY(imported, 0);
    cr_expect_eq(database_count(&to, "SELECT count(*) FROM accounts"), 0);
    fclose(file);
    database_end(&from);
    database_end(&to);
}

/* ---- files ---- */

static const char *file_path(struct database *database)
{
    return arena_printf(database->arena, "%s/accounts.jsonl", database->directory);
}

static bool export_to(struct database *database, const char *path, const struct account_export_summary *last,
                      struct account_export_summary *out)
{
    return account_export_to_file(store_reader_of(database->writer), path, NOW + LATER, last, out, &fault);
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
        begin(&database);
        const char *path = file_path(&database), *kept = arena_printf(database.arena, "%s.kept", path);
        make_keyed_account(&database, make_key(&database, "kid-1").id);
        cr_assert(export_to(&database, path, NULL, &first), "%s", fault.message);
        cr_assert_eq(stat(path, &status), 0);
        cr_expect_eq(status.st_mode & 07777, 0600);
        /* A second name keeps the first file's number from being given again. */
        cr_assert_eq(link(path, kept), 0);
        if (cases[i].removed)
            cr_assert_eq(unlink(path), 0);
        database_run(&database, cases[i].sql);
        cr_expect(export_to(&database, path, cases[i].last ? &first : NULL, &second), "%s", fault.message);
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
        begin(&database);
        const char *path = file_path(&database);
        make_keyed_account(&database, make_key(&database, "kid-1").id);
        database_run(&database, "UPDATE eab_keys SET revoked_at = 1780272001");
        cr_assert(export_to(&database, path, NULL, &summary), "%s", fault.message);
        ino_t number = file_number(path);
        database_run(&database, cases[i].sql);
        cr_expect_eq(export_to(&database, path, NULL, &summary), !cases[i].kept, "%s", cases[i].sql);
        cr_expect(!cases[i].kept || file_number(path) == number, "%s", cases[i].sql);
        cr_expect_eq(strstr(fault.message, "that this database lacks") != NULL, cases[i].kept, "%s",
                     fault.message);
        database_end(&database);
    }
}

Test(account_export_files, what_is_no_export_is_replaced_and_what_is_no_file_is_not)
{
    struct database database;
    struct account_export_summary summary;
    begin(&database);
    const char *path = file_path(&database), *none = arena_printf(database.arena, "%s/none", path);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fputs("garbage\n", file) >= 0 && fclose(file) == 0);
    cr_expect(export_to(&database, path, NULL, &summary), "%s", fault.message);
    cr_expect_not(export_to(&database, none, NULL, &summary));
    cr_expect_str_eq(fault.message, arena_printf(database.arena, "%s: Not a directory", none));
    cr_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0);
    cr_expect_not(export_to(&database, path, NULL, &summary));
    cr_expect_str_eq(fault.message, arena_printf(database.arena, "%s: it is not a regular file", path));
    database_end(&database);
}

/* ---- a running server's ---- */

Test(account_export_files, a_server_exports_once_more_when_it_stops)
{
    struct database database;
    begin(&database);
    const struct config config = {.database = database.path,
                                  .account_export_path = file_path(&database),
                                  .account_export_every_s = 3600};
    struct account_exporter *exporter = account_exporter_start(&config, database.location, &fault);
    cr_assert_not_null(exporter, "%s", fault.message);
    make_keyed_account(&database, 0);
    account_exporter_stop(exporter);
    FILE *file = fopen(config.account_export_path, "r");
    cr_assert_not_null(file);
    cr_expect_eq(count_lines(file), 3);
    fclose(file);
    database_end(&database);
}

Test(account_export_files, a_server_without_a_database_does_not_export)
{
    struct database database;
    database_begin(&database);
    const struct config config = {.database = database.path, .account_export_path = file_path(&database)};
    cr_expect_null(account_exporter_start(&config, database.location, &fault));
    cr_expect_str_neq(fault.message, "");
    account_exporter_stop(NULL);
    database_end(&database);
}
