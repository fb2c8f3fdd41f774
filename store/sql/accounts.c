/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts.h"
#include "store/sql/query.h"

enum {
    ACCOUNT_LOAD,
    ACCOUNT_BY_KEY,
    ACCOUNT_INSERT,
    ACCOUNT_UPDATE,
    ACCOUNT_UPDATE_KEY,
    ACCOUNTS_AFTER,
    ACCOUNTS_WITHOUT_KEY,
    ACCOUNT_CROWDS,
    ACCOUNT_EXISTS
};

#define ACCOUNT_COLUMNS \
    "id, endpoint, status, key, thumbprint, contacts, terms_agreed, created_at, created_from, user_agent," \
    " eab_key_id, eab, key_changed_at"

static const struct statement statements[] = {
    [ACCOUNT_LOAD] = {"account_load", "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE id = $id"},
    [ACCOUNT_EXISTS] = {"account_exists", "SELECT 1 FROM accounts WHERE id = $id"},
    [ACCOUNT_BY_KEY] = {"account_by_key",
                        "SELECT " ACCOUNT_COLUMNS
                        " FROM accounts WHERE endpoint = $endpoint AND thumbprint = $thumbprint"},
    [ACCOUNT_INSERT] =
        {"account_insert",
         "INSERT INTO accounts (" ACCOUNT_COLUMNS ")"
         " VALUES ($id, $endpoint, $status, $key, $thumbprint, $contacts, $terms_agreed, $created_at,"
         " $created_from, $user_agent, $eab_key_id, $eab, $key_changed_at)"},
    [ACCOUNT_UPDATE] =
        {"account_update",
         "UPDATE accounts SET contacts = $contacts, terms_agreed = $terms_agreed, status = $status"
         " WHERE id = $id AND status = 'valid'"},
    [ACCOUNT_UPDATE_KEY] = {"account_update_key", "UPDATE accounts SET key = $key, thumbprint = $thumbprint,"
                                                  " key_changed_at = $key_changed_at"
                                                  " WHERE id = $id AND status = 'valid'"},
    [ACCOUNTS_AFTER] = {"accounts_after",
                        "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE id > $after ORDER BY id LIMIT $max"},
    [ACCOUNTS_WITHOUT_KEY] =
        {"accounts_without_key",
         "SELECT count(*) FROM accounts WHERE endpoint = $endpoint AND status = 'valid' AND "
         "eab_key_id IS NULL"},
    [ACCOUNT_CROWDS] = {"account_crowds",
                        "SELECT created_from, count(*) FROM accounts WHERE endpoint = $endpoint AND"
                        " status = 'valid' AND created_from IS NOT NULL GROUP BY created_from"
                        " HAVING count(*) >= $least ORDER BY count(*) DESC, created_from LIMIT $max"},
};

const struct statement_table store_account_statements = {statements, sizeof statements / sizeof *statements};

QUERY_TAKE_STATUS(account_status, ACCOUNT_VALID, ACCOUNT_REVOKED)

static enum store_result take_account(struct query *query, struct account *out)
{
    enum store_result result = query_next(query);
    if (result != STORE_OK)
        return result;
    *out = (struct account){.id = query_take_integer(query)};
    out->endpoint = query_take_text(query);
    out->status = query_take_account_status(query);
    out->key = query_take_bytes(query);
    out->thumbprint = query_take_text(query);
    out->contacts_json = query_take_text(query);
    out->terms_agreed = query_take_integer(query) != 0;
    out->created_at = query_take_integer(query);
    out->created_from = query_take_text(query);
    out->user_agent = query_take_text(query);
    out->eab_key_id = query_take_integer(query);
    out->eab_json = query_take_text(query);
    out->key_changed_at = query_take_integer(query);
    return query_finish(query);
}

enum store_result store_account_load(struct store_reader *reader, struct arena *arena, int64_t id,
                                     struct account *out)
{
    QUERY(query, reader, arena, STATEMENTS_ACCOUNTS, ACCOUNT_LOAD);
    query_bind_integer(&query, "$id", id);
    return take_account(&query, out);
}

