/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/identifier.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "acme/base/buffer.h"

enum { NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63 };

const char *identifier_type_name(enum identifier_type type)
{
    return type == IDENTIFIER_IP ? "ip" : "dns";
}

bool identifier_has_underscore(const struct identifier *identifier)
{
    return strchr(identifier->value, '_') != NULL;
}

bool identifier_is_wildcard(const struct identifier *identifier)
{
    return strncmp(identifier->value, "*.", 2) == 0;
}

const char *identifier_base_name(const struct identifier *identifier)
{
    return identifier->value + (identifier_is_wildcard(identifier) ? 2 : 0);
}

int identifier_compare(const void *a, const void *b)
{
    const struct identifier *left = a;
    const struct identifier *right = b;
    if (left->type != right->type) {
        return left->type < right->type ? -1 : 1;
    }
    return strcmp(left->value, right->value);
}

size_t identifiers_sort(struct identifier *identifiers, size_t count)
{
    if (count == 0) {
        return 0;
    }
    qsort(identifiers, count, sizeof *identifiers, identifier_compare);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (identifier_compare(&identifiers[i], &identifiers[kept - 1]) != 0) {
            identifiers[kept++] = identifiers[i];
        }
    }
    return kept;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

static uint32_t punycode_digit(char c)
{
    return is_digit(c) ? (uint32_t)(c - '0') + 26 : (uint32_t)(c - 'a');
}

/* Adapts the bias after a decoded code point (RFC 3492 §6.1, with the parameters of its §5). */
static uint32_t punycode_adapt(uint32_t delta, uint32_t points, bool first)
{
    delta = first ? delta / 700 : delta / 2;
    delta += delta / points;
    uint32_t k = 0;
    while (delta > 455) {
        delta /= 35;
        k += 36;
    }
    return k + 36 * delta / (delta + 38);
}

/* Reads one generalized variable-length integer (RFC 3492 §6.2). A label's 63 octets cannot overflow 64 bits
 * before the bound is reached. */
static bool punycode_read_delta(const char *label, size_t length, size_t *at, uint32_t bias, uint32_t *delta)
{
    uint64_t value = 0;
    uint64_t weight = 1;
    for (uint32_t k = 36;; k += 36) {
        if (*at == length) {
            return false;
        }
        uint32_t digit = punycode_digit(label[(*at)++]);
        value += digit * weight;
        if (value > UINT32_MAX / 2) {
            return false;
        }
        uint32_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        if (digit < threshold) {
            *delta = (uint32_t)value;
            return true;
        }
        weight *= 36 - threshold;
        if (weight > UINT32_MAX) {
            return false;
        }
    }
}

/* True when the part of an A-label after "xn--", which does not end with a hyphen, decodes to code points. At
 * least one of them is then not ASCII. */
static bool punycode_is_valid(const char *text, size_t length)
{
    size_t at = 0;
    for (size_t i = length; i > 0; i--) {
        if (text[i - 1] == '-') {
            at = i;
            break;
        }
    }
    uint32_t points = at == 0 ? 0 : (uint32_t)at - 1;
    uint32_t code = 0x80;
    uint32_t position = 0;
    uint32_t bias = 72;
    for (bool first = true; at < length; first = false) {
        uint32_t delta;
        if (!punycode_read_delta(text, length, &at, bias, &delta)) {
            return false;
        }
        position += delta;
        points++;
        bias = punycode_adapt(delta, points, first);
        code += position / points;
        position = position % points + 1;
        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return false;
        }
    }
    return true;
}

/* Returns the fault of one label; NULL when it is valid. */
static const char *label_fault(const char *label, size_t length)
{
    if (length == 0) {
        return "it has an empty label";
    }
    if (length > LABEL_MAX_BYTES) {
        return "a label is longer than 63 characters";
    }
    for (size_t i = 0; i < length; i++) {
        if (label[i] == '*') {
            return "a wildcard may only be the whole leftmost label, once";
        }
        if (!is_letter_or_digit(label[i]) && label[i] != '-' && label[i] != '_') {
            return "a label may only hold letters, digits and hyphens";
        }
    }
    if (label[0] == '-' || label[length - 1] == '-') {
        return "a label may not begin or end with a hyphen";
    }
    if (length >= 4 && memcmp(label, "xn--", 4) == 0 && !punycode_is_valid(label + 4, length - 4)) {
        return "an \"xn--\" label is not valid Punycode";
    }
    return NULL;
}

/* Finds names that resolvers read as an IPv4 address, short and hexadecimal forms included, or that parsers
 * of URLs try to read so. No top-level domain is all digits. */
static const char *number_fault(const char *name)
{
    uint8_t octets[4];
    struct in_addr ignored;
    const char *dot = strrchr(name, '.');
    const char *last = dot == NULL ? name : dot + 1;
    if (inet_pton(AF_INET, name, octets) == 1) {
        return "it is an IP address: use type \"ip\"";
    }
    if (inet_aton(name, &ignored) != 0) {
        return "resolvers read it as an IPv4 address: use type \"ip\" and its four decimal numbers";
    }
    if (last[0] != '\0' && strspn(last, "0123456789") == strlen(last)) {
        return "its last label is a number: no top-level domain is (RFC 1123 §2.1), and URL parsers read "
               "such a host as an IPv4 address";
    }
    return NULL;
}

