/* The step-ca behind the gateway: two of them under one root. What it answers is sometimes odd, late or
 * wrong. */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/file.h"
#include "acme/base/json.h"
#include "acme/base/time_text.h"
#include "acme/certificate.h"
#include "acme/jose/base64url.h"
#include "acme/jose/jws.h"
#include "dice.h"
#include "gateway/runtime/clock.h"
#include "odd.h"
#include "oracle.h"
#include "verdict.h"
#include "world.h"

#define PUBLIC_JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\""
#define PRIVATE_JWK "{" PUBLIC_JWK ",\"d\":\"SV-aFZpbBi6yqSKPuB0s7lKyhY-w19xYW-KaT09li5M\"}"

enum { DAY_S = 86400, SERIAL_OCTETS = 16, REPLY_MAX_BYTES = 256 * 1024 };

struct authority {
    X509 *root, *intermediate;
    EVP_PKEY *root_key, *key;
};

static struct authority authorities[WORLD_CAS];
static struct jwk provisioner;
static struct arena *lasting;

/* ---- certificates ---- */

static void add_extension(X509 *certificate, X509 *issuer, int type, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, type, value);
    if (made == NULL || X509_add_ext(certificate, made, -1) != 1)
        verdict("the harness cannot make the extension %s", value);
    X509_EXTENSION_free(made);
}

static X509 *make_certificate(EVP_PKEY *key, int64_t not_before, int64_t not_after)
{
    uint8_t serial[SERIAL_OCTETS];
    X509 *made = X509_new();
    for (size_t i = 0; i < sizeof serial; ++i)
        serial[i] = (uint8_t)dice_next();
    serial[0] = (serial[0] & 0x3f) | 0x40;
    autofree_bignum BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made));
    X509_set_version(made, X509_VERSION_3);
    X509_set_pubkey(made, key);
    ASN1_TIME_set(X509_getm_notBefore(made), not_before);
    ASN1_TIME_set(X509_getm_notAfter(made), not_after);
    return made;
}

static void name_subject(X509 *certificate, const char *name)
{
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
}

