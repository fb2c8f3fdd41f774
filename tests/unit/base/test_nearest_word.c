/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/nearest_word.h"

#include <string.h>

#include "leaks.h"

LEAK_CHECKED_SUITE(nearest_word);

Test(nearest_word, is_the_one_that_was_meant_or_none)
{
    static const char *const known[] = {"listen", "issuers", "issuer", "profile", "database", "on"};
    static const struct {
        const char *word, *nearest; /* NULL: nothing is near */
    } cases[] = {
        {"listen", "listen"}, {"lisetn", "listen"}, /* two letters that changed places are one slip */
        {"listn", "listen"},  {"listenn", "listen"},
        {"iisten", "listen"}, {"issuerz", "issuers"}, /* as near as issuer, which comes later */
        {"issue", "issuer"},  {"xsten", "listen"},    /* two slips in five letters */
        {"xxten", NULL},                              /* three */
        {"o", "on"},                                  /* one slip in a short word */
        {"x", NULL},                                  /* two */
        {"", NULL},           {"completely", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *nearest = nearest_word(cases[i].word, known, sizeof known / sizeof known[0]);
        cr_expect_eq(nearest == NULL, cases[i].nearest == NULL, "%s: %s", cases[i].word, nearest);
        cr_expect(nearest == NULL || cases[i].nearest == NULL || strcmp(nearest, cases[i].nearest) == 0,
                  "%s: %s", cases[i].word, nearest);
    }
}
