/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "acme/base/base64.h"
#include "acme/base/time_text.h"

enum { TOKEN_RANDOM_BYTES = 32, AUTHORIZATION_MAX_BYTES = 32 * 1024, SHA256_BYTES = 32 };

const struct problem *authorization_parse_update(struct arena *arena, const struct json *payload)
{
    struct bytes status;
    if (json_member_string(payload, "status", &status) && bytes_equal_string(status, "deactivated"))
        return NULL;
    return problem_new(arena, PROBLEM_MALFORMED,
                       "An authorization can only be updated with {\"status\": \"deactivated\"}.");
}

const struct problem *authorization_parse_new(struct arena *arena, const struct json *payload,
                                              struct identifier *identifier, bool *subdomains)
{
    const struct json *json = json_member(payload, "identifier");
    if (json == NULL || json->type != JSON_OBJECT)
        return problem_new(arena, PROBLEM_MALFORMED, "A new authorization needs an \"identifier\".");
    const struct problem *problem = identifier_parse_json(arena, json, identifier);
    if (problem != NULL)
        return problem;
    if (identifier_is_wildcard(identifier))
        return problem_new(arena, PROBLEM_MALFORMED,
                           "Wildcards cannot be authorized before an order (RFC 8555 §7.4.1).");
    if (!json_member_boolean(json, "subdomainAuthAllowed", subdomains) &&
        !json_member_boolean(payload, "subdomainAuthAllowed", subdomains))
        *subdomains = false;
    if (*subdomains && identifier->type != IDENTIFIER_DNS)
        return problem_new(arena, PROBLEM_MALFORMED, "There are no names below an IP address.");
    return NULL;
}

enum authorization_status authorization_status_at(const struct authorization *authorization, int64_t now)
{
    bool expires =
        authorization->status == AUTHORIZATION_PENDING || authorization->status == AUTHORIZATION_VALID;
    return expires && authorization->expires_at <= now ? AUTHORIZATION_EXPIRED : authorization->status;
}

static void end_challenge(struct arena *arena, struct authorization *authorization,
                          enum authorization_status status, const struct problem *problem)
{
    authorization->status = status;
    authorization->challenge_status = CHALLENGE_INVALID;
    authorization->next_attempt_at = 0;
    authorization->error_json = (const char *)problem_render(arena, problem).p;
}

void authorization_fail(struct arena *arena, struct authorization *authorization,
                        const struct problem *problem)
{
    end_challenge(arena, authorization, AUTHORIZATION_INVALID, problem);
}

void authorization_expire(struct arena *arena, struct authorization *authorization)
{
    char when[TIME_TEXT_BYTES];
    time_format(when, authorization->expires_at);
    end_challenge(arena, authorization, AUTHORIZATION_EXPIRED,
                  problem_with_cause(arena, CAUSE_AUTHORIZATION_EXPIRED, PROBLEM_UNAUTHORIZED,
                                     "The authorization expired at %s, before its validation ended.", when));
}

void authorization_prove(struct arena *arena, struct authorization *authorization, int64_t now,
                         int64_t valid_until)
{
    if (authorization->expires_at <= now) {
        authorization_expire(arena, authorization);
        return;
    }
    authorization->status = AUTHORIZATION_VALID;
    authorization->basis = AUTHORIZATION_PROVEN;
    authorization->challenge_status = CHALLENGE_VALID;
    authorization->next_attempt_at = 0;
    authorization->validated_at = now;
    authorization->expires_at = valid_until;
}

bool authorization_begin(struct arena *arena, struct authorization *authorization)
{
    uint8_t random[TOKEN_RANDOM_BYTES];
    if (RAND_bytes(random, sizeof random) != 1)
        return false;
    authorization->token = base64url_encode(arena, bytes_of(random, sizeof random));
    return true;
}

bool authorization_has_challenge(const struct authorization *authorization, enum challenge_type type)
{
    bool decided = authorization->challenge_status == CHALLENGE_VALID ||
                   authorization->challenge_status == CHALLENGE_INVALID;
    if (authorization->chosen != 0 && decided)
        return authorization->chosen == type;
    if (authorization->status == AUTHORIZATION_VALID)
        return false; /* it is valid without a proof of its own: nothing to do */
    return (authorization->offered & 1U << type) != 0;
}

