/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

enum { PART_BYTES = 16 * 1024 };

/* ---- connections ---- */

static socklen_t socket_address(const char *host, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    cr_assert_eq(inet_pton(AF_INET6, host, &v6->sin6_addr), 1, "%s", host);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
}

static struct client *connected(struct arena *arena, int fd, const struct sockaddr *to, socklen_t length)
{
    const struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
    struct client *client = arena_alloc(arena, sizeof *client);
    cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    cr_assert_eq(connect(fd, to, length), 0, "%s", strerror(errno));
    client->arena = arena;
    client->fd = fd;
    return client;
}

struct client *client_open(struct arena *arena, const char *host, uint16_t port, const char *source)
{
    struct sockaddr_storage to, from;
    socklen_t length = socket_address(host == NULL ? "127.0.0.1" : host, port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_neq(fd, -1);
    if (source != NULL) {
        socklen_t from_length = socket_address(source, 0, &from);
        cr_assert_eq(bind(fd, (const struct sockaddr *)&from, from_length), 0, "%s", strerror(errno));
    }
    return connected(arena, fd, (const struct sockaddr *)&to, length);
}

struct client *client_open_local(struct arena *arena, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd != -1 && strlen(path) < sizeof to.sun_path);
    memcpy(to.sun_path, path, strlen(path));
    return connected(arena, fd, (const struct sockaddr *)&to, sizeof to);
}

bool client_is_refused(const char *host, uint16_t port)
{
    struct sockaddr_storage to;
    socklen_t length = socket_address(host, port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (const struct sockaddr *)&to, length) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

void client_close(struct client *client)
{
    SSL_free(client->ssl);
    close(client->fd);
}

/* ---- TLS ---- */

static SSL_CTX *context_of(const struct client_tls *tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    cr_assert_not_null(context);
    SSL_CTX_set_security_level(context, 0);
    cr_assert(SSL_CTX_set_min_proto_version(context, tls->least_version) == 1 &&
              SSL_CTX_set_max_proto_version(context, tls->most_version) == 1);
    if (tls->ciphers != NULL)
        cr_assert_eq(SSL_CTX_set_cipher_list(context, tls->ciphers), 1, "%s", tls->ciphers);
    if (tls->protocols != NULL)
        cr_assert_eq(SSL_CTX_set_alpn_protos(context, (const uint8_t *)tls->protocols,
                                             (unsigned)strlen(tls->protocols)),
                     0);
    if (tls->root != NULL) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        cr_assert_eq(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), tls->root), 1);
    }
    return context;
}

static const char *common_name_of(struct arena *arena, SSL *ssl)
{
    char name[256] = "";
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (certificate != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    X509_free(certificate);
    return arena_duplicate(arena, name);
}

struct client_handshake client_shake(struct client *client, const struct client_tls *tls)
{
    const uint8_t *protocol;
    unsigned protocol_length;
    SSL_CTX *context = context_of(tls);
    client->ssl = SSL_new(context);
    SSL_CTX_free(context);
    cr_assert(client->ssl != NULL && SSL_set_fd(client->ssl, client->fd) == 1);
    if (tls->server_name != NULL)
        cr_assert_eq(SSL_set_tlsext_host_name(client->ssl, tls->server_name), 1);
    ERR_clear_error();
    if (SSL_connect(client->ssl) != 1) {
        int reason = ERR_GET_REASON(ERR_peek_error());
        return (struct client_handshake){.reason = reason == 0 ? -1 : reason};
    }
    SSL_get0_alpn_selected(client->ssl, &protocol, &protocol_length);
    return (struct client_handshake){
        .version = SSL_get_version(client->ssl),
        .cipher = SSL_get_cipher_name(client->ssl),
        .common_name = common_name_of(client->arena, client->ssl),
        .protocol = arena_string(client->arena, bytes_of(protocol, protocol_length)),
    };
}

/* ---- octets ---- */

void client_send_bytes(struct client *client, struct bytes octets)
{
    while (octets.n != 0) {
        ssize_t n = client->ssl != NULL ? SSL_write(client->ssl, octets.p, (int)octets.n)
                                        : send(client->fd, octets.p, octets.n, MSG_NOSIGNAL);
        /* Who has refused does not read on. */
        if (n <= 0)
            return;
        octets = bytes_of(octets.p + n, octets.n - (size_t)n);
    }
}

void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, bytes_from_string(text));
}

