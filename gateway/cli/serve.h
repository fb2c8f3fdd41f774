/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a server in the foreground, for `serve` and `dev`. */
#pragma once

#include "gateway/server/server.h"

/*
 * Starts, calls `ready` (may be NULL) once listening, serves until SIGTERM or SIGINT, stops. SIGHUP reads the
 * file at `path` again and takes its issuers over (server_reload). Returns the exit status.
 */
int serve_until_stopped(const struct config *config, const char *path,
                        void (*ready)(const struct server *server));
