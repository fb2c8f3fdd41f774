#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/serve.h"
#include "gateway/log.h"

enum { DEFAULT_PORT = 9443, DEFAULT_HTTP_PORT = 5002, STATE_DIRECTORY_MODE = 0700, CONFIG_MODE = 0600 };

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

static bool parse_port(const char *text, long *port)
{
    char *end = NULL;
    errno = 0;
    *port = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *port > 0 && *port <= 65535)
        return true;
    fprintf(stderr, "acmegate dev: %s is not a port number\n", text);
    return false;
}

static bool parse_options(int argc, char **argv, struct dev_options *out)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"http-port", required_argument, NULL, 'h'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    *out =
        (struct dev_options){.state = "acmegate-dev", .port = DEFAULT_PORT, .http_port = DEFAULT_HTTP_PORT};
    bool good = true;
    for (int option; good && (option = getopt_long(argc, argv, "s:p:v", options, NULL)) != -1;) {
        if (option == 's')
            out->state = optarg;
        else if (option == 'p')
            good = parse_port(optarg, &out->port);
        else if (option == 'h')
            good = parse_port(optarg, &out->http_port);
        else if (option == 'v')
            log_set_level(LOG_LEVEL_DEBUG);
        else
            good = false;
    }
    return good && optind == argc;
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
    for (size_t i = 0; config == NULL && i < errors.count; ++i)
        fprintf(stderr, "acmegate dev: %s\n", errors.lines[i]);
    return config == NULL ? CLI_FAILED : serve_until_stopped(config, path, tell_ready);
}

int cli_dev(int argc, char **argv)
{
    struct dev_options options;
    if (!parse_options(argc, argv, &options))
        return CLI_USAGE;
    struct arena *arena = arena_new();
    int status = run_dev(arena, &options);
    arena_free(arena);
    return status;
}
