/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include "stepca/messages.h"

LEAK_CHECKED_SUITE(messages);

static const struct json *parse(struct arena *arena, struct bytes text)
{
    const struct json *json = json_parse(arena, text, &stepca_reply_limits, NULL);
    cr_assert_not_null(json);
    return json;
}

static bool member_is(const struct json *object, const char *name, const char *expected)
{
    struct bytes value;
    return json_member_string(object, name, &value) && bytes_equal_string(value, expected);
}

Test(messages, sign_body_carries_the_csr_as_pem_and_no_times_unless_asked)
{
    struct arena *arena = arena_new();
    autofree_x509_req X509_REQ *csr = fixture_csr(NULL, "DNS:a.internal");
    struct stepca_sign_request request = {.csr_der = fixture_csr_der(arena, csr), .token = "h.p.s"};
    const struct json *body = parse(arena, stepca_sign_body(arena, &request));
    struct bytes pem;
    cr_assert(json_member_string(body, "csr", &pem));
    cr_expect(bytes_has_prefix(pem, BYTES_LITERAL("-----BEGIN CERTIFICATE REQUEST-----\n")));
    cr_expect(member_is(body, "ott", "h.p.s"));
    cr_expect_null(json_member(body, "notBefore"));
    cr_expect_null(json_member(body, "notAfter"));
    arena_free(arena);
}

Test(messages, sign_body_carries_the_times_that_are_asked_for)
{
    struct arena *arena = arena_new();
    struct stepca_sign_request request = {.csr_der = BYTES_LITERAL("x"),
                                          .token = "t",
                                          .not_before = "2026-01-02T03:04:05Z",
                                          .not_after = "1h30m"};
    const struct json *body = parse(arena, stepca_sign_body(arena, &request));
    cr_expect(member_is(body, "notBefore", "2026-01-02T03:04:05Z"));
    cr_expect(member_is(body, "notAfter", "1h30m"));
    arena_free(arena);
}

Test(messages, defect_02_reason_code_is_sent_and_passive_is_true)
{
    static const int reasons[] = {0, 1, 10};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_revoke_request request = {
            .serial_decimal = "340282366920938463463374607431768211455",
            .token = "h.p.s",
            .reason_code = reasons[i],
            .reason = "keyCompromise",
        };
        const struct json *body = parse(arena, stepca_revoke_body(arena, &request));
        int64_t code = -1;
        bool passive = false;
        cr_expect(json_member_integer(body, "reasonCode", &code) && code == reasons[i]);
        cr_expect(json_member_boolean(body, "passive", &passive) && passive);
        cr_expect(member_is(body, "serial", "340282366920938463463374607431768211455"));
        cr_expect(member_is(body, "ott", "h.p.s"));
        cr_expect(member_is(body, "reason", "keyCompromise"));
        arena_free(arena);
    }
}

enum { DEEPEST_CHAIN = 6 };

/* A reply to /sign with `depth` certificates; step-ca repeats the first two as `crt` and `ca`. */
static struct bytes sign_reply(struct arena *arena, size_t depth, struct bytes der[static DEEPEST_CHAIN])
{
    const char *pem[DEEPEST_CHAIN] = {0};
    for (size_t i = 0; i < depth; i++) {
        autofree_x509 X509 *certificate = fixture_certificate(arena_printf(arena, "certificate %zu", i));
        der[i] = fixture_certificate_der(arena, certificate);
        pem[i] = fixture_certificate_pem(arena, certificate);
    }
    struct json_writer *writer = json_writer_new(arena, 64 * 1024);
    json_begin_object(writer);
    json_put_string(writer, "crt", pem[0]);
    json_put_string(writer, "ca", pem[depth > 1 ? 1 : 0]);
    json_key(writer, "certChain");
    json_begin_array(writer);
    for (size_t i = 0; i < depth; i++) {
        json_write_string(writer, pem[i]);
    }
    json_end_array(writer);
    json_end_object(writer);
    return json_writer_finish(writer);
}

