/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/request_log.h"

#include <ctype.h>

#include "acme/base/base64.h"

static const struct json_limits line_limits = {.max_depth = 16, .max_values = 4096};

/* The fields of a line that concern a certificate. */
struct line_fields {
    bool has_certificate;
    bool has_ssh_type; /* certificate-type: only SSH certificates have one */
    struct bytes certificate;
};

/* ---- the two formats ---- */

static bool read_json(struct arena *arena, struct bytes line, struct line_fields *out)
{
    const struct json *json = json_parse(arena, line, &line_limits, NULL);
    if (json == NULL)
        return false;
    out->has_certificate = json_member(json, "certificate") != NULL;
    out->has_ssh_type = json_member(json, "certificate-type") != NULL;
    return !out->has_certificate || json_member_string(json, "certificate", &out->certificate);
}

/* Finds the end of the value that begins at `at`: a space, or the closing quote of a value quoted as Go's %q
 * does. False when the closing quote is missing. */
static bool read_value(struct bytes line, size_t *at, struct bytes *out)
{
    size_t from = *at;
    if (from == line.n || line.p[from] != '"') {
        while (*at < line.n && line.p[*at] != ' ')
            ++*at;
        *out = bytes_of(line.p + from, *at - from);
        return true;
    }
    for (++*at; *at < line.n && line.p[*at] != '"'; ++*at)
        if (line.p[*at] == '\\')
            ++*at;
    if (*at >= line.n)
        return false;
    *out = bytes_of(line.p + from + 1, *at - from - 1);
    ++*at;
    return true;
}

/* Reads key=value pairs with spaces between them. Words without '=' are not fields. Neither is anything
 * within the quotes of a value, such as a client's User-Agent. */
static bool read_text(struct bytes line, struct line_fields *out)
{
    size_t at = 0;
    while (at < line.n) {
        size_t from = at;
        while (at < line.n && line.p[at] != ' ' && line.p[at] != '=')
            at++;
        struct bytes key = bytes_of(line.p + from, at - from), value;
        if (at == line.n || line.p[at++] == ' ')
            continue;
        if (!read_value(line, &at, &value))
            return !bytes_equal_string(key, "certificate");
        if (bytes_equal_string(key, "certificate-type"))
            out->has_ssh_type = true;
        if (!bytes_equal_string(key, "certificate"))
            continue;
        if (out->has_certificate)
            return false;
        out->has_certificate = true;
        out->certificate = value;
    }
    return true;
}

static bool mentions(struct bytes line, const char *word)
{
    return line.n != 0 && memmem(line.p, line.n, word, strlen(word)) != NULL;
}

/* ---- what collectors wrap around a line ---- */

enum { WRAPPINGS_MAX = 3 };

/* Unwraps docker's json-file, journalctl -o json, and collectors with members of their own. There the line is
 * a string. */
static bool unwrap_json(struct arena *arena, struct bytes line, struct bytes *out)
{
    static const char *const members[] = {"log", "MESSAGE", "message"};
    const struct json *json = json_parse(arena, line, &line_limits, NULL);
    if (json == NULL || json_member(json, "certificate") != NULL)
        return false;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_member_string(json, members[i], out) && mentions(*out, "certificate"))
            return true;
    return false;
}

/* Skips the prefix of journalctl, syslog, compose and CRI, which may hold anything but JSON. */
static bool skip_prefix(struct arena *arena, struct bytes line, struct bytes *out)
{
    const uint8_t *brace = memchr(line.p, '{', line.n);
    if (brace == NULL || brace == line.p)
        return false;
    *out = bytes_of(brace, line.n - (size_t)(brace - line.p));
    while (isspace(out->p[out->n - 1])) /* it begins with the brace */
        out->n--;
    return json_parse(arena, *out, &line_limits, NULL) != NULL || mentions(*out, "\"certificate\":");
}

static struct bytes unwrap(struct arena *arena, struct bytes line)
{
    for (size_t i = 0; i < WRAPPINGS_MAX && line.n != 0; i++) {
        struct bytes inner;
        if (!(line.p[0] == '{' ? unwrap_json(arena, line, &inner) : skip_prefix(arena, line, &inner)))
            break;
        line = inner;
    }
    while (line.n > 0 && isspace(line.p[line.n - 1]))
        line.n--;
    return line;
}

enum request_log_line request_log_read(struct arena *arena, struct bytes line, struct bytes *der)
{
    struct line_fields fields = {0};
    if (!mentions(line, "certificate"))
        return REQUEST_LOG_OTHER;
    line = unwrap(arena, line);
    bool is_json = line.p[0] == '{';
    if (!(is_json ? read_json(arena, line, &fields) : read_text(line, &fields)))
        return !is_json || mentions(line, "\"certificate\":") ? REQUEST_LOG_BROKEN : REQUEST_LOG_OTHER;
    if (!fields.has_certificate)
        return REQUEST_LOG_OTHER;
    if (fields.has_ssh_type)
        return REQUEST_LOG_SSH_CERTIFICATE;
    return base64_decode(arena, fields.certificate, BASE64_PADDED, der) && der->n != 0
               ? REQUEST_LOG_CERTIFICATE
               : REQUEST_LOG_BROKEN;
}
