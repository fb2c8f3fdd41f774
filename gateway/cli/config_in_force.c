/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/config_in_force.h"

#include "gateway/ca/issuer_overrides.h"
#include "gateway/config/config_changes.h"

const struct config *config_load_in_force(struct arena *arena, const char *path, char *const *environment,
                                          struct config_errors *errors)
{
    struct fault fault;
    const struct config *config = config_load(arena, path, environment, errors);
    if (config == NULL)
        return NULL;
    const struct store_location *location = config_location(arena, config);
    struct config *in_force = arena_alloc(arena, sizeof *in_force);
    *in_force = *config;
    in_force->versions = config_versions_new(arena, in_force);
    if (issuer_overrides_take(arena, config, location, &in_force->issuers, &fault))
        return in_force;
    const char **lines = arena_alloc(arena, sizeof *lines);
    *lines = arena_duplicate(arena, fault.message);
    *errors = (struct config_errors){.lines = lines, .count = 1};
    return NULL;
}
