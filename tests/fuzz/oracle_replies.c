/* SPDX-License-Identifier: Apache-2.0 */
/* The form of each reply, and who may revoke what. */
#include <stdlib.h>

#include "acme/base/json.h"
#include "acme/pki/certificate.h"
#include "odd.h"
#include "oracle_internal.h"
#include "store/sqlite/session.h"
#include "verdict.h"
#include "world.h"

enum { DEPTH_MAX = 64, VALUES_MAX = 200000 };

static const struct json_limits reply_limits = {.max_depth = DEPTH_MAX, .max_values = VALUES_MAX};

/* ---- form ---- */

static void check_strings(const struct json *json, const struct fake_reply *reply)
{
    if (json->type == JSON_STRING && odd_is_unfit_for_people(json->string, false) &&
        memmem(json->string.p, json->string.n, "BEGIN CERT", 10) == NULL)
        finding("S12", "a reply holds a control or bidi character: %.*s", (int)reply->body.n,
                (const char *)reply->body.p);
    for (size_t i = 0; json->type == JSON_ARRAY && i < json->count; i++)
        check_strings(json->items[i], reply);
    for (size_t i = 0; json->type == JSON_OBJECT && i < json->count; i++)
        check_strings(json->members[i].value, reply);
}

static void check_json(const struct fake_reply *reply, bool is_problem)
{
    const struct json *json = json_parse(reply->arena, reply->body, &reply_limits, NULL);
    struct bytes type;
    if (json == NULL)
        verdict("a reply of status %d is not JSON: %.*s", reply->status, (int)reply->body.n,
                (const char *)reply->body.p);
    /* The CA's statements about itself are passed on unchanged: its lists, and anything that it answers
     * instead. */
    if (reply->acme || reply->status >= 400 || json_member(json, "crt") != NULL)
        check_strings(json, reply);
    if (is_problem && (!json_member_string(json, "type", &type) ||
                       !bytes_has_prefix(type, BYTES_LITERAL("urn:ietf:params:acme:error:"))))
        verdict("a problem has no type of ACME's: %.*s", (int)reply->body.n, (const char *)reply->body.p);
}

static void check_headers(const struct fake_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++)
        if (odd_is_unfit_for_people(bytes_from_string(reply->headers[i].value), false))
            finding("S12", "the header %s holds a control or bidi character", reply->headers[i].name);
}

void oracle_replied(const struct fake_reply *reply)
{
    const char *type = reply->content_type == NULL ? "" : reply->content_type;
    bool is_problem = strcmp(type, "application/problem+json") == 0;
    check_headers(reply);
    if (reply->status < 200 || reply->status > 599)
        verdict("a reply has the status %d", reply->status);
    if (reply->acme && reply->status == 500)
        verdict("a reply has the status 500: %.*s", (int)reply->body.n, (const char *)reply->body.p);
    if (reply->acme && reply->status >= 400 && !is_problem)
        verdict("a reply of status %d is no problem document but %s", reply->status, type);
    if (reply->is_post && fake_reply_header(reply, "Replay-Nonce") == NULL)
        verdict("a reply to a POST has no nonce");
    if (strstr(type, "json") != NULL)
        check_json(reply, is_problem);
}

/* ---- who may revoke: S5, S6 ---- */

static bool endpoint_has_issuer(size_t endpoint, const char *issuer)
{
    static const char *const issuers[ENDPOINTS][2] = {[ENDPOINT_OPEN] = {"one", "local"},
                                                      [ENDPOINT_KEYED] = {"two", "two"},
                                                      [ENDPOINT_NET] = {"two", "local"}};
    return strcmp(issuers[endpoint][0], issuer) == 0 || strcmp(issuers[endpoint][1], issuer) == 0;
}

static bool has_proven(int64_t account_id, const char *name)
{
    if (strncmp(name, "*.", 2) == 0)
        return world_has_proof(account_id, name + 2, PROOF_SUBTREE);
    if (world_has_proof(account_id, name, PROOF_NAME))
        return true;
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
        if (world_has_proof(account_id, dot + 1, PROOF_SUBTREE))
            return true;
    return false;
}

/* The certificate is found by its serial number: what else its octets say does not matter where the database
 * knows it. */
bool oracle_account_may_revoke(int64_t account_id, struct bytes leaf)
{
    struct arena *arena = arena_new();
    struct certificate_facts facts;
    const struct client_account *account = clients_find(account_id);
    bool may = account != NULL && certificate_read_facts(arena, leaf, &facts);
    if (may) {
        const char *sql =
            arena_printf(arena,
                         "SELECT coalesce(c.account_id, 0), i.issuer, c.leaf FROM certificates c JOIN "
                         "issuer_identities i ON i.id = c.issuer_identity_id WHERE ? = 0 AND c.serial = '%s'",
                         facts.serial);
        sqlite3_stmt *row = oracle_ask(database_of(store_command_reader(fake_store_command())), sql, 0);
        bool own = row != NULL && sqlite3_column_int64(row, 0) == account_id;
        if (row != NULL)
            may = certificate_read_facts(
                      arena, bytes_of(sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2)),
                      &facts) &&
                  (own || endpoint_has_issuer(account->endpoint, oracle_text(row, 1)));
        may = may && (own || facts.identifier_count != 0);
        for (size_t i = 0; !own && may && i < facts.identifier_count; i++)
            may = has_proven(account_id, facts.identifiers[i].value);
        oracle_done(row);
    }
    arena_free(arena);
    return may;
}

bool oracle_has_order_replacing(int64_t account_id, const char *renewal_id)
{
    sqlite3_stmt *row =
        oracle_ask(database_of(store_command_reader(fake_store_command())),
                   "SELECT replaces FROM orders WHERE account_id = ? AND replaces NOTNULL", account_id);
    bool found = false;
    for (int step = row == NULL ? SQLITE_DONE : SQLITE_ROW; !found && step == SQLITE_ROW;
         step = sqlite3_step(row))
        found = strcmp(oracle_text(row, 0), renewal_id) == 0;
    oracle_done(row);
    return found;
}

int64_t oracle_eab_key_of(int64_t account_id)
{
    sqlite3_stmt *row = oracle_ask(database_of(store_command_reader(fake_store_command())),
                                   "SELECT coalesce(eab_key_id, 0) FROM accounts WHERE id = ?", account_id);
    int64_t id = row == NULL ? 0 : sqlite3_column_int64(row, 0);
    oracle_done(row);
    return id;
}
