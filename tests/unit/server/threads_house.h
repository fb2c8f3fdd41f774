/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server with its threads, its sockets and a local CA, in this process. tests/unit/rooms has it
 * over the fakes. */
#pragma once

#include "gateway/server/server.h"
#include "http/client.h"
#include "leaks.h"

struct threads_house {
    struct arena *arena;
    const char *folder;
    const struct config *config;
    struct server *server;
};
extern struct threads_house house;

/* A folder. The test is ended when it takes too long. */
void house_begin(void);
void house_end(void);

/* `port` 0: the system's choice. */
const struct config *house_parse(uint16_t port, const char *retry_for);
void house_start(void);

/* A connection over TLS; nobody is accepted before there is a certificate. */
struct client *house_client(void);
struct client_reply house_ask(struct client *client, const char *target);
/* The value behind the metric's name with its labels; -1: it is not shown. */
long long house_metric(const char *name);
