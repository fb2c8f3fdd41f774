/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/exchange.h"

/* Takes the next segment, without its slash; `path` continues behind it. */
static struct bytes take_segment(struct bytes *path)
{
    if (path->n == 0 || path->p[0] != '/')
        return (struct bytes){0};
    const uint8_t *begin = path->p + 1;
    const uint8_t *end = memchr(begin, '/', path->n - 1);
    if (end == NULL)
        end = path->p + path->n;
    *path = bytes_of(end, (size_t)(path->p + path->n - end));
    return bytes_of(begin, (size_t)(end - begin));
}

static bool segment_matches(struct exchange *exchange, struct bytes pattern, struct bytes segment)
{
    if (bytes_equal_string(pattern, "{id}")) {
        exchange->id = url_parse_id(segment);
        return exchange->id != 0;
    }
    if (bytes_equal_string(pattern, "{chain}")) {
        exchange->alternate_chain = (size_t)url_parse_id(segment);
        return exchange->alternate_chain != 0;
    }
    if (bytes_equal_string(pattern, "{type}"))
        return challenge_type_from_name(segment, &exchange->challenge_type);
    if (bytes_equal_string(pattern, "{certificate}")) {
        exchange->certificate_identifier = segment;
        return segment.n != 0;
    }
    if (bytes_equal_string(pattern, "{name}")) {
        exchange->name = segment;
        return segment.n != 0;
    }
    if (bytes_equal_string(pattern, "{issuer}")) {
        exchange->issuer = segment;
        return segment.n != 0;
    }
    return bytes_equal(pattern, segment);
}

static bool route_matches(struct exchange *exchange, const struct route *route, struct bytes path)
{
    struct bytes pattern = bytes_from_string(route->pattern);
    while (pattern.n != 0 && path.n != 0) {
        if (bytes_equal_string(pattern, "/{rest}")) {
            exchange->rest = bytes_of(path.p + 1, path.n - 1);
            return true;
        }
        if (!segment_matches(exchange, take_segment(&pattern), take_segment(&path)))
            return false;
    }
    return pattern.n == 0 && path.n == 0;
}

/* ---- by path ---- */

static bool find_in(struct exchange *exchange, const struct route_table *table, struct bytes path)
{
    for (size_t i = 0; i < table->count; i++)
        if (route_matches(exchange, &table->routes[i], path)) {
            exchange->route = &table->routes[i];
            exchange->route_number += i + 1;
            return true;
        }
    return false;
}

/* Looks below the table's prefix, or at the path itself. */
static bool is_served_by(struct exchange *exchange, const struct route_table *table, struct bytes path)
{
    struct bytes prefix = bytes_from_string(table->prefix);
    if (table->of_endpoints)
        return exchange->endpoint != NULL && find_in(exchange, table, path);
    if (exchange->endpoint != NULL ||
        (table->is_served != NULL && !table->is_served(config_now(exchange->frontend->parts.config))))
        return false;
    bool is_below =
        prefix.n != 0 && bytes_has_prefix(path, prefix) && path.n > prefix.n && path.p[prefix.n] == '/';
    return find_in(exchange, table, is_below ? bytes_of(path.p + prefix.n, path.n - prefix.n) : path);
}

bool routes_find(struct exchange *exchange, struct bytes path)
{
    const struct route_table *const *tables = exchange->frontend->parts.route_tables;
    for (exchange->route_number = 0; *tables != NULL; tables++) {
        if (is_served_by(exchange, *tables, path))
            return true;
        exchange->route_number += (*tables)->count;
    }
    exchange->route_number = 0;
    return false;
}

/* ---- by number ---- */

size_t routes_count(const struct route_table *const *tables)
{
    size_t count = 1;
    for (; *tables != NULL; tables++)
        count += (*tables)->count;
    return count;
}

const char *routes_label(struct arena *arena, const struct route_table *const *tables, size_t number,
                         const struct config *config)
{
    if (number == 0)
        return "(none)";
    for (size_t i = number - 1; *tables != NULL; i -= (*tables)->count, ++tables)
        if (i < (*tables)->count)
            return (*tables)->is_served != NULL && !(*tables)->is_served(config)
                       ? NULL
                       : arena_printf(arena, "%s%s", (*tables)->prefix, (*tables)->routes[i].pattern);
    return NULL;
}
