/* SPDX-License-Identifier: Apache-2.0 */
/* Imports of accounts: what comes back from an export, and what is refused. */
#include "acme/account_export.h"
#include "exports.h"

LEAK_CHECKED_SUITE(account_import_files);

struct wanted {
    struct database *database;
    size_t accounts, keys;
};

static enum store_apply_result make_many(void *context, struct store_writer *writer)
{
    const struct wanted *wanted = context;
    (void)writer;
    for (size_t i = 0; i < wanted->keys; i++)
        exports_make_key(wanted->database, arena_printf(wanted->database->arena, "kid-%zu", i));
    for (size_t i = 0; i < wanted->accounts; i++)
        exports_make_account(wanted->database, 0);
    return STORE_APPLIED;
}

/* Keys and accounts come in pages and transactions of 100. */
Test(account_import_files, all_keys_and_accounts_go_out_and_come_back)
{
    static const struct {
        size_t accounts, keys;
    } cases[] = {{0, 0}, {1, 0}, {0, 1}, {98, 0}, {99, 2}, {100, 0}, {0, 100}, {101, 101}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database from, to;
        struct account_export_summary summary;
        struct account_import_summary imported;
        int64_t accounts = (int64_t)cases[i].accounts, keys = (int64_t)cases[i].keys;
        exports_begin(&from);
        exports_begin(&to);
        struct wanted wanted = {&from, cases[i].accounts, cases[i].keys};
        cr_assert(writer_write(from.writer, make_many, &wanted, &exports_fault), "%s", exports_fault.message);
        FILE *file = exports_write(&from, NOW, &summary);
        cr_expect_eq(summary.accounts, accounts, "%zu", i);
        cr_expect_eq(summary.eab_keys, keys, "%zu", i);
        cr_expect_eq(exports_count_lines(file), accounts + keys + 2, "%zu", i);
        cr_expect(exports_read_back(&to, file, &imported), "%s", exports_fault.message);
        EXPECT_SUMMARY(imported, .added = accounts + keys);
        cr_expect_eq(database_count(&to, "SELECT count(*) FROM accounts"), accounts);
        cr_expect_eq(database_count(&to, "SELECT count(*) FROM eab_keys"), keys);
        rewind(file);
        cr_expect(exports_read_back(&to, file, &imported), "%s", exports_fault.message);
        EXPECT_SUMMARY(imported, .present = accounts + keys);
        fclose(file);
        database_end(&from);
        database_end(&to);
    }
}

/* ---- what comes back ---- */

Test(account_import_files, an_import_tells_the_audit_trail_what_it_did)
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
        exports_begin(&from);
        exports_begin(&to);
        exports_make_account(&from, exports_make_key(&from, "kid-1").id);
        FILE *file = exports_write(&from, NOW, &summary);
        cr_expect(exports_read_back(&to, file, &imported), "%s", exports_fault.message);
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
        file = exports_write(&from, NOW, &summary);
        cr_expect(exports_read_back(&to, file, &imported), "%s", exports_fault.message);
        cr_expect_eq(memcmp(&imported, &cases[i].expected, sizeof imported), 0, "%s", cases[i].sql);
        cr_expect_str_eq(database_text(&to, "SELECT coalesce(max(detail), '') FROM events"), cases[i].detail);
        fclose(file);
        database_end(&from);
        database_end(&to);
    }
}

Test(account_import_files, a_key_that_changed_comes_back)
{
    struct database from, to;
    struct account_export_summary summary;
    struct account_import_summary imported;
    exports_begin(&from);
    exports_begin(&to);
    struct account account = exports_make_account(&from, 0);
    FILE *file = exports_write(&from, NOW, &summary);
    cr_expect(exports_read_back(&to, file, &imported), "%s", exports_fault.message);
    fclose(file);
    database_run(&from, "DELETE FROM accounts");
    struct account other = exports_make_account(&from, 0);
    database_run(&from, arena_printf(from.arena, "UPDATE accounts SET id = %lld, key_changed_at = 1780272009",
                                     (long long)account.id));
    file = exports_write(&from, NOW, &summary);
    cr_expect(exports_read_back(&to, file, &imported), "%s", exports_fault.message);
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

Test(account_import_files, only_a_whole_export_is_imported_without_complaint)
{
    static const struct {
        enum line lines[4];
        int64_t added, refused, line;
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
        exports_begin(&database);
        for (size_t k = 0; k < 4 && cases[i].lines[k] != 0; k++)
            write_line(database.arena, file, cases[i].lines[k]);
        rewind(file);
        cr_expect_eq(exports_read_back(&database, file, &imported), cases[i].why == NULL, "%zu: %s", i,
                     exports_fault.message);
        EXPECT_SUMMARY(imported, .added = cases[i].added, .refused = cases[i].refused);
        cr_expect_eq(exports_refused_line, cases[i].line, "%zu", i);
        const char *expected = cases[i].why == NULL ? "" : cases[i].why;
        cr_expect_eq(strncmp(exports_fault.message, expected, strlen(expected)), 0, "%zu: %s", i,
                     exports_fault.message);
        fclose(file);
        database_end(&database);
    }
}

Test(account_import_files, what_is_refused_is_named)
{
    static const char *const in_the_way[] = {"UPDATE accounts SET id = id + 1",
                                             "UPDATE eab_keys SET id = id + 1"};
    for (size_t i = 0; i < sizeof in_the_way / sizeof *in_the_way; i++) {
        struct database database;
        struct account_export_summary summary;
        struct account_import_summary imported;
        exports_begin(&database);
        struct account account = exports_make_account(&database, 0);
        exports_make_key(&database, "kid-1");
        FILE *file = exports_write(&database, NOW, &summary);
        database_run(&database, in_the_way[i]);
        cr_expect(exports_read_back(&database, file, &imported), "%s", exports_fault.message);
        EXPECT_SUMMARY(imported, .present = 1, .refused = 1);
        const char *name =
            i == 0 ? arena_printf(database.arena, "account %lld (acme, key %s): ", (long long)account.id,
                                  account.thumbprint)
                   : "external account key kid-1 (acme): ";
        cr_expect_eq(strncmp(exports_refused_what, name, strlen(name)), 0, "%s", exports_refused_what);
        cr_expect_eq(exports_refused_line, i == 0 ? 3 : 2);
        fclose(file);
        database_end(&database);
    }
}

Test(account_import_files, an_import_that_cannot_be_written_fails)
{
    struct database from, to;
    struct account_export_summary summary;
    struct account_import_summary imported;
    exports_begin(&from);
    exports_begin(&to);
    exports_make_account(&from, 0);
    FILE *file = exports_write(&from, NOW, &summary);
    database_run(&to, "CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no'); END");
    cr_expect_not(exports_read_back(&to, file, &imported));
    cr_expect_str_neq(exports_fault.message, "");
    EXPECT_SUMMARY(imported, 0);
    cr_expect_eq(database_count(&to, "SELECT count(*) FROM accounts"), 0);
    fclose(file);
    database_end(&from);
    database_end(&to);
}
