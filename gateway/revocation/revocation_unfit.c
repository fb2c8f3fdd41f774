/*
 * A responder's certificate that the second provisioner made and that will not do. The next one would be no
 * better before the CA or the configuration has changed, and each is a certificate more at the CA.
 */
#include "acme/certificate.h"
#include "gateway/log.h"
#include "gateway/revocation/revocation_internal.h"
#include "gateway/runtime/clock.h"

enum { UNFIT_RETRY_MS = 3600 * 1000 };

static void on_revoked(struct issuer_revoke_job *job)
{
    struct revocation_source *source = job->owner;
    bool revoked = job->result.outcome == ISSUER_OK || job->result.outcome == ISSUER_ALREADY_REVOKED;
    if (!revoked)
        log_warning("issuer %s: certificate %s, which does not do as an OCSP responder's, is not revoked: %s",
                    source->id, job->serial, job->result.message);
    arena_free(source->unfit_work);
    source->unfit_work = NULL;
    if (revoked)
        revocation_changed(source->revocation, source->id);
}

/* Nobody is going to use it. */
static void revoke(struct revocation_source *source, struct bytes leaf, const char *serial)
{
    enum { CESSATION_OF_OPERATION = 5 };
    struct arena *arena = arena_new();
    struct issuer *second = source->responder_issuer;
    source->unfit_work = arena;
    issuer_hold_with(second, arena);
    source->unfit_job = (struct issuer_revoke_job){.arena = arena,
                                                   .serial = arena_duplicate(arena, serial),
                                                   .leaf = arena_copy(arena, leaf),
                                                   .reason = CESSATION_OF_OPERATION,
                                                   .done = on_revoked,
                                                   .owner = source};
    issuer_revoke(second, &source->unfit_job);
}

const char *revocation_responder_unfit(struct revocation_source *source, struct arena *arena,
                                       struct bytes leaf, const char *why)
{
    struct certificate_facts facts;
    source->responder_waits_until_ms = clock_now_ms() + UNFIT_RETRY_MS;
    if (source->unfit_work != NULL || !certificate_read_facts(arena, leaf, &facts))
        return why;
    revoke(source, leaf, facts.serial);
    return arena_printf(arena, "%s (certificate %s, which is being revoked; another is asked for in an hour)",
                        why, facts.serial);
}
