/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account_export.h"

#include "leaks.h"

LEAK_CHECKED_SUITE(account_export);

#define KEY \
    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define THUMBPRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
#define CREATED    INT64_C(1780272000)

static struct account_export_line account_line(void)
{
    return (struct account_export_line){
        .type = EXPORT_ACCOUNT,
        .account = {.id = 54123456789012,
                    .endpoint = "acme",
                    .status = ACCOUNT_DEACTIVATED,
                    .key = BYTES_LITERAL(KEY),
                    .contacts_json = "[\"mailto:ops@example.org\"]",
                    .terms_agreed = true,
                    .key_changed_at = CREATED + 9,
                    .created_at = CREATED,
                    .created_from = "2001:db8::1",
                    .user_agent = "certbot \"2\"",
                    .eab_json = "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AA\"}"},
        .eab_kid = "web-1",
    };
}

static bool parse(struct arena *arena, const char *text, struct account_export_line *out)
{
    struct fault fault = {0};
    bool good = account_export_parse(arena, bytes_from_string(text), out, &fault);
    cr_assert_eq(good, fault.message[0] == '\0');
    return good;
}

Test(account_export, an_account_comes_back_as_it_was)
{
    struct arena *arena = arena_new();
    struct account_export_line out, in = account_line();
    struct bytes text = account_export_render(arena, &in);
    cr_assert_eq(text.p[text.n - 1], '\n');
    cr_assert(parse(arena, (const char *)text.p, &out));
    cr_assert_eq(out.type, EXPORT_ACCOUNT);
    cr_assert_eq(out.account.id, in.account.id);
    cr_assert_str_eq(out.account.endpoint, "acme");
    cr_assert_eq(out.account.status, ACCOUNT_DEACTIVATED);
    cr_assert(bytes_equal_string(out.account.key, KEY));
    cr_assert_str_eq(out.account.thumbprint, THUMBPRINT);
    cr_assert_str_eq(out.account.contacts_json, in.account.contacts_json);
    cr_assert(out.account.terms_agreed);
    cr_assert_eq(out.account.key_changed_at, CREATED + 9);
    cr_assert_eq(out.account.created_at, CREATED);
    cr_assert_str_eq(out.account.created_from, "2001:db8::1");
    cr_assert_str_eq(out.account.user_agent, "certbot \"2\"");
    cr_assert_str_eq(out.account.eab_json, in.account.eab_json);
    cr_assert_str_eq(out.eab_kid, "web-1");
    arena_free(arena);
}

Test(account_export, what_an_account_lacks_stays_away)
{
    struct arena *arena = arena_new();
    struct account_export_line out, in = account_line();
    in.account.created_from = in.account.eab_json = in.eab_kid = NULL;
    in.account.user_agent = "";
    cr_assert(parse(arena, (const char *)account_export_render(arena, &in).p, &out));
    cr_assert_null(out.account.created_from);
    cr_assert_null(out.account.user_agent);
    cr_assert_null(out.account.eab_json);
    cr_assert_null(out.eab_kid);
    arena_free(arena);
}

Test(account_export, a_key_comes_back_as_it_was)
{
    static const char *const allow[] = {"*.web.example.org", "10.0.0.0/8"}, *const profiles[] = {"short"};
    struct arena *arena = arena_new();
    struct account_export_line out, in = {.type = EXPORT_EAB_KEY,
                                          .eab_key = {.id = 7,
                                                      .endpoint = "acme",
                                                      .kid = "web-1",
                                                      .sealed_key = BYTES_LITERAL("\x01\x00\xff"),
                                                      .comment = "the web team",
                                                      .names = {.allow = allow, .allow_count = 2},
                                                      .profiles = profiles,
                                                      .profile_count = 1,
                                                      .trusted = true,
                                                      .max_uses = 20,
                                                      .uses = 3,
                                                      .expires_at = CREATED + 60,
                                                      .revoked_at = CREATED + 30,
                                                      .created_at = CREATED}};
    cr_assert(parse(arena, (const char *)account_export_render(arena, &in).p, &out));
    const struct eab_key *key = &out.eab_key;
    cr_assert_eq(out.type, EXPORT_EAB_KEY);
    cr_assert_eq(key->id, 7);
    cr_assert_str_eq(key->kid, "web-1");
    cr_assert(bytes_equal(key->sealed_key, in.eab_key.sealed_key));
    cr_assert_str_eq(key->comment, "the web team");
    cr_assert_eq(key->names.allow_count, 2);
    cr_assert_str_eq(key->names.allow[1], "10.0.0.0/8");
    cr_assert_eq(key->names.deny_count, 0);
    cr_assert_eq(key->profile_count, 1);
    cr_assert_str_eq(key->profiles[0], "short");
    cr_assert(key->trusted);
    cr_assert(key->max_uses == 20 && key->uses == 3);
    cr_assert(key->expires_at == CREATED + 60 && key->revoked_at == CREATED + 30 &&
              key->created_at == CREATED);
    arena_free(arena);
}

