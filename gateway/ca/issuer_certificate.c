/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_certificate.h"

#include "gateway/ca/issuer_signers.h"
#include "store/certificates.h"

static bool is_pinned(const struct issuer *issuer, const char *root_fingerprint)
{
    for (size_t i = 0; i < issuer->root_count; i++)
        if (strcmp(issuer->root_fingerprints[i], root_fingerprint) == 0)
            return true;
    return false;
}

/* True when the certificate is the issuer's. Under a root that is no longer pinned its path decides; under
 * another id of the same CA, its signature. */
static bool is_of(struct issuer *issuer, const struct certificate *certificate)
{
    if (strcmp(certificate->issuer, issuer->id) != 0)
        return issuer_has_signed(issuer, certificate->leaf);
    return is_pinned(issuer, certificate->root_fingerprint) ||
           certificate_chains_to(certificate->leaf, certificate->chain_pem, issuer->roots);
}

const struct certificate *issuer_certificate_choose(struct issuer *issuer, const struct certificate *found,
                                                    size_t count)
{
    const struct certificate *chosen = NULL;
    for (size_t i = 0; i < count; i++)
        if ((chosen == NULL || chosen->revoked_at == 0) && is_of(issuer, &found[i]))
            chosen = &found[i];
    return chosen;
}

enum store_result issuer_certificate_find(struct store_reader *reader, struct arena *arena,
                                          struct issuer *issuer, const char *serial, struct certificate *out)
{
    struct certificate *found = NULL;
    size_t count = 0;
    enum store_result result = store_certificates_by_serial(reader, arena, serial, &found, &count);
    const struct certificate *chosen = issuer_certificate_choose(issuer, found, count);
    if (chosen != NULL)
        *out = *chosen;
    else if (result == STORE_OK)
        result = STORE_NOT_FOUND;
    return result;
}