Test(messages, defect_06_chains_of_any_depth_are_read_whole)
{
    for (size_t depth = 1; depth <= DEEPEST_CHAIN; depth++) {
        struct arena *arena = arena_new();
        struct bytes der[DEEPEST_CHAIN];
        struct stepca_chain chain;
        cr_assert(stepca_parse_chain(arena, sign_reply(arena, depth, der), &chain), "%zu", depth);
        cr_assert_eq(chain.count, depth);
        for (size_t i = 0; i < depth; i++) {
            cr_expect(bytes_equal(chain.certificates[i], der[i]), "%zu of %zu", i, depth);
        }
        arena_free(arena);
    }
}

Test(messages, a_reply_that_is_no_chain_is_refused)
{
    static const char *const bodies[] = {
        "",
        "<html>",
        "[]",
        "{}",
        "{\"certChain\":[]}",
        "{\"certChain\":null}",
        "{\"certChain\":[1]}",
        "{\"certChain\":[\"\"]}",
        "{\"certChain\":[\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"]}",
        "{\"certChain\":[\"-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----\\n\"]}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_chain chain;
        cr_expect_not(stepca_parse_chain(arena, bytes_from_string(bodies[i]), &chain), "%s", bodies[i]);
        arena_free(arena);
    }
}

Test(messages, one_broken_certificate_spoils_the_chain)
{
    struct arena *arena = arena_new();
    struct bytes der[DEEPEST_CHAIN];
    struct bytes reply = sign_reply(arena, 2, der);
    char *text = arena_string(arena, reply);
    char *last = strrchr(text, ',');
    cr_assert_not_null(last);
    char *body = strstr(last, "-----\\n");
    cr_assert_not_null(body);
    memcpy(body + 7, "????", 4);
    struct stepca_chain chain;
    cr_expect_not(stepca_parse_chain(arena, bytes_from_string(text), &chain));
    arena_free(arena);
}

Test(messages, intermediates_are_read)
{
    struct arena *arena = arena_new();
    autofree_x509 X509 *certificate = fixture_certificate("intermediate");
    struct json_writer *writer = json_writer_new(arena, 64 * 1024);
    json_begin_object(writer);
    json_key(writer, "crts");
    json_begin_array(writer);
    json_write_string(writer, fixture_certificate_pem(arena, certificate));
    json_end_array(writer);
    json_end_object(writer);
    struct stepca_chain chain;
    cr_assert(stepca_parse_certificates(arena, json_writer_finish(writer), &chain));
    cr_expect_eq(chain.count, 1);
    cr_expect(bytes_equal(chain.certificates[0], fixture_certificate_der(arena, certificate)));
    cr_expect_not(stepca_parse_certificates(arena, BYTES_LITERAL("{\"crts\":[]}"), &chain));
    arena_free(arena);
}

static struct bytes provisioner_page(struct arena *arena)
{
    const char *text = arena_printf(
        arena,
        "{\"provisioners\":["
        "{\"type\":\"ACME\",\"name\":\"acme\"},"
        "{\"type\":\"JWK\",\"name\":\"plain\",\"key\":{\"kid\":\"one\",%s,\"encryptedKey\":\"a.b.c.d.e\"},"
        "{\"type\":\"JWK\",\"name\":\"limited\",\"key\":{\"kid\":\"two\",%s,"
        "\"claims\":{\"minTLSCertDuration\":\"10m0s\",\"maxTLSCertDuration\":\"2160h0m0s\","
        "\"defaultTLSCertDuration\":\"1h30m0s\",\"disableRenewal\":true}},"
        "{\"type\":\"JWK\",\"name\":\"odd\",\"encryptedKey\":\"\",\"key\":{\"kid\":\"three\",\"kty\":\"XYZ\"}"
        "},"
        "{\"type\":\"JWK\",\"name\":\"no key\"}"
        "],\"nextCursor\":\"more\"}",
        fixture_public_jwk + 1, fixture_public_jwk + 1);
    return bytes_from_string(text);
}

