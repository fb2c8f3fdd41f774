/* SPDX-License-Identifier: Apache-2.0 */
/* A change of a row that another was faster to change, and of a row that is not there. */
#include "database.h"
#include "store/accounts.h"
#include "store/attempts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/eab_keys.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(lost_race);

/* Ids of rows that are past the state that each change expects. */
struct rows {
    struct account account;
    struct authorization authorization;
    struct order order;
    struct attempt attempt;
    struct certificate certificate, good;
    struct eab_key key;
};

static enum store_result update_account(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->account.id += missing;
    return store_account_update(writer, &rows->account);
}

static enum store_result update_account_key(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->account.id += missing;
    return store_account_update_key(writer, &rows->account);
}

static enum store_result update_authorization(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->authorization.id += missing;
    return store_authorization_update(writer, &rows->authorization, AUTHORIZATION_PENDING, 0);
}

static enum store_result update_order(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->order.id += missing;
    return store_order_update(writer, &rows->order, ORDER_PROCESSING);
}

static enum store_result end_attempt(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->attempt.id += missing;
    return store_attempt_end(writer, &rows->attempt);
}

static enum store_result withdraw_attempt(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    return store_attempt_withdraw(writer, rows->attempt.id + missing);
}

static enum store_result update_certificate(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->certificate.id += missing;
    return store_certificate_update(writer, &rows->certificate);
}

static enum store_result correct_certificate(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->good.id += missing;
    return store_certificate_correct(writer, &rows->good);
}

static enum store_result use_key(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    return store_eab_key_use(writer, rows->key.id + missing);
}

static enum store_result revoke_key(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    return store_eab_key_revoke(writer, rows->key.id + missing, NOW);
}

static enum store_result merge_key(struct store_writer *writer, struct rows *rows, int64_t missing)
{
    rows->key.id += missing;
    return store_eab_key_merge(writer, &rows->key);
}

static struct rows make_rows(struct database *database)
{
    struct rows rows = {.account = make_account(database, "one")};
    rows.authorization = make_authorization(database, &rows.account, "www.example.org");
    fail_authorization(database, &rows.authorization, CHALLENGE_HTTP_01, "{}");
    rows.authorization.status = AUTHORIZATION_DEACTIVATED;
    rows.authorization.chosen = 0;
    rows.order = make_issued_order(database, &rows.account, "a.example.org", "01");
    rows.attempt = make_attempt(database, rows.order.id);
    rows.attempt.status = ATTEMPT_SIGNED;
    cr_assert_eq(store_attempt_end(database->writer, &rows.attempt), STORE_OK);
    rows.certificate = make_certificate(database, &rows.order, "02");
    rows.certificate.status = CERTIFICATE_REVOKED;
    rows.certificate.revoked_at = NOW;
    cr_assert_eq(store_certificate_update(database->writer, &rows.certificate), STORE_OK);
    rows.good = make_certificate(database, &rows.order, "03");
    rows.key = (struct eab_key){
        .endpoint = "acme", .kid = "kid", .sealed_key = BYTES_LITERAL("sealed"), .created_at = NOW};
    cr_assert_eq(store_eab_key_insert(database->writer, database->arena, &rows.key), STORE_OK);
    cr_assert_eq(store_eab_key_revoke(database->writer, rows.key.id, NOW), STORE_OK);
    rows.account.status = ACCOUNT_DEACTIVATED;
    cr_assert_eq(store_account_update(database->writer, &rows.account), STORE_OK);
    return rows;
}

Test(lost_race, is_told_from_a_row_that_is_not_there)
{
    static const struct {
        const char *what;
        enum store_result (*change)(struct store_writer *writer, struct rows *rows, int64_t missing);
    } cases[] = {
        {"account", update_account},
        {"account's key", update_account_key},
        {"authorization", update_authorization},
        {"order", update_order},
        {"attempt's end", end_attempt},
        {"attempt withdrawn", withdraw_attempt},
        {"certificate", update_certificate},
        {"certificate's correction", correct_certificate},
        {"external account key used", use_key},
        {"external account key revoked", revoke_key},
        {"external account key merged", merge_key},
    };
    struct database database;
    database_begin(&database);
    database_connect(&database);
    const struct rows rows = make_rows(&database);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rows changed = rows;
        cr_expect_eq(cases[i].change(database.writer, &changed, 0), STORE_LOST_RACE, "%s", cases[i].what);
        changed = rows;
        cr_expect_eq(cases[i].change(database.writer, &changed, 1 << 20), STORE_NOT_FOUND, "%s",
                     cases[i].what);
    }
    cr_expect_not(database.writer->reader->failed, "a race is no failure of the database");
    database_end(&database);
}
