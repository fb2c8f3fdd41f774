/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_framing.h"

/* ---- octets ---- */

bool http_is_token(struct bytes text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alphanumeric && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return text.n != 0;
}

static bool is_field_value(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
            return false;
    return true;
}

/* Accepts host[:port], without user information (RFC 9110 §4.2.4). */
static bool is_authority(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f || strchr("/?#@\\\"<>,", text.p[i]) != NULL)
            return false;
    return text.n != 0;
}

struct bytes http_trim(struct bytes text)
{
    while (text.n != 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = bytes_of(text.p + 1, text.n - 1);
    while (text.n != 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* Takes the next line, without its CRLF. False at a bare CR or LF, and at the end. */
static bool take_line(struct bytes *input, struct bytes *line)
{
    const uint8_t *end = input->n == 0 ? NULL : memchr(input->p, '\n', input->n);
    if (end == NULL || end == input->p || end[-1] != '\r')
        return false;
    *line = bytes_of(input->p, (size_t)(end - 1 - input->p));
    *input = bytes_of(end + 1, input->n - (size_t)(end + 1 - input->p));
    return line->n == 0 || memchr(line->p, '\r', line->n) == NULL;
}

/* ---- the head ---- */

static const char *read_request_line(struct bytes line, struct http_head *out, bool *is_http_1_0)
{
    const uint8_t *first = line.n == 0 ? NULL : memchr(line.p, ' ', line.n);
    const uint8_t *last = line.n == 0 ? NULL : memrchr(line.p, ' ', line.n);
    if (first == NULL || first == last || !http_is_token(bytes_of(line.p, (size_t)(first - line.p))))
        return "the request line is malformed";
    out->target = bytes_of(first + 1, (size_t)(last - first - 1));
    for (size_t i = 0; i < out->target.n; i++)
        if (out->target.p[i] <= ' ' || out->target.p[i] == 0x7f)
            return "the request target holds white space or control characters";
    struct bytes version = bytes_of(last + 1, (size_t)(line.p + line.n - last - 1));
    *is_http_1_0 = bytes_equal_string(version, "HTTP/1.0");
    return *is_http_1_0 || bytes_equal_string(version, "HTTP/1.1") ? NULL : "the version is not HTTP/1.1";
}

static const char *read_length(struct bytes value, struct http_head *out)
{
    if (out->has_length)
        return "there is more than one Content-Length";
    out->has_length = true;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < '0' || value.p[i] > '9')
            return "the Content-Length is not a number";
    return value.n == 0 ? "the Content-Length is empty" : NULL;
}

static const char *read_coding(struct bytes value, struct http_head *out)
{
    if (out->is_chunked)
        return "there is more than one Transfer-Encoding";
    out->is_chunked = true;
    return bytes_equal_ignore_case(value, BYTES_LITERAL("chunked")) ? NULL
                                                                    : "the Transfer-Encoding is not chunked";
}

static const char *read_host(struct bytes value, struct http_head *out)
{
    if (out->host.p != NULL)
        return "there is more than one Host";
    out->host = value;
    return is_authority(value) ? NULL : "the Host is malformed";
}

static const char *read_field(struct bytes line, struct http_head *out)
{
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return "a header line is folded";
    const uint8_t *colon = memchr(line.p, ':', line.n);
    if (colon == NULL)
        return "a header line has no colon";
    struct bytes name = bytes_of(line.p, (size_t)(colon - line.p));
    struct bytes value = http_trim(bytes_of(colon + 1, line.n - name.n - 1));
    if (!http_is_token(name))
        return "a header's name is malformed";
    if (!is_field_value(value))
        return "a header's value holds control characters";
    if (bytes_equal_ignore_case(name, BYTES_LITERAL("content-length")))
        return read_length(value, out);
    if (bytes_equal_ignore_case(name, BYTES_LITERAL("transfer-encoding")))
        return read_coding(value, out);
    return bytes_equal_ignore_case(name, BYTES_LITERAL("host")) ? read_host(value, out) : NULL;
}

const char *http_head_read(struct bytes input, struct http_head *out)
{
    const uint8_t *begin = input.p;
    struct bytes line;
    bool is_http_1_0;
    *out = (struct http_head){0};
    /* One empty line before the request is ignored (RFC 9112 §2.2). */
    if (bytes_has_prefix(input, BYTES_LITERAL("\r\n")))
        input = bytes_of(input.p + 2, input.n - 2);
    const char *why = take_line(&input, &line) ? read_request_line(line, out, &is_http_1_0)
                                               : "a line does not end with CR LF";
    while (why == NULL) {
        if (!take_line(&input, &line))
            return "a line does not end with CR LF";
        if (line.n == 0)
            break;
        why = read_field(line, out);
    }
    if (why != NULL)
        return why;
    out->bytes = (size_t)(input.p - begin);
    if (out->is_chunked && (out->has_length || is_http_1_0))
        return "a Transfer-Encoding comes with a Content-Length or in HTTP/1.0";
    return out->host.p == NULL && !is_http_1_0 ? "the Host is missing" : NULL;
}

/* ---- the target ---- */

static struct bytes from(struct bytes text, size_t at)
{
    return bytes_of(text.p + at, text.n - at);
}

static size_t find_any(struct bytes text, const char *octets)
{
    size_t i = 0;
    while (i < text.n && (text.p[i] == '\0' || strchr(octets, text.p[i]) == NULL))
        i++;
    return i;
}

/* Skips the scheme and "://". False when another octet comes first. */
static bool skip_scheme(struct bytes *rest, const char *scheme)
{
    struct bytes wanted = bytes_from_string(scheme);
    const struct bytes slashes = BYTES_LITERAL("://");
    if (rest->n <= wanted.n || !bytes_equal_ignore_case(bytes_of(rest->p, wanted.n), wanted) ||
        !bytes_has_prefix(from(*rest, wanted.n), slashes))
        return false;
    *rest = from(*rest, wanted.n + slashes.n);
    return true;
}

/* Leaves path and query in `rest`. */
static const char *split_absolute(struct bytes *rest, const char *scheme, struct http_target *out)
{
    if (!skip_scheme(rest, scheme == NULL ? "https" : scheme) &&
        (scheme != NULL || !skip_scheme(rest, "http")))
        return "the request target is neither a path nor a URL of this scheme";
    size_t end = find_any(*rest, "/?#");
    out->authority = bytes_of(rest->p, end);
    *rest = from(*rest, end);
    return is_authority(out->authority) ? NULL : "the request target has no host, or more than a host";
}

const char *http_target_read(struct bytes target, const char *scheme, struct http_target *out)
{
    *out = (struct http_target){0};
    if (!bytes_has_prefix(target, BYTES_LITERAL("/"))) {
        const char *why = split_absolute(&target, scheme, out);
        if (why != NULL)
            return why;
    }
    /* "https://host" and "https://host?query" have an empty path, which is "/"; no resource here is at "/?".
     */
    if (!bytes_has_prefix(target, BYTES_LITERAL("/")))
        target = BYTES_LITERAL("/");
    size_t query = find_any(target, "?");
    out->origin = target;
    out->path = bytes_of(target.p, query);
    out->query = query == target.n ? (struct bytes){0} : from(target, query + 1);
    return NULL;
}
