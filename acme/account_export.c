/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account_export.h"

#include <ctype.h>

#include "acme/account.h"
#include "acme/base/base64.h"
#include "acme/base/time_text.h"

enum { WORD_MAX_BYTES = 256, COMMENT_MAX_BYTES = 4096, SEALED_MAX_BYTES = 1024, ADDRESS_MAX_BYTES = 64 };
enum { USER_AGENT_MAX_BYTES = 512 };

/* Ids are numbers in JSON and in URLs; any client can hold numbers up to this one. */
#define ID_MAX ((INT64_C(1) << 53) - 1)

static const char *const type_names[] = {
    [EXPORT_HEAD] = "acmegate accounts",
    [EXPORT_EAB_KEY] = "external account key",
    [EXPORT_ACCOUNT] = "account",
    [EXPORT_END] = "end",
};

/* ---- writing ---- */

static void put_words(struct json_writer *writer, const char *name, const char *const *words, size_t count)
{
    json_key(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++)
        json_write_string(writer, words[i]);
    json_end_array(writer);
}

static void put_raw(struct json_writer *writer, const char *name, struct bytes json_text)
{
    json_key(writer, name);
    json_write_raw(writer, json_text);
}

static void put_eab_key(struct json_writer *writer, struct arena *arena, const struct eab_key *key)
{
    json_put_integer(writer, "id", key->id);
    json_put_string(writer, "endpoint", key->endpoint);
    json_put_string(writer, "kid", key->kid);
    json_put_string(writer, "sealed", base64url_encode(arena, key->sealed_key));
    json_put_string(writer, "comment", key->comment);
    put_words(writer, "allow", key->names.allow, key->names.allow_count);
    put_words(writer, "deny", key->names.deny, key->names.deny_count);
    put_words(writer, "profiles", key->profiles, key->profile_count);
    json_put_boolean(writer, "trusted", key->trusted);
    json_put_integer(writer, "maxUses", key->max_uses);
    json_put_integer(writer, "uses", key->uses);
    json_put_time(writer, "createdAt", key->created_at);
    json_put_time(writer, "expires", key->expires_at);
    json_put_time(writer, "revokedAt", key->revoked_at);
}

static void put_account(struct json_writer *writer, const struct account *account, const char *eab_kid)
{
    json_put_integer(writer, "id", account->id);
    json_put_string(writer, "endpoint", account->endpoint);
    json_put_string(writer, "status", account_status_name(account->status));
    put_raw(writer, "key", account->key);
    put_raw(writer, "contact", bytes_from_string(account->contacts_json));
    json_put_boolean(writer, "termsOfServiceAgreed", account->terms_agreed);
    json_put_time(writer, "keyChangedAt", account->key_changed_at);
    json_put_time(writer, "createdAt", account->created_at);
    json_put_string(writer, "createdFrom", account->created_from);
    json_put_string(writer, "userAgent", account->user_agent);
    json_put_string(writer, "externalAccountKid", eab_kid);
    if (account->eab_json != NULL)
        put_raw(writer, "externalAccountBinding", bytes_from_string(account->eab_json));
}

struct bytes account_export_render(struct arena *arena, const struct account_export_line *line)
{
    struct json_writer *writer = json_writer_new(arena, ACCOUNT_EXPORT_LINE_BYTES - 1);
    json_begin_object(writer);
    json_put_string(writer, "type", type_names[line->type]);
    if (line->type == EXPORT_HEAD) {
        json_put_integer(writer, "version", ACCOUNT_EXPORT_VERSION);
        json_put_time(writer, "exportedAt", line->exported_at);
    } else if (line->type == EXPORT_EAB_KEY) {
        put_eab_key(writer, arena, &line->eab_key);
    } else if (line->type == EXPORT_ACCOUNT) {
        put_account(writer, &line->account, line->eab_kid);
    } else {
        json_put_integer(writer, "accounts", line->accounts);
        json_put_integer(writer, "externalAccountKeys", line->eab_keys);
    }
    json_end_object(writer);
    struct bytes text = json_writer_finish(writer);
    return text.p == NULL
               ? text
               : bytes_from_string(arena_printf(arena, "%.*s\n", (int)text.n, (const char *)text.p));
}

/* ---- reading: the first fault is kept in `why`, and ends it ---- */

struct reader {
    struct arena *arena;
    const struct json *json;
    const char *why;
};

static bool refuse(struct reader *reader, const char *member, const char *what)
{
    if (reader->why == NULL)
        reader->why = arena_printf(reader->arena, "\"%s\" %s", member, what);
    return false;
}

