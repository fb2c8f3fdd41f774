/* SPDX-License-Identifier: Apache-2.0 */
/* TLS handshakes with a server of the test's own. */
#include <errno.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/outbound/outbound_wait.h"
#include "leaks.h"
#include "loopback_server.h"
#include "outbound_thread.h"
#include "tls_server.h"

LEAK_CHECKED_SUITE(outbound_tls);

enum { PATIENT_MS = 20 * 1000, IMPATIENT_MS = 1000 };

struct shake {
    struct outbound_errand errand; /* first */
    struct outbound *outbound;
    struct arena *arena;
    struct outbound_tls_request request;
    struct outbound_tls_reply reply;
    bool begun; /* outbound_tls has returned */
    bool told_early;
};

static void shaken(void *context, const struct outbound_tls_reply *reply)
{
    struct shake *shake = context;
    shake->told_early = !shake->begun;
    shake->reply = *reply;
    shake->reply.certificate = arena_copy(shake->arena, reply->certificate);
    shake->reply.error = arena_duplicate(shake->arena, reply->error);
    outbound_errand_end(&shake->errand);
}

static void begin(struct outbound_message *message)
{
    struct shake *shake = (struct shake *)(void *)message;
    outbound_tls(shake->outbound, &shake->request, shaken, shake);
    shake->begun = true;
}

static struct outbound_tls_reply shake_hands(struct outbound *outbound, struct arena *arena,
                                             const struct sockaddr_storage *address, const char *alpn,
                                             int64_t timeout_ms)
{
    struct shake shake = {
        .outbound = outbound, .arena = arena, .request = {address, "a.test", alpn, timeout_ms}};
    outbound_wait(outbound, &shake.errand, begin);
    cr_expect_not(shake.told_early);
    return shake.reply;
}

/* ---- servers ---- */

struct tls_site {
    struct tls_identity identity;
    char asked_for[64]; /* the name (SNI) of the last handshake */
};

static void serve_tls(void *context, int fd)
{
    struct tls_site *site = context;
    SSL *tls = SSL_new(site->identity.context);
    SSL_set_fd(tls, fd);
    if (SSL_accept(tls) == 1) {
        snprintf(site->asked_for, sizeof site->asked_for, "%s",
                 SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name));
        loopback_read_to_end(fd);
    }
    SSL_free(tls);
}

static void say_nothing(void *context, int fd)
{
    (void)context;
    loopback_read_to_end(fd);
}

/* When the handshake has begun. */
static void close_in_order(void *context, int fd)
{
    char octet;
    (void)context;
    cr_assert_eq(recv(fd, &octet, 1, MSG_PEEK), 1);
    shutdown(fd, SHUT_WR);
    loopback_read_to_end(fd);
}

/* What was not read makes it a reset. */
static void reset(void *context, int fd)
{
    char octet;
    (void)context;
    cr_assert_eq(recv(fd, &octet, 1, MSG_PEEK), 1);
}

static void speak_another_language(void *context, int fd)
{
    static const char banner[] = "SSH-2.0-OpenSSH\r\n";
    (void)context;
    cr_assert_eq(send(fd, banner, sizeof banner - 1, MSG_NOSIGNAL), (ssize_t)sizeof banner - 1);
    loopback_read_to_end(fd);
}

/* ---- what is told ---- */

/* RFC 8737 §3: the certificate is shown to whoever asks for the name and offers the protocol. */
Test(outbound_tls, the_leaf_and_whether_the_protocol_was_agreed_are_told)
{
    static const struct {
        int family;
        const char *chosen; /* NULL: the server knows no ALPN */
        int newest;         /* the server's newest version */
        bool agreed;
    } cases[] = {
        {AF_INET, "acme-tls/1", TLS1_3_VERSION, true},
        {AF_INET6, "acme-tls/1", TLS1_3_VERSION, true},
        {AF_INET, "acme-tls/1", TLS1_2_VERSION, true},
        {AF_INET, NULL, TLS1_3_VERSION, false},
    };
    struct arena *arena = arena_new();
    struct outbound *outbound = outbound_thread_start(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_site site = {0};
        tls_identity_make(arena, NULL, &site.identity);
        SSL_CTX_set_max_proto_version(site.identity.context, cases[i].newest);
        if (cases[i].chosen != NULL)
            tls_identity_choose(&site.identity, cases[i].chosen);
        struct loopback_server server = {.serve = serve_tls, .context = &site};
        loopback_server_start(&server, cases[i].family);
        struct outbound_tls_reply reply =
            shake_hands(outbound, arena, &server.address, "acme-tls/1", PATIENT_MS);
        loopback_server_stop(&server);
        cr_expect_null(reply.error, "case %zu: %s", i, reply.error);
        cr_expect_eq(reply.fault, OUTBOUND_NO_FAULT, "case %zu", i);
        cr_expect(reply.connected, "case %zu", i);
        cr_expect_eq(reply.alpn_agreed, cases[i].agreed, "case %zu", i);
        cr_expect(bytes_equal(reply.certificate, site.identity.leaf), "case %zu", i);
        cr_expect_str_eq(site.asked_for, "a.test", "case %zu", i);
    }
    outbound_thread_stop(outbound);
    arena_free(arena);
}

