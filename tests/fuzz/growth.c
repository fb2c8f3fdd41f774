/* SPDX-License-Identifier: Apache-2.0 */
#include "growth.h"

#include <openssl/core_names.h>
#include <stdlib.h>
#include <time.h>

#include "acme/base/base64.h"
#include "acme/base/buffer.h"
#include "steps.h"
#include "verdict.h"

/* Quadratic work grows by TIMES². */
enum { SMALL = 1000, TIMES = 4, TRIES = 7, GROWTH_MOST = 2 * TIMES, FLOOR_US = 300, MODULUS_BITS = 3072 };

static int64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct client_plain post(const char *target, const char *body)
{
    return (struct client_plain){.method = "POST",
                                 .target = target,
                                 .body = bytes_from_string(body),
                                 .content_type = "application/jose+json"};
}

/* ---- members: of an envelope, and of a nested object ---- */

static struct client_plain wide_object(struct arena *arena, size_t count)
{
    struct buffer out;
    buffer_init(&out, arena, 1024 * 1024);
    buffer_append_string(&out, "{\"m\":0");
    for (size_t i = 0; i < count; i++)
        buffer_printf(&out, ",\"m%05zu\":0", i);
    buffer_append_string(&out, "}");
    return post("/acme/open/new-account", buffer_string(&out));
}

/* ---- names: of a one-time token that nobody has verified ---- */

static struct client_plain wide_token(struct arena *arena, size_t count)
{
    static const char *const name[] = {"a.test"};
    struct buffer claims;
    buffer_init(&claims, arena, 1024 * 1024);
    buffer_append_string(&claims, "{\"iss\":\"acmegate\",\"sub\":\"a.test\",\"sans\":[\"a.test\"");
    for (size_t i = 0; i < count; i++)
        buffer_printf(&claims, ",\"%05zu.test\"", i);
    buffer_append_string(&claims, "]}");
    const char *token =
        arena_printf(arena, "%s.%s.AAAA", base64url_encode(arena, BYTES_LITERAL("{\"alg\":\"ES256\"}")),
                     base64url_encode(arena, buffer_bytes(&claims)));
    const char *csr = step_csr_pem(arena, step_csr(arena, clients.accounts[0][0].key, name, 1));
    return post("/1.0/sign", arena_printf(arena, "{\"csr\":\"%s\",\"ott\":\"%s\"}", csr, token));
}

/* ---- an RSA key's exponent ---- */

static struct client_plain wide_exponent(struct arena *arena, size_t count)
{
    uint8_t modulus[MODULUS_BITS / 8], exponent[MODULUS_BITS / 8 - 1];
    memset(modulus, 0xf5, sizeof modulus);
    memset(exponent, 0x55, sizeof exponent);
    bool wide = count > SMALL;
    const char *e = wide ? base64url_encode(arena, bytes_of(exponent, sizeof exponent)) : "AQAB";
    const char *header =
        arena_printf(arena,
                     "{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\",\"e\":\"%s\",\"n\":\"%s\"},"
                     "\"nonce\":\"x\",\"url\":\"https://acme.test/acme/open/new-account\"}",
                     e, base64url_encode(arena, bytes_of(modulus, sizeof modulus)));
    return post("/acme/open/new-account",
                arena_printf(arena, "{\"protected\":\"%s\",\"payload\":\"e30\",\"signature\":\"%s\"}",
                             base64url_encode(arena, bytes_from_string(header)),
                             base64url_encode(arena, bytes_of(modulus, sizeof modulus))));
}

/* ---- measuring ---- */

static const struct growth {
    const char *name;
    struct client_plain (*make)(struct arena *arena, size_t count);
} growths[] = {
    {"the members of an object", wide_object},
    {"the names of a token", wide_token},
    {"the exponent of an RSA key", wide_exponent},
};

static int64_t least_us(const struct growth *growth, size_t count)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        struct arena *arena = arena_new();
        const struct client_plain plain = growth->make(arena, count);
        int64_t began = cpu_us();
        client_plain_call(arena, 0, &plain);
        int64_t took = cpu_us() - began;
        least = took < least ? took : least;
        arena_free(arena);
    }
    return least;
}

void growth_check(void)
{
    for (size_t i = 0; i < sizeof growths / sizeof growths[0]; i++) {
        int64_t small = least_us(&growths[i], SMALL), large = least_us(&growths[i], (size_t)SMALL * TIMES);
        if (large > (small + FLOOR_US) * GROWTH_MOST)
            finding("S9", "four times of %s costs %lld times the work (%lld µs, then %lld µs)",
                    growths[i].name, (long long)(large / (small + 1)), (long long)small, (long long)large);
    }
}
