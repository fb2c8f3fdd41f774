/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own certificate in a place with two issuers. */
#pragma once

#include "gateway/kept/own_certificate.h"
#include "jobs_place.h"
#include "leaks.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };

struct own_place {
    struct jobs_place place;
    struct config config;        /* the place's, which a test may change before own_place_start */
    struct own_certificate *own; /* between start and stop */
    size_t published, rejections;
    struct bytes published_chain; /* the last one */
    const char *rejected_because;
    bool publish_fails; /* no listener takes a certificate */
};
extern struct own_place scene;

void own_place_begin(void);
/* With one that has started, and whose first certificate has come. */
void own_place_begin_with_one(void);
void own_place_end(void);

bool own_place_start(struct fault *fault);
void own_place_stop(void);

/* 0: there is none. */
int64_t own_place_ends_at(void);
struct bytes own_place_leaf(void);
/* "crt" or "key". */
const char *own_place_path(const char *ending);
