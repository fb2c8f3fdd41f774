/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that sends the octets it is told, over TCP, TLS or a Unix socket. Every wait of it ends in
 * CLIENT_PATIENCE_S. A failure that no test expects ends the test.
 */
#pragma once

#include <netinet/in.h>

#include <openssl/ssl.h>

#include "acme/base/arena.h"

enum { CLIENT_PATIENCE_S = 20 };

struct client {
    struct arena *arena; /* the test's: of what came */
    int fd;
    SSL *ssl; /* NULL: without TLS */
    struct bytes ahead;
};

struct client_tls {
    const char *server_name; /* NULL: none is sent */
    int least_version;       /* 0: OpenSSL's */
    int most_version;
    const char *ciphers;   /* of TLS 1.2; NULL: OpenSSL's */
    const char *protocols; /* as in ALPN: "\x08http/1.1"; NULL: none */
    X509 *root;            /* NULL: every certificate is taken */
};

/* How a handshake went. */
struct client_handshake {
    int reason; /* of OpenSSL, SSL_R_…; 0: it is done */
    const char *version;
    const char *cipher;
    const char *common_name; /* of the server's certificate */
    const char *protocol;    /* chosen by ALPN; "" for none */
};

/* To 127.0.0.1, or with `host` to another loopback address; from `source`, NULL for the system's choice. */
struct client *client_open(struct arena *arena, const char *host, uint16_t port, const char *source);
struct client *client_open_local(struct arena *arena, const char *path);
/* True when nobody listens there. */
bool client_is_refused(const char *host, uint16_t port);

/* A handshake on a connection; with a failed one the connection is only good to be closed. */
struct client_handshake client_shake(struct client *client, const struct client_tls *tls);
#define CLIENT_SHAKE(client, ...) client_shake(client, &(struct client_tls){__VA_ARGS__})

void client_close(struct client *client);

void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, struct bytes octets);
/* Nothing more comes from the client; it still reads. */
void client_end(struct client *client);

/* One answer: head and body, as its Content-Length says. */
struct client_reply {
    int status; /* 0: the connection ended before */
    const char *head;
    const char *body;
};
struct client_reply client_read(struct client *client);
/* Sends and reads. */
struct client_reply client_ask(struct client *client, const char *text);
/* The value of a header of the reply, name in lower case; "" for none. */
const char *client_header(struct arena *arena, const struct client_reply *reply, const char *name);

/* All that comes to the end of the connection. */
const char *client_read_to_end(struct client *client);
struct bytes client_read_bytes_to_end(struct client *client);
/* At least so many octets of what comes. */
struct bytes client_read_some(struct client *client, size_t least);

/* Whether nothing is there to be read now. */
bool client_has_nothing(struct client *client);
/* Waits for the end; true when nothing came before it. */
bool client_has_ended(struct client *client);
