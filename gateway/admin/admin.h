/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin API: it shows and changes issuers while the server runs. It has listeners and a loop of its own;
 * it cannot be reached through the ACME listeners. On the Unix socket the peer must be root or the server's
 * own user (SO_PEERCRED). TCP always uses TLS and needs a bearer token. docs/operations.md describes its
 * answers.
 */
#pragma once

#include "acme/base/json.h"
#include "gateway/ca/issuers.h"
#include "gateway/config/config.h"
#include "gateway/http/http.h"
#include "gateway/keys/secret_box.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/background.h"
#include "store/store.h"

struct admin;
struct readers;

/* Borrowed for its life. */
struct admin_parts {
    const struct config *config;
    const char *config_path; /* where it was read */
    struct store *store;
    struct issuers *issuers;
    struct secret_box *secrets;
    struct background *background;         /* makes the changes, which block */
    const struct store_location *location; /* for the loop's reader */
    struct readers *readers;               /* in its place, where reads wait; NULL: the loop reads itself */
    /* Opens the loop's gauges that need no database. */
    void *(*open_gauges)(void *context);
    void (*close_gauges)(void *gauges);
    /* Those that the database is asked for. */
    void (*load_gauges)(void *context, struct store_reader *reader, struct metric_gauges *gauges);
    /* All others. False while the server starts. */
    bool (*read_gauges)(void *reader, struct metric_gauges *gauges);
    /* Background thread: a change is in the database. `sealed` is empty for a return to the file. */
    void (*issuer_written)(void *context, const char *id, struct bytes sealed);
    /* Background thread: another issuer serves under this id. */
    void (*issuer_changed)(void *context, const char *id);
    void *context;
};

/* Begins to serve on the configured listeners. NULL with `fault`. */
[[gnu::warn_unused_result]] struct admin *admin_start(const struct admin_parts *parts, struct fault *fault);

/* The front end, which needs the server's certificate. NULL for NULL. */
struct http_server *admin_http(const struct admin *admin);

/* Returns the number of open connections. Any thread. */
size_t admin_connections(const struct admin *admin);

/* Returns the loop, for the server's grace period. */
struct http_loop *admin_loop(const struct admin *admin);

/* Completes the requests in progress and closes the listeners. NULL is ignored. */
void admin_stop(struct admin *admin);

/* After admin_stop and readers_stop. NULL is ignored. */
void admin_free(struct admin *admin);
