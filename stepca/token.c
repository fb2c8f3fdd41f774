/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/token.h"

#include <openssl/rand.h>

#include "acme/base/base64.h"
#include "acme/jose/jws.h"

enum {
    TOKEN_ID_RANDOM_BYTES = 32,
    HEADER_MAX_BYTES = 4096,
    CLAIMS_MAX_BYTES = 64 * 1024, /* a hundred names of 253 octets, with room to spare */
};

bool stepca_token_id_new(char id[static STEPCA_TOKEN_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[TOKEN_ID_RANDOM_BYTES];
    if (RAND_bytes(random, sizeof random) != 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        id[2 * i] = digits[random[i] >> 4];
        id[2 * i + 1] = digits[random[i] & 15];
    }
    id[2 * sizeof random] = '\0';
    return true;
}

static struct bytes render_header(struct arena *arena, const struct provisioner_key *key, const char *key_id)
{
    struct json_writer *writer = json_writer_new(arena, HEADER_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "alg", jws_algorithm_for(&key->jwk)->name);
    json_put_string(writer, "kid", key_id);
    json_put_string(writer, "typ", "JWT");
    json_end_object(writer);
    return json_writer_finish(writer);
}

/* Binds the token to one request (step-ca 0.27.3 and later). A token that is intercepted then signs nothing
 * else. */
static bool write_csr_binding(struct json_writer *writer, struct arena *arena, struct bytes csr_der)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_bytes = 0;
    if (EVP_Digest(csr_der.p, csr_der.n, digest, &digest_bytes, EVP_sha256(), NULL) != 1) {
        return false;
    }
    json_key(writer, "cnf");
    json_begin_object(writer);
    json_put_string(writer, "x5rt#S256", base64url_encode(arena, bytes_of(digest, digest_bytes)));
    json_end_object(writer);
    return true;
}

static void write_sans(struct json_writer *writer, const struct stepca_token_request *request)
{
    json_key(writer, "sans");
    json_begin_array(writer);
    for (size_t i = 0; i < request->san_count; i++) {
        json_write_string(writer, request->sans[i]);
    }
    json_end_array(writer);
}

enum token_use { TOKEN_FOR_SIGN, TOKEN_FOR_REVOKE };

static const char *const audience_paths[] = {
    [TOKEN_FOR_SIGN] = "/1.0/sign",
    [TOKEN_FOR_REVOKE] = "/1.0/revoke",
};

static bool make_token(struct arena *arena, enum token_use use, const struct provisioner_key *key,
                       const struct stepca_token_request *request, char **out)
{
    if (request->subject == NULL || request->subject[0] == '\0') {
        return false;
    }
    struct json_writer *writer = json_writer_new(arena, CLAIMS_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "iss", request->provisioner);
    json_put_string(writer, "sub", request->subject);
    json_put_string(writer, "aud", arena_printf(arena, "%s%s", request->ca_url, audience_paths[use]));
    json_put_integer(writer, "nbf", request->now);
    json_put_integer(writer, "iat", request->now);
    json_put_integer(writer, "exp", request->now + STEPCA_TOKEN_LIFETIME_S);
    json_put_string(writer, "jti", request->id);
    json_put_string(writer, "sha", request->root_fingerprint_hex);
    if (use == TOKEN_FOR_SIGN) {
        write_sans(writer, request);
        if (!write_csr_binding(writer, arena, request->csr_der)) {
            return false;
        }
    }
    json_end_object(writer);
    struct bytes claims = json_writer_finish(writer);
    struct bytes header = render_header(arena, key, request->key_id);
    if (claims.p == NULL || header.p == NULL) {
        return false;
    }
    return jws_sign_compact(arena, &key->jwk, header, claims, out);
}

bool stepca_token_for_sign(struct arena *arena, const struct provisioner_key *key,
                           const struct stepca_token_request *request, char **out)
{
    return make_token(arena, TOKEN_FOR_SIGN, key, request, out);
}

bool stepca_token_for_revoke(struct arena *arena, const struct provisioner_key *key,
                             const struct stepca_token_request *request, char **out)
{
    return make_token(arena, TOKEN_FOR_REVOKE, key, request, out);
}
