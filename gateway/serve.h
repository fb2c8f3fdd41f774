/* Running a server in the foreground: what `serve` and `dev` share. */
#pragma once

#include "gateway/server.h"

/* Starts, calls `ready` (may be NULL) once listening, serves until SIGTERM or SIGINT, stops. Returns the exit
 * status. */
int serve_until_stopped(const struct config *config, void (*ready)(const struct server *server));
