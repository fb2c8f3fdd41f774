/* SPDX-License-Identifier: Apache-2.0 */
#include "web_server.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    struct web_server *web;
    int fd;
    SSL *tls;
};

static ssize_t receive(const struct connection *connection, char *room, size_t n)
{
    return connection->tls == NULL ? read(connection->fd, room, n)
                                   : (ssize_t)SSL_read(connection->tls, room, (int)n);
}

static void send_text(const struct connection *connection, const char *text)
{
    if (connection->tls == NULL)
        send(connection->fd, text, strlen(text), MSG_NOSIGNAL);
    else
        SSL_write(connection->tls, text, (int)strlen(text));
}

static bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
    size_t body = length == NULL ? 0 : strtoul(length + strlen("Content-Length: "), NULL, 10);
    return end != NULL && strlen(end + 4) >= body;
}

/* False: the client closed. */
static bool take_request(const struct connection *connection)
{
    struct web_server *web = connection->web;
    const char *begin = web->requests + web->requests_bytes;
    while (!is_whole(begin)) {
        size_t room = sizeof web->requests - 1 - web->requests_bytes;
        ssize_t got = room == 0 ? 0 : receive(connection, web->requests + web->requests_bytes, room);
        if (got <= 0)
            return false;
        web->requests_bytes += (size_t)got;
        web->requests[web->requests_bytes] = '\0';
    }
    web->request_count++;
    return true;
}

static void answer_requests(const struct connection *connection)
{
    struct web_server *web = connection->web;
    bool open = true;
    while (open && take_request(connection)) {
        const char *reply = *web->replies;
        if (reply == NULL)
            continue;
        web->replies++;
        open = reply[0] != '\0' && !web->closes;
        send_text(connection, reply);
    }
}

static void serve(void *context, int fd)
{
    struct connection connection = {.web = context, .fd = fd};
    if (connection.web->tls != NULL) {
        connection.tls = SSL_new(connection.web->tls);
        SSL_set_fd(connection.tls, fd);
    }
    if (connection.tls == NULL || SSL_accept(connection.tls) == 1)
        answer_requests(&connection);
    SSL_free(connection.tls);
}

void web_server_start(struct web_server *web, int family)
{
    web->server.serve = serve;
    web->server.context = web;
    loopback_server_start(&web->server, family);
}

void web_server_stop(struct web_server *web)
{
    loopback_server_stop(&web->server);
}
