/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every choice of a run, drawn from one seed: the same seed makes the same run. OpenSSL draws from a second
 * stream of the same seed, so that keys, tokens and signatures repeat as well.
 */
#pragma once

#include "acme/base/arena.h"

void dice_seed(uint64_t seed);
/* The first choices come from these octets, as a fuzzing engine gives them; later ones from the seed. */
void dice_feed(const uint8_t *octets, size_t n);

uint64_t dice_next(void);
/* 0 … n - 1; 0 for n = 0. */
size_t dice_below(size_t n);
int64_t dice_between(int64_t least, int64_t most);
bool dice_chance(unsigned percent);
const char *dice_text(const char *const *texts, size_t count);

#define DICE_TEXT(table) dice_text(table, sizeof(table) / sizeof((table)[0]))

/* Makes OpenSSL draw from the dice. Once, at the start. */
void dice_rule_openssl(void);
