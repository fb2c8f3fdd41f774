/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate try`: whether a name would be proven from here right now, without an order. */
#include <stdio.h>
#include <string.h>

#include "acme/permission.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"
#include "gateway/issuance/permit.h"
#include "gateway/outbound/outbound_wait.h"
#include "gateway/runtime/clock.h"
#include "gateway/validation/validator.h"

enum { MS_PER_S = 1000 };

/* Seen in the log of the web server that is asked. */
#define TRY_TOKEN "acmegate-try"

struct trial {
    const struct cli_arguments *arguments;
    struct arena *arena;
    const struct config *config;
    const struct endpoint_config *endpoint;
    struct identifier identifier; /* as an order has it, with "*." */
    struct outbound *outbound;
};

/* One try, on the outbound thread. */
struct trial_errand {
    struct outbound_errand errand; /* first */
    struct validation validation;
    bool caa_alone;
};

/* ---- a try ---- */

static void on_tried(struct validation *validation)
{
    outbound_errand_end(validation->owner);
}

static void run_try(struct outbound_message *message)
{
    struct trial_errand *try = (struct trial_errand *)(void *)message;
    struct validation *validation = &try->validation;
    validation->deadline_ms = outbound_now_ms() + validation->config->timeout_s * MS_PER_S;
    if (try->caa_alone)
        validation_check_caa(validation);
    else
        validation_start(validation);
}

/* Nobody has the answer to this token: a good end is that the place of the answer was reached. */
static const struct validation *run_trial(const struct trial *trial, enum challenge_type type, bool caa_alone)
{
    struct arena *arena = trial->arena;
    struct trial_errand *try = arena_alloc(arena, sizeof *try);
    *try = (struct trial_errand){.caa_alone = caa_alone,
                                 .validation = {.arena = arena,
                                                .outbound = trial->outbound,
                                                .config = &trial->config->validation,
                                                .identifier = {.type = trial->identifier.type},
                                                .type = type,
                                                .token = TRY_TOKEN,
                                                .key_authorization = TRY_TOKEN ".nobody",
                                                .wildcard = identifier_is_wildcard(&trial->identifier),
                                                .caa_identities = trial->endpoint->caa_identities,
                                                .caa_identity_count = trial->endpoint->caa_identity_count,
                                                .now = clock_now(),
                                                .done = on_tried,
                                                .owner = try}};
    snprintf(try->validation.identifier.value, sizeof try->validation.identifier.value, "%s",
             identifier_base_name(&trial->identifier));
    outbound_wait(trial->outbound, &try->errand, run_try);
    return &try->validation;
}

/* ---- findings ---- */

struct finding {
    const char *what;              /* a challenge, or a rule */
    const char *result;            /* a word for programs */
    const char *verdict;           /* the same in words for people */
    const struct problem *problem; /* NULL: none */
    const char *tried;             /* what was asked and answered; NULL: nothing */
};

static void tell_people(const struct finding *finding)
{
    const struct problem *problem = finding->problem;
    printf("  %-16s %s\n", finding->what, finding->verdict);
    if (problem != NULL) {
        printf("    %s\n", problem->detail);
        printf("    next: %s\n", cause_info(problem->cause)->next_step);
    }
    if (finding->tried != NULL && (problem == NULL || strstr(problem->detail, finding->tried) == NULL))
        printf("    %s%s\n", problem == NULL ? "" : "tried: ", finding->tried);
}

static void tell_program(const struct trial *trial, const struct finding *finding)
{
    const struct problem *problem = finding->problem;
    struct json_writer *writer = cli_json_begin(trial->arena);
    json_put_string(writer, "name", trial->identifier.value);
    json_put_string(writer, "endpoint", trial->endpoint->name);
    json_put_string(writer, "what", finding->what);
    json_put_string(writer, "result", finding->result);
    json_put_string(writer, "detail", problem == NULL ? finding->verdict : problem->detail);
    json_put_string(writer, "cause", problem == NULL ? NULL : cause_name(problem->cause));
    json_put_string(writer, "next", problem == NULL ? NULL : cause_info(problem->cause)->next_step);
    json_put_string(writer, "tried", finding->tried);
    (void)cli_json_end(trial->arguments, writer);
}

static void tell(const struct trial *trial, const struct finding *finding)
{
    if (cli_wants_json(trial->arguments))
        tell_program(trial, finding);
    else
        tell_people(finding);
}

/* True when only the client's answer was missing. */
static bool was_reached(enum cause cause)
{
    return cause == CAUSE_HTTP_WRONG_STATUS || cause == CAUSE_HTTP_WRONG_CONTENT ||
           cause == CAUSE_NO_TXT_RECORD || cause == CAUSE_NO_TXT_RECORD_BEHIND_ALIAS ||
           cause == CAUSE_WRONG_TXT_RECORD || cause == CAUSE_TLS_ALPN_NOT_AGREED ||
           cause == CAUSE_TLS_ALPN_WRONG_CERTIFICATE;
}

/* Each as the end of "reached; …". */
static const char *left_to_client(enum challenge_type type)
{
    if (type == CHALLENGE_HTTP_01)
        return "the client has to put its answer there";
    if (type == CHALLENGE_TLS_ALPN_01)
        return "the client has to answer there with acme-tls/1";
    return "the client has to set the TXT record";
}

/* True when the name could be proven by this challenge. */
static bool try_challenge(const struct trial *trial, enum challenge_type type)
{
    struct finding finding = {.what = challenge_type_info(type)->name};
    bool reached = false;
    if (type == CHALLENGE_DNS_ACCOUNT_01 || type == CHALLENGE_DNS_PERSIST_01) {
        finding.result = "not-tried";
        finding.verdict = "not tried: its record depends on the account";
    } else {
        const struct validation *tried = run_trial(trial, type, false);
        reached = tried->problem == NULL || was_reached(tried->problem->cause);
        finding.result = reached ? "reached" : "fails";
        finding.verdict = reached ? arena_printf(trial->arena, "reached; %s", left_to_client(type)) : "fails";
        finding.problem = reached ? NULL : tried->problem;
        finding.tried = tried->tried;
    }
    tell(trial, &finding);
    return reached;
}

static bool try_challenges(const struct trial *trial)
{
    bool one_works = false;
    challenge_set offered = challenges_for_identifier(trial->endpoint->challenges, &trial->identifier, false);
    for (enum challenge_type type = 1; type < CHALLENGE_TYPE_END; type++)
        if ((offered & (1U << type)) != 0)
            one_works = try_challenge(trial, type) || one_works;
    if (offered == 0)
        tell(trial, &(struct finding){.what = "challenges",
                                      .result = "fails",
                                      .verdict = "none that the endpoint offers can prove this name"});
    return one_works;
}

static bool try_caa(const struct trial *trial)
{
    if (trial->endpoint->caa_identity_count == 0 || trial->identifier.type != IDENTIFIER_DNS)
        return true;
    const struct problem *problem = run_trial(trial, CHALLENGE_DNS_01, true)->problem;
    tell(trial, &(struct finding){.what = "CAA",
                                  .result = problem == NULL ? "allows" : "fails",
                                  .verdict = problem == NULL ? "allows this server" : "fails",
                                  .problem = problem});
    return problem == NULL;
}

/* The permission of a new account without an external account key. */
static bool is_allowed(const struct trial *trial, const struct profile_config *profile, const char **trusted)
{
    const struct account account = {.status = ACCOUNT_VALID};
    struct permission permission = {.now = clock_now(), .account = &account};
    permit_set_policy(&permission, trial->config, trial->endpoint, profile,
                      cli_value(trial->arguments, "from"));
    const struct problem *problem = permission_check_names(trial->arena, &permission, &trial->identifier, 1);
    tell(trial, &(struct finding){.what = arena_printf(trial->arena, "profile %s", profile->name),
                                  .result = problem == NULL ? "allows" : "refuses",
                                  .verdict = problem == NULL ? "allows the name" : "refuses the name",
                                  .problem = problem});
    if (problem == NULL && permission_trust(trial->arena, &permission, &trial->identifier, trusted) == 0)
        *trusted = NULL;
    return problem == NULL;
}

static bool try_endpoint(const struct trial *trial)
{
    bool allowed = false;
    const char *trusted = NULL;
    if (!cli_wants_json(trial->arguments))
        printf("%s at endpoint %s, now\n", trial->identifier.value, trial->endpoint->name);
    for (size_t i = 0; i < trial->endpoint->profile_count; i++)
        allowed = is_allowed(trial, config_profile(trial->config, trial->endpoint->profiles[i]), &trusted) ||
                  allowed;
    if (trusted != NULL) {
        tell(trial,
             &(struct finding){.what = "proof",
                               .result = "not-needed",
                               .verdict = arena_printf(trial->arena, "is not asked for: %s", trusted)});
        return allowed;
    }
    bool provable = try_challenges(trial);
    return try_caa(trial) && provable && allowed;
}

/* ---- the command ---- */

static bool read_name(const struct trial *trial, struct identifier *out)
{
    const char *text = trial->arguments->words[0];
    struct bytes value = bytes_from_string(text);
    const struct problem *problem = identifier_parse(trial->arena, BYTES_LITERAL("dns"), value, out);
    if (problem != NULL && identifier_parse(trial->arena, BYTES_LITERAL("ip"), value, out) == NULL)
        problem = NULL;
    if (problem != NULL)
        cli_fail(trial->arguments, CLI_USAGE, "%s", problem->detail);
    return problem == NULL;
}

static bool choose_endpoint(struct trial *trial)
{
    const char *name = cli_value(trial->arguments, "endpoint");
    trial->endpoint =
        name == NULL ? &trial->config->endpoints[0] : config_endpoint(trial->config, bytes_from_string(name));
    if (trial->endpoint == NULL)
        cli_fail(trial->arguments, CLI_FAILED, "the configuration has no endpoint '%s'", name);
    return trial->endpoint != NULL;
}

static int run(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct trial trial = {
        .arguments = arguments, .arena = arguments->arena, .config = cli_config_in_force(arguments)};
    if (trial.config == NULL)
        return CLI_FAILED;
    if (!read_name(&trial, &trial.identifier))
        return CLI_USAGE;
    if (!choose_endpoint(&trial))
        return CLI_FAILED;
    const struct outbound_config setting = {.resolvers = trial.config->validation.resolvers,
                                            .resolver_count = trial.config->validation.resolver_count};
    trial.outbound = outbound_start(&setting, &fault);
    if (trial.outbound == NULL)
        return cli_fail(arguments, CLI_FAILED, "the network cannot be used: %s", fault.message);
    bool good = try_endpoint(&trial);
    outbound_stop(trial.outbound);
    outbound_free(trial.outbound);
    return good ? CLI_OK : CLI_FAILED;
}

static const struct cli_option options[] = {
    {"endpoint", "NAME", "the endpoint whose rules count (default: the first of the configuration)", NULL, 0},
    {"from", "ADDRESS", "the client's address, for endpoints with trusted networks", NULL, 0},
    CLI_JSON_OPTION,
    {0}};

static const char *const examples[] = {"acmegate try host.internal",
                                       "acmegate try '*.internal' --endpoint acme --json", NULL};

static const struct cli_action actions[] = {{
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .needs = CLI_NEEDS_CONFIG,
    .options = options,
    .help = "Tells whether a name could be proven from here right now: whether the profiles allow it, and "
            "what each challenge resolves, dials and gets as an answer. It makes no order. A client's answer "
            "is not there yet, so 'reached' is the best result. Run it on the server's host, as the server's "
            "user. Exit status 1: no challenge can work, or nothing allows the name.",
    .examples = examples,
    .run = run,
}};

const struct cli_command cli_try = {"try", "tell whether a name could be proven right now", actions, 1};
