/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config/config_internal.h"

enum { SHOW_MAX_BYTES = 1024 * 1024 };

static bool is_secret(const struct config_key *key)
{
    return key->type == CONFIG_SECRET;
}

static const char *value_text(struct arena *arena, const struct config_setting *setting)
{
    if (setting->value == NULL)
        return "(not set)";
    if (is_secret(setting->key))
        return "(set)";
    struct json_writer *writer = json_writer_new(arena, SHOW_MAX_BYTES);
    json_write_value(writer, setting->value);
    struct bytes text = json_writer_finish(writer);
    return text.p == NULL ? "(too long to show)" : (const char *)text.p;
}

/* Shows each setting on two lines: its value, and its meaning in the words of the reference. */
static void show_setting(struct buffer *out, const struct config_setting *setting)
{
    buffer_printf(out, "%s = %s", setting->path, value_text(out->arena, setting));
    if (setting->value != NULL)
        buffer_printf(out, "  (%s)", setting->origin);
    buffer_printf(out, "\n    %s: %s\n", config_type_name(setting->key->type), setting->key->help);
}

static void show_setting_json(struct buffer *out, const struct config_setting *setting)
{
    struct json_writer *writer = json_writer_new(out->arena, SHOW_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "key", setting->path);
    json_put_string(writer, "type", config_type_name(setting->key->type));
    json_key(writer, "value");
    if (setting->value == NULL || is_secret(setting->key))
        json_write_null(writer);
    else
        json_write_value(writer, setting->value);
    json_put_boolean(writer, "set", setting->value != NULL);
    if (setting->value != NULL)
        json_put_string(writer, "origin", setting->origin);
    json_end_object(writer);
    buffer_append(out, json_writer_finish(writer));
    buffer_append_string(out, "\n");
}

struct source {
    const char *path;
    char *const *environment;
    const struct config_override *overrides;
    size_t override_count;
};

static struct bytes show_each(struct arena *arena, const struct source *source, struct config_errors *errors,
                              void (*show)(struct buffer *out, const struct config_setting *setting))
{
    const struct config_reader *reader = config_read(arena, source->path, source->environment,
                                                     source->overrides, source->override_count, errors);
    if (reader == NULL)
        return (struct bytes){0};
    struct buffer out;
    buffer_init(&out, arena, SHOW_MAX_BYTES);
    for (const struct config_setting *at = reader->settings; at != NULL; at = at->next)
        show(&out, at);
    return buffer_bytes(&out);
}

struct bytes config_show(struct arena *arena, const char *path, char *const *environment,
                         const struct config_override *overrides, size_t override_count,
                         struct config_errors *errors)
{
    const struct source source = {path, environment, overrides, override_count};
    return show_each(arena, &source, errors, show_setting);
}

struct bytes config_show_json(struct arena *arena, const char *path, char *const *environment,
                              const struct config_override *overrides, size_t override_count,
                              struct config_errors *errors)
{
    const struct source source = {path, environment, overrides, override_count};
    return show_each(arena, &source, errors, show_setting_json);
}

bool config_describe(struct arena *arena, size_t index, struct config_key_description *out)
{
    if (index >= config_key_count)
        return false;
    const struct config_key *key = &config_keys[index];
    const char *note = key->fallback_note != NULL ? key->fallback_note : key->required ? "required" : "none";
    *out = (struct config_key_description){.path = key->path,
                                           .type = config_type_name(key->type),
                                           .fallback = key->fallback,
                                           .fallback_note = key->fallback == NULL ? note : NULL,
                                           .environment = config_environment_name(arena, key),
                                           .at_once = config_key_is_at_once(key),
                                           .help = key->help};
    return true;
}

struct bytes config_reference(struct arena *arena)
{
    struct buffer out;
    struct config_key_description key;
    buffer_init(&out, arena, SHOW_MAX_BYTES);
    buffer_append_string(
        &out, "| Key | Type | Default | Environment | Reload | Meaning |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; config_describe(arena, i, &key); i++) {
        const char *tick = key.fallback == NULL ? "" : "`",
                   *variable_tick = key.environment == NULL ? "" : "`";
        buffer_printf(&out, "| `%s` | %s | %s%s%s | ", key.path, key.type, tick,
                      key.fallback == NULL ? key.fallback_note : key.fallback, tick);
        buffer_printf(&out, "%s%s%s | %s | %s |\n", variable_tick,
                      key.environment == NULL ? "" : key.environment, variable_tick,
                      key.at_once ? "at once" : "restart", key.help);
    }
    return buffer_bytes(&out);
}
