/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/serve.h"
#include "gateway/cli/serve_loop.h"
#include "gateway/preflight/host_preflight.h"
#include "gateway/preflight/name_servers.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"
#include "gateway/runtime/passed_sockets.h"
#include "gateway/runtime/service_manager.h"
#include "gateway/server/event_log.h"
#include "gateway/server/file_limit.h"

static void log_finding(void *context, enum preflight_verdict verdict, const char *line)
{
    (void)context;
    if (verdict == PREFLIGHT_FAULT)
        log_error("%s", line);
    else if (verdict == PREFLIGHT_WARNING)
        log_warning("%s", line);
    else
        log_debug("%s", line);
}

/* Logs all faults of this host at once, in the words of `acmegate check`. */
static bool host_is_fit(const struct config *config)
{
    struct arena *arena = arena_new();
    struct host_preflight preflight = {
        .arena = arena, .config = config, .location = config_location(arena, config), .tell = log_finding};
    host_preflight(&preflight);
    arena_free(arena);
    return !preflight.failed;
}

/* NULL with `fault`, which the log has too. */
static struct server *start(const struct config *config, const char *path, struct fault *fault)
{
    if (!passed_sockets_take(PASSED_SOCKETS_FIRST, fault)) {
        log_error("%s", fault->message);
        return NULL;
    }
    if (!host_is_fit(config)) {
        fault_set(fault, "this host is not fit to serve %s", path);
        return NULL;
    }
    struct arena *arena = arena_new();
    struct server *server =
        crash_record_open(config_state_path(arena, config), fault) ? server_start(config, path, fault) : NULL;
    arena_free(arena);
    if (server == NULL)
        log_error("%s", fault->message);
    return server;
}

static void serve(struct server *server)
{
    struct arena *arena = arena_new(), *taken = arena_new();
    /* The answers may take long, and the server serves without them. */
    struct name_servers_probe name_servers = {
        .outbound = server->outbound, .config = server->config, .arena = arena, .tell = log_finding};
    name_servers_probe(&name_servers);
    log_info("stopping on signal %d", serve_loop(server, taken));
    server_stop(server);
    arena_free(taken);
    arena_free(arena);
}

void serve_keep_signals(void)
{
    sigset_t blocked = serve_loop_signals();
    sigaddset(&blocked, SIGPIPE);
    /* Scripts that rotate logs send them to every server. */
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

int serve_until_stopped(const struct config *config, const char *path,
                        void (*ready)(const struct server *server))
{
    log_follow_journal();
    event_log_configure(config);
    service_manager_open();
    server_raise_file_limit(config);
    struct fault fault;
    struct server *server = start(config, path, &fault);
    if (server != NULL) {
        server_log_start(server);
        if (ready != NULL)
            ready(server);
        serve(server);
        log_info("stopped");
    } else {
        service_manager_status(fault.message);
    }
    passed_sockets_close();
    crash_record_close();
    service_manager_close();
    return server != NULL ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli_arguments *arguments)
{
    serve_keep_signals();
    if (cli_value(arguments, "verbose") != NULL)
        log_be_verbose();
    const struct config *config = cli_config(arguments);
    return config == NULL ? CLI_FAILED : serve_until_stopped(config, arguments->config_path, NULL);
}

static const struct cli_option options[] = {{"verbose", NULL, "logs more, to find a fault", NULL, 'v'}, {0}};

static const struct cli_action actions[] = {{
    .needs = CLI_NEEDS_CONFIG,
    .options = options,
    .help =
        "Runs the server until SIGTERM or SIGINT. 'acmegate reload', or SIGHUP, reads the configuration "
        "again; the log tells for each change whether it is in force or needs a restart. Listening sockets "
        "may come from the service manager (LISTEN_FDS).",
    .run = run,
}};

const struct cli_command cli_serve = {"serve", "run the ACME server", actions, 1};
