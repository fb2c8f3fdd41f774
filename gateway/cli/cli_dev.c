/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/config_draft.h"
#include "gateway/cli/serve.h"
#include "gateway/runtime/log.h"

enum { STATE_DIRECTORY_MODE = 0700, CONFIG_MODE = 0600, PORT_MAX = 65535 };

struct dev_options {
    const char *state;
    int64_t port;
    int64_t http_port;
};

/* Returns a path in the state folder as a JSON string. */
static const char *quoted(struct arena *arena, const char *rest, const char *state)
{
    return config_draft_quoted(arena, arena_printf(arena, "%s/%s", state, rest));
}

/* The embedded default: a local CA, a database and TLS, all in one folder. The file can be changed and used
 * with `acmegate serve --config`. */
static struct bytes dev_config(struct arena *arena, const struct dev_options *options)
{
    return bytes_from_string(arena_printf(
        arena,
        "// Made by `acmegate dev`. The same file works with `acmegate serve --config`.\n"
        "{\n"
        "  \"base_url\": \"https://localhost:%lld\",\n"
        "  \"listen\": [\"127.0.0.1:%lld\"],\n"
        "  \"database\": %s,\n"
        "  \"tls\": {\"issuer\": \"local\"},\n"
        "  \"issuers\": {\"local\": {\"type\": \"local\", \"directory\": %s}},\n"
        "  \"profiles\": {\"default\": {\"issuer\": \"local\", \"max_ttl\": \"24h\"}},\n"
        "  \"endpoints\": {\"acme\": {\"profiles\": [\"default\"], \"challenges\": [\"http-01\", "
        "\"dns-01\"]}},\n"
        "  // All clients are on this machine: http-01 uses an unprivileged port on the loopback.\n"
        "  \"validation\": {\"http_port\": %lld, \"allow_addresses\": [\"127.0.0.0/8\", \"::1/128\"]}\n"
        "}\n",
        (long long)options->port, (long long)options->port, quoted(arena, "acmegate.db", options->state),
        quoted(arena, "ca", options->state), (long long)options->http_port));
}

static void tell_ready(const struct server *server)
{
    printf("acmegate is serving %s/acme/acme/directory\n", server->config->base_url);
    printf("its root certificate is %s/root_ca.crt\n", server->config->issuers[0].directory);
    printf("other commands find it with: export ACMEGATE_CONFIG=%s\n", server->config_path);
    fflush(stdout);
}

static int run_dev(const struct cli_arguments *arguments, const struct dev_options *options)
{
    struct arena *arena = arguments->arena;
    struct config_errors errors = {0};
    const char *path = arena_printf(arena, "%s/acmegate.json", options->state);
    struct bytes text = dev_config(arena, options);
    if (mkdir(options->state, STATE_DIRECTORY_MODE) != 0 && errno != EEXIST)
        return cli_fail(arguments, CLI_FAILED, "the state folder %s cannot be made: %s", options->state,
                        strerror(errno));
    if (!file_replace(path, text, CONFIG_MODE))
        return cli_fail(arguments, CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
    const struct config *config = config_parse(arena, path, text, environ, &errors);
    if (config == NULL)
        cli_print_config_errors(arguments, &errors);
    return config == NULL ? CLI_FAILED : serve_until_stopped(config, path, tell_ready);
}

static int run(const struct cli_arguments *arguments)
{
    serve_keep_signals();
    struct dev_options given = {.state = cli_value(arguments, "state")};
    if (!cli_read_number(arguments, "port", 1, PORT_MAX, &given.port) ||
        !cli_read_number(arguments, "http-port", 1, PORT_MAX, &given.http_port))
        return CLI_USAGE;
    if (cli_value(arguments, "verbose") != NULL)
        log_be_verbose();
    return run_dev(arguments, &given);
}

static const struct cli_option options[] = {
    {"state", "DIR", "the folder for the CA, database and configuration", "acmegate-dev", 's'},
    {"port", "PORT", "the port to serve on, on the loopback", "9443", 'p'},
    {"http-port", "PORT", "the port that http-01 validation connects to", "5002", 0},
    {"verbose", NULL, "logs more, to find a fault", NULL, 'v'},
    {0}};

static const struct cli_action actions[] = {
    {.options = options,
     .help = "Runs the server with a CA, a database and a certificate of its own, all in one folder.",
     .run = run}};

const struct cli_command cli_dev = {"dev", "try the server with a CA and a database of its own", actions, 1};
