/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(account);

static const struct urls urls = {.base = "https://acme.internal", .endpoint = "corp"};

static const struct json *payload(struct arena *arena, const char *text)
{
    const struct json *json = json_parse(arena, bytes_from_string(text), &json_limits_payload, NULL);
    cr_assert_not_null(json, "%s", text);
    return json;
}

#define TEN \
    "\"mailto:a@x.example\",\"mailto:b@x.example\",\"mailto:c@x.example\",\"mailto:d@x.example\"," \
    "\"mailto:e@x.example\",\"mailto:f@x.example\",\"mailto:g@x.example\",\"mailto:h@x.example\"," \
    "\"mailto:i@x.example\",\"mailto:j@x.example\""

Test(account, new_one_says_contacts_terms_and_whether_it_may_be_made)
{
    static const struct {
        const char *payload;
        struct account_request expected;
    } cases[] = {
        {"{}", {0}},
        {"{\"contact\":[]}", {.contacts_json = "[]"}},
        {"{\"contact\":[\"mailto:admin@example.org\"]}", {.contacts_json = "[\"mailto:admin@example.org\"]"}},
        {"{\"contact\":[\"mailto:a.b+tag@ops.example.org\",\"MAILTO:Root@localhost\"]}",
         {.contacts_json = "[\"mailto:a.b+tag@ops.example.org\",\"MAILTO:Root@localhost\"]"}},
        /* the ends of letters and digits, and all that RFC 5322 §3.2.3 and a dot allow */
        {"{\"contact\":[\"mailto:azAZ09.!$&'*+-/=^_`{|}~@x.example\"]}",
         {.contacts_json = "[\"mailto:azAZ09.!$&'*+-/=^_`{|}~@x.example\"]"}},
        {"{\"contact\":[" TEN "]}", {.contacts_json = "[" TEN "]"}},
        {"{\"termsOfServiceAgreed\":true}", {.terms_agreed = true}},
        {"{\"termsOfServiceAgreed\":false}", {0}},
        {"{\"onlyReturnExisting\":true}", {.only_return_existing = true}},
        {"{\"status\":\"valid\",\"orders\":7,\"somethingNew\":{}}", {0}},
        {"{\"status\":\"deactivated\"}", {0}},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct account_request got;
        const struct account_request *expected = &cases[i].expected;
        const struct problem *problem = account_parse_new(arena, payload(arena, cases[i].payload), &got);
        cr_assert_null(problem, "%s: %s", cases[i].payload, problem == NULL ? "" : problem->detail);
        cr_expect(bytes_equal_string(bytes_from_string(got.contacts_json), expected->contacts_json), "%s",
                  cases[i].payload);
        cr_expect_eq(got.contacts_json == NULL, expected->contacts_json == NULL, "%s", cases[i].payload);
        cr_expect_eq(got.terms_agreed, expected->terms_agreed, "%s", cases[i].payload);
        cr_expect_eq(got.only_return_existing, expected->only_return_existing, "%s", cases[i].payload);
        cr_expect_not(got.deactivate, "%s", cases[i].payload);
    }
    arena_free(arena);
}

/* RFC 8555 §7.3: another scheme is unsupportedContact, a mailto that is no single address (§7.3, RFC 6068) is
 * invalidContact. */
Test(account, contacts_are_single_mail_addresses)
{
    static const struct {
        const char *contact;
        enum problem_type type;
    } cases[] = {
        {"\"tel:+12025551212\"", PROBLEM_UNSUPPORTED_CONTACT},
        {"\"https://example.org/\"", PROBLEM_UNSUPPORTED_CONTACT},
        {"\"admin@example.org\"", PROBLEM_UNSUPPORTED_CONTACT},
        {"\"mailto\"", PROBLEM_UNSUPPORTED_CONTACT},
        {"\"mailtoo:admin@example.org\"", PROBLEM_UNSUPPORTED_CONTACT},
        {"\"\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:a@example.org,b@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:a@b@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@example.org?subject=x\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@example.org?\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@example.org#x\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin @example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto: admin@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@example.org\\n\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin\\u0000@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@example.org\\u0000\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin%0D%0A@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:<admin@example.org>\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:\\\"admin\\\"@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:\xc3\xbc@example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@ex\xc3\xa4mple.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@example..org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@example.org.\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@-example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@exam_ple.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@*.example.org\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@192.0.2.1\"", PROBLEM_INVALID_CONTACT},
        {"\"mailto:admin@[192.0.2.1]\"", PROBLEM_INVALID_CONTACT},
        {"7", PROBLEM_MALFORMED},
        {"null", PROBLEM_MALFORMED},
        {"[\"mailto:admin@example.org\"]", PROBLEM_MALFORMED},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct json *json = payload(
            arena, arena_printf(arena, "{\"contact\":[\"mailto:good@example.org\",%s]}", cases[i].contact));
        struct account_request request;
        const struct problem *made = account_parse_new(arena, json, &request);
        const struct problem *updated = account_parse_update(arena, json, &request);
        cr_expect(made != NULL && made->type == cases[i].type, "%s: %s", cases[i].contact,
                  made == NULL ? "accepted" : made->detail);
        cr_expect(updated != NULL && updated->type == cases[i].type, "%s: %s", cases[i].contact,
                  updated == NULL ? "accepted" : updated->detail);
    }
    arena_free(arena);
}

