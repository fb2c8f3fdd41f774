/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "gateway/config/config_internal.h"
#include "gateway/runtime/log.h"

enum { LIST_MAX_BYTES = 64 * 1024 };

#define PREFIX "ACMEGATE_"
/* The prefix of a program whose step-ca settings are accepted, so that a move needs no new environment. */
#define CERTCTL_PREFIX "CERTCTL_"

const char config_path_variable[] = PREFIX "CONFIG";

/* certctl's name for ACMEGATE_STEPCA_ROOT. */
static const char certctl_root[] = CERTCTL_PREFIX "STEPCA_ROOT_CERT";

static const char *variable_text(const struct config_reader *reader, const char *name)
{
    size_t n = strlen(name);
    for (char *const *at = reader->environment; at != NULL && *at != NULL; at++)
        if (strncmp(*at, name, n) == 0 && (*at)[n] == '=' && (*at)[n + 1] != '\0')
            return *at + n + 1;
    return NULL;
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

bool config_is_credential(const struct config_reader *reader, const char *path)
{
    const char *folder = variable_text(reader, "CREDENTIALS_DIRECTORY");
    return is_below(path, "/run/credentials") || (folder != NULL && is_below(path, folder));
}

/* Turns "tls.key" into ACMEGATE_TLS_KEY. */
static const char *name_of_path(struct arena *arena, const char *path)
{
    char *name = arena_printf(arena, PREFIX "%s", path);
    for (char *at = name; *at != '\0'; at++)
        *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
    return name;
}

const char *config_environment_name(struct arena *arena, const struct config_key *key)
{
    if (key->environment != NULL)
        return arena_printf(arena, PREFIX "%s", key->environment);
    return strchr(key->path, '*') != NULL ? NULL : name_of_path(arena, key->path);
}

const char *config_environment_old_name(const struct config_reader *reader, const struct config_key *key)
{
    const char *name = key->old_path == NULL ? NULL : name_of_path(reader->arena, key->old_path);
    return name == NULL || variable_text(reader, name) == NULL ? NULL : name;
}

static const struct json *text_value(struct arena *arena, const char *text, size_t n)
{
    struct json *value = arena_alloc(arena, sizeof *value);
    *value = (struct json){.type = JSON_STRING, .string = bytes_of(text, n)};
    return value;
}

/* Splits "a,b, c": commas separate the items of a list. */
static const struct json *list_value(struct arena *arena, const char *text)
{
    size_t commas = 0;
    for (const char *at = text; *at != '\0'; at++)
        commas += *at == ',';
    const struct json **items = arena_alloc_array(arena, commas + 1, sizeof *items);
    size_t count = 0;
    for (const char *at = text;; at++) {
        at += strspn(at, " ");
        size_t n = strcspn(at, ",");
        const char *end = at + n;
        while (n > 0 && at[n - 1] == ' ')
            n--;
        items[count++] = text_value(arena, at, n);
        at = end;
        if (*at == '\0')
            break;
    }
    struct json *value = arena_alloc(arena, sizeof *value);
    *value = (struct json){.type = JSON_ARRAY, .items = items, .count = count};
    return value;
}

static const struct json *variable_value(struct arena *arena, const struct config_key *key, const char *text)
{
    if (config_type_is_list(key->type))
        return list_value(arena, text);
    if (key->type == CONFIG_INTEGER || key->type == CONFIG_PORT || key->type == CONFIG_DAYS) {
        const struct json *number = json_parse(arena, bytes_from_string(text), &json_limits_config, NULL);
        if (number != NULL)
            return number;
    }
    return text_value(arena, text, strlen(text));
}

const struct json *config_environment_value(const struct config_reader *reader, const struct config_key *key,
                                            const char *name, const char **variable)
{
    *variable = config_environment_name(reader->arena, key);
    if (*variable == NULL)
        return NULL;
    if (key->environment != NULL &&
        (name == NULL || reader->stepca_issuer == NULL || strcmp(name, reader->stepca_issuer) != 0))
        return NULL;
    const char *text = variable_text(reader, *variable);
    const char *old_name = config_environment_old_name(reader, key);
    if (text == NULL && old_name != NULL) {
        *variable = old_name;
        text = variable_text(reader, old_name);
    }
    if (text == NULL && key->environment != NULL) {
        *variable = arena_printf(reader->arena, CERTCTL_PREFIX "%s", key->environment);
        text = variable_text(reader, *variable);
    }
    if (text == NULL && key->environment != NULL && strcmp(key->environment, "STEPCA_ROOT") == 0) {
        *variable = certctl_root;
        text = variable_text(reader, *variable);
    }
    return text == NULL ? NULL : variable_value(reader->arena, key, text);
}

/* ---- the issuer, and unused variables ---- */

static bool is_stepca(const struct json *issuer)
{
    struct bytes type;
    return json_member_string(issuer, "type", &type) && bytes_equal_string(type, "stepca");
}

/* True for a variable that fills an issuer's key. */
static bool is_of_issuer(const char *variable, const struct config_key *key)
{
    const char *rest = strncmp(variable, PREFIX, sizeof PREFIX - 1) == 0 ? variable + sizeof PREFIX - 1
                       : strncmp(variable, CERTCTL_PREFIX, sizeof CERTCTL_PREFIX - 1) == 0
                           ? variable + sizeof CERTCTL_PREFIX - 1
                           : "";
    return key->environment != NULL && strcmp(rest, key->environment) == 0;
}

static bool is_issuer_variable(const char *variable)
{
    bool found = strcmp(variable, certctl_root) == 0;
    for (size_t i = 0; !found && i < config_key_count; i++)
        found = is_of_issuer(variable, &config_keys[i]);
    return found;
}

static bool is_known(struct arena *arena, const char *variable)
{
    bool found = is_issuer_variable(variable) || strcmp(variable, config_path_variable) == 0;
    for (size_t i = 0; !found && i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        const char *ours = config_environment_name(arena, key);
        found = (ours != NULL && strcmp(variable, ours) == 0) ||
                (key->old_path != NULL && strcmp(variable, name_of_path(arena, key->old_path)) == 0);
    }
    return found;
}

static void check_variable(struct config_reader *reader, const char *variable, size_t stepca_count)
{
    if (!is_known(reader->arena, variable)) {
        /* Only a warning: the variable may be meant for another program, such as a script around the
         * server. */
        if (strncmp(variable, PREFIX, sizeof PREFIX - 1) == 0)
            log_warning("environment variable %s has no effect: no key has this name", variable);
    } else if (is_issuer_variable(variable) && stepca_count > 1) {
        config_error(reader, NULL,
                     "%s is ambiguous: there are %zu issuers of type stepca; set the key in the file",
                     variable, stepca_count);
    } else if (is_issuer_variable(variable) && stepca_count == 0) {
        log_warning("%s has no effect: no issuer is of type stepca", variable);
    }
}

void config_environment_prepare(struct config_reader *reader)
{
    size_t stepca_count = 0;
    const struct json *issuers = json_member(reader->root, "issuers");
    for (size_t i = 0; issuers != NULL && issuers->type == JSON_OBJECT && i < issuers->count; i++) {
        if (!is_stepca(issuers->members[i].value))
            continue;
        reader->stepca_issuer = arena_string(reader->arena, issuers->members[i].name);
        stepca_count++;
    }
    if (stepca_count != 1)
        reader->stepca_issuer = NULL;
    for (char *const *at = reader->environment; at != NULL && *at != NULL; at++) {
        const char *equals = strchr(*at, '=');
        if (equals != NULL && equals[1] != '\0')
            check_variable(reader, arena_string(reader->arena, bytes_of(*at, (size_t)(equals - *at))),
                           stepca_count);
    }
}
