/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/issuance/issuance_check.h"

static void fill_row(struct arena *arena, const struct issuer *issuer, const struct bytes *chain,
                     size_t count, int64_t now, struct issued *out)
{
    const struct certificate_facts *facts = &out->facts;
    out->certificate = (struct certificate){
        .issuer = issuer->id,
        .root_fingerprint = issuer->root_fingerprint,
        .serial = facts->serial,
        .leaf = chain[0],
        .chain_pem = certificates_to_pem(arena, chain + 1, count - 1),
        .key_hash = bytes_of(facts->key_hash, sizeof facts->key_hash),
        .not_before = facts->not_before,
        .not_after = facts->not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_EXTERNAL,
        .created_at = now,
    };
}

enum issuance_verdict issuance_check(struct arena *arena, const struct issuance_terms *terms,
                                     const struct bytes *chain, size_t count, int64_t now, struct issued *out)
{
    const struct issuer *serving = terms->serving == NULL ? terms->issuer : terms->serving;
    const struct certificate_expectation expectation = {
        .csr = terms->csr,
        .key = terms->key,
        .identifiers = terms->identifiers,
        .identifier_count = terms->identifier_count,
        .policy = terms->policy,
        .any_names = terms->any_names,
        .latest_not_after = terms->validity->latest_not_after,
        .earliest_not_before = terms->validity->earliest_not_before,
        .latest_not_before = terms->validity->latest_not_before,
        .roots = serving->roots,
        .intermediates = serving->intermediates,
        .now = now,
    };
    struct fault fault;
    *out = (struct issued){.verdict = ISSUANCE_FITS};
    bool fits = certificate_check(arena, chain, count, &expectation, &out->facts, &fault);
    if (out->facts.serial[0] == '\0') {
        out->verdict = ISSUANCE_UNREADABLE;
        out->why = arena_duplicate(arena, fault.message);
        return out->verdict;
    }
    fill_row(arena, terms->issuer, chain, count, now, out);
    if (!fits)
        issuance_reject(out, arena_duplicate(arena, fault.message), terms->actor, now);
    return out->verdict;
}

bool issuance_read(struct arena *arena, const struct issuer *issuer, const struct bytes *chain, size_t count,
                   int64_t now, struct issued *out)
{
    *out = (struct issued){.verdict = ISSUANCE_UNREADABLE};
    if (count == 0 || !certificate_read_facts(arena, chain[0], &out->facts))
        return false;
    out->verdict = ISSUANCE_FITS;
    fill_row(arena, issuer, chain, count, now, out);
    return true;
}

void issuance_reject(struct issued *issued, const char *why, const char *actor, int64_t now)
{
    struct certificate *certificate = &issued->certificate;
    issued->verdict = ISSUANCE_MISFIT;
    issued->why = why;
    certificate->status = CERTIFICATE_REJECTED;
    certificate->rejected_because = why;
    certificate->revocation_requested_at = certificate->revocation_next_attempt_at = now;
    certificate->revocation_requested_by = actor;
}
