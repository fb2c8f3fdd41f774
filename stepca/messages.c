/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/messages.h"

#include <openssl/pem.h>

#include "acme/base/time_text.h"
#include "acme/jose/openssl_handles.h"
#include "acme/jose/pem.h"

enum {
    BODY_MAX_BYTES = 256 * 1024,
    FINGERPRINT_BYTES = 32,
};

const struct json_limits stepca_reply_limits = {.max_depth = 16, .max_values = 65536};

static const struct json *parse_reply(struct arena *arena, struct bytes body)
{
    const struct json *json = json_parse(arena, body, &stepca_reply_limits, NULL);
    return json != NULL && json->type == JSON_OBJECT ? json : NULL;
}

/* Returns a string member that can become a C string; NULL otherwise. */
static const char *text_member(struct arena *arena, const struct json *object, const char *name)
{
    struct bytes text;
    if (!json_member_string(object, name, &text) || !bytes_is_text(text)) {
        return NULL;
    }
    return arena_string(arena, text);
}

/* ---- what is sent ---- */

static char *csr_to_pem(struct arena *arena, struct bytes der)
{
    autofree_bio BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || der.n > LONG_MAX ||
        PEM_write_bio(bio, PEM_STRING_X509_REQ, "", der.p, (long)der.n) <= 0) {
        return NULL;
    }
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    return n <= 0 ? NULL : arena_string(arena, bytes_of(text, (size_t)n));
}

struct bytes stepca_sign_body(struct arena *arena, const struct stepca_sign_request *request)
{
    char *pem = csr_to_pem(arena, request->csr_der);
    if (pem == NULL) {
        return (struct bytes){0};
    }
    struct json_writer *writer = json_writer_new(arena, BODY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "csr", pem);
    json_put_string(writer, "ott", request->token);
    json_put_string(writer, "notBefore", request->not_before);
    json_put_string(writer, "notAfter", request->not_after);
    json_end_object(writer);
    return json_writer_finish(writer);
}

struct bytes stepca_revoke_body(struct arena *arena, const struct stepca_revoke_request *request)
{
    struct json_writer *writer = json_writer_new(arena, BODY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "serial", request->serial_decimal);
    json_put_string(writer, "ott", request->token);
    json_put_integer(writer, "reasonCode", request->reason_code);
    json_put_string(writer, "reason", request->reason);
    json_put_boolean(writer, "passive", true);
    json_end_object(writer);
    return json_writer_finish(writer);
}

/* ---- certificates in replies ---- */

/* True for one DER sequence with nothing behind it. Its content is checked with the certificate: reading it
 * here too would cost as much as a signature. */
static bool is_whole_sequence(const unsigned char *der, long n)
{
    const unsigned char *content = der;
    long length = 0;
    int tag = 0;
    int class = 0;
    int form = ASN1_get_object(&content, &length, &tag, &class, n);
    return form == V_ASN1_CONSTRUCTED && tag == V_ASN1_SEQUENCE && class == V_ASN1_UNIVERSAL &&
           content + length == der + n;
}

/* Reads exactly one certificate. It keeps the DER that was sent: OpenSSL might write it differently. */
static bool parse_pem_certificate(struct arena *arena, struct bytes pem, struct bytes *der)
{
    struct pem_block block;
    bool good = pem_first(arena, pem, &block) && strcmp(block.label, PEM_STRING_X509) == 0 &&
                block.der.n != 0 && is_whole_sequence(block.der.p, (long)block.der.n);
    if (good)
        *der = block.der;
    return good;
}

static bool parse_certificate_array(struct arena *arena, const struct json *array, struct stepca_chain *out)
{
    *out = (struct stepca_chain){0};
    if (array == NULL || array->type != JSON_ARRAY || array->count == 0) {
        return false;
    }
    struct bytes *certificates = arena_alloc_array(arena, array->count, sizeof *certificates);
    for (size_t i = 0; i < array->count; i++) {
        const struct json *item = array->items[i];
        if (item->type != JSON_STRING || !parse_pem_certificate(arena, item->string, &certificates[i])) {
            return false;
        }
    }
    *out = (struct stepca_chain){.certificates = certificates, .count = array->count};
    return true;
}

/* Reads `certChain`. `crt` with `ca` would lose every intermediate but the first. */
bool stepca_parse_chain(struct arena *arena, struct bytes body, struct stepca_chain *out)
{
    return parse_certificate_array(arena, json_member(parse_reply(arena, body), "certChain"), out);
}

