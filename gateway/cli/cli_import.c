/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "gateway/ca/issuer_overrides.h"
#include "gateway/ca/issuer_signers.h"
#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/ca/local/local_ca.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"
#include "gateway/cli/import.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/outbound/outbound_wait.h"
#include "stepca/outcome.h"

static void tell(const char *line)
{
    fprintf(stderr, "%s\n", line);
}

/* ---- the CA's intermediates ---- */

static void ask_for_intermediates(struct arena *arena, struct outbound *outbound,
                                  const struct issuer_config *config, struct issuer *issuer,
                                  struct certificate_pool *authorities)
{
    const struct outbound_http_request request = {
        .method = "GET",
        .url = arena_printf(arena, "%s/intermediates", config->ca_url),
        .trusted_pem = issuer->roots_pem,
        .timeout_ms = config->request_timeout_s * 1000,
        .max_body_bytes = STEPCA_REPLY_MAX_BYTES,
        .user_agent = STEPCA_USER_AGENT,
    };
    struct outbound_http_reply reply;
    struct stepca_error error;
    struct stepca_chain chain;
    outbound_http_and_wait(outbound, arena, &request, &reply);
    stepca_read_outcome(arena, STEPCA_READ, reply.status, reply.body,
                        issuer_stepca_transport_error(arena, &reply), &error);
    if (error.outcome == STEPCA_OK && stepca_parse_certificates(arena, reply.body, &chain)) {
        for (size_t i = 0; i < chain.count; i++) {
            certificate_pool_add(authorities, chain.certificates[i]);
            issuer_learn_signer(issuer, chain.certificates[i], chain.certificates, chain.count);
        }
        return;
    }
    if (error.outcome != STEPCA_NOT_FOUND) /* step-ca before 0.27.3 */
        fprintf(
            stderr,
            "note: issuer %s: the CA does not tell its intermediates (%s): import uses those in the database "
            "and in the files\n",
            config->id, error.message);
}

static void read_intermediate(struct arena *arena, const struct issuer_config *config, struct issuer *issuer,
                              struct certificate_pool *authorities)
{
    const char *path = arena_printf(arena, "%s/" LOCAL_CA_INTERMEDIATE, config->directory);
    struct bytes pem, *certificates = NULL;
    size_t count = 0;
    if (file_read(arena, path, IMPORT_CERTIFICATE_MAX_BYTES, &pem) &&
        certificates_from_pem(arena, pem, &certificates, &count) && count > 0) {
        certificate_pool_add_pem(authorities, pem);
        issuer_learn_signer(issuer, certificates[0], certificates, count);
    }
}

/* The intermediate of the server's own certificate may be the only one so far. */
static void gather_own(struct arena *arena, const struct config *config, struct certificate_pool *authorities)
{
    struct bytes pem;
    if (config->tls_issuer != NULL &&
        file_read(arena, own_certificate_path(arena, config), IMPORT_CERTIFICATE_MAX_BYTES, &pem))
        certificate_pool_add_pem(authorities, pem);
}

/* The issuers with their pinned roots. */
struct pinned {
    struct issuer **issuers;
    size_t count;
};

static bool gather_from_cas(const struct cli_arguments *arguments, const struct config *config,
                            const struct pinned *pinned, struct certificate_pool *authorities)
{
    struct arena *arena = arguments->arena;
    const struct outbound_config setting = {
        .resolvers = config->validation.resolvers,
        .resolver_count = config->validation.resolver_count,
    };
    struct fault fault;
    struct outbound *outbound = outbound_start(&setting, &fault);
    if (outbound == NULL) {
        cli_fail(arguments, CLI_FAILED, "%s", fault.message);
        return false;
    }
    for (size_t i = 0; i < pinned->count; i++) {
        struct issuer *issuer = pinned->issuers[i];
        const struct issuer_config *its = config_issuer(config, issuer->id);
        if (its->type == ISSUER_STEPCA)
            ask_for_intermediates(arena, outbound, its, issuer, authorities);
        else
            read_intermediate(arena, its, issuer, authorities);
    }
    outbound_stop(outbound);
    outbound_free(outbound);
    return true;
}

/* ---- the run ---- */

static void take_log(struct import *import, const char *path)
{
    bool is_input = strcmp(path, "-") == 0;
    const char *name = is_input ? "standard input" : path;
    FILE *log = is_input ? stdin : fopen(path, "re");
    if (log == NULL) {
        import_fail(import, path, strerror(errno));
        return;
    }
    if (import_request_log(import, name, log) == 0)
        fprintf(stderr,
                "note: no certificate in %s. Give step-ca's request log as it is (`journalctl -u step-ca -o "
                "cat`), and see that ca.json has a \"logger\"\n",
                name);
    if (!is_input)
        fclose(log);
}

static void print_counts(const struct import_counts *counts, bool dry_run)
{
    printf("%zu %s, %zu already known\n", counts->taken, dry_run ? "would be taken" : "taken", counts->known);
    for (size_t i = 0; i < IMPORT_SKIPS; i++)
        if (counts->skipped[i] != 0)
            printf("%zu skipped: %s\n", counts->skipped[i], import_skip_name((enum import_skip)i));
}

