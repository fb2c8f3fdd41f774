/* SPDX-License-Identifier: Apache-2.0 */
/* What is old enough goes from the database, a little at a time. */
#pragma once

#include "store/store.h"

/* Unix seconds; 0 keeps everything. */
struct retention {
    int64_t orders_before;       /* that ended before; with their attempts and authorizations */
    int64_t certificates_before; /* that expired before */
    int64_t events_before;
    int64_t now;
};

/* After more rows that cannot be deleted something else is wrong. */
enum { RETENTION_UNDELETED_MAX = 100 };

/* How far a pass over the tables has come. Begins as zeroes. */
struct retention_pass {
    int stage;
    int64_t after;       /* ids up to here were looked at in this stage */
    int64_t alone_until; /* a step failed there: row by row up to it */
    int64_t undeleted;   /* rows that were left because that failed */
    int64_t orders, authorizations, certificates, events, pages; /* deleted; given back to the file system */
    bool finished;
};

/*
 * The next step of a pass, a few milliseconds long. What is needed stays: accounts, orders and certificates
 * that work is waiting for, orders of certificates that have not expired or that replaced one that has not,
 * certificates whose revocation is not confirmed or is confirmed and they ended less than a week ago,
 * certificates of orders that stay, the last certificate by ACME of a name that has others since,
 * authorizations of orders that stay, the newest event.
 */
[[gnu::warn_unused_result]] enum store_result store_retention_step(struct store_writer *writer,
                                                                   const struct retention *retention,
                                                                   struct retention_pass *pass);

/*
 * After a step that failed and was undone, having come to `reached`: the next ones take row by row up to that
 * which it failed at, and leave that one. False when there is no going on.
 */
[[gnu::warn_unused_result]] bool store_retention_go_on(struct retention_pass *pass,
                                                       const struct retention_pass *reached);

/* When the newest event that is older than a day was made: 0 when there is none. Long ago, it tells of a
 * clock that is wrong, or of a time in which nobody was served. */
[[gnu::warn_unused_result]] enum store_result store_retention_last_seen(struct store_reader *reader,
                                                                        int64_t now, int64_t *at);
