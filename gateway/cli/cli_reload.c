/* SPDX-License-Identifier: Apache-2.0 */
/* Has the running server read its configuration file again, and prints what it made of it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/base/monotonic.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_files.h"
#include "gateway/config/config.h"
#include "gateway/server/server.h"
#include "store/events.h"

enum { LOOK_EVERY_MS = 50 };

struct reload {
    const struct cli_arguments *arguments;
    const struct store_location *location;
    struct store_reader *reader;
    const char *digest; /* of the file that the server is to read */
    int64_t timeout_s;
    int64_t newest; /* the id of the last verdict that was there before */
    struct event_row verdict;
    const char *other; /* what the server said of another file */
};

/* The command's own check: its messages come at once, and a bad file is not even shown to the server. Only
 * the server may be able to read the secrets: a process of ExecReload= has no credentials. */
static int check_file(struct reload *reload)
{
    const struct cli_arguments *arguments = reload->arguments;
    struct arena *arena = arguments->arena;
    struct config_errors errors = {0};
    struct bytes text;
    if (!file_read(arena, arguments->config_path, CONFIG_FILE_MAX_BYTES, &text))
        return cli_fail(arguments, CLI_FAILED, "%s: cannot be read: %s", arguments->config_path,
                        strerror(errno));
    const struct config *config =
        config_parse_without_secrets(arena, arguments->config_path, text, environ, &errors);
    cli_print_config_errors(arguments, &errors);
    if (config == NULL)
        return cli_fail(arguments, CLI_FAILED, "the server was not asked; its configuration stays");
    reload->digest = server_digest_of(arena, text);
    reload->location = config_location(arena, config);
    return CLI_OK;
}

static bool ask_server(struct reload *reload)
{
    const struct cli_arguments *arguments = reload->arguments;
    int64_t process = store_server_process(reload->location);
    if (process == 0 && store_is_served(reload->location)) {
        cli_fail(arguments, CLI_FAILED,
                 "the database %s is in use, but no server can be signalled from here: a command such as 'db "
                 "vacuum' may have it, or a server in a container, where this command must run, too",
                 store_location_text(reload->location));
        return false;
    }
    if (process == 0) {
        cli_fail(
            arguments, CLI_FAILED,
            "no server uses the database %s: start it. After a change of \"database\", restart the server",
            store_location_text(reload->location));
        return false;
    }
    if (kill((pid_t)process, SIGHUP) == 0)
        return true;
    cli_fail(arguments, CLI_FAILED,
             "the server, process %lld, cannot be signalled: %s; run this as root or as its "
             "own user",
             (long long)process, strerror(errno));
    return false;
}

/* Looks for the verdict on this file. An earlier reload of another content may end first. */
static bool find_verdict(struct reload *reload)
{
    struct arena *arena = reload->arguments->arena;
    struct event_row row;
    while (store_configuration_event(reload->reader, arena, reload->newest, &row) == STORE_OK) {
        const char *detail = row.event.detail == NULL ? "" : row.event.detail;
        reload->newest = row.id;
        reload->verdict = row;
        if (strstr(detail, reload->digest) != NULL)
            return true;
        const char *end = strstr(detail, SERVER_VERDICT_SEPARATOR);
        reload->other =
            arena_printf(arena, "%.*s", (int)(end == NULL ? strlen(detail) : (size_t)(end - detail)), detail);
    }
    return false;
}

static int wait_for_verdict(struct reload *reload)
{
    const struct cli_arguments *arguments = reload->arguments;
    const int64_t end_ms = monotonic_ms() + reload->timeout_s * 1000;
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    while (!find_verdict(reload)) {
        if (store_server_process(reload->location) == 0)
            return cli_fail(arguments, CLI_FAILED, "the server has ended; its log says why");
        if (monotonic_ms() >= end_ms)
            return cli_fail(arguments, CLI_FAILED,
                            "the server did not answer within %lld s%s%s; its log tells more",
                            (long long)reload->timeout_s, reload->other == NULL ? "" : ", but read ",
                            reload->other == NULL ? "" : reload->other);
        nanosleep(&pause, NULL);
    }
    return CLI_OK;
}

/* Prints what follows the file's name in the detail, a line each. */
static void print_lines(FILE *out, const char *detail)
{
    const size_t n = strlen(SERVER_VERDICT_SEPARATOR);
    for (const char *at = strstr(detail, SERVER_VERDICT_SEPARATOR); at != NULL;) {
        const char *line = at + n;
        at = strstr(line, SERVER_VERDICT_SEPARATOR);
        fprintf(out, "%.*s\n", (int)(at == NULL ? strlen(line) : (size_t)(at - line)), line);
    }
}

static int print_verdict(const struct reload *reload)
{
    const struct cli_arguments *arguments = reload->arguments;
    bool taken = reload->verdict.event.type == EVENT_CONFIGURATION_LOADED;
    if (taken)
        printf("%s was taken in:\n", arguments->config_path);
    else
        cli_fail(arguments, CLI_FAILED,
                 "the server refused %s; its configuration stays:", arguments->config_path);
    print_lines(taken ? stdout : stderr, reload->verdict.event.detail);
    return taken ? CLI_OK : CLI_FAILED;
}

static int ask_and_wait(struct reload *reload)
{
    if (store_newest_configuration_event(reload->reader, &reload->newest) == STORE_FAILED)
        return cli_fail(reload->arguments, CLI_FAILED, "the database cannot be read");
    if (!ask_server(reload))
        return CLI_FAILED;
    int status = wait_for_verdict(reload);
    return status == CLI_OK ? print_verdict(reload) : status;
}

static int run(const struct cli_arguments *arguments)
{
    struct reload reload = {.arguments = arguments};
    struct fault fault;
    if (!cli_read_duration(arguments, "timeout", &reload.timeout_s))
        return CLI_USAGE;
    int status = check_file(&reload);
    if (status != CLI_OK)
        return status;
    reload.reader = store_reader_open(reload.location, &fault);
    if (reload.reader == NULL)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    status = ask_and_wait(&reload);
    store_reader_close(reload.reader);
    return status;
}

static const struct cli_option options[] = {
    {"timeout", "DURATION", "how long to wait for the server's answer", "60s", 0}, {0}};

static const struct cli_action actions[] = {{
    .needs = CLI_NEEDS_CONFIG,
    .options = options,
    .help = "Has the running server read its configuration file again. Prints which changes are in force and "
            "which "
            "wait for a restart. Fails when the server refuses the file, and prints the reasons.",
    .run = run,
}};

const struct cli_command cli_reload = {"reload", "have the server read its configuration again", actions, 1};
