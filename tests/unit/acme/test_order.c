/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(order);

/* 2026-01-02T03:04:05Z */
static const int64_t noon = 1767323045;

static const struct urls urls = {.base = "https://acme.internal", .endpoint = "corp"};

static const struct json *payload(struct arena *arena, const char *text)
{
    const struct json *json = json_parse(arena, bytes_from_string(text), &json_limits_payload, NULL);
    cr_assert_not_null(json, "%s", text);
    return json;
}

#define DNS(value) "{\"type\":\"dns\",\"value\":\"" value "\"}"
#define IP(value)  "{\"type\":\"ip\",\"value\":\"" value "\"}"
#define ONE        "\"identifiers\":[" DNS("a.example") "]"

/* RFC 8555 §7.4, RFC 8738, draft-ietf-acme-profiles. */
Test(order, new_one_names_identifiers_times_and_profile)
{
    struct arena *arena = arena_new();
    struct order_request request;
    cr_assert_null(order_parse_new(
        arena,
        payload(arena, "{\"identifiers\":[" DNS("WWW.Example.org") "," DNS("*.example.org") "," IP(
                           "2001:db8::1") "," DNS("example.org") "],"
                                                                 "\"notBefore\":\"2026-01-02T03:04:05Z\","
                                                                 "\"notAfter\":\"2026-01-02T05:04:05+01:00\","
                                                                 "\"profile\":\"short\",\"unknown\":{}}"),
        4, &request));
    static const struct identifier expected[] = {
        {IDENTIFIER_DNS, "www.example.org"},
        {IDENTIFIER_DNS, "*.example.org"},
        {IDENTIFIER_IP, "2001:db8::1"},
        {IDENTIFIER_DNS, "example.org"},
    };
    cr_assert_eq(request.identifier_count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(identifier_compare(&request.identifiers[i], &expected[i]), 0, "%s",
                     request.identifiers[i].value);
    }
    cr_expect_eq(request.not_before, noon);
    cr_expect_eq(request.not_after, noon + 3600);
    cr_expect_str_eq(request.profile, "short");
    arena_free(arena);
}

Test(order, new_one_may_leave_times_and_profile_to_the_server)
{
    struct arena *arena = arena_new();
    struct order_request request;
    cr_assert_null(order_parse_new(arena, payload(arena, "{" ONE "}"), ORDER_MAX_IDENTIFIERS, &request));
    cr_expect_eq(request.identifier_count, 1);
    cr_expect_eq(request.not_before, 0);
    cr_expect_eq(request.not_after, 0);
    cr_expect_null(request.profile);
    arena_free(arena);
}

Test(order, P4_null_is_as_absent_in_a_new_one)
{
    struct arena *arena = arena_new();
    struct order_request request;
    cr_assert_null(order_parse_new(
        arena,
        payload(arena,
                "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\",\"ancestorDomain\":null}],"
                "\"notBefore\":null,\"notAfter\":null,\"profile\":null,\"replaces\":null}"),
        ORDER_MAX_IDENTIFIERS, &request));
    cr_expect_eq(request.not_before, 0);
    cr_expect_eq(request.not_after, 0);
    cr_expect_null(request.profile);
    cr_expect_null(request.replaces);
    cr_expect_null(request.ancestors[0]);
    arena_free(arena);
}

/* smallstep's `step` as an ACME client */
Test(order, go_s_time_that_is_not_set_is_an_absent_one)
{
    struct arena *arena = arena_new();
    struct order_request request;
    cr_assert_null(order_parse_new(arena,
                                   payload(arena, "{" ONE ",\"notBefore\":\"0001-01-01T00:00:00Z\","
                                                  "\"notAfter\":\"0001-01-01T00:00:00Z\"}"),
                                   ORDER_MAX_IDENTIFIERS, &request));
    cr_expect_eq(request.not_before, 0);
    cr_expect_eq(request.not_after, 0);
    arena_free(arena);
}

