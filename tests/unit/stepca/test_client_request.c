/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include "acme/base/base64.h"
#include "stepca/client_request.h"

LEAK_CHECKED_SUITE(client_request);

static struct bytes token_of(struct arena *arena, const char *header, const char *payload)
{
    return bytes_from_string(arena_printf(arena, "%s.%s.c2lnbmF0dXJl",
                                          base64url_encode(arena, bytes_from_string(header)),
                                          base64url_encode(arena, bytes_from_string(payload))));
}

Test(client_request, token_tells_provisioner_subject_and_names)
{
    static const struct {
        const char *payload, *names;
    } cases[] = {
        {"{\"iss\":\"admin\",\"sub\":\"a\",\"sans\":[\"b\",\"10.0.0.1\"]}", "b 10.0.0.1"},
        {"{\"iss\":\"admin\",\"sub\":\"a\",\"sans\":[]}", "a"},
        {"{\"iss\":\"admin\",\"sub\":\"a\",\"sans\":null}", "a"},
        {"{\"iss\":\"admin\",\"sub\":\"a\",\"exp\":1}", "a"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stepca_token_claims claims;
        cr_assert(stepca_read_token(arena, token_of(arena, "{}", cases[i].payload), &claims));
        cr_expect_str_eq(claims.issuer, "admin");
        cr_expect_str_eq(claims.subject, "a");
        cr_expect_str_eq(arena_join(arena, claims.sans, claims.san_count, " "), cases[i].names);
    }
    arena_free(arena);
}

Test(client_request, what_is_no_token_is_not_read)
{
    static const char *const payloads[] = {
        "[]",
        "not JSON",
        "{\"iss\":\"admin\"}",
        "{\"sub\":\"a\"}",
        "{\"iss\":\"admin\",\"sub\":\"\"}",
        "{\"iss\":\"admin\",\"sub\":1}",
        "{\"iss\":\"admin\",\"sub\":\"a\",\"sans\":\"b\"}",
        "{\"iss\":\"admin\",\"sub\":\"a\",\"sans\":[1]}",
        "{\"iss\":\"admin\",\"sub\":\"a\",\"sans\":[\"\"]}",
        "{\"iss\":\"admin\",\"sub\":\"a\\u0000b\"}",
        /* which of the two would the CA take? */
        "{\"iss\":\"admin\",\"sub\":\"a\",\"sans\":[\"b\"],\"sans\":[\"c\"]}",
    };
    static const char *const texts[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "e30",
                                        "e30.e30",
                                        "e30.e30.e30.e30",
                                        "e30.!.e30",
                                        "e30.e30.e3 0",
                                        "{\"payload\":\"e30\"}"};
    struct arena *arena = arena_new();
    struct stepca_token_claims claims;
    struct stepca_chain chain;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        cr_expect_not(stepca_read_token(arena, token_of(arena, "{}", payloads[i]), &claims), "%s",
                      payloads[i]);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_expect_not(stepca_read_token(arena, bytes_from_string(texts[i]), &claims), "%s", texts[i]);
        cr_expect_not(stepca_read_renewal_token(arena, bytes_from_string(texts[i]), &chain), "%s", texts[i]);
    }
    arena_free(arena);
}

Test(client_request, renewal_token_holds_the_certificates)
{
    static const struct {
        const char *header;
        size_t count;
    } cases[] = {
        {"{\"x5cInsecure\":[\"MAE=\",\"MAEC\",\"MA==\"]}", 3},
        {"{\"x5cInsecure\":[]}", 0},
        {"{\"x5cInsecure\":\"MAE=\"}", 0},
        {"{\"x5cInsecure\":[\"MAE\"]}", 0},
        {"{\"x5cInsecure\":[\"*AE=\"]}", 0},
        {"{\"x5cInsecure\":[\"\"]}", 0},
        {"{\"x5cInsecure\":[1]}", 0},
        {"{\"x5c\":[\"MAE=\"]}", 0},
    };
    struct arena *arena = arena_new();
    struct stepca_chain chain;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(stepca_read_renewal_token(arena, token_of(arena, cases[i].header, "{}"), &chain),
                     cases[i].count != 0, "%s", cases[i].header);
    cr_assert(stepca_read_renewal_token(arena, token_of(arena, cases[0].header, "{}"), &chain));
    cr_expect_eq(chain.count, 3);
    cr_expect(bytes_equal(chain.certificates[0], BYTES_LITERAL("\x30\x01")));
    cr_expect(bytes_equal(chain.certificates[1], BYTES_LITERAL("\x30\x01\x02")));
    cr_expect(bytes_equal(chain.certificates[2], BYTES_LITERAL("\x30")));
    arena_free(arena);
}

