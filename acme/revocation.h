/* revokeCert (RFC 8555 §7.6). */
#pragma once

#include "acme/objects.h"

struct revocation_request {
    struct bytes certificate_der;
    int reason; /* 0 when absent */
};

[[gnu::warn_unused_result]] const struct problem *revocation_parse(struct arena *arena,
                                                                   const struct json *payload,
                                                                   struct revocation_request *out);
