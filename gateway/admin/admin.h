/*
 * The admin API: issuers shown and changed while the server runs. It has listeners and a
 * loop of its own; nothing of it is reachable where ACME is served. On the Unix socket the peer must be root
 * or the server's own user (SO_PEERCRED); over TCP, always with TLS, a bearer token is asked for.
 * docs/operations.md describes what it answers.
 */
#pragma once

#include "acme/base/json.h"
#include "gateway/server/server.h"

struct admin;

/* Begins to serve on what the configuration names. NULL with `why`. */
[[gnu::warn_unused_result]] struct admin *admin_start(struct server *server, char why[static 256]);

/* As http_server_set_certificate. True for NULL. */
[[gnu::warn_unused_result]] bool admin_set_certificate(struct admin *admin, struct bytes chain_pem,
                                                       struct bytes key_pem, char why[static 256]);

/* Any thread: those that are open now. */
size_t admin_connections(const struct admin *admin);

/* For grace_period.c. */
struct http_loop *admin_loop(const struct admin *admin);

/* Answers what is under way and ends the listeners. NULL is ignored. */
void admin_stop(struct admin *admin);
