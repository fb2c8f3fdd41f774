/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/caa.h"
#include "growth.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(caa);

enum { MOST = 4 };

#define ACCOUNT    "https://acme.internal/acme/corp/account/7"
#define OTHER_NAME "https://acme.other/acme/corp/account/7"

static const char *const accounts[] = {ACCOUNT, OTHER_NAME};
static const char *const identities[] = {"ca.internal", "acme.internal"};

struct caa_text {
    const char *tag, *value;
    bool critical;
};

/* RFC 8659 §4, RFC 8657 §3 and §4. */
Test(caa, who_may_issue)
{
    static const struct {
        const char *what;
        bool wildcard, allowed;
        struct caa_text records[MOST];
    } cases[] = {
        {"named", false, true, {{"issue", "ca.internal", false}}},
        {"named by another name of ours", false, true, {{"issue", "ACME.Internal", false}}},
        {"tags know no case", false, true, {{"ISSUE", "ca.internal", false}}},
        {"one of several", false, true, {{"issue", "other.example", false}, {"issue", "ca.internal", false}}},
        {"another", false, false, {{"issue", "other.example", false}}},
        {"nobody", false, false, {{"issue", ";", false}}},
        {"nobody, written shorter", false, false, {{"issue", "", false}}},
        {"a part of a name is not the name", false, false, {{"issue", "internal", false}}},
        {"nothing said of issuing", false, true, {{"iodef", "mailto:a@b.example", false}}},
        {"unknown tags are no matter", false, true, {{"color", "red", false}}},
        {"unless critical", false, false, {{"issue", "ca.internal", false}, {"color", "red", true}}},
        {"critical and known", false, true, {{"issue", "ca.internal", true}}},
        {"issuewild does not speak of plain names", false, true, {{"issuewild", ";", false}}},
        {"issue speaks of wildcards", true, false, {{"issue", "other.example", false}}},
        {"unless issuewild does", true, true, {{"issue", ";", false}, {"issuewild", "ca.internal", false}}},
        {"and issuewild forbids", true, false, {{"issue", "ca.internal", false}, {"issuewild", ";", false}}},
        {"this account", false, true, {{"issue", "ca.internal; accounturi=" ACCOUNT, false}}},
        {"this account by another name",
         false,
         true,
         {{"issue", "ca.internal; accounturi=" OTHER_NAME, false}}},
        {"another account", false, false, {{"issue", "ca.internal; accounturi=" ACCOUNT "1", false}}},
        {"this method", false, true, {{"issue", "ca.internal; validationmethods=dns-01,http-01", false}}},
        {"another method", false, false, {{"issue", "ca.internal; validationmethods=dns-01", false}}},
        {"no method", false, false, {{"issue", "ca.internal; validationmethods=", false}}},
        {"both",
         false,
         true,
         {{"issue", "ca.internal ;accounturi=" ACCOUNT " ; validationmethods = http-01", false}}},
        {"one of both",
         false,
         false,
         {{"issue", "ca.internal; accounturi=" ACCOUNT "; validationmethods=dns-01", false}}},
        {"unknown parameters", false, true, {{"issue", "ca.internal; color=red", false}}},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct caa_record records[MOST];
        size_t count = 0;
        for (; count < MOST && cases[i].records[count].tag != NULL; count++) {
            const struct caa_text *text = &cases[i].records[count];
            records[count] = (struct caa_record){text->critical, bytes_from_string(text->tag),
                                                 bytes_from_string(text->value)};
        }
        const struct caa_request request = {identities, 2, cases[i].wildcard, accounts, 2, "http-01"};
        const char *fault = caa_fault(arena, records, count, &request);
        cr_expect_eq(fault == NULL, cases[i].allowed, "%s: %s", cases[i].what,
                     fault == NULL ? "allowed" : fault);
    }
    arena_free(arena);
}

