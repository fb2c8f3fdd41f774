/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>

#include "acme/jose/public_key.h"
#include "acme/urls.h"
#include "gateway/config/config_value.h"
#include "gateway/runtime/address_policy.h"

/* Reads one item into its place; false with value->why. */
typedef bool read_item(struct value *value, const char *text, void *item);

static bool store_list(struct value *value, const void *items)
{
    enum config_type type = value->key->type;
    if ((value->key->required || type == CONFIG_LISTEN || type == CONFIG_LISTENERS) &&
        value->json->count == 0)
        return value_refuse(value, "must not be empty");
    value_store(value, &items, sizeof items);
    memcpy((char *)value->section + value->key->count_offset, &value->json->count, sizeof value->json->count);
    return true;
}

static bool set_list(struct value *value, size_t item_bytes, read_item *read)
{
    const struct json *json = value->json;
    if (json->type != JSON_ARRAY)
        return value_refuse(value, "must be a list of strings: [\"…\", \"…\"]");
    char *items = arena_alloc_array(value->arena, json->count + 1, item_bytes);
    for (size_t i = 0; i < json->count; i++) {
        const char *text = value_text(value, json->items[i]);
        if (text == NULL)
            return value_refuse(value, "its items must be non-empty strings");
        if (!read(value, text, items + i * item_bytes))
            return false;
    }
    return store_list(value, items);
}

static bool read_text(struct value *value, const char *text, void *item)
{
    (void)value;
    memcpy(item, &text, sizeof text);
    return true;
}

static bool read_host(struct value *value, const char *text, void *item)
{
    if (!value_is_host_and_port(text))
        return value_refuse(value, arena_printf(value->arena, "\"%s\" is not host or host:port", text));
    struct bytes host = url_host_without_default_port(bytes_from_string(text));
    return read_text(value, arena_string(value->arena, host), item);
}

static bool is_domain(const char *text)
{
    struct identifier name;
    return identifier_from_name(IDENTIFIER_DNS, bytes_from_string(text), &name) &&
           !identifier_is_wildcard(&name) && !identifier_has_underscore(&name) &&
           strcmp(name.value, text) == 0;
}

static bool read_domain(struct value *value, const char *text, void *item)
{
    if (!is_domain(text))
        return value_refuse(value,
                            arena_printf(value->arena, "\"%s\" is not a domain name in lower case", text));
    return read_text(value, text, item);
}

static bool read_subtree(struct value *value, const char *text, void *item)
{
    struct network network;
    if (!is_domain(text) && !network_parse(text, &network))
        return value_refuse(value,
                            arena_printf(value->arena,
                                         "\"%s\" is neither a domain name in lower case nor a network such "
                                         "as 10.0.0.0/8",
                                         text));
    return read_text(value, text, item);
}

static bool read_usage(struct value *value, const char *text, void *item)
{
    if (strcmp(text, "serverAuth") != 0 && strcmp(text, "clientAuth") != 0)
        return value_refuse(value,
                            arena_printf(value->arena, "\"%s\" is neither serverAuth nor clientAuth", text));
    return read_text(value, text, item);
}

static bool read_key_type(struct value *value, const char *text, void *item)
{
    if (!bytes_equal_any(bytes_from_string(text), public_key_type_names, PUBLIC_KEY_TYPES))
        return value_refuse(
            value, arena_printf(value->arena, "\"%s\" is not a supported key type; supported: %s", text,
                                arena_join(value->arena, public_key_type_names, PUBLIC_KEY_TYPES, ", ")));
    return read_text(value, text, item);
}

static bool read_resolver(struct value *value, const char *text, void *item)
{
    struct bytes octets = bytes_from_string(text);
    struct host_port parts;
    bool good = value_is_address(AF_INET6, octets) ||
                (host_port_parse(octets, &parts) && (!parts.has_port || parts.port != 0) &&
                 value_has_address(&parts));
    if (!good)
        return value_refuse(value,
                            arena_printf(value->arena, "\"%s\" is not an IP address or address:port", text));
    return read_text(value, text, item);
}

static bool read_pattern(struct value *value, const char *text, void *item)
{
    if (!name_pattern_is_valid(text))
        return value_refuse(
            value,
            arena_printf(value->arena, "\"%s\" is not host.example, *.example, *, an IP address or a network",
                         text));
    return read_text(value, text, item);
}

