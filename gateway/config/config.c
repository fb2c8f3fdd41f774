/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "acme/base/file.h"
#include "acme/urls.h"
#include "gateway/config/config_internal.h"

enum { CONFIG_MAX_BYTES = 1024 * 1024, ERRORS_AT_FIRST = 16, NAME_MAX_BYTES = 64 };

void config_error(struct config_reader *reader, const char *path, const char *format, ...)
{
    char what[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    struct config_errors *errors = reader->errors;
    if (errors->count == reader->error_capacity) {
        size_t capacity = reader->error_capacity == 0 ? ERRORS_AT_FIRST : 2 * reader->error_capacity;
        const char **lines = arena_alloc_array(reader->arena, capacity, sizeof *lines);
        if (errors->count > 0)
            memcpy(lines, errors->lines, errors->count * sizeof *lines);
        errors->lines = lines;
        reader->error_capacity = capacity;
    }
    errors->lines[errors->count++] = arena_printf(reader->arena, "%s: %s%s%s", reader->name,
                                                  path == NULL ? "" : path, path == NULL ? "" : ": ", what);
}

/* ---- unknown keys ---- */

static void check_members(struct config_reader *reader, const struct json *object, const char *pattern,
                          const char *path);

static const char *below(struct arena *arena, const char *path, const char *name)
{
    return *path == '\0' ? name : arena_printf(arena, "%s.%s", path, name);
}

static void check_member(struct config_reader *reader, const struct json_member *member, const char *pattern,
                         const char *path)
{
    struct arena *arena = reader->arena;
    const char *name = arena_string(arena, member->name);
    const char *member_path = below(arena, path, name);
    const char *any = below(arena, pattern, "*");
    const char *known = config_key_is_section(any) ? any : below(arena, pattern, name);
    bool is_section = config_key_is_section(known);
    /* A dot in a name would make "tls.key" at the top look like the key of that path. */
    if (known != any && (memchr(member->name.p, '.', member->name.n) != NULL ||
                         (!is_section && config_key_find(known) == NULL)))
        config_error(reader, member_path, "unknown key; %s", config_key_suggest(arena, known));
    else if (is_section && member->value->type != JSON_OBJECT)
        config_error(reader, member_path, "must be an object: {…}");
    else if (is_section)
        check_members(reader, member->value, known, member_path);
}

static void check_members(struct config_reader *reader, const struct json *object, const char *pattern,
                          const char *path)
{
    for (size_t i = 0; i < object->count; i++)
        check_member(reader, &object->members[i], pattern, path);
}

/* ---- values ---- */

/* A structure to fill: the configuration itself, or an issuer, a profile or an endpoint with its name. */
struct instance {
    enum config_section section;
    const char *name; /* NULL for the configuration itself */
    void *target;
    enum issuer_type type; /* an issuer's type, once it is read */
};

/* Returns the text that has the instance's keys: the file, or the override that replaces it. */
static const struct json *root_of(const struct config_reader *reader, const struct config_key *key,
                                  const char *name)
{
    for (size_t i = 0; key->section == CONFIG_ISSUER && i < reader->override_count; i++)
        if (strcmp(reader->overrides[i].issuer, name) == 0)
            return reader->override_roots[i];
    return reader->root;
}

/* Returns the value at `path`, one of the key's paths, with the instance's name for "*". */
static const struct json *value_at(const struct config_reader *reader, const struct config_key *key,
                                   const char *name, const char *path)
{
    const struct json *value = root_of(reader, key, name);
    for (const char *at = path; value != NULL;) {
        const char *end = strchrnul(at, '.');
        const char *part = arena_string(reader->arena, bytes_of(at, (size_t)(end - at)));
        value = json_member(value, strcmp(part, "*") == 0 ? name : part);
        if (*end == '\0')
            break;
        at = end + 1;
    }
    return value;
}

static const struct json *value_in_file(const struct config_reader *reader, const struct config_key *key,
                                        const char *name)
{
    const struct json *value = value_at(reader, key, name, key->path);
    return value == NULL && key->old_path != NULL ? value_at(reader, key, name, key->old_path) : value;
}

const char *config_key_path(struct arena *arena, const struct config_key *key, const char *name)
{
    const char *star = strchr(key->path, '*');
    return star == NULL ? key->path
                        : arena_printf(arena, "%.*s%s%s", (int)(star - key->path), key->path, name, star + 1);
}

static const struct json *find_value(const struct config_reader *reader, const struct config_key *key,
                                     const char *name, const char **origin)
{
    bool overridden = root_of(reader, key, name) != reader->root;
    const struct json *value = overridden ? NULL : config_environment_value(reader, key, name, origin);
    if (value != NULL)
        return value;
    *origin = overridden ? "override" : "file";
    value = value_in_file(reader, key, name);
    if (value != NULL)
        return value;
    *origin = "default";
    return key->fallback == NULL
               ? NULL
               : json_parse(reader->arena, bytes_from_string(key->fallback), &json_limits_config, NULL);
}

/* Password and password file fill the same field: one of them has to be set. */
static const struct json *settle_password(struct config_reader *reader, const struct config_key *key,
                                          const char *path, const struct instance *instance,
                                          const struct json *value)
{
    static const char suffix[] = "_file";
    const char *variable;
    if (key->section != CONFIG_ISSUER || key->type != CONFIG_SECRET_FILE || value == NULL)
        return value;
    size_t n = strlen(key->path) - (sizeof suffix - 1);
    const struct config_key *password = config_key_find(arena_string(reader->arena, bytes_of(key->path, n)));
    if (root_of(reader, key, instance->name) == reader->root &&
        config_environment_value(reader, password, instance->name, &variable) != NULL)
        return NULL;
    if (value_in_file(reader, password, instance->name) == NULL)
        return value;
    config_error(reader, path, "set this or %s, not both", strrchr(password->path, '.') + 1);
    return NULL;
}

static void keep_setting(struct config_reader *reader, const struct config_key *key, const char *path,
                         const struct json *value, const char *origin)
{
    struct config_setting *setting = arena_alloc(reader->arena, sizeof *setting);
    *setting = (struct config_setting){.key = key, .path = path, .value = value, .origin = origin};
    *reader->last_setting = setting;
    reader->last_setting = &setting->next;
}

static void add_warning(struct config_reader *reader, const char *line)
{
    struct config *config = reader->config;
    for (size_t i = 0; i < config->warning_count; i++)
        if (strcmp(config->warnings[i], line) == 0)
            return;
    const char **longer = arena_alloc_array(reader->arena, config->warning_count + 1, sizeof *longer);
    if (config->warning_count > 0)
        memcpy(longer, config->warnings, config->warning_count * sizeof *longer);
    longer[config->warning_count++] = line;
    config->warnings = longer;
}

/* systemd lets the service's user read a credential by an ACL, which shows as a right of the group. */
static void warn_of_readers(struct config_reader *reader, const char *path)
{
    struct stat status;
    if (!config_is_credential(reader, path) && stat(path, &status) == 0 &&
        (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        add_warning(reader,
                    arena_printf(reader->arena,
                                 "%s: file permissions too open: readable by others; run chmod 600", path));
}

/* Warns about a valid value in the file, or in its override. */
static void warn_of_value(struct config_reader *reader, const struct config_key *key, const char *path,
                          const struct json *value)
{
    if (key->type == CONFIG_SECRET_FILE)
        warn_of_readers(reader, arena_string(reader->arena, value->string));
    if (key->type == CONFIG_PATTERNS && value->count == 0 && strstr(key->path, "names.allow") != NULL)
        add_warning(reader, arena_printf(reader->arena,
                                         "%s is an empty list, which allows every name: list the names to "
                                         "issue for, or remove the key",
                                         path));
}

static void warn_of_old_name(struct config_reader *reader, const struct config_key *key)
{
    const char *variable = config_environment_old_name(reader, key);
    const char *is_now = config_environment_name(reader->arena, key);
    if (variable != NULL)
        add_warning(
            reader,
            arena_printf(reader->arena,
                         "%s was renamed to %s: use the new name; version 0.3 no longer reads the old one",
                         variable, is_now));
    if (key->old_path != NULL && value_at(reader, key, NULL, key->old_path) != NULL)
        add_warning(
            reader,
            arena_printf(reader->arena,
                         "%s was renamed to %s: use the new name; version 0.3 no longer reads the old one",
                         key->old_path, key->path));
}

static void read_key(struct config_reader *reader, const struct config_key *key,
                     const struct instance *instance)
{
    const char *path = config_key_path(reader->arena, key, instance->name);
    const char *origin;
    const struct json *value = find_value(reader, key, instance->name, &origin);
    bool given = value != NULL && strcmp(origin, "default") != 0;
    if (key->only_for != 0 && key->only_for != instance->type) {
        /* The rules of a section depend on its type: without a known type none can be checked. */
        if (given && instance->type != 0)
            config_error(reader, path, "does not apply to an issuer of this type");
        return;
    }
    value = settle_password(reader, key, path, instance, value);
    warn_of_old_name(reader, key);
    keep_setting(reader, key, path, value, origin);
    struct fault fault;
    bool is_text = strcmp(origin, "file") == 0 || strcmp(origin, "override") == 0;
    if (value == NULL && key->required)
        config_error(reader, path, "is missing");
    else if (value != NULL &&
             !config_value_set(reader->arena, key, value, reader->leaves_secrets, instance->target, &fault))
        config_error(reader, path, "%s%s%s", is_text ? "" : origin, is_text ? "" : " ", fault.message);
    else if (given && value != NULL)
        warn_of_value(reader, key, path, value);
}

static void read_instance(struct config_reader *reader, struct instance instance)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section != instance.section)
            continue;
        read_key(reader, &config_keys[i], &instance);
        if (instance.section == CONFIG_ISSUER)
            instance.type = ((const struct issuer_config *)instance.target)->type;
    }
}

