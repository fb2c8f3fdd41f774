/*
 * The running issuers. A reload replaces them all at once: it builds and preflights new ones beside those
 * that serve, and only when every one is good do they take over. What is under way ends with the issuer it
 * began with; replaced issuers rest until the server stops.
 */
#pragma once

#include "gateway/issuer.h"

struct issuers;

struct issuers *issuers_new(struct outbound *outbound);

/* Opens those of the configuration, before anything else asks for one. False with `why`. */
[[gnu::warn_unused_result]] bool issuers_open(struct issuers *issuers, const struct config *config,
                                              char why[static 512]);

/* Any thread; NULL when there is none of this id. Good until issuers_stop. */
struct issuer *issuers_find(const struct issuers *issuers, const char *id);

/*
 * Takes the issuers of `fresh` over (issuers of type local stay as they are). Blocks for the calls of the
 * preflight: from the main thread only. False with `why`, and everything as it was: another set of ids, a
 * file that cannot be read, a key that does not open, another root under the same id, or a CA that does not
 * answer well.
 */
[[gnu::warn_unused_result]] bool issuers_reload(struct issuers *issuers, const struct config *fresh,
                                                char why[static 512]);

/* After outbound_stop. NULL is ignored. */
void issuers_stop(struct issuers *issuers);
