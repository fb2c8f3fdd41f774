/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/own_certificate_internal.h"

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

bool own_certificate_is_issued(const struct own_certificate *own)
{
    return own->parts.config->tls_issuer != NULL;
}

bool own_certificate_use_pem(struct own_certificate *own, struct bytes chain_pem, struct bytes key_pem,
                             struct fault *fault)
{
    return own->stopped || own->parts.publish(own->parts.context, chain_pem, key_pem, fault);
}

void own_certificate_note_ends(struct own_certificate *own, const struct certificate_facts *facts,
                               const struct bytes *chain, size_t count)
{
    atomic_store(&own->not_before, facts->not_before);
    atomic_store(&own->not_after, facts->not_after);
    atomic_store(&own->intermediates_end, issuer_chain_end(chain + 1, count - 1));
}

void own_certificate_warn_of_end(struct own_certificate *own, const char *because)
{
    int64_t now = clock_now();
    int64_t not_after = atomic_load(&own->not_after);
    if (not_after == 0 || !expiry_watch_is_due(&own->watch, atomic_load(&own->not_before), not_after, now))
        return;
    char until[TIME_TEXT_BYTES];
    char left[EXPIRY_TEXT_BYTES];
    time_format(until, not_after);
    expiry_format(left, not_after, now);
    if (not_after <= now)
        log_error("server TLS certificate expired at %s (%s); clients will reject it: %s", until, left,
                  because);
    else
        log_warning("server TLS certificate ends at %s, in %s: %s", until, left, because);
}

bool own_certificate_is_in_use(const struct own_certificate *own, struct arena *arena, struct bytes leaf)
{
    const char *path = own_certificate_is_issued(own) ? own->kept.parts.chain_path
                                                      : config_now(own->parts.config)->tls_cert_path;
    struct bytes chain_pem, *certificates = NULL;
    size_t count = 0;
    return file_read(arena, path, CONFIG_FILE_MAX_BYTES, &chain_pem) &&
           certificates_from_pem(arena, chain_pem, &certificates, &count) &&
           certificate_is_same(certificates[0], leaf);
}
