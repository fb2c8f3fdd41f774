/* SPDX-License-Identifier: Apache-2.0 */
/* A step-ca in the tables of the network, and the issuer whose provisioner "acmegate" it has. */
#pragma once

#include "gateway/config/config.h"
#include "good_stepca.h"

#define CA                             GOOD_STEPCA_URL
#define JWK                            GOOD_STEPCA_JWK
#define PROVISIONER(name, jwk, claims) GOOD_STEPCA_PROVISIONER(name, jwk, claims)
#define PROVISIONERS(list)             GOOD_STEPCA_PROVISIONERS(list)
/* The public half of another key. */
#define OTHER_JWK \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""

/* Its key and root are those of the place. */
struct issuer_config stepca_world_issuer(const struct place *place);
