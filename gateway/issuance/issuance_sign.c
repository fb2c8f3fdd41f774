/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/issuance/issuance_sign.h"

#include "stepca/token.h"

static const char *usages_of(struct arena *arena, const struct profile_config *profile)
{
    if (profile == NULL || profile->extended_key_usage_count == 0)
        return NULL;
    return arena_join(arena, profile->extended_key_usages, profile->extended_key_usage_count, ",");
}

bool issuance_sign_prepare(struct arena *arena, const struct profile_config *profile,
                           const struct validity_request *validity, struct issuer_sign_request *request)
{
    char *token_id = arena_alloc(arena, STEPCA_TOKEN_ID_BYTES);
    request->arena = arena;
    request->token_id = token_id;
    request->validity = *validity;
    request->extended_key_usages = usages_of(arena, profile);
    return stepca_token_id_new(token_id);
}
