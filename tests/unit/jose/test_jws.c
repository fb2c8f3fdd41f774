/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/base64.h"
#include "acme/jose/jws.h"
#include "fixtures.h"

LEAK_CHECKED_SUITE(jws);

static const char *encoded(struct arena *arena, const char *text)
{
    return base64url_encode(arena, bytes_from_string(text));
}

static const char *flattened(struct arena *arena, const char *header, const char *payload,
                             const char *signature)
{
    return arena_printf(arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                        encoded(arena, header), encoded(arena, payload), signature);
}

static bool parse(struct arena *arena, const char *text, struct jws *out, struct jose_error *error)
{
    return jws_parse_flattened(arena, bytes_from_string(text), out, error);
}

/* A flattened JWS by this key: the compact form, taken apart. */
static const char *signed_by(struct arena *arena, const struct jwk *key, const char *payload)
{
    char *compact = NULL;
    const char *header = arena_printf(arena, "{\"alg\":\"%s\"}", jws_algorithm_for(key)->name);
    cr_assert(jws_sign_compact(arena, key, bytes_from_string(header), bytes_from_string(payload), &compact));
    char *first = strchr(compact, '.');
    char *second = strchr(first + 1, '.');
    return arena_printf(arena, "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%s\"}",
                        (int)(first - compact), compact, (int)(second - first - 1), first + 1, second + 1);
}

/* RFC 7515 A.3: ES256 over a payload that is a JWT claims set. */
#define A3_PROTECTED "eyJhbGciOiJFUzI1NiJ9"
#define A3_PAYLOAD \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A3_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

Test(jws, the_es256_example_of_rfc_7515_verifies)
{
    struct arena *arena = arena_new();
    struct jose_error error = {0};
    struct jwk key;
    struct jws jws;
    cr_assert(jwk_parse_public(arena, parse_json(arena, RFC7515_A3_PUBLIC), &key, &error), "%s",
              error.detail);
    cr_assert(parse(arena,
                    "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"" A3_PAYLOAD
                    "\",\"signature\":\"" A3_SIGNATURE "\"}",
                    &jws, &error),
              "%s", error.detail);
    cr_expect(jws_verify(&jws, &key, &error), "%s", error.detail);
    cr_expect(bytes_has_prefix(jws.payload, BYTES_LITERAL("{\"iss\":\"joe\"")));
    arena_free(arena);
}

Test(jws, every_kind_of_key_signs_what_it_verifies)
{
    static const struct {
        enum public_key_type type;
        const char *algorithm;
        size_t signature_bytes;
    } cases[] = {{PUBLIC_KEY_P256, "ES256", 64},
                 {PUBLIC_KEY_P384, "ES384", 96},
                 {PUBLIC_KEY_P521, "ES512", 132},
                 {PUBLIC_KEY_RSA, "RS256", 256},
                 {PUBLIC_KEY_ED25519, "EdDSA", 64}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwk key, other;
        struct jws jws;
        struct jose_error error = {0};
        make_key(arena, cases[i].type, &key);
        make_key(arena, cases[i].type, &other);
        cr_expect_str_eq(jws_algorithm_for(&key)->name, cases[i].algorithm);
        cr_assert(parse(arena, signed_by(arena, &key, "{\"x\":1}"), &jws, &error), "%s", error.detail);
        cr_expect_eq(jws.signature.n, cases[i].signature_bytes, "%s", cases[i].algorithm);
        cr_expect(jws_verify(&jws, &key, &error), "%s: %s", cases[i].algorithm, error.detail);
        cr_expect_not(jws_verify(&jws, &other, &error), "%s by another key", cases[i].algorithm);
        cr_expect_eq(error.code, JOSE_BAD_SIGNATURE);
    }
    arena_free(arena);
}

/* r and s have a full width each: one in 128 signatures begins one of them with a zero octet. */
Test(jws, ecdsa_signatures_keep_their_width)
{
    struct arena *arena = arena_new();
    struct jwk key;
    make_key(arena, PUBLIC_KEY_P256, &key);
    for (unsigned i = 0; i < 300; i++) {
        struct jws jws;
        struct jose_error error = {0};
        const char *text = signed_by(arena, &key, arena_printf(arena, "{\"n\":%u}", i));
        cr_assert(parse(arena, text, &jws, &error), "%s", error.detail);
        cr_assert_eq(jws.signature.n, 64);
        cr_assert(jws_verify(&jws, &key, &error), "%s", error.detail);
    }
    arena_free(arena);
}

Test(jws, a_change_of_any_octet_breaks_it)
{
    struct arena *arena = arena_new();
    struct jwk key;
    struct jws jws;
    struct jose_error error = {0};
    make_key(arena, PUBLIC_KEY_P256, &key);
    cr_assert(parse(arena, signed_by(arena, &key, "{}"), &jws, &error));
    const struct bytes *parts[] = {&jws.signing_input, &jws.signature};
    for (size_t part = 0; part < 2; part++) {
        for (size_t i = 0; i < parts[part]->n; i++) {
            uint8_t *octet = (uint8_t *)(uintptr_t)&parts[part]->p[i];
            *octet ^= 1;
            cr_expect_not(jws_verify(&jws, &key, &error), "part %zu, octet %zu", part, i);
            *octet ^= 1;
        }
    }
    cr_expect(jws_verify(&jws, &key, &error));
    arena_free(arena);
}

