/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config/config.h"

static void add_name(struct identifier *names, size_t *count, const char *authority)
{
    struct bytes host = bytes_from_string(authority);
    const uint8_t *end = host.n != 0 && host.p[0] == '[' ? memchr(host.p, ']', host.n) : NULL;
    if (end != NULL)
        host = bytes_of(host.p + 1, (size_t)(end - host.p - 1));
    else if ((end = host.n == 0 ? NULL : memchr(host.p, ':', host.n)) != NULL)
        host.n = (size_t)(end - host.p);
    struct identifier name;
    struct arena *scratch = arena_new();
    bool good = identifier_parse(scratch, BYTES_LITERAL("ip"), host, &name) == NULL ||
                identifier_parse(scratch, BYTES_LITERAL("dns"), host, &name) == NULL;
    arena_free(scratch);
    for (size_t i = 0; i < *count && good; ++i)
        good = identifier_compare(&names[i], &name) != 0;
    if (good)
        names[(*count)++] = name;
}

struct identifier *config_own_names(struct arena *arena, const struct config *config, size_t *count)
{
    struct identifier *names = arena_alloc_array(arena, config->alternate_name_count + 1, sizeof(names[0]));
    *count = 0;
    add_name(names, count, config->base_url + strlen("https://"));
    for (size_t i = 0; i < config->alternate_name_count; ++i)
        add_name(names, count, config->alternate_names[i]);
    return names;
}
