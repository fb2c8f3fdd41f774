/* SPDX-License-Identifier: Apache-2.0 */
#include "passing.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "gateway/runtime/passed_sockets.h"

static char local_path[128];

void passing_descriptor(int fd, int place)
{
    cr_assert_eq(dup2(fd, PASSING_FIRST + place), PASSING_FIRST + place);
    close(fd);
}

uint16_t passing_address(int place, const char *host, uint16_t port, bool listens)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
    cr_assert(is_v4 || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1);
    struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t length = is_v4 ? sizeof v4 : sizeof v6;
    int fd = socket(address->sa_family, SOCK_STREAM, 0);
    const int on = 1;
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
    cr_assert(fd != -1 && bind(fd, address, length) == 0 && (!listens || listen(fd, 1) == 0));
    cr_assert_eq(getsockname(fd, address, &length), 0);
    passing_descriptor(fd, place);
    return ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
}

void passing_path(int place, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    memcpy(address.sun_path, path, n);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(fd != -1 &&
              bind(fd, (const struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) == 0 &&
              listen(fd, 1) == 0);
    passing_descriptor(fd, place);
}

const char *passing_new_path(void)
{
    char folder[] = "/tmp/acmegate-test-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    snprintf(local_path, sizeof local_path, "%s/socket", folder);
    return local_path;
}

void passing_drop_path(void)
{
    unlink(local_path);
    *strrchr(local_path, '/') = '\0';
    rmdir(local_path);
}

void passing_set(const char *process, const char *count, const char *names)
{
    static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
    const char *const values[] = {process, count, names};
    for (size_t i = 0; i < 3; i++)
        if (values[i] != NULL)
            setenv(variables[i], values[i], 1);
        else
            unsetenv(variables[i]);
}

const char *passing_own_process(void)
{
    static char text[32];
    snprintf(text, sizeof text, "%ld", (long)getpid());
    return text;
}

void passing_take(int count)
{
    char text[16];
    struct fault fault;
    snprintf(text, sizeof text, "%d", count);
    passing_set(passing_own_process(), text, "acmegate.socket");
    cr_assert(passed_sockets_take(PASSING_FIRST, &fault), "%s", fault.message);
}
