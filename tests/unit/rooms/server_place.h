/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole server in one thread, over the fakes: a folder, a clock (NOW of store/database.h), issuer "local",
 * which signs, and issuer "main", a step-ca that is not there unless a test puts it into the world.
 * Profiles: default and short (local), far (main).
 */
#pragma once

#include "gateway/server/server.h"
#include "place.h"
#include "store/database.h"

struct server_place {
    struct place place;
    struct arena *arena; /* the place's */
    const char *text;    /* of the configuration */
    const struct config *config;
    struct server *server;
    struct database database; /* its writer is the committer's, while a server runs */
};
extern struct server_place house;

enum { HOUSE_HTTP, HOUSE_PKI, HOUSE_ADMIN }; /* the front ends, in the order of their start */

void server_place_begin(void);
void server_place_end(void);

/* The configuration has `is` in the place of `was` from here on. */
void server_place_change(const char *was, const char *is);
/* The configuration with `was` replaced by `is`; NULL: as it is. */
const struct config *server_place_parse(const char *was, const char *is);

/* Starts; "" or why not. */
const char *server_place_try(const char *was, const char *is);
void server_place_start(const char *was, const char *is);
void server_place_stop(void);

/* GET over a front end; over the admin's as this user. */
struct fake_reply *server_place_get(size_t front_end, const char *target);
/* What is behind the metric's name with its labels; "" where it is not shown. */
const char *server_place_metric(const char *name);
/* An order in processing since then, due now. What it has for a request is none: its job ends it. */
struct order server_place_order(const char *profile, const char *name, int64_t since);
/* The log since the last look. */
const char *server_place_log(void);
