/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API with one issuer, "one", and all that it is given. There is one thread, and the test turns it.
 */
#pragma once

#include "gateway/admin/admin.h"
#include "place.h"

#define ADMIN_TOKEN "0123456789abcdef0123"
#define PROBLEM     "application/problem+json"

struct admin_room {
    struct place place;
    const struct config *config;
    struct admin_parts parts;
    struct admin *admin;
    struct outbound *outbound;
    const char *preflight_fault; /* NULL: the preflight passes */
    const char *changed_issuer;  /* that issuer_changed was told */
    const char *written_issuer;  /* NULL: no change is in the database */
    size_t written_bytes;        /* of its sealed section; 0: a return to the file */
    bool started;                /* the server: the gauges can be read */
    size_t gauges_loaded;        /* how often the database was asked */
};
extern struct admin_room room;

/* `overridden`: the issuer counts as one that the admin API has set. `world` says what its CA answers. */
void admin_room_begin(bool overridden);
void admin_room_end(void);

/* The background thread runs what was posted, and is joined: from here on it takes nothing more. */
void admin_room_run_background(void);

/* An issuer's section. `members` stand before those that each one has, each with a comma before it. */
const char *admin_section(const char *members);
/* The configuration file, with this one issuer. */
void admin_room_write_configuration(const char *issuer, const char *section);

/* The number that a statement gives. */
int64_t admin_rows(const char *sql);

bool reply_says(const struct fake_reply *reply, const char *words);
/* The reply has come, in the form of the admin API, with these words in its body. */
void expect_answer(const char *what, const struct fake_reply *reply, int status, const char *words);