/* What went wrong, as people read it and as programs do. */
Test(outbound_tls, each_failure_is_told)
{
    static const struct {
        const char *name;
        void (*serve)(void *context, int fd); /* NULL: nobody listens */
        int64_t timeout_ms;
        bool connected;
        enum outbound_fault fault;
        const char *error;
    } cases[] = {
        {"silent", say_nothing, IMPATIENT_MS, true, OUTBOUND_TIMED_OUT, "no answer in time"},
        {"closed", close_in_order, PATIENT_MS, true, OUTBOUND_TLS_FAILED,
         "the connection was closed during the TLS handshake"},
        {"reset", reset, PATIENT_MS, true, OUTBOUND_TLS_FAILED,
         "the connection was closed during the TLS handshake"},
        {"SSH", speak_another_language, PATIENT_MS, true, OUTBOUND_TLS_FAILED, "wrong version number"},
        {"nobody", NULL, PATIENT_MS, false, OUTBOUND_UNREACHABLE, "Connection refused"},
    };
    struct arena *arena = arena_new();
    struct outbound *outbound = outbound_thread_start(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct loopback_server server = {.serve = cases[i].serve};
        int held = -1;
        struct sockaddr_storage address = loopback_address(AF_INET, loopback_closed_port(&held));
        if (cases[i].serve != NULL) {
            loopback_server_start(&server, AF_INET);
            address = server.address;
        }
        struct outbound_tls_reply reply =
            shake_hands(outbound, arena, &address, "acme-tls/1", cases[i].timeout_ms);
        if (cases[i].serve != NULL)
            loopback_server_stop(&server);
        close(held);
        cr_expect_str_eq(reply.error, cases[i].error, "%s: %s", cases[i].name, reply.error);
        cr_expect_eq(reply.fault, cases[i].fault, "%s", cases[i].name);
        cr_expect_eq(reply.connected, cases[i].connected, "%s", cases[i].name);
        cr_expect_eq(reply.certificate.n, 0, "%s", cases[i].name);
    }
    outbound_thread_stop(outbound);
    arena_free(arena);
}

/* TLS 1.1 is not spoken. A key that makes a verification slow is not verified with. */
Test(outbound_tls, old_versions_and_slow_keys_are_refused)
{
    struct arena *arena = arena_new();
    struct outbound *outbound = outbound_thread_start(NULL);
    for (int old = 0; old <= 1; old++) {
        struct tls_site site = {0};
        tls_identity_make(arena, old ? NULL : tls_slow_key(arena), &site.identity);
        if (old) {
            SSL_CTX_set_security_level(site.identity.context, 0);
            SSL_CTX_set_min_proto_version(site.identity.context, TLS1_VERSION);
            SSL_CTX_set_max_proto_version(site.identity.context, TLS1_1_VERSION);
        }
        struct loopback_server server = {.serve = serve_tls, .context = &site};
        loopback_server_start(&server, AF_INET);
        struct outbound_tls_reply reply =
            shake_hands(outbound, arena, &server.address, "acme-tls/1", PATIENT_MS);
        loopback_server_stop(&server);
        cr_expect_eq(reply.fault, OUTBOUND_TLS_FAILED);
        cr_expect(reply.connected);
        cr_expect_str_eq(reply.error,
                         old ? "tlsv1 alert protocol version"
                             : "its certificate's key cannot be read, or is an RSA key with a long exponent",
                         "%s", reply.error);
    }
    outbound_thread_stop(outbound);
    arena_free(arena);
}

