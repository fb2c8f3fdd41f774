/* SPDX-License-Identifier: Apache-2.0 */
/* One try of a challenge in a world of tables, and what must come of it. */
#pragma once

#include "acme/problem.h"
#include "gateway/validation/validator.h"
#include "world.h"

#define TRY_TOKEN             "token"
#define TRY_KEY_AUTHORIZATION "token.thumbprint"

struct validation_case {
    const char *name;
    enum challenge_type challenge;
    const char *host; /* an IP address where it is one */
    bool wildcard;
    struct world world;   /* the tables */
    const char *allowed;  /* a network that validation.allow_addresses has */
    const char *expected; /* the start of the problem's detail; NULL: proven */
    enum problem_type type;
    enum cause cause;
    bool passing;
    const char *tried; /* all of it */
    const char *asked; /* of the world, all of it */
};

/* Runs it to its end, and compares all of the outcome. `caa_identities`: CAA is looked at as well, when the
 * challenge is proven. */
void validation_try(const struct validation_case *expected, const char *const *caa_identities, size_t count);
