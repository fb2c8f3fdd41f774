/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "gateway/runtime/address_policy.h"
#include "surroundings.h"

struct world world;

void world_clear(void)
{
    world = (struct world){0};
}

[[gnu::format(printf, 1, 2)]] static void note(const char *format, ...)
{
    size_t n = strlen(world.asked);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world.asked + n, sizeof world.asked - n, format, arguments);
    va_end(arguments);
}

static void set_delay(int64_t *delay_ms, int64_t wanted_ms)
{
    if (wanted_ms != 0)
        *delay_ms = wanted_ms;
}

/* ---- names ---- */

static void read_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        out->ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        out->ss_family = AF_INET6;
    else
        verdict("%s is no address", text);
}

static void read_addresses(const char *text, struct outbound_addresses *found)
{
    char one[INET6_ADDRSTRLEN + 1];
    int n;
    for (; text != NULL && sscanf(text, " %46s%n", one, &n) == 1; text += n)
        read_address(one, &found->address[found->count++]);
}

void world_answer_addresses(const char *host, struct outbound_addresses *found, int64_t *delay_ms)
{
    note("A %s\n", host);
    const struct world_host *row = world.hosts;
    while (row != NULL && row->host != NULL && strcmp(row->host, host) != 0)
        row++;
    if (row == NULL || row->host == NULL) {
        found->error = "no such name";
        return;
    }
    read_addresses(row->addresses, found);
    found->alias = row->alias;
    found->error = row->error;
    found->fault = row->fault;
    set_delay(delay_ms, row->delay_ms);
}

void world_answer_texts(struct arena *arena, const char *name, struct outbound_texts *found,
                        int64_t *delay_ms)
{
    note("TXT %s\n", name);
    const struct world_texts *row = world.texts;
    while (row != NULL && row->name != NULL && strcmp(row->name, name) != 0)
        row++;
    if (row == NULL || row->name == NULL) {
        found->error = "no such name";
        return;
    }
    found->texts = arena_alloc_array(arena, sizeof row->records / sizeof *row->records, sizeof(struct bytes));
    while (row->records[found->count] != NULL) {
        found->texts[found->count] = bytes_from_string(row->records[found->count]);
        found->count++;
    }
    found->alias = row->alias;
    found->error = row->error;
    found->fault = row->fault;
    set_delay(delay_ms, row->delay_ms);
}

void world_answer_caa(struct arena *arena, const char *name, struct outbound_caa *found, int64_t *delay_ms)
{
    note("CAA %s\n", name);
    const struct world_caa *row = world.caa;
    while (row != NULL && row->name != NULL && strcmp(row->name, name) != 0)
        row++;
    if (row == NULL || row->name == NULL)
        return;
    struct caa_record *records = arena_alloc_array(arena, 2, sizeof *records);
    if (row->issue != NULL)
        records[found->count++] =
            (struct caa_record){false, BYTES_LITERAL("issue"), bytes_from_string(row->issue)};
    if (row->issuewild != NULL)
        records[found->count++] =
            (struct caa_record){false, BYTES_LITERAL("issuewild"), bytes_from_string(row->issuewild)};
    found->records = records;
    found->error = row->error;
    set_delay(delay_ms, row->delay_ms);
}

/* ---- dialling ---- */

static const char *format_dialled(struct arena *arena, const struct sockaddr_storage *address)
{
    if (address == NULL)
        return "any";
    char text[INET6_ADDRSTRLEN];
    address_format(text, (const struct sockaddr *)address);
    return arena_duplicate(arena, text);
}

static bool is_at(const char *wanted, const char *dialled)
{
    return wanted == NULL || strcmp(wanted, dialled) == 0;
}

void world_answer_http(struct arena *arena, const struct outbound_http_request *request,
                       struct outbound_http_reply *reply, int64_t *delay_ms)
{
    const char *dialled = format_dialled(arena, request->address);
    note("%s %s at %s\n", request->method, request->url, dialled);
    world.last_timeout_ms = request->timeout_ms;
    snprintf(world.last_body, sizeof world.last_body, "%.*s", (int)request->body.n,
             (const char *)request->body.p);
    const struct world_page *row = world.pages;
    while (row != NULL && row->url != NULL &&
           (strcmp(row->url, request->url) != 0 || !is_at(row->address, dialled)))
        row++;
    if (row == NULL || row->url == NULL) {
        reply->transport_error = "Connection refused";
        reply->fault = OUTBOUND_UNREACHABLE;
        return;
    }
    reply->status = row->status;
    reply->body = bytes_from_string(row->body);
    reply->location = row->location;
    reply->transport_error = row->error;
    reply->fault = row->fault;
    reply->connected = row->connected || row->status != 0;
    reply->untrusted = row->untrusted;
    reply->date = row->date;
    reply->retry_after_s = row->retry_after_s;
    set_delay(delay_ms, row->delay_ms);
}

void world_answer_tls(struct arena *arena, const struct outbound_tls_request *request,
                      struct outbound_tls_reply *reply, int64_t *delay_ms)
{
    const char *dialled = format_dialled(arena, request->address);
    note("TLS %s %s at %s\n", request->alpn, request->server_name, dialled);
    world.last_timeout_ms = request->timeout_ms;
    const struct world_peer *row = world.peers;
    while (row != NULL && row->address != NULL && strcmp(row->address, dialled) != 0)
        row++;
    if (row == NULL || row->address == NULL) {
        reply->error = "Connection refused";
        reply->fault = OUTBOUND_UNREACHABLE;
        return;
    }
    reply->certificate = row->certificate;
    reply->alpn_agreed = row->alpn_agreed;
    reply->error = row->error;
    reply->fault = row->fault;
    reply->connected = row->connected || row->error == NULL;
    set_delay(delay_ms, row->delay_ms);
}