/* The body that stepca_sign_body makes, with `more` members behind its own. */
static struct bytes sign_body(struct arena *arena, const char *more)
{
    autofree_x509_req X509_REQ *csr = fixture_csr(NULL, "DNS:a.internal");
    struct stepca_sign_request request = {.csr_der = fixture_csr_der(arena, csr), .token = "h.p.s"};
    struct bytes body = stepca_sign_body(arena, &request);
    return bytes_from_string(arena_printf(arena, "%.*s%s}", (int)body.n - 1, (const char *)body.p, more));
}

Test(client_request, sign_body_is_read)
{
    struct arena *arena = arena_new();
    struct stepca_client_sign sign;
    struct bytes body = sign_body(arena, "");
    cr_assert_null(stepca_read_client_sign(arena, body, &sign));
    cr_expect_str_eq(sign.token, "h.p.s");
    cr_expect_null(sign.not_before);
    cr_expect_null(sign.not_after);
    cr_expect_not(sign.has_template_data);
    struct stepca_sign_request again = {.csr_der = sign.csr_der, .token = sign.token};
    cr_expect(bytes_equal(stepca_sign_body(arena, &again), body), "the CSR is the one that was sent");

    body = sign_body(arena, ",\"notBefore\":\"\",\"notAfter\":\"1h\",\"templateData\":{},\"other\":[1]");
    cr_assert_null(stepca_read_client_sign(arena, body, &sign));
    cr_expect_null(sign.not_before);
    cr_expect_str_eq(sign.not_after, "1h");
    cr_expect_not(sign.has_template_data);
    cr_assert_null(
        stepca_read_client_sign(arena, sign_body(arena, ",\"templateData\":null,\"notAfter\":null"), &sign));
    cr_expect_not(sign.has_template_data);

    static const char *const data[] = {"{\"a\":1}", "[]", "\"\"", "0", "false"};
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        body = sign_body(arena, arena_printf(arena, ",\"templateData\":%s", data[i]));
        cr_assert_null(stepca_read_client_sign(arena, body, &sign));
        cr_expect(sign.has_template_data, "%s", data[i]);
    }
    arena_free(arena);
}

