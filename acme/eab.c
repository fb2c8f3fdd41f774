/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/eab.h"
#include "acme/urls.h"

#include "acme/envelope.h"

static const struct problem *malformed(struct arena *arena, const char *detail)
{
    return problem_new(arena, PROBLEM_MALFORMED, "The externalAccountBinding: %s", detail);
}

static const struct problem *refused(struct arena *arena, enum cause cause, const char *why)
{
    return problem_with_cause(arena, cause, PROBLEM_UNAUTHORIZED,
                              "The external account key %s; ask the operator for another.", why);
}

static const struct problem *check_payload(struct arena *arena, struct bytes payload,
                                           const struct jwk *account_key)
{
    struct jwk key;
    struct jose_error error;
    const struct json *json = json_parse(arena, payload, &json_limits_request, NULL);
    if (json == NULL || !jwk_parse_public(arena, json, &key, &error) ||
        !bytes_equal(key.canonical, account_key->canonical))
        return malformed(arena, "its payload is not the account's key.");
    return NULL;
}

static const char *binding_text(struct arena *arena, const struct json *binding)
{
    enum { BINDING_MAX_BYTES = 16 * 1024 };
    struct json_writer *writer = json_writer_new(arena, BINDING_MAX_BYTES);
    json_write_value(writer, binding);
    return (const char *)json_writer_finish(writer).p;
}

const struct problem *eab_read(struct arena *arena, const struct json *binding, const char *new_account_url,
                               const struct jwk *account_key, struct eab_request *out)
{
    struct jose_error error;
    struct bytes kid, url;
    *out = (struct eab_request){0};
    if (!jws_parse_object(arena, binding, JWS_BY_MAC, &out->jws, &error))
        return malformed(arena, error.detail);
    const struct json *header = out->jws.header;
    if (!json_member_string(header, "kid", &kid) || !bytes_is_text(kid) || kid.n == 0)
        return malformed(arena, "its header has no \"kid\".");
    if (json_member(header, "nonce") != NULL)
        return malformed(arena, "its header must not have a \"nonce\".");
    if (!json_member_string(header, "url", &url) || !url_equals(url, new_account_url))
        return malformed(arena, "its \"url\" is not that of newAccount.");
    out->kid = arena_string(arena, kid);
    out->binding_json = binding_text(arena, binding);
    if (out->binding_json == NULL)
        return malformed(arena, "it is too long.");
    return check_payload(arena, out->jws.payload, account_key);
}

char *eab_key_place(struct arena *arena, const char *endpoint, const char *kid)
{
    return arena_printf(arena, "eab %s %s", endpoint, kid);
}

const struct problem *eab_check_key(struct arena *arena, const struct eab_key *key, int64_t now)
{
    if (key == NULL)
        return refused(arena, CAUSE_EAB_KEY_UNKNOWN, "is unknown at this endpoint");
    if (key->revoked_at != 0)
        return refused(arena, CAUSE_EAB_KEY_REVOKED, "was revoked");
    if (key->expires_at != 0 && key->expires_at <= now)
        return refused(arena, CAUSE_EAB_KEY_EXPIRED, "has expired");
    if (key->max_uses != 0 && key->uses >= key->max_uses)
        return refused(arena, CAUSE_EAB_KEY_USED_UP, "is used up");
    return NULL;
}

const struct problem *eab_verify(struct arena *arena, const struct eab_request *request, struct bytes mac_key)
{
    return jws_verify_mac(&request->jws, mac_key)
               ? NULL
               : problem_with_cause(arena, CAUSE_EAB_SIGNATURE_WRONG, PROBLEM_UNAUTHORIZED,
                                    "The externalAccountBinding is not signed with the key of kid \"%s\".",
                                    request->kid);
}

const struct problem *eab_check_order(struct arena *arena, const struct eab_key *key, const char *profile,
                                      const struct identifier *identifiers, size_t identifier_count)
{
    if (key->revoked_at != 0)
        return refused(arena, CAUSE_EAB_KEY_REVOKED, "that this account was made with was revoked");
    if (profile != NULL && key->profile_count != 0 &&
        !bytes_equal_any(bytes_from_string(profile), key->profiles, key->profile_count))
        return problem_with_cause(arena, CAUSE_EAB_PROFILE_REFUSED, PROBLEM_INVALID_PROFILE,
                                  "The external account key \"%s\" does not allow the profile \"%s\".",
                                  key->kid, profile);
    return problem_because(arena, CAUSE_EAB_NAME_REFUSED,
                           name_policy_check(arena, &key->names,
                                             arena_printf(arena, "the external account key \"%s\"", key->kid),
                                             identifiers, identifier_count));
}
