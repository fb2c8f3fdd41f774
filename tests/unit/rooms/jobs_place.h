/* SPDX-License-Identifier: Apache-2.0 */
/* The room of jobs with all that it is given: a database, issuers with fakes for their CAs, a network of
 * tables, a clock. Rows are made with store/database.h, as of its NOW. */
#pragma once

#include "fake_ca.h"
#include "gateway/jobs/jobs.h"
#include "place.h"
#include "store/database.h"
#include "world.h"

enum { JOBS_PLACE_SETTLED = 64 };

struct jobs_place {
    struct place place;
    struct database database; /* path, arena and writer are set */
    const struct config *config;
    struct store *store;
    struct outbound *outbound;
    struct readers *readers;
    struct loads *loads;
    struct issuers *issuers;
    struct jobs *jobs;
    struct fake_ca main, spare;
    int64_t settled[JOBS_PLACE_SETTLED]; /* whoever waited for these was told */
    size_t settled_count;
    size_t revoked_count; /* told of certificates whose revocation is confirmed */
    const char *revoked_by;
    struct bytes revoked_leaf;
};

/* Jobs do not begin by themselves. */
void jobs_place_begin(struct jobs_place *place);
void jobs_place_end(struct jobs_place *place);
/* As it was at the beginning, with no row in the database: for the next case of a table. */
void jobs_place_clear(struct jobs_place *place);

/* Wakes jobs for what is due, and lets `ms` pass. */
void jobs_place_work(struct jobs_place *place, unsigned due, int64_t ms);

/* A good certificate of the account's for "www.test", signed by the CA and in the database under `issuer`. */
struct certificate jobs_place_certificate(struct jobs_place *place, struct fake_ca *ca, const char *issuer,
                                          int64_t account_id);
/* A pending authorization, proven by http-01 now. */
struct authorization jobs_place_prove(const struct jobs_place *place, struct authorization authorization);

struct certificate jobs_place_load(const struct jobs_place *place, int64_t id);

int64_t jobs_place_number(const struct jobs_place *place, const char *sql);
/* "" for NULL, and where there is no row. */
const char *jobs_place_text(const struct jobs_place *place, const char *sql);
/* The types of all events in their order, joined by a space; that all of them are the gateway's, and of now,
 * is asserted. */
const char *jobs_place_events(const struct jobs_place *place);
/* The value behind a metric's name with its labels, which must be shown. */
int64_t jobs_place_metric(const struct jobs_place *place, const char *name);
bool jobs_place_is_settled(const struct jobs_place *place, int64_t id);
