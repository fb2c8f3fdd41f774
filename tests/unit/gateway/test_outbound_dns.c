/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups against a name server of the test's own, which says what the test wants over UDP and TCP. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/outbound/outbound.h"
#include "gateway/outbound/outbound_wait.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(outbound_dns);

enum { HEADER_BYTES = 12, MESSAGE_MAX_BYTES = 512, LOOK_UP_MS = 5000 };

struct name_server {
    int udp, tcp, stop[2];
    char address[32];
    const char *text;  /* of the TXT record that it answers with */
    bool cut_over_udp; /* TC: the whole answer is to be had over TCP */
    bool garbage;      /* more records announced than there are */
    unsigned asked_udp, asked_tcp;
    pthread_t thread;
};

/* ---- the name server ---- */

/* From a query in `message` to its answer: one TXT record to keep for an hour. Returns the answer's size. */
static size_t make_answer(const struct name_server *server, uint8_t *message, size_t n, bool cut)
{
    static const uint8_t record[] = {0xc0, HEADER_BYTES, 0, 16, 0, 1, 0, 0, 0x0e, 0x10};
    size_t length = strlen(server->text);
    message[2] = (uint8_t)(0x81 | (cut ? 0x02 : 0));
    message[3] = 0x80;
    if (server->garbage)
        message[7] = 9;
    if (cut || server->garbage)
        return n;
    message[7] = 1;
    memcpy(message + n, record, sizeof record);
    n += sizeof record;
    message[n++] = 0;
    message[n++] = (uint8_t)(length + 1);
    message[n++] = (uint8_t)length;
    memcpy(message + n, server->text, length);
    return n + length;
}

static void answer_udp(struct name_server *server)
{
    uint8_t message[2 * MESSAGE_MAX_BYTES];
    struct sockaddr_storage from;
    socklen_t from_bytes = sizeof from;
    ssize_t got = recvfrom(server->udp, message, MESSAGE_MAX_BYTES, 0, (struct sockaddr *)&from, &from_bytes);
    if (got < HEADER_BYTES)
        return;
    server->asked_udp++;
    size_t n = make_answer(server, message, (size_t)got, server->cut_over_udp);
    cr_assert_eq(sendto(server->udp, message, n, 0, (struct sockaddr *)&from, from_bytes), (ssize_t)n);
}

static void answer_tcp(struct name_server *server)
{
    uint8_t message[2 + 2 * MESSAGE_MAX_BYTES];
    int fd = accept(server->tcp, NULL, NULL);
    if (fd == -1)
        return;
    if (recv(fd, message, 2, MSG_WAITALL) == 2) {
        ssize_t size = message[0] << 8 | message[1];
        cr_assert_leq(size, MESSAGE_MAX_BYTES);
        cr_assert_eq(recv(fd, message + 2, (size_t)size, MSG_WAITALL), size);
        server->asked_tcp++;
        size_t n = make_answer(server, message + 2, (size_t)size, false);
        message[0] = (uint8_t)(n >> 8);
        message[1] = (uint8_t)n;
        cr_assert_eq(send(fd, message, n + 2, MSG_NOSIGNAL), (ssize_t)n + 2);
    }
    close(fd);
}

static void *serve(void *argument)
{
    struct name_server *server = argument;
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
static void bind_both(struct name_server *server)
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

static void server_start(struct name_server *server)
{
    bind_both(server);
    cr_assert_eq(listen(server->tcp, 4), 0);
    cr_assert_eq(pipe(server->stop), 0);
    cr_assert_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct name_server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->tcp);
    close(server->udp);
}

/* ---- a look-up on the thread ---- */

struct look_up {
    struct outbound *outbound;
    struct arena *arena;
    char *text;  /* of the record, when there is exactly one */
    char *error; /* NULL: answered */
    enum outbound_dns_fault fault;
    sem_t done;
};

static void found(void *context, const struct outbound_texts *texts)
{
    struct look_up *look_up = context;
    look_up->fault = texts->fault;
    look_up->error = arena_duplicate(look_up->arena, texts->error);
    if (texts->count == 1)
        look_up->text = arena_string(look_up->arena, texts->texts[0]);
    sem_post(&look_up->done);
}

static void begin(void *argument)
{
    struct look_up *look_up = argument;
    outbound_resolve_txt(look_up->outbound, "_acme-challenge.a.example", LOOK_UP_MS, found, look_up);
}

static void look_up_text(struct look_up *look_up)
{
    sem_init(&look_up->done, 0, 0);
    outbound_run_and_wait(look_up->outbound, begin, look_up);
    while (sem_wait(&look_up->done) != 0 && errno == EINTR)
        continue;
    sem_destroy(&look_up->done);
}

static struct outbound *start_with(const struct name_server *server)
{
    const char *resolvers[] = {server->address};
    const struct outbound_config config = {.resolvers = resolvers, .resolver_count = 1};
    const char *why = NULL;
    struct outbound *outbound = outbound_start(&config, &why);
    cr_assert_not_null(outbound, "%s", why);
    return outbound;
}

static struct look_up look_up_with(struct arena *arena, struct outbound *outbound)
{
    struct look_up look_up = {.outbound = outbound, .arena = arena};
    look_up_text(&look_up);
    return look_up;
}

static void stop(struct outbound *outbound)
{
    outbound_stop(outbound);
    outbound_free(outbound);
}

/* ---- the tests ---- */

/* Its time to live is an hour, but a client changes its record between two tries. */
Test(outbound_dns, no_answer_is_kept)
{
    static const char *const texts[] = {"first", "second", "third"};
    struct name_server server = {.text = ""};
    server_start(&server);
    struct arena *arena = arena_new();
    struct outbound *outbound = start_with(&server);
    for (unsigned i = 0; i < 3; i++) {
        server.text = texts[i];
        struct look_up look_up = look_up_with(arena, outbound);
        cr_assert_null(look_up.error, "%s", look_up.error);
        cr_expect_str_eq(look_up.text, texts[i]);
    }
    stop(outbound);
    server_stop(&server);
    arena_free(arena);
    cr_expect_eq(server.asked_udp, 3);
}

Test(outbound_dns, an_answer_that_is_cut_over_udp_comes_over_tcp)
{
    struct name_server server = {.text = "whole", .cut_over_udp = true};
    server_start(&server);
    struct arena *arena = arena_new();
    struct outbound *outbound = start_with(&server);
    for (unsigned i = 0; i < 3; i++) {
        struct look_up look_up = look_up_with(arena, outbound);
        cr_assert_null(look_up.error, "%s", look_up.error);
        cr_expect_str_eq(look_up.text, "whole");
    }
    stop(outbound);
    server_stop(&server);
    arena_free(arena);
    cr_expect_eq(server.asked_udp, 3);
    cr_expect_eq(server.asked_tcp, 3);
}

Test(outbound_dns, an_answer_without_sense_is_malformed)
{
    struct name_server server = {.text = "", .garbage = true};
    server_start(&server);
    struct arena *arena = arena_new();
    struct outbound *outbound = start_with(&server);
    struct look_up look_up = look_up_with(arena, outbound);
    stop(outbound);
    server_stop(&server);
    cr_expect_eq(look_up.fault, OUTBOUND_DNS_MALFORMED);
    cr_assert_not_null(look_up.error);
    cr_expect_not_null(strstr(look_up.error, "gave a malformed answer"), "%s", look_up.error);
    arena_free(arena);
}
