/* SPDX-License-Identifier: Apache-2.0 */
#include "store/certificates.h"
#include "acme/pki/certificate.h"
#include "store/sql/gateways.h"
#include "store/sql/issuer_identities.h"

enum {
    CERTIFICATE_LOAD,
    CERTIFICATES_BY_SERIAL,
    CERTIFICATE_INSERT,
    CERTIFICATE_ADOPT,
    CERTIFICATE_INSERT_NAME,
    CERTIFICATE_UPDATE,
    CERTIFICATE_EXISTS,
    CERTIFICATE_CORRECT,
    CHAIN_FIND,
    CHAIN_INSERT,
    CHAINS,
    NEWEST_CHAIN,
    ACCOUNT_HAS_CERTIFICATE,
    LIVE_CHAINS,
    REVOCATION_QUEUE_AFTER,
    REVOCATIONS_DUE,
};

#define CERTIFICATE_SELECT \
    "SELECT c.id, c.account_id, c.order_id, a.endpoint, i.issuer, i.root_fingerprint, c.serial, c.leaf, " \
    "h.pem," \
    " c.key_hash, c.not_before, c.not_after, c.status, c.origin, c.rejected_because, " \
    "c.revocation_requested_at," \
    " c.revocation_reason, c.revocation_requested_by, c.revocation_next_attempt_at, " \
    "c.revocation_attempt_count," \
    " c.revocation_error, c.revoked_at, c.revocation_correction IS NOT NULL, c.revocation_correction," \
    " c.created_at" \
    " FROM certificates c" \
    " LEFT JOIN accounts a ON a.id = c.account_id" \
    " LEFT JOIN chains h ON h.id = c.chain_id" \
    " LEFT JOIN issuer_identities i ON i.id = c.issuer_identity_id "

/* The condition of the index certificates_revocation_due. */
#define REVOCATION_CONDITION \
    "((revocation_requested_at IS NOT NULL AND revoked_at IS NULL) OR revocation_correction IS NOT NULL)"

/* A revocation that is under way stays where it is. */
#define OWNER_FROM_NOW_ON "CASE WHEN " REVOCATION_CONDITION " THEN gateway_id ELSE " GATEWAY_OWNER " END"