#define ACCOUNT(member) \
    "{\"type\":\"account\",\"id\":1,\"endpoint\":\"acme\",\"status\":\"valid\",\"key\":" KEY \
    ",\"contact\":[],\"createdAt\":\"2026-06-01T00:00:00Z\"" member "}"

Test(account_export, what_changes_in_an_account_is_read_alone)
{
    struct arena *arena = arena_new();
    struct account_export_line line = account_line();
    struct account peeked;
    line.account.key_changed_at = CREATED + 5;
    cr_assert(account_export_peek(arena, account_export_render(arena, &line), &peeked));
    cr_assert(peeked.id == line.account.id && peeked.status == ACCOUNT_DEACTIVATED &&
              peeked.key_changed_at == CREATED + 5);
    cr_assert(account_export_peek(arena, BYTES_LITERAL(ACCOUNT("")), &peeked));
    cr_assert(peeked.id == 1 && peeked.status == ACCOUNT_VALID && peeked.key_changed_at == 0);
    cr_assert_not(account_export_peek(arena, BYTES_LITERAL(ACCOUNT(",\"keyChangedAt\":1")), &peeked));
    cr_assert_not(account_export_peek(arena, BYTES_LITERAL("{\"type\":\"end\",\"id\":1}"), &peeked));
    cr_assert_not(account_export_peek(arena, BYTES_LITERAL("torn {"), &peeked));
    arena_free(arena);
}

Test(account_export, lines_that_are_not_taken)
{
    static const char *const bad[] = {
        "",
        "\n",
        "certainly no JSON",
        "[]",
        "{\"type\":\"accounts\"}",
        "{\"type\":\"acmegate accounts\",\"version\":2,\"exportedAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"end\",\"accounts\":-1,\"externalAccountKeys\":0}",
        ACCOUNT(",\"id\":2"), /* twice */
        ACCOUNT(",\"createdFrom\":7"),
        ACCOUNT(",\"externalAccountKid\":\"two words\""),
        ACCOUNT(",\"externalAccountBinding\":\"text\""),
        ACCOUNT(",\"externalAccountKid\":\"kid\",\"externalAccountBinding\":\"text\""),
        ACCOUNT(",\"externalAccountBinding\":{}"), /* bound, and to which key? */
        ACCOUNT(",\"keyChangedAt\":\"lately\""),
        ACCOUNT(",\"termsOfServiceAgreed\":1"),
        "{\"type\":\"account\",\"id\":0,\"endpoint\":\"acme\",\"status\":\"valid\",\"key\":" KEY
        ",\"contact\":[],\"createdAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"account\",\"id\":9007199254740992,\"endpoint\":\"acme\",\"status\":\"valid\","
        "\"key\":" KEY ",\"contact\":[],\"createdAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"account\",\"id\":1,\"endpoint\":\"ac/me\",\"status\":\"valid\",\"key\":" KEY
        ",\"contact\":[],\"createdAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"account\",\"id\":1,\"endpoint\":\"acme\",\"status\":\"good\",\"key\":" KEY
        ",\"contact\":[],\"createdAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"account\",\"id\":1,\"endpoint\":\"acme\",\"status\":\"valid\",\"key\":{\"kty\":\"oct\","
        "\"k\":\"AA\"}"
        ",\"contact\":[],\"createdAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"account\",\"id\":1,\"endpoint\":\"acme\",\"status\":\"valid\",\"key\":" KEY
        ",\"contact\":[\"tel:1\"],\"createdAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"account\",\"id\":1,\"endpoint\":\"acme\",\"status\":\"valid\",\"key\":" KEY
        ",\"contact\":[],\"createdAt\":\"yesterday\"}",
        "{\"type\":\"external account "
        "key\",\"id\":1,\"endpoint\":\"acme\",\"kid\":\"k\",\"sealed\":\"AA\",\"allow\":[],"
        "\"deny\":[\"two words\"],\"profiles\":[],\"trusted\":false,\"maxUses\":0,\"uses\":0,"
        "\"createdAt\":\"2026-06-01T00:00:00Z\"}",
        "{\"type\":\"external account "
        "key\",\"id\":1,\"endpoint\":\"acme\",\"kid\":\"k\",\"sealed\":\"!\",\"allow\":[],"
        "\"deny\":[],\"profiles\":[],\"trusted\":false,\"maxUses\":0,\"uses\":0,"
        "\"createdAt\":\"2026-06-01T00:00:00Z\"}",
    };
    struct arena *arena = arena_new();
    struct account_export_line out;
    cr_assert(parse(arena, ACCOUNT(""), &out), "what the bad ones are made from is good");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(parse(arena, bad[i], &out), "was taken: %s", bad[i]);
    arena_free(arena);
}