/* Reads text of at most `max` octets. NULL, without a fault, when it is absent or empty and not
 * `required`. */
static const char *read_text(struct reader *reader, const char *name, size_t max, bool required)
{
    struct bytes text;
    if (json_member(reader->json, name) == NULL && !required)
        return NULL;
    bool is_text = json_member_string(reader->json, name, &text) && text.n <= max && bytes_is_text(text);
    if (is_text && text.n > 0)
        return arena_string(reader->arena, text);
    if (required || !is_text)
        refuse(reader, name, "is missing or is not text of a valid length");
    return NULL;
}

/* Letters, digits, - and _, as in names of endpoints and profiles. */
static bool is_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    return *text != '\0' && strlen(text) <= 64;
}

static bool is_word(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    return *text != '\0' && *text != '-';
}

/* Reads a word that the store's lists and the commands accept. */
static const char *read_word(struct reader *reader, const char *name, bool (*is_valid)(const char *text),
                             bool required)
{
    const char *text = read_text(reader, name, WORD_MAX_BYTES, required);
    if (text != NULL && !is_valid(text))
        refuse(reader, name, "has characters that are not allowed");
    return text;
}

static int64_t read_integer(struct reader *reader, const char *name, int64_t min, int64_t max)
{
    int64_t value = 0;
    if (!json_member_integer(reader->json, name, &value) || value < min || value > max)
        refuse(reader, name, "is missing or out of range");
    return value;
}

static int64_t read_time(struct reader *reader, const char *name, bool required)
{
    const char *text = read_text(reader, name, WORD_MAX_BYTES, required);
    int64_t value = 0;
    if (text != NULL && (!time_parse(&value, bytes_from_string(text)) || value <= 0))
        refuse(reader, name, "is not a time");
    return value;
}

static const char *const *read_words(struct reader *reader, const char *name,
                                     bool (*is_valid)(const char *text), size_t *count)
{
    const struct json *array = json_member(reader->json, name);
    *count = 0;
    if (array == NULL || array->type != JSON_ARRAY) {
        refuse(reader, name, "is not an array");
        return NULL;
    }
    const char **words = arena_alloc_array(reader->arena, array->count + 1, sizeof *words);
    for (size_t i = 0; i < array->count; i++) {
        const struct json *item = array->items[i];
        bool is_text =
            item->type == JSON_STRING && item->string.n <= WORD_MAX_BYTES && bytes_is_text(item->string);
        words[i] = is_text ? arena_string(reader->arena, item->string) : "";
        if (!is_word(words[i]) || !is_valid(words[i]))
            refuse(reader, name, "has an item that is not allowed");
    }
    *count = array->count;
    return words;
}

static void read_eab_key(struct reader *reader, struct eab_key *out)
{
    struct bytes sealed = {0};
    out->id = read_integer(reader, "id", 1, ID_MAX);
    out->endpoint = read_word(reader, "endpoint", is_name, true);
    out->kid = read_word(reader, "kid", is_word, true);
    out->comment = read_text(reader, "comment", COMMENT_MAX_BYTES, false);
    out->names.allow = read_words(reader, "allow", name_pattern_is_valid, &out->names.allow_count);
    out->names.deny = read_words(reader, "deny", name_pattern_is_valid, &out->names.deny_count);
    out->profiles = read_words(reader, "profiles", is_name, &out->profile_count);
    out->max_uses = read_integer(reader, "maxUses", 0, INT32_MAX);
    out->uses = read_integer(reader, "uses", 0, INT32_MAX);
    out->created_at = read_time(reader, "createdAt", true);
    out->expires_at = read_time(reader, "expires", false);
    out->revoked_at = read_time(reader, "revokedAt", false);
    if (!json_member_boolean(reader->json, "trusted", &out->trusted))
        refuse(reader, "trusted", "is neither true nor false");
    if (!json_member_string(reader->json, "sealed", &sealed) || sealed.n > SEALED_MAX_BYTES ||
        !base64url_decode(reader->arena, sealed, &out->sealed_key) || out->sealed_key.n == 0)
        refuse(reader, "sealed", "is not a sealed key in base64url");
}

static void read_key(struct reader *reader, struct account *out)
{
    struct jwk key;
    struct jose_error error;
    const struct json *json = json_member(reader->json, "key");
    if (json == NULL || !jwk_parse_public(reader->arena, json, &key, &error)) {
        refuse(reader, "key", "is not a public key that accounts may have");
        return;
    }
    out->key = key.canonical;
    out->thumbprint = arena_duplicate(reader->arena, key.thumbprint);
}

