/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/directory.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(directory);

#define BASE "https://acme.internal/acme/corp"
#define RESOURCES \
    "\"newNonce\":\"" BASE "/new-nonce\",\"newAccount\":\"" BASE "/new-account\",\"newOrder\":\"" BASE \
    "/new-order\",\"revokeCert\":\"" BASE "/revoke-cert\",\"keyChange\":\"" BASE \
    "/key-change\",\"renewalInfo\":\"" BASE "/renewal-info\""

static const struct urls urls = {.base = "https://acme.internal", .endpoint = "corp"};

/* RFC 8555 §7.1.1. What an endpoint does not do is not listed. */
Test(directory, lists_the_resources_and_what_there_is_of_meta)
{
    static const char *const names[] = {"default", "short"};
    static const char *const texts[] = {"a day", NULL};
    static const struct {
        struct directory_meta meta;
        const char *expected;
    } cases[] = {
        {{0}, "{" RESOURCES "}"},
        {{.terms_of_service = "https://acme.internal/terms"},
         "{" RESOURCES ",\"meta\":{\"termsOfService\":\"https://acme.internal/terms\"}}"},
        {{.website = "https://acme.internal/"},
         "{" RESOURCES ",\"meta\":{\"website\":\"https://acme.internal/\"}}"},
        {{.profile_names = names, .profile_texts = texts, .profile_count = 2},
         "{" RESOURCES ",\"meta\":{\"profiles\":{\"default\":\"a day\",\"short\":\"\"}}}"},
        {{.external_account_required = true}, "{" RESOURCES ",\"meta\":{\"externalAccountRequired\":true}}"},
        {{.subdomains = true}, "{" RESOURCES ",\"meta\":{\"subdomainAuthAllowed\":true}}"},
        {{.caa_identities = names, .caa_identity_count = 2},
         "{" RESOURCES ",\"meta\":{\"caaIdentities\":[\"default\",\"short\"]}}"},
        {{.terms_of_service = "https://t",
          .website = "https://w",
          .profile_names = names,
          .profile_texts = texts,
          .profile_count = 1},
         "{" RESOURCES ",\"meta\":{\"termsOfService\":\"https://t\",\"website\":\"https://w\","
         "\"profiles\":{\"default\":\"a day\"}}}"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes document = directory_render(arena, &urls, &cases[i].meta);
        cr_assert_not_null(document.p);
        cr_expect_str_eq((const char *)document.p, cases[i].expected);
    }
    static const struct directory_meta pre = {.pre_authorization = true};
    const char *document = (const char *)directory_render(arena, &urls, &pre).p;
    cr_expect_not_null(strstr(document, "\"newAuthz\":\"" BASE "/new-authz\""), "%s", document);
    arena_free(arena);
}
