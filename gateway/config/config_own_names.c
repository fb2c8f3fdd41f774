/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config/config.h"

static const char *base_authority(const struct config *config)
{
    return config->base_url + strlen("https://");
}

struct host_port config_base_authority(const struct config *config)
{
    struct host_port parts;
    bool good = host_port_parse(bytes_from_string(base_authority(config)), &parts);
    return good ? parts : (struct host_port){0}; /* already validated when it was read */
}

const char *config_state_prefix(struct arena *arena, const struct config *config)
{
    return arena_printf(arena, "%s/acmegate", config->state_directory);
}

const struct store_location *config_location(struct arena *arena, const struct config *config)
{
    return store_location_of(arena, &(struct store_place){config->database, config->database_password,
                                                          config_state_prefix(arena, config)});
}

const char *config_state_path(struct arena *arena, const struct config *config)
{
    return store_location_state(config_location(arena, config));
}

const char *config_file_beside(struct arena *arena, const struct config *config, const char *ending)
{
    return arena_printf(arena, "%s.%s", config_state_path(arena, config), ending);
}

static void add_name(struct identifier *names, size_t *count, const char *authority)
{
    struct host_port parts;
    struct identifier name;
    struct arena *scratch = arena_new();
    bool good = host_port_parse(bytes_from_string(authority), &parts) &&
                (identifier_parse(scratch, BYTES_LITERAL("ip"), parts.host, &name) == NULL ||
                 identifier_parse(scratch, BYTES_LITERAL("dns"), parts.host, &name) == NULL);
    arena_free(scratch);
    for (size_t i = 0; i < *count && good; i++)
        good = identifier_compare(&names[i], &name) != 0;
    if (good)
        names[(*count)++] = name;
}

struct identifier *config_own_names(struct arena *arena, const struct config *config, size_t *count)
{
    struct identifier *names = arena_alloc_array(arena, config->alternate_name_count + 1, sizeof names[0]);
    *count = 0;
    add_name(names, count, base_authority(config));
    for (size_t i = 0; i < config->alternate_name_count; i++)
        add_name(names, count, config->alternate_names[i]);
    return names;
}
