/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of orders, authorizations, attempts and certificates, as they are after a transaction. */
#include <stdlib.h>
#include <strings.h>

#include "acme/jose/openssl_handles.h"
#include "acme/pki/x509_read.h"
#include "oracle_internal.h"
#include "verdict.h"
#include "world.h"

enum { NAME_BYTES = 260 };

static int number_of(const char *name, const char *(*name_of)(int), int last)
{
    for (int i = 1; i <= last; i++)
        if (strcmp(name_of(i), name) == 0)
            return i;
    return 0;
}

static const char *order_name(int status)
{
    return order_status_name((enum order_status)status);
}

static const char *authorization_name(int status)
{
    return authorization_status_name((enum authorization_status)status);
}

static const char *challenge_name(int status)
{
    return challenge_status_name((enum challenge_status)status);
}

/* ---- orders: legal transitions (acme/states.c) ---- */

void oracle_check_order(sqlite3 *db, int64_t id)
{
    sqlite3_stmt *row = oracle_ask(db, "SELECT status FROM orders WHERE id = ?", id);
    if (row == NULL)
        return;
    struct remembered *was = oracle_remember(id);
    int status = number_of(oracle_text(row, 0), order_name, ORDER_INVALID);
    if (was->status != 0 && was->status != status &&
        !order_may_become((enum order_status)was->status, (enum order_status)status))
        verdict("order %lld goes from %s to %s", (long long)id, order_name(was->status), order_name(status));
    was->status = status;
    oracle_done(row);
}

/* ---- authorizations: S3, S4, S13 ---- */

static bool is_inherited(int64_t account_id, const char *name)
{
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
        if (world_has_proof(account_id, dot + 1, PROOF_SUBTREE))
            return true;
    return false;
}

/* Valid without a challenge: by its name, by the client's network, by its external account key, or below a
 * proven domain. */
static bool needs_no_challenge(const char *endpoint, sqlite3_stmt *row)
{
    int64_t account_id = sqlite3_column_int64(row, 0);
    const char *name = oracle_text(row, 1);
    bool wildcard = sqlite3_column_int(row, 2) != 0;
    bool is_open = strcmp(endpoint, endpoint_names[ENDPOINT_OPEN]) == 0;
    if (is_open && !wildcard && strcmp(name, "zone.test") == 0)
        return true;
    if (strcmp(endpoint, endpoint_names[ENDPOINT_NET]) == 0 &&
        strncmp(oracle_text(row, 8), "10.9.", strlen("10.9.")) == 0)
        return true;
    return sqlite3_column_int(row, 9) != 0 || (is_open && !wildcard && is_inherited(account_id, name));
}

static void check_right(int64_t id, sqlite3_stmt *row)
{
    int64_t account_id = sqlite3_column_int64(row, 0);
    const char *name = oracle_text(row, 1), *endpoint = oracle_text(row, 7);
    bool wide = sqlite3_column_int(row, 2) != 0 || sqlite3_column_int(row, 3) != 0;
    if (strcmp(oracle_text(row, 6), "valid") != 0) {
        if (!needs_no_challenge(endpoint, row))
            finding("S4", "authorization %lld of %s is valid without a challenge, trust or a proven parent",
                    (long long)id, name);
        return;
    }
    if (!world_has_proof(account_id, name, wide ? PROOF_SUBTREE : PROOF_NAME))
        finding("S3", "authorization %lld of %s%s is valid by %s, and the world has not shown as much",
                (long long)id, name, wide ? " and what is below" : "", oracle_text(row, 5));
    if (strcmp(endpoint, endpoint_names[ENDPOINT_NET]) == 0 && world_caa_forbids(name))
        finding("S13", "authorization %lld of %s is valid, and CAA forbids it", (long long)id, name);
}

void oracle_check_authorization(sqlite3 *db, int64_t id)
{
    sqlite3_stmt *row = oracle_ask(
        db,
        "SELECT z.account_id, z.identifier, z.wildcard, z.subdomains, z.status, z.challenge_type, "
        "z.challenge_status, a.endpoint, a.created_from, coalesce(k.trusted, 0) FROM authorizations z JOIN "
        "accounts a ON a.id = z.account_id LEFT JOIN eab_keys k ON k.id = a.eab_key_id WHERE z.id = ?",
        id);
    if (row == NULL)
        return;
    struct remembered *was = oracle_remember(id);
    int status = number_of(oracle_text(row, 4), authorization_name, AUTHORIZATION_REVOKED);
    int challenge = number_of(oracle_text(row, 6), challenge_name, CHALLENGE_INVALID);
    if (was->status != 0 && was->status != status &&
        !authorization_may_become((enum authorization_status)was->status, (enum authorization_status)status))
        verdict("authorization %lld goes from %s to %s", (long long)id, authorization_name(was->status),
                authorization_name(status));
    if (was->challenge > CHALLENGE_PENDING && was->challenge != challenge &&
        !challenge_may_become((enum challenge_status)was->challenge, (enum challenge_status)challenge))
        verdict("the challenge of authorization %lld goes from %s to %s", (long long)id,
                challenge_name(was->challenge), challenge_name(challenge));
    if (status == AUTHORIZATION_VALID && was->status != AUTHORIZATION_VALID)
        check_right(id, row);
    was->status = status;
    was->challenge = challenge;
    oracle_done(row);
}