Test(account, a_bad_contact_is_told_what_is_wrong)
{
    static const struct {
        const char *contact, *said;
    } cases[] = {
        {"tel:+12025551212", "mailto"},
        {"mailto:admin@example.org?subject=x", "header fields"},
        {"mailto:a@example.org,b@example.org", "more than one address"},
        {"mailto:\xc3\xbc@example.org", "ASCII"},
        {"mailto:%61@example.org", "before its"},
        {"mailto:admin@exam_ple.org", "domain"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = arena_printf(arena, "{\"contact\":[\"%s\"]}", cases[i].contact);
        struct account_request request;
        const struct problem *problem = account_parse_new(arena, payload(arena, text), &request);
        cr_assert_not_null(problem, "%s", cases[i].contact);
        cr_expect_not_null(strstr(problem->detail, cases[i].said), "%s: %s", cases[i].contact,
                           problem->detail);
    }
    arena_free(arena);
}

Test(account, a_contact_has_a_longest_address)
{
    struct arena *arena = arena_new();
    char name[400] = "";
    memset(name, 'a', 390);
    const char *text = arena_printf(arena, "{\"contact\":[\"mailto:%s@example.org\"]}", name);
    struct account_request request;
    const struct problem *problem = account_parse_new(arena, payload(arena, text), &request);
    cr_assert_not_null(problem);
    cr_expect_eq(problem->type, PROBLEM_INVALID_CONTACT);
    arena_free(arena);
}

Test(account, members_of_another_form_are_refused)
{
    static const struct {
        const char *payload;
        enum problem_type type;
        bool of_update;
    } cases[] = {
        {"{\"contact\":\"mailto:admin@example.org\"}", PROBLEM_MALFORMED, true},
        {"{\"contact\":{}}", PROBLEM_MALFORMED, true},
        {"{\"contact\":[" TEN ",\"mailto:k@x.example\"]}", PROBLEM_INVALID_CONTACT, true},
        {"{\"termsOfServiceAgreed\":\"true\"}", PROBLEM_MALFORMED, true},
        {"{\"termsOfServiceAgreed\":1}", PROBLEM_MALFORMED, true},
        {"{\"onlyReturnExisting\":\"yes\"}", PROBLEM_MALFORMED, false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct json *json = payload(arena, cases[i].payload);
        struct account_request request;
        const struct problem *problem = account_parse_new(arena, json, &request);
        cr_expect(problem != NULL && problem->type == cases[i].type, "new: %s", cases[i].payload);
        problem = account_parse_update(arena, json, &request);
        cr_expect_eq(problem != NULL, cases[i].of_update, "update: %s", cases[i].payload);
    }
    arena_free(arena);
}

/* RFC 8555 §7.3.2 and §7.3.6. */
Test(account, an_update_changes_contacts_or_deactivates)
{
    static const struct {
        const char *payload;
        struct account_request expected;
    } cases[] = {
        {"{}", {0}},
        {"{\"orders\":\"x\",\"unknown\":[1]}", {0}},
        {"{\"onlyReturnExisting\":true}", {0}},
        {"{\"contact\":[]}", {.contacts_json = "[]"}},
        {"{\"contact\":[\"mailto:a@x.example\"]}", {.contacts_json = "[\"mailto:a@x.example\"]"}},
        {"{\"termsOfServiceAgreed\":true}", {.terms_agreed = true}},
        {"{\"status\":\"deactivated\"}", {.deactivate = true}},
        {"{\"status\":\"valid\",\"contact\":[]}", {.contacts_json = "[]"}},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct account_request got;
        const struct account_request *expected = &cases[i].expected;
        cr_assert_null(account_parse_update(arena, payload(arena, cases[i].payload), &got), "%s",
                       cases[i].payload);
        cr_expect(bytes_equal_string(bytes_from_string(got.contacts_json), expected->contacts_json), "%s",
                  cases[i].payload);
        cr_expect_eq(got.contacts_json == NULL, expected->contacts_json == NULL, "%s", cases[i].payload);
        cr_expect_eq(got.terms_agreed, expected->terms_agreed, "%s", cases[i].payload);
        cr_expect_eq(got.deactivate, expected->deactivate, "%s", cases[i].payload);
        cr_expect_not(got.only_return_existing, "%s", cases[i].payload);
    }
    arena_free(arena);
}

Test(account, P4_null_is_as_absent)
{
    static const char all[] = "{\"contact\":null,\"termsOfServiceAgreed\":null,\"onlyReturnExisting\":null,"
                              "\"externalAccountBinding\":null,\"status\":null}";
    struct arena *arena = arena_new();
    struct account_request made, updated;
    cr_assert_null(account_parse_new(arena, payload(arena, all), &made));
    cr_assert_null(account_parse_update(arena, payload(arena, all), &updated));
    cr_expect(made.contacts_json == NULL && updated.contacts_json == NULL);
    cr_expect(!made.terms_agreed && !updated.terms_agreed);
    cr_expect(!made.only_return_existing && made.eab == NULL && !updated.deactivate);
    arena_free(arena);
}

Test(account, no_other_status_can_be_asked_for)
{
    static const char *const statuses[] = {
        "\"Valid\"", "\"revoked\"",      "\"Deactivated\"", "\"\"", "\"deactivated\\u0000\"",
        "true",      "[\"deactivated\"]"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct account_request request;
        const struct problem *problem = account_parse_update(
            arena, payload(arena, arena_printf(arena, "{\"status\":%s}", statuses[i])), &request);
        cr_expect(problem != NULL && problem->type == PROBLEM_MALFORMED, "%s", statuses[i]);
    }
    arena_free(arena);
}

Test(account, only_a_valid_one_may_act)
{
    static const struct {
        enum account_status status;
        const char *word; /* NULL: may act */
    } cases[] = {{ACCOUNT_VALID, NULL}, {ACCOUNT_DEACTIVATED, "deactivated"}, {ACCOUNT_REVOKED, "revoked"}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct account account = {.id = 7, .status = cases[i].status};
        const struct problem *problem = account_check_usable(arena, &account);
        cr_assert_eq(problem == NULL, cases[i].word == NULL);
        if (problem != NULL) {
            cr_expect_eq(problem->type, PROBLEM_UNAUTHORIZED);
            cr_expect_eq(problem->status, 403);
            cr_expect_not_null(strstr(problem->detail, cases[i].word), "%s", problem->detail);
        }
    }
    arena_free(arena);
}

/* RFC 8555 §7.1.2. */
Test(account, is_shown_with_status_contact_terms_and_orders)
{
    static const struct {
        struct account account;
        const char *expected;
    } cases[] = {
        {{.id = 7,
          .status = ACCOUNT_VALID,
          .contacts_json = "[\"mailto:a@x.example\"]",
          .terms_agreed = true},
         "{\"status\":\"valid\",\"contact\":[\"mailto:a@x.example\"],\"termsOfServiceAgreed\":true,"
         "\"orders\":\"https://acme.internal/acme/corp/account/7/orders\"}"},
        {{.id = 8, .status = ACCOUNT_DEACTIVATED, .contacts_json = "[]"},
         "{\"status\":\"deactivated\",\"contact\":[],"
         "\"orders\":\"https://acme.internal/acme/corp/account/8/orders\"}"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_str_eq((const char *)account_render(arena, &urls, &cases[i].account).p, cases[i].expected);
    }
    arena_free(arena);
}

/* RFC 8555 §7.1.2.1. */
Test(account, its_orders_are_a_list_of_urls)
{
    static const int64_t ids[] = {12, 11};
    struct arena *arena = arena_new();
    cr_expect_str_eq((const char *)account_render_orders(arena, &urls, ids, 2).p,
                     "{\"orders\":[\"https://acme.internal/acme/corp/order/12\","
                     "\"https://acme.internal/acme/corp/order/11\"]}");
    cr_expect_str_eq((const char *)account_render_orders(arena, &urls, NULL, 0).p, "{\"orders\":[]}");
    arena_free(arena);
}
