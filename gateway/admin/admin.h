/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin API: issuers shown and changed while the server runs. It has listeners and a
 * loop of its own; nothing of it is reachable where ACME is served. On the Unix socket the peer must be root
 * or the server's own user (SO_PEERCRED); over TCP, always with TLS, a bearer token is asked for.
 * docs/operations.md describes what it answers.
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

/* Borrowed for its life. */
struct admin_parts {
    const struct config *config;
    const char *config_path; /* where it was read */
    struct store *store;
    struct issuers *issuers;
    struct secret_box *secrets;
    struct background *background; /* makes the changes, which block */
    /* The loop's own reader of gauges. NULL, and logged, when there can be none. */
    void *(*open_gauges)(void *context);
    void (*close_gauges)(void *reader);
    /* False while the server starts. */
    bool (*read_gauges)(void *reader, struct metric_gauges *gauges);
    /* Background thread: another issuer serves under this id. */
    void (*issuer_changed)(void *context, const char *id);
    void *context;
};

/* Begins to serve on what the configuration names. NULL with `fault`. */
[[gnu::warn_unused_result]] struct admin *admin_start(const struct admin_parts *parts, struct fault *fault);

/* As http_server_set_certificate. True for NULL. */
[[gnu::warn_unused_result]] bool admin_set_certificate(struct admin *admin, struct bytes chain_pem,
                                                       struct bytes key_pem, struct fault *fault);

/* Any thread: those that are open now. */
size_t admin_connections(const struct admin *admin);

/* For the server's grace period. */
struct http_loop *admin_loop(const struct admin *admin);

/* Answers what is under way and ends the listeners. NULL is ignored. */
void admin_stop(struct admin *admin);