static bool read_listen(struct value *value, const char *text, void *item)
{
    struct listen_address *address = item;
    struct host_port parts;
    if (!host_port_parse(bytes_from_string(text), &parts) || !parts.has_port || !value_has_address(&parts))
        return value_refuse(value,
                            arena_printf(value->arena,
                                         "\"%s\" is not an IP address and a port, as in \"0.0.0.0:9443\" or "
                                         "\"[::]:9443\"",
                                         text));
    address->host = arena_string(value->arena, parts.host);
    address->port = parts.port;
    return true;
}

/* Reads a member of an object of `listen`. */
static bool read_listener_member(struct value *value, const struct json_member *member,
                                 struct listen_address *out, bool *tls)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"tls", tls},
                 {"proxy_protocol", &out->proxy_protocol},
                 {"forwarded_headers", &out->forwarded_headers}};
    if (bytes_equal_string(member->name, "address"))
        return true;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!bytes_equal_string(member->name, flags[i].name))
            continue;
        *flags[i].flag = member->value->type == JSON_BOOLEAN && member->value->boolean;
        return member->value->type == JSON_BOOLEAN ||
               value_refuse(value, arena_printf(value->arena, "%s must be true or false", flags[i].name));
    }
    return value_refuse(value, arena_printf(value->arena,
                                            "\"%s\" is unknown in a listener; known: address, tls, "
                                            "proxy_protocol, forwarded_headers",
                                            arena_string(value->arena, member->name)));
}

/* Without TLS the headers of trusted proxies are believed, unless the object says otherwise. A proxy that
 * passes TLS through cannot set them: they are then the client's own. */
static bool read_listener(struct value *value, const struct json *json, struct listen_address *out)
{
    bool is_object = json->type == JSON_OBJECT;
    bool tls = true;
    const struct json *address = is_object ? json_member(json, "address") : json;
    const char *text = address == NULL ? NULL : value_text(value, address);
    *out = (struct listen_address){0};
    if (text == NULL)
        return value_refuse(value, "its items must be non-empty strings, or objects with an address");
    if (!read_listen(value, text, out))
        return false;
    for (size_t i = 0; is_object && i < json->count; i++)
        if (!read_listener_member(value, &json->members[i], out, &tls))
            return false;
    out->plain = !tls;
    if (out->plain && (!is_object || json_member(json, "forwarded_headers") == NULL))
        out->forwarded_headers = true;
    return true;
}

static bool set_listeners(struct value *value)
{
    const struct json *json = value->json;
    if (json->type != JSON_ARRAY)
        return value_refuse(value, "must be a list: [\"address:port\", {…}]");
    struct listen_address *items = arena_alloc_array(value->arena, json->count + 1, sizeof *items);
    for (size_t i = 0; i < json->count; i++)
        if (!read_listener(value, json->items[i], &items[i]))
            return false;
    return store_list(value, items);
}

static bool read_network(struct value *value, const char *text, void *item)
{
    if (!network_parse(text, item))
        return value_refuse(value,
                            arena_printf(value->arena, "\"%s\" is not a network such as 10.0.0.0/8", text));
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
        return value_refuse(value, arena_printf(value->arena, "must be a list of some of: %s", known));
    challenge_set set = 0;
    for (size_t i = 0; i < json->count; i++) {
        enum challenge_type type;
        const char *text = value_text(value, json->items[i]);
        if (text == NULL || !challenge_type_from_name(json->items[i]->string, &type))
            return value_refuse(value, arena_printf(value->arena,
                                                    "\"%s\" is not a supported challenge type; supported: %s",
                                                    text == NULL ? "" : text, known));
        set |= (challenge_set)1 << type;
    }
    value_store(value, &set, sizeof set);
    return true;
}

bool value_set_list(struct value *value)
{
    switch (value->key->type) {
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
    case CONFIG_LISTENERS:
        return set_listeners(value);
    case CONFIG_NETWORKS:
        return set_list(value, sizeof(struct network), read_network);
    case CONFIG_CHALLENGES:
        return set_challenges(value);
    default:
        return value_refuse(value, "is not a list");
    }
}
