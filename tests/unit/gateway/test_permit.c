/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/cause.h"
#include "gateway/issuance/permit.h"
#include "store/authorizations.h"
#include "store/database.h"
#include "store/eab_keys.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(permit);

static const struct config nobody_trusted;

/* ---- the configuration's part ---- */

Test(permit, the_policy_is_that_of_endpoint_and_profile)
{
    static const char *const names[] = {"default", "short"}, *const keyless[] = {"default"},
                             *const trusted[] = {"a.example", "b.example", "c.example"};
    const struct profile_config profile = {.name = "short"};
    const struct endpoint_config endpoint = {.profiles = names,
                                             .profile_count = 2,
                                             .without_eab_profiles = keyless,
                                             .without_eab_profile_count = 1,
                                             .trusted_names = trusted,
                                             .trusted_name_count = 3,
                                             .subdomains = true};
    struct permission out = {0};
    permit_set_policy(&out, &nobody_trusted, &endpoint, &profile, NULL);
    cr_expect_eq(out.policy.endpoint_names, &endpoint.names);
    cr_expect_eq(out.policy.keyless_names, &endpoint.without_eab_names);
    cr_expect_eq(out.policy.profile_names, &profile.names);
    cr_expect_str_eq(out.policy.profile, "short");
    cr_expect(out.policy.profiles == names && out.policy.profile_count == 2);
    cr_expect(out.policy.keyless_profiles == keyless && out.policy.keyless_profile_count == 1);
    cr_expect(out.policy.trusted_names == trusted && out.policy.trusted_name_count == 3);
    cr_expect(out.policy.subdomains);
}

Test(permit, no_profile_is_chosen_yet)
{
    const struct endpoint_config endpoint = {0};
    struct permission out;
    memset(&out, 0x5a, sizeof out);
    permit_set_policy(&out, &nobody_trusted, &endpoint, NULL, NULL);
    cr_expect_null(out.policy.profile);
    cr_expect_null(out.policy.profile_names);
    cr_expect_not(out.policy.subdomains);
}

Test(permit, the_network_of_a_client_is_trusted_when_the_endpoint_says_so)
{
    static const struct {
        const char *client;
        bool configured, trusted;
    } cases[] = {
        {"192.0.2.7", true, true},   {"192.0.3.7", true, false}, {"::ffff:192.0.2.7", true, true},
        {"192.0.2.7", false, false}, {NULL, true, false},        {"", true, false},
    };
    struct network network;
    cr_assert(network_parse("192.0.2.0/24", &network));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct endpoint_config endpoint = {.trusted_networks = &network,
                                                 .trusted_network_count = cases[i].configured};
        struct permission out = {0};
        permit_set_policy(&out, &nobody_trusted, &endpoint, NULL, cases[i].client);
        cr_expect_eq(out.policy.network_is_trusted, cases[i].trusted, "%zu", i);
    }
}

/* ---- the store's part ---- */

static struct eab_key make_key(struct database *database)
{
    struct eab_key key = {
        .endpoint = "acme", .kid = "kid-1", .sealed_key = BYTES_LITERAL("sealed"), .created_at = NOW};
    cr_assert_eq(store_eab_key_insert(database->writer, database->arena, &key), STORE_OK);
    return key;
}

static void begin(struct database *database)
{
    database_begin(database);
    database_connect(database);
}

