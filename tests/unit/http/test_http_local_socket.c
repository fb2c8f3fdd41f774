/* SPDX-License-Identifier: Apache-2.0 */
/* The Unix socket of a front end. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "front.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_local_socket);

struct folder {
    struct arena *arena;
    const char *path, *socket;
};

static struct folder folder_begin(void)
{
    struct folder folder = {.arena = arena_new()};
    char *path = arena_duplicate(folder.arena, "/tmp/acmegate-test-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
    folder.path = path;
    folder.socket = arena_printf(folder.arena, "%s/socket", path);
    return folder;
}

static void folder_end(const struct folder *folder)
{
    (void)unlink(folder->socket);
    cr_expect_eq(rmdir(folder->path), 0);
    arena_free(folder->arena);
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static int bound_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd != -1 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

static struct http_server *start_at(const struct folder *folder, struct fault *fault)
{
    return bare_server_start(NULL, 0, folder->socket, fault);
}

Test(http_local_socket, the_unix_socket_is_its_owners_and_goes_with_the_server)
{
    struct folder folder = folder_begin();
    struct fault fault = {0};
    struct stat status;
    struct http_server *server = start_at(&folder, &fault);
    cr_assert_not_null(server, "%s", fault.message);
    cr_expect_eq(lstat(folder.socket, &status), 0);
    cr_expect(S_ISSOCK(status.st_mode));
    cr_expect_eq(status.st_mode & 0777, 0600, "%o", status.st_mode);
    http_server_stop(server);
    cr_expect_not(is_there(folder.socket));
    folder_end(&folder);
}

Test(http_local_socket, a_socket_that_a_dead_server_left_is_replaced)
{
    struct folder folder = folder_begin();
    struct fault fault = {0};
    close(bound_socket(folder.socket));
    cr_expect(http_local_try(folder.socket, &fault), "%s", fault.message);
    struct http_server *server = start_at(&folder, &fault);
    cr_assert_not_null(server, "%s", fault.message);
    struct client *client = client_open_local(folder.arena, folder.socket);
    client_close(client);
    http_server_stop(server);
    folder_end(&folder);
}

Test(http_local_socket, a_socket_of_a_live_server_is_left_alone)
{
    struct folder folder = folder_begin();
    struct fault fault = {0};
    int fd = bound_socket(folder.socket);
    cr_assert_eq(listen(fd, 1), 0);
    cr_expect_null(start_at(&folder, &fault));
    cr_expect_str_eq(
        fault.message,
        arena_printf(folder.arena, "%s: another server listens there, or it does not answer", folder.socket));
    cr_expect(is_there(folder.socket));
    close(fd);
    folder_end(&folder);
}

Test(http_local_socket, a_socket_that_another_has_put_there_stays)
{
    struct folder folder = folder_begin();
    struct fault fault = {0};
    struct http_server *server = start_at(&folder, &fault);
    cr_assert_not_null(server, "%s", fault.message);
    cr_expect_eq(unlink(folder.socket), 0);
    int fd = bound_socket(folder.socket);
    http_server_stop(server);
    cr_expect(is_there(folder.socket));
    close(fd);
    folder_end(&folder);
}

Test(http_local_socket, a_path_where_no_socket_can_be)
{
    struct folder folder = folder_begin();
    int room = (int)(sizeof(((struct sockaddr_un *)0)->sun_path) - strlen("/") - strlen(folder.path) - 1);
    const char *longest = arena_printf(folder.arena, "%s/%0*d", folder.path, room, 0);
    const char *longer = arena_printf(folder.arena, "%s/%0*d", folder.path, room + 1, 0);
    const char *file = folder.socket;
    FILE *made = fopen(file, "we");
    cr_assert_not_null(made);
    fclose(made);
    const struct {
        const char *path, *words; /* NULL: it is good */
    } cases[] = {
        {longest, NULL},
        {longer, "is too long for a socket's path, 107 octets at most: choose a shorter one"},
        {arena_printf(folder.arena, "%s/none/socket", folder.path),
         "/none: No such file or directory; make it "
         "for the user that serves"},
        {file, "socket exists and is not a socket"},
        {arena_printf(folder.arena, "%s/socket/below", folder.path), "/socket: Permission denied; make it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        bool good = http_local_try(cases[i].path, &fault);
        cr_expect_eq(good, cases[i].words == NULL, "%s: %s", cases[i].path, fault.message);
        cr_expect(good || strstr(fault.message, cases[i].words) != NULL, "%s", fault.message);
        cr_expect(good || bare_server_start(NULL, 0, cases[i].path, &fault) == NULL, "%s", cases[i].path);
    }
    cr_expect(is_there(file), "what is no socket is not removed");
    cr_expect(http_local_try("/socket-of-acmegate", &(struct fault){0}) || access("/", W_OK) != 0);
    cr_assert_eq(chdir(folder.path), 0);
    cr_expect(http_local_try("other", &(struct fault){0}), "in the current folder");
    cr_expect_not(http_local_try("socket", &(struct fault){0}));
    folder_end(&folder);
}
