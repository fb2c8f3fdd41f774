/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of the inventory that an issuer's CA gave out. */
#pragma once

#include "acme/objects.h"
#include "gateway/ca/issuer.h"
#include "store/store.h"

/*
 * The one with this serial number (canonical); where there are several, one that is revoked. The inventory
 * has it under the root that stood first among the pinned ones when it was issued: the order of the roots,
 * and which of them are still pinned, may have changed since. Several issuers may be the same CA: a
 * certificate of another id counts when this issuer's CA has signed it. STORE_NOT_FOUND: this CA gave out
 * none, as far as the inventory knows; another CA may have had this issuer's id before.
 */
[[gnu::warn_unused_result]] enum store_result issuer_certificate_find(struct store_reader *reader,
                                                                      struct arena *arena,
                                                                      struct issuer *issuer,
                                                                      const char *serial,
                                                                      struct certificate *out);

/* Chooses that one among all that have the serial number (store_certificates_by_serial). NULL: none is the
 * CA's. Borrowed. For loops, which may hold an issuer no longer than a step lasts. */
[[gnu::warn_unused_result]] const struct certificate *issuer_certificate_choose(
    struct issuer *issuer, const struct certificate *found, size_t count);
