/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config/config_changes.h"

#include "gateway/config/config_internal.h"

/* ---- values ---- */

static size_t value_bytes(enum config_type type)
{
    switch (type) {
    case CONFIG_SECRET:
    case CONFIG_SECRET_FILE:
        return sizeof(struct bytes);
    case CONFIG_ISSUER_TYPE:
        return sizeof(enum issuer_type);
    case CONFIG_EAB:
        return sizeof(enum eab_mode);
    case CONFIG_LOG_LEVEL:
        return sizeof(enum log_level);
    case CONFIG_LOG_FORMAT:
        return sizeof(enum log_format);
    case CONFIG_BOOLEAN:
        return sizeof(bool);
    case CONFIG_PORT:
        return sizeof(uint16_t);
    case CONFIG_RATE:
        return sizeof(struct rate);
    case CONFIG_CHALLENGES:
        return sizeof(challenge_set);
    case CONFIG_INTEGER:
    case CONFIG_DURATION:
    case CONFIG_DURATION_MS:
    case CONFIG_DURATION_OR_OFF:
    case CONFIG_DAYS:
        return sizeof(int64_t);
    default:
        return sizeof(void *); /* a text, or the first item of a list */
    }
}

/* True for a list with a separate count; the challenges are a set in one value. */
static bool has_count(enum config_type type)
{
    return config_type_is_list(type) && type != CONFIG_CHALLENGES;
}

static const void *field_of(const struct config_key *key, const void *section)
{
    return (const char *)section + key->offset;
}

static size_t count_of(const struct config_key *key, const void *section)
{
    size_t count;
    memcpy(&count, (const char *)section + key->count_offset, sizeof count);
    return count;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_item(enum config_type type, const void *a, const void *b, size_t i)
{
    const struct listen_address *x = a, *y = b;
    const struct network *m = a, *n = b;
    if (type == CONFIG_LISTEN || type == CONFIG_LISTENERS)
        return same_text(x[i].host, y[i].host) && x[i].port == y[i].port && x[i].plain == y[i].plain &&
               x[i].proxy_protocol == y[i].proxy_protocol && x[i].forwarded_headers == y[i].forwarded_headers;
    if (type == CONFIG_NETWORKS)
        return memcmp(m[i].address, n[i].address, sizeof m[i].address) == 0 &&
               m[i].prefix_bits == n[i].prefix_bits;
    return same_text(((const char *const *)a)[i], ((const char *const *)b)[i]);
}

static bool same_list(const struct config_key *key, const void *a, const void *b)
{
    size_t count = count_of(key, a);
    const void *x, *y;
    memcpy(&x, field_of(key, a), sizeof x);
    memcpy(&y, field_of(key, b), sizeof y);
    if (count != count_of(key, b))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!same_item(key->type, x, y, i))
            return false;
    return true;
}

static bool same_value(const struct config_key *key, const void *a, const void *b)
{
    if (has_count(key->type))
        return same_list(key, a, b);
    if (key->type == CONFIG_SECRET || key->type == CONFIG_SECRET_FILE) {
        struct bytes x, y;
        memcpy(&x, field_of(key, a), sizeof x);
        memcpy(&y, field_of(key, b), sizeof y);
        return bytes_equal(x, y);
    }
    if (config_type_is_text(key->type)) {
        const char *x, *y;
        memcpy(&x, field_of(key, a), sizeof x);
        memcpy(&y, field_of(key, b), sizeof y);
        return same_text(x, y);
    }
    return memcmp(field_of(key, a), field_of(key, b), value_bytes(key->type)) == 0;
}

static void copy_value(const struct config_key *key, void *to, const void *from)
{
    memcpy((char *)to + key->offset, field_of(key, from), value_bytes(key->type));
    if (has_count(key->type))
        memcpy((char *)to + key->count_offset, (const char *)from + key->count_offset, sizeof(size_t));
}

/* ---- sections ---- */

struct taking {
    struct arena *arena;
    struct config_changes *changes;
};

static void add_change(struct taking *taking, struct config_change change)
{
    struct config_changes *changes = taking->changes;
    struct config_change *longer = arena_alloc_array(taking->arena, changes->count + 1, sizeof *longer);
    if (changes->count > 0)
        memcpy(longer, changes->items, changes->count * sizeof *longer);
    longer[changes->count++] = change;
    changes->items = longer;
}

/* A password and its file fill one field: the field is named once. */
static bool is_named_before(const struct config_key *key)
{
    return key->type == CONFIG_SECRET_FILE && key > config_keys && key[-1].type == CONFIG_SECRET &&
           key[-1].section == key->section && key[-1].offset == key->offset;
}

/* An issuer of type local is opened once. An issuer of another type is another issuer. */
static bool waits_as_a_whole(enum config_section section, const void *running, const void *fresh)
{
    const struct issuer_config *was = running, *is = fresh;
    return section == CONFIG_ISSUER && (was->type != is->type || was->type == ISSUER_LOCAL);
}