static const char *dns_name_fault(const char *name)
{
    size_t length = strlen(name);
    if (length == 0) {
        return "it is empty";
    }
    if (strchr(name, ':') != NULL) {
        return "a DNS name has no colon: use type \"ip\" for an address, and no port";
    }
    if (name[length - 1] == '.') {
        return "a DNS name is written without a dot at its end";
    }
    const char *label = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    const char *fault = number_fault(label);
    if (fault != NULL) {
        return fault;
    }
    for (;;) {
        size_t label_length = strcspn(label, ".");
        fault = label_fault(label, label_length);
        if (fault != NULL) {
            return fault;
        }
        if (label[label_length] == '\0') {
            return NULL;
        }
        label += label_length + 1;
    }
}

/* Returns the fault of a DNS name of any case; NULL when `out` is set. */
static const char *parse_dns(struct bytes value, struct identifier *out)
{
    if (value.n > NAME_MAX_BYTES) {
        return "it is longer than 253 characters";
    }
    if (!bytes_is_text(value)) {
        return "it contains a NUL";
    }
    struct identifier name = {.type = IDENTIFIER_DNS};
    for (size_t i = 0; i < value.n; i++) {
        char c = (char)value.p[i];
        name.value[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    const char *fault = dns_name_fault(name.value);
    if (fault == NULL) {
        *out = name;
    }
    return fault;
}

/* Writes the canonical text of an address (RFC 8738 §3: RFC 1123 §2.1 for IPv4, RFC 5952 for IPv6). False for
 * IPv4 within IPv6, which some readers take for the IPv4 address. */
static bool address_to_identifier(int family, const void *octets, struct identifier *out)
{
    struct identifier address = {.type = IDENTIFIER_IP};
    if (inet_ntop(family, octets, address.value, sizeof address.value) == NULL) {
        return false;
    }
    if (family == AF_INET6 && strchr(address.value, '.') != NULL) {
        return false;
    }
    *out = address;
    return true;
}

static const char *parse_ip(struct bytes value, struct identifier *out)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (value.n >= sizeof text || !bytes_is_text(value)) {
        return "it is not an IP address";
    }
    memcpy(text, value.p, value.n);
    uint8_t octets[16];
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, octets) != 1) {
        return "it is not an IP address";
    }
    struct identifier address;
    if (!address_to_identifier(family, octets, &address)) {
        return "an IPv4 address is not accepted in IPv6 form";
    }
    if (strcmp(address.value, text) != 0) {
        return "an IP address must be in its canonical text form (RFC 5952)";
    }
    *out = address;
    return NULL;
}

const struct problem *identifier_parse(struct arena *arena, struct bytes type, struct bytes value,
                                       struct identifier *out)
{
    const char *fault;
    if (bytes_equal_string(type, "dns")) {
        fault = parse_dns(value, out);
    } else if (bytes_equal_string(type, "ip")) {
        fault = value.n == 0 ? "it is empty" : parse_ip(value, out);
    } else {
        return problem_new(arena, PROBLEM_UNSUPPORTED_IDENTIFIER,
                           "identifier type \"%.*s\" is not supported: use \"dns\" or \"ip\"",
                           (int)(type.n < 64 ? type.n : 64), (const char *)type.p);
    }
    if (fault == NULL) {
        return NULL;
    }
    return problem_new(arena, PROBLEM_MALFORMED, "identifier \"%.*s\": %s",
                       (int)(value.n < IDENTIFIER_VALUE_BYTES ? value.n : IDENTIFIER_VALUE_BYTES),
                       (const char *)value.p, fault);
}

const struct problem *identifier_parse_json(struct arena *arena, const struct json *json,
                                            struct identifier *out)
{
    struct bytes type, value;
    if (!json_member_string(json, "type", &type) || !json_member_string(json, "value", &value))
        return problem_new(arena, PROBLEM_MALFORMED,
                           "An identifier needs a \"type\" and a \"value\", both strings.");
    return identifier_parse(arena, type, value, out);
}

bool identifier_is_below(const struct identifier *identifier, const char *domain)
{
    size_t n = strlen(identifier->value), m = strlen(domain);
    return identifier->type == IDENTIFIER_DNS && n > m + 1 && identifier->value[n - m - 1] == '.' &&
           strcmp(identifier->value + n - m, domain) == 0;
}

bool identifier_from_name(enum identifier_type type, struct bytes value, struct identifier *out)
{
    if (type == IDENTIFIER_DNS) {
        return parse_dns(value, out) == NULL;
    }
    if (value.n != 4 && value.n != 16) {
        return false;
    }
    return address_to_identifier(value.n == 4 ? AF_INET : AF_INET6, value.p, out);
}

const char *identifiers_join(struct arena *arena, const struct identifier *identifiers, size_t count)
{
    struct buffer names;
    buffer_init(&names, arena, (size_t)IDENTIFIERS_JOINED * (sizeof identifiers->value + 2));
    for (size_t i = 0; i < count && i < IDENTIFIERS_JOINED; i++) {
        buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", identifiers[i].value);
    }
    return count == 0 ? NULL : buffer_string(&names);
}
