/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_check.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "gateway/ca/issuer_local.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"
#include "gateway/cli/config_in_force.h"
#include "gateway/kept/own_certificate_files.h"
#include "gateway/preflight/host_preflight.h"
#include "gateway/preflight/name_servers.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/passed_sockets.h"
#include "store/store.h"

/* ---- lines ---- */

static void print_line(const char *verdict, const char *line)
{
    printf("%-4s  %s\n", verdict, line);
    fflush(stdout);
}

/* A program reads "warning" and "failure", as docs/commands.md has them. */
static void print_json_line(const char *verdict, const char *line)
{
    static const char *const results[][2] = {{"ok", "ok"}, {"warn", "warning"}, {"FAIL", "failure"}};
    struct arena *arena = arena_new();
    struct json_writer *writer = cli_json_begin(arena);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (strcmp(verdict, results[i][0]) == 0)
            json_put_string(writer, "result", results[i][1]);
    json_put_string(writer, "message", line);
    if (!cli_json_print(writer))
        fprintf(stderr, "acmegate check: the JSON cannot be written: %s\n", strerror(errno));
    arena_free(arena);
}

/* ---- this machine ---- */

/* Returns the folder of `path`. */
static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return ".";
    return slash == path ? "/" : arena_string(arena, bytes_of(path, (size_t)(slash - path)));
}

/* Returns the host of base_url, without brackets and port. */
static const char *own_host(struct check *check)
{
    return arena_string(check->arena, config_base_authority(check->config).host);
}

static bool names_host(X509 *leaf, const char *host)
{
    return X509_check_host(leaf, host, strlen(host), 0, NULL) == 1 || X509_check_ip_asc(leaf, host, 0) == 1;
}

static void check_leaf(struct check *check, struct bytes der)
{
    const char *path = check->config->tls_cert_path;
    const char *host = own_host(check);
    struct certificate_facts facts;
    autofree_x509 X509 *leaf = x509_read(der);
    if (leaf == NULL || !certificate_read_facts(check->arena, der, &facts))
        check_fail(check, "tls.cert %s: its first certificate cannot be read; put the leaf first (PEM)",
                   path);
    else if (facts.not_after <= clock_now())
        check_fail(check, "tls.cert %s has expired; renew it", path);
    else if (!names_host(leaf, host))
        check_fail(check, "tls.cert %s does not name %s, the host of base_url; clients will reject it", path,
                   host);
    else
        check_ok(check, "tls.cert %s and its key fit, and it names %s", path, host);
}

static void check_tls(struct check *check)
{
    const struct config *config = check->config;
    struct own_certificate_files files;
    struct fault fault;
    if (config->tls_issuer != NULL)
        check_ok(check, "tls: issuer %s signs the server's own certificate", config->tls_issuer);
    else if (!own_certificate_files_read(check->arena, config, &files, &fault))
        check_fail(check, "%s", fault.message);
    else
        check_leaf(check, files.certificates[0]);
}

static bool local_file_is_there(struct check *check, const struct issuer_config *issuer, const char *name)
{
    return access(arena_printf(check->arena, "%s/%s", issuer->directory, name), F_OK) == 0;
}

/* True when `acmegate serve` will make the CA or its intermediate, or cannot. */
static bool check_local_to_be_made(struct check *check, const struct issuer_config *issuer)
{
    const char *folder = folder_of(check->arena, issuer->directory);
    bool there = access(issuer->directory, F_OK) == 0;
    bool root = local_file_is_there(check, issuer, LOCAL_CA_ROOT);
    bool root_key = local_file_is_there(check, issuer, LOCAL_CA_ROOT_KEY);
    if (!there && access(folder, W_OK | X_OK) != 0) {
        check_fail(check,
                   "issuer %s: directory %s cannot be made: %s; make %s writable for the server's user",
                   issuer->id, issuer->directory, strerror(errno), folder);
        return true;
    }
    if (local_file_is_there(check, issuer, LOCAL_CA_INTERMEDIATE) ||
        local_file_is_there(check, issuer, LOCAL_CA_INTERMEDIATE_KEY) || root != root_key)
        return false;
    check_ok(check, "issuer %s: no %s in %s yet, `acmegate serve` makes it", issuer->id,
             root ? "intermediate" : "CA", issuer->directory);
    return true;
}

/* Without its own certificate the server does not start. */
static void check_local_signs_own(struct check *check, const struct issuer_config *issuer,
                                  const struct local_ca *ca)
{
    const struct config *config = check->config;
    size_t count = 0;
    if (config->tls_issuer == NULL || strcmp(config->tls_issuer, issuer->id) != 0)
        return;
    const struct identifier *names = config_own_names(check->arena, config, &count);
    for (size_t i = 0; i < count; i++) {
        const char *fault = local_ca_name_fault(check->arena, ca, names[i].value);
        if (fault != NULL)
            check_fail(check, "issuer %s: it cannot sign the server's own certificate: %s", issuer->id,
                       fault);
    }
}

