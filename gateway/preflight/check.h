/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of a CA by `acmegate check`, and by a server before another issuer serves. check_stepca.h has
 * the parts, check_bypass.c the ways past the gateway. */
#pragma once

#include "acme/ca_knowledge.h"
#include "gateway/config/config.h"
#include "gateway/outbound/outbound.h"

struct check {
    struct arena *arena;
    const struct config *config;
    struct outbound *outbound;
    void (*print)(const char *verdict, const char *line);
    bool failed;               /* a line began with FAIL */
    int64_t expiring_within_s; /* 0: check everything; else only what ends within this time */
    const char **failures;     /* those lines */
    size_t failure_count;
    const char *key_id; /* set by check_stepca: the id by which the CA knows our key; NULL: it does not
                         * know it */
};

/* Writes a line. A line about a fault ends with what to do. */
[[gnu::format(printf, 2, 3)]] void check_ok(struct check *check, const char *format, ...);
[[gnu::format(printf, 2, 3)]] void check_warn(struct check *check, const char *format, ...);
[[gnu::format(printf, 2, 3)]] void check_fail(struct check *check, const char *format, ...);

/* An issuer of type stepca: its files, then the CA. */
void check_stepca(struct check *check, const struct issuer_config *issuer);

/* Reads the intermediates from the CA, DER in the check's arena. False with a sentence in `fault`: the CA
 * does not answer, or its version does not list them. */
[[gnu::warn_unused_result]] bool check_stepca_intermediates(struct check *check,
                                                            const struct issuer_config *issuer,
                                                            struct bytes **certificates, size_t *count,
                                                            struct fault *fault);

/* Compares the profiles' max_ttl and the issuer's validity_days with the known limits of the issuer. */
void check_validity(struct check *check, const struct issuer_config *issuer,
                    const struct ca_knowledge *known);

/* ---- the ways past the gateway, check_bypass.c ---- */

struct stepca_provisioner;
struct stepca_provisioner_page;

/* Adds those of a page of the CA's provisioners that sign and are not the issuer's. */
void check_bypass_collect(struct buffer *others, const struct stepca_provisioner_page *page,
                          const struct issuer_config *issuer);

/* Warns where hosts may get or renew certificates of the CA without the gateway. */
void check_bypass(struct check *check, const struct issuer_config *issuer,
                  const struct stepca_provisioner *own, struct buffer *others);
