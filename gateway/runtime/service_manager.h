/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the service manager of the server, by the protocol of sd_notify(3). Each message is one datagram to
 * the socket that NOTIFY_SOCKET names. Without that variable nothing is sent. A message that cannot be sent
 * is dropped: the server never waits for the service manager longer than SERVICE_SEND_MAX_MS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { SERVICE_SEND_MAX_MS = 1000 };

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment, so that no child
 * has them. Before other threads exist. A variable that cannot be used is logged as a warning. */
void service_manager_open(void);
void service_manager_close(void);

/* True when a service manager listens. */
bool service_manager_listens(void);

/* The time within which service_manager_alive must be called again, in milliseconds; 0: there is no
 * watchdog. */
int64_t service_manager_watchdog_ms(void);

/* Any thread. `status` is one line of plain English; control characters become spaces. */
void service_manager_ready(const char *status);
void service_manager_status(const char *status);
void service_manager_reloading(void);
void service_manager_stopping(const char *status);

/* Any thread; never blocks. */
void service_manager_alive(void);