/* Names appear in URLs, in the database and in these messages. */
static bool is_name(struct bytes name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum(name.p[i]) && name.p[i] != '-' && name.p[i] != '_')
            return false;
    return true;
}

/* The structures of "issuers", "profiles" or "endpoints"; the name is the first member of each. */
static void *read_named(struct config_reader *reader, const char *section_name, enum config_section section,
                        size_t item_bytes, size_t *count)
{
    const struct json *object = json_member(reader->root, section_name);
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    char *items = arena_alloc_array(reader->arena, object->count + 1, item_bytes);
    for (size_t i = 0; i < object->count; i++) {
        const char *name = arena_string(reader->arena, object->members[i].name);
        void *item = items + *count * item_bytes;
        if (!is_name(object->members[i].name)) {
            config_error(reader, below(reader->arena, section_name, name),
                         "must have a name of letters, digits, - and _, at most %d", NAME_MAX_BYTES);
            continue;
        }
        memcpy(item, &name, sizeof name);
        read_instance(reader, (struct instance){section, name, item, 0});
        ++*count;
    }
    return items;
}

/* Builds what a file would hold: {"issuers": {"<issuer>": section}}. */
static const struct json *file_around(struct arena *arena, const char *issuer, const struct json *section)
{
    const char *names[] = {issuer, "issuers"};
    const struct json *inner = section;
    for (size_t i = 0; i < 2; i++) {
        struct json_member *member = arena_alloc(arena, sizeof *member);
        struct json *object = arena_alloc(arena, sizeof *object);
        *member = (struct json_member){bytes_from_string(names[i]), inner};
        *object = (struct json){.type = JSON_OBJECT, .members = member, .count = 1};
        inner = object;
    }
    return inner;
}

