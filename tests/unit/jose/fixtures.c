/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

const struct json *parse_json(struct arena *arena, const char *text)
{
    const struct json *json = json_parse(arena, bytes_from_string(text), &json_limits_request, NULL);
    cr_assert_not_null(json, "%s", text);
    return json;
}

static EVP_PKEY *new_key(enum public_key_type type)
{
    switch (type) {
    case PUBLIC_KEY_OTHER:
        return NULL;
    case PUBLIC_KEY_P256:
        return EVP_EC_gen("P-256");
    case PUBLIC_KEY_P384:
        return EVP_EC_gen("P-384");
    case PUBLIC_KEY_P521:
        return EVP_EC_gen("P-521");
    case PUBLIC_KEY_RSA:
        return EVP_RSA_gen(2048);
    case PUBLIC_KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

void make_key(struct arena *arena, enum public_key_type type, struct jwk *out)
{
    struct jose_error error = {0};
    EVP_PKEY *key = new_key(type);
    cr_assert_not_null(key);
    cr_assert(jwk_from_key(arena, key, out, &error), "%s", error.detail);
    EVP_PKEY_free(key);
}