enum store_result store_account_by_key(struct store_reader *reader, struct arena *arena, const char *endpoint,
                                       const char *thumbprint, struct account *out)
{
    QUERY(query, reader, arena, STATEMENTS_ACCOUNTS, ACCOUNT_BY_KEY);
    query_bind_text(&query, "$endpoint", endpoint);
    query_bind_text(&query, "$thumbprint", thumbprint);
    return take_account(&query, out);
}

static void bind_changeable(struct query *query, const struct account *account)
{
    query_bind_integer(query, "$id", account->id);
    query_bind_text(query, "$status", account_status_name(account->status));
    query_bind_text(query, "$contacts", account->contacts_json == NULL ? "[]" : account->contacts_json);
    query_bind_integer(query, "$terms_agreed", account->terms_agreed);
}

enum store_result store_accounts_after(struct store_reader *reader, struct arena *arena, int64_t after,
                                       struct account *out, size_t max, size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_ACCOUNTS, ACCOUNTS_AFTER);
    query_bind_integer(&query, "$after", after);
    query_bind_integer(&query, "$max", (int64_t)max);
    enum store_result result = STORE_OK;
    *count = 0;
    while (*count < max && (result = take_account(&query, &out[*count])) == STORE_OK)
        ++*count;
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_accounts_without_key(struct store_reader *reader, const char *endpoint,
                                             int64_t *count)
{
    QUERY(query, reader, NULL, STATEMENTS_ACCOUNTS, ACCOUNTS_WITHOUT_KEY);
    query_bind_text(&query, "$endpoint", endpoint);
    enum store_result result = query_next(&query);
    *count = result == STORE_OK ? query_take_integer(&query) : 0;
    return result;
}

enum store_result store_account_crowds(struct store_reader *reader, struct arena *arena, const char *endpoint,
                                       int64_t least, struct account_crowd *out, size_t max, size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_ACCOUNTS, ACCOUNT_CROWDS);
    query_bind_text(&query, "$endpoint", endpoint);
    query_bind_integer(&query, "$least", least);
    query_bind_integer(&query, "$max", (int64_t)max);
    enum store_result result = STORE_OK;
    for (*count = 0; *count < max && (result = query_next(&query)) == STORE_OK; ++*count) {
        out[*count].address = query_take_text(&query);
        out[*count].accounts = query_take_integer(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_account_insert(struct store_writer *writer, struct account *account)
{
    account->id = store_next_id(writer, account->created_at * 1000);
    return store_account_insert_as(writer, account);
}

enum store_result store_account_insert_as(struct store_writer *writer, const struct account *account)
{
    CHANGE(query, writer, STATEMENTS_ACCOUNTS, ACCOUNT_INSERT);
    bind_changeable(&query, account);
    query_bind_text(&query, "$endpoint", account->endpoint);
    query_bind_text_bytes(&query, "$key", account->key);
    query_bind_text(&query, "$thumbprint", account->thumbprint);
    query_bind_integer(&query, "$created_at", account->created_at);
    query_bind_text(&query, "$created_from", account->created_from);
    query_bind_text(&query, "$user_agent", account->user_agent);
    query_bind_optional(&query, "$eab_key_id", account->eab_key_id);
    query_bind_text(&query, "$eab", account->eab_json);
    query_bind_optional(&query, "$key_changed_at", account->key_changed_at);
    return query_send(&query);
}

enum store_result store_account_update(struct store_writer *writer, const struct account *account)
{
    CHANGE(query, writer, STATEMENTS_ACCOUNTS, ACCOUNT_UPDATE);
    bind_changeable(&query, account);
    return query_send_guarded(&query, ACCOUNT_EXISTS, account->id);
}

enum store_result store_account_update_key(struct store_writer *writer, const struct account *account)
{
    CHANGE(query, writer, STATEMENTS_ACCOUNTS, ACCOUNT_UPDATE_KEY);
    query_bind_integer(&query, "$id", account->id);
    query_bind_text_bytes(&query, "$key", account->key);
    query_bind_text(&query, "$thumbprint", account->thumbprint);
    query_bind_optional(&query, "$key_changed_at", account->key_changed_at);
    return query_send_guarded(&query, ACCOUNT_EXISTS, account->id);
}