Test(jws, ecdsa_signatures_of_another_form_are_bad)
{
    static const size_t lengths[] = {1, 63, 65, 70, 72, 128};
    struct arena *arena = arena_new();
    struct jwk key;
    make_key(arena, PUBLIC_KEY_P256, &key);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct jws jws;
        struct jose_error error = {0};
        cr_assert(parse(arena, signed_by(arena, &key, "{}"), &jws, &error));
        jws.signature = bytes_of(arena_alloc(arena, lengths[i]), lengths[i]);
        cr_expect_not(jws_verify(&jws, &key, &error), "%zu octets", lengths[i]);
        cr_expect_eq(error.code, JOSE_BAD_SIGNATURE);
    }
    arena_free(arena);
}

Test(jws, an_algorithm_that_is_not_for_the_key_is_told_as_such)
{
    struct arena *arena = arena_new();
    struct jwk p256, rsa, p384;
    struct jws jws;
    struct jose_error error = {0};
    make_key(arena, PUBLIC_KEY_P256, &p256);
    make_key(arena, PUBLIC_KEY_RSA, &rsa);
    make_key(arena, PUBLIC_KEY_P384, &p384);
    cr_assert(parse(arena, signed_by(arena, &p256, "{}"), &jws, &error));
    const struct jwk *others[] = {&rsa, &p384};
    for (size_t i = 0; i < 2; i++) {
        cr_expect_not(jws_verify(&jws, others[i], &error));
        cr_expect_eq(error.code, JOSE_UNSUPPORTED_ALGORITHM);
    }
    arena_free(arena);
}

/* acme-server.md 11. */
Test(jws, algorithms_that_accounts_may_not_use)
{
    static const char *const names[] = {"none",  "HS256", "HS384",  "HS512",  "RS384", "RS512",
                                        "PS256", "es256", "ES256K", "ES256 ", "",      "RS1"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct jws jws;
        struct jose_error error = {0};
        const char *header = arena_printf(arena, "{\"alg\":\"%s\"}", names[i]);
        cr_expect_not(parse(arena, flattened(arena, header, "{}", "AAAA"), &jws, &error), "%s", names[i]);
        cr_expect_eq(error.code, JOSE_UNSUPPORTED_ALGORITHM, "%s", names[i]);
    }
    arena_free(arena);
}

/* acme-server.md 10, 13, 19. */
Test(jws, bodies_of_another_form_are_malformed)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "\"text\"",
        "{",
        "{}",
        A3_PROTECTED "." A3_PAYLOAD "." A3_SIGNATURE,
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"signature\":\"AAAA\"}",
        "{\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":7,\"signature\":\"AAAA\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":null,\"signature\":\"AAAA\"}",
        "{\"protected\":{\"alg\":\"ES256\"},\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"\",\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"AAAA\",\"header\":{}}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signatures\":[]}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"AAAA\",\"signatures\":[]}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"AAAA\",\"payload\":\"\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"AAAA\"}x",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"AAAA\"}{}",
        "{\"protected\":\"" A3_PROTECTED "=\",\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"e30=\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"A+/A\"}",
        "{\"protected\":\"" A3_PROTECTED "\",\"payload\":\"\",\"signature\":\"AA AA\"}",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct jws jws;
        struct jose_error error = {0};
        cr_expect_not(parse(arena, bodies[i], &jws, &error), "%s", bodies[i]);
        cr_expect_eq(error.code, JOSE_MALFORMED, "%s", bodies[i]);
        cr_expect_not_null(error.detail);
    }
    arena_free(arena);
}

Test(jws, protected_headers_that_are_malformed)
{
    static const char *const headers[] = {
        "7",
        "[]",
        "{\"alg\":\"ES256\"",
        "{}",
        "{\"alg\":256}",
        "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"crit\":[\"x\"]}",
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"b64\":false}",
        "{\"alg\":\"ES256\",\"x\":[[[[[[[[1]]]]]]]]}",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct jws jws;
        struct jose_error error = {0};
        cr_expect_not(parse(arena, flattened(arena, headers[i], "{}", "AAAA"), &jws, &error), "%s",
                      headers[i]);
        cr_expect_eq(error.code, JOSE_MALFORMED, "%s", headers[i]);
    }
    arena_free(arena);
}

Test(jws, unknown_members_are_ignored_and_an_empty_payload_is_a_post_as_get)
{
    struct arena *arena = arena_new();
    struct jws jws;
    struct jose_error error = {0};
    cr_assert(parse(arena,
                    "{\"protected\":\"" A3_PROTECTED
                    "\",\"payload\":\"\",\"signature\":\"AAAA\",\"else\":[1]}",
                    &jws, &error),
              "%s", error.detail);
    cr_expect_eq(jws.payload.n, 0);
    cr_expect(bytes_equal_string(jws.signing_input, A3_PROTECTED "."));
    arena_free(arena);
}

Test(jws, the_accounts_algorithms_are_listed_for_clients)
{
    struct arena *arena = arena_new();
    const struct json *list = parse_json(arena, jws_account_algorithms_json);
    cr_assert_eq(list->type, JSON_ARRAY);
    cr_assert_eq(list->count, 5);
    for (size_t i = 0; i < list->count; i++) {
        struct jws jws;
        struct jose_error error = {0};
        const char *header = arena_printf(arena, "{\"alg\":\"%s\"}", (const char *)list->items[i]->string.p);
        cr_expect(parse(arena, flattened(arena, header, "{}", "AAAA"), &jws, &error), "%s", header);
    }
    arena_free(arena);
}
