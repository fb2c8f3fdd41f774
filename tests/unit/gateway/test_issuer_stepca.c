/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "gateway/ca/issuer_stepca_internal.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(issuer_stepca);

/* ---- opening fails closed ---- */

#define PRIVATE_JWK \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WTgAAGNeIOVnXPQUXUds0urXwf_OB1RJy3af1At57XE\"," \
    "\"y\":\"miEXLFu3U_A30c7NdV92b-cNjtl4lvkX8wHUp1YlCZ8\"," \
    "\"d\":\"SV-aFZpbBi6yqSKPuB0s7lKyhY-w19xYW-KaT09li5M\"}"

enum certificate_kind { KIND_CA, KIND_LEAF };

static const char *new_certificate_pem(struct arena *arena, enum certificate_kind kind)
{
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    autofree_x509 X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    cr_assert_eq(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                            (const unsigned char *)"test", -1, -1, 0),
                 1);
    cr_assert_eq(X509_set_version(certificate, X509_VERSION_3), 1);
    cr_assert_eq(X509_set_issuer_name(certificate, name), 1);
    cr_assert(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL);
    cr_assert(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) != NULL);
    cr_assert_eq(X509_set_pubkey(certificate, key), 1);
    X509_EXTENSION *constraints = X509V3_EXT_conf_nid(
        NULL, NULL, NID_basic_constraints, kind == KIND_CA ? "critical,CA:TRUE" : "critical,CA:FALSE");
    cr_assert_eq(X509_add_ext(certificate, constraints, -1), 1);
    X509_EXTENSION_free(constraints);
    cr_assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    const char *pem = certificate_to_pem(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return pem;
}

struct opening {
    struct arena *arena;
    const char *directory;
    struct issuer_config config;
};

static struct opening prepare_opening(void)
{
    struct opening opening = {.arena = arena_new()};
    opening.directory = scratch_directory_new(opening.arena);
    opening.config = (struct issuer_config){
        .id = "main",
        .type = ISSUER_STEPCA,
        .ca_url = "https://ca.internal:9000",
        .provisioner_name = "acmegate",
        .provisioner_key_path = arena_printf(opening.arena, "%s/key.json", opening.directory),
        .root_cert_path = arena_printf(opening.arena, "%s/root.crt", opening.directory),
        .request_timeout_s = 1,
        .max_concurrent = 1,
    };
    return opening;
}

static void expect_refusal(struct opening *opening, const char *words)
{
    struct fault fault = {0};
    cr_expect_null(issuer_new(&opening->config, NULL, &fault));
    cr_expect(strstr(fault.message, words) != NULL, "%s does not say %s", fault.message, words);
    scratch_directory_remove(opening->directory);
    arena_free(opening->arena);
}

Test(issuer_stepca, defect_07_a_root_file_that_cannot_be_read_is_an_error)
{
    struct opening opening = prepare_opening();
    scratch_write(opening.directory, "key.json", PRIVATE_JWK);
    expect_refusal(&opening, "No such file");
}

Test(issuer_stepca, defect_07_a_root_file_without_a_whole_ca_certificate_is_an_error)
{
    struct arena *arena = arena_new();
    const char *root = new_certificate_pem(arena, KIND_CA);
    const char *texts[] = {
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        arena_printf(arena, "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", root),
        new_certificate_pem(arena, KIND_LEAF),
        arena_printf(arena, "%s%s", root, new_certificate_pem(arena, KIND_LEAF)),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct opening opening = prepare_opening();
        scratch_write(opening.directory, "key.json", PRIVATE_JWK);
        scratch_write(opening.directory, "root.crt", texts[i]);
        expect_refusal(&opening, "root_cert_path");
    }
    arena_free(arena);
}

Test(issuer_stepca, defect_10_the_provisioner_key_is_opened_at_the_start)
{
    struct arena *arena = arena_new();
    const char *root = new_certificate_pem(arena, KIND_CA);
    static const char *const keys[] = {"", "hello", "{\"kty\":\"oct\",\"k\":\"AAAA\"}"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct opening opening = prepare_opening();
        scratch_write(opening.directory, "root.crt", root);
        scratch_write(opening.directory, "key.json", keys[i]);
        expect_refusal(&opening, "provisioner_key_path");
    }
    struct opening opening = prepare_opening();
    scratch_write(opening.directory, "root.crt", root);
    expect_refusal(&opening, "No such file");
    arena_free(arena);
}

