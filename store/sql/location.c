/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing the engine. */
#include "store/sql/engine.h"

const struct store_location *store_location_of(struct arena *arena, const struct store_place *place)
{
    const struct engine *engine = postgresql_engine.takes(place->text) ? &postgresql_engine : &sqlite_engine;
    return engine->locate(arena, place);
}

const struct store_location *store_location_new(struct arena *arena, const char *database)
{
    return store_location_of(arena, &(struct store_place){.text = database});
}

const char *store_location_refusal(const struct store_location *location)
{
    return location->refusal;
}

const char *store_location_state(const struct store_location *location)
{
    return location->state;
}

bool store_location_is_file(const struct store_location *location)
{
    return location->engine == &sqlite_engine;
}

const char *store_location_text(const struct store_location *location)
{
    return location->text;
}

const char *store_location_address(const struct store_location *location)
{
    return location->address;
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