static const struct statement statements[] = {
    [CERTIFICATE_LOAD] = {"certificate_load", CERTIFICATE_SELECT "WHERE c.id = $id"},
    [CERTIFICATES_BY_SERIAL] = {"certificates_by_serial", CERTIFICATE_SELECT
                                "WHERE c.serial = $serial ORDER BY c.account_id IS NULL, c.id"},
    [CERTIFICATE_INSERT] =
        {"certificate_insert",
         "INSERT INTO certificates (id, account_id, order_id, issuer_identity_id, chain_id, serial, leaf, "
         "key_hash,"
         " not_before, not_after, status, origin, rejected_because, revocation_requested_at, "
         "revocation_reason,"
         " revocation_requested_by, revocation_next_attempt_at, revocation_attempt_count, revocation_error, "
         "revoked_at,"
         " created_at, gateway_id)"
         " VALUES ($id, $account_id, $order_id, " ISSUER_IDENTITY_ID ", $chain_id, $serial, $leaf, $key_hash,"
         " $not_before, $not_after, $status, $origin, $rejected_because, $revocation_requested_at, "
         "$revocation_reason,"
         " $revocation_requested_by, $revocation_next_attempt_at, $revocation_attempt_count, "
         "$revocation_error,"
         " $revoked_at, $created_at, " GATEWAY_OWNER ")"
         " ON CONFLICT (serial, issuer_identity_id) DO NOTHING"},
    [CERTIFICATE_ADOPT] =
        {"certificate_adopt",
         "UPDATE certificates SET account_id = $account_id, order_id = $order_id,"
         " issuer_identity_id = " ISSUER_IDENTITY_ID ", chain_id = $chain_id, leaf = $leaf, origin = $origin"
         " WHERE id = $id AND origin = 'imported' AND status = 'good' AND revocation_requested_at IS NULL"
         " AND NOT EXISTS (SELECT 1 FROM certificates t WHERE t.serial = certificates.serial"
         " AND t.issuer_identity_id = " ISSUER_IDENTITY_ID " AND t.id <> $id)"
         " RETURNING id"},
    [CERTIFICATE_INSERT_NAME] = {"certificate_insert_name",
                                 "INSERT INTO certificate_names (certificate_id, name) VALUES ($id, $name)"},
    [CERTIFICATE_EXISTS] = {"certificate_exists", "SELECT 1 FROM certificates WHERE id = $id"},
    [CERTIFICATE_UPDATE] =
        {"certificate_update",
         "UPDATE certificates SET status = $status, revocation_requested_at = $revocation_requested_at,"
         " revocation_reason = $revocation_reason, revocation_requested_by = $revocation_requested_by,"
         " revocation_next_attempt_at = $revocation_next_attempt_at,"
         " revocation_attempt_count = $revocation_attempt_count, revocation_error = $revocation_error,"
         " revoked_at = $revoked_at, gateway_id = " OWNER_FROM_NOW_ON
         " WHERE id = $id AND revoked_at IS NULL"},
    [CERTIFICATE_CORRECT] =
        {"certificate_correct",
         "UPDATE certificates SET revocation_reason = $revocation_reason,"
         " revocation_correction = CASE WHEN $correction_asked = 1 THEN $correction_reason END,"
         " revocation_next_attempt_at = $revocation_next_attempt_at,"
         " revocation_attempt_count = $revocation_attempt_count, revocation_error = $revocation_error,"
         " gateway_id = " OWNER_FROM_NOW_ON " WHERE id = $id AND revoked_at IS NOT NULL"},
    [CHAIN_FIND] = {"chain_find", "SELECT id FROM chains WHERE hash = $hash"},
    [CHAIN_INSERT] = {"chain_insert", "INSERT INTO chains (hash, pem) VALUES ($hash, $pem)"},
    [NEWEST_CHAIN] = {"newest_chain", "SELECT max(id) FROM chains"},
    [ACCOUNT_HAS_CERTIFICATE] = {"account_has_certificate",
                                 "SELECT EXISTS (SELECT 1 FROM certificates WHERE account_id = $account_id)"},
    [CHAINS] = {"chains", "SELECT pem FROM chains WHERE id > 0 ORDER BY id DESC LIMIT 20"},
    /* The leaf that ends last of each chain; among those that end together, the newest. */
    [LIVE_CHAINS] =
        {"live_chains",
         "SELECT c.not_after, c.leaf, h.pem FROM"
         " (SELECT x.issuer_identity_id, x.chain_id, max(x.not_after) AS until FROM issuer_identities i"
         " CROSS JOIN certificates x ON +x.issuer_identity_id = i.id WHERE i.issuer = $issuer"
         " AND x.not_after > $now AND x.status = 'good'"
         " GROUP BY x.issuer_identity_id, x.chain_id) AS subquery_live"
         " CROSS JOIN certificates c ON c.id = (SELECT max(y.id) FROM certificates y"
         " WHERE y.not_after = until AND +y.issuer_identity_id = subquery_live.issuer_identity_id"
         " AND y.chain_id IS NOT DISTINCT FROM subquery_live.chain_id AND y.status = 'good')"
         " LEFT JOIN chains h ON h.id = c.chain_id"},
    [REVOCATION_QUEUE_AFTER] = {"revocation_queue_after",
                                "SELECT i.id, i.issuer FROM certificates c"
                                " CROSS JOIN issuer_identities i ON i.id = c.issuer_identity_id"
                                " WHERE " REVOCATION_CONDITION " AND c.gateway_id = $gateway"
                                " AND c.issuer_identity_id > $after"
                                " ORDER BY c.issuer_identity_id LIMIT 1"},
    [REVOCATIONS_DUE] = {"revocations_due", "SELECT id FROM certificates WHERE " REVOCATION_CONDITION
                                            " AND gateway_id = $gateway"
                                            " AND issuer_identity_id = $issuer_identity_id"
                                            " AND revocation_next_attempt_at <= $now"
                                            " ORDER BY revocation_next_attempt_at LIMIT $max"},
};