Test(messages, provisioners_come_with_key_and_limits)
{
    struct arena *arena = arena_new();
    struct stepca_provisioner_page page;
    cr_assert(stepca_parse_provisioners(arena, provisioner_page(arena), &page));
    cr_assert_eq(page.count, 3);
    cr_expect_str_eq(page.next_cursor, "more");
    const struct stepca_provisioner *plain = &page.provisioners[0];
    cr_expect_str_eq(plain->name, "plain");
    cr_expect_str_eq(plain->key_id, "one");
    cr_assert_not_null(plain->public_thumbprint);
    cr_expect_str_eq(plain->public_thumbprint, FIXTURE_THUMBPRINT);
    cr_assert_not_null(plain->encrypted_key);
    cr_expect_str_eq(plain->encrypted_key, "a.b.c.d.e");
    cr_expect(plain->min_s == 0 && plain->max_s == 0 && plain->default_s == 0 && !plain->disable_renewal);
    const struct stepca_provisioner *limited = &page.provisioners[1];
    cr_expect_str_eq(limited->key_id, "two");
    cr_expect(limited->min_s == 600 && limited->max_s == 7776000 && limited->default_s == 5400);
    cr_expect(limited->disable_renewal);
    cr_expect_null(limited->encrypted_key);
    cr_expect_null(page.provisioners[2].encrypted_key, "it is empty");
    cr_expect_null(page.provisioners[2].public_thumbprint);
    arena_free(arena);
}

Test(messages, other_provisioners_that_sign_for_tls_are_named)
{
    static const char body[] =
        "{\"provisioners\":[{\"type\":\"ACME\",\"name\":\"acme\"},{\"type\":\"SSHPOP\",\"name\":\"ssh\"},"
        "{\"type\":\"JWK\",\"name\":\"without a "
        "key\"},{\"type\":\"X5C\",\"name\":\"x5c\"},{\"type\":\"OIDC\"},"
        "{\"name\":\"nothing\"},7]}";
    struct arena *arena = arena_new();
    struct stepca_provisioner_page page;
    cr_assert(stepca_parse_provisioners(arena, BYTES_LITERAL(body), &page));
    cr_expect_eq(page.count, 0);
    cr_assert_eq(page.other_count, 2);
    cr_expect_str_eq(page.others[0].name, "acme");
    cr_expect_str_eq(page.others[0].type, "ACME");
    cr_expect_str_eq(page.others[1].name, "x5c");
    cr_expect_str_eq(page.others[1].type, "X5C");
    arena_free(arena);
}

Test(messages, the_last_page_has_an_empty_cursor)
{
    static const char *const bodies[] = {"{\"provisioners\":[],\"nextCursor\":\"\"}",
                                         "{\"provisioners\":null,\"nextCursor\":\"\"}",
                                         "{\"provisioners\":[]}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_provisioner_page page;
        cr_assert(stepca_parse_provisioners(arena, bytes_from_string(bodies[i]), &page));
        cr_expect_eq(page.count, 0);
        cr_expect_str_eq(page.next_cursor, "");
        arena_free(arena);
    }
}

Test(messages, what_is_no_page_of_provisioners_is_refused)
{
    static const char *const bodies[] = {"", "{}", "{\"provisioners\":1}", "<html></html>"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct arena *arena = arena_new();
        struct stepca_provisioner_page page;
        cr_expect_not(stepca_parse_provisioners(arena, bytes_from_string(bodies[i]), &page), "%s", bodies[i]);
        arena_free(arena);
    }
}

Test(messages, version_is_read_where_it_is)
{
    struct arena *arena = arena_new();
    const char *version = stepca_parse_version(arena, BYTES_LITERAL("{\"version\":\"0.30.2\"}"));
    cr_assert_not_null(version);
    cr_expect_str_eq(version, "0.30.2");
    cr_expect_null(stepca_parse_version(arena, BYTES_LITERAL("{}")));
    cr_expect_null(stepca_parse_version(arena, BYTES_LITERAL("nothing")));
    arena_free(arena);
}