/* ---- what a reply means ---- */

struct reply_case {
    struct outbound_http_reply reply;
    enum issuer_outcome sign, revoke;
};

#define BODY(text) BYTES_LITERAL(text)

static const struct reply_case reply_cases[] = {
    {{.status = 400, .body = BODY("{\"message\":\"bad\"}")}, ISSUER_REFUSED, ISSUER_REFUSED},
    {{.status = 401, .body = BODY("{\"message\":\"no\"}")}, ISSUER_UNAUTHORIZED, ISSUER_UNAUTHORIZED},
    {{.status = 403, .body = BODY("{\"message\":\"no\"}")}, ISSUER_REFUSED, ISSUER_REFUSED},
    {{.status = 404, .body = BODY("404 page not found")}, ISSUER_UNAVAILABLE, ISSUER_UNAVAILABLE},
    {{.status = 429, .body = BODY("")}, ISSUER_UNAVAILABLE, ISSUER_UNAVAILABLE},
    {{.status = 500, .body = BODY("{}")}, ISSUER_UNAVAILABLE, ISSUER_UNAVAILABLE},
    {{.status = 501, .body = BODY("{}")}, ISSUER_UNAVAILABLE, ISSUER_UNAVAILABLE},
    {{.status = 503, .body = BODY("")}, ISSUER_UNAVAILABLE, ISSUER_UNAVAILABLE},
    {{.status = 400, .body = BODY("{\"message\":\"certificate '1' is already revoked\"}")},
     ISSUER_REFUSED,
     ISSUER_ALREADY_REVOKED},
    {{.status = 200, .body = BODY("{\"status\":\"ok\"}")}, ISSUER_UNKNOWN, ISSUER_OK},
    {{.status = 201, .body = BODY("<html>")}, ISSUER_UNKNOWN, ISSUER_UNKNOWN},
    {{.status = 201, .body = BODY("{\"certChain\":[\"x\"]}")}, ISSUER_UNKNOWN, ISSUER_UNKNOWN},
    {{.transport_error = "connection refused"}, ISSUER_UNAVAILABLE, ISSUER_UNAVAILABLE},
    {{.transport_error = "not trusted", .untrusted = true}, ISSUER_UNAVAILABLE, ISSUER_UNAVAILABLE},
    {{.transport_error = "not trusted", .untrusted = true, .connected = true},
     ISSUER_UNAVAILABLE,
     ISSUER_UNAVAILABLE},
    {{.transport_error = "timed out", .connected = true}, ISSUER_UNKNOWN, ISSUER_UNKNOWN},
};

Test(issuer_stepca, defect_12_each_reply_has_its_own_outcome)
{
    for (size_t i = 0; i < sizeof reply_cases / sizeof reply_cases[0]; i++) {
        struct arena *arena = arena_new();
        struct issuer_result sign;
        struct issuer_result revoke;
        issuer_stepca_read_sign_reply(arena, &reply_cases[i].reply, &sign);
        issuer_stepca_read_revoke_reply(arena, &reply_cases[i].reply, &revoke);
        cr_expect_eq(sign.outcome, reply_cases[i].sign, "%zu: %d", i, (int)sign.outcome);
        cr_expect_eq(revoke.outcome, reply_cases[i].revoke, "%zu: %d", i, (int)revoke.outcome);
        cr_expect_eq(sign.http_status, reply_cases[i].reply.status);
        cr_expect(sign.message != NULL && sign.message[0] != '\0', "%zu", i);
        cr_expect_eq(sign.chain_count, 0);
        arena_free(arena);
    }
}

Test(issuer_stepca, a_ca_that_is_not_trusted_is_told_as_such)
{
    struct arena *arena = arena_new();
    struct outbound_http_reply reply = {.transport_error = "unable to get issuer", .untrusted = true};
    struct issuer_result result;
    issuer_stepca_read_sign_reply(arena, &reply, &result);
    cr_expect(strstr(result.message, "root_cert_path") != NULL, "%s", result.message);
    cr_expect(strstr(result.message, "unable to get issuer") != NULL, "%s", result.message);
    arena_free(arena);
}

