/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/hmac.h>
#include <string.h>

#include "acme/base/base64.h"
#include "acme/jose/jws.h"
#include "fakes.h"
#include "surroundings.h"

struct bytes fake_envelope(struct arena *arena, const char *protected_header, struct bytes payload,
                           const struct jwk *key)
{
    char *compact = NULL;
    if (!jws_sign_compact(arena, key, bytes_from_string(protected_header), payload, &compact))
        verdict("a client cannot sign");
    char *first = strchr(compact, '.'), *second = strchr(first + 1, '.');
    *first = *second = '\0';
    return bytes_from_string(arena_printf(arena,
                                          "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                                          compact, first + 1, second + 1));
}

char *fake_binding(struct arena *arena, const struct jwk *account_key, const char *kid, struct bytes mac_key,
                   const char *url, const char *extra)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    const char *header = arena_printf(arena, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"url\":\"%s\"}", kid, url);
    const char *head = base64url_encode(arena, bytes_from_string(header));
    const char *body = base64url_encode(arena, account_key->canonical);
    const char *input = arena_printf(arena, "%s.%s", head, body);
    HMAC(EVP_sha256(), mac_key.p, (int)mac_key.n, (const uint8_t *)input, strlen(input), mac, &n);
    return arena_printf(arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"%s}", head, body,
                        base64url_encode(arena, bytes_of(mac, n)), extra);
}