static X509 *make_ca(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
    int64_t now = clock_now();
    X509 *made = make_certificate(key, now - DAY_S, now + (int64_t)3650 * DAY_S);
    name_subject(made, name);
    issuer = issuer == NULL ? made : issuer;
    X509_set_issuer_name(made, X509_get_subject_name(issuer));
    add_extension(made, issuer, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(made, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(made, issuer, NID_subject_key_identifier, "hash");
    add_extension(made, issuer, NID_authority_key_identifier, "keyid");
    X509_sign(made, issuer_key == NULL ? key : issuer_key, EVP_sha256());
    return made;
}

static struct bytes der_of(struct arena *arena, X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    struct bytes copy = arena_copy(arena, bytes_of(der, n > 0 ? (size_t)n : 0));
    OPENSSL_free(der);
    return copy;
}

static const char *pem_of(struct arena *arena, X509 *certificate)
{
    return certificate_to_pem(arena, der_of(arena, certificate));
}

static void finish_leaf(X509 *leaf, const struct authority *authority)
{
    X509_set_issuer_name(leaf, X509_get_subject_name(authority->intermediate));
    add_extension(leaf, authority->intermediate, NID_key_usage, "critical,digitalSignature");
    add_extension(leaf, authority->intermediate, NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(leaf, authority->intermediate, NID_subject_key_identifier, "hash");
    add_extension(leaf, authority->intermediate, NID_authority_key_identifier, "keyid");
    X509_sign(leaf, authority->key, EVP_sha256());
}

struct bytes world_ca_sign_native(struct arena *arena, size_t ca, EVP_PKEY *key, const char *name)
{
    int64_t now = clock_now();
    bool is_address = strchr(name, ':') != NULL || strspn(name, "0123456789.") == strlen(name);
    autofree_x509 X509 *leaf = make_certificate(key, now - 60, now + DAY_S);
    add_extension(leaf, leaf, NID_subject_alt_name,
                  arena_printf(arena, "%s:%s", is_address ? "IP" : "DNS", name));
    finish_leaf(leaf, &authorities[ca]);
    return der_of(arena, leaf);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0)
        verdict("%s cannot be written", path);
    fclose(file);
}

void world_ca_make(const char *folder)
{
    static const char *const names[WORLD_CAS] = {"Intermediate One", "Intermediate Two"};
    struct jose_error error;
    lasting = arena_new();
    const struct json *key = json_parse(lasting, BYTES_LITERAL(PRIVATE_JWK), &json_limits_request, NULL);
    if (key == NULL || !jwk_parse_private(lasting, key, &provisioner, &error))
        verdict("the harness cannot read its provisioner key");
    EVP_PKEY *root_key = EVP_EC_gen("P-256");
    X509 *root = make_ca(root_key, "Root", NULL, NULL);
    for (size_t i = 0; i < WORLD_CAS; ++i) {
        EVP_PKEY *own = EVP_EC_gen("P-256");
        authorities[i] = (struct authority){root, make_ca(own, names[i], root, root_key), root_key, own};
    }
    write_file(folder, "root.crt", pem_of(lasting, root));
    write_file(folder, "provisioner.json", PRIVATE_JWK);
}

void world_ca_free(void)
{
    for (size_t i = 0; i < WORLD_CAS; ++i) {
        X509_free(authorities[i].intermediate);
        EVP_PKEY_free(authorities[i].key);
    }
    X509_free(authorities[0].root);
    EVP_PKEY_free(authorities[0].root_key);
    arena_free(lasting);
}

char *world_ca_token(struct arena *arena, const char *subject, const char *const *sans, size_t san_count)
{
    struct json_writer *writer = json_writer_new(arena, REPLY_MAX_BYTES);
    char *token = NULL;
    json_begin_object(writer);
    json_put_string(writer, "iss", "acmegate");
    json_put_string(writer, "sub", subject);
    json_put_string(writer, "aud", "https://acme.test/1.0/sign");
    json_put_string(writer, "jti", "0123456789abcdef");
    json_put_integer(writer, "iat", clock_now());
    json_put_integer(writer, "nbf", clock_now());
    json_put_integer(writer, "exp", clock_now() + 300);
    json_key(writer, "sans");
    json_begin_array(writer);
    for (size_t i = 0; i < san_count; ++i)
        json_write_string(writer, sans[i]);
    json_end_array(writer);
    json_end_object(writer);
    struct bytes claims = json_writer_finish(writer);
    if (dice_chance(30))
        claims = bytes_from_string(odd_json_bend(arena, (const char *)claims.p));
    if (!jws_sign_compact(arena, &provisioner,
                          BYTES_LITERAL("{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"), claims,
                          &token))
        verdict("the harness cannot sign a token");
    return token;
}

/* ---- what it is asked ---- */

static X509_REQ *read_request(const struct json *body)
{
    struct bytes pem;
    if (!json_member_string(body, "csr", &pem))
        return NULL;
    autofree_bio BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    return PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
}

static int64_t time_of(const struct json *body, const char *name, int64_t otherwise)
{
    struct bytes text;
    int64_t at = 0;
    if (!json_member_string(body, name, &text))
        return otherwise;
    if (time_parse(&at, text))
        return at;
    return duration_parse(&at, text) ? clock_now() + at : otherwise;
}

static void copy_names(X509 *leaf, X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    int at = extensions == NULL ? -1 : X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, -1);
    if (at >= 0)
        X509_add_ext(leaf, X509v3_get_ext(extensions, at), -1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static const char *sign(struct arena *arena, const struct authority *authority, const struct json *body,
                        bool wrong)
{
    X509_REQ *request = read_request(body);
    if (request == NULL)
        return NULL;
    autofree_evp_pkey EVP_PKEY *other = wrong && dice_chance(30) ? EVP_EC_gen("P-256") : NULL;
    int64_t end = time_of(body, "notAfter", clock_now() + DAY_S);
    if (wrong && dice_chance(40))
        end = clock_now() + dice_between(-DAY_S, (int64_t)4000 * DAY_S);
    autofree_x509 X509 *leaf = make_certificate(other != NULL ? other : X509_REQ_get0_pubkey(request),
                                                time_of(body, "notBefore", clock_now() - 60), end);
    if (wrong && dice_chance(50))
        add_extension(leaf, leaf, NID_subject_alt_name, "DNS:a.test,DNS:foreign.test");
    else
        copy_names(leaf, request);
    X509_REQ_free(request);
    finish_leaf(leaf, authority);
    return pem_of(arena, leaf);
}

static void answer_sign(struct arena *arena, const struct authority *authority, struct bytes body,
                        struct outbound_http_reply *reply, bool wrong)
{
    const char *leaf = sign(arena, authority, json_parse(arena, body, &json_limits_request, NULL), wrong);
    if (leaf == NULL) {
        reply->status = 400;
        reply->body = BYTES_LITERAL("{\"status\":400,\"message\":\"the CSR cannot be read\"}");
        return;
    }
    const char *above = pem_of(arena, authority->intermediate);
    struct json_writer *writer = json_writer_new(arena, REPLY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "crt", leaf);
    json_put_string(writer, "ca", above);
    json_key(writer, "certChain");
    json_begin_array(writer);
    json_write_string(writer, leaf);
    json_write_string(writer, above);
    json_end_array(writer);
    json_end_object(writer);
    struct bytes text = json_writer_finish(writer);
    struct buffer options;
    buffer_init(&options, arena, REPLY_MAX_BYTES);
    buffer_append(&options, bytes_of(text.p, text.n - 1));
    buffer_append_string(&options, ",\"tlsOptions\":");
    if (dice_chance(50))
        buffer_append_string(&options, "{\"minVersion\":1.2,\"renegotiation\":false}");
    else
        odd_json_value(&options);
    buffer_append_string(&options, "}");
    reply->status = 201;
    reply->body = buffer_bytes(&options);
}

static void answer_revoke(struct arena *arena, struct bytes body, struct outbound_http_reply *reply)
{
    const struct json *request = json_parse(arena, body, &json_limits_request, NULL);
    struct bytes serial = {0};
    if (json_member_string(request, "serial", &serial)) {
        BIGNUM *number = NULL;
        BN_dec2bn(&number, arena_string(arena, serial));
        char *hex = number == NULL ? NULL : BN_bn2hex(number);
        for (char *c = hex; c != NULL && *c != '\0'; ++c)
            *c = (char)(*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
        const char *canonical = hex == NULL ? "" : hex + strspn(hex, "0");
        oracle_ca_revokes(canonical);
        OPENSSL_free(hex);
        BN_free(number);
    }
    reply->status = 200;
    reply->body = BYTES_LITERAL("{\"status\":\"ok\"}");
}

/* {"crts": […]} */
static struct bytes crts(struct arena *arena, X509 *certificate)
{
    struct json_writer *writer = json_writer_new(arena, REPLY_MAX_BYTES);
    json_begin_object(writer);
    json_key(writer, "crts");
    json_begin_array(writer);
    json_write_string(writer, pem_of(arena, certificate));
    json_end_array(writer);
    json_end_object(writer);
    return json_writer_finish(writer);
}

static void answer_read(struct arena *arena, const struct authority *authority, const char *path,
                        struct outbound_http_reply *reply)
{
    reply->status = 200;
    if (strncmp(path, "provisioners", strlen("provisioners")) == 0)
        reply->body =
            BYTES_LITERAL("{\"provisioners\":[{\"type\":\"JWK\",\"name\":\"acmegate\",\"key\":{" PUBLIC_JWK
                          ",\"kid\":\"k1\"},\"claims\":{\"maxTLSCertDuration\":\"48h\"}}],"
                          "\"nextCursor\":\"\"}");
    else if (strcmp(path, "intermediates") == 0 || strcmp(path, "roots") == 0)
        reply->body = crts(arena, *path == 'r' ? authority->root : authority->intermediate);
    else if (strcmp(path, "version") == 0)
        reply->body = BYTES_LITERAL("{\"version\":\"0.28.0\"}");
    else
        reply->status = 404;
}

static void answer_oddly(struct arena *arena, struct outbound_http_reply *reply, int64_t *delay_ms)
{
    static const int statuses[] = {200, 201, 301, 400, 401, 403, 404, 429, 500, 502, 503};
    switch (dice_below(8)) {
    case 0:
        *delay_ms = dice_between(1, 40 * 1000);
        return;
    case 1:
        *reply = (struct outbound_http_reply){.transport_error = "Connection refused"};
        return;
    case 2: /* the CA did it, and the answer is lost */
        *reply = (struct outbound_http_reply){
            .transport_error = "the connection was closed before an answer came", .connected = true};
        return;
    case 3:
        *reply = (struct outbound_http_reply){.transport_error = "self-signed", .untrusted = true};
        return;
    case 4:
        reply->body = odd_octets(arena, reply->body);
        return;
    case 5:
        reply->body = bytes_from_string(odd_json_bend(arena, arena_string(arena, reply->body)));
        return;
    case 6:
        reply->retry_after_s = dice_between(0, 100000);
        reply->date = clock_now() + dice_between(-200, 200);
        break;
    default:
        break;
    }
    reply->status = statuses[dice_below(sizeof(statuses) / sizeof(statuses[0]))];
    reply->body = bytes_from_string(arena_printf(arena, "{\"status\":%d,\"message\":\"%s%s\"}", reply->status,
                                                 dice_chance(50) ? "dns name not allowed " : "\\u009b\\u202e",
                                                 odd_text()));
}

void world_ca_answer(struct arena *arena, const struct outbound_http_request *request,
                     struct outbound_http_reply *reply, int64_t *delay_ms)
{
    size_t which = strstr(request->url, "ca-two") != NULL;
    const char *path = strstr(request->url, "/1.0/");
    path = path == NULL ? "" : path + strlen("/1.0/");
    bool odd = dice_chance(12);
    *delay_ms = dice_between(1, 60);
    reply->connected = true;
    reply->date = clock_now();
    if (strcmp(path, "sign") == 0)
        answer_sign(arena, &authorities[which], request->body, reply, odd && dice_chance(40));
    else if (strcmp(path, "revoke") == 0)
        answer_revoke(arena, request->body, reply);
    else
        answer_read(arena, &authorities[which], path, reply);
    if (odd && dice_chance(70))
        answer_oddly(arena, reply, delay_ms);
}
