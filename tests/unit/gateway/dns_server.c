/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER_BYTES = 12, QUESTION_TAIL_BYTES = 4, MESSAGE_MAX_BYTES = 2048, FLAG_CUT = 0x0200 };

static void put_number(uint8_t *at, unsigned number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
}

/* Behind the one question. */
static size_t question_end(const uint8_t *message)
{
    size_t at = HEADER_BYTES;
    while (message[at] != 0)
        at += 1u + message[at];
    return at + 1 + QUESTION_TAIL_BYTES;
}

static const struct dns_says *find(const struct dns_server *server, const uint8_t *question_tail)
{
    unsigned type = (unsigned)question_tail[0] << 8 | question_tail[1];
    for (size_t i = 0; i < server->says_count; i++)
        if (server->says[i].type == 0 || server->says[i].type == type)
            return &server->says[i];
    return NULL;
}

/* From a query in `message` to its answer. Returns the answer's size; 0: there is none. */
static size_t make_answer(const struct dns_server *server, uint8_t *message, bool cut)
{
    size_t n = question_end(message);
    const struct dns_says *says = find(server, message + n - QUESTION_TAIL_BYTES);
    if (says == NULL)
        return 0;
    cr_assert_leq(n + says->records.n, MESSAGE_MAX_BYTES);
    put_number(message + 2, says->flags | (cut ? FLAG_CUT : 0));
    put_number(message + 6, cut ? 0 : says->answers);
    put_number(message + 8, cut ? 0 : says->authorities);
    put_number(message + 10, 0);
    if (!cut && says->records.n != 0)
        memcpy(message + n, says->records.p, says->records.n);
    return cut ? n : n + says->records.n;
}

static void answer_udp(struct dns_server *server)
{
    uint8_t message[MESSAGE_MAX_BYTES];
    struct sockaddr_storage from;
    socklen_t from_bytes = sizeof from;
    ssize_t got = recvfrom(server->udp, message, sizeof message, 0, (struct sockaddr *)&from, &from_bytes);
    if (got < HEADER_BYTES)
        return;
    server->asked_udp++;
    size_t n = make_answer(server, message, server->cut_over_udp);
    if (n != 0)
        sendto(server->udp, message, n, 0, (struct sockaddr *)&from, from_bytes);
}

static void answer_tcp(struct dns_server *server)
{
    uint8_t message[2 + MESSAGE_MAX_BYTES];
    int fd = accept(server->tcp, NULL, NULL);
    if (fd == -1)
        return;
    if (recv(fd, message, 2, MSG_WAITALL) == 2) {
        ssize_t size = message[0] << 8 | message[1];
        cr_assert_leq(size, MESSAGE_MAX_BYTES);
        cr_assert_eq(recv(fd, message + 2, (size_t)size, MSG_WAITALL), size);
        server->asked_tcp++;
        size_t n = make_answer(server, message + 2, false);
        put_number(message, (unsigned)n);
        cr_assert_eq(send(fd, message, n + 2, MSG_NOSIGNAL), (ssize_t)n + 2);
    }
    close(fd);
}

static void *serve(void *argument)
{
    struct dns_server *server = argument;
    struct pollfd fds[] = {{.fd = server->udp, .events = POLLIN},
                           {.fd = server->tcp, .events = POLLIN},
                           {.fd = server->stop[0], .events = POLLIN}};
    while (poll(fds, 3, -1) > 0 && fds[2].revents == 0) {
        if (fds[0].revents != 0)
            answer_udp(server);
        if (fds[1].revents != 0)
            answer_tcp(server);
    }
    return NULL;
}

/* A port that is free for TCP may be taken for UDP: then another is tried. */
static void bind_both(struct dns_server *server)
{
    for (unsigned tries = 0; tries < 50; tries++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(server->tcp, (struct sockaddr *)&address, length), 0);
        cr_assert_eq(getsockname(server->tcp, (struct sockaddr *)&address, &length), 0);
        snprintf(server->address, sizeof server->address, "127.0.0.1:%u", ntohs(address.sin_port));
        if (bind(server->udp, (struct sockaddr *)&address, length) == 0)
            return;
        close(server->tcp);
        close(server->udp);
    }
    cr_assert_fail("no port is free for UDP and TCP");
}

void dns_server_start(struct dns_server *server)
{
    server->asked_udp = server->asked_tcp = 0;
    bind_both(server);
    cr_assert_eq(listen(server->tcp, 4), 0);
    cr_assert_eq(pipe(server->stop), 0);
    cr_assert_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

void dns_server_stop(struct dns_server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->tcp);
    close(server->udp);
}
