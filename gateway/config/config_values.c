/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/urls.h"
#include "gateway/config/config_value.h"

enum { DAY_S = 24 * 3600, SECRET_FILE_MAX_BYTES = 64 * 1024, HOST_MAX_BYTES = 253 };
enum { RATE_MAX = 100000000, RATE_PERIOD_MAX_S = 366 * DAY_S };

bool value_refuse(struct value *value, const char *why)
{
    value->why = why;
    return false;
}

void value_store(struct value *value, const void *from, size_t n)
{
    memcpy((char *)value->section + value->key->offset, from, n);
}

static bool store_integer(struct value *value, int64_t integer)
{
    value_store(value, &integer, sizeof integer);
    return true;
}

const char *value_text(struct value *value, const struct json *json)
{
    if (json->type != JSON_STRING || json->string.n == 0 || !bytes_is_text(json->string))
        return NULL;
    return arena_string(value->arena, json->string);
}

static bool set_text(struct value *value)
{
    const char *text = value_text(value, value->json);
    if (text == NULL)
        return value_refuse(value, "must be a non-empty string");
    value_store(value, &text, sizeof text);
    return true;
}

static bool set_secret(struct value *value)
{
    if (value_text(value, value->json) == NULL)
        return value_refuse(value, "must be a non-empty string");
    struct bytes secret = arena_copy_secret(value->arena, value->json->string);
    value_store(value, &secret, sizeof secret);
    return true;
}

void config_trim_secret(struct bytes *text)
{
    static const uint8_t wide[][2] = {{0xc2, 0x85}, {0xc2, 0xa0}};
    while (text->n > 0) {
        const uint8_t *end = text->p + text->n;
        bool is_wide = text->n > 1 && (memcmp(end - 2, wide[0], 2) == 0 || memcmp(end - 2, wide[1], 2) == 0);
        if (!is_wide && (end[-1] >= 0x80 || !isspace(end[-1])))
            return;
        text->n -= is_wide ? 2 : 1;
    }
}

bool config_read_secret_file(struct arena *arena, const char *path, struct bytes *out, struct fault *fault)
{
    if (!file_read_secret(arena, path, SECRET_FILE_MAX_BYTES, out))
        return fault_set(fault, "cannot read %s: %s", path, strerror(errno));
    config_trim_secret(out);
    return out->n != 0 || fault_set(fault, "%s contains no password", path);
}

static bool set_secret_file(struct value *value)
{
    const char *path = value_text(value, value->json);
    if (path == NULL)
        return value_refuse(value, "must be the path of a file");
    /* It is as long as any rule wants a secret to be. */
    struct bytes secret = BYTES_LITERAL("the secret of a file that was not read");
    struct fault fault;
    if (!value->leaves_secrets && !config_read_secret_file(value->arena, path, &secret, &fault))
        return value_refuse(value, arena_duplicate(value->arena, fault.message));
    value_store(value, &secret, sizeof secret);
    return true;
}

/* ---- hosts and ports ---- */

/* True for a name of letters, digits, hyphens and dots; IPv4 has the same form. */
static bool is_host_name(struct bytes host)
{
    if (host.n == 0 || host.n > HOST_MAX_BYTES || host.p[0] == '.' || host.p[0] == '-')
        return false;
    for (size_t i = 0; i < host.n; i++)
        if (!isalnum(host.p[i]) && (host.p[i] == '\0' || strchr("-_.", host.p[i]) == NULL))
            return false;
    return true;
}

bool value_is_address(int family, struct bytes host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(family, text, &ignored) == 1;
}

bool value_has_address(const struct host_port *parts)
{
    return value_is_address(parts->bracketed ? AF_INET6 : AF_INET, parts->host);
}

bool value_is_host_and_port(const char *text)
{
    struct host_port parts;
    return host_port_parse(bytes_from_string(text), &parts) && (!parts.has_port || parts.port != 0) &&
           (parts.bracketed ? value_is_address(AF_INET6, parts.host) : is_host_name(parts.host));
}

