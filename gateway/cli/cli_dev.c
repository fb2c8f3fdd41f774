/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/serve.h"
#include "gateway/runtime/log.h"

enum { STATE_DIRECTORY_MODE = 0700, CONFIG_MODE = 0600 };

struct dev_options {
    const char *state;
    long port;
    long http_port;
};

/* A path below the state folder as a JSON string. */
static const char *quoted(struct arena *arena, const char *rest, const char *state)
{
    struct json_writer *writer = json_writer_new(arena, PATH_MAX * 8); /* an octet is escaped as six */
    json_write_string(writer, arena_printf(arena, "%s/%s", state, rest));
    return (const char *)json_writer_finish(writer).p;
}

/* The embedded default: a local CA, a database and TLS, all in one folder. Written out, so that it can be
 * read, changed and taken further with `acmegate serve --config`. */
static struct bytes dev_config(struct arena *arena, const struct dev_options *options)
{
    return bytes_from_string(arena_printf(
        arena,
        "// Made by `acmegate dev`. The same file works with `acmegate serve --config`.\n"
        "{\n"
        "  \"base_url\": \"https://localhost:%ld\",\n"
        "  \"listen\": [\"127.0.0.1:%ld\"],\n"
        "  \"database\": %s,\n"
        "  \"tls\": {\"issuer\": \"local\"},\n"
        "  \"issuers\": {\"local\": {\"type\": \"local\", \"directory\": %s}},\n"
        "  \"profiles\": {\"default\": {\"issuer\": \"local\", \"max_ttl\": \"24h\"}},\n"
        "  \"endpoints\": {\"acme\": {\"profiles\": [\"default\"], \"challenges\": [\"http-01\", "
        "\"dns-01\"]}},\n"
        "  // Everything is on this machine: http-01 is looked for on an unprivileged port of the loopback.\n"
        "  \"validation\": {\"http_port\": %ld, \"allow_addresses\": [\"127.0.0.0/8\", \"::1/128\"]}\n"
        "}\n",
        options->port, options->port, quoted(arena, "acmegate.db", options->state),
        quoted(arena, "ca", options->state), options->http_port));
}

static void tell_ready(const struct server *server)
{
    printf("acmegate is serving %s/acme/acme/directory\n", server->config->base_url);
    printf("its root certificate is %s/root_ca.crt\n", server->config->issuers[0].directory);
    fflush(stdout);
}

static bool parse_port(const struct cli_arguments *arguments, const char *option, long *port)
{
    const char *text = cli_value(arguments, option);
    char *end = NULL;
    errno = 0;
    *port = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *port > 0 && *port <= 65535)
        return true;
    cli_fail(arguments, CLI_USAGE, "--%s: '%s' is not a port number", option, text);
    return false;
}

static int run_dev(struct arena *arena, const struct dev_options *options)
{
    struct config_errors errors = {0};
    const char *path = arena_printf(arena, "%s/acmegate.json", options->state);
    struct bytes text = dev_config(arena, options);
    if (mkdir(options->state, STATE_DIRECTORY_MODE) != 0 && errno != EEXIST) {
        fprintf(stderr, "acmegate dev: cannot make the state folder %s: %s\n", options->state,
                strerror(errno));
        return CLI_FAILED;
    }
    if (!file_replace(path, text, CONFIG_MODE)) {
        fprintf(stderr, "acmegate dev: cannot write %s: %s\n", path, strerror(errno));
        return CLI_FAILED;
    }
    const struct config *config = config_parse(arena, path, text, environ, &errors);
    for (size_t i = 0; config == NULL && i < errors.count; i++)
        fprintf(stderr, "acmegate dev: %s\n", errors.lines[i]);
    return config == NULL ? CLI_FAILED : serve_until_stopped(config, path, tell_ready);
}

static int run(const struct cli_arguments *arguments)
{
    struct dev_options given = {.state = cli_value(arguments, "state")};
    if (!parse_port(arguments, "port", &given.port) || !parse_port(arguments, "http-port", &given.http_port))
        return CLI_USAGE;
    if (cli_value(arguments, "verbose") != NULL)
        log_set_level(LOG_LEVEL_DEBUG);
    return run_dev(arguments->arena, &given);
}

static const struct cli_option options[] = {
    {"state", "DIR", "the folder of CA, database and configuration", "acmegate-dev", 's'},
    {"port", "PORT", "the port to serve at, on the loopback", "9443", 'p'},
    {"http-port", "PORT", "the port where http-01 is looked for", "5002", 0},
    {"verbose", NULL, "logs what helps to find a fault as well", NULL, 'v'},
    {0}};

static const struct cli_action actions[] = {
    {.options = options,
     .help = "Runs the server with a CA, a database and a certificate of its own, all in one folder.",
     .run = run}};

const struct cli_command cli_dev = {"dev", "run it with a CA and a database of its own, to try it out",
                                    actions, 1};
