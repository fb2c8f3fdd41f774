/* SPDX-License-Identifier: Apache-2.0 */
/* The step-ca behind the gateway: two of them under one root. What it answers is sometimes odd, late or
 * wrong. */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/base64.h"
#include "acme/base/json.h"
#include "acme/base/time_text.h"
#include "acme/jose/openssl_handles.h"
#include "dice.h"
#include "gateway/runtime/clock.h"
#include "odd.h"
#include "oracle.h"
#include "verdict.h"
#include "world_pki.h"

enum { DAY_S = 86400, REPLY_MAX_BYTES = 256 * 1024 };

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

static const char *sign(struct arena *arena, const struct world_authority *authority, const struct json *body,
                        bool wrong)
{
    X509_REQ *request = read_request(body);
    if (request == NULL)
        return NULL;
    autofree_evp_pkey EVP_PKEY *other = wrong && dice_chance(30) ? EVP_EC_gen("P-256") : NULL;
    int64_t end = time_of(body, "notAfter", clock_now() + DAY_S);
    if (wrong && dice_chance(40))
        end = clock_now() + dice_between(-DAY_S, (int64_t)4000 * DAY_S);
    autofree_x509 X509 *leaf = world_make_certificate(other != NULL ? other : X509_REQ_get0_pubkey(request),
                                                      time_of(body, "notBefore", clock_now() - 60), end);
    if (wrong && dice_chance(50))
        world_add_extension(leaf, leaf, NID_subject_alt_name, "DNS:a.test,DNS:foreign.test");
    else
        copy_names(leaf, request);
    X509_REQ_free(request);
    world_finish_leaf(leaf, authority);
    return world_pem(arena, leaf);
}

/* The first certificate of the token's x5cInsecure. */
static X509 *presented(struct arena *arena, const char *authorization)
{
    struct bytes header, text;
    const char *token = authorization == NULL ? "" : authorization + strcspn(authorization, " ");
    token += *token == ' ';
    if (!base64url_decode(arena, bytes_of(token, strcspn(token, ".")), &header))
        return NULL;
    const struct json *list =
        json_member(json_parse(arena, header, &json_limits_request, NULL), "x5cInsecure");
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0 || list->items[0]->type != JSON_STRING)
        return NULL;
    text = list->items[0]->string;
    unsigned char *der = arena_alloc(arena, text.n + 4);
    int n = EVP_DecodeBlock(der, text.p, (int)text.n);
    const unsigned char *at = der;
    return n <= 0 ? NULL : d2i_X509(NULL, &at, n);
}

/* The successor: the same key, names and life. */
static const char *renew(struct arena *arena, const struct world_authority *authority,
                         const char *authorization)
{
    autofree_x509 X509 *old = presented(arena, authorization);
    if (old == NULL)
        return NULL;
    autofree_x509 X509 *leaf =
        world_make_certificate(X509_get0_pubkey(old), clock_now() - 60, clock_now() + DAY_S);
    int at = X509_get_ext_by_NID(old, NID_subject_alt_name, -1);
    if (at >= 0)
        X509_add_ext(leaf, X509_get_ext(old, at), -1);
    world_finish_leaf(leaf, authority);
    return world_pem(arena, leaf);
}

static void answer_with_leaf(struct arena *arena, const struct world_authority *authority, const char *leaf,
                             struct outbound_http_reply *reply)
{
    if (leaf == NULL) {
        reply->status = 400;
        reply->body = BYTES_LITERAL("{\"status\":400,\"message\":\"the request cannot be read\"}");
        return;
    }
    const char *above = world_pem(arena, authority->intermediate);
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

static void answer_revoke(struct arena *arena, size_t ca, struct bytes body,
                          struct outbound_http_reply *reply)
{
    const struct json *request = json_parse(arena, body, &json_limits_request, NULL);
    struct bytes serial = {0};
    if (json_member_string(request, "serial", &serial)) {
        BIGNUM *number = NULL;
        BN_dec2bn(&number, arena_string(arena, serial));
        char *hex = number == NULL ? NULL : BN_bn2hex(number);
        for (char *c = hex; c != NULL && *c != '\0'; c++)
            *c = (char)(*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
        const char *canonical = hex == NULL ? "" : hex + strspn(hex, "0");
        oracle_ca_revokes(canonical);
        world_crl_add(ca, canonical);
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
    json_write_string(writer, world_pem(arena, certificate));
    json_end_array(writer);
    json_end_object(writer);
    return json_writer_finish(writer);
}

static void answer_read(struct arena *arena, const struct world_authority *authority, const char *path,
                        struct outbound_http_reply *reply)
{
    reply->status = 200;
    if (strncmp(path, "provisioners", strlen("provisioners")) == 0)
        reply->body = BYTES_LITERAL(
            "{\"provisioners\":[{\"type\":\"JWK\",\"name\":\"acmegate\",\"key\":{" WORLD_PUBLIC_JWK
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
    reply->status = statuses[dice_below(sizeof statuses / sizeof statuses[0])];
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
    const struct world_authority *authority = &world_authorities[which];
    bool odd = dice_chance(12);
    *delay_ms = dice_between(1, 60);
    reply->connected = true;
    reply->date = clock_now();
    if (strcmp(path, "sign") == 0)
        answer_with_leaf(arena, authority,
                         sign(arena, authority, json_parse(arena, request->body, &json_limits_request, NULL),
                              odd && dice_chance(40)),
                         reply);
    else if (strcmp(path, "renew") == 0)
        answer_with_leaf(arena, authority, renew(arena, authority, request->authorization), reply);
    else if (strcmp(path, "crl") == 0) {
        reply->status = 200;
        reply->body = world_crl(arena, which);
    } else if (strcmp(path, "revoke") == 0)
        answer_revoke(arena, which, request->body, reply);
    else
        answer_read(arena, authority, path, reply);
    if (odd && dice_chance(70))
        answer_oddly(arena, reply, delay_ms);
}
