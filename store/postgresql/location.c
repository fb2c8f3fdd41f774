/* SPDX-License-Identifier: Apache-2.0 */
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

/* As a URI; without the password, and the parameters behind the name. */
static const char *text_of(struct arena *arena, const PQconninfoOption *options)
{
    const char *user = value_of(options, "user"), *host = value_of(options, "host");
    const char *port = value_of(options, "port"), *name = value_of(options, "dbname");
    return arena_printf(arena, "postgresql://%s%s%s%s%s/%s%s%s", user, *user != '\0' ? "@" : "",
                        *host == '/' ? "" : host, *port != '\0' ? ":" : "", port, name,
                        *host == '/' ? "?host=" : "", *host == '/' ? host : "");
}

struct store_location *postgresql_locate(struct arena *arena, const struct store_place *place)
{
    struct postgresql_location *own = arena_alloc(arena, sizeof *own);
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(place->text, &error);
    *own = (struct postgresql_location){.conninfo = arena_duplicate(arena, place->text)};
    if (place->password.n != 0)
        own->password = arena_string(arena, place->password);
    own->location = (struct store_location){.engine = &postgresql_engine, .text = "the PostgreSQL database"};
    if (place->state != NULL)
        own->location.state = arena_duplicate(arena, place->state);
    if (options != NULL) {
        own->location.text = text_of(arena, options);
    } else {
        char why[WHY_BYTES];
        postgresql_words(error != NULL ? error : "out of memory", why);
        own->location.refusal = arena_duplicate(arena, why);
    }
    PQfreemem(error);
    PQconninfoFree(options);
    return &own->location;
}
