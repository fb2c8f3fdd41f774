/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/service_manager.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "acme/base/monotonic.h"
#include "gateway/runtime/log.h"

enum { MESSAGE_MAX_BYTES = 1024 };

static struct {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t address_bytes;
    int64_t watchdog_ms;
} manager = {.fd = -1};

/* ---- the environment ---- */

/* A path, or after '@' a name of the abstract name space (unix(7)). */
static bool read_address(const char *name)
{
    size_t n = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof manager.address.sun_path)
        return false;
    manager.address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(manager.address.sun_path, name, n);
    if (name[0] == '@')
        manager.address.sun_path[0] = '\0';
    manager.address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

/* False when the text is not a whole number above 0. */
static bool read_number(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *out = number;
    return errno == 0 && end != text && *end == '\0' && number > 0;
}

/* WATCHDOG_PID names the process that is watched. A shell between the service manager and this program has
 * another. */
static void read_watchdog(const char *interval, const char *process)
{
    int64_t us = 0, pid = 0;
    if (interval == NULL || (process != NULL && (!read_number(process, &pid) || pid != getpid())))
        return;
    if (read_number(interval, &us))
        manager.watchdog_ms = us / 1000;
    else
        log_warning("WATCHDOG_USEC '%s' is not a number of microseconds: the watchdog gets no messages",
                    interval);
}

void service_manager_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    const struct timeval patience = {.tv_sec = SERVICE_SEND_MAX_MS / 1000};
    manager.watchdog_ms = 0;
    if (name != NULL && *name != '\0') {
        if (read_address(name))
            manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (manager.fd == -1)
            log_warning("NOTIFY_SOCKET '%s' cannot be used: the service manager is not told of the start",
                        name);
        else if (setsockopt(manager.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
            log_warning("messages to the service manager have no time limit: %s", strerror(errno));
    }
    if (manager.fd != -1)
        read_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void service_manager_close(void)
{
    if (manager.fd != -1)
        close(manager.fd);
    manager.fd = -1;
    manager.watchdog_ms = 0;
}

bool service_manager_listens(void)
{
    return manager.fd != -1;
}

int64_t service_manager_watchdog_ms(void)
{
    return manager.watchdog_ms;
}

/* ---- messages ---- */

static void send_message(const char *message, int flags)
{
    if (manager.fd != -1 && sendto(manager.fd, message, strlen(message), MSG_NOSIGNAL | flags,
                                   (const struct sockaddr *)&manager.address, manager.address_bytes) == -1)
        log_debug("the service manager could not be told '%s': %s", message, strerror(errno));
}

/* Sends `state` (lines, or "") and the status. A line feed in a status would begin another message. */
static void send_status(const char *state, const char *status)
{
    char message[MESSAGE_MAX_BYTES];
    int before = snprintf(message, sizeof message, "%sSTATUS=", state);
    snprintf(message + before, sizeof message - (size_t)before, "%s", status);
    for (char *at = message + before; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    send_message(message, 0);
}

void service_manager_ready(const char *status)
{
    send_status("READY=1\n", status);
}

void service_manager_status(const char *status)
{
    send_status("", status);
}

void service_manager_stopping(const char *status)
{
    send_status("STOPPING=1\n", status);
}

/* Type=notify-reload asks for the time, to tell this reload from one that was under way before. */
void service_manager_reloading(void)
{
    char message[MESSAGE_MAX_BYTES];
    snprintf(message, sizeof message,
             "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the configuration again",
             (long long)monotonic_us());
    send_message(message, 0);
}

void service_manager_alive(void)
{
    send_message("WATCHDOG=1", MSG_DONTWAIT);
}
