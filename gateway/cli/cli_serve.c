/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/serve.h"
#include "gateway/preflight/host_preflight.h"
#include "gateway/preflight/name_servers.h"
#include "gateway/runtime/background.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"

enum { OTHER_FILES = 512 }; /* of the database and of the outbound thread */

static void list_endpoints(const struct server *server)
{
    const struct config *config = server->config;
    for (size_t i = 0; i < config->endpoint_count; i++)
        log_info("directory %s/acme/%s/directory", config->base_url, config->endpoints[i].name);
}

/* A reload on the background thread, so that a CA that is slow to answer holds up no signal. */
struct reload {
    struct background_task task; /* first */
    struct server *server;
    const char *path;
    atomic_bool posted;  /* but not begun */
    struct arena *taken; /* frees the arenas of published configurations */
};

static void free_arena(void *arena)
{
    arena_free(arena);
}

/* A bad file, or issuers that fail their preflight, change nothing. A published configuration stays until the
 * server has stopped. */
static void run_reload(struct background_task *task)
{
    struct reload *reload = (struct reload *)task;
    struct server *server = reload->server;
    const char *path = reload->path;
    struct fault fault;
    atomic_store(&reload->posted, false);
    struct arena *arena = arena_new();
    struct config_errors errors = {0};
    const struct config *fresh = config_load(arena, path, environ, &errors);
    for (size_t i = 0; fresh == NULL && i < errors.count; i++)
        log_error("%s", errors.lines[i]);
    if (fresh == NULL)
        log_error("reload: %s is refused; the running configuration stays", path);
    for (size_t i = 0; fresh != NULL && i < fresh->warning_count; i++)
        log_warning("%s", fresh->warnings[i]);
    const struct config *before = config_now(server->config);
    if (fresh != NULL && server_reload(server, arena, fresh, &fault))
        log_info("reload: the issuers of %s serve now", path);
    else if (fresh != NULL)
        log_error("reload: %s; the running configuration stays", fault.message);
    if (config_now(server->config) != before)
        arena_on_free(reload->taken, free_arena, arena);
    else
        arena_free(arena);
}

static sigset_t awaited_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/* All threads block signals, and this one takes them: libh2o's loops never see an interrupted call. */
static int serve_signals(struct reload *reload)
{
    sigset_t awaited = awaited_signals();
    int number = 0;
    while (sigwait(&awaited, &number) != 0 || number == SIGHUP)
        if (number == SIGHUP && !atomic_exchange(&reload->posted, true) &&
            !background_post(reload->server->background, &reload->task))
            atomic_store(&reload->posted, false);
    return number;
}

/* The soft limit is often 1,024, which is less than the connections that the configuration may allow. */
static void raise_file_limit(const struct config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("the limit of open files cannot be raised: %s", strerror(errno));
    if (limit.rlim_cur < (rlim_t)config->max_connections + OTHER_FILES)
        log_warning("limits.max_connections is %lld, but only %llu files may be open: raise LimitNOFILE",
                    (long long)config->max_connections, (unsigned long long)limit.rlim_cur);
}

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
    struct host_preflight preflight = {.arena = arena,
                                       .config = config,
                                       .location = store_location_new(arena, config->database),
                                       .tell = log_finding};
    host_preflight(&preflight);
    arena_free(arena);
    return !preflight.failed;
}

int serve_until_stopped(const struct config *config, const char *path,
                        void (*ready)(const struct server *server))
{
    sigset_t blocked = awaited_signals();
    sigaddset(&blocked, SIGPIPE);
    /* Scripts that rotate logs send them to every server. */
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    raise_file_limit(config);
    if (!host_is_fit(config))
        return CLI_FAILED;
    struct fault fault;
    struct server *server = NULL;
    if (crash_record_open(config->database, &fault))
        server = server_start(config, path, &fault);
    if (server == NULL) {
        log_error("%s", fault.message);
        crash_record_close();
        return CLI_FAILED;
    }
    list_endpoints(server);
    if (ready != NULL)
        ready(server);
    /* The answers may take long, and the server serves without them. */
    struct name_servers_probe name_servers = {
        .outbound = server->outbound, .config = config, .arena = arena_new(), .tell = log_finding};
    name_servers_probe(&name_servers);
    struct reload reload = {
        .task = {.run = run_reload}, .server = server, .path = path, .taken = arena_new()};
    log_info("stopping on signal %d", serve_signals(&reload));
    server_stop(server);
    arena_free(name_servers.arena);
    arena_free(reload.taken);
    crash_record_close();
    log_info("stopped");
    return CLI_OK;
}

static int run(const struct cli_arguments *arguments)
{
    if (cli_value(arguments, "verbose") != NULL)
        log_set_level(LOG_LEVEL_DEBUG);
    const struct config *config = cli_config(arguments);
    return config == NULL ? CLI_FAILED : serve_until_stopped(config, arguments->config_path, NULL);
}

static const struct cli_option options[] = {{"verbose", NULL, "logs more, to find a fault", NULL, 'v'}, {0}};

static const struct cli_action actions[] = {{
    .needs = CLI_NEEDS_CONFIG,
    .options = options,
    .help =
        "Runs the server until SIGTERM or SIGINT. SIGHUP reads the configuration again; the log tells for "
        "each change whether it is in force or needs a restart.",
    .run = run,
}};

const struct cli_command cli_serve = {"serve", "run the ACME server", actions, 1};
