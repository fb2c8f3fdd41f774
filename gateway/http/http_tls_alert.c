/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends the alert of a failed handshake. libh2o 2.2 closes the connection without sending OpenSSL's last
 * record. This code sends it while it is not encrypted, which covers every fault of a ClientHello.
 */
#include <errno.h>
#include <sys/socket.h>

#include "gateway/http/http_connections.h"
#include "gateway/http/http_internal.h"

enum { RECORD_HEADER_BYTES = 5, ALERT_BYTES = 2, RECORD_LENGTH_AT = 3 };

/* The connection's BIO is libh2o's, with the socket for its data. */
static h2o_socket_t *socket_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_wbio(ssl));
}

static enum http_event event_of(int description)
{
    switch (description) {
    case SSL_AD_PROTOCOL_VERSION:
        return HTTP_HANDSHAKE_PROTOCOL_VERSION;
    case SSL_AD_HANDSHAKE_FAILURE:
        return HTTP_HANDSHAKE_NO_SHARED_CIPHER;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return HTTP_HANDSHAKE_NO_APPLICATION_PROTOCOL;
    default:
        return HTTP_HANDSHAKE_OTHER;
    }
}

/* The header of OpenSSL's last record. The alert itself follows it on the same thread. */
static __thread uint8_t last_header[RECORD_HEADER_BYTES];

static void send_alert(h2o_socket_t *socket, const uint8_t alert[static ALERT_BYTES])
{
    uint8_t record[RECORD_HEADER_BYTES + ALERT_BYTES];
    if (last_header[0] != SSL3_RT_ALERT || last_header[RECORD_LENGTH_AT] != 0 ||
        last_header[RECORD_LENGTH_AT + 1] != ALERT_BYTES)
        return;
    memcpy(record, last_header, RECORD_HEADER_BYTES);
    memcpy(record + RECORD_HEADER_BYTES, alert, ALERT_BYTES);
    /* Nothing was sent before it, so there is room. A client that has gone needs no alert. */
    while (send(h2o_socket_get_fd(socket), record, sizeof record, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 &&
           errno == EINTR)
        ;
}

static void on_message(int is_written, int version, int type, const void *octets, size_t n, SSL *ssl,
                       void *argument)
{
    const uint8_t *p = octets;
    (void)version;
    (void)argument;
    if (SSL_is_init_finished(ssl))
        return;
    if (is_written && type == SSL3_RT_HEADER && n == RECORD_HEADER_BYTES)
        memcpy(last_header, p, RECORD_HEADER_BYTES);
    if (type != SSL3_RT_ALERT || n != ALERT_BYTES || p[0] != SSL3_AL_FATAL)
        return;
    h2o_socket_t *socket = socket_of(ssl);
    http_connection_set_handshake(http_connection_of(socket),
                                  is_written ? event_of(p[1]) : HTTP_HANDSHAKE_REFUSED_BY_CLIENT);
    if (is_written && !HTTP_H2O_SENDS_ALERTS)
        send_alert(socket, p);
}

static void on_info(const SSL *ssl, int where, int value)
{
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0)
        http_connection_set_handshake(http_connection_of(socket_of(ssl)), HTTP_HANDSHAKE_DONE);
}

void http_tls_watch_handshakes(SSL_CTX *context)
{
    SSL_CTX_set_msg_callback(context, on_message);
    SSL_CTX_set_info_callback(context, on_info);
}
