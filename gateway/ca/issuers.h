/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running issuers, found without a lock. A change builds and preflights new ones beside those that serve.
 * They take over together, and only when every one passes. Work in progress ends with the issuer that it
 * began with. A replaced issuer is freed when nothing needs it.
 */
#pragma once

#include "acme/base/fault.h"
#include "gateway/ca/issuer.h"
#include "store/location.h"

struct issuers;

/* The findings of a preflight, in its arena: a line for each fault, and the id by which the CA knows the
 * key. */
struct issuer_preflight {
    struct arena *arena;
    const char *const *faults;
    size_t fault_count;
    const char *key_id; /* NULL when there is a fault */
};

/* Borrowed for the issuers' life. */
struct issuers_parts {
    const struct config *config;
    const struct store_location *location;
    struct outbound *outbound;
    /* Makes the checks of `acmegate check` at the CA. Blocks. */
    void (*preflight)(void *context, const struct issuer_config *section, struct issuer_preflight *out);
    /* Calls over(what), once, on the outbound thread, when no thread still uses what it found before this
     * call. */
    void (*after_all_threads)(void *context, void (*over)(void *what), void *what);
    void *context;
};

[[gnu::warn_unused_result]] struct issuers *issuers_new(const struct issuers_parts *parts);

/* Opens them, before anything else asks for one. False with `fault`. */
[[gnu::warn_unused_result]] bool issuers_open(struct issuers *issuers, const struct issuer_config *sections,
                                              size_t count, struct fault *fault);

/* Any thread. Finds an issuer; NULL: no issuer has this id. issuer_ref says how long the result is valid. */
struct issuer *issuers_find(const struct issuers *issuers, const char *id);

/* The issuer that a profile of the configuration names; NULL for an unknown profile. `profile_out` may be
 * NULL. */
struct issuer *issuers_of_profile(const struct issuers *issuers, const char *profile,
                                  const struct profile_config **profile_out);

/* Limits for a certificate of this profile, as known now. */
void issuers_profile_limits(const struct issuers *issuers, const struct profile_config *profile,
                            struct validity_limits *out);

/*
 * Makes the issuers of `fresh`, new ones included, beside those that serve. Those of type local, and those
 * that the admin API has changed, stay as they are. `fresh` has every issuer that serves. Blocks for the
 * calls of the preflight: never on a loop, the committer or the outbound thread. No other change begins
 * before the plan is committed or abandoned, on the same thread. NULL with `fault`: a file that cannot be
 * read, a key that does not open, roots that do not vouch for certificates that live, or a CA that does not
 * answer well.
 */
struct issuers_plan;
[[gnu::warn_unused_result]] struct issuers_plan *issuers_plan(struct issuers *issuers,
                                                              const struct config *fresh,
                                                              struct fault *fault);
/* They serve from now on. */
void issuers_commit(struct issuers_plan *plan);
/* Everything stays as it was. NULL is ignored. */
void issuers_abandon(struct issuers_plan *plan);

/* A change of one issuer, of type stepca before and after. */
struct issuer_change {
    struct arena *arena; /* of the results */
    const struct issuer_config *section;
    /*
     * Writes the change down, once the new issuer has proven good and before it serves. Both are the caller's
     * to look at while it runs. False: nothing was written, and the serving one goes on.
     */
    bool (*keep)(struct issuer_change *change, struct issuer *serving, struct issuer *fresh);
    void *owner;
    /* the outcome */
    const char *const *faults; /* every reason why it was refused; empty when the change was only not
                                * stored */
    size_t fault_count;
    bool unread; /* the database could not be read, as `faults` says: the change may be good */
};

/* Blocks, as issuers_plan does. True when the new one serves. */
[[gnu::warn_unused_result]] bool issuers_change(struct issuers *issuers, struct issuer_change *change);

/* Before the server's threads end, when no change can begin any more: waits, bounded, until they have left
 * replaced sets behind. NULL is ignored. */
void issuers_settle(struct issuers *issuers);

/* After outbound_stop and store_close. NULL is ignored. */
void issuers_stop(struct issuers *issuers);
