/* SPDX-License-Identifier: Apache-2.0 */
#include "store/eab_keys.h"
#include "acme/base/buffer.h"
#include "store/sql/query.h"

enum {
    EAB_KEY_LOAD,
    EAB_KEY_BY_KID,
    EAB_KEY_INSERT,
    EAB_KEY_USE,
    EAB_KEY_REVOKE,
    EAB_KEY_MERGE,
    EAB_KEYS_AFTER,
    EAB_KEY_EXISTS,
};

/* Words of a list with their spaces. */
enum { WORDS_MAX_BYTES = 64 * 1024 };

#define EAB_KEY_SELECT \
    "SELECT id, endpoint, kid, sealed_key, comment, names_allow, names_deny, profiles, trusted, " \
    "max_uses, uses, expires_at," \
    " revoked_at, created_at FROM eab_keys "

static const struct statement statements[] = {
    [EAB_KEY_LOAD] = {"eab_key_load", EAB_KEY_SELECT "WHERE id = $id"},
    [EAB_KEY_BY_KID] = {"eab_key_by_kid", EAB_KEY_SELECT "WHERE endpoint = $endpoint AND kid = $kid"},
    [EAB_KEY_INSERT] =
        {"eab_key_insert",
         "INSERT INTO eab_keys (id, endpoint, kid, sealed_key, comment, names_allow, names_deny, profiles,"
         " trusted, max_uses, uses, expires_at, revoked_at, created_at)"
         " VALUES ($id, $endpoint, $kid, $sealed_key, $comment, $names_allow, $names_deny, $profiles,"
         " $trusted, $max_uses, $uses, $expires_at, $revoked_at, $created_at)"},
    [EAB_KEY_EXISTS] = {"eab_key_exists", "SELECT 1 FROM eab_keys WHERE id = $id"},
    [EAB_KEY_USE] = {"eab_key_use",
                     "UPDATE eab_keys SET uses = uses + 1 WHERE id = $id AND revoked_at IS NULL"
                     " AND (max_uses IS NULL OR uses < max_uses)"},
    [EAB_KEY_REVOKE] = {"eab_key_revoke", "UPDATE eab_keys SET revoked_at = $now"
                                          " WHERE id = $id AND revoked_at IS NULL"},
    [EAB_KEY_MERGE] =
        {"eab_key_merge",
         "UPDATE eab_keys SET uses = CASE WHEN uses < $uses THEN $uses ELSE uses END,"
         " revoked_at = coalesce(revoked_at, $revoked_at)"
         " WHERE id = $id AND (uses < $uses OR revoked_at IS NULL AND $revoked_at IS NOT NULL)"},
    [EAB_KEYS_AFTER] = {"eab_keys_after", EAB_KEY_SELECT "WHERE id > $after ORDER BY id LIMIT $max"},
};

const struct statement_table store_eab_key_statements = {statements, sizeof statements / sizeof *statements};

static void take_words(struct query *query, const char *const **out, size_t *count)
{
    const char *text = query_take_text(query);
    const char **words = NULL;
    *count = 0;
    for (const char *at = text; at != NULL && *at != '\0'; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        words = array_with_room(query->arena, words, *count, sizeof *words);
        words[(*count)++] = arena_string(query->arena, bytes_of(at, n));
        at += n;
    }
    *out = words;
}

static enum store_result take_key(struct query *query, struct eab_key *out)
{
    enum store_result result = query_next(query);
    if (result != STORE_OK)
        return result;
    *out = (struct eab_key){.id = query_take_integer(query)};
    out->endpoint = query_take_text(query);
    out->kid = query_take_text(query);
    out->sealed_key = query_take_bytes(query);
    out->comment = query_take_text(query);
    take_words(query, &out->names.allow, &out->names.allow_count);
    take_words(query, &out->names.deny, &out->names.deny_count);
    take_words(query, &out->profiles, &out->profile_count);
    out->trusted = query_take_integer(query) != 0;
    out->max_uses = query_take_integer(query);
    out->uses = query_take_integer(query);
    out->expires_at = query_take_integer(query);
    out->revoked_at = query_take_integer(query);
    out->created_at = query_take_integer(query);
    return query_finish(query);
}

