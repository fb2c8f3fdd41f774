/* SPDX-License-Identifier: Apache-2.0 */
/* The views for people (docs/sql.md), for commands. */
#pragma once

#include "acme/objects.h"
#include "store/store.h"

enum listing {
    LISTING_ACCOUNTS,
    LISTING_EAB_KEYS,
    LISTING_ORDERS,
    LISTING_CERTIFICATES,
    LISTING_GATEWAYS,
};

/* NULL and 0: any. */
struct listing_filter {
    int64_t id;           /* only this one */
    int64_t before;       /* ids below it */
    const char *endpoint; /* not for gateways */
    const char *state;    /* in the words of the view */
    const char *name;     /* as ordered; for orders and certificates */
    const char *serial;   /* for certificates */
    int64_t account;      /* owner of the orders or certificates */
    bool failed;          /* for orders: those that ended without a certificate */
    /* for certificates, unix seconds: good ones that end until then, and that no later one replaces */
    int64_t expiring_until;
    int64_t seen_within_s; /* for gateways: those that serve, and those that the database saw so lately */
};

struct listing_value {
    const char *column;
    const char *text; /* in SQLite's form; NULL for NULL */
    bool is_number;
};

/* Calls `each` for the rows, newest first, at most `max`. The values live until `each` returns. */
[[gnu::warn_unused_result]] enum store_result store_listing(
    struct store_reader *reader, enum listing listing, const struct listing_filter *filter, size_t max,
    void (*each)(void *context, const struct listing_value *values, size_t count), void *context);
