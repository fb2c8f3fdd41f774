/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes old rows from the database, a little at a time. */
#pragma once

#include "store/store.h"

/* Unix seconds; 0 keeps everything. */
struct retention {
    int64_t orders_before;       /* ended before; with their attempts and authorizations */
    int64_t certificates_before; /* expired before */
    int64_t events_before;       /* also rows of gateways that are gone, and were last seen before */
    int64_t now;
};

/* After this many rows that cannot be deleted, another fault is assumed. */
enum { RETENTION_UNDELETED_MAX = 100 };

/* The progress of a pass over the tables. It begins as zeroes. */
struct retention_pass {
    int stage;
    int64_t after;       /* ids up to here were handled in this stage */
    int64_t alone_until; /* a step failed there: row by row up to it */
    int64_t undeleted;   /* rows that were left because their deletion failed */
    int64_t orders, authorizations, certificates, events, gateways; /* deleted rows */
    int64_t pages;                                                  /* returned to the file system */
    bool finished;
};

/*
 * Makes the next step of a pass, a few milliseconds long. It keeps needed rows: accounts, orders and
 * certificates that work is waiting for; orders of certificates that have not expired, or that replaced one
 * that has not; certificates whose revocation is not confirmed, or is confirmed and they ended less than a
 * week ago; certificates of orders that stay; the last certificate from ACME of a name that has others since;
 * authorizations of orders that stay; the newest event.
 */
[[gnu::warn_unused_result]] enum store_result store_retention_step(struct store_writer *writer,
                                                                   const struct retention *retention,
                                                                   struct retention_pass *pass);

/*
 * Continues after a step that failed at `reached` and was undone. The next steps handle row by row up to the
 * one at which it failed, and leave that one. False when it cannot continue.
 */
[[gnu::warn_unused_result]] bool store_retention_go_on(struct retention_pass *pass,
                                                       const struct retention_pass *reached);

/* Returns when the newest event older than a day was made; 0 when there is none. If that is long ago, the
 * clock is wrong, or nobody was served in that time. */
[[gnu::warn_unused_result]] enum store_result store_retention_last_seen(struct store_reader *reader,
                                                                        int64_t now, int64_t *at);
