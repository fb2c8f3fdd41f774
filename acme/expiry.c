/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/expiry.h"

#include <stdio.h>

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 24 * HOUR_S, BACKDATE_S = MINUTE_S };

enum expiry_stage expiry_stage(int64_t not_before, int64_t not_after, int64_t now)
{
    static const struct {
        int64_t part;
        enum expiry_stage stage;
    } stages[] = {{12, EXPIRY_TWELFTH}, {6, EXPIRY_SIXTH}, {3, EXPIRY_THIRD}};
    int64_t life = not_after - not_before;
    if (now >= not_after) {
        return EXPIRY_OVER;
    }
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (not_after - now <= life / stages[i].part) {
            return stages[i].stage;
        }
    }
    return EXPIRY_FAR;
}

bool expiry_watch_is_due(struct expiry_watch *watch, int64_t not_before, int64_t not_after, int64_t now)
{
    if (watch->not_after != not_after) {
        *watch = (struct expiry_watch){.not_after = not_after};
    }
    enum expiry_stage stage = expiry_stage(not_before, not_after, now);
    bool again = stage == EXPIRY_OVER && (now - watch->told_at >= EXPIRY_REPEAT_S || now < watch->told_at);
    if (stage <= watch->told && !again) {
        return false;
    }
    watch->told = stage;
    watch->told_at = now;
    return true;
}

bool expiry_renewal_is_due(int64_t not_before, int64_t not_after, int64_t now, int64_t *at)
{
    int64_t begin = not_before + BACKDATE_S < not_after ? not_before + BACKDATE_S : not_after;
    *at = not_after - (not_after - begin) / 3;
    return now >= *at || now < not_before - BACKDATE_S;
}

void expiry_format(char out[static EXPIRY_TEXT_BYTES], int64_t not_after, int64_t now)
{
    bool over = not_after <= now;
    int64_t left = over ? now - not_after : not_after - now;
    const char *words = over ? "over for " : "";
    if (left >= 2 * DAY_S) {
        snprintf(out, EXPIRY_TEXT_BYTES, "%s%.1f days", words, (double)left / (double)DAY_S);
    } else if (left >= 2 * HOUR_S) {
        snprintf(out, EXPIRY_TEXT_BYTES, "%s%.1f hours", words, (double)left / (double)HOUR_S);
    } else {
        snprintf(out, EXPIRY_TEXT_BYTES, "%s%lld minutes", words, (long long)(left / MINUTE_S));
    }
}