struct authorization authorization_copy(struct arena *arena, const struct authorization *authorization)
{
    struct authorization copy = *authorization;
    copy.endpoint = arena_duplicate(arena, authorization->endpoint);
    copy.token = arena_duplicate(arena, authorization->token);
    copy.error_json = arena_duplicate(arena, authorization->error_json);
    return copy;
}

enum challenge_status challenge_status_of(const struct authorization *authorization, enum challenge_type type)
{
    return authorization->chosen == type ? authorization->challenge_status : CHALLENGE_PENDING;
}

/* draft-ietf-acme-dns-persist-01 §3.1: no token. */
static void write_persist_members(struct json_writer *writer, struct arena *arena,
                                  const struct authorization_view *view,
                                  const struct authorization *authorization)
{
    json_put_string(writer, "accounturi", url_account(arena, view->urls, authorization->account_id));
    json_key(writer, "issuer-domain-names");
    json_begin_array(writer);
    for (size_t i = 0; i < view->issuer_name_count; i++)
        json_write_string(writer, view->issuer_names[i]);
    json_end_array(writer);
}

static void write_challenge(struct json_writer *writer, struct arena *arena,
                            const struct authorization_view *view, const struct authorization *authorization,
                            enum challenge_type type)
{
    bool chosen = authorization->chosen == type;
    json_begin_object(writer);
    json_put_string(writer, "type", challenge_type_info(type)->name);
    json_put_string(writer, "url", url_challenge(arena, view->urls, authorization->id, type));
    json_put_string(writer, "status", challenge_status_name(challenge_status_of(authorization, type)));
    if (type == CHALLENGE_DNS_PERSIST_01)
        write_persist_members(writer, arena, view, authorization);
    else
        json_put_string(writer, "token", authorization->token);
    if (chosen)
        json_put_time(writer, "validated", authorization->validated_at);
    if (chosen && authorization->error_json != NULL) {
        json_key(writer, "error");
        json_write_raw(writer, bytes_from_string(authorization->error_json));
    }
    json_end_object(writer);
}

struct bytes challenge_render(struct arena *arena, const struct authorization_view *view,
                              const struct authorization *authorization, enum challenge_type type)
{
    struct json_writer *writer = json_writer_new(arena, AUTHORIZATION_MAX_BYTES);
    write_challenge(writer, arena, view, authorization, type);
    return json_writer_finish(writer);
}

struct bytes authorization_render(struct arena *arena, const struct authorization_view *view,
                                  const struct authorization *authorization)
{
    enum authorization_status status = authorization_status_at(authorization, view->now);
    struct json_writer *writer = json_writer_new(arena, AUTHORIZATION_MAX_BYTES);
    json_begin_object(writer);
    json_key(writer, "identifier");
    json_begin_object(writer);
    json_put_string(writer, "type", identifier_type_name(authorization->identifier.type));
    json_put_string(writer, "value", authorization->identifier.value);
    json_end_object(writer);
    json_put_string(writer, "status", authorization_status_name(status));
    if (status == AUTHORIZATION_PENDING || status == AUTHORIZATION_VALID)
        json_put_time(writer, "expires", authorization->expires_at);
    json_key(writer, "challenges");
    json_begin_array(writer);
    for (int type = 1; type < CHALLENGE_TYPE_END; type++)
        if (authorization_has_challenge(authorization, (enum challenge_type)type))
            write_challenge(writer, arena, view, authorization, (enum challenge_type)type);
    json_end_array(writer);
    if (authorization->wildcard)
        json_put_boolean(writer, "wildcard", true);
    if (authorization->subdomains)
        json_put_boolean(writer, "subdomainAuthAllowed", true);
    json_end_object(writer);
    return json_writer_finish(writer);
}

char *key_authorization(struct arena *arena, const char *token, const char *thumbprint)
{
    return arena_printf(arena, "%s.%s", token, thumbprint);
}

char *key_authorization_digest(struct arena *arena, const char *key_authorization_text)
{
    uint8_t digest[SHA256_BYTES];
    if (EVP_Digest(key_authorization_text, strlen(key_authorization_text), digest, NULL, EVP_sha256(),
                   NULL) != 1)
        return NULL;
    return base64url_encode(arena, bytes_of(digest, sizeof digest));
}

bool http_challenge_body_matches(struct bytes body, const char *key_authorization_text)
{
    while (body.n != 0 && strchr(" \t\r\n", body.p[body.n - 1]) != NULL && body.p[body.n - 1] != 0)
        body.n--;
    return bytes_equal_string(body, key_authorization_text);
}