/* False for a value that cannot hold keys. */
static bool read_override(struct config_reader *reader, size_t i)
{
    const struct config_override *override = &reader->overrides[i];
    const char *path = below(reader->arena, "issuers", override->issuer);
    static const struct json nothing = {.type = JSON_OBJECT};
    struct fault fault;
    const struct json *section = json_parse_lines(reader->arena, override->text, &json_limits_config, &fault);
    if (section == NULL)
        config_error(reader, path, "%s", fault.message);
    else if (section->type != JSON_OBJECT)
        config_error(reader, path, "must be an object: {…}");
    else
        check_members(reader, section, "issuers.*", path);
    bool is_object = section != NULL && section->type == JSON_OBJECT;
    reader->override_roots[i] = file_around(reader->arena, override->issuer, is_object ? section : &nothing);
    return is_object;
}

static bool read_overrides(struct config_reader *reader)
{
    bool good = true;
    reader->override_roots =
        arena_alloc_array(reader->arena, reader->override_count, sizeof *reader->override_roots);
    for (size_t i = 0; i < reader->override_count; i++)
        good = read_override(reader, i) && good;
    return good;
}

static void read_all(struct config_reader *reader)
{
    struct config *config = reader->config;
    if (!read_overrides(reader))
        return;
    check_members(reader, reader->root, "", "");
    config_environment_prepare(reader);
    read_instance(reader, (struct instance){CONFIG_TOP, NULL, config, 0});
    config->issuers =
        read_named(reader, "issuers", CONFIG_ISSUER, sizeof(struct issuer_config), &config->issuer_count);
    config->profiles =
        read_named(reader, "profiles", CONFIG_PROFILE, sizeof(struct profile_config), &config->profile_count);
    config->endpoints = read_named(reader, "endpoints", CONFIG_ENDPOINT, sizeof(struct endpoint_config),
                                   &config->endpoint_count);
    config_check_rules(reader);
}

/* ---- the whole configuration ---- */

struct config_versions *config_versions_new(struct arena *arena, const struct config *first)
{
    struct config_versions *versions = arena_alloc(arena, sizeof *versions);
    atomic_init(&versions->newest, first);
    return versions;
}

static struct config_reader *reader_new(struct arena *arena, const char *name, char *const *environment,
                                        const struct config_override *overrides, size_t override_count,
                                        struct config_errors *errors)
{
    struct config_reader *reader = arena_alloc(arena, sizeof *reader);
    *reader = (struct config_reader){.arena = arena,
                                     .name = name,
                                     .environment = environment,
                                     .overrides = overrides,
                                     .override_count = override_count,
                                     .errors = errors};
    reader->last_setting = &reader->settings;
    reader->config = arena_alloc(arena, sizeof *reader->config);
    reader->config->versions = config_versions_new(arena, reader->config);
    *errors = (struct config_errors){0};
    return reader;
}

