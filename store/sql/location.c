/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing the engine. */
#include "store/sql/engine.h"

static const struct store_location *locate(struct arena *arena, const char *database, const char *password)
{
    const struct engine *engine = postgresql_engine.takes(database) ? &postgresql_engine : &sqlite_engine;
    return engine->locate(arena, database, password);
}

const struct store_location *store_location_new(struct arena *arena, const char *database)
{
    return locate(arena, database, NULL);
}

const struct store_location *store_location_with_password(struct arena *arena, const char *database,
                                                          struct bytes password)
{
    return locate(arena, database, password.n == 0 ? NULL : arena_string(arena, password));
}

const char *store_location_refusal(const struct store_location *location)
{
    return location->refusal;
}

bool store_location_is_file(const struct store_location *location)
{
    return location->engine == &sqlite_engine;
}

const char *store_location_text(const struct store_location *location)
{
    return location->text;
}

bool store_reads_wait(const struct store_location *location)
{
    return location->engine->reads_wait;
}

bool store_exists(const struct store_location *location)
{
    return location->engine->exists(location);
}

void store_read_size(const struct store_location *location, struct store_size *out)
{
    location->engine->read_size(location, out);
}