/* As any other failure, and not before outbound_tls has returned. */
Test(outbound_tls, a_failure_to_begin_is_told)
{
    static const struct {
        int family;
        const char *alpn, *error;
    } cases[] = {
        {AF_UNSPEC, "acme-tls/1", "Address family not supported by protocol"},
        {AF_INET, "", "TLS cannot be set up"},
    };
    struct arena *arena = arena_new();
    struct outbound *outbound = outbound_thread_start(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int held;
        struct sockaddr_storage address = loopback_address(AF_INET, loopback_closed_port(&held));
        address.ss_family = (sa_family_t)cases[i].family;
        struct outbound_tls_reply reply = shake_hands(outbound, arena, &address, cases[i].alpn, PATIENT_MS);
        close(held);
        cr_expect_str_eq(reply.error, cases[i].error, "%s", reply.error);
        cr_expect_eq(reply.fault, OUTBOUND_UNREACHABLE);
        cr_expect_not(reply.connected);
    }
    outbound_thread_stop(outbound);
    arena_free(arena);
}

/* ---- several at once ---- */

enum { SEVERAL = 3, WITH_TLS = 1 };

struct several {
    struct outbound_errand errand; /* first */
    struct outbound *outbound;
    struct loopback_server *servers;
    struct outbound_tls_reply replies[SEVERAL];
    struct one {
        struct several *all;
        size_t place;
    } one[SEVERAL];
    size_t begun, ended;
};

static void begin_one(struct several *all);

/* The first that ends begins the last one. */
static void one_ended(void *context, const struct outbound_tls_reply *reply)
{
    struct one *one = context;
    struct several *all = one->all;
    all->replies[one->place] = *reply;
    if (all->begun < SEVERAL)
        begin_one(all);
    if (++all->ended == SEVERAL)
        outbound_errand_end(&all->errand);
}

static void begin_one(struct several *all)
{
    size_t place = all->begun++;
    all->one[place] = (struct one){all, place};
    struct outbound_tls_request request = {&all->servers[place].address, "a.test", "acme-tls/1",
                                           place == WITH_TLS ? PATIENT_MS : IMPATIENT_MS};
    outbound_tls(all->outbound, &request, one_ended, &all->one[place]);
}

static void begin_several(struct outbound_message *message)
{
    struct several *all = (struct several *)(void *)message;
    while (all->begun < SEVERAL - 1)
        begin_one(all);
}

Test(outbound_tls, each_of_several_gets_its_own_reply)
{
    struct arena *arena = arena_new();
    struct outbound *outbound = outbound_thread_start(NULL);
    struct tls_site site = {0};
    struct loopback_server servers[SEVERAL];
    struct several all = {.outbound = outbound, .servers = servers};
    tls_identity_make(arena, NULL, &site.identity);
    for (size_t i = 0; i < SEVERAL; i++) {
        servers[i] =
            (struct loopback_server){.serve = i == WITH_TLS ? serve_tls : say_nothing, .context = &site};
        loopback_server_start(&servers[i], AF_INET);
    }
    outbound_wait(outbound, &all.errand, begin_several);
    for (size_t i = 0; i < SEVERAL; i++) {
        loopback_server_stop(&servers[i]);
        cr_expect_eq(all.replies[i].fault, i == WITH_TLS ? OUTBOUND_NO_FAULT : OUTBOUND_TIMED_OUT, "%zu", i);
    }
    outbound_thread_stop(outbound);
    arena_free(arena);
}

/* ---- the end of the thread ---- */

static void must_not_be_told(void *context, const struct outbound_tls_reply *reply)
{
    (void)reply;
    *(bool *)context = true;
}

/* Posts `context` when a connection has come. */
static void tell_and_say_nothing(void *context, int fd)
{
    sem_post(context);
    loopback_read_to_end(fd);
}

static void begin_forgotten(void *argument)
{
    struct shake *shake = argument;
    outbound_tls(shake->outbound, &shake->request, must_not_be_told, &shake->told_early);
    outbound_tls(shake->outbound, &shake->request, must_not_be_told, &shake->told_early);
}

Test(outbound_tls, a_stop_drops_what_is_under_way)
{
    sem_t connected;
    struct loopback_server server = {.serve = tell_and_say_nothing, .context = &connected};
    sem_init(&connected, 0, 0);
    loopback_server_start(&server, AF_INET);
    struct shake shake = {.outbound = outbound_thread_start(NULL),
                          .request = {&server.address, "a.test", "acme-tls/1", PATIENT_MS}};
    outbound_run_and_wait(shake.outbound, begin_forgotten, &shake);
    while (sem_wait(&connected) != 0 && errno == EINTR)
        continue;
    outbound_thread_stop(shake.outbound);
    loopback_server_stop(&server);
    sem_destroy(&connected);
    cr_expect_not(shake.told_early);
}
