#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/csr.h"
#include "gateway/address_policy.h"
#include "gateway/config_internal.h"
#include "gateway/log.h"

enum { DAY_S = 24 * 3600, SECRET_FILE_MAX_BYTES = 64 * 1024, HOST_MAX_BYTES = 253, PORT_MAX = 65535 };
enum { RATE_MAX = 100000000, RATE_PERIOD_MAX_S = 366 * DAY_S };

/* What a setter works on. `field` is untyped: the table says what stands there. */
struct value {
    struct arena *arena;
    const struct config_key *key;
    const struct json *json;
    void *section;
    const char *why;
};

static bool refuse(struct value *value, const char *why)
{
    value->why = why;
    return false;
}

/* memcpy, because the field is a pointer to const of some type. */
static void store(struct value *value, const void *from, size_t n)
{
    memcpy((char *)value->section + value->key->offset, from, n);
}

static bool store_integer(struct value *value, int64_t integer)
{
    store(value, &integer, sizeof integer);
    return true;
}

static const char *text_of(struct value *value, const struct json *json)
{
    if (json->type != JSON_STRING || json->string.n == 0 || !bytes_is_text(json->string))
        return NULL;
    return arena_string(value->arena, json->string);
}

static bool set_text(struct value *value)
{
    const char *text = text_of(value, value->json);
    if (text == NULL)
        return refuse(value, "must be a text that is not empty");
    store(value, &text, sizeof text);
    return true;
}

static bool set_secret(struct value *value)
{
    if (text_of(value, value->json) == NULL)
        return refuse(value, "must be a text that is not empty");
    struct bytes secret = arena_copy_secret(value->arena, value->json->string);
    store(value, &secret, sizeof secret);
    return true;
}

static void warn_of_readers(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        log_warning(
            "%s: others than its owner have access to this password or token; chmod 600 keeps it to the owner",
            path);
}

static bool set_secret_file(struct value *value)
{
    const char *path = text_of(value, value->json);
    if (path == NULL)
        return refuse(value, "must be a file's path");
    struct bytes secret;
    if (!file_read_secret(value->arena, path, SECRET_FILE_MAX_BYTES, &secret))
        return refuse(value, arena_printf(value->arena, "cannot read %s: %s", path, strerror(errno)));
    if (secret.n > 0 && secret.p[secret.n - 1] == '\n')
        secret.n--;
    if (secret.n > 0 && secret.p[secret.n - 1] == '\r')
        secret.n--;
    if (secret.n == 0)
        return refuse(value, arena_printf(value->arena, "%s holds no password", path));
    warn_of_readers(path);
    store(value, &secret, sizeof secret);
    return true;
}

/* ---- hosts and ports ---- */

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned n = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at) && n <= PORT_MAX; at++)
        n = n * 10 + (unsigned)(*at - '0');
    *port = (uint16_t)n;
    return at != text && *at == '\0' && n <= PORT_MAX;
}

/* Takes "host", "host:port", "[v6]" and "[v6]:port" apart. `port` is left alone when there is none. */
static bool split_host(struct arena *arena, const char *text, const char **host, bool *bracketed,
                       uint16_t *port)
{
    *bracketed = *text == '[';
    const char *end = *bracketed ? strchr(text, ']') : strchrnul(text, ':');
    if (end == NULL)
        return false;
    *host = arena_string(arena, bytes_of(text + *bracketed, (size_t)(end - text) - *bracketed));
    const char *rest = end + *bracketed;
    return *rest == '\0' || (*rest == ':' && parse_port(rest + 1, port));
}

/* A name of letters, digits, hyphens and dots; IPv4 looks like one. */
static bool is_host_name(const char *host)
{
    size_t n = strlen(host);
    if (n == 0 || n > HOST_MAX_BYTES || host[0] == '.' || host[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)host[i]) && strchr("-_.", host[i]) == NULL)
            return false;
    return true;
}

static bool is_address(int family, const char *host)
{
    struct in6_addr ignored;
    return inet_pton(family, host, &ignored) == 1;
}

