#include "gateway/issuer_roots.h"

#include <stdio.h>

#include "acme/certificate.h"

static bool contains(const struct bytes *certificates, size_t count, struct bytes one)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(certificates[i], one)) {
            return true;
        }
    }
    return false;
}

/* Those of `roots` that are not among `others`. */
static void list_missing(struct arena *arena, const struct bytes *roots, size_t count, const struct bytes *others,
                         size_t other_count, struct issuer_root_list *out)
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

void issuer_roots_compare(struct arena *arena, const struct bytes *pinned, size_t pinned_count,
                          const struct bytes *listed, size_t listed_count, struct issuer_root_differences *out)
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

bool issuer_roots_are_same(const struct issuer_root_differences *a, const struct issuer_root_differences *b)
{
    return a->known == b->known && lists_are_same(&a->unpinned, &b->unpinned) &&
           lists_are_same(&a->unlisted, &b->unlisted);
}
