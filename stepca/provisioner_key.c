/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca/provisioner_key.h"

#include <ctype.h>

#include "acme/jose/private_key.h"

static bool fail(struct jose_error *error, enum jose_error_code code, const char *detail)
{
    *error = (struct jose_error){.code = code, .detail = detail};
    return false;
}

/* Files end in a newline, which a compact JWE does not have. */
static struct bytes trim(struct bytes text)
{
    while (text.n > 0 && isspace(text.p[0])) {
        text.p++;
        text.n--;
    }
    while (text.n > 0 && isspace(text.p[text.n - 1])) {
        text.n--;
    }
    return text;
}

static bool parse_jwk(struct arena *arena, struct bytes text, struct provisioner_key *out,
                      struct jose_error *error)
{
    struct fault fault;
    const struct json *json = json_parse(arena, text, &json_limits_request, &fault);
    if (json == NULL) {
        return fail(error, JOSE_MALFORMED,
                    arena_printf(arena, "the provisioner key is not JSON: %s", fault.message));
    }
    if (!jwk_parse_private(arena, json, &out->jwk, error)) {
        return false;
    }
    struct bytes key_id;
    if (json_member_string(json, "kid", &key_id) && key_id.n > 0 && bytes_is_text(key_id)) {
        out->key_id = arena_string(arena, key_id);
    } else {
        out->key_id = out->jwk.thumbprint;
    }
    return true;
}

static bool parse_jwe(struct arena *arena, struct bytes text, struct bytes password,
                      struct provisioner_key *out, struct jose_error *error)
{
    if (password.n == 0) {
        return fail(error, JOSE_WRONG_PASSWORD, "the provisioner key is encrypted and no password is given");
    }
    struct bytes plaintext;
    if (!jwe_decrypt(arena, text, password, &plaintext, error)) {
        return false;
    }
    out->form = text.p[0] == '{' ? "flattened JWE" : "compact JWE";
    return parse_jwk(arena, plaintext, out, error);
}

static bool parse_pem(struct arena *arena, struct bytes text, struct bytes password,
                      struct provisioner_key *out, struct jose_error *error)
{
    bool encrypted = false;
    autofree_evp_pkey EVP_PKEY *key = private_key_read(text, password, &encrypted);
    if (key == NULL && encrypted) {
        return fail(error, JOSE_WRONG_PASSWORD,
                    password.n == 0 ? "the provisioner key is encrypted and no password is given"
                                    : "the password does not open the provisioner key");
    }
    if (key == NULL) {
        return fail(error, JOSE_MALFORMED, "the PEM text contains no readable private key");
    }
    if (!jwk_from_key(arena, key, &out->jwk, error)) {
        return false;
    }
    out->key_id = out->jwk.thumbprint;
    return true;
}

bool provisioner_key_parse(struct arena *arena, struct bytes text, struct bytes password,
                           struct provisioner_key *out, struct jose_error *error)
{
    *out = (struct provisioner_key){0};
    text = trim(text);
    if (text.n == 0) {
        return fail(error, JOSE_MALFORMED, "the provisioner key file is empty");
    }
    if (bytes_has_prefix(text, BYTES_LITERAL("-----BEGIN "))) {
        out->form = "PEM";
        return parse_pem(arena, text, password, out, error);
    }
    if (jwe_recognize(text)) {
        return parse_jwe(arena, text, password, out, error);
    }
    if (text.p[0] != '{') {
        return fail(error, JOSE_MALFORMED, "the provisioner key is neither a JWE, a JWK nor PEM");
    }
    out->form = "JWK";
    return parse_jwk(arena, text, out, error);
}
