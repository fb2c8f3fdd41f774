/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "store/postgresql/session.h"

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* libpq's keyword form, as in "host=… dbname=…". */
static bool begins_with_keyword(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    return n > 0 && text[n] == '=';
}

bool postgresql_takes(const char *database)
{
    return begins_with(database, "postgresql://") || begins_with(database, "postgres://") ||
           begins_with_keyword(database);
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options->val != NULL ? options->val : "";
    }
    return "";
}

/* ---- its URI (RFC 3986, and libpq's own additions) ---- */

/* Octets that need no encoding, besides letters and digits. */
#define UNRESERVED   "-._~"
#define IN_PARAMETER UNRESERVED "/:,@"

static const char *encode(struct arena *arena, const char *text, const char *plain)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc_array(arena, 3 * strlen(text) + 1, 1), *end = out;
    for (; *text != '\0'; text++) {
        unsigned char octet = (unsigned char)*text;
        if (isalnum(octet) || strchr(plain, octet) != NULL) {
            *end++ = *text;
            continue;
        }
        *end++ = '%';
        *end++ = digits[octet >> 4];
        *end++ = digits[octet & 15];
    }
    *end = '\0';
    return out;
}

/* Sockets and an empty list can only be parameters. */
static bool fit_before_the_name(const char *hosts)
{
    return *hosts != '\0' && strpbrk(hosts, "/@%") == NULL;
}

/* The hosts with their ports; one port is that of all. */
static const char *authority_of(struct arena *arena, const char *hosts, const char *ports)
{
    const char *text = "";
    bool more = true;
    while (more) {
        int host = (int)strcspn(hosts, ","), port = (int)strcspn(ports, ",");
        bool is_ipv6 = memchr(hosts, ':', (size_t)host) != NULL;
        more = hosts[host] == ',';
        text = arena_printf(arena, "%s%s%.*s%s%s%.*s%s", text, is_ipv6 ? "[" : "", host, hosts,
                            is_ipv6 ? "]" : "", port > 0 ? ":" : "", port, ports, more ? "," : "");
        hosts += host + more;
        ports += ports[port] == ',' ? port + 1 : 0;
    }
    return text;
}

static bool is_any_of(const char *keyword, const char *const *keywords)
{
    while (*keywords != NULL && strcmp(keyword, *keywords) != 0)
        keywords++;
    return *keywords != NULL;
}

static bool is_secret(const PQconninfoOption *option)
{
    return option->dispchar != NULL && option->dispchar[0] == '*';
}

/* Without secrets. Those of the parameters that say which server it is, or all of them when `whole`. */
static const char *uri_of(struct arena *arena, const PQconninfoOption *options, bool whole)
{
    static const char *const of_the_path[] = {"user", "dbname", NULL};
    static const char *const of_the_server[] = {"host", "port", NULL};
    const char *hosts = value_of(options, "host"), *user = value_of(options, "user"), *before = "?";
    bool in_authority = fit_before_the_name(hosts);
    const char *text = arena_printf(arena, "postgresql://%s%s%s/%s", encode(arena, user, UNRESERVED),
                                    *user != '\0' ? "@" : "",
                                    in_authority ? authority_of(arena, hosts, value_of(options, "port")) : "",
                                    encode(arena, value_of(options, "dbname"), UNRESERVED));
    for (; options->keyword != NULL; options++) {
        bool is_told = is_any_of(options->keyword, of_the_path) || is_secret(options);
        bool is_wanted = is_any_of(options->keyword, of_the_server) ? !in_authority : whole;
        if (options->val == NULL || is_told || !is_wanted)
            continue;
        text = arena_printf(arena, "%s%s%s=%s", text, before, options->keyword,
                            encode(arena, options->val, IN_PARAMETER));
        before = "&";
    }
    return text;
}

struct store_location *postgresql_locate(struct arena *arena, const struct store_place *place)
{
    struct postgresql_location *own = arena_alloc(arena, sizeof *own);
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(place->text, &error);
    *own = (struct postgresql_location){.conninfo = arena_duplicate(arena, place->text)};
    if (place->password.n != 0)
        own->password = arena_string(arena, place->password);
    own->location = (struct store_location){.engine = &postgresql_engine,
                                            .text = "the PostgreSQL database",
                                            .address = "the PostgreSQL database"};
    if (place->state != NULL)
        own->location.state = arena_duplicate(arena, place->state);
    if (options != NULL) {
        own->location.text = uri_of(arena, options, false);
        own->location.address = uri_of(arena, options, true);
    } else {
        char why[WHY_BYTES];
        postgresql_words(error != NULL ? error : "out of memory", why);
        own->location.refusal = arena_duplicate(arena, why);
    }
    PQfreemem(error);
    PQconninfoFree(options);
    return &own->location;
}