static struct config_reader *read_text(struct config_reader *reader, struct bytes text)
{
    struct arena *arena = reader->arena;
    const struct config_errors *errors = reader->errors;
    struct fault fault;
    reader->root = json_parse_lines(arena, text, &json_limits_config, &fault);
    if (reader->root == NULL)
        config_error(reader, NULL, "%s", fault.message);
    else if (reader->root->type != JSON_OBJECT)
        config_error(reader, NULL, "must contain one object: {…}");
    else
        read_all(reader);
    return errors->count == 0 ? reader : NULL;
}

const struct config_reader *config_read(struct arena *arena, const char *path, char *const *environment,
                                        const struct config_override *overrides, size_t override_count,
                                        struct config_errors *errors)
{
    struct bytes text;
    struct config_reader *reader = reader_new(arena, path, environment, overrides, override_count, errors);
    if (file_read(arena, path, CONFIG_MAX_BYTES, &text))
        return read_text(reader, text);
    config_error(reader, NULL, "cannot be read: %s", strerror(errno));
    return NULL;
}

const struct issuer_config *config_parse_override(struct arena *arena, const char *name,
                                                  const struct config_override *override,
                                                  struct config_errors *errors)
{
    struct config_reader *reader = reader_new(arena, name, NULL, override, 1, errors);
    struct issuer_config *issuer = arena_alloc(arena, sizeof *issuer);
    *issuer = (struct issuer_config){.id = override->issuer, .overridden = true};
    if (read_overrides(reader)) {
        read_instance(reader, (struct instance){CONFIG_ISSUER, override->issuer, issuer, 0});
        config_check_issuer(reader, issuer);
    }
    return errors->count == 0 ? issuer : NULL;
}

const struct config *config_load(struct arena *arena, const char *path, char *const *environment,
                                 struct config_errors *errors)
{
    const struct config_reader *reader = config_read(arena, path, environment, NULL, 0, errors);
    return reader == NULL ? NULL : reader->config;
}

const struct config *config_parse(struct arena *arena, const char *name, struct bytes text,
                                  char *const *environment, struct config_errors *errors)
{
    const struct config_reader *reader =
        read_text(reader_new(arena, name, environment, NULL, 0, errors), text);
    return reader == NULL ? NULL : reader->config;
}

const struct config *config_parse_without_secrets(struct arena *arena, const char *name, struct bytes text,
                                                  char *const *environment, struct config_errors *errors)
{
    struct config_reader *reader = reader_new(arena, name, environment, NULL, 0, errors);
    reader->leaves_secrets = true;
    return read_text(reader, text) == NULL ? NULL : reader->config;
}

const struct issuer_config *config_issuer(const struct config *config, const char *id)
{
    config = config_now(config);
    for (size_t i = 0; i < config->issuer_count; i++)
        if (strcmp(config->issuers[i].id, id) == 0)
            return &config->issuers[i];
    return NULL;
}

const struct profile_config *config_profile(const struct config *config, const char *name)
{
    config = config_now(config);
    for (size_t i = 0; i < config->profile_count; i++)
        if (strcmp(config->profiles[i].name, name) == 0)
            return &config->profiles[i];
    return NULL;
}

const struct endpoint_config *config_endpoint(const struct config *config, struct bytes name)
{
    config = config_now(config);
    for (size_t i = 0; i < config->endpoint_count; i++)
        if (bytes_equal_string(name, config->endpoints[i].name))
            return &config->endpoints[i];
    return NULL;
}

bool config_restricts_without_eab(const struct endpoint_config *endpoint)
{
    return endpoint->without_eab_names.allow_count != 0 || endpoint->without_eab_names.deny_count != 0 ||
           endpoint->without_eab_profile_count != 0;
}

const char *const *config_issuer_names(const struct endpoint_config *endpoint, size_t *count)
{
    bool own = endpoint->issuer_name_count != 0;
    *count = own ? endpoint->issuer_name_count : endpoint->caa_identity_count;
    return own ? endpoint->issuer_names : endpoint->caa_identities;
}

const char *const *config_account_urls(struct arena *arena, const struct config *config, const char *endpoint,
                                       int64_t account_id, size_t *count)
{
    *count = config->alternate_name_count + 1;
    const char **all = arena_alloc_array(arena, *count, sizeof *all);
    for (size_t i = 0; i < *count; i++) {
        const char *base =
            i == 0 ? config->base_url : arena_printf(arena, "https://%s", config->alternate_names[i - 1]);
        all[i] = url_account(arena, &(struct urls){.base = base, .endpoint = endpoint}, account_id);
    }
    return all;
}
