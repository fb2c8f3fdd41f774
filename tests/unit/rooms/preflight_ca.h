/* SPDX-License-Identifier: Apache-2.0 */
/* A step-ca that is as it should be, what is asked of it before it is used, and what is told of its answers.
 */
#pragma once

#include "acme/pki.h"
#include "gateway/preflight/check.h"
#include "gateway/runtime/clock.h"
#include "leaks.h"
#include "stepca_world.h"

#define CLAIMS GOOD_STEPCA_CLAIMS
#define OURS   GOOD_STEPCA_OURS

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, LINES_BYTES = 16 * 1024 };

extern struct place preflight_place;
extern struct config preflight_config;    /* beside its base_url and profile; all zero at the beginning */
extern struct ocsp_config preflight_ocsp; /* the issuer's; all zero at the beginning */
extern char preflight_told[LINES_BYTES];  /* "ok: …", "warn: …" and "FAIL: …", each ended by a line feed */

void preflight_make_ca(void);
/* In the place of the page of the same address; a status and an error of 0: nobody answers there. */
void preflight_change_page(const struct world_page *page);

struct preflight_outcome {
    bool failed;
    const char *key_id;
};
struct preflight_outcome preflight_run(int64_t validity_s, int64_t max_ttl_s);

void preflight_expect_told(const char *name, const char *words);