enum store_result store_eab_key_load(struct store_reader *reader, struct arena *arena, int64_t id,
                                     struct eab_key *out)
{
    QUERY(query, reader, arena, STATEMENTS_EAB_KEYS, EAB_KEY_LOAD);
    query_bind_integer(&query, "$id", id);
    return take_key(&query, out);
}

enum store_result store_eab_key_by_kid(struct store_reader *reader, struct arena *arena, const char *endpoint,
                                       const char *kid, struct eab_key *out)
{
    QUERY(query, reader, arena, STATEMENTS_EAB_KEYS, EAB_KEY_BY_KID);
    query_bind_text(&query, "$endpoint", endpoint);
    query_bind_text(&query, "$kid", kid);
    return take_key(&query, out);
}

enum store_result store_eab_key_insert(struct store_writer *writer, struct arena *arena, struct eab_key *key)
{
    key->id = store_next_id(writer, key->created_at * 1000);
    return store_eab_key_insert_as(writer, arena, key);
}

enum store_result store_eab_key_insert_as(struct store_writer *writer, struct arena *arena,
                                          const struct eab_key *key)
{
    CHANGE(query, writer, STATEMENTS_EAB_KEYS, EAB_KEY_INSERT);
    query_bind_integer(&query, "$id", key->id);
    query_bind_text(&query, "$endpoint", key->endpoint);
    query_bind_text(&query, "$kid", key->kid);
    query_bind_blob(&query, "$sealed_key", key->sealed_key);
    query_bind_text(&query, "$comment", key->comment);
    query_bind_text(&query, "$names_allow", arena_join(arena, key->names.allow, key->names.allow_count, " "));
    query_bind_text(&query, "$names_deny", arena_join(arena, key->names.deny, key->names.deny_count, " "));
    query_bind_text(&query, "$profiles", arena_join(arena, key->profiles, key->profile_count, " "));
    query_bind_integer(&query, "$trusted", key->trusted);
    query_bind_optional(&query, "$max_uses", key->max_uses);
    query_bind_integer(&query, "$uses", key->uses);
    query_bind_optional(&query, "$expires_at", key->expires_at);
    query_bind_optional(&query, "$revoked_at", key->revoked_at);
    query_bind_integer(&query, "$created_at", key->created_at);
    return query_run(&query);
}

enum store_result store_eab_key_use(struct store_writer *writer, int64_t id)
{
    CHANGE(query, writer, STATEMENTS_EAB_KEYS, EAB_KEY_USE);
    query_bind_integer(&query, "$id", id);
    return query_send_guarded(&query, EAB_KEY_EXISTS, id);
}

enum store_result store_eab_key_revoke(struct store_writer *writer, int64_t id, int64_t now)
{
    CHANGE(query, writer, STATEMENTS_EAB_KEYS, EAB_KEY_REVOKE);
    query_bind_integer(&query, "$id", id);
    query_bind_integer(&query, "$now", now);
    return query_send_guarded(&query, EAB_KEY_EXISTS, id);
}

enum store_result store_eab_key_merge(struct store_writer *writer, const struct eab_key *key)
{
    CHANGE(query, writer, STATEMENTS_EAB_KEYS, EAB_KEY_MERGE);
    query_bind_integer(&query, "$id", key->id);
    query_bind_integer(&query, "$uses", key->uses);
    query_bind_optional(&query, "$revoked_at", key->revoked_at);
    return query_send_guarded(&query, EAB_KEY_EXISTS, key->id);
}

enum store_result store_eab_keys_after(struct store_reader *reader, struct arena *arena, int64_t after,
                                       struct eab_key *out, size_t max, size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_EAB_KEYS, EAB_KEYS_AFTER);
    query_bind_integer(&query, "$after", after);
    query_bind_integer(&query, "$max", (int64_t)max);
    enum store_result result = STORE_OK;
    *count = 0;
    while (*count < max && (result = take_key(&query, &out[*count])) == STORE_OK)
        ++*count;
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}
