/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A responder's certificate that the second provisioner made and that will not do. The next one would be no
 * better before the CA or the configuration has changed, and each is a certificate more at the CA.
 */
#include "acme/certificate.h"
#include "gateway/runtime/clock.h"
#include "gateway/status/status_internal.h"

enum { UNFIT_RETRY_MS = 3600 * 1000 };

const char *status_responder_unusable(struct status_source *source, struct arena *arena,
                                      const struct issuer_result *result, const char *why)
{
    struct certificate_facts facts;
    source->responder_waits_until_ms = clock_now_ms() + UNFIT_RETRY_MS;
    if (!certificate_read_facts(arena, result->chain[0], &facts))
        return why;
    const struct status_parts *parts = &source->status->parts;
    parts->rejected(parts->context, status_issuer(source), result->chain, result->chain_count, why);
    return arena_printf(arena, "%s (certificate %s, which is being revoked; another is asked for in an hour)",
                        why, facts.serial);
}
