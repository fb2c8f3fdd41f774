/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/outbound/outbound_internal.h"

/* Returns a part of the URL, copied into the arena; NULL when it is absent. */
static const char *part(struct arena *arena, CURLU *handle, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(handle, what, &text, flags) != CURLUE_OK)
        return NULL;
    const char *copy = arena_duplicate(arena, text);
    curl_free(text);
    return copy;
}

static const char *without_brackets(struct arena *arena, const char *host)
{
    size_t n = strlen(host);
    if (n < 2 || host[0] != '[' || host[n - 1] != ']')
        return host;
    return arena_string(arena, bytes_of(host + 1, n - 2));
}

static bool read_parts(struct arena *arena, CURLU *handle, struct outbound_url *out)
{
    const char *scheme = part(arena, handle, CURLUPART_SCHEME, 0);
    const char *host = part(arena, handle, CURLUPART_HOST, 0);
    const char *port = part(arena, handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    const char *url = part(arena, handle, CURLUPART_URL, 0);
    if (scheme == NULL || host == NULL || port == NULL || url == NULL ||
        part(arena, handle, CURLUPART_USER, 0) != NULL)
        return false;
    *out = (struct outbound_url){.url = url,
                                 .host = without_brackets(arena, host),
                                 .port = (uint16_t)strtoul(port, NULL, 10),
                                 .https = strcmp(scheme, "https") == 0};
    return out->https || strcmp(scheme, "http") == 0;
}

bool outbound_url_parse(struct arena *arena, const char *url, const char *reference, struct outbound_url *out)
{
    CURLU *handle = curl_url();
    if (handle == NULL)
        end_without("memory");
    bool good = curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
                (reference == NULL || curl_url_set(handle, CURLUPART_URL, reference, 0) == CURLUE_OK) &&
                curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
                read_parts(arena, handle, out);
    curl_url_cleanup(handle);
    return good;
}
