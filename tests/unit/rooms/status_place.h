/* SPDX-License-Identifier: Apache-2.0 */
/* The room of status in a place of jobs: two issuers whose CAs are fakes, and what a loop sees of the first.
 */
#pragma once

#include "acme/jose/private_key.h"
#include "acme/pki/crl.h"
#include "gateway/runtime/clock.h"
#include "gateway/status/status.h"
#include "jobs_place.h"
#include "leaks.h"

enum { MINUTE_MS = 60 * 1000, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

extern struct jobs_place place;
extern struct status *status;
extern struct status_reader *reader;
extern size_t rejected_count;
extern const char *rejected_why;

void status_place_begin(void);
void status_place_end(void);
/* As a stop and a start do. */
void status_place_close(void);
void status_place_open(void);

const struct status_view *status_place_view(void);

/* How long until one more is counted, in milliseconds. */
int64_t status_place_until_more(const size_t *count);
int64_t status_place_until_next_look(void);