static const char *fingerprint(struct arena *arena, struct bytes der, bool upper)
{
    uint8_t digest[32];
    cr_assert_eq(EVP_Digest(der.p, der.n, digest, NULL, EVP_sha256(), NULL), 1);
    const char *text = "";
    for (size_t i = 0; i < sizeof digest; i++) {
        text = arena_printf(arena, upper ? "%s%02X" : "%s%02x", text, digest[i]);
    }
    return text;
}

Test(messages, a_root_is_taken_only_with_the_fingerprint_that_was_asked_for)
{
    struct arena *arena = arena_new();
    autofree_x509 X509 *root = fixture_certificate("root");
    struct bytes expected = fixture_certificate_der(arena, root);
    struct json_writer *writer = json_writer_new(arena, 64 * 1024);
    json_begin_object(writer);
    json_put_string(writer, "ca", fixture_certificate_pem(arena, root));
    json_end_object(writer);
    struct bytes body = json_writer_finish(writer);
    struct bytes der;
    cr_assert(stepca_parse_root(arena, body, fingerprint(arena, expected, false), &der));
    cr_expect(bytes_equal(der, expected));
    cr_expect(stepca_parse_root(arena, body, fingerprint(arena, expected, true), &der));
    cr_expect_not(stepca_parse_root(arena, body, fingerprint(arena, body, false), &der));
    cr_expect_not(stepca_parse_root(arena, body, "", &der));
    cr_expect_not(stepca_parse_root(arena, BYTES_LITERAL("{}"), fingerprint(arena, expected, false), &der));
    arena_free(arena);
}

Test(messages, C11_a_page_that_is_too_long_is_asked_for_in_smaller_ones)
{
    struct arena *arena = arena_new();
    struct stepca_paging paging = stepca_paging_first;
    cr_expect_str_eq(stepca_paging_path(arena, &paging), "provisioners?limit=100");
    cr_expect(stepca_paging_next(&paging, "a1"));
    cr_expect_str_eq(stepca_paging_path(arena, &paging), "provisioners?limit=100&cursor=a1");
    cr_expect(stepca_paging_shorten(&paging));
    cr_expect_str_eq(stepca_paging_path(arena, &paging), "provisioners?limit=10&cursor=a1");
    cr_expect(stepca_paging_shorten(&paging));
    cr_expect_not(stepca_paging_shorten(&paging), "one alone is too long");
    cr_expect_str_eq(stepca_paging_path(arena, &paging), "provisioners?limit=1&cursor=a1");
    cr_expect_not(stepca_paging_next(&paging, ""), "the last page");
    struct stepca_provisioner_page page;
    cr_expect_not(stepca_parse_provisioners(
        arena, BYTES_LITERAL("{\"provisioners\":[],\"nextCursor\":\"a&limit=1\"}"), &page));
    arena_free(arena);
}