static void take_section(struct taking *taking, enum config_section section, const char *name, void *running,
                         const void *fresh)
{
    bool waits = waits_as_a_whole(section, running, fresh);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->section != section || same_value(key, running, fresh))
            continue;
        bool at_once = config_key_is_at_once(key) && !waits;
        if (!is_named_before(key))
            add_change(taking,
                       (struct config_change){CONFIG_KEY_CHANGED, config_key_path(taking->arena, key, name),
                                              name, section == CONFIG_ISSUER, at_once});
        if (at_once)
            copy_value(key, running, fresh);
    }
}

/* The structures of a named section; each begins with its name. */
struct named {
    const char *path;
    enum config_section section;
    size_t item_bytes;
    size_t offset, count_offset; /* in struct config */
};

static const struct named all_named[] = {
    {"issuers", CONFIG_ISSUER, sizeof(struct issuer_config), offsetof(struct config, issuers),
     offsetof(struct config, issuer_count)},
    {"profiles", CONFIG_PROFILE, sizeof(struct profile_config), offsetof(struct config, profiles),
     offsetof(struct config, profile_count)},
    {"endpoints", CONFIG_ENDPOINT, sizeof(struct endpoint_config), offsetof(struct config, endpoints),
     offsetof(struct config, endpoint_count)},
};

struct items {
    const char *first;
    size_t count;
};

static struct items items_of(const struct named *named, const struct config *config)
{
    struct items items;
    memcpy(&items.first, (const char *)config + named->offset, sizeof items.first);
    memcpy(&items.count, (const char *)config + named->count_offset, sizeof items.count);
    return items;
}

static const char *name_of(const void *item)
{
    const char *name;
    memcpy(&name, item, sizeof name);
    return name;
}

static const void *find_item(const struct named *named, struct items items, const char *name)
{
    for (size_t i = 0; i < items.count; i++)
        if (strcmp(name_of(items.first + i * named->item_bytes), name) == 0)
            return items.first + i * named->item_bytes;
    return NULL;
}

static void add_section(struct taking *taking, const struct named *named, const char *name,
                        enum config_change_kind kind, bool at_once)
{
    add_change(taking, (struct config_change){kind, arena_printf(taking->arena, "%s.%s", named->path, name),
                                              name, named->section == CONFIG_ISSUER, at_once});
}

/* Takes the sections of `fresh`, in its order. Behind them come removed issuers, which wait. */
static void take_named(struct taking *taking, const struct named *named, struct config *out,
                       const struct config *fresh)
{
    struct items running = items_of(named, out), others = items_of(named, fresh);
    char *taken = arena_alloc_array(taking->arena, running.count + others.count + 1, named->item_bytes);
    size_t count = 0;
    for (size_t i = 0; i < others.count; i++) {
        const void *other = others.first + i * named->item_bytes;
        const void *serving = find_item(named, running, name_of(other));
        char *item = taken + count++ * named->item_bytes;
        memcpy(item, serving == NULL ? other : serving, named->item_bytes);
        if (serving == NULL)
            add_section(taking, named, name_of(other), CONFIG_SECTION_ADDED, true);
        else
            take_section(taking, named->section, name_of(other), item, other);
    }
    for (size_t i = 0; i < running.count; i++) {
        const void *serving = running.first + i * named->item_bytes;
        bool waits = named->section == CONFIG_ISSUER;
        if (find_item(named, others, name_of(serving)) != NULL)
            continue;
        add_section(taking, named, name_of(serving), CONFIG_SECTION_REMOVED, !waits);
        if (waits)
            memcpy(taken + count++ * named->item_bytes, serving, named->item_bytes);
    }
    memcpy((char *)out + named->offset, &taken, sizeof taken);
    memcpy((char *)out + named->count_offset, &count, sizeof count);
}

/* ---- the whole configuration ---- */

const struct config *config_take(struct arena *arena, const struct config *running,
                                 const struct config *fresh, struct config_changes *changes,
                                 struct fault *fault)
{
    struct taking taking = {.arena = arena, .changes = changes};
    struct config *out = arena_alloc(arena, sizeof *out);
    *out = *running;
    *changes = (struct config_changes){0};
    take_section(&taking, CONFIG_TOP, NULL, out, fresh);
    for (size_t i = 0; i < sizeof all_named / sizeof *all_named; i++)
        take_named(&taking, &all_named[i], out, fresh);
    /* The look-ups of the rules find its own sections, and not those that serve. */
    struct config_errors errors = {0};
    out->versions = NULL;
    config_check_whole(arena, out, &errors);
    out->versions = running->versions;
    if (errors.count == 0)
        return out;
    fault_set(fault, "changes that take effect at once conflict with changes that wait for a restart: %s",
              errors.lines[0]);
    return NULL;
}

void config_publish(const struct config *running, const struct config *next)
{
    atomic_store(&running->versions->newest, next);
}

const struct config *config_now(const struct config *config)
{
    return config->versions == NULL ? config : atomic_load(&config->versions->newest);
}