static enum account_status read_status(struct reader *reader)
{
    const char *text = read_text(reader, "status", WORD_MAX_BYTES, true);
    for (int status = ACCOUNT_VALID; text != NULL && status <= ACCOUNT_REVOKED; status++)
        if (strcmp(text, account_status_name((enum account_status)status)) == 0)
            return (enum account_status)status;
    refuse(reader, "status", "is not a status of accounts");
    return ACCOUNT_REVOKED;
}

static const char *text_of_object(struct reader *reader, const char *name, const struct json *object)
{
    struct json_writer *writer = json_writer_new(reader->arena, ACCOUNT_EXPORT_LINE_BYTES);
    if (object->type != JSON_OBJECT)
        refuse(reader, name, "is not an object");
    json_write_value(writer, object);
    return (const char *)json_writer_finish(writer).p;
}

static void read_account(struct reader *reader, struct account *out, const char **eab_kid)
{
    struct account_request request;
    out->id = read_integer(reader, "id", 1, ID_MAX);
    out->endpoint = read_word(reader, "endpoint", is_name, true);
    out->status = read_status(reader);
    out->key_changed_at = read_time(reader, "keyChangedAt", false);
    out->created_at = read_time(reader, "createdAt", true);
    out->created_from = read_text(reader, "createdFrom", ADDRESS_MAX_BYTES, false);
    out->user_agent = read_text(reader, "userAgent", USER_AGENT_MAX_BYTES, false);
    *eab_kid = read_word(reader, "externalAccountKid", is_word, false);
    read_key(reader, out);
    const struct problem *problem = account_parse_new(reader->arena, reader->json, &request);
    if (problem != NULL && reader->why == NULL)
        reader->why = problem->detail;
    out->contacts_json = request.contacts_json;
    out->terms_agreed = request.terms_agreed;
    if (request.eab != NULL && *eab_kid == NULL)
        refuse(reader, "externalAccountKid",
               "is missing: without its external account key the account might have any name");
    if (request.eab != NULL)
        out->eab_json = text_of_object(reader, "externalAccountBinding", request.eab);
}

static enum account_export_type read_type(struct reader *reader)
{
    struct bytes text;
    for (int type = EXPORT_HEAD; json_member_string(reader->json, "type", &text) && type <= EXPORT_END;
         type++)
        if (bytes_equal_string(text, type_names[type]))
            return (enum account_export_type)type;
    refuse(reader, "type", "is not a type of this version");
    return EXPORT_END;
}

static void read_head(struct reader *reader, struct account_export_line *out)
{
    if (read_integer(reader, "version", 1, INT32_MAX) != ACCOUNT_EXPORT_VERSION)
        refuse(reader, "version", "is not 1: a newer acmegate wrote it");
    out->exported_at = read_time(reader, "exportedAt", true);
}

bool account_export_parse(struct arena *arena, struct bytes text, struct account_export_line *out,
                          struct fault *fault)
{
    *out = (struct account_export_line){0};
    struct reader reader = {.arena = arena, .json = json_parse(arena, text, &json_limits_request, fault)};
    if (reader.json == NULL)
        return fault_prefix(fault, "not JSON: ");
    out->type = read_type(&reader);
    if (reader.why == NULL && out->type == EXPORT_HEAD) {
        read_head(&reader, out);
    } else if (reader.why == NULL && out->type == EXPORT_EAB_KEY) {
        read_eab_key(&reader, &out->eab_key);
    } else if (reader.why == NULL && out->type == EXPORT_ACCOUNT) {
        read_account(&reader, &out->account, &out->eab_kid);
    } else if (reader.why == NULL) {
        out->accounts = read_integer(&reader, "accounts", 0, INT64_MAX);
        out->eab_keys = read_integer(&reader, "externalAccountKeys", 0, INT64_MAX);
    }
    return reader.why == NULL || fault_set(fault, "%s", reader.why);
}

bool account_export_peek(struct arena *arena, struct bytes text, struct account *out)
{
    struct bytes type;
    struct reader reader = {.arena = arena, .json = json_parse(arena, text, &json_limits_request, NULL)};
    *out = (struct account){0};
    if (!json_member_string(reader.json, "type", &type) ||
        !bytes_equal_string(type, type_names[EXPORT_ACCOUNT]))
        return false;
    out->id = read_integer(&reader, "id", 1, ID_MAX);
    out->status = read_status(&reader);
    out->key_changed_at = read_time(&reader, "keyChangedAt", false);
    return reader.why == NULL;
}