static bool is_host_and_port(struct arena *arena, const char *text)
{
    const char *host;
    bool bracketed;
    uint16_t port = 1;
    return split_host(arena, text, &host, &bracketed, &port) && port != 0 &&
           (bracketed ? is_address(AF_INET6, host) : is_host_name(host));
}

static bool set_origin(struct value *value)
{
    static const char scheme[] = "https://";
    const char *text = text_of(value, value->json);
    if (text == NULL || strncasecmp(text, scheme, sizeof scheme - 1) != 0)
        return refuse(value, "must begin with https://");
    size_t n = strlen(text);
    const char *host = text + sizeof scheme - 1;
    size_t host_bytes = n - (sizeof scheme - 1);
    if (host_bytes > 1 && host[host_bytes - 1] == '/')
        host_bytes--;
    host = arena_string(value->arena, bytes_of(host, host_bytes));
    if (!is_host_and_port(value->arena, host))
        return refuse(value, "must be https://host or https://host:port, without a path");
    const char *origin = arena_printf(value->arena, "%s%s", scheme, host);
    store(value, &origin, sizeof origin);
    return true;
}

/* It is copied into certificates by way of OpenSSL's notation, in which a comma ends it. */
static bool set_url(struct value *value)
{
    const char *text = text_of(value, value->json);
    bool good = text != NULL && (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0);
    const char *host = good ? strstr(text, "://") + 3 : "";
    for (const char *at = host; good && *at != '\0'; at++)
        good = isgraph((unsigned char)*at) && strchr(",\"<>\\^`{|}", *at) == NULL;
    if (!good || *host == '\0' || *host == '/')
        return refuse(value, "must be a URL that begins with http:// or https://, without spaces and commas");
    store(value, &text, sizeof text);
    return true;
}

/* ---- numbers ---- */

static bool set_boolean(struct value *value)
{
    if (value->json->type != JSON_BOOLEAN)
        return refuse(value, "must be true or false");
    store(value, &value->json->boolean, sizeof value->json->boolean);
    return true;
}

static bool set_eab(struct value *value)
{
    static const char *const modes[] = {
        [EAB_OFF] = "off", [EAB_OPTIONAL] = "optional", [EAB_REQUIRED] = "required"};
    for (enum eab_mode mode = EAB_OFF; mode <= EAB_REQUIRED; mode++) {
        if (value->json->type == JSON_STRING && bytes_equal_string(value->json->string, modes[mode])) {
            store(value, &mode, sizeof mode);
            return true;
        }
    }
    return refuse(value, "must be \"off\", \"optional\" or \"required\"");
}

static bool set_issuer_type(struct value *value)
{
    static const struct {
        const char *name;
        enum issuer_type type;
    } types[] = {{"stepca", ISSUER_STEPCA}, {"local", ISSUER_LOCAL}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (value->json->type == JSON_STRING && bytes_equal_string(value->json->string, types[i].name)) {
            store(value, &types[i].type, sizeof types[i].type);
            return true;
        }
    }
    return refuse(value, "must be \"stepca\" or \"local\"");
}

static bool in_range(const struct config_key *key, int64_t integer)
{
    return integer >= key->min && integer <= key->max;
}

static bool set_integer(struct value *value)
{
    if (value->json->type == JSON_INTEGER && in_range(value->key, value->json->integer))
        return store_integer(value, value->json->integer);
    return refuse(value, arena_printf(value->arena, "must be an integer from %lld to %lld",
                                      (long long)value->key->min, (long long)value->key->max));
}

static bool set_port(struct value *value)
{
    if (value->json->type != JSON_INTEGER || !in_range(value->key, value->json->integer))
        return refuse(value, "must be a port number, 1 to 65535");
    uint16_t port = (uint16_t)value->json->integer;
    store(value, &port, sizeof port);
    return true;
}

