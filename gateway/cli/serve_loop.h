/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread of a running server: signals, reloads, and what the service manager is told. */
#pragma once

#include <signal.h>

#include "gateway/server/server.h"

/* The signals that the main thread waits for. All threads block them, so that libh2o's loops never see an
 * interrupted call. */
sigset_t serve_loop_signals(void);

/*
 * Serves until SIGTERM or SIGINT, and returns that signal. SIGHUP reads the configuration again
 * (server_reload_file). A reload may still run when this returns, until server_stop. `taken` has it and the
 * configurations that were taken in: free it after server_stop.
 */
[[nodiscard]] int serve_loop(struct server *server, struct arena *taken);
