/* SPDX-License-Identifier: Apache-2.0 */
/* Passes sockets to the test's own process, as a service manager does (sd_listen_fds(3)). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PASSING_FIRST = 200 }; /* above the descriptors of criterion */

/* Gives the descriptor its place, from 0 on. */
void passing_descriptor(int fd, int place);
/* A stream socket at this address; 0 lets the system choose the port, which it returns. It begins without
 * FD_CLOEXEC and O_NONBLOCK, as systemd passes it. */
uint16_t passing_address(int place, const char *host, uint16_t port, bool listens);
/* A Unix socket at this path, "@" for the abstract name space. */
void passing_path(int place, const char *path);

/* A path in a new folder, until passing_drop_path. */
const char *passing_new_path(void);
void passing_drop_path(void);

/* LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. NULL leaves one out. */
void passing_set(const char *process, const char *count, const char *names);
const char *passing_own_process(void);
/* Sets them for this process and takes so many sockets, which passed_sockets_close closes. */
void passing_take(int count);