static bool set_origin(struct value *value)
{
    static const char scheme[] = "https://";
    const char *text = value_text(value, value->json);
    if (text == NULL || strncasecmp(text, scheme, sizeof scheme - 1) != 0)
        return value_refuse(value, "must begin with https://");
    size_t n = strlen(text);
    const char *host = text + sizeof scheme - 1;
    size_t host_bytes = n - (sizeof scheme - 1);
    if (host_bytes > 1 && host[host_bytes - 1] == '/')
        host_bytes--;
    host = arena_string(value->arena, bytes_of(host, host_bytes));
    if (!value_is_host_and_port(host))
        return value_refuse(value, "must be https://host or https://host:port, without a path");
    struct bytes short_host = url_host_without_default_port(bytes_from_string(host));
    const char *origin =
        arena_printf(value->arena, "%s%.*s", scheme, (int)short_host.n, (const char *)short_host.p);
    value_store(value, &origin, sizeof origin);
    return true;
}

/* The URL is copied into certificates in OpenSSL's notation, in which a comma ends it. */
static bool set_url(struct value *value)
{
    const char *text = value_text(value, value->json);
    bool good = text != NULL && (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0);
    const char *host = good ? strstr(text, "://") + 3 : "";
    for (const char *at = host; good && *at != '\0'; at++)
        good = isgraph((unsigned char)*at) && strchr(",\"<>\\^`{|}", *at) == NULL;
    if (!good || *host == '\0' || *host == '/')
        return value_refuse(value,
                            "must be a URL that begins with http:// or https://, without spaces and commas");
    value_store(value, &text, sizeof text);
    return true;
}

/* ---- numbers ---- */

static bool set_boolean(struct value *value)
{
    if (value->json->type != JSON_BOOLEAN)
        return value_refuse(value, "must be true or false");
    value_store(value, &value->json->boolean, sizeof value->json->boolean);
    return true;
}

struct word {
    const char *name;
    unsigned number; /* of the enumeration */
};

/* Returns `"off", "optional" or "required"`. */
static const char *list_words(struct arena *arena, const struct word *words, size_t count)
{
    const char *list = "";
    for (size_t i = 0; i < count; i++)
        list = arena_printf(arena, "%s%s\"%s\"", list,
                            i == 0           ? ""
                            : i + 1 == count ? " or "
                                             : ", ",
                            words[i].name);
    return list;
}

static bool set_word(struct value *value, const struct word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (value->json->type == JSON_STRING && bytes_equal_string(value->json->string, words[i].name)) {
            value_store(value, &words[i].number, sizeof words[i].number);
            return true;
        }
    }
    return value_refuse(value,
                        arena_printf(value->arena, "must be %s", list_words(value->arena, words, count)));
}

static bool set_enumeration(struct value *value)
{
    static const struct word eab_modes[] = {
        {"off", EAB_OFF}, {"optional", EAB_OPTIONAL}, {"required", EAB_REQUIRED}};
    static const struct word issuer_types[] = {{"stepca", ISSUER_STEPCA}, {"local", ISSUER_LOCAL}};
    static const struct word log_levels[] = {{"debug", LOG_LEVEL_DEBUG},
                                             {"info", LOG_LEVEL_INFO},
                                             {"warning", LOG_LEVEL_WARNING},
                                             {"error", LOG_LEVEL_ERROR}};
    static const struct word log_formats[] = {{"text", LOG_FORMAT_TEXT}, {"json", LOG_FORMAT_JSON}};
    switch (value->key->type) {
    case CONFIG_EAB:
        return set_word(value, eab_modes, sizeof eab_modes / sizeof *eab_modes);
    case CONFIG_ISSUER_TYPE:
        return set_word(value, issuer_types, sizeof issuer_types / sizeof *issuer_types);
    case CONFIG_LOG_LEVEL:
        return set_word(value, log_levels, sizeof log_levels / sizeof *log_levels);
    default:
        return set_word(value, log_formats, sizeof log_formats / sizeof *log_formats);
    }
}

static bool in_range(const struct config_key *key, int64_t integer)
{
    return integer >= key->min && integer <= key->max;
}

static bool set_integer(struct value *value)
{
    if (value->json->type == JSON_INTEGER && in_range(value->key, value->json->integer))
        return store_integer(value, value->json->integer);
    return value_refuse(value, arena_printf(value->arena, "must be an integer from %lld to %lld",
                                            (long long)value->key->min, (long long)value->key->max));
}

static bool set_port(struct value *value)
{
    if (value->json->type != JSON_INTEGER || !in_range(value->key, value->json->integer))
        return value_refuse(value, "must be a port number, 1 to 65535");
    uint16_t port = (uint16_t)value->json->integer;
    value_store(value, &port, sizeof port);
    return true;
}

