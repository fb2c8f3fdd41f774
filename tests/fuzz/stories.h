/* SPDX-License-Identifier: Apache-2.0 */
/* Plausible stories, broken at random places. */
#pragma once

#include <stddef.h>

struct arena;

struct story {
    const char *name;
    unsigned weight; /* how often it is told, among the others */
    void (*tell)(struct arena *arena);
};

extern const struct story stories_plain[];   /* what clients and operators do */
extern const struct story stories_hostile[]; /* what attackers try, each a row of the security cases */
extern const struct story stories_ca[];      /* step-ca's own API, CRL and OCSP */
extern const size_t stories_plain_count, stories_hostile_count, stories_ca_count;
