/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuers that the admin API of another gateway has changed. The database has each such change. This gateway
 * looks for them, and takes them over as its own admin API would: the preflight comes first.
 */
#pragma once

#include "gateway/ca/issuers.h"
#include "gateway/config/config.h"
#include "gateway/loads/loads.h"
#include "gateway/runtime/background.h"
#include "store/issuer_overrides.h"

enum { ISSUER_FOLLOW_EVERY_MS = 5000, ISSUER_FOLLOW_AGAIN_MS = 60 * 1000 };

struct issuer_follow;

/* Borrowed for its life. */
struct issuer_follow_parts {
    const struct config *config;
    const char *config_path; /* where it was read */
    const struct store_location *location;
    struct outbound *outbound;
    /* Background thread: another issuer serves under this id. */
    void (*changed)(void *context, const char *id);
    void *context;
};

/* Before the issuers are opened: what the database has now is what they are opened with. NULL with `fault`
 * when it cannot be read. */
[[gnu::warn_unused_result]] struct issuer_follow *issuer_follow_new(const struct issuer_follow_parts *parts,
                                                                    struct fault *fault);

/* Looks every ISSUER_FOLLOW_EVERY_MS from now on; after a change that cannot be taken over, again after
 * ISSUER_FOLLOW_AGAIN_MS. */
void issuer_follow_begin(struct issuer_follow *follow, struct issuers *issuers, struct loads *loads,
                         struct background *background);

/* This gateway has written a change itself; `sealed` is empty for a return to the file. Background thread.
 * NULL is ignored. */
void issuer_follow_note(struct issuer_follow *follow, const char *issuer, struct bytes sealed);

/* After all threads have ended. NULL is ignored. */
void issuer_follow_free(struct issuer_follow *follow);
