/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer of type stepca in a place, and the pages of its CA. */
#pragma once

#include "gateway/ca/issuer.h"
#include "leaks.h"
#include "stepca_world.h"

enum { STEPCA_ISSUER_PAGES = 12 };

/* The pages that the CA answers from the start; a test sets those behind them. */
enum { PAGE_PROVISIONERS, PAGE_INTERMEDIATES, PAGE_ROOTS, PAGE_OF_TEST };

struct stepca_issuer {
    struct place place;
    struct issuer_config config;
    struct outbound *outbound;
    struct issuer *issuer;
    struct world_page pages[STEPCA_ISSUER_PAGES];
};

/* In two steps, where a test changes the place, the configuration or the pages before the issuer opens. It
 * then makes its first round of questions: the CA lists these provisioners, and knows no route for
 * intermediates and roots. */
void stepca_issuer_prepare(struct stepca_issuer *at, const char *provisioners);
void stepca_issuer_open(struct stepca_issuer *at);

void stepca_issuer_begin(struct stepca_issuer *at, const char *provisioners, int64_t max_concurrent);
void stepca_issuer_end(struct stepca_issuer *at);

struct issuer_status stepca_issuer_status(const struct stepca_issuer *at);

/* How often these words stand in what was asked. */
size_t stepca_issuer_asked(const char *what);
