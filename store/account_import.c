#include <stdarg.h>
#include <stdio.h>

#include "store/query.h"

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
    *out = (struct import_result){IMPORT_REFUSED, arena_duplicate(arena, why)};
    return STORE_OK;
}

/* Ids are unique over all tables, and the next ones come from the clock. `why` stays NULL for one that may be
 * taken. */
static enum store_result check_id(struct store_session *session, int64_t id, int64_t now, const char **why)
{
    QUERY(query, session, NULL, STATEMENTS_ACCOUNT_IMPORT, ID_IN_USE);
    query_bind_integer(&query, "$id", id);
    *why = NULL;
    if (query_next(&query) != STORE_OK)
        return STORE_FAILED;
    if (query_take_integer(&query) != 0)
        *why = "something else has its id in this database";
    else if (id >= session_first_id_at(now + 1))
        *why = "its id lies ahead of the clock";
    return query_finish(&query);
}

/* ---- accounts ---- */

/* The account is here: what has ended stays ended. */
static enum store_result catch_up(struct store_session *session, const struct account *account,
                                  const struct account *present, struct import_result *out)
{
    *out = (struct import_result){IMPORT_PRESENT, NULL};
    if (account->status == ACCOUNT_VALID || present->status != ACCOUNT_VALID)
        return STORE_OK;
    struct account ended = *present;
    ended.status = account->status;
    out->outcome = IMPORT_ENDED;
    return store_account_update(session, &ended);
}

/* Without its key the account would have more than the key allows. */
static enum store_result find_binding(struct store_session *session, struct arena *arena,
                                      const char *endpoint, const char *kid, int64_t *id)
{
    struct eab_key key = {0};
    enum store_result result =
        kid == NULL ? STORE_OK : store_eab_key_by_kid(session, arena, endpoint, kid, &key);
    *id = key.id;
    return result;
}

static enum store_result add_account(struct store_session *session, struct arena *arena,
                                     const struct account *account, const char *eab_kid, int64_t now,
                                     struct import_result *out)
{
    const char *why;
    struct account added = *account;
    if (check_id(session, account->id, now, &why) != STORE_OK)
        return STORE_FAILED;
    if (why != NULL)
        return refuse(arena, out, "%s", why);
    enum store_result result = find_binding(session, arena, account->endpoint, eab_kid, &added.eab_key_id);
    if (result == STORE_NOT_FOUND)
        return refuse(arena, out, "its external account key %s is not here", eab_kid);
    *out = (struct import_result){IMPORT_ADDED, NULL};
    return result == STORE_OK ? store_account_insert_as(session, &added) : result;
}

enum store_result store_account_import(struct store_session *session, struct arena *arena,
                                       const struct account *account, const char *eab_kid, int64_t now,
                                       struct import_result *out)
{
    struct account present;
    enum store_result result = store_account_load(session, arena, account->id, &present);
    if (result == STORE_FAILED)
        return result;
    if (result == STORE_OK) {
        bool same = strcmp(present.endpoint, account->endpoint) == 0 &&
                    strcmp(present.thumbprint, account->thumbprint) == 0;
        return same ? catch_up(session, account, &present, out)
                    : refuse(arena, out,
                             "its id is that of an account with another key here (endpoint %s, key %s)",
                             present.endpoint, present.thumbprint);
    }
    result = store_account_by_key(session, arena, account->endpoint, account->thumbprint, &present);
    if (result == STORE_OK)
        return refuse(arena, out,
                      "its key has account %lld here: the client has registered again and uses that one",
                      (long long)present.id);
    return result == STORE_FAILED ? result : add_account(session, arena, account, eab_kid, now, out);
}

/* ---- external account keys ---- */

enum store_result store_eab_key_import(struct store_session *session, struct arena *arena,
                                       const struct eab_key *key, int64_t now, struct import_result *out)
{
    struct eab_key present;
    const char *why;
    enum store_result result = store_eab_key_by_kid(session, arena, key->endpoint, key->kid, &present);
    if (result == STORE_OK && present.id == key->id) {
        result = store_eab_key_merge(session, key);
        *out = (struct import_result){result == STORE_OK ? IMPORT_ENDED : IMPORT_PRESENT, NULL};
        return result == STORE_FAILED ? result : STORE_OK;
    }
    if (result == STORE_OK)
        return refuse(arena, out,
                      "there is another key with this kid here: it stays, and accounts follow it");
    if (result == STORE_FAILED || check_id(session, key->id, now, &why) != STORE_OK)
        return STORE_FAILED;
    if (why != NULL)
        return refuse(arena, out, "%s", why);
    *out = (struct import_result){IMPORT_ADDED, NULL};
    return store_eab_key_insert_as(session, arena, key);
}
