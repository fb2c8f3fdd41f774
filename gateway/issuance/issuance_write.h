/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the records of an issued certificate, accepted or rejected: its row, its event, its metrics. */
#pragma once

#include "gateway/issuance/issuance_check.h"
#include "gateway/metrics/metrics.h"
#include "store/events.h"

struct issuance_record {
    struct issued *issued;
    const char *profile;        /* counted under it; NULL: certificates are not counted */
    struct metric_notes *notes; /* NULL: nobody counts */
    /* Type of one that is accepted, and the ids. `detail` NULL: of a rejected one, why. A rejected one is
     * "certificate.rejected" and has its cause. */
    struct event event;
    /* Adds the time and the actor, and inserts it. */
    enum store_result (*write_event)(void *context, struct store_writer *writer, struct event *event);
    void *context;
};

/*
 * Within `apply`. Sets certificate.id. STORE_KNOWN, and nothing is written, when the certificate was
 * there before: it is that of whoever had it first, and nobody gets it again. Not for ISSUANCE_UNREADABLE.
 */
[[gnu::warn_unused_result]] enum store_result issuance_write(struct store_writer *writer,
                                                             const struct issuance_record *record);