/* A CA, or what stands in its place, may answer anything: only what step reads goes on to the client. */
Test(messages, S12_tls_options_are_passed_on_by_name_and_type_alone)
{
    static const struct {
        const char *reply, *expected;
    } cases[] = {
        {"{}", "{}"},
        {"{\"tlsOptions\":null}", "{}"},
        {"{\"tlsOptions\":\"\\u009b31m\"}", "{}"},
        {"{\"tlsOptions\":[1]}", "{}"},
        {"{\"tlsOptions\":{}}", "{\"tlsOptions\":{}}"},
        {"{\"tlsOptions\":{\"cipherSuites\":[\"TLS_AES_128_GCM_SHA256\"],\"minVersion\":1.5,"
         "\"maxVersion\":1.25,\"renegotiation\":false}}",
         "{\"tlsOptions\":{\"cipherSuites\":[\"TLS_AES_128_GCM_SHA256\"],\"minVersion\":1.5,"
         "\"maxVersion\":1.25,\"renegotiation\":false}}"},
        {"{\"tlsOptions\":{\"cipherSuites\":[\"A0\",\"Z9\",\"_\",\"/\",\":\",\"@\",\"[\",\"a\"]}}",
         "{\"tlsOptions\":{\"cipherSuites\":[\"A0\",\"Z9\",\"_\"]}}"},
        {"{\"tlsOptions\":{\"cipherSuites\":[\"TLS_A\\u202e\",\"\",1,null,\"TLS_B\"]}}",
         "{\"tlsOptions\":{\"cipherSuites\":[\"TLS_B\"]}}"},
        {"{\"tlsOptions\":{\"minVersion\":\"\\u001b[31m\",\"maxVersion\":2,\"renegotiation\":0,\"x\":\"y\"}}",
         "{\"tlsOptions\":{\"maxVersion\":2}}"},
        {"{\"tlsOptions\":{\"cipherSuites\":{\"a\":1}}}", "{\"tlsOptions\":{}}"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_writer *writer = json_writer_new(arena, 1024);
        json_begin_object(writer);
        stepca_put_tls_options(writer, parse(arena, bytes_from_string(cases[i].reply)));
        json_end_object(writer);
        struct bytes written = json_writer_finish(writer);
        cr_expect_str_eq((const char *)written.p, cases[i].expected, "%s", cases[i].reply);
    }
    arena_free(arena);
}

/* A private key that this server signs with, encrypted or not, is nothing for others. */
Test(messages, the_servers_own_keys_are_left_out_of_a_list_of_provisioners)
{
#define OWN     "{\"name\":\"a\",\"key\":{\"kid\":\"own\"}"
#define OTHER   "{\"name\":\"b\",\"key\":{\"kid\":\"other\"},\"encryptedKey\":\"y\"}"
#define KEYLESS "{\"name\":\"c\",\"type\":\"ACME\"}"
    static const struct {
        const char *reply, *passed_on; /* NULL: nothing is */
    } cases[] = {
        {"{\"provisioners\":[" OWN ",\"encryptedKey\":\"x\",\"z\":1}," OTHER "," KEYLESS
         "],\"nextCursor\":\"a1\"}",
         "{\"provisioners\":[" OWN ",\"z\":1}," OTHER "," KEYLESS "],\"nextCursor\":\"a1\"}"},
        {"{\"nextCursor\":\"\",\"provisioners\":[" OWN "}]}",
         "{\"nextCursor\":\"\",\"provisioners\":[" OWN "}]}"},
        {"{\"provisioners\":[" OWN ",\"encryptedKey\":\"x\"}," OWN ",\"encryptedKey\":\"x\"}]}",
         "{\"provisioners\":[" OWN "}," OWN "}]}"},
        {"{\"provisioners\":[{\"key\":{\"kid\":\"second\"},\"encryptedKey\":\"x\"}]}",
         "{\"provisioners\":[{\"key\":{\"kid\":\"second\"}}]}"},
        {"{\"provisioners\":[1,null,{\"key\":7},{\"key\":{\"kid\":7}}]}",
         "{\"provisioners\":[1,null,{\"key\":7},{\"key\":{\"kid\":7}}]}"},
        {"{\"provisioners\":[],\"nextCursor\":\"\"}", "{\"provisioners\":[],\"nextCursor\":\"\"}"},
        {"{\"provisioners\":null,\"nextCursor\":\"\"}", "{\"provisioners\":null,\"nextCursor\":\"\"}"},
        {"{\"provisioners\":{}}", NULL},
        {"{}", NULL},
        {"[]", NULL},
        {"", NULL},
    };
    static const char *const own[] = {"own", "second"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes written =
            stepca_provisioners_without_keys(arena, bytes_from_string(cases[i].reply), own, 2);
        cr_expect(bytes_equal_string(written, cases[i].passed_on == NULL ? "" : cases[i].passed_on),
                  "%s: %.*s", cases[i].reply, (int)written.n, (const char *)written.p);
    }
    arena_free(arena);
}
