/*
 * The running issuers, found without a lock. A change builds and preflights new ones beside those that serve,
 * and only when every one is good do they take over, at once. What is under way ends with the issuer it began
 * with; a replaced one is freed when nothing needs it any more.
 */
#pragma once

#include "gateway/issuer.h"

struct issuers;
struct server;

struct issuers *issuers_new(struct server *server);

/* Opens those of the configuration, before anything else asks for one. False with `why`. */
[[gnu::warn_unused_result]] bool issuers_open(struct issuers *issuers, const struct config *config,
                                              char why[static 512]);

/* Any thread; NULL when there is none of this id. See issuer_hold for how long it is good. */
struct issuer *issuers_find(const struct issuers *issuers, const char *id);

/*
 * Takes the issuers of `fresh` over (issuers of type local stay as they are). Blocks for the calls of the
 * preflight: never on a loop, the committer or the outbound thread. False with `why`, and everything as it
 * was: another set of ids, a file that cannot be read, a key that does not open, another root under the same
 * id, or a CA that does not answer well.
 */
[[gnu::warn_unused_result]] bool issuers_reload(struct issuers *issuers, const struct config *fresh,
                                                char why[static 512]);

/* Before the server's threads end, when no change can begin any more: waits, bounded, until they have left
 * replaced sets behind. NULL is ignored. */
void issuers_settle(struct issuers *issuers);

/* After outbound_stop and store_close. NULL is ignored. */
void issuers_stop(struct issuers *issuers);
