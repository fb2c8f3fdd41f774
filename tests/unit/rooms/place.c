/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/jose/openssl_handles.h"
#include "acme/pki/certificate.h"
#include "leaks.h"
#include "store/sqlite/migrate.h"
#include "surroundings.h"
#include "world.h"

enum { OPEN_FILES_MAX = 8, DAY_S = 86400 };

#define PRIVATE_JWK \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\"," \
    "\"d\":\"SV-aFZpbBi6yqSKPuB0s7lKyhY-w19xYW-KaT09li5M\"}"

/* ---- what the fakes ask for; the network's answers stand in world.c ---- */

void verdict(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stdout, format, arguments);
    va_end(arguments);
    fputc('\n', stdout);
    fflush(stdout); /* abort() does not */
    abort();
}

/* ---- files ---- */

void place_write(const struct place *place, const char *name, const char *text)
{
    FILE *file = fopen(arena_printf(place->arena, "%s/%s", place->folder, name), "we");
    cr_assert(file != NULL && fputs(text, file) >= 0);
    fclose(file);
}

static const char *new_root_pem(struct arena *arena)
{
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    autofree_x509 X509 *root = X509_new();
    X509_NAME *name = X509_get_subject_name(root);
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)"Root", -1, -1, 0);
    X509_set_version(root, X509_VERSION_3);
    X509_set_issuer_name(root, name);
    ASN1_TIME_set(X509_getm_notBefore(root), PLACE_NOW - DAY_S);
    ASN1_TIME_set(X509_getm_notAfter(root), PLACE_NOW + (int64_t)365 * DAY_S);
    X509_set_pubkey(root, key);
    X509_EXTENSION *basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(root, basic, -1);
    X509_EXTENSION_free(basic);
    cr_assert(X509_sign(root, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int n = i2d_X509(root, &der);
    const char *pem = certificate_to_pem(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return pem;
}

void place_begin(struct place *place)
{
    *place = (struct place){.arena = arena_new()};
    snprintf(place->folder, sizeof place->folder, "%s/acmegate-rooms-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert(mkdtemp(place->folder) != NULL);
    world_clear();
    fake_clock_set(PLACE_NOW * 1000);
    place_write(place, "provisioner.json", PRIVATE_JWK);
    place_write(place, "root.crt", new_root_pem(place->arena));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

void place_end(struct place *place)
{
    fake_agenda_clear();
    nftw(place->folder, remove_one, OPEN_FILES_MAX, FTW_DEPTH | FTW_PHYS);
    arena_free(place->arena);
}

/* ---- requests ---- */

struct fake_reply *place_deliver(const struct place *place, size_t server, const struct http_request *request)
{
    struct fake_reply *reply = arena_alloc(place->arena, sizeof *reply);
    struct arena *arena = arena_new();
    struct http_request *sent = arena_alloc(arena, sizeof *sent);
    *reply = (struct fake_reply){.arena = place->arena};
    *sent = *request;
    sent->arena = arena;
    struct bytes *const texts[] = {&sent->method,     &sent->target, &sent->path,
                                   &sent->query,      &sent->host,   &sent->content_type,
                                   &sent->user_agent, &sent->body,   &sent->authorization};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(arena, *texts[i]);
    fake_loops_send(fake_server(server), sent, reply);
    return reply;
}

struct fake_reply *place_send(const struct place *place, const struct place_request *sent)
{
    struct bytes target = bytes_from_string(sent->path);
    struct http_request request = {
        .method = bytes_from_string(sent->method),
        .target = target,
        .path = target,
        .authorization = bytes_from_string(sent->authorization),
        .body = bytes_from_string(sent->body),
        .body_too_long = sent->body_too_long,
        .local_user = sent->user,
    };
    if (sent->user == -1)
        snprintf(request.client_address, sizeof request.client_address, "192.0.2.1");
    return place_deliver(place, 0, &request);
}

const char *fake_header(const struct fake_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return "";
}