Test(order, new_ones_that_are_refused)
{
    static const struct {
        const char *payload;
        enum problem_type type;
        const char *said; /* part of the detail */
    } cases[] = {
        {"{}", PROBLEM_MALFORMED, "identifiers"},
        {"{\"identifiers\":[]}", PROBLEM_MALFORMED, "identifiers"},
        {"{\"identifiers\":null}", PROBLEM_MALFORMED, "identifiers"},
        {"{\"identifiers\":\"a.example\"}", PROBLEM_MALFORMED, "identifiers"},
        {"{\"identifiers\":" DNS("a.example") "}", PROBLEM_MALFORMED, "identifiers"},
        {"{\"identifiers\":[\"a.example\"]}", PROBLEM_MALFORMED, "type"},
        {"{\"identifiers\":[{\"value\":\"a.example\"}]}", PROBLEM_MALFORMED, "type"},
        {"{\"identifiers\":[{\"type\":\"dns\"}]}", PROBLEM_MALFORMED, "value"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":7}]}", PROBLEM_MALFORMED, "value"},
        {"{\"identifiers\":[{\"type\":\"email\",\"value\":\"a@b.example\"}]}", PROBLEM_UNSUPPORTED_IDENTIFIER,
         "email"},
        {"{\"identifiers\":[" DNS("a b.example") "]}", PROBLEM_MALFORMED, "a b.example"},
        {"{\"identifiers\":[" DNS("192.0.2.1") "]}", PROBLEM_MALFORMED, "192.0.2.1"},
        {"{\"identifiers\":[" IP("127.1") "]}", PROBLEM_MALFORMED, "127.1"},
        {"{\"identifiers\":[" DNS("a.example") "," DNS("b.example") "," DNS("A.example") "]}",
         PROBLEM_MALFORMED, "a.example"},
        {"{\"identifiers\":[" DNS("a") "," DNS("b") "," DNS("c") "," DNS("d") "," DNS("e") "]}",
         PROBLEM_MALFORMED, "4"},
        {"{" ONE ",\"notBefore\":\"tomorrow\"}", PROBLEM_MALFORMED, "notBefore"},
        {"{" ONE ",\"notBefore\":\"\"}", PROBLEM_MALFORMED, "notBefore"},
        {"{" ONE ",\"notBefore\":1767323045}", PROBLEM_MALFORMED, "notBefore"},
        {"{" ONE ",\"notBefore\":\"1970-01-01T00:00:00Z\"}", PROBLEM_MALFORMED, "notBefore"},
        {"{" ONE ",\"notBefore\":\"1969-01-01T00:00:00Z\"}", PROBLEM_MALFORMED, "notBefore"},
        {"{" ONE ",\"notAfter\":\"2026-13-01T00:00:00Z\"}", PROBLEM_MALFORMED, "notAfter"},
        {"{" ONE ",\"notAfter\":\"2026-01-02\"}", PROBLEM_MALFORMED, "notAfter"},
        {"{" ONE ",\"notAfter\":\"2026-01-02T03:04:05Z\\u0000\"}", PROBLEM_MALFORMED, "notAfter"},
        {"{" ONE ",\"notAfter\":true}", PROBLEM_MALFORMED, "notAfter"},
        {"{" ONE ",\"notAfter\":\"1970-01-01T00:00:00Z\"}", PROBLEM_MALFORMED, "notAfter"},
        {"{" ONE ",\"profile\":7}", PROBLEM_MALFORMED, "profile"},
        {"{" ONE ",\"profile\":\"default\\u0000x\"}", PROBLEM_MALFORMED, "profile"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct order_request request;
        const struct problem *problem = order_parse_new(arena, payload(arena, cases[i].payload), 4, &request);
        cr_expect_not_null(problem, "%s is accepted", cases[i].payload);
        if (problem != NULL) {
            cr_expect_eq(problem->type, cases[i].type, "%s: %s", cases[i].payload, problem->detail);
            cr_expect_not_null(strstr(problem->detail, cases[i].said), "%s: %s", cases[i].payload,
                               problem->detail);
            cr_expect_eq(problem->subproblem_count, 0);
        }
    }
    arena_free(arena);
}

/* RFC 8555 §6.7.1: a subproblem for each bad name and none for the good one. */
Test(order, several_bad_identifiers_are_told_one_by_one)
{
    struct arena *arena = arena_new();
    struct order_request request;
    const struct problem *problem = order_parse_new(
        arena,
        payload(arena,
                "{\"identifiers\":[" DNS("a..example") "," DNS("good.example") "," IP("010.0.0.1") "]}"),
        4, &request);
    cr_assert_not_null(problem);
    cr_expect_eq(problem->type, PROBLEM_MALFORMED);
    cr_expect_eq(problem->status, 400);
    cr_assert_eq(problem->subproblem_count, 2);
    cr_expect_eq(problem->subproblems[0].type, PROBLEM_MALFORMED);
    cr_expect_str_eq(problem->subproblems[0].identifier_type, "dns");
    cr_expect_str_eq(problem->subproblems[0].identifier_value, "a..example");
    cr_expect_not_null(strstr(problem->subproblems[0].detail, "empty label"));
    cr_expect_str_eq(problem->subproblems[1].identifier_type, "ip");
    cr_expect_str_eq(problem->subproblems[1].identifier_value, "010.0.0.1");
    arena_free(arena);
}

Test(order, bad_identifiers_of_different_kinds_make_a_compound)
{
    struct arena *arena = arena_new();
    struct order_request request;
    const struct problem *problem = order_parse_new(
        arena,
        payload(arena,
                "{\"identifiers\":[" DNS("a..example") ",{\"type\":\"email\",\"value\":\"a@b.example\"}]}"),
        4, &request);
    cr_assert_not_null(problem);
    cr_expect_eq(problem->type, PROBLEM_COMPOUND);
    cr_assert_eq(problem->subproblem_count, 2);
    cr_expect_eq(problem->subproblems[0].type, PROBLEM_MALFORMED);
    cr_expect_eq(problem->subproblems[1].type, PROBLEM_UNSUPPORTED_IDENTIFIER);
    cr_expect_str_eq(problem->subproblems[1].identifier_type, "email");
    cr_expect_str_eq(problem->subproblems[1].identifier_value, "a@b.example");
    arena_free(arena);
}

Test(order, finalize_carries_the_csr_as_base64url)
{
    static const struct {
        const char *payload;
        bool good;
    } cases[] = {
        {"{\"csr\":\"AQID\"}", true},
        {"{\"csr\":\"AQID\",\"unknown\":1}", true},
        {"{}", false},

        {"{\"csr\":null}", false},
        {"{\"csr\":7}", false},
        {"{\"csr\":\"AQI=\"}", false},
        {"{\"csr\":\"AQ+D\"}", false},
        {"{\"csr\":\"AQ ID\"}", false},
        {"{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\"}", false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes csr = {0};
        const struct problem *problem = order_parse_finalize(arena, payload(arena, cases[i].payload), &csr);
        cr_expect_eq(problem == NULL, cases[i].good, "%s", cases[i].payload);
        if (problem == NULL) {
            cr_expect(bytes_equal(csr, BYTES_LITERAL("\1\2\3")));
        } else {
            cr_expect_eq(problem->type, PROBLEM_MALFORMED);
            cr_expect_not_null(strstr(problem->detail, "csr"));
        }
    }
    arena_free(arena);
}

#define BASE "https://acme.internal/acme/corp"
#define HEAD(status) \
    "{\"status\":\"" status "\",\"expires\":\"2026-01-02T03:04:05Z\",\"identifiers\":[" DNS( \
        "*.example.org") "," IP("192.0.2.1") "],"
#define TAIL \
    "\"authorizations\":[\"" BASE "/authz/21\",\"" BASE "/authz/22\"],\"finalize\":\"" BASE \
    "/order/5/finalize\""

/* RFC 8555 §7.1.3. */
Test(order, is_shown_with_what_it_has)
{
    static struct identifier identifiers[] = {{IDENTIFIER_DNS, "*.example.org"},
                                              {IDENTIFIER_IP, "192.0.2.1"}};
    static int64_t authorization_ids[] = {21, 22};
    const struct order plain = {.id = 5,
                                .status = ORDER_PENDING,
                                .expires_at = noon,
                                .profile = "short",
                                .identifiers = identifiers,
                                .identifier_count = 2,
                                .authorization_ids = authorization_ids};
    struct order timed = plain;
    timed.status = ORDER_READY;
    timed.not_before = noon - 3600;
    timed.not_after = noon + 3600;
    struct order processing = plain;
    processing.status = ORDER_PROCESSING;
    processing.certificate_id = 33;
    struct order done = plain;
    done.status = ORDER_VALID;
    done.certificate_id = 33;
    struct order failed_order = plain;
    failed_order.status = ORDER_INVALID;
    failed_order.profile = NULL;
    failed_order.error_json = "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"no\"}";
    const struct {
        const struct order *order;
        const char *expected;
    } cases[] = {
        {&plain, HEAD("pending") "\"profile\":\"short\"," TAIL "}"},
        {&timed, HEAD("ready") "\"notBefore\":\"2026-01-02T02:04:05Z\",\"notAfter\":\"2026-01-02T04:04:05Z\","
                               "\"profile\":\"short\"," TAIL "}"},
        {&processing, HEAD("processing") "\"profile\":\"short\"," TAIL "}"},
        {&done, HEAD("valid") "\"profile\":\"short\"," TAIL ",\"certificate\":\"" BASE "/certificate/33\"}"},
        {&failed_order, HEAD("invalid") "\"error\":{\"type\":\"urn:ietf:params:acme:error:badCSR\","
                                        "\"detail\":\"no\"}," TAIL "}"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes document = order_render(arena, &urls, cases[i].order);
        cr_assert_not_null(document.p);
        cr_expect_str_eq((const char *)document.p, cases[i].expected);
    }
    arena_free(arena);
}