Test(permit, a_key_that_cannot_be_loaded_is_a_failure_and_not_no_key)
{
    struct database database;
    begin(&database);
    struct eab_key key = make_key(&database);
    const struct {
        int64_t id;
        enum store_result result;
        const char *kid;
    } cases[] = {
        {0, STORE_OK, NULL},
        {key.id, STORE_OK, "kid-1"},
        {key.id + 1, STORE_FAILED, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct account account = {.eab_key_id = cases[i].id};
        struct permission out = {.account = &account, .eab_key = &key};
        cr_expect_eq(permit_load_key(store_reader_of(database.writer), database.arena, &out), cases[i].result,
                     "%zu", i);
        cr_expect_eq(out.eab_key == NULL, cases[i].kid == NULL, "%zu", i);
        if (out.eab_key != NULL && cases[i].kid != NULL)
            cr_expect_str_eq(out.eab_key->kid, cases[i].kid);
    }
    database_end(&database);
}

Test(permit, a_parent_that_is_gone_has_id_0)
{
    struct database database;
    begin(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization present = make_authorization(&database, &account, "example.org");
    const struct {
        int64_t parent_id, expected;
    } cases[] = {{0, 0}, {present.id, present.id}, {present.id + 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct authorization child = {.parent_id = cases[i].parent_id};
        struct authorization parent = {.id = 77};
        cr_expect_eq(permit_load_parent(store_reader_of(database.writer), database.arena, &child, &parent),
                     STORE_OK, "%zu", i);
        cr_expect_eq(parent.id, cases[i].expected, "%zu", i);
    }
    database_run(&database, "ALTER TABLE authorizations RENAME TO elsewhere");
    const struct authorization child = {.parent_id = present.id};
    struct authorization parent;
    cr_expect_eq(permit_load_parent(store_reader_of(database.writer), database.arena, &child, &parent),
                 STORE_FAILED);
    database_end(&database);
}

/* ---- an order ---- */

static const char *const offered[] = {"default"};
static const struct profile_config profiles[] = {{.name = "default"}, {.name = "unoffered"}};

static struct authorization make_valid(struct database *database, const struct account *account,
                                       struct authorization authorization)
{
    authorization.account_id = account->id;
    authorization.created_at = NOW;
    authorization.expires_at = NOW + 86400;
    authorization.token = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
    authorization.offered = 1u << CHALLENGE_DNS_01;
    if (authorization.basis != AUTHORIZATION_PROVEN) {
        authorization.status = AUTHORIZATION_VALID;
        cr_assert_eq(store_authorization_insert(database->writer, &authorization), STORE_OK);
        return authorization;
    }
    authorization.status = AUTHORIZATION_PENDING;
    authorization.chosen = CHALLENGE_DNS_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    cr_assert_eq(store_authorization_insert(database->writer, &authorization), STORE_OK);
    authorization.status = AUTHORIZATION_VALID;
    authorization.challenge_status = CHALLENGE_VALID;
    authorization.validated_at = NOW;
    cr_assert_eq(store_authorization_update(database->writer, &authorization, AUTHORIZATION_PENDING,
                                            CHALLENGE_PROCESSING),
                 STORE_OK);
    return authorization;
}

static struct order insert_order(struct database *database, const struct account *account,
                                 struct identifier *identifiers, int64_t *ids, size_t count)
{
    struct order order = {.account_id = account->id,
                          .endpoint = "acme",
                          .profile = "default",
                          .status = ORDER_PENDING,
                          .created_at = NOW,
                          .identifiers = identifiers,
                          .authorization_ids = ids,
                          .identifier_count = count,
                          .client_address = "192.0.2.7"};
    cr_assert_eq(store_order_insert(database->writer, &order), STORE_OK);
    return order;
}

Test(permit, an_order_needs_its_endpoint_and_a_profile_that_is_offered)
{
    static const struct {
        const char *endpoint, *profile, *detail;
        enum problem_type type;
    } cases[] = {
        {"acme", "default", NULL, 0},
        {"gone", "default", "The endpoint \"gone\" is no longer configured.", PROBLEM_UNAUTHORIZED},
        {"gone", "gone", "The endpoint \"gone\" is no longer configured.", PROBLEM_UNAUTHORIZED},
        {"acme", "gone", "The profile \"gone\" is no longer configured.", PROBLEM_INVALID_PROFILE},
        {"acme", "unoffered", "This endpoint no longer offers the profile \"unoffered\".",
         PROBLEM_INVALID_PROFILE},
    };
    const struct endpoint_config endpoint = {.name = "acme", .profiles = offered, .profile_count = 1};
    const struct config config = {
        .endpoints = &endpoint, .endpoint_count = 1, .profiles = profiles, .profile_count = 2};
    struct database database;
    begin(&database);
    struct account account = make_account(&database, "thumbprint");
    struct identifier name = dns("www.example.org");
    struct authorization proven = make_valid(
        &database, &account, (struct authorization){.identifier = name, .basis = AUTHORIZATION_PROVEN});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct problem *problem = &(struct problem){0};
        struct order order = insert_order(&database, &account, &name, &proven.id, 1);
        order.endpoint = cases[i].endpoint;
        order.profile = cases[i].profile;
        cr_expect_eq(permit_issue(&config, store_reader_of(database.writer), database.arena, &account, &order,
                                  NOW, &problem),
                     STORE_OK);
        cr_expect_eq(problem == NULL, cases[i].detail == NULL, "%zu", i);
        if (problem == NULL || cases[i].detail == NULL)
            continue;
        cr_expect_eq(problem->type, cases[i].type, "%zu", i);
        cr_expect_eq(problem->cause, CAUSE_PROFILE_GONE, "%zu", i);
        cr_expect_str_eq(problem->detail, cases[i].detail);
    }
    database_end(&database);
}

/* The table is about the second name: the first one's authorization is valid in every case. */
Test(permit, an_order_needs_an_authorization_that_stands_for_each_name)
{
    enum { NOTHING, PARENT, OWN };
    static const struct {
        enum authorization_basis basis;
        int deleted;
        int64_t at;
        const char *client, *why;
    } cases[] = {
        {AUTHORIZATION_PROVEN, NOTHING, NOW, NULL, NULL},
        {AUTHORIZATION_PROVEN, NOTHING, NOW + 86399, NULL, NULL},
        {AUTHORIZATION_PROVEN, NOTHING, NOW + 86401, NULL, "it is expired"},
        {AUTHORIZATION_PROVEN, OWN, NOW, NULL, "it is gone"},
        {AUTHORIZATION_INHERITED, NOTHING, NOW, NULL, NULL},
        {AUTHORIZATION_INHERITED, PARENT, NOW, NULL, "which it rests on, is gone"},
        {AUTHORIZATION_TRUSTED_NETWORK, NOTHING, NOW, "198.51.100.1", NULL},
        {AUTHORIZATION_TRUSTED_NETWORK, NOTHING, NOW, "192.0.2.7", "which is no longer trusted"},
        /* The address of a trusted proxy is anybody's. */
        {AUTHORIZATION_TRUSTED_NETWORK, NOTHING, NOW, "198.51.100.127", NULL},
        {AUTHORIZATION_TRUSTED_NETWORK, NOTHING, NOW, "198.51.100.128", "which is no longer trusted"},
        {AUTHORIZATION_TRUSTED_NETWORK, NOTHING, NOW, "::ffff:198.51.100.129", "which is no longer trusted"},
    };
    struct network network, proxies;
    cr_assert(network_parse("198.51.100.0/24", &network));
    cr_assert(network_parse("198.51.100.128/31", &proxies));
    const struct endpoint_config endpoint = {.name = "acme",
                                             .profiles = offered,
                                             .profile_count = 1,
                                             .trusted_networks = &network,
                                             .trusted_network_count = 1,
                                             .subdomains = true};
    const struct config config = {.endpoints = &endpoint,
                                  .endpoint_count = 1,
                                  .profiles = profiles,
                                  .profile_count = 2,
                                  .trusted_proxies = &proxies,
                                  .trusted_proxy_count = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        begin(&database);
        struct account account = make_account(&database, "thumbprint");
        struct identifier names[] = {dns("example.org"), dns("www.example.org")};
        struct authorization parent =
            make_valid(&database, &account,
                       (struct authorization){
                           .identifier = names[0], .basis = AUTHORIZATION_PROVEN, .subdomains = true});
        struct authorization other =
            make_valid(&database, &account,
                       (struct authorization){.identifier = names[0], .basis = AUTHORIZATION_PROVEN});
        struct authorization own = make_valid(
            &database, &account,
            (struct authorization){.identifier = names[1],
                                   .basis = cases[i].basis,
                                   .parent_id = cases[i].basis == AUTHORIZATION_INHERITED ? parent.id : 0});
        int64_t ids[] = {other.id, own.id};
        struct order order = insert_order(&database, &account, names, ids, 2);
        int64_t deleted = cases[i].deleted == OWN ? own.id : cases[i].deleted == PARENT ? parent.id : 0;
        database_run(&database, arena_printf(database.arena, "DELETE FROM authorizations WHERE id = %lld",
                                             (long long)deleted));
        /* The other name's authorization is valid in every case. */
        database_run(&database, arena_printf(database.arena,
                                             "UPDATE authorizations SET expires_at = expires_at + 86400"
                                             " WHERE id = %lld",
                                             (long long)other.id));
        order.client_address = cases[i].client;
        const struct problem *problem = &(struct problem){0};
        cr_expect_eq(permit_issue(&config, store_reader_of(database.writer), database.arena, &account, &order,
                                  cases[i].at, &problem),
                     STORE_OK, "%zu", i);
        cr_expect_eq(problem == NULL, cases[i].why == NULL, "%zu: %s", i,
                     problem == NULL ? "no problem" : problem->detail);
        if (problem != NULL && cases[i].why != NULL) {
            cr_expect_eq(problem->type, PROBLEM_UNAUTHORIZED, "%zu", i);
            cr_expect_eq(problem->subproblem_count, 1, "%zu", i);
            cr_expect_str_eq(problem->subproblems[0].identifier_value, "www.example.org");
            cr_expect_not_null(strstr(problem->detail, cases[i].why), "%s", problem->detail);
        }
        database_end(&database);
    }
}

Test(permit, a_store_that_fails_says_nothing_of_the_order)
{
    static const char *const faults[] = {
        "DELETE FROM eab_keys",
        "ALTER TABLE authorizations RENAME TO elsewhere",
    };
    const struct endpoint_config endpoint = {.name = "acme", .profiles = offered, .profile_count = 1};
    const struct config config = {
        .endpoints = &endpoint, .endpoint_count = 1, .profiles = profiles, .profile_count = 2};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct database database;
        begin(&database);
        struct eab_key key = make_key(&database);
        struct account account = make_account(&database, "thumbprint");
        struct identifier name = dns("www.example.org");
        struct authorization pending = make_authorization(&database, &account, "www.example.org");
        struct order order = insert_order(&database, &account, &name, &pending.id, 1);
        const struct problem *problem = NULL;
        account.eab_key_id = key.id;
        cr_expect_eq(permit_issue(&config, store_reader_of(database.writer), database.arena, &account, &order,
                                  NOW, &problem),
                     STORE_OK);
        cr_expect_not_null(problem, "%s", faults[i]);
        database_run(&database, faults[i]);
        cr_expect_eq(permit_issue(&config, store_reader_of(database.writer), database.arena, &account, &order,
                                  NOW, &problem),
                     STORE_FAILED, "%s", faults[i]);
        cr_expect_null(problem, "%s", faults[i]);
        database_end(&database);
    }
}
