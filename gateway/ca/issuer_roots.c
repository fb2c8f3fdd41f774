/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_roots.h"

#include "acme/base/time_text.h"
#include "acme/pki/root_rotation.h"
#include "gateway/runtime/clock.h"
#include "store/certificates.h"

static bool read_live_chains(const struct store_location *location, struct arena *arena, const char *id,
                             struct live_chain **chains, size_t *count)
{
    struct fault fault;
    struct store_reader *reader = store_reader_open(location, &fault);
    bool read =
        reader != NULL && store_live_chains(reader, arena, id, clock_now(), chains, count) == STORE_OK;
    store_reader_close(reader);
    return read;
}

static void tell_kept_root(struct arena *arena, const struct issuer *issuer, const struct kept_root *kept,
                           void (*tell)(void *context, const char *line), void *context)
{
    char until[TIME_TEXT_BYTES];
    time_format(until, kept->until);
    if (kept->fingerprint == NULL)
        tell(context,
             arena_printf(arena,
                          "issuers.%s: certificates of this issuer live until %s under a root that is not in "
                          "root_cert_path: add that root, or give this CA an id of its own",
                          issuer->id, until));
    else
        tell(context,
             arena_printf(
                 arena,
                 "issuers.%s: certificates live until %s under root %s, which is not in root_cert_path: keep "
                 "that root beside the new one until then, or give this CA an id of its own",
                 issuer->id, until, kept->fingerprint));
}

enum issuer_roots issuer_roots_check(const struct store_location *location, const struct issuer *issuer,
                                     struct bytes old_pem, struct arena *arena,
                                     void (*tell)(void *context, const char *line), void *context)
{
    struct live_chain *chains = NULL;
    struct kept_root *kept = NULL;
    size_t chain_count = 0, kept_count = 0;
    if (!read_live_chains(location, arena, issuer->id, &chains, &chain_count)) {
        tell(context,
             arena_printf(arena,
                          "issuers.%s: the database cannot be read to find the roots that are still needed",
                          issuer->id));
        return ISSUER_ROOTS_UNKNOWN;
    }
    root_rotation_check(arena, chains, chain_count, old_pem, issuer->roots, &kept, &kept_count);
    for (size_t i = 0; i < kept_count; i++)
        tell_kept_root(arena, issuer, &kept[i], tell, context);
    return kept_count == 0 ? ISSUER_ROOTS_SUFFICE : ISSUER_ROOTS_MISSING;
}
