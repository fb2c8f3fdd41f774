/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/client_request.h"

#include "acme/base/base64.h"
#include "acme/jose/openssl_handles.h"
#include "acme/jose/pem.h"

enum {
    NAMES_MAX = 1000,
    SERIAL_MAX_DIGITS = 80, /* 20 octets have 49 decimal digits */
    REASON_CODE_MAX = 10,   /* RFC 5280 §5.3.1 */
    REASON_MAX_BYTES = 1024,
    BODY_MAX_BYTES = 64 * 1024,
    CHAIN_MAX = 10,
    CERTIFICATE_MAX_BYTES = 64 * 1024,
};

/* ---- tokens ---- */

enum token_part { TOKEN_HEADER, TOKEN_PAYLOAD };

/* The compact form is three parts of base64url. The last part, the signature, is not read. */
static const struct json *read_token_part(struct arena *arena, struct bytes token, enum token_part part)
{
    struct bytes segments[3] = {0};
    struct bytes decoded = {0};
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *dot = token.n == 0 ? NULL : memchr(token.p, '.', token.n);
        if (dot == NULL) {
            return NULL;
        }
        segments[i] = bytes_of(token.p, (size_t)(dot - token.p));
        token = bytes_of(dot + 1, token.n - segments[i].n - 1);
    }
    segments[2] = token;
    if (!base64url_decode(arena, segments[2], &decoded) ||
        !base64url_decode(arena, segments[part], &decoded)) {
        return NULL;
    }
    const struct json *json = json_parse(arena, decoded, &json_limits_request, NULL);
    return json != NULL && json->type == JSON_OBJECT ? json : NULL;
}

/* Returns NULL when the value is not text, or is empty. */
static const char *text_of(struct arena *arena, const struct json *json)
{
    bool is_text =
        json != NULL && json->type == JSON_STRING && json->string.n > 0 && bytes_is_text(json->string);
    return is_text ? arena_string(arena, json->string) : NULL;
}

/* Go writes an empty list as null. */
static bool read_sans(struct arena *arena, const struct json *list, struct stepca_token_claims *out)
{
    bool is_array = list != NULL && list->type == JSON_ARRAY;
    size_t count = is_array ? list->count : 0;
    if ((list != NULL && !is_array && list->type != JSON_NULL) || count > NAMES_MAX) {
        return false;
    }
    const char **sans = arena_alloc_array(arena, count + 1, sizeof *sans);
    sans[0] = out->subject;
    for (size_t i = 0; i < count; i++) {
        sans[i] = text_of(arena, list->items[i]);
        if (sans[i] == NULL) {
            return false;
        }
    }
    out->sans = sans;
    out->san_count = count == 0 ? 1 : count;
    return true;
}

bool stepca_read_token(struct arena *arena, struct bytes token, struct stepca_token_claims *out)
{
    const struct json *claims = read_token_part(arena, token, TOKEN_PAYLOAD);
    *out = (struct stepca_token_claims){
        .issuer = text_of(arena, json_member(claims, "iss")),
        .subject = text_of(arena, json_member(claims, "sub")),
        .key_id = text_of(arena, json_member(read_token_part(arena, token, TOKEN_HEADER), "kid")),
    };
    return out->issuer != NULL && out->subject != NULL && read_sans(arena, json_member(claims, "sans"), out);
}

bool stepca_read_renewal_token(struct arena *arena, struct bytes token, struct stepca_chain *out)
{
    const struct json *list = json_member(read_token_part(arena, token, TOKEN_HEADER), "x5cInsecure");
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0 || list->count > CHAIN_MAX) {
        return false;
    }
    *out = (struct stepca_chain){
        .certificates = arena_alloc_array(arena, list->count, sizeof *out->certificates),
        .count = list->count,
    };
    for (size_t i = 0; i < list->count; i++) {
        const struct json *item = list->items[i];
        /* The encoding is that of x5c (RFC 7515 §4.1.6). */
        struct bytes *certificate = &out->certificates[i];
        if (item->type != JSON_STRING || item->string.n > CERTIFICATE_MAX_BYTES ||
            !base64_decode(arena, item->string, BASE64_PADDED, certificate) || certificate->n == 0) {
            return false;
        }
    }
    return true;
}

/* ---- bodies ---- */

static const struct json *read_body(struct arena *arena, struct bytes body)
{
    const struct json *json = json_parse(arena, body, &json_limits_payload, NULL);
    return json != NULL && json->type == JSON_OBJECT ? json : NULL;
}

/* Reads the first block of the PEM, which must be a request. The reader of the request checks its content. */
static bool decode_csr(struct arena *arena, const struct json *json, struct bytes *der)
{
    if (json == NULL || json->type != JSON_STRING || json->string.n == 0) {
        return false;
    }
    struct pem_block block;
    bool good = pem_first(arena, json->string, &block) && pem_is_request(&block) && block.der.n != 0;
    if (good)
        *der = block.der;
    return good;
}

/* False for a value that is neither text nor absent. `*out` is NULL for the empty text, which means
 * nothing. */