/* RFC 8659 §4.2, RFC 8657 §3 and §4: what does not fit the grammar allows nobody. */
Test(caa, S13_malformed_values_allow_nobody)
{
    static const struct {
        const char *value;
        bool allowed, malformed;
    } cases[] = {
        {"ca.internal", true, false},
        {" \tca.internal\t ", true, false},
        {"ca.internal;", true, false},
        {"ca.internal ; ", true, false},
        {"ca.internal;a=b", true, false},
        {"ca.internal; a-1 = b-.: ; c=", true, false},
        {"ca.internal; a==b", true, false},
        {"ca.internal; validationmethods=x-1,http-01", true, false},
        {"ca.internal; validationmethods=", false, false},
        {"ca.internal; accounturi=", false, false},
        {"ca.internal; accounturi https://other", false, true},
        {"ca.internal; validationmethods dns-01", false, true},
        {"ca.internal; accounturi", false, true},
        {"ca.internal;;", false, true},
        {"ca.internal; a=b;", false, true},
        {"ca.internal; a=b; ;", false, true},
        {"ca.internal; a=b c", false, true},
        {"ca.internal; a=b c=d", false, true},
        {"ca.internal; =b", false, true},
        {"ca.internal; -a=b", false, true},
        {"ca.internal; a-=b", false, true},
        {"ca.internal; a_b=c", false, true},
        {"ca.internal; a=\x01", false, true},
        {"ca.internal; a=\xc3\xa4", false, true},
        {"ca.internal; a=\x7f", false, true},
        {"ca.internal a=b", false, true},
        {"ca.internal, a=b", false, true},
        {"ca.internal.", false, true},
        {".ca.internal", false, true},
        {"ca..internal", false, true},
        {"-ca.internal", false, true},
        {"ca-.internal", false, true},
        {"ca.internal\n", false, true},
        {"ca.internal; validationmethods=http-01,", false, true},
        {"ca.internal; validationmethods=,http-01", false, true},
        {"ca.internal; validationmethods=http-01,,dns-01", false, true},
        {"ca.internal; validationmethods=http-01, dns-01", false, true},
        {"ca.internal; validationmethods=http_01,http-01", false, true},
        {"ca.internal; validationmethods=http-01; validationmethods=http-01", false, true},
        {"ca.internal; accounturi=" ACCOUNT "; accounturi=" ACCOUNT, false, true},
    };
    struct arena *arena = arena_new();
    const struct caa_request request = {identities, 2, false, accounts, 2, "http-01"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct caa_record record = {false, BYTES_LITERAL("issue"), bytes_from_string(cases[i].value)};
        const char *fault = caa_fault(arena, &record, 1, &request);
        cr_expect_eq(fault == NULL, cases[i].allowed, "%s: %s", cases[i].value, fault);
        cr_expect_eq(fault != NULL && strstr(fault, "malformed") != NULL, cases[i].malformed, "%s: %s",
                     cases[i].value, fault);
    }
    /* A value that allows still does so beside one that does not. */
    const struct caa_record both[] = {{false, BYTES_LITERAL("issue"), BYTES_LITERAL("ca.internal; a b")},
                                      {false, BYTES_LITERAL("issue"), BYTES_LITERAL("ca.internal")}};
    cr_expect_null(caa_fault(arena, both, 2, &request));
    arena_free(arena);
}

/* `n` records that name others, from a name server that the client chose. */
static void ask_many(void *context, size_t n)
{
    struct arena *arena = arena_new();
    struct caa_record *records = arena_alloc_array(arena, n, sizeof *records);
    for (size_t i = 0; i < n; i++)
        records[i] = (struct caa_record){false, BYTES_LITERAL("issue"), BYTES_LITERAL("x")};
    cr_assert_str_eq(
        caa_fault(arena, records, n, context),
        arena_printf(arena, "the issue records are \"x\", \"x\", \"x\", \"x\", \"x\" and %zu more", n - 5));
    arena_free(arena);
}

Test(caa, S9_records_cost_the_same_however_many_there_are)
{
    struct caa_request request = {identities, 2, false, accounts, 2, "http-01"};
    cr_expect_lt(growth_of(ask_many, &request, 500), GROWTH_MOST);
}
