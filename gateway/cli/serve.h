/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a server in the foreground, for `serve` and `dev`. */
#pragma once

#include "gateway/server/server.h"

/* Keeps the signals that serve_until_stopped awaits, and those that it ignores. Call it first of all: one
 * that comes during the start then ends the server well, with status 0, and not the process. */
void serve_keep_signals(void);

/*
 * Starts, calls `ready` (may be NULL) once listening, serves until SIGTERM or SIGINT, stops. SIGHUP reads the
 * file at `path` again and takes its issuers over (server_reload). Returns the exit status.
 */
int serve_until_stopped(const struct config *config, const char *path,
                        void (*ready)(const struct server *server));