void client_end(struct client *client)
{
    cr_assert_eq(shutdown(client->fd, SHUT_WR), 0);
}

/* Adds what comes next. False at the end. */
static bool read_more(struct client *client)
{
    uint8_t part[PART_BYTES];
    errno = 0;
    ERR_clear_error();
    ssize_t n = client->ssl != NULL ? SSL_read(client->ssl, part, sizeof part)
                                    : recv(client->fd, part, sizeof part, 0);
    cr_assert_neq(errno, EAGAIN, "nothing came in %d s, after: %.*s", CLIENT_PATIENCE_S, (int)client->ahead.n,
                  (const char *)client->ahead.p);
    if (n <= 0)
        return false;
    uint8_t *joined = arena_alloc(client->arena, client->ahead.n + (size_t)n + 1);
    if (client->ahead.n != 0)
        memcpy(joined, client->ahead.p, client->ahead.n);
    memcpy(joined + client->ahead.n, part, (size_t)n);
    client->ahead = bytes_of(joined, client->ahead.n + (size_t)n);
    return true;
}

static struct bytes take(struct client *client, size_t n)
{
    struct bytes taken = bytes_of(client->ahead.p, n);
    client->ahead = bytes_of(client->ahead.p + n, client->ahead.n - n);
    return taken;
}

struct bytes client_read_some(struct client *client, size_t least)
{
    while (client->ahead.n < least)
        cr_assert(read_more(client), "the connection ended after %zu octets", client->ahead.n);
    return take(client, client->ahead.n);
}

struct bytes client_read_bytes_to_end(struct client *client)
{
    while (read_more(client))
        ;
    return client->ahead.n == 0 ? (struct bytes){0} : take(client, client->ahead.n);
}

const char *client_read_to_end(struct client *client)
{
    return arena_string(client->arena, client_read_bytes_to_end(client));
}

bool client_has_nothing(struct client *client)
{
    uint8_t octet;
    return client->ahead.n == 0 && recv(client->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
           errno == EAGAIN;
}

bool client_has_ended(struct client *client)
{
    return client_read_bytes_to_end(client).n == 0;
}

/* ---- answers ---- */

const char *client_header(struct arena *arena, const struct client_reply *reply, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(reply->head, "\r\n"); at != NULL; at = strstr(at + 2, "\r\n"))
        if (strncasecmp(at + 2, name, n) == 0 && strncmp(at + 2 + n, ": ", 2) == 0)
            return arena_string(arena, bytes_of(at + n + 4, strcspn(at + n + 4, "\r")));
    return "";
}

struct client_reply client_read(struct client *client)
{
    struct client_reply reply = {.head = "", .body = ""};
    const uint8_t *end = NULL;
    while (client->ahead.n == 0 || (end = memmem(client->ahead.p, client->ahead.n, "\r\n\r\n", 4)) == NULL)
        if (!read_more(client))
            return reply;
    reply.head = arena_string(client->arena, take(client, (size_t)(end + 4 - client->ahead.p)));
    cr_assert_eq(sscanf(reply.head, "HTTP/1.1 %d ", &reply.status), 1, "%s", reply.head);
    size_t n = strtoul(client_header(client->arena, &reply, "content-length"), NULL, 10);
    while (client->ahead.n < n)
        cr_assert(read_more(client), "the body ended early");
    reply.body = n == 0 ? "" : arena_string(client->arena, take(client, n));
    return reply;
}

struct client_reply client_ask(struct client *client, const char *text)
{
    client_send(client, text);
    return client_read(client);
}