static bool read_optional(struct arena *arena, const struct json *object, const char *name, const char **out)
{
    const struct json *json = json_member(object, name);
    *out = text_of(arena, json);
    return *out != NULL || json == NULL || (json->type == JSON_STRING && json->string.n == 0);
}

const char *stepca_read_client_sign(struct arena *arena, struct bytes body, struct stepca_client_sign *out)
{
    const struct json *json = read_body(arena, body);
    *out = (struct stepca_client_sign){0};
    if (json == NULL) {
        return "the request body is not a JSON object";
    }
    const struct json *data = json_member(json, "templateData");
    out->has_template_data = data != NULL && !(data->type == JSON_OBJECT && data->count == 0);
    out->token = text_of(arena, json_member(json, "ott"));
    if (!decode_csr(arena, json_member(json, "csr"), &out->csr_der)) {
        return "missing csr, or it is not PEM";
    }
    if (out->token == NULL) {
        return "missing ott";
    }
    if (!read_optional(arena, json, "notBefore", &out->not_before) ||
        !read_optional(arena, json, "notAfter", &out->not_after)) {
        return "notBefore and notAfter must be text";
    }
    return NULL;
}

/* Reads decimal digits, or hexadecimal ones behind "0x". The CA reads decimal ones that begin with zero as
 * octal. */
static bool read_serial(struct arena *arena, const char *text, struct stepca_client_revoke *out)
{
    bool is_hex = text != NULL && (strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0);
    const char *digits = is_hex ? text + 2 : text;
    size_t n = digits == NULL ? 0 : strlen(digits);
    if (n == 0 || n > SERIAL_MAX_DIGITS || (!is_hex && digits[0] == '0') ||
        strspn(digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789") != n) {
        return false;
    }
    BIGNUM *read = NULL;
    int taken = is_hex ? BN_hex2bn(&read, digits) : BN_dec2bn(&read, digits);
    autofree_bignum BIGNUM *number = read;
    char *decimal = taken == 0 ? NULL : BN_bn2dec(number);
    if (decimal == NULL) {
        return false;
    }
    uint8_t *octets = arena_alloc(arena, (size_t)BN_num_bytes(number) + 1);
    out->serial = bytes_of(octets, (size_t)BN_bn2bin(number, octets));
    out->serial_decimal = arena_duplicate(arena, decimal);
    OPENSSL_free(decimal);
    return out->serial.n > 0;
}

const char *stepca_read_client_revoke(struct arena *arena, struct bytes body,
                                      struct stepca_client_revoke *out)
{
    const struct json *json = read_body(arena, body);
    *out = (struct stepca_client_revoke){0};
    if (json == NULL) {
        return "the request body is not a JSON object";
    }
    int64_t reason_code = 0;
    const struct json *code = json_member(json, "reasonCode");
    if (!read_serial(arena, text_of(arena, json_member(json, "serial")), out)) {
        return "missing serial, or it is not a number: write decimal digits, or 0x and hexadecimal digits";
    }
    if (code != NULL && (!json_member_integer(json, "reasonCode", &reason_code) || reason_code < 0 ||
                         reason_code > REASON_CODE_MAX)) {
        return "reasonCode out of bounds";
    }
    if (!read_optional(arena, json, "ott", &out->token) ||
        !read_optional(arena, json, "reason", &out->reason) ||
        (out->reason != NULL && strlen(out->reason) > REASON_MAX_BYTES)) {
        return "ott and reason must be text, reason of at most 1024 bytes";
    }
    out->reason_code = (int)reason_code;
    out->passive = json_member_boolean(json, "passive", &out->passive) && out->passive;
    return NULL;
}

struct bytes stepca_client_revoke_body(struct arena *arena, const struct stepca_client_revoke *request)
{
    struct json_writer *writer = json_writer_new(arena, BODY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "serial", request->serial_decimal);
    json_put_string(writer, "ott", request->token);
    json_put_integer(writer, "reasonCode", request->reason_code);
    json_put_string(writer, "reason", request->reason);
    json_put_boolean(writer, "passive", request->passive);
    json_end_object(writer);
    return json_writer_finish(writer);
}

bool stepca_is_plain_segment(struct bytes text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~=";
    if (text.n == 0 || bytes_equal_string(text, ".") || bytes_equal_string(text, "..")) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\0' || strchr(plain, text.p[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool stepca_decode_segment(struct arena *arena, struct bytes text, struct bytes *out)
{
    uint8_t *decoded = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (uint8_t)(high * 16 + low);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
        decoded[n++] = c;
    }
    *out = bytes_of(decoded, n);
    return n != 0 && !bytes_equal_string(*out, ".") && !bytes_equal_string(*out, "..");
}

struct bytes stepca_encode_segment(struct arena *arena, struct bytes text)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~$&+,:;=@";
    uint8_t *encoded = arena_alloc(arena, 3 * text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c != '\0' && strchr(kept, c) != NULL) {
            encoded[n++] = c;
        } else {
            encoded[n++] = '%';
            encoded[n++] = (uint8_t)digits[c >> 4];
            encoded[n++] = (uint8_t)digits[c & 0xf];
        }
    }
    return bytes_of(encoded, n);
}
