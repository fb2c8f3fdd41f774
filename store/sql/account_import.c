/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "store/account_import.h"
#include "store/accounts.h"
#include "store/eab_keys.h"
#include "store/sql/query.h"

enum { ID_IN_USE };

static const struct statement statements[] = {
    [ID_IN_USE] = {"id_in_use", "SELECT (SELECT count(*) FROM accounts WHERE id = $id)"
                                " + (SELECT count(*) FROM authorizations WHERE id = $id)"
                                " + (SELECT count(*) FROM orders WHERE id = $id)"
                                " + (SELECT count(*) FROM attempts WHERE id = $id)"
                                " + (SELECT count(*) FROM certificates WHERE id = $id)"
                                " + (SELECT count(*) FROM eab_keys WHERE id = $id)"
                                " + (SELECT count(*) FROM early_renewals WHERE id = $id)"
                                " + (SELECT count(*) FROM events WHERE id = $id)"},
};

const struct statement_table store_account_import_statements = {statements,
                                                                sizeof statements / sizeof *statements};

[[gnu::format(printf, 3, 4)]] static enum store_result refuse(struct arena *arena, struct import_result *out,
                                                              const char *format, ...)
{
    char why[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    *out = (struct import_result){IMPORT_REFUSED, false, arena_duplicate(arena, why)};
    return STORE_OK;
}

static enum store_result is_to_be(enum import_outcome outcome, struct import_result *out)
{
    *out = (struct import_result){outcome, outcome != IMPORT_PRESENT, NULL};
    return STORE_OK;
}

/* Ids are unique over all tables, and the next ones come from the clock. `why` stays NULL for an id that can
 * be used. */
static enum store_result check_id(struct store_reader *reader, int64_t id, int64_t now, const char **why)
{
    QUERY(query, reader, NULL, STATEMENTS_ACCOUNT_IMPORT, ID_IN_USE);
    query_bind_integer(&query, "$id", id);
    *why = NULL;
    if (query_next(&query) != STORE_OK)
        return STORE_FAILED;
    if (query_take_integer(&query) != 0)
        *why = "something else has its id in this database";
    else if (id >= first_id_at(now + 1))
        *why = "its id lies ahead of the clock";
    return query_finish(&query);
}

/* ---- accounts ---- */

/* An account that has ended stays ended, with its key. */
static bool ends(const struct account *present, const struct account *exported)
{
    return present->status == ACCOUNT_VALID && exported->status != ACCOUNT_VALID;
}

static bool has_newer_key(const struct account *present, const struct account *exported)
{
    return present->status == ACCOUNT_VALID && exported->key_changed_at > present->key_changed_at;
}

bool store_account_lags(const struct account *present, const struct account *exported)
{
    return ends(present, exported) || has_newer_key(present, exported);
}

/* Foresees a conflict of an account that is here with the same id, or not at all. */
static enum store_result foresee_key_in_use(struct store_reader *reader, struct arena *arena,
                                            const struct account *account, struct import_result *out)
{
    struct account user;
    enum store_result result =
        store_account_by_key(reader, arena, account->endpoint, account->thumbprint, &user);
    if (result == STORE_OK && user.id != account->id)
        return refuse(arena, out,
                      "its key has account %lld here: the client has registered again and uses that one",
                      (long long)user.id);
    return result == STORE_FAILED ? result : STORE_OK;
}

static enum store_result foresee_present(struct store_reader *reader, struct arena *arena,
                                         const struct account *account, const struct account *present,
                                         struct import_result *out)
{
    bool same_endpoint = strcmp(present->endpoint, account->endpoint) == 0;
    bool same_key = strcmp(present->thumbprint, account->thumbprint) == 0;
    bool newer_key = has_newer_key(present, account);
    if (!same_endpoint || (!same_key && !newer_key))
        return refuse(arena, out, "its id is that of an account with another key here (endpoint %s, key %s)",
                      present->endpoint, present->thumbprint);
    is_to_be(ends(present, account) ? IMPORT_ENDED : newer_key ? IMPORT_CHANGED : IMPORT_PRESENT, out);
    return newer_key ? foresee_key_in_use(reader, arena, account, out) : STORE_OK;
}

/* Without its key the account would have more rights than the key allows. */
static enum store_result find_binding(struct store_reader *reader, struct arena *arena,
                                      const struct account *account, const char *kid, int64_t *id)
{
    struct eab_key key = {0};
    enum store_result result =
        kid == NULL ? STORE_OK : store_eab_key_by_kid(reader, arena, account->endpoint, kid, &key);
    *id = key.id;
    return result;
}

static enum store_result foresee_new(struct store_reader *reader, struct arena *arena,
                                     const struct account *account, const char *eab_kid, int64_t now,
                                     struct import_result *out)
{
    const char *why;
    int64_t eab_key_id;
    is_to_be(IMPORT_ADDED, out);
    enum store_result result = foresee_key_in_use(reader, arena, account, out);
    if (result != STORE_OK || out->outcome == IMPORT_REFUSED)
        return result;
    result = find_binding(reader, arena, account, eab_kid, &eab_key_id);
    if (result == STORE_FAILED || check_id(reader, account->id, now, &why) != STORE_OK)
        return STORE_FAILED;
    if (why != NULL)
        refuse(arena, out, "%s", why);
    else if (result == STORE_NOT_FOUND)
        refuse(arena, out, "its external account key %s is not here", eab_kid);
    out->lacking = true;
    return STORE_OK;
}

enum store_result store_account_import_foresee(struct store_reader *reader, struct arena *arena,
                                               const struct account *account, const char *eab_kid,
                                               int64_t now, struct import_result *out)
{
    struct account present;
    enum store_result result = store_account_load(reader, arena, account->id, &present);
    if (result == STORE_OK)
        return foresee_present(reader, arena, account, &present, out);
    return result == STORE_FAILED ? result : foresee_new(reader, arena, account, eab_kid, now, out);
}

static enum store_result catch_up(struct store_writer *writer, struct arena *arena,
                                  const struct account *account)
{
    struct account present;
    enum store_result result = store_account_load(store_reader_of(writer), arena, account->id, &present);
    if (result == STORE_OK && has_newer_key(&present, account))
        result = store_account_update_key(writer, account);
    if (result != STORE_OK || !ends(&present, account))
        return result;
    present.status = account->status;
    return store_account_update(writer, &present);
}

enum store_result store_account_import(struct store_writer *writer, struct arena *arena,
                                       const struct account *account, const char *eab_kid, int64_t now,
                                       struct import_result *out)
{
    struct account added = *account;
    enum store_result result =
        store_account_import_foresee(store_reader_of(writer), arena, account, eab_kid, now, out);
    if (result != STORE_OK)
        return result;
    if (out->outcome == IMPORT_ENDED || out->outcome == IMPORT_CHANGED)
        return catch_up(writer, arena, account);
    if (out->outcome != IMPORT_ADDED)
        return STORE_OK;
    result = find_binding(store_reader_of(writer), arena, account, eab_kid, &added.eab_key_id);
    return result == STORE_OK ? store_account_insert_as(writer, &added) : result;
}

/* ---- external account keys ---- */

static enum import_outcome outcome_for(const struct eab_key *present, const struct eab_key *exported)
{
    if (present->revoked_at == 0 && exported->revoked_at != 0)
        return IMPORT_ENDED;
    return present->uses < exported->uses ? IMPORT_CHANGED : IMPORT_PRESENT;
}

enum store_result store_eab_key_import_foresee(struct store_reader *reader, struct arena *arena,
                                               const struct eab_key *key, int64_t now,
                                               struct import_result *out)
{
    struct eab_key present;
    const char *why;
    enum store_result result = store_eab_key_by_kid(reader, arena, key->endpoint, key->kid, &present);
    if (result == STORE_OK && present.id == key->id)
        return is_to_be(outcome_for(&present, key), out);
    if (result == STORE_OK)
        return refuse(arena, out,
                      "there is another key with this kid here: it stays, and accounts follow it");
    if (result == STORE_FAILED || check_id(reader, key->id, now, &why) != STORE_OK)
        return STORE_FAILED;
    is_to_be(IMPORT_ADDED, out);
    if (why != NULL)
        refuse(arena, out, "%s", why);
    out->lacking = true;
    return STORE_OK;
}

enum store_result store_eab_key_import(struct store_writer *writer, struct arena *arena,
                                       const struct eab_key *key, int64_t now, struct import_result *out)
{
    enum store_result result = store_eab_key_import_foresee(store_reader_of(writer), arena, key, now, out);
    if (result != STORE_OK)
        return result;
    if (out->outcome == IMPORT_ENDED || out->outcome == IMPORT_CHANGED)
        return store_eab_key_merge(writer, key);
    return out->outcome == IMPORT_ADDED ? store_eab_key_insert_as(writer, arena, key) : STORE_OK;
}
