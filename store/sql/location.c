/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing the engine. */
#include "store/sql/engine.h"

const struct store_location *store_location_new(struct arena *arena, const char *database)
{
    return sqlite_engine.locate(arena, database);
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
