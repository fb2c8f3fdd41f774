/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows the service manager's watchdog that the server answers. A round is a message through every loop, the
 * committer and the outbound thread (grace_period.h). A thread that hangs ends no round, and the service
 * manager restarts the server.
 */
#pragma once

#include <stdbool.h>

struct server;
struct watchdog;

/* `alive` is called on the outbound thread, once for each round that every thread has answered. */
struct watchdog *watchdog_new(struct server *server, void (*alive)(void));

/* Begins a round, unless the last one has not come back. Any one thread. */
void watchdog_begin_round(struct watchdog *watchdog);

/* Before server_stop: waits until the round in progress has come back, and frees. NULL is ignored. */
void watchdog_free(struct watchdog *watchdog);
