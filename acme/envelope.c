/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/envelope.h"
#include "acme/urls.h"

const struct problem *problem_from_jose(struct arena *arena, const struct jose_error *error)
{
    switch (error->code) {
    case JOSE_UNSUPPORTED_ALGORITHM: {
        struct problem *problem = problem_new(arena, PROBLEM_BAD_SIGNATURE_ALGORITHM, "%s", error->detail);
        problem->algorithms_json = jws_account_algorithms_json;
        return problem;
    }
    case JOSE_BAD_KEY:
        return problem_new(arena, PROBLEM_BAD_PUBLIC_KEY, "%s", error->detail);
    case JOSE_OK:
    case JOSE_MALFORMED:
    case JOSE_BAD_SIGNATURE:
    case JOSE_WRONG_PASSWORD:
        break;
    }
    return problem_new(arena, PROBLEM_MALFORMED, "%s", error->detail);
}

static const struct problem *read_account_url(struct arena *arena, struct bytes kid, const struct urls *urls,
                                              struct envelope *out)
{
    bool url_shaped = false;
    out->account_id = url_account_id(urls, kid, &url_shaped);
    if (!url_shaped)
        return problem_new(arena, PROBLEM_MALFORMED, "The \"kid\" is not the URL of an account.");
    if (out->account_id == 0)
        return problem_new(arena, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
                           "The \"kid\" names no account of this endpoint; register first.");
    return NULL;
}

/* Reads `jwk` or `kid`: exactly one, and the one that the route requires (RFC 8555 §6.2). */
static const struct problem *read_signer(struct arena *arena, enum envelope_key key, const struct urls *urls,
                                         struct envelope *out)
{
    const struct json *jwk = json_member(out->jws.header, "jwk");
    const struct json *kid = json_member(out->jws.header, "kid");
    if (jwk != NULL && kid != NULL)
        return problem_new(arena, PROBLEM_MALFORMED, "The protected header has both \"jwk\" and \"kid\".");
    if (jwk == NULL && kid == NULL)
        return problem_new(arena, PROBLEM_MALFORMED, "The protected header has neither \"jwk\" nor \"kid\".");
    if (kid != NULL && key == ENVELOPE_JWK)
        return problem_new(arena, PROBLEM_MALFORMED,
                           "This request must be signed with a \"jwk\", not a \"kid\".");
    if (jwk != NULL && key == ENVELOPE_KID)
        return problem_new(arena, PROBLEM_MALFORMED,
                           "This request must be signed with a \"kid\", not a \"jwk\".");
    if (jwk != NULL) {
        if (jwk->type != JSON_OBJECT)
            return problem_new(arena, PROBLEM_MALFORMED, "The \"jwk\" is not an object.");
        out->jwk = jwk;
        return NULL;
    }
    if (kid->type != JSON_STRING)
        return problem_new(arena, PROBLEM_MALFORMED, "The \"kid\" is not a string.");
    return read_account_url(arena, kid->string, urls, out);
}

static const struct problem *read_url(struct arena *arena, const char *request_url,
                                      const struct envelope *envelope)
{
    struct bytes url;
    if (!json_member_string(envelope->jws.header, "url", &url))
        return problem_new(arena, PROBLEM_MALFORMED, "The protected header has no \"url\".");
    if (!url_equals(url, request_url))
        return problem_new(arena, PROBLEM_UNAUTHORIZED,
                           "The \"url\" in the protected header is not the URL of the request, which is %s.",
                           request_url);
    return NULL;
}

static const struct problem *read_nonce(struct arena *arena, struct envelope *out)
{
    const struct json *nonce = json_member(out->jws.header, "nonce");
    if (nonce == NULL)
        return problem_new(arena, PROBLEM_BAD_NONCE, "The protected header has no \"nonce\".");
    if (nonce->type != JSON_STRING)
        return problem_new(arena, PROBLEM_BAD_NONCE, "The \"nonce\" is not a string.");
    out->nonce = nonce->string;
    return NULL;
}

static const struct problem *read_payload(struct arena *arena, bool post_as_get_only, struct envelope *out)
{
    out->post_as_get = out->jws.payload.n == 0;
    if (out->post_as_get)
        return NULL;
    if (post_as_get_only)
        return problem_new(arena, PROBLEM_MALFORMED, "The payload of a POST-as-GET must be empty.");
    struct fault fault;
    out->payload = json_parse(arena, out->jws.payload, &json_limits_payload, &fault);
    if (out->payload == NULL)
        return problem_new(arena, PROBLEM_MALFORMED, "The payload is not valid JSON: %s.", fault.message);
    if (out->payload->type != JSON_OBJECT)
        return problem_new(arena, PROBLEM_MALFORMED, "The payload is not a JSON object.");
    return NULL;
}

const struct problem *envelope_parse(struct arena *arena, struct bytes body, enum envelope_key key,
                                     bool post_as_get_only, const char *request_url, const struct urls *urls,
                                     struct envelope *out)
{
    struct jose_error error;
    *out = (struct envelope){0};
    if (!jws_parse_flattened(arena, body, &out->jws, &error))
        return problem_from_jose(arena, &error);
    const struct problem *problem = read_signer(arena, key, urls, out);
    if (problem == NULL)
        problem = read_url(arena, request_url, out);
    if (problem == NULL)
        problem = read_nonce(arena, out);
    if (problem == NULL)
        problem = read_payload(arena, post_as_get_only, out);
    return problem;
}

const struct problem *envelope_verify(struct arena *arena, const struct envelope *envelope,
                                      const struct jwk *key)
{
    struct jose_error error;
    return jws_verify(&envelope->jws, key, &error) ? NULL : problem_from_jose(arena, &error);
}