static int print_json(const struct cli_arguments *arguments, const struct import_counts *counts, bool good)
{
    struct json_writer *writer = cli_json_begin(arguments->arena);
    json_put_string(writer, "result", good ? "ok" : "failure");
    json_put_boolean(writer, "dry_run", cli_value(arguments, "dry-run") != NULL);
    json_put_integer(writer, "taken", (int64_t)counts->taken);
    json_put_integer(writer, "known", (int64_t)counts->known);
    json_key(writer, "skipped");
    json_begin_array(writer);
    for (size_t i = 0; i < IMPORT_SKIPS; i++) {
        if (counts->skipped[i] == 0)
            continue;
        json_begin_object(writer);
        json_put_integer(writer, "count", (int64_t)counts->skipped[i]);
        json_put_string(writer, "why", import_skip_name((enum import_skip)i));
        json_end_object(writer);
    }
    json_end_array(writer);
    return cli_json_end(arguments, writer);
}

static const char *source_words(const struct cli_arguments *arguments)
{
    struct arena *arena = arguments->arena;
    const char *log_path = cli_value(arguments, "step-ca-log");
    enum { SOURCE_MAX_BYTES = 300 };
    const char *paths = arena_join(arena, arguments->words, arguments->word_count, ", ");
    const char *log = log_path == NULL             ? ""
                      : strcmp(log_path, "-") == 0 ? "step-ca's log"
                                                   : arena_printf(arena, "step-ca's log %s", log_path);
    const char *words = arena_printf(arena, "%s%s%s", paths, *paths != '\0' && *log != '\0' ? ", " : "", log);
    return arena_printable(arena, bytes_from_string(words), SOURCE_MAX_BYTES);
}

static int run(const struct cli_arguments *arguments, const struct config *config,
               const struct pinned *pinned, struct store_command *command)
{
    struct arena *arena = arguments->arena;
    const char *log_path = cli_value(arguments, "step-ca-log");
    bool dry_run = cli_value(arguments, "dry-run") != NULL;
    const struct import_setting setting = {
        .command = command,
        .issuers = pinned->issuers,
        .issuer_count = pinned->count,
        .dry_run = dry_run,
        .source = source_words(arguments),
        .tell = tell,
    };
    struct import_counts counts;
    struct import *import = import_new(&setting);
    gather_own(arena, config, import_authorities(import));
    bool good = gather_from_cas(arguments, config, pinned, import_authorities(import));
    for (size_t i = 0; i < arguments->word_count; i++)
        import_path(import, arguments->words[i], IMPORT_GATHER);
    for (size_t i = 0; i < arguments->word_count; i++)
        import_path(import, arguments->words[i], IMPORT_TAKE);
    if (log_path != NULL)
        take_log(import, log_path);
    good = import_finish(import, &counts) && good;
    import_free(import);
    int status = CLI_OK;
    if (cli_wants_json(arguments))
        status = print_json(arguments, &counts, good);
    else
        print_counts(&counts, dry_run);
    return good ? status : CLI_FAILED;
}

/* Its first start makes it: so far it has signed nothing. */
static bool is_still_to_be_made(struct arena *arena, const struct issuer_config *config)
{
    return config->type == ISSUER_LOCAL &&
           access(arena_printf(arena, "%s/" LOCAL_CA_ROOT, config->directory), F_OK) != 0 && errno == ENOENT;
}

/* False, with a message, for roots that cannot be read. `out` then has those before it. */
static bool open_issuers(const struct cli_arguments *arguments, const struct config *config,
                         struct pinned *out)
{
    struct arena *arena = arguments->arena;
    struct fault fault;
    *out = (struct pinned){.issuers = arena_alloc_array(arena, config->issuer_count, sizeof *out->issuers)};
    for (size_t i = 0; i < config->issuer_count; i++) {
        const struct issuer_config *its = &config->issuers[i];
        if (is_still_to_be_made(arena, its))
            continue;
        struct issuer *issuer = arena_alloc(arena, sizeof *issuer);
        if (!issuer_open_roots(issuer, its, arena, &fault)) {
            cli_fail(arguments, CLI_FAILED, "issuers.%s: %s", its->id, fault.message);
            return false;
        }
        out->issuers[out->count++] = issuer;
    }
    return true;
}

static int with_roots(const struct cli_arguments *arguments, const struct config *config)
{
    struct fault fault;
    struct pinned pinned;
    struct store_command *command = NULL;
    int status = CLI_FAILED;
    if (open_issuers(arguments, config, &pinned)) {
        command = store_command_open(config_location(arguments->arena, config), &fault);
        status = command == NULL ? cli_fail(arguments, CLI_FAILED, "%s", fault.message)
                                 : run(arguments, config, &pinned, command);
    }
    store_command_close(command);
    for (size_t i = 0; i < pinned.count; i++)
        issuer_clear(pinned.issuers[i]);
    return status;
}

static int import(const struct cli_arguments *arguments)
{
    if (arguments->word_count == 0 && cli_value(arguments, "step-ca-log") == NULL)
        return cli_fail(arguments, CLI_USAGE, "give a file or folder, or --step-ca-log FILE");
    const struct config *config = cli_config_in_force(arguments);
    return config == NULL ? CLI_FAILED : with_roots(arguments, config);
}

static const struct cli_option options[] = {
    {"step-ca-log", "FILE", "reads step-ca's request log; '-' reads standard input", NULL, 0},
    {"dry-run", NULL, "shows what would be taken and changes nothing", NULL, 0},
    CLI_JSON_OPTION,
    {0}};

static const struct cli_action actions[] = {
    {.words = "PATH…",
     .words_max = SIZE_MAX,
     .needs = CLI_NEEDS_CONFIG,
     .options = options,
     .help = "Takes the issuers' certificates from PEM files, folders and step-ca's log into the inventory.",
     .run = import}};

const struct cli_command cli_import = {"import", "take certificates from elsewhere into the inventory",
                                       actions, 1};
