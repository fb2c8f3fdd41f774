/* SPDX-License-Identifier: Apache-2.0 */
/* Notices many new accounts from one address, since the start. It remembers the busiest addresses only. It
 * belongs to the committer thread. */
#pragma once

#include <netinet/in.h>

#include <stdbool.h>

enum { CROWD_PLACES = 32 };

/* Zeroed: nobody yet. */
struct crowd_watch {
    struct {
        char address[INET6_ADDRSTRLEN];
        unsigned accounts;
    } places[CROWD_PLACES];
};

/* Counts an account from this address. True for the one that makes a crowd (ACCOUNTS_OF_A_CROWD), and for no
 * later one. */
bool crowd_watch_count(struct crowd_watch *watch, const char *address);