/* True for a name in the form of Go's crypto/tls. */
static bool is_cipher_suite_name(const struct json *item)
{
    if (item->type != JSON_STRING || item->string.n == 0) {
        return false;
    }
    for (size_t i = 0; i < item->string.n; i++) {
        uint8_t c = item->string.p[i];
        if (c != '_' && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) {
            return false;
        }
    }
    return true;
}

static void put_cipher_suites(struct json_writer *writer, const struct json *list)
{
    if (list == NULL || list->type != JSON_ARRAY) {
        return;
    }
    json_key(writer, "cipherSuites");
    json_begin_array(writer);
    for (size_t i = 0; i < list->count; i++) {
        if (is_cipher_suite_name(list->items[i])) {
            json_write_value(writer, list->items[i]);
        }
    }
    json_end_array(writer);
}

void stepca_put_tls_options(struct json_writer *writer, const struct json *reply)
{
    static const struct {
        const char *name;
        enum json_type type, or_type;
    } members[] = {{"minVersion", JSON_NUMBER, JSON_INTEGER},
                   {"maxVersion", JSON_NUMBER, JSON_INTEGER},
                   {"renegotiation", JSON_BOOLEAN, JSON_BOOLEAN}};
    const struct json *options = json_member(reply, "tlsOptions");
    if (options == NULL || options->type != JSON_OBJECT) {
        return;
    }
    json_key(writer, "tlsOptions");
    json_begin_object(writer);
    put_cipher_suites(writer, json_member(options, "cipherSuites"));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *value = json_member(options, members[i].name);
        if (value != NULL && (value->type == members[i].type || value->type == members[i].or_type)) {
            json_key(writer, members[i].name);
            json_write_value(writer, value);
        }
    }
    json_end_object(writer);
}

bool stepca_parse_certificates(struct arena *arena, struct bytes body, struct stepca_chain *out)
{
    return parse_certificate_array(arena, json_member(parse_reply(arena, body), "crts"), out);
}

bool stepca_parse_root(struct arena *arena, struct bytes body, const char *fingerprint_hex, struct bytes *der)
{
    struct bytes pem;
    struct bytes certificate;
    if (!json_member_string(parse_reply(arena, body), "ca", &pem) ||
        !parse_pem_certificate(arena, pem, &certificate)) {
        return false;
    }
    uint8_t digest[FINGERPRINT_BYTES];
    if (EVP_Digest(certificate.p, certificate.n, digest, NULL, EVP_sha256(), NULL) != 1) {
        return false;
    }
    char text[2 * FINGERPRINT_BYTES + 1];
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    if (!bytes_equal_ignore_case(bytes_from_string(text), bytes_from_string(fingerprint_hex))) {
        return false;
    }
    *der = certificate;
    return true;
}

/* ---- provisioners and version ---- */

static int64_t claimed_duration(const struct json *claims, const char *name)
{
    struct bytes text;
    int64_t seconds = 0;
    return json_member_string(claims, name, &text) && duration_parse(&seconds, text) ? seconds : 0;
}

static bool parse_provisioner(struct arena *arena, const struct json *json, struct stepca_provisioner *out)
{
    struct bytes type;
    if (!json_member_string(json, "type", &type) || !bytes_equal_string(type, "JWK")) {
        return false;
    }
    const struct json *key = json_member(json, "key");
    const struct json *claims = json_member(json, "claims");
    *out = (struct stepca_provisioner){
        .name = text_member(arena, json, "name"),
        .key_id = text_member(arena, key, "kid"),
        .min_s = claimed_duration(claims, "minTLSCertDuration"),
        .max_s = claimed_duration(claims, "maxTLSCertDuration"),
        .default_s = claimed_duration(claims, "defaultTLSCertDuration"),
        .encrypted_key = text_member(arena, json, "encryptedKey"),
    };
    if (out->name == NULL || out->key_id == NULL) {
        return false;
    }
    if (out->encrypted_key != NULL && out->encrypted_key[0] == '\0') {
        out->encrypted_key = NULL;
    }
    struct jwk jwk;
    struct jose_error error;
    if (jwk_parse_public(arena, key, &jwk, &error)) {
        out->public_thumbprint = arena_duplicate(arena, jwk.thumbprint);
    }
    bool disabled = false;
    out->disable_renewal = json_member_boolean(claims, "disableRenewal", &disabled) && disabled;
    return true;
}

