#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/cli.h"
#include "gateway/log.h"
#include "gateway/serve.h"

static void list_endpoints(const struct server *server)
{
    const struct config *config = server->config;
    for (size_t i = 0; i < config->endpoint_count; ++i)
        log_info("directory %s/acme/%s/directory", config->base_url, config->endpoints[i].name);
}

/* Everything else is blocked in every thread, so that libh2o's loops never see an interrupted call. */
static int wait_for_stop_signal(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    int number = 0;
    sigwait(&stop, &number);
    return number;
}

int serve_until_stopped(const struct config *config, void (*ready)(const struct server *server))
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    char why[512];
    struct server *server = server_start(config, why);
    if (server == NULL) {
        log_error("%s", why);
        return CLI_FAILED;
    }
    list_endpoints(server);
    if (ready != NULL)
        ready(server);
    log_info("stopping on signal %d", wait_for_stop_signal());
    server_stop(server);
    log_info("stopped");
    return CLI_OK;
}

int cli_serve(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"verbose", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
    const char *path = NULL;
    for (int option; (option = getopt_long(argc, argv, "c:v", options, NULL)) != -1;) {
        if (option == 'c')
            path = optarg;
        else if (option == 'v')
            log_set_level(LOG_LEVEL_DEBUG);
        else
            return CLI_USAGE;
    }
    if (path == NULL || optind != argc) {
        fprintf(stderr, "acmegate serve: name the configuration with --config FILE\n");
        return CLI_USAGE;
    }
    struct arena *arena = arena_new();
    struct config_errors errors = {0};
    const struct config *config = config_load(arena, path, environ, &errors);
    int status = CLI_FAILED;
    if (config != NULL)
        status = serve_until_stopped(config, NULL);
    else
        for (size_t i = 0; i < errors.count; ++i)
            fprintf(stderr, "acmegate: %s\n", errors.lines[i]);
    arena_free(arena);
    return status;
}