static bool refuse_duration(struct value *value, int64_t unit)
{
    char min[DURATION_TEXT_BYTES];
    char max[DURATION_TEXT_BYTES];
    duration_format(min, value->key->min / unit);
    duration_format(max, value->key->max / unit);
    return refuse(
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
    double max_days = (double)value->key->max / DAY_S;
    double days = value->json->type == JSON_INTEGER  ? (double)value->json->integer
                  : value->json->type == JSON_NUMBER ? value->json->number
                                                     : -1;
    /* Written so that a NaN does not pass. */
    if (!(days * DAY_S >= (double)value->key->min && days <= max_days))
        return refuse(
            value,
            arena_printf(value->arena, "must be a number of days, at most %.0f (0.5 is 12 hours)", max_days));
    return store_integer(value, (int64_t)(days * DAY_S + 0.5));
}

/* "100/1h", or "off". */
static bool set_rate(struct value *value)
{
    struct rate rate = {0};
    const char *text = text_of(value, value->json);
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
        return refuse(value, "must be a number and a duration such as \"100/1h\", or \"off\"");
    store(value, &rate, sizeof rate);
    return true;
}

/* ---- lists ---- */

/* Reads one item into its place; false with value->why. */
typedef bool read_item(struct value *value, const char *text, void *item);

static bool set_list(struct value *value, size_t item_bytes, read_item *read)
{
    const struct json *json = value->json;
    if (json->type != JSON_ARRAY)
        return refuse(value, "must be a list of texts: [\"…\", \"…\"]");
    char *items = arena_alloc_array(value->arena, json->count + 1, item_bytes);
    for (size_t i = 0; i < json->count; i++) {
        const char *text = text_of(value, json->items[i]);
        if (text == NULL)
            return refuse(value, "its items must be texts that are not empty");
        if (!read(value, text, items + i * item_bytes))
            return false;
    }
    if ((value->key->required || value->key->type == CONFIG_LISTEN) && json->count == 0)
        return refuse(value, "must not be empty");
    store(value, &items, sizeof items);
    memcpy((char *)value->section + value->key->count_offset, &json->count, sizeof json->count);
    return true;
}

static bool read_text(struct value *value, const char *text, void *item)
{
    (void)value;
    memcpy(item, &text, sizeof text);
    return true;
}

static bool read_host(struct value *value, const char *text, void *item)
{
    if (!is_host_and_port(value->arena, text))
        return refuse(value, arena_printf(value->arena, "\"%s\" is not host or host:port", text));
    return read_text(value, text, item);
}

static bool is_domain(const char *text)
{
    struct identifier name;
    return identifier_from_name(IDENTIFIER_DNS, bytes_from_string(text), &name) &&
           !identifier_is_wildcard(&name) && strcmp(name.value, text) == 0;
}

static bool read_domain(struct value *value, const char *text, void *item)
{
    if (!is_domain(text))
        return refuse(value, arena_printf(value->arena, "\"%s\" is not a domain name in lower case", text));
    return read_text(value, text, item);
}

static bool read_subtree(struct value *value, const char *text, void *item)
{
    struct network network;
    if (!is_domain(text) && !network_parse(text, &network))
        return refuse(value, arena_printf(value->arena,
                                          "\"%s\" is neither a domain name in lower case nor a network such "
                                          "as 10.0.0.0/8",
                                          text));
    return read_text(value, text, item);
}

static bool read_usage(struct value *value, const char *text, void *item)
{
    if (strcmp(text, "serverAuth") != 0 && strcmp(text, "clientAuth") != 0)
        return refuse(value, arena_printf(value->arena, "\"%s\" is neither serverAuth nor clientAuth", text));
    return read_text(value, text, item);
}

static bool read_key_type(struct value *value, const char *text, void *item)
{
    if (!bytes_equal_any(bytes_from_string(text), csr_key_types, CSR_KEY_TYPES))
        return refuse(value, arena_printf(value->arena, "\"%s\" is no key type known here: %s", text,
                                          arena_join(value->arena, csr_key_types, CSR_KEY_TYPES, ", ")));
    return read_text(value, text, item);
}

static bool read_resolver(struct value *value, const char *text, void *item)
{
    const char *host;
    bool bracketed;
    uint16_t port = 1;
    bool good = is_address(AF_INET6, text) || (split_host(value->arena, text, &host, &bracketed, &port) &&
                                               port != 0 && is_address(bracketed ? AF_INET6 : AF_INET, host));
    if (!good)
        return refuse(value, arena_printf(value->arena, "\"%s\" is not an IP address or address:port", text));
    return read_text(value, text, item);
}

static bool read_pattern(struct value *value, const char *text, void *item)
{
    if (!name_pattern_is_valid(text))
        return refuse(value, arena_printf(value->arena,
                                          "\"%s\" is none of host.example, *.example, *, IP address, network",
                                          text));
    return read_text(value, text, item);
}

static bool read_listen(struct value *value, const char *text, void *item)
{
    struct listen_address *address = item;
    bool bracketed;
    bool good = split_host(value->arena, text, &address->host, &bracketed, &address->port) &&
                is_address(bracketed ? AF_INET6 : AF_INET, address->host) &&
                strstr(text, bracketed ? "]:" : ":");
    if (!good)
        return refuse(value, arena_printf(value->arena,
                                          "\"%s\" is not an IP address and a port, as in \"0.0.0.0:9443\" or "
                                          "\"[::]:9443\"",
                                          text));
    return true;
}

static bool read_network(struct value *value, const char *text, void *item)
{
    if (!network_parse(text, item))
        return refuse(value, arena_printf(value->arena, "\"%s\" is not a network such as 10.0.0.0/8", text));
    return true;
}

static const char *challenge_names(struct arena *arena)
{
    struct buffer names;
    buffer_init(&names, arena, 1024);
    for (int type = 1; type < CHALLENGE_TYPE_END; type++)
        buffer_printf(&names, "%s%s", type == 1 ? "" : ", ",
                      challenge_type_info((enum challenge_type)type)->name);
    return buffer_string(&names);
}

static bool set_challenges(struct value *value)
{
    const struct json *json = value->json;
    const char *known = challenge_names(value->arena);
    if (json->type != JSON_ARRAY || json->count == 0)
        return refuse(value, arena_printf(value->arena, "must be a list of some of: %s", known));
    challenge_set set = 0;
    for (size_t i = 0; i < json->count; i++) {
        enum challenge_type type;
        const char *text = text_of(value, json->items[i]);
        if (text == NULL || !challenge_type_from_name(json->items[i]->string, &type))
            return refuse(value, arena_printf(value->arena, "\"%s\" is no challenge type known here: %s",
                                              text == NULL ? "" : text, known));
        set |= (challenge_set)1 << type;
    }
    store(value, &set, sizeof set);
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
        return set_issuer_type(value);
    case CONFIG_EAB:
        return set_eab(value);
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
        return set_list(value, sizeof(char *), read_text);
    case CONFIG_HOSTS:
        return set_list(value, sizeof(char *), read_host);
    case CONFIG_DOMAINS:
        return set_list(value, sizeof(char *), read_domain);
    case CONFIG_SUBTREES:
        return set_list(value, sizeof(char *), read_subtree);
    case CONFIG_RESOLVERS:
        return set_list(value, sizeof(char *), read_resolver);
    case CONFIG_USAGES:
        return set_list(value, sizeof(char *), read_usage);
    case CONFIG_KEY_TYPES:
        return set_list(value, sizeof(char *), read_key_type);
    case CONFIG_PATTERNS:
        return set_list(value, sizeof(char *), read_pattern);
    case CONFIG_LISTEN:
        return set_list(value, sizeof(struct listen_address), read_listen);
    case CONFIG_NETWORKS:
        return set_list(value, sizeof(struct network), read_network);
    case CONFIG_CHALLENGES:
        return set_challenges(value);
    }
    return refuse(value, "is of a type that is not known");
}

bool config_value_set(struct arena *arena, const struct config_key *key, const struct json *json,
                      void *section, const char **why)
{
    struct value value = {.arena = arena, .key = key, .json = json, .section = section};
    bool good = set_value(&value);
    *why = value.why;
    return good;
}
