/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

LEAK_CHECKED_SUITE(provisioner_key);

static bool parse(struct arena *arena, const char *text, const char *password, struct provisioner_key *out,
                  struct jose_error *error)
{
    return provisioner_key_parse(arena, bytes_from_string(text), bytes_from_string(password), out, error);
}

static void expect_fixture_key(const char *text, const char *password, const char *form)
{
    struct arena *arena = arena_new();
    struct provisioner_key key;
    struct jose_error error = {0};
    cr_assert(parse(arena, text, password, &key, &error), "%s", error.detail);
    cr_expect_str_eq(key.jwk.thumbprint, FIXTURE_THUMBPRINT);
    cr_expect_str_eq(key.key_id, FIXTURE_KEY_ID);
    cr_expect_str_eq(key.form, form);
    arena_free(arena);
}

Test(provisioner_key, flattened_jwe_opens_and_keeps_its_kid)
{
    expect_fixture_key(fixture_flattened_jwe, FIXTURE_PASSWORD, "flattened JWE");
}

Test(provisioner_key, defect_08_compact_jwe_is_read)
{
    expect_fixture_key(fixture_compact_jwe, FIXTURE_PASSWORD, "compact JWE");
}

Test(provisioner_key, plain_jwk_needs_no_password)
{
    expect_fixture_key(fixture_private_jwk, NULL, "JWK");
}

Test(provisioner_key, white_space_around_a_file_does_not_matter)
{
    struct arena *arena = arena_new();
    expect_fixture_key(arena_printf(arena, "\n %s\r\n\n", fixture_compact_jwe), FIXTURE_PASSWORD,
                       "compact JWE");
    arena_free(arena);
}

Test(provisioner_key, jwk_without_kid_is_named_by_its_thumbprint)
{
    struct arena *arena = arena_new();
    char *text = arena_duplicate(arena, fixture_private_jwk);
    char *name = strstr(text, "\"kid\"");
    cr_assert_not_null(name);
    memcpy(name, "\"xid\"", 5);
    struct provisioner_key key;
    struct jose_error error = {0};
    cr_assert(parse(arena, text, NULL, &key, &error), "%s", error.detail);
    cr_expect_str_eq(key.key_id, FIXTURE_THUMBPRINT);
    arena_free(arena);
}

struct pem_case {
    const char *type;
    enum fixture_pem_form form;
    const char *password;
};

Test(provisioner_key, pem_of_every_kind_is_read_and_named_by_its_thumbprint)
{
    static const struct pem_case cases[] = {
        {"P-256", FIXTURE_PKCS8, NULL},       {"P-256", FIXTURE_PKCS8, "pass"},
        {"P-256", FIXTURE_TRADITIONAL, NULL}, {"P-384", FIXTURE_TRADITIONAL, "pass"},
        {"P-521", FIXTURE_PKCS8, NULL},       {"RSA", FIXTURE_PKCS8, "pass"},
        {"RSA", FIXTURE_TRADITIONAL, NULL},   {"ED25519", FIXTURE_PKCS8, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        autofree_evp_pkey EVP_PKEY *key = fixture_new_key(cases[i].type);
        struct bytes pem = fixture_key_pem(arena, key, cases[i].form, cases[i].password);
        struct provisioner_key out;
        struct jose_error error = {0};
        cr_assert(provisioner_key_parse(arena, pem, bytes_from_string(cases[i].password), &out, &error),
                  "%zu: %s", i, error.detail);
        cr_expect(EVP_PKEY_eq(out.jwk.key, key) == 1, "%zu", i);
        cr_expect_str_eq(out.key_id, out.jwk.thumbprint);
        cr_expect_str_eq(out.form, "PEM");
        arena_free(arena);
    }
}

Test(provisioner_key, missing_or_wrong_password_is_told_apart_from_a_broken_file)
{
    struct arena *arena = arena_new();
    autofree_evp_pkey EVP_PKEY *key = fixture_new_key("P-256");
    const char *pkcs8 = arena_string(arena, fixture_key_pem(arena, key, FIXTURE_PKCS8, "pass"));
    const char *traditional = arena_string(arena, fixture_key_pem(arena, key, FIXTURE_TRADITIONAL, "pass"));
    const char *const texts[] = {fixture_compact_jwe, fixture_flattened_jwe, pkcs8, traditional};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct provisioner_key out;
        struct jose_error error = {0};
        cr_assert_not(parse(arena, texts[i], NULL, &out, &error));
        cr_expect_eq(error.code, JOSE_WRONG_PASSWORD, "%zu", i);
        cr_expect(strstr(error.detail, "no password") != NULL, "%zu: %s", i, error.detail);
        error = (struct jose_error){0};
        cr_assert_not(parse(arena, texts[i], "wrong", &out, &error));
        cr_expect_eq(error.code, JOSE_WRONG_PASSWORD, "%zu: %s", i, error.detail);
    }
    arena_free(arena);
}

Test(provisioner_key, what_is_no_private_key_is_refused_with_a_reason)
{
    static const struct {
        const char *text;
        enum jose_error_code code;
    } cases[] = {
        {"", JOSE_MALFORMED},
        {" \n", JOSE_MALFORMED},
        {"hello", JOSE_MALFORMED},
        {"{", JOSE_MALFORMED},
        {"{}", JOSE_BAD_KEY},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", JOSE_MALFORMED},
        {fixture_public_jwk, JOSE_OK},
        {"{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODw\"}", JOSE_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct provisioner_key key;
        struct jose_error error = {0};
        cr_assert_not(parse(arena, cases[i].text, "pass", &key, &error), "%zu", i);
        if (cases[i].code != JOSE_OK) {
            cr_expect_eq(error.code, cases[i].code, "%zu: %d %s", i, (int)error.code, error.detail);
        }
        cr_expect(error.detail != NULL && error.detail[0] != '\0', "%zu", i);
        arena_free(arena);
    }
}