static bool parse_other(struct arena *arena, const struct json *json, struct stepca_other_provisioner *out)
{
    *out = (struct stepca_other_provisioner){
        .name = text_member(arena, json, "name"),
        .type = text_member(arena, json, "type"),
    };
    return out->name != NULL && out->type != NULL && strcmp(out->type, "JWK") != 0 &&
           strcmp(out->type, "SSHPOP") != 0;
}

/* Cursors go into a URL unescaped: step-ca's are hexadecimal. */
static bool cursor_is_plain(const char *cursor)
{
    return strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") ==
           strlen(cursor);
}

/* Go writes an empty list as null. */
bool stepca_parse_provisioners(struct arena *arena, struct bytes body, struct stepca_provisioner_page *out)
{
    const struct json *json = parse_reply(arena, body);
    const struct json *list = json_member(json, "provisioners");
    if (list == NULL || (list->type != JSON_ARRAY && list->type != JSON_NULL)) {
        return false;
    }
    const char *cursor = text_member(arena, json, "nextCursor");
    if (cursor != NULL && !cursor_is_plain(cursor)) {
        return false;
    }
    *out = (struct stepca_provisioner_page){
        .provisioners = arena_alloc_array(arena, list->count, sizeof *out->provisioners),
        .others = arena_alloc_array(arena, list->count, sizeof *out->others),
        .next_cursor = cursor == NULL ? "" : cursor,
    };
    for (size_t i = 0; list->type == JSON_ARRAY && i < list->count; i++) {
        if (parse_provisioner(arena, list->items[i], &out->provisioners[out->count])) {
            out->count++;
        } else if (parse_other(arena, list->items[i], &out->others[out->other_count])) {
            out->other_count++;
        }
    }
    return true;
}

static bool has_key_id(const struct json *provisioner, const char *const *key_ids, size_t count)
{
    struct bytes key_id;
    if (!json_member_string(json_member(provisioner, "key"), "kid", &key_id)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_string(key_id, key_ids[i])) {
            return true;
        }
    }
    return false;
}

static void write_without(struct json_writer *writer, const struct json *object, const char *left_out)
{
    json_begin_object(writer);
    for (size_t i = 0; i < object->count; i++) {
        const struct json_member *member = &object->members[i];
        if (!bytes_equal_string(member->name, left_out)) {
            json_write_bytes(writer, member->name);
            json_write_value(writer, member->value);
        }
    }
    json_end_object(writer);
}

struct bytes stepca_provisioners_without_keys(struct arena *arena, struct bytes body,
                                              const char *const *key_ids, size_t key_id_count)
{
    enum { GROWTH = 6 }; /* a control character of one octet may become six */
    const struct json *json = parse_reply(arena, body);
    const struct json *list = json_member(json, "provisioners");
    if (list == NULL || (list->type != JSON_ARRAY && list->type != JSON_NULL)) {
        return (struct bytes){0};
    }
    struct json_writer *writer = json_writer_new(arena, GROWTH * body.n);
    json_begin_object(writer);
    for (size_t i = 0; i < json->count; i++) {
        const struct json_member *member = &json->members[i];
        json_write_bytes(writer, member->name);
        if (member->value != list || list->type == JSON_NULL) {
            json_write_value(writer, member->value);
            continue;
        }
        json_begin_array(writer);
        for (size_t j = 0; j < list->count; j++) {
            const struct json *one = list->items[j];
            if (has_key_id(one, key_ids, key_id_count)) {
                write_without(writer, one, "encryptedKey");
            } else {
                json_write_value(writer, one);
            }
        }
        json_end_array(writer);
    }
    json_end_object(writer);
    return json_writer_finish(writer);
}

/* ---- pages ---- */

const struct stepca_paging stepca_paging_first = {.cursor = "", .limit = 100};

const char *stepca_paging_path(struct arena *arena, const struct stepca_paging *paging)
{
    return arena_printf(arena, "provisioners?limit=%zu%s%s", paging->limit,
                        paging->cursor[0] == '\0' ? "" : "&cursor=", paging->cursor);
}

bool stepca_paging_shorten(struct stepca_paging *paging)
{
    if (paging->limit == 1) {
        return false;
    }
    paging->limit /= 10;
    return true;
}

bool stepca_paging_next(struct stepca_paging *paging, const char *next_cursor)
{
    paging->provisioners += paging->limit;
    paging->cursor = next_cursor;
    return next_cursor[0] != '\0';
}

const char *stepca_parse_version(struct arena *arena, struct bytes body)
{
    return text_member(arena, parse_reply(arena, body), "version");
}
