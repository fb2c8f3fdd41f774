/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the data is. Whoever reads the configuration makes one from it, and hands it to all that open the
 * database (store.h). Only store/ looks inside: another engine may need an address in the place of a file.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acme/base/arena.h"
#include "acme/base/bytes.h"

struct store_location;

/* Of `database`, as the configuration or a command line has it. Copied into the arena, where the location
 * lives. Looks at nothing. */
const struct store_location *store_location_new(struct arena *arena, const char *database);

/* The same with all that a configuration says of it. */
struct store_place {
    const char *text;      /* as store_location_new takes it */
    struct bytes password; /* empty: the text, or the engine's own files and variables, have it */
    const char *state;     /* path that the server's own files begin with, if the database is not a file */
};
const struct store_location *store_location_of(struct arena *arena, const struct store_place *place);

/* Returns why `database` cannot be a location's text; NULL when it can. It lives as long as the location. */
const char *store_location_refusal(const struct store_location *location);

/* The path that the names of the server's own files begin with: the file's, or store_place.state. */
const char *store_location_state(const struct store_location *location);

/* True for a file on this machine; false for a database that a server has. */
bool store_location_is_file(const struct store_location *location);

/* How messages to people name it; for SQLite the file's path. Lives as long as the location. */
const char *store_location_text(const struct store_location *location);

/* How another program opens it, such as sqlite3 or psql: the file's path, or a URI with all parameters but
 * secrets. Lives as long as the location. */
const char *store_location_address(const struct store_location *location);

/* True when reading waits for the network: an event loop must not read. */
[[gnu::const]] bool store_reads_wait(const struct store_location *location);

/* There is a database, whatever it holds. False before the first start. */
[[gnu::warn_unused_result]] bool store_exists(const struct store_location *location);

enum {
    STORE_SIZE_UNKNOWN = -1,
    STORE_FREE_LEAST_BYTES = 16 * 1024 * 1024, /* with less, writes may fail at any time */
    STORE_FREE_LOW_BYTES = 256 * 1024 * 1024,  /* with less, an operator should see to it */
};

/* In bytes, or STORE_SIZE_UNKNOWN. */
struct store_size {
    int64_t data;
    int64_t log;  /* of changes that are not in the data yet */
    int64_t free; /* left for us on the disk that both grow on */
};
void store_read_size(const struct store_location *location, struct store_size *out);