Test(issuer_stepca, C2_and_C5_a_refusal_says_whose_turn_it_is)
{
    static const struct {
        const char *message;
        enum issuer_refusal refusal;
        enum ca_refusal_kind kind;
    } cases[] = {
        {"dns name 'x.example.org' not allowed", ISSUER_REFUSAL_CA, CA_REFUSAL_OTHER},
        {"certificate request does not contain the valid DNS names", ISSUER_REFUSAL_NAMES, CA_REFUSAL_OTHER},
        {"certificate request RSA key must be at least 2048 bits", ISSUER_REFUSAL_CSR, CA_REFUSAL_OTHER},
        {"requested duration of 48h0m0s is more than the authorized maximum certificate duration of 24h1m0s",
         ISSUER_REFUSAL_DURATION, CA_REFUSAL_TOO_LONG},
        {"requested duration of 1h0m0s is less than the authorized minimum certificate duration of 2h0m0s",
         ISSUER_REFUSAL_DURATION, CA_REFUSAL_TOO_SHORT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const char *body = arena_printf(arena, "{\"message\":\"%s\"}", cases[i].message);
        struct outbound_http_reply reply = {.status = 403, .body = bytes_from_string(body)};
        struct issuer_result result;
        issuer_stepca_read_sign_reply(arena, &reply, &result);
        cr_expect_eq(result.outcome, ISSUER_REFUSED, "%zu", i);
        cr_expect_eq(result.refusal, cases[i].refusal, "%s", cases[i].message);
        cr_expect_eq(result.duration.kind, cases[i].kind, "%s", cases[i].message);
        arena_free(arena);
    }
}

Test(issuer_stepca, a_signed_chain_comes_whole)
{
    struct arena *arena = arena_new();
    struct json_writer *writer = json_writer_new(arena, 64 * 1024);
    json_begin_object(writer);
    json_key(writer, "certChain");
    json_begin_array(writer);
    for (int i = 0; i < 3; i++) {
        json_write_string(writer, new_certificate_pem(arena, KIND_CA));
    }
    json_end_array(writer);
    json_end_object(writer);
    struct outbound_http_reply reply = {.status = 201, .body = json_writer_finish(writer)};
    struct issuer_result result;
    issuer_stepca_read_sign_reply(arena, &reply, &result);
    cr_expect_eq(result.outcome, ISSUER_OK);
    cr_expect_eq(result.chain_count, 3);
    cr_expect_str_eq(result.message, "");
    arena_free(arena);
}

/* ---- limits ---- */

enum { DAY_S = 24 * 3600 };

Test(issuer_stepca, C3_a_wish_is_only_lowered_to_a_maximum_that_is_known)
{
    static const struct {
        const char *about;
        int64_t preferred_s;
        struct ca_fact max;
        int64_t expected_wish_s, expected_max_s;
    } cases[] = {
        {"assumed", 7 * DAY_S, {DAY_S, CA_FACT_ASSUMED, 0}, 7 * DAY_S, 0},
        {"told", 7 * DAY_S, {DAY_S, CA_FACT_TOLD, 1}, DAY_S, DAY_S},
        {"told, and within it", DAY_S, {7 * DAY_S, CA_FACT_TOLD, 1}, DAY_S, 7 * DAY_S},
        {"learned", 7 * DAY_S, {DAY_S, CA_FACT_LEARNED, 1}, DAY_S, 0},
        {"observed: no bound", 7 * DAY_S, {3 * DAY_S, CA_FACT_OBSERVED, 1}, 7 * DAY_S, 0},
        {"no preferred lifetime", 0, {DAY_S, CA_FACT_TOLD, 1}, 0, DAY_S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct issuer_stepca issuer = {
            .base = {.id = "main", .health_mutex = PTHREAD_MUTEX_INITIALIZER},
            .provisioner_name = "acmegate",
            .preferred_s = cases[i].preferred_s,
        };
        ca_knowledge_init(&issuer.knowledge);
        issuer.knowledge.max = cases[i].max;
        issuer_stepca_publish_limits(&issuer);
        struct issuer_status status;
        issuer_read_status(&issuer.base, &status);
        cr_expect_eq(status.limits.preferred_s, cases[i].expected_wish_s, "%s", cases[i].about);
        cr_expect_eq(status.limits.issuer_max_s, cases[i].expected_max_s, "%s", cases[i].about);
        cr_expect_eq(status.knowledge.max.source, cases[i].max.source, "%s", cases[i].about);
        cr_expect(status.usable, "%s", cases[i].about);
    }
}