const struct statement_table store_certificate_statements = {statements,
                                                             sizeof statements / sizeof *statements};

QUERY_TAKE_STATUS(certificate_status, CERTIFICATE_GOOD, CERTIFICATE_REJECTED)
QUERY_TAKE_STATUS(certificate_origin, CERTIFICATE_FROM_ACME, CERTIFICATE_IMPORTED)

static void take_revocation(struct query *query, struct certificate *out)
{
    out->revocation_requested_at = query_take_integer(query);
    out->revocation_reason = (int)query_take_integer(query);
    out->revocation_requested_by = query_take_text(query);
    out->revocation_next_attempt_at = query_take_integer(query);
    out->revocation_attempt_count = query_take_integer(query);
    out->revocation_error = query_take_text(query);
    out->revoked_at = query_take_integer(query);
    out->correction_asked = query_take_integer(query) != 0;
    out->correction_reason = (int)query_take_integer(query);
}

static enum store_result take_certificate(struct query *query, struct certificate *out)
{
    enum store_result result = query_next(query);
    if (result != STORE_OK)
        return result;
    *out = (struct certificate){.id = query_take_integer(query)};
    out->account_id = query_take_integer(query);
    out->order_id = query_take_integer(query);
    out->endpoint = query_take_text(query);
    out->issuer = query_take_text(query);
    out->root_fingerprint = query_take_text(query);
    out->serial = query_take_text(query);
    out->leaf = query_take_bytes(query);
    out->chain_pem = query_take_bytes(query);
    out->key_hash = query_take_bytes(query);
    out->not_before = query_take_integer(query);
    out->not_after = query_take_integer(query);
    out->status = query_take_certificate_status(query);
    out->origin = query_take_certificate_origin(query);
    out->rejected_because = query_take_text(query);
    take_revocation(query, out);
    out->created_at = query_take_integer(query);
    return query_finish(query);
}

void store_certificate_ask(struct store_reader *reader, int64_t id)
{
    query_ask_by_id(reader, STATEMENTS_CERTIFICATES, CERTIFICATE_LOAD, "$id", id);
}

enum store_result store_certificate_load(struct store_reader *reader, struct arena *arena, int64_t id,
                                         struct certificate *out)
{
    QUERY(query, reader, arena, STATEMENTS_CERTIFICATES, CERTIFICATE_LOAD);
    query_bind_integer(&query, "$id", id);
    return take_certificate(&query, out);
}