static void check_local(struct check *check, const struct issuer_config *issuer)
{
    struct local_ca_config config = local_ca_config_of(issuer);
    struct fault fault;
    struct bytes *roots = NULL;
    size_t count = 0;
    if (check_local_to_be_made(check, issuer))
        return;
    config.only_looking = true;
    struct local_ca *ca = local_ca_open(&config, clock_now(), &fault);
    if (ca == NULL) {
        check_fail(check, "issuer %s: directory %s: %s", issuer->id, issuer->directory, fault.message);
        return;
    }
    char end[TIME_TEXT_BYTES];
    time_format(end, local_ca_end(ca));
    if (certificates_from_pem(check->arena, local_ca_root_pem(ca), &roots, &count) && count > 0)
        check_ok(check, "issuer %s: local CA in %s, root SHA-256 %s, signs until %s", issuer->id,
                 issuer->directory, certificate_fingerprint(check->arena, roots[0]), end);
    const struct ca_knowledge known = {.max = {local_ca_end(ca) - clock_now(), CA_FACT_TOLD, clock_now()}};
    check_validity(check, issuer, &known);
    check_local_signs_own(check, issuer, ca);
    local_ca_free(ca);
}

/* ---- the host ---- */

static void take_finding(void *context, enum preflight_verdict verdict, const char *line)
{
    struct check *check = context;
    if (verdict == PREFLIGHT_OK)
        check_ok(check, "%s", line);
    else if (verdict == PREFLIGHT_WARNING)
        check_warn(check, "%s", line);
    else
        check_fail(check, "%s", line);
}

static void check_host(struct check *check)
{
    struct host_preflight preflight = {.arena = check->arena,
                                       .config = check->config,
                                       .location = config_location(check->arena, check->config),
                                       .whole_database = true,
                                       .before_start = true,
                                       .tell = take_finding,
                                       .context = check};
    host_preflight(&preflight);
}

static void check_name_servers(struct check *check)
{
    struct name_servers_probe probe = {.outbound = check->outbound,
                                       .config = check->config,
                                       .arena = check->arena,
                                       .tell = take_finding,
                                       .context = check};
    name_servers_probe_and_wait(&probe);
}

/* ---- the command ---- */

static void check_all(struct check *check)
{
    const struct config *config = check->config;
    check_host(check);
    check_name_servers(check);
    check_tls(check);
    for (size_t i = 0; i < config->issuer_count; i++) {
        if (config->issuers[i].overridden)
            check_ok(check, "issuer %s: as the admin API has set it, not as in the file",
                     config->issuers[i].id);
        if (config->issuers[i].type == ISSUER_STEPCA)
            check_stepca(check, &config->issuers[i]);
        else
            check_local(check, &config->issuers[i]);
    }
}

static int check_file(struct check *check, const char *path)
{
    struct config_errors errors = {0};
    struct fault fault;
    check->config = config_load_in_force(check->arena, path, environ, &errors);
    for (size_t i = 0; i < errors.count; i++)
        check_fail(check, "%s", errors.lines[i]);
    if (check->config == NULL)
        return CLI_FAILED;
    if (check->expiring_within_s == 0)
        check_ok(check, "configuration %s is valid", path);
    if (!passed_sockets_take(PASSED_SOCKETS_FIRST, &fault))
        check_fail(check, "%s", fault.message);
    const struct outbound_config outbound = {
        .resolvers = check->config->validation.resolvers,
        .resolver_count = check->config->validation.resolver_count,
    };
    check->outbound = outbound_start(&outbound, &fault);
    if (check->outbound == NULL) {
        check_fail(check, "the network cannot be used: %s", fault.message);
        return CLI_FAILED;
    }
    if (check->expiring_within_s != 0)
        check_expiring(check);
    else
        check_all(check);
    outbound_stop(check->outbound);
    outbound_free(check->outbound);
    passed_sockets_close();
    return check->failed ? CLI_FAILED : CLI_OK;
}

static int run(const struct cli_arguments *arguments)
{
    struct check check = {.arena = arguments->arena,
                          .print = cli_wants_json(arguments) ? print_json_line : print_line};
    if (!cli_read_duration(arguments, "expiring", &check.expiring_within_s))
        return CLI_USAGE;
    return check_file(&check, arguments->config_path);
}

int cli_check_file(struct arena *arena, const char *path)
{
    struct check check = {.arena = arena, .print = print_line};
    return check_file(&check, path);
}

static const struct cli_option options[] = {
    {"expiring", "DURATION",
     "checks only which certificates of the server and its CAs expire within this time, such as 14d", NULL,
     0},
    CLI_JSON_OPTION,
    {0}};

static const char *const examples[] = {"acmegate check", "acmegate check --expiring 14d",
                                       "acmegate check --json | jq -r .message", NULL};

static const struct cli_action actions[] = {{.needs = CLI_NEEDS_CONFIG,
                                             .options = options,
                                             .help = "Checks whether the configuration will work, and asks "
                                                     "the CA, too. Prints a line for each finding; a "
                                                     "line that begins with FAIL ends with what to do.",
                                             .examples = examples,
                                             .run = run}};

const struct cli_command cli_check = {"check", "check whether the configuration will work", actions, 1};
