/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_root_list.h"

#include <stdio.h>

#include "acme/pki/certificate.h"
#include "gateway/ca/issuer.h"
#include "gateway/runtime/log.h"

static bool contains(const struct bytes *certificates, size_t count, struct bytes one)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(certificates[i], one)) {
            return true;
        }
    }
    return false;
}

/* Lists the `roots` that are not among `others`. */
static void list_missing(struct arena *arena, const struct bytes *roots, size_t count,
                         const struct bytes *others, size_t other_count, struct issuer_root_list *out)
{
    for (size_t i = 0; i < count; i++) {
        if (contains(others, other_count, roots[i])) {
            continue;
        }
        if (out->told < ISSUER_ROOTS_TOLD) {
            snprintf(out->fingerprint[out->told++], ISSUER_FINGERPRINT_BYTES, "%s",
                     certificate_fingerprint(arena, roots[i]));
        }
        out->count++;
    }
}

void issuer_root_list_compare(struct arena *arena, const struct bytes *pinned, size_t pinned_count,
                              const struct bytes *listed, size_t listed_count,
                              struct issuer_root_differences *out)
{
    *out = (struct issuer_root_differences){.known = true};
    list_missing(arena, listed, listed_count, pinned, pinned_count, &out->unpinned);
    list_missing(arena, pinned, pinned_count, listed, listed_count, &out->unlisted);
}

static bool lists_are_same(const struct issuer_root_list *a, const struct issuer_root_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->told; i++) {
        same = strcmp(a->fingerprint[i], b->fingerprint[i]) == 0;
    }
    return same;
}

bool issuer_root_differences_are_same(const struct issuer_root_differences *a,
                                      const struct issuer_root_differences *b)
{
    return a->known == b->known && lists_are_same(&a->unpinned, &b->unpinned) &&
           lists_are_same(&a->unlisted, &b->unlisted);
}

/* ---- reporting the differences ---- */

static void log_differences(const struct issuer *issuer, const struct issuer_root_differences *differences)
{
    for (size_t i = 0; i < differences->unpinned.told; i++) {
        log_warning("issuer %s: the CA lists a root that is not in root_cert_path, SHA-256 %s. That does not "
                    "make it trusted; if a rotation is planned, see \"Rotating the root\" in docs/step-ca.md",
                    issuer->id, differences->unpinned.fingerprint[i]);
    }
    for (size_t i = 0; i < differences->unlisted.told; i++) {
        log_info("issuer %s: the CA no longer lists the pinned root with SHA-256 %s", issuer->id,
                 differences->unlisted.fingerprint[i]);
    }
}

void issuer_report_root_list(struct issuer *issuer, const struct issuer_root_differences *differences)
{
    pthread_mutex_lock(&issuer->health_mutex);
    bool same = issuer_root_differences_are_same(&issuer->root_differences, differences);
    issuer->root_differences = *differences;
    pthread_mutex_unlock(&issuer->health_mutex);
    if (!same) {
        log_differences(issuer, differences);
    }
}
