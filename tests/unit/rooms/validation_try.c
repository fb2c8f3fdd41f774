/* SPDX-License-Identifier: Apache-2.0 */
#include "validation_try.h"

#include "leaks.h"
#include "place.h"

enum { TIMEOUT_S = 10, MS_PER_S = 1000 };

static const char *const account_urls[] = {"https://acme.test/acme/account/1",
                                           "https://acme2.test/acme/account/1"};
static const char *const issuer_names[] = {"acme.test"};

static int ends;

static void count_end(struct validation *validation)
{
    (void)validation;
    ends++;
}

static void expect_text(const char *name, const char *what, const char *got, const char *expected)
{
    cr_expect_str_eq(got, expected, "%s: %s: %s", name, what, got);
}

static void expect_outcome(const struct validation_case *expected, const struct validation *validation)
{
    const struct problem *problem = validation->problem;
    const char *name = expected->name;
    cr_expect_eq(ends, 1, "%s: ended %d times", name, ends);
    cr_expect_eq(validation->passing, expected->passing, "%s: passing", name);
    expect_text(name, "tried", validation->tried, expected->tried);
    expect_text(name, "asked", world.asked, expected->asked);
    cr_expect_eq(problem == NULL, expected->expected == NULL, "%s: %s", name,
                 problem == NULL ? "proven" : problem->detail);
    if (problem == NULL || expected->expected == NULL)
        return;
    cr_expect_eq(problem->type, expected->type, "%s: %s", name, problem_type_name(problem->type));
    if (expected->cause != CAUSE_NONE)
        cr_expect_eq(problem->cause, expected->cause, "%s: cause %d", name, (int)problem->cause);
    expect_text(name, "detail", problem->detail, expected->expected);
}

void validation_try(const struct validation_case *expected, const char *const *caa_identities, size_t count)
{
    struct place place;
    struct fault fault = {0};
    struct network allowed;
    place_begin(&place);
    struct outbound *outbound = outbound_start(NULL, &fault);
    world = expected->world;
    struct validation_config config = {
        .http_port = 5002, .tls_port = 5001, .timeout_s = TIMEOUT_S, .allow_addresses = &allowed};
    if (expected->allowed != NULL) {
        cr_assert(network_parse(expected->allowed, &allowed));
        config.allow_address_count = 1;
    }
    struct validation validation = {
        .arena = place.arena,
        .outbound = outbound,
        .config = &config,
        .type = expected->challenge,
        .token = TRY_TOKEN,
        .key_authorization = TRY_KEY_AUTHORIZATION,
        .wildcard = expected->wildcard,
        .account_urls = account_urls,
        .account_url_count = sizeof account_urls / sizeof *account_urls,
        .issuer_names = issuer_names,
        .issuer_name_count = 1,
        .caa_identities = caa_identities,
        .caa_identity_count = count,
        .now = PLACE_NOW,
        .done = count_end,
    };
    bool is_ip = expected->host[0] >= '0' && expected->host[0] <= '9';
    validation.identifier.type =
        is_ip || strchr(expected->host, ':') != NULL ? IDENTIFIER_IP : IDENTIFIER_DNS;
    snprintf(validation.identifier.value, sizeof validation.identifier.value, "%s", expected->host);
    ends = 0;
    validation_start(&validation);
    fakes_pass((TIMEOUT_S + 1) * MS_PER_S);
    if (count != 0 && ends == 1 && validation.problem == NULL) {
        ends = 0;
        validation_check_caa(&validation);
        fakes_pass((TIMEOUT_S + 1) * MS_PER_S);
    }
    expect_outcome(expected, &validation);
    outbound_stop(outbound);
    outbound_free(outbound);
    place_end(&place);
}
