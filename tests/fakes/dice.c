/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

struct stream {
    uint64_t state;
};

static struct stream choices, secrets;
static const uint8_t *fed;
static size_t fed_left;

/* SplitMix64. */
static uint64_t next_of(struct stream *stream)
{
    uint64_t z = stream->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void dice_seed(uint64_t seed)
{
    choices.state = seed;
    secrets.state = ~seed;
    fed_left = 0;
}

void dice_feed(const uint8_t *octets, size_t n)
{
    fed = octets;
    fed_left = n;
}

uint64_t dice_next(void)
{
    if (fed_left == 0)
        return next_of(&choices);
    fed_left--;
    return *fed++;
}

size_t dice_below(size_t n)
{
    return n == 0 ? 0 : (size_t)(dice_next() % n);
}

int64_t dice_between(int64_t least, int64_t most)
{
    return least + (int64_t)dice_below((size_t)(most - least + 1));
}

bool dice_chance(unsigned percent)
{
    return dice_below(100) < percent;
}

const char *dice_text(const char *const *texts, size_t count)
{
    return texts[dice_below(count)];
}

/* ---- OpenSSL ---- */

static int random_bytes(unsigned char *out, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = (unsigned char)(next_of(&secrets) >> 32);
    return 1;
}

static int random_status(void)
{
    return 1;
}

void dice_rule_openssl(void)
{
    static const RAND_METHOD method = {
        .bytes = random_bytes, .pseudorand = random_bytes, .status = random_status};
    RAND_set_rand_method(&method);
}
