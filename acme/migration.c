/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/migration.h"

static bool is_newer(const struct name_certificate *a, const struct name_certificate *b)
{
    if (a->not_before != b->not_before)
        return a->not_before > b->not_before;
    return a->not_after != b->not_after ? a->not_after > b->not_after : a->id > b->id;
}

void name_history_add(struct name_history *history, const struct name_certificate *certificate)
{
    if (history->certificates++ == 0 || is_newer(certificate, &history->newest))
        history->newest = *certificate;
    if (certificate->origin == CERTIFICATE_FROM_ACME && certificate->not_before > history->last_acme)
        history->last_acme = certificate->not_before;
}

const char *migration_state_name(enum migration_state state)
{
    static const char *const names[MIGRATION_STATE_END] = {
        [MIGRATION_MOVED] = "moved", [MIGRATION_OLD_WAY] = "old way", [MIGRATION_WENT_BACK] = "went back",
        [MIGRATION_OVER] = "over",   [MIGRATION_OWN] = "own",
    };
    return names[state];
}

enum migration_state migration_state_of(const struct name_history *history, int64_t now)
{
    if (history->newest.not_after < now)
        return MIGRATION_OVER;
    if (history->newest.origin == CERTIFICATE_FROM_ACME)
        return MIGRATION_MOVED;
    return history->last_acme == 0 ? MIGRATION_OLD_WAY : MIGRATION_WENT_BACK;
}
