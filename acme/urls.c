/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/urls.h"

static char *url_of(struct arena *arena, const struct urls *urls, const char *rest)
{
    return arena_printf(arena, "%s/acme/%s/%s", urls->base, urls->endpoint, rest);
}

static char *url_of_object(struct arena *arena, const struct urls *urls, const char *kind, int64_t id,
                           const char *rest)
{
    return arena_printf(arena, "%s/acme/%s/%s/%lld%s", urls->base, urls->endpoint, kind, (long long)id, rest);
}

char *url_directory(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "directory");
}

char *url_new_nonce(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "new-nonce");
}

char *url_new_account(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "new-account");
}

char *url_new_order(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "new-order");
}

char *url_new_authorization(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "new-authz");
}

char *url_revoke_cert(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "revoke-cert");
}

char *url_limits(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "limits");
}

char *url_renewal_info(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "renewal-info");
}

char *url_key_change(struct arena *arena, const struct urls *urls)
{
    return url_of(arena, urls, "key-change");
}

char *url_account(struct arena *arena, const struct urls *urls, int64_t account_id)
{
    return url_of_object(arena, urls, "account", account_id, "");
}

char *url_account_orders(struct arena *arena, const struct urls *urls, int64_t account_id)
{
    return url_of_object(arena, urls, "account", account_id, "/orders");
}

char *url_order(struct arena *arena, const struct urls *urls, int64_t order_id)
{
    return url_of_object(arena, urls, "order", order_id, "");
}

char *url_finalize(struct arena *arena, const struct urls *urls, int64_t order_id)
{
    return url_of_object(arena, urls, "order", order_id, "/finalize");
}

char *url_authorization(struct arena *arena, const struct urls *urls, int64_t authorization_id)
{
    return url_of_object(arena, urls, "authz", authorization_id, "");
}

char *url_challenge(struct arena *arena, const struct urls *urls, int64_t authorization_id,
                    enum challenge_type type)
{
    return arena_printf(arena, "%s/acme/%s/challenge/%lld/%s", urls->base, urls->endpoint,
                        (long long)authorization_id, challenge_type_info(type)->name);
}

char *url_certificate(struct arena *arena, const struct urls *urls, int64_t certificate_id)
{
    return url_of_object(arena, urls, "certificate", certificate_id, "");
}

char *url_alternate_chain(struct arena *arena, const struct urls *urls, int64_t certificate_id, size_t n)
{
    return arena_printf(arena, "%s/%zu", url_certificate(arena, urls, certificate_id), n);
}

int64_t url_parse_id(struct bytes text)
{
    int64_t id = 0;
    if (text.n == 0 || text.p[0] == '0')
        return 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || __builtin_mul_overflow(id, 10, &id) ||
            __builtin_add_overflow(id, text.p[i] - '0', &id))
            return 0;
    }
    return id;
}

/* The case of a scheme does not matter (RFC 3986 §3.1). */
static bool has_scheme(struct bytes url, struct bytes scheme)
{
    return url.n >= scheme.n && bytes_equal_ignore_case(bytes_of(url.p, scheme.n), scheme);
}

struct bytes url_host_without_default_port(struct bytes host)
{
    static const char port[] = ":443";
    const size_t n = sizeof port - 1;
    if (host.n <= n || memcmp(host.p + host.n - n, port, n) != 0)
        return host;
    struct bytes bare = bytes_of(host.p, host.n - n);
    /* "a.test:8443:443" names no host. */
    bool is_host = memchr(bare.p, ':', bare.n) == NULL || bare.p[bare.n - 1] == ']';
    return is_host ? bare : host;
}

bool url_equals(struct bytes url, const char *own)
{
    const struct bytes https = BYTES_LITERAL("https://");
    if (bytes_equal_string(url, own))
        return true;
    if (!bytes_has_prefix(url, https))
        return false;
    size_t end = https.n;
    while (end < url.n && url.p[end] != '/')
        end++;
    struct bytes host = url_host_without_default_port(bytes_of(url.p + https.n, end - https.n));
    struct bytes origin = bytes_of(url.p, https.n + host.n);
    struct bytes rest = bytes_of(url.p + end, url.n - end);
    size_t n = strlen(own);
    return origin.n + rest.n == n && memcmp(origin.p, own, origin.n) == 0 &&
           (rest.n == 0 || memcmp(rest.p, own + origin.n, rest.n) == 0);
}

static bool is_visible_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
            return false;
    return true;
}

/* Returns the rest after "scheme://host". False when the text is not an absolute http or https URL. */
static bool path_of(struct bytes url, struct bytes *path)
{
    struct bytes https = BYTES_LITERAL("https://");
    struct bytes http = BYTES_LITERAL("http://");
    size_t scheme = has_scheme(url, https) ? https.n : has_scheme(url, http) ? http.n : 0;
    if (scheme == 0 || !is_visible_ascii(url))
        return false;
    size_t end = scheme;
    while (end < url.n && strchr("/?#", url.p[end]) == NULL)
        end++;
    *path = bytes_of(url.p + end, url.n - end);
    return end != scheme;
}

static bool take_text(struct bytes *from, const char *text)
{
    struct bytes wanted = bytes_from_string(text);
    if (!bytes_has_prefix(*from, wanted))
        return false;
    *from = bytes_of(from->p + wanted.n, from->n - wanted.n);
    return true;
}

int64_t url_account_id(const struct urls *urls, struct bytes url, bool *url_shaped)
{
    struct bytes path;
    bool shaped = path_of(url, &path);
    if (url_shaped != NULL)
        *url_shaped = shaped;
    if (!shaped || !take_text(&path, "/acme/") || !take_text(&path, urls->endpoint) ||
        !take_text(&path, "/account/"))
        return 0;
    return url_parse_id(path);
}
