/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes for tables in memory whose keys clients choose. Because of the seed nobody can choose the places in
 * the table. */
#pragma once

#include "acme/base/arena.h"

struct hash_seed {
    uint8_t octets[16];
};

/* Makes a seed. Ends the process when OpenSSL has no randomness. */
void hash_seed_make(struct hash_seed *seed);

/* Hashes octets. Never 0. */
uint64_t seeded_hash_of_bytes(const struct hash_seed *seed, struct bytes octets);

/* Hashes `count` texts in this order; NULL counts as "". Never 0, so that 0 can mark a free place. */
uint64_t seeded_hash(const struct hash_seed *seed, struct arena *arena, const char *const *texts,
                     size_t count);