/* ---- attempts: S11, everything that allowed the order is asked again ---- */

static void check_still_allowed(sqlite3 *db, int64_t order_id, int64_t now)
{
    sqlite3_stmt *row =
        oracle_ask(db,
                   "SELECT z.status, z.expires_at, z.identifier, a.status, coalesce(a.eab_key_id, 0) FROM "
                   "order_authorizations oa JOIN authorizations z ON z.id = oa.authorization_id JOIN "
                   "accounts a ON a.id = "
                   "z.account_id WHERE oa.order_id = ?",
                   order_id);
    for (int step = row == NULL ? SQLITE_DONE : SQLITE_ROW; step == SQLITE_ROW; step = sqlite3_step(row)) {
        const char *name = oracle_text(row, 2);
        if (strcmp(oracle_text(row, 0), "valid") != 0 || sqlite3_column_int64(row, 1) <= now)
            finding("S11", "order %lld is signed with the authorization of %s %s, which ended %lld s ago",
                    (long long)order_id, name, oracle_text(row, 0),
                    (long long)(now - sqlite3_column_int64(row, 1)));
        if (strcmp(oracle_text(row, 3), "valid") != 0)
            finding("S11", "order %lld is signed, and its account is %s", (long long)order_id,
                    oracle_text(row, 3));
        if (oracle_eab_is_revoked(sqlite3_column_int64(row, 4)))
            finding("S11", "order %lld is signed, and the external account key was revoked",
                    (long long)order_id);
        if (oracle_denies(name))
            finding("S11", "order %lld is signed, and the name %s is denied", (long long)order_id, name);
    }
    oracle_done(row);
}

void oracle_check_attempt(sqlite3 *db, int64_t id)
{
    struct remembered *was = oracle_remember(id);
    sqlite3_stmt *row = oracle_ask(db, "SELECT order_id, started_at FROM attempts WHERE id = ?", id);
    if (row != NULL && was->status == 0)
        check_still_allowed(db, sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1));
    was->status = 1;
    oracle_done(row);
}

/* ---- certificates ---- */

static bool order_names(sqlite3 *db, int64_t order_id, const char *name)
{
    bool found = false;
    sqlite3_stmt *row = oracle_ask(db,
                                   "SELECT z.identifier, z.wildcard FROM order_authorizations oa JOIN "
                                   "authorizations z ON z.id = oa.authorization_id WHERE oa.order_id = ?",
                                   order_id);
    for (int step = row == NULL ? SQLITE_DONE : SQLITE_ROW; !found && step == SQLITE_ROW;
         step = sqlite3_step(row)) {
        char full[NAME_BYTES];
        snprintf(full, sizeof full, "%s%s", sqlite3_column_int(row, 1) != 0 ? "*." : "", oracle_text(row, 0));
        found = strcasecmp(full, name) == 0;
    }
    oracle_done(row);
    return found;
}

/* Each DNS name of the leaf is one that was ordered. */
static void check_names(sqlite3 *db, int64_t id, int64_t order_id, const void *der, int length)
{
    autofree_x509 X509 *leaf = x509_read(bytes_of(der, (size_t)length));
    autofree_general_names GENERAL_NAMES *names =
        leaf == NULL ? NULL : X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        char text[NAME_BYTES];
        snprintf(text, sizeof text, "%.*s", ASN1_STRING_length(value), ASN1_STRING_get0_data(value));
        if (type == GEN_DNS && !order_names(db, order_id, text))
            verdict("certificate %lld is handed out with %s, which its order does not name", (long long)id,
                    text);
    }
}

void oracle_check_certificate(sqlite3 *db, int64_t id)
{
    sqlite3_stmt *row = oracle_ask(db,
                                   "SELECT serial, status, coalesce(order_id, 0), revocation_requested_at, "
                                   "revocation_requested_by, leaf FROM certificates WHERE id = ?",
                                   id);
    if (row == NULL)
        return;
    struct remembered *was = oracle_remember(id);
    bool good = strcmp(oracle_text(row, 1), "good") == 0, asked = sqlite3_column_type(row, 3) != SQLITE_NULL;
    int64_t order_id = sqlite3_column_int64(row, 2);
    if (was->status == 0 && good && order_id != 0)
        check_names(db, id, order_id, sqlite3_column_blob(row, 5), sqlite3_column_bytes(row, 5));
    if (asked && !was->revocation_requested && strcmp(oracle_text(row, 1), "rejected") != 0 &&
        !oracle_knows_may_revoke(oracle_text(row, 0)))
        finding("S5, S6",
                "the revocation of certificate %s is recorded (by %s), and nobody who may has asked",
                oracle_text(row, 0), oracle_text(row, 4));
    was->revocation_requested = asked;
    was->status = 1;
    oracle_done(row);
}
