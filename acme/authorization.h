/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations and their challenges (RFC 8555 §7.1.4, §7.5, §8). */
#pragma once

#include "acme/urls.h"

/* Reads an update: only {"status":"deactivated"}; malformed otherwise. */
[[gnu::warn_unused_result]] const struct problem *authorization_parse_update(struct arena *arena,
                                                                             const struct json *payload);

/* Reads newAuthz's payload (§7.4.1). malformed, unsupportedIdentifier. `subdomains`: the client wants the
 * proof to hold for the names below too. RFC 9444 has the member in the identifier, and some clients put it
 * beside it. */
[[gnu::warn_unused_result]] const struct problem *authorization_parse_new(struct arena *arena,
                                                                          const struct json *payload,
                                                                          struct identifier *identifier,
                                                                          bool *subdomains);

/* Returns the status as of `now`: pending and valid authorizations expire. */
enum authorization_status authorization_status_at(const struct authorization *authorization, int64_t now);

/* Expires an authorization whose chosen challenge is still being validated. The challenge becomes invalid,
 * with that as its error (RFC 8555 §7.1.6). */
void authorization_expire(struct arena *arena, struct authorization *authorization);

/* Makes the authorization valid until `valid_until`, because the chosen challenge was answered correctly. An
 * authorization that expired meanwhile expires instead. */
void authorization_prove(struct arena *arena, struct authorization *authorization, int64_t now,
                         int64_t valid_until);

/* Makes the authorization invalid, because the chosen challenge failed for good. */
[[gnu::nonnull]] void authorization_fail(struct arena *arena, struct authorization *authorization,
                                         const struct problem *problem);

/* Begins a new authorization, with a token from OpenSSL's randomness. False when there is no randomness. */
[[gnu::warn_unused_result]] bool authorization_begin(struct arena *arena,
                                                     struct authorization *authorization);

/* Returns a copy that shares nothing with `authorization`. */
struct authorization authorization_copy(struct arena *arena, const struct authorization *authorization);

/* Values of the configuration that the documents contain beside the objects. */
struct authorization_view {
    const struct urls *urls;
    const char *const *issuer_names; /* dns-persist-01: the domain names that stand for this server */
    size_t issuer_name_count;
    int64_t now;
};

struct bytes authorization_render(struct arena *arena, const struct authorization_view *view,
                                  const struct authorization *authorization);

/* Writes one challenge of the authorization. */
struct bytes challenge_render(struct arena *arena, const struct authorization_view *view,
                              const struct authorization *authorization, enum challenge_type type);

/* Returns whether a client sees a challenge of this type. Once the chosen challenge is final, the others are
 * gone (RFC 8555 §7.1.4). An authorization that is valid without its own proof has no challenges. */
bool authorization_has_challenge(const struct authorization *authorization, enum challenge_type type);

/* Returns the status of one challenge: that of the chosen challenge, else pending. */
enum challenge_status challenge_status_of(const struct authorization *authorization,
                                          enum challenge_type type);

/* Returns token "." thumbprint (§8.1). */
char *key_authorization(struct arena *arena, const char *token, const char *thumbprint);

/* Returns base64url(SHA-256(key authorization)), the TXT value of dns-01 (§8.4). NULL only when OpenSSL
 * fails. */
char *key_authorization_digest(struct arena *arena, const char *key_authorization_text);

/* True when an http-01 body is the key authorization. White space after it is ignored (§8.3). */
bool http_challenge_body_matches(struct bytes body, const char *key_authorization_text);
