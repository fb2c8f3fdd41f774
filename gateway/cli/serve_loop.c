/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/serve_loop.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acme/base/monotonic.h"
#include "gateway/runtime/background.h"
#include "gateway/runtime/log.h"
#include "gateway/runtime/service_manager.h"
#include "gateway/server/watchdog.h"

enum {
    TURN_MS = 5 * 1000,          /* how often the summary is compared with what was told */
    STARTING_TURN_MS = 200,      /* the same until the service manager knows that the server serves */
    CERTIFICATE_WAIT_MS = 10000, /* how long READY waits for the server's own certificate */
    ROUNDS_PER_TIMEOUT = 3       /* the watchdog bears two late rounds */
};

/* A reload on the background thread, so that a CA that is slow to answer holds up no signal. */
struct reload {
    struct background_task task; /* first */
    struct server *server;
    atomic_bool posted;  /* but not begun */
    struct arena *taken; /* frees the arenas of published configurations */
};

/* ---- reloads ---- */

static void tell_ready(const struct server *server)
{
    struct arena *arena = arena_new();
    service_manager_ready(server_summary(server, arena));
    arena_free(arena);
}

static void run_reload(struct background_task *task)
{
    struct reload *reload = (struct reload *)task;
    atomic_store(&reload->posted, false);
    server_reload_file(reload->server, reload->taken);
    tell_ready(reload->server);
}

static void begin_reload(struct reload *reload)
{
    service_manager_reloading();
    if (!atomic_exchange(&reload->posted, true) &&
        !background_post(reload->server->background, &reload->task))
        atomic_store(&reload->posted, false);
}

/* ---- what the service manager is told ---- */

struct telling {
    const struct server *server;
    struct watchdog *watchdog; /* NULL: none is wanted */
    struct arena *arena;       /* of the last summary */
    const char *summary;
    int64_t began_ms;
    bool ready;
};

/* Sends the summary when it is another. A server that has no certificate yet is ready after a while: its CA
 * may be down for hours, and a start that never ends would be a failed start. */
static void tell_summary(struct telling *telling)
{
    struct arena *arena = arena_new();
    const char *summary = server_summary(telling->server, arena);
    bool ready = telling->ready || server_has_certificate(telling->server) ||
                 monotonic_ms() - telling->began_ms >= CERTIFICATE_WAIT_MS;
    bool is_news = telling->summary == NULL || strcmp(telling->summary, summary) != 0;
    if (ready && !telling->ready)
        service_manager_ready(summary);
    else if (is_news)
        service_manager_status(summary);
    telling->ready = ready;
    if (telling->arena != NULL)
        arena_free(telling->arena);
    telling->arena = arena;
    telling->summary = summary;
}

/* Returns the time until the next turn. */
static int64_t take_turn(struct telling *telling)
{
    tell_summary(telling);
    if (telling->watchdog != NULL)
        watchdog_begin_round(telling->watchdog);
    int64_t turn_ms = telling->ready ? TURN_MS : STARTING_TURN_MS;
    int64_t round_ms = service_manager_watchdog_ms() / ROUNDS_PER_TIMEOUT;
    return telling->watchdog != NULL && round_ms < turn_ms ? round_ms : turn_ms;
}

/* ---- signals ---- */

sigset_t serve_loop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/* Returns a signal, or -1 after `ms` milliseconds. */
static int wait_for_signal(const sigset_t *awaited, int64_t ms)
{
    const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return sigtimedwait(awaited, NULL, &limit);
}

int serve_loop(struct server *server, struct arena *taken)
{
    struct reload *reload = arena_alloc(taken, sizeof *reload);
    *reload = (struct reload){.task = {.run = run_reload}, .server = server, .taken = taken};
    struct telling telling = {.server = server, .began_ms = monotonic_ms()};
    const sigset_t awaited = serve_loop_signals();
    if (service_manager_watchdog_ms() > 0)
        telling.watchdog = watchdog_new(server, service_manager_alive);
    int number = -1;
    while (number != SIGTERM && number != SIGINT) {
        int64_t turn_ms = service_manager_listens() ? take_turn(&telling) : TURN_MS;
        number = wait_for_signal(&awaited, turn_ms);
        if (number == SIGHUP)
            begin_reload(reload);
    }
    service_manager_stopping("Stopping: requests in progress end");
    watchdog_free(telling.watchdog);
    if (telling.arena != NULL)
        arena_free(telling.arena);
    return number;
}
