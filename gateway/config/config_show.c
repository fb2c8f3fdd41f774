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

struct bytes config_show(struct arena *arena, const char *path, char *const *environment,
                         const struct config_override *overrides, size_t override_count,
                         struct config_errors *errors)
{
    const struct config_reader *reader =
        config_read(arena, path, environment, overrides, override_count, errors);
    if (reader == NULL)
        return (struct bytes){0};
    struct buffer out;
    buffer_init(&out, arena, SHOW_MAX_BYTES);
    for (const struct config_setting *at = reader->settings; at != NULL; at = at->next)
        show_setting(&out, at);
    return buffer_bytes(&out);
}

static void describe_default(struct buffer *out, const struct config_key *key)
{
    if (key->fallback != NULL)
        buffer_printf(out, "`%s`", key->fallback);
    else if (key->fallback_note != NULL)
        buffer_append_string(out, key->fallback_note);
    else
        buffer_append_string(out, key->required ? "required" : "none");
}

struct bytes config_reference(struct arena *arena)
{
    struct buffer out;
    buffer_init(&out, arena, SHOW_MAX_BYTES);
    buffer_append_string(
        &out, "| Key | Type | Default | Environment | SIGHUP | Meaning |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        const char *variable = config_environment_name(arena, key);
        buffer_printf(&out, "| `%s` | %s | ", key->path, config_type_name(key->type));
        describe_default(&out, key);
        buffer_printf(&out, " | %s%s%s | %s | %s |\n", variable == NULL ? "" : "`",
                      variable == NULL ? "" : variable, variable == NULL ? "" : "`",
                      config_key_is_at_once(key) ? "at once" : "restart", key->help);
    }
    return buffer_bytes(&out);
}