enum store_result store_certificates_by_serial(struct store_reader *reader, struct arena *arena,
                                               const char *serial, struct certificate **out, size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_CERTIFICATES, CERTIFICATES_BY_SERIAL);
    query_bind_text(&query, "$serial", serial);
    struct certificate next;
    enum store_result result;
    *out = NULL;
    *count = 0;
    while ((result = take_certificate(&query, &next)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        (*out)[(*count)++] = next;
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_certificate_by_leaf(struct store_reader *reader, struct arena *arena,
                                            const char *serial, struct bytes leaf, struct certificate *out)
{
    struct certificate *found = NULL;
    size_t count = 0;
    enum store_result result = store_certificates_by_serial(reader, arena, serial, &found, &count);
    for (size_t i = 0; i < count; i++) {
        if (certificate_is_same(found[i].leaf, leaf)) {
            *out = found[i];
            return STORE_OK;
        }
    }
    return result == STORE_OK ? STORE_NOT_FOUND : result;
}

enum store_result store_live_chains(struct store_reader *reader, struct arena *arena, const char *issuer,
                                    int64_t now, struct live_chain **out, size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_CERTIFICATES, LIVE_CHAINS);
    query_bind_text(&query, "$issuer", issuer);
    query_bind_integer(&query, "$now", now);
    enum store_result result;
    *out = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        struct live_chain *chain = &(*out)[(*count)++];
        chain->not_after = query_take_integer(&query);
        chain->leaf = query_take_bytes(&query);
        chain->chain_pem = query_take_bytes(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}

static enum store_result find_chain(struct store_reader *reader, const char *hash, int64_t *id)
{
    QUERY(query, reader, NULL, STATEMENTS_CERTIFICATES, CHAIN_FIND);
    query_bind_text(&query, "$hash", hash);
    enum store_result result = query_next(&query);
    if (result == STORE_OK)
        *id = query_take_integer(&query);
    return result;
}

static void ask_chain(struct store_reader *reader, const char *hash)
{
    QUERY(query, reader, NULL, STATEMENTS_CERTIFICATES, CHAIN_FIND);
    query_bind_text(&query, "$hash", hash);
    query_ask(&query);
}

static void ask_serial(struct store_reader *reader, const char *serial)
{
    QUERY(query, reader, NULL, STATEMENTS_CERTIFICATES, CERTIFICATES_BY_SERIAL);
    query_bind_text(&query, "$serial", serial);
    query_ask(&query);
}

/* `hash` is NULL for an empty chain: the root itself signed the leaf. The id is 0 then. */
static enum store_result chain_id_of(struct store_writer *writer, const char *hash, struct bytes pem,
                                     int64_t *id)
{
    *id = 0;
    enum store_result result = hash == NULL ? STORE_OK : find_chain(store_reader_of(writer), hash, id);
    if (result != STORE_NOT_FOUND)
        return result;
    CHANGE(query, writer, STATEMENTS_CERTIFICATES, CHAIN_INSERT);
    query_bind_text(&query, "$hash", hash);
    query_bind_pem(&query, "$pem", pem);
    result = query_send(&query);
    return result == STORE_OK ? find_chain(store_reader_of(writer), hash, id) : result;
}

static void bind_changeable(struct query *query, const struct certificate *certificate)
{
    query_bind_integer(query, "$id", certificate->id);
    query_bind_text(query, "$status", certificate_status_name(certificate->status));
    query_bind_optional(query, "$revocation_requested_at", certificate->revocation_requested_at);
    query_bind_integer(query, "$revocation_reason", certificate->revocation_reason);
    query_bind_text(query, "$revocation_requested_by", certificate->revocation_requested_by);
    query_bind_integer(query, "$revocation_next_attempt_at", certificate->revocation_next_attempt_at);
    query_bind_integer(query, "$revocation_attempt_count", certificate->revocation_attempt_count);
    query_bind_text(query, "$revocation_error", certificate->revocation_error);
    query_bind_optional(query, "$revoked_at", certificate->revoked_at);
}

static void bind_identity(struct query *query, const struct certificate *certificate)
{
    query_bind_text(query, "$issuer", certificate->issuer);
    query_bind_text(query, "$root_fingerprint", certificate->root_fingerprint);
}

static enum store_result insert_row(struct store_writer *writer, const struct certificate *certificate,
                                    int64_t chain_id)
{
    CHANGE(query, writer, STATEMENTS_CERTIFICATES, CERTIFICATE_INSERT);
    bind_changeable(&query, certificate);
    query_bind_optional(&query, "$account_id", certificate->account_id);
    query_bind_optional(&query, "$order_id", certificate->order_id);
    bind_identity(&query, certificate);
    query_bind_optional(&query, "$chain_id", chain_id);
    query_bind_text(&query, "$serial", certificate->serial);
    query_bind_blob(&query, "$leaf", certificate->leaf);
    query_bind_blob(&query, "$key_hash", certificate->key_hash);
    query_bind_integer(&query, "$not_before", certificate->not_before);
    query_bind_integer(&query, "$not_after", certificate->not_after);
    query_bind_text(&query, "$origin", certificate_origin_name(certificate->origin));
    query_bind_text(&query, "$rejected_because", certificate->rejected_because);
    query_bind_integer(&query, "$created_at", certificate->created_at);
    gateway_bind(&query, writer);
    enum store_result result = query_send_change(&query);
    return result == STORE_NOT_FOUND ? STORE_KNOWN : result;
}

/* Turns the row that an import made of this certificate into the certificate's own. */
static enum store_result adopt_row(struct store_writer *writer, struct certificate *certificate,
                                   int64_t row_id, int64_t chain_id)
{
    CHANGE(query, writer, STATEMENTS_CERTIFICATES, CERTIFICATE_ADOPT);
    query_bind_integer(&query, "$id", row_id);
    query_bind_optional(&query, "$account_id", certificate->account_id);
    query_bind_optional(&query, "$order_id", certificate->order_id);
    query_bind_text(&query, "$origin", certificate_origin_name(certificate->origin));
    bind_identity(&query, certificate);
    query_bind_optional(&query, "$chain_id", chain_id);
    query_bind_blob(&query, "$leaf", certificate->leaf);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result == STORE_NOT_FOUND ? STORE_KNOWN : result;
    certificate->id = query_take_integer(&query);
    return query_finish(&query);
}

static enum store_result insert_name(struct store_writer *writer, int64_t id, const char *name)
{
    CHANGE(query, writer, STATEMENTS_CERTIFICATES, CERTIFICATE_INSERT_NAME);
    query_bind_integer(&query, "$id", id);
    query_bind_text(&query, "$name", name);
    return query_send(&query);
}

/* Finds the row of the same certificate. */
static enum store_result find_row(struct store_reader *reader, const struct certificate *certificate,
                                  int64_t *id)
{
    struct arena *arena = arena_new();
    struct certificate known = {0};
    enum store_result result =
        store_certificate_by_leaf(reader, arena, certificate->serial, certificate->leaf, &known);
    *id = known.id;
    arena_free(arena);
    return result;
}

static enum store_result insert_new(struct store_writer *writer, struct certificate *certificate,
                                    int64_t chain_id, const struct identifier *identifiers,
                                    size_t identifier_count)
{
    certificate->id = store_next_id(writer, certificate->created_at * 1000);
    enum store_result result = insert_row(writer, certificate, chain_id);
    for (size_t i = 0; result == STORE_OK && i < identifier_count; i++)
        result = insert_name(writer, certificate->id, identifiers[i].value);
    return result;
}

static void ask_both(struct store_reader *reader, const char *hash, const char *serial)
{
    if (!query_may_ask(reader))
        return;
    if (hash != NULL)
        ask_chain(reader, hash);
    ask_serial(reader, serial);
}

static enum store_result insert_behind(struct store_writer *writer, struct certificate *certificate,
                                       const char *chain_hash, const struct identifier *identifiers,
                                       size_t identifier_count)
{
    int64_t chain_id = 0, known_id = 0;
    enum store_result result =
        issuer_identity_note(writer, certificate->issuer, certificate->root_fingerprint);
    if (result != STORE_OK)
        return result;
    ask_both(store_reader_of(writer), chain_hash, certificate->serial);
    enum store_result found = find_row(store_reader_of(writer), certificate, &known_id);
    if (found == STORE_FAILED)
        return found;
    result = chain_id_of(writer, chain_hash, certificate->chain_pem, &chain_id);
    if (result != STORE_OK)
        return result;
    if (found == STORE_NOT_FOUND)
        return insert_new(writer, certificate, chain_id, identifiers, identifier_count);
    return certificate->status == CERTIFICATE_GOOD ? adopt_row(writer, certificate, known_id, chain_id)
                                                   : STORE_KNOWN;
}

enum store_result store_certificate_insert(struct store_writer *writer, struct certificate *certificate,
                                           const struct identifier *identifiers, size_t identifier_count)
{
    struct arena *arena = arena_new();
    struct bytes chain = certificate->chain_pem;
    const char *hash = chain.n == 0 ? NULL : certificate_fingerprint(arena, chain);
    enum store_result result = insert_behind(writer, certificate, hash, identifiers, identifier_count);
    arena_free(arena);
    return result;
}

enum store_result store_chains(struct store_reader *reader, struct arena *arena, struct bytes **out,
                               size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_CERTIFICATES, CHAINS);
    enum store_result result;
    *out = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        (*out)[(*count)++] = query_take_bytes(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_account_has_certificate(struct store_reader *reader, int64_t account_id, bool *out)
{
    QUERY(query, reader, NULL, STATEMENTS_CERTIFICATES, ACCOUNT_HAS_CERTIFICATE);
    query_bind_integer(&query, "$account_id", account_id);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *out = query_take_integer(&query) != 0;
    return query_finish(&query);
}

enum store_result store_newest_chain(struct store_reader *reader, int64_t *id)
{
    QUERY(query, reader, NULL, STATEMENTS_CERTIFICATES, NEWEST_CHAIN);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *id = query_take_integer(&query);
    return query_finish(&query);
}

enum store_result store_certificate_update(struct store_writer *writer, const struct certificate *certificate)
{
    CHANGE(query, writer, STATEMENTS_CERTIFICATES, CERTIFICATE_UPDATE);
    bind_changeable(&query, certificate);
    gateway_bind(&query, writer);
    return query_send_guarded(&query, CERTIFICATE_EXISTS, certificate->id);
}

enum store_result store_certificate_correct(struct store_writer *writer,
                                            const struct certificate *certificate)
{
    CHANGE(query, writer, STATEMENTS_CERTIFICATES, CERTIFICATE_CORRECT);
    query_bind_integer(&query, "$id", certificate->id);
    query_bind_integer(&query, "$revocation_reason", certificate->revocation_reason);
    query_bind_integer(&query, "$correction_asked", certificate->correction_asked);
    query_bind_integer(&query, "$correction_reason", certificate->correction_reason);
    query_bind_integer(&query, "$revocation_next_attempt_at", certificate->revocation_next_attempt_at);
    query_bind_integer(&query, "$revocation_attempt_count", certificate->revocation_attempt_count);
    query_bind_text(&query, "$revocation_error", certificate->revocation_error);
    gateway_bind(&query, writer);
    return query_send_guarded(&query, CERTIFICATE_EXISTS, certificate->id);
}

static enum store_result revoke_twin(struct store_writer *writer, struct certificate *twin,
                                     const struct certificate *certificate)
{
    twin->revocation_reason = certificate->revocation_reason;
    if (twin->revoked_at != 0) {
        twin->correction_asked = false;
        return store_certificate_correct(writer, twin);
    }
    if (twin->status != CERTIFICATE_REJECTED)
        twin->status = CERTIFICATE_REVOKED;
    twin->revocation_requested_at = certificate->revocation_requested_at;
    twin->revocation_requested_by = certificate->revocation_requested_by;
    twin->revocation_next_attempt_at = 0;
    twin->revocation_error = NULL;
    twin->revoked_at = certificate->revoked_at;
    return store_certificate_update(writer, twin);
}

enum store_result store_certificate_revoke_twins(struct store_writer *writer,
                                                 const struct certificate *certificate)
{
    struct arena *arena = arena_new();
    struct certificate *found = NULL;
    size_t count = 0;
    enum store_result result =
        store_certificates_by_serial(store_reader_of(writer), arena, certificate->serial, &found, &count);
    for (size_t i = 0; result == STORE_OK && i < count; i++)
        if (found[i].id != certificate->id && certificate_is_same(found[i].leaf, certificate->leaf))
            result = revoke_twin(writer, &found[i], certificate);
    arena_free(arena);
    return result;
}

enum store_result store_revocation_queue_after(struct store_reader *reader, struct arena *arena,
                                               int64_t after, struct revocation_queue *out)
{
    QUERY(query, reader, arena, STATEMENTS_CERTIFICATES, REVOCATION_QUEUE_AFTER);
    gateway_bind_own(&query);
    query_bind_integer(&query, "$after", after);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    out->identity_id = query_take_integer(&query);
    out->issuer = query_take_text(&query);
    return query_finish(&query);
}

enum store_result store_revocations_due(struct store_reader *reader, int64_t identity_id, int64_t now,
                                        int64_t *ids, size_t max, size_t *count)
{
    QUERY(query, reader, NULL, STATEMENTS_CERTIFICATES, REVOCATIONS_DUE);
    gateway_bind_own(&query);
    query_bind_integer(&query, "$issuer_identity_id", identity_id);
    query_bind_integer(&query, "$now", now);
    query_bind_integer(&query, "$max", (int64_t)max);
    return query_take_ids(&query, ids, max, count);
}
