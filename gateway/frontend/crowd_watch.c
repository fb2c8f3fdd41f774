/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/crowd_watch.h"

#include <stdio.h>
#include <string.h>

#include "gateway/config/config.h"

bool crowd_watch_count(struct crowd_watch *watch, const char *address)
{
    size_t at = 0, least = 0;
    while (at < CROWD_PLACES && strcmp(watch->places[at].address, address) != 0) {
        if (watch->places[at].accounts < watch->places[least].accounts)
            least = at;
        at++;
    }
    if (at == CROWD_PLACES) {
        at = least;
        watch->places[at].accounts = 0;
        snprintf(watch->places[at].address, sizeof watch->places[at].address, "%s", address);
    }
    return ++watch->places[at].accounts == ACCOUNTS_OF_A_CROWD;
}
