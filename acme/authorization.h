/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations and their challenges (RFC 8555 §7.1.4, §7.5, §8). */
#pragma once

#include "acme/urls.h"

/* An update: only {"status":"deactivated"}; malformed otherwise. */
[[gnu::warn_unused_result]] const struct problem *authorization_parse_update(struct arena *arena,
                                                                             const struct json *payload);

/* newAuthz's payload (§7.4.1). malformed, unsupportedIdentifier. `subdomains`: the proof shall hold for the
 * names below too; RFC 9444 has the member in the identifier, and some clients put it beside it. */
[[gnu::warn_unused_result]] const struct problem *authorization_parse_new(struct arena *arena,
                                                                          const struct json *payload,
                                                                          struct identifier *identifier,
                                                                          bool *subdomains);

/* The status as of `now`: pending and valid ones expire. */
enum authorization_status authorization_status_at(const struct authorization *authorization, int64_t now);

/* The chosen challenge is being validated, and its time is over: the authorization is expired, its challenge
 * invalid with that as its error (RFC 8555 §7.1.6). */
void authorization_expire(struct arena *arena, struct authorization *authorization);

/* The chosen challenge was answered as it must be: the authorization is valid until `valid_until`. One that
 * expired meanwhile expires instead. */
void authorization_prove(struct arena *arena, struct authorization *authorization, int64_t now,
                         int64_t valid_until);

/* The chosen challenge failed for good, and the authorization with it. */
[[gnu::nonnull]] void authorization_fail(struct arena *arena, struct authorization *authorization,
                                         const struct problem *problem);

/* A new one: token from OpenSSL's randomness; false when there is none. */
[[gnu::warn_unused_result]] bool authorization_begin(struct arena *arena,
                                                     struct authorization *authorization);

/* A copy that shares nothing with `authorization`. */
struct authorization authorization_copy(struct arena *arena, const struct authorization *authorization);

/* What documents say beside the objects. */
struct authorization_view {
    const struct urls *urls;
    const char *const *issuer_names; /* dns-persist-01: the domain names that mean this server */
    size_t issuer_name_count;
    int64_t now;
};

struct bytes authorization_render(struct arena *arena, const struct authorization_view *view,
                                  const struct authorization *authorization);

/* One challenge of it. */
struct bytes challenge_render(struct arena *arena, const struct authorization_view *view,
                              const struct authorization *authorization, enum challenge_type type);

/* Whether a client is shown a challenge of this type. Once the chosen one has decided, the others are gone
 * (RFC 8555 §7.1.4); an authorization that is valid without a proof of its own has none. */
bool authorization_has_challenge(const struct authorization *authorization, enum challenge_type type);

/* The state of one of its challenges: the chosen one's, else pending. */
enum challenge_status challenge_status_of(const struct authorization *authorization,
                                          enum challenge_type type);

/* token "." thumbprint (§8.1). */
char *key_authorization(struct arena *arena, const char *token, const char *thumbprint);

/* base64url(SHA-256(key authorization)): the TXT value of dns-01 (§8.4). NULL only when OpenSSL fails. */
char *key_authorization_digest(struct arena *arena, const char *key_authorization_text);

/* True when an http-01 body is the key authorization, white space after it ignored (§8.3). */
bool http_challenge_body_matches(struct bytes body, const char *key_authorization_text);
