/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of a step-ca that passes its preflight, for the key and the root of a place. */
#pragma once

#include "place.h"
#include "world.h"

#define GOOD_STEPCA_URL "https://ca.test:9000/"
#define GOOD_STEPCA_JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\""
#define GOOD_STEPCA_CLAIMS \
    "\"minTLSCertDuration\":\"5m\",\"maxTLSCertDuration\":\"48h\",\"defaultTLSCertDuration\":\"24h\""
#define GOOD_STEPCA_PROVISIONER(name, jwk, claims) \
    "{\"type\":\"JWK\",\"name\":\"" name "\",\"key\":{" jwk ",\"kid\":\"k1\"},\"claims\":{" claims "}}"
#define GOOD_STEPCA_PROVISIONERS(list) "{\"provisioners\":[" list "],\"nextCursor\":\"\"}"
#define GOOD_STEPCA_OURS               GOOD_STEPCA_PROVISIONER("acmegate", GOOD_STEPCA_JWK, GOOD_STEPCA_CLAIMS)

enum { GOOD_STEPCA_PAGES = 16 };

/* Puts them into the world, at the clock's time. A test may change them. */
void good_stepca_make(const struct place *place, struct world_page pages[static GOOD_STEPCA_PAGES]);

/* The JSON of /roots for the certificates of this file. */
const char *good_stepca_roots(const struct place *place, const char *file);
