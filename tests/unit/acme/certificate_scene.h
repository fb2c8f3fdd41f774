/* SPDX-License-Identifier: Apache-2.0 */
/* A CA of root and intermediate, and an order that it is about to sign: for dns:a.example and ip:10.0.0.1, a
 * day long.
 */
#pragma once

#include "acme/pki/certificate.h"
#include "leaks.h"
#include "pki.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };
static const int64_t now = 1800000000;

struct scene {
    struct arena *arena;
    struct pki_ca ca;
    struct certificate_expectation expectation;
};

void scene_begin(struct scene *scene);
void scene_end(struct scene *scene);

/* What step-ca answers: the order's names, the first as the common name, begun a minute ago. */
struct pki_certificate scene_leaf(const struct scene *scene);
/* NULL when leaf and intermediate pass, else why not. */
const char *scene_fault_of(struct scene *scene, const struct pki_certificate *leaf);
void scene_expect_fault(const char *got, const char *expected);
