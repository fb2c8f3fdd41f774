/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/key_change.h"
#include "acme/urls.h"

#include "acme/envelope.h"

static const struct problem *malformed(struct arena *arena, const char *detail)
{
    return problem_new(arena, PROBLEM_MALFORMED, "The inner JWS of the key change: %s", detail);
}

static const struct problem *read_header(struct arena *arena, const struct json *header, const char *url,
                                         struct jwk *out)
{
    struct jose_error error;
    struct bytes inner_url;
    const struct json *jwk = json_member(header, "jwk");
    if (json_member(header, "kid") != NULL || jwk == NULL)
        return malformed(arena, "its header must name the new key by \"jwk\", and no \"kid\".");
    if (json_member(header, "nonce") != NULL)
        return malformed(arena, "its header must not have a \"nonce\".");
    if (!json_member_string(header, "url", &inner_url) || !url_equals(inner_url, url))
        return malformed(arena, "its \"url\" is not that of the request.");
    return jwk_parse_public(arena, jwk, out, &error) ? NULL : problem_from_jose(arena, &error);
}

static const struct problem *check_payload(struct arena *arena, struct bytes text, const struct urls *urls,
                                           const struct account *account)
{
    struct jose_error error;
    struct bytes account_url;
    struct jwk old_key;
    const struct json *payload = json_parse(arena, text, &json_limits_payload, NULL);
    if (payload == NULL || payload->type != JSON_OBJECT)
        return malformed(arena, "its payload is not a JSON object.");
    if (!json_member_string(payload, "account", &account_url) ||
        url_account_id(urls, account_url, NULL) != account->id)
        return malformed(arena, "its \"account\" is not the account that signed the request.");
    const struct json *jwk = json_member(payload, "oldKey");
    if (jwk == NULL || !jwk_parse_public(arena, jwk, &old_key, &error) ||
        !bytes_equal(old_key.canonical, account->key))
        return malformed(arena, "its \"oldKey\" is not the account's present key.");
    return NULL;
}

const struct problem *key_change_read(struct arena *arena, struct bytes payload, const char *url,
                                      const struct urls *urls, const struct account *account, struct jwk *out)
{
    struct jws jws;
    struct jose_error error;
    if (!jws_parse_flattened(arena, payload, &jws, &error))
        return problem_from_jose(arena, &error);
    const struct problem *problem = read_header(arena, jws.header, url, out);
    if (problem != NULL)
        return problem;
    if (!jws_verify(&jws, out, &error))
        return problem_from_jose(arena, &error);
    problem = check_payload(arena, jws.payload, urls, account);
    if (problem == NULL && bytes_equal(out->canonical, account->key))
        problem = malformed(arena, "the new key is the present one.");
    return problem;
}