static bool refuse_duration(struct value *value, int64_t unit)
{
    char min[DURATION_TEXT_BYTES];
    char max[DURATION_TEXT_BYTES];
    duration_format(min, value->key->min / unit);
    duration_format(max, value->key->max / unit);
    return value_refuse(
        value,
        arena_printf(value->arena, "must be a duration from \"%s\" to \"%s\", in whole seconds", min, max));
}

static bool set_duration(struct value *value)
{
    int64_t unit = value->key->type == CONFIG_DURATION_MS ? 1000 : 1;
    int64_t seconds;
    if (value->json->type != JSON_STRING || !duration_parse(&seconds, value->json->string) ||
        seconds > INT64_MAX / unit || !in_range(value->key, seconds * unit))
        return refuse_duration(value, unit);
    return store_integer(value, seconds * unit);
}

static bool set_duration_or_off(struct value *value)
{
    if (value->json->type == JSON_STRING && bytes_equal_string(value->json->string, "off"))
        return store_integer(value, 0);
    return set_duration(value);
}

static bool set_days(struct value *value)
{
    double max_days = (double)value->key->max / (double)DAY_S;
    double days = value->json->type == JSON_INTEGER  ? (double)value->json->integer
                  : value->json->type == JSON_NUMBER ? value->json->number
                                                     : -1;
    /* This form of the comparison rejects NaN. */
    if (!(days * (double)DAY_S >= (double)value->key->min && days <= max_days))
        return value_refuse(
            value,
            arena_printf(value->arena, "must be a number of days, at most %.0f (0.5 is 12 hours)", max_days));
    return store_integer(value, (int64_t)(days * (double)DAY_S + 0.5));
}

/* Reads "100/1h", or "off". */
static bool set_rate(struct value *value)
{
    struct rate rate = {0};
    const char *text = value_text(value, value->json);
    const char *slash = text == NULL ? NULL : strchr(text, '/');
    char *end = NULL;
    if (slash != NULL)
        rate.count = strtol(text, &end, 10);
    bool good =
        text != NULL && (strcmp(text, "off") == 0 ||
                         (slash != NULL && end == slash && rate.count >= 1 && rate.count <= RATE_MAX &&
                          duration_parse(&rate.period_s, bytes_from_string(slash + 1)) &&
                          rate.period_s >= 1 && rate.period_s <= RATE_PERIOD_MAX_S));
    if (!good)
        return value_refuse(value, "must be a number and a duration such as \"100/1h\", or \"off\"");
    value_store(value, &rate, sizeof rate);
    return true;
}

static bool set_value(struct value *value)
{
    switch (value->key->type) {
    case CONFIG_TEXT:
        return set_text(value);
    case CONFIG_SECRET:
        return set_secret(value);
    case CONFIG_SECRET_FILE:
        return set_secret_file(value);
    case CONFIG_ORIGIN:
        return set_origin(value);
    case CONFIG_URL:
        return set_url(value);
    case CONFIG_ISSUER_TYPE:
    case CONFIG_EAB:
    case CONFIG_LOG_LEVEL:
    case CONFIG_LOG_FORMAT:
        return set_enumeration(value);
    case CONFIG_BOOLEAN:
        return set_boolean(value);
    case CONFIG_INTEGER:
        return set_integer(value);
    case CONFIG_PORT:
        return set_port(value);
    case CONFIG_DURATION_OR_OFF:
        return set_duration_or_off(value);
    case CONFIG_DURATION:
    case CONFIG_DURATION_MS:
        return set_duration(value);
    case CONFIG_DAYS:
        return set_days(value);
    case CONFIG_RATE:
        return set_rate(value);
    case CONFIG_TEXTS:
    case CONFIG_PATHS:
    case CONFIG_HOSTS:
    case CONFIG_DOMAINS:
    case CONFIG_SUBTREES:
    case CONFIG_RESOLVERS:
    case CONFIG_USAGES:
    case CONFIG_KEY_TYPES:
    case CONFIG_PATTERNS:
    case CONFIG_LISTEN:
    case CONFIG_LISTENERS:
    case CONFIG_NETWORKS:
    case CONFIG_CHALLENGES:
        return value_set_list(value);
    }
    return value_refuse(value, "has an unknown type");
}

bool config_value_set(struct arena *arena, const struct config_key *key, const struct json *json,
                      bool leaves_secrets, void *section, struct fault *fault)
{
    struct value value = {
        .arena = arena, .key = key, .json = json, .leaves_secrets = leaves_secrets, .section = section};
    return set_value(&value) || fault_set(fault, "%s", value.why);
}