Test(client_request, broken_sign_bodies_are_told_what_is_wrong)
{
    struct arena *arena = arena_new();
    const struct {
        struct bytes body;
        const char *why;
    } cases[] = {
        {BYTES_LITERAL(""), "not a JSON object"},
        {BYTES_LITERAL("[]"), "not a JSON object"},
        {BYTES_LITERAL("{\"ott\":\"h.p.s\"}"), "missing csr"},
        {BYTES_LITERAL("{\"ott\":\"h.p.s\",\"csr\":\"MAE=\"}"), "missing csr"},
        {BYTES_LITERAL("{\"ott\":\"h.p.s\",\"csr\":\"-----BEGIN CERTIFICATE-----\\nMAE=\\n-----END "
                       "CERTIFICATE-----\\n\"}"),
         "missing csr"},
        {sign_body(arena, ",\"ott\":\"twice\""), "not a JSON object"},
        {sign_body(arena, ",\"notAfter\":3600"), "must be text"},
        {BYTES_LITERAL("{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\nMAE=\\n-----END CERTIFICATE "
                       "REQUEST-----\\n\"}"),
         "missing ott"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stepca_client_sign sign;
        const char *why = stepca_read_client_sign(arena, cases[i].body, &sign);
        cr_assert_not_null(why, "%zu", i);
        cr_expect_not_null(strstr(why, cases[i].why), "%zu: %s", i, why);
    }
    arena_free(arena);
}

#define DIGITS_80 "11111111111111111111111111111111111111111111111111111111111111111111111111111111"

Test(client_request, serial_numbers_are_decimal_or_hexadecimal)
{
    static const struct {
        const char *serial, *decimal;
    } cases[] = {
        {"1", "1"},
        {"255", "255"},
        {"0xff", "255"},
        {"0X0Ff", "255"},
        {"340282366920938463463374607431768211455", "340282366920938463463374607431768211455"},
        {"0xffffffffffffffffffffffffffffffff", "340282366920938463463374607431768211455"},
        {"0", NULL},
        {"0x0", NULL},
        {"017", NULL},
        {"-1", NULL},
        {"0x-1", NULL},
        {"0b11", NULL},
        {"1_0", NULL},
        {" 1", NULL},
        {"ff", NULL},
        {"", NULL},
        {DIGITS_80, DIGITS_80},
        {DIGITS_80 "1", NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stepca_client_revoke revoke;
        const char *body = arena_printf(arena, "{\"serial\":\"%s\",\"ott\":\"h.p.s\"}", cases[i].serial);
        const char *why = stepca_read_client_revoke(arena, bytes_from_string(body), &revoke);
        cr_expect_eq(why == NULL, cases[i].decimal != NULL, "%s", cases[i].serial);
        if (why == NULL)
            cr_expect_str_eq(revoke.serial_decimal, cases[i].decimal);
    }
    struct stepca_client_revoke revoke;
    cr_assert_null(stepca_read_client_revoke(arena, BYTES_LITERAL("{\"serial\":\"0x00ff01\"}"), &revoke));
    cr_expect(bytes_equal(revoke.serial, BYTES_LITERAL("\xff\x01")));
    cr_expect_null(revoke.token);
    arena_free(arena);
}

Test(client_request, revocation_is_passed_on_as_it_was_meant)
{
    static const struct {
        const char *body, *why, *passed_on;
    } cases[] = {
        {"{\"serial\":\"0x0a\",\"ott\":\"h.p.s\",\"reasonCode\":4,\"reason\":\"renamed\",\"passive\":true}",
         NULL,
         "{\"serial\":\"10\",\"ott\":\"h.p.s\",\"reasonCode\":4,\"reason\":\"renamed\",\"passive\":true}"},
        {"{\"serial\":\"10\",\"ott\":\"h.p.s\"}", NULL,
         "{\"serial\":\"10\",\"ott\":\"h.p.s\",\"reasonCode\":0,\"passive\":false}"},
        {"{\"serial\":\"10\",\"ott\":null,\"reasonCode\":null,\"reason\":null,\"passive\":null}", NULL,
         "{\"serial\":\"10\",\"reasonCode\":0,\"passive\":false}"},
        {"{\"serial\":\"10\",\"ott\":\"h.p.s\",\"reasonCode\":10}", NULL,
         "{\"serial\":\"10\",\"ott\":\"h.p.s\",\"reasonCode\":10,\"passive\":false}"},
        {"{\"serial\":\"10\",\"ott\":\"h.p.s\",\"reasonCode\":11}", "out of bounds", NULL},
        {"{\"serial\":\"10\",\"ott\":\"h.p.s\",\"reasonCode\":-1}", "out of bounds", NULL},
        {"{\"serial\":\"10\",\"ott\":\"h.p.s\",\"reasonCode\":\"1\"}", "out of bounds", NULL},
        {"{\"serial\":10,\"ott\":\"h.p.s\"}", "missing serial", NULL},
        {"{\"serial\":\"10\",\"ott\":1}", "must be text", NULL},
        {"null", "not a JSON object", NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stepca_client_revoke revoke;
        const char *why = stepca_read_client_revoke(arena, bytes_from_string(cases[i].body), &revoke);
        cr_expect_eq(why == NULL, cases[i].why == NULL, "%s: %s", cases[i].body, why);
        if (why == NULL)
            cr_expect(bytes_equal_string(stepca_client_revoke_body(arena, &revoke), cases[i].passed_on), "%s",
                      (const char *)stepca_client_revoke_body(arena, &revoke).p);
        else
            cr_expect_not_null(strstr(why, cases[i].why), "%s", why);
    }
    arena_free(arena);
}

Test(client_request, only_plain_segments_go_into_a_url)
{
    static const char *const good[] = {"a", "0f~._-=", "...", ".a"};
    static const char *const bad[] = {"", ".", "..", "a/b", "%2e", "a?b", "a#b", "a b", "ä", "a&b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(stepca_is_plain_segment(bytes_from_string(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(stepca_is_plain_segment(bytes_from_string(bad[i])), "%s", bad[i]);
    cr_expect_not(stepca_is_plain_segment(bytes_of("a\0b", 3)));
}

Test(client_request, C10_a_segment_holds_any_kid)
{
    static const struct {
        const char *encoded, *decoded, *again; /* decoded NULL: refused */
    } cases[] = {
        {"ops@corp.internal:2024", "ops@corp.internal:2024", "ops@corp.internal:2024"},
        {"ops%40corp.internal%3a2024", "ops@corp.internal:2024", "ops@corp.internal:2024"},
        {"a%2Fb%3Fc%23d%20e%25", "a/b?c#d e%", "a%2Fb%3Fc%23d%20e%25"},
        {"sch%C3%B6n", "sch\xc3\xb6n", "sch%C3%B6n"},
        {"Abc-1._~", "Abc-1._~", "Abc-1._~"},
        {"", NULL, NULL},
        {".", NULL, NULL},
        {"%2e%2e", NULL, NULL},
        {"a%", NULL, NULL},
        {"a%2", NULL, NULL},
        {"a%zz", NULL, NULL},
        {"a%00", NULL, NULL},
        {"a%0d%0aHost:", NULL, NULL},
        {"a%7f", NULL, NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes decoded;
        bool good = stepca_decode_segment(arena, bytes_from_string(cases[i].encoded), &decoded);
        cr_expect_eq(good, cases[i].decoded != NULL, "%s", cases[i].encoded);
        if (!good || cases[i].decoded == NULL)
            continue;
        cr_expect(bytes_equal_string(decoded, cases[i].decoded), "%s", cases[i].encoded);
        cr_expect(bytes_equal_string(stepca_encode_segment(arena, decoded), cases[i].again), "%s",
                  cases[i].again);
    }
    arena_free(arena);
}
