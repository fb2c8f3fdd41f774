/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/seeded_hash.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

void hash_seed_make(struct hash_seed *seed)
{
    if (RAND_bytes(seed->octets, sizeof seed->octets) != 1)
        end_without("random octets");
}

static uint64_t number_of(const uint8_t digest[static SHA256_DIGEST_LENGTH])
{
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash == 0 ? 1 : hash;
}

uint64_t seeded_hash_of_bytes(const struct hash_seed *seed, struct bytes octets)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    if (HMAC(EVP_sha256(), seed->octets, sizeof seed->octets, octets.p, octets.n, digest, NULL) == NULL)
        end_without("memory");
    return number_of(digest);
}

uint64_t seeded_hash(const struct hash_seed *seed, struct arena *arena, const char *const *texts,
                     size_t count)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t length = sizeof seed->octets;
    for (size_t i = 0; i < count; i++)
        length += (texts[i] == NULL ? 0 : strlen(texts[i])) + 1;
    uint8_t *input = arena_alloc(arena, length); /* zeros: each text ends with one */
    memcpy(input, seed->octets, sizeof seed->octets);
    size_t at = sizeof seed->octets;
    for (size_t i = 0; i < count; i++) {
        size_t n = texts[i] == NULL ? 0 : strlen(texts[i]);
        if (n != 0)
            memcpy(input + at, texts[i], n);
        at += n + 1;
    }
    SHA256(input, length, digest);
    return number_of(digest);
}
