/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acme/base/unconst.h"
#include "acme/jose/public_key.h"
#include "gateway/outbound/outbound_internal.h"
#include "gateway/runtime/crash_record.h"

enum { ALPN_MAX_BYTES = 255 };

/* A handshake in progress. */
struct handshake {
    struct handshake *next, **link;
    struct outbound *outbound;
    int64_t owner; /* the object that it works for (crash_record.h) */
    int socket;
    bool is_connected; /* TCP */
    SSL *tls;
    short waits_for;        /* CURL_WAIT_POLLIN or CURL_WAIT_POLLOUT */
    struct curl_waitfd *fd; /* its place in this turn; NULL: none */
    struct outbound_timer timer;
    char alpn[ALPN_MAX_BYTES + 1];
    void (*done)(void *context, const struct outbound_tls_reply *reply);
    void *context;
};

static void release(struct handshake *handshake)
{
    *handshake->link = handshake->next;
    if (handshake->next != NULL)
        handshake->next->link = handshake->link;
    outbound_timer_cancel(handshake->outbound, &handshake->timer);
    SSL_free(handshake->tls);
    if (handshake->socket >= 0)
        close(handshake->socket);
    free(handshake);
}

static void end(struct handshake *handshake, const struct outbound_tls_reply *reply)
{
    if (!handshake->outbound->stop)
        handshake->done(handshake->context, reply);
    release(handshake);
}

static void end_with(struct handshake *handshake, enum outbound_fault fault, const char *error)
{
    struct outbound_tls_reply reply = {.connected = handshake->is_connected, .error = error, .fault = fault};
    end(handshake, &reply);
}

static bool alpn_was_agreed(const struct handshake *handshake)
{
    const unsigned char *name = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(handshake->tls, &name, &length);
    return length == strlen(handshake->alpn) && memcmp(name, handshake->alpn, length) == 0;
}

static void end_complete(struct handshake *handshake)
{
    struct outbound_tls_reply reply = {.connected = true, .alpn_agreed = alpn_was_agreed(handshake)};
    unsigned char *der = NULL;
    X509 *certificate = SSL_get0_peer_certificate(handshake->tls);
    int n = certificate == NULL ? 0 : i2d_X509(certificate, &der);
    if (n > 0)
        reply.certificate = bytes_of(der, (size_t)n);
    else
        reply = (struct outbound_tls_reply){
            .connected = true, .error = "no certificate was shown", .fault = OUTBOUND_TLS_FAILED};
    end(handshake, &reply);
    OPENSSL_free(der);
}

static const char *failure_words(const struct handshake *handshake)
{
    if (SSL_get_verify_result(handshake->tls) != X509_V_OK)
        return "its certificate's key cannot be read, or is an RSA key with a long exponent";
    unsigned long error = ERR_peek_error();
    bool is_closed = error == 0 || ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    const char *reason = is_closed ? NULL : ERR_reason_error_string(error);
    return reason == NULL ? "the connection was closed during the TLS handshake" : reason;
}

static void go_on(struct handshake *handshake)
{
    ERR_clear_error();
    int result = SSL_connect(handshake->tls);
    int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(handshake->tls, result);
    if (error == SSL_ERROR_NONE) {
        end_complete(handshake);
    } else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        handshake->waits_for = error == SSL_ERROR_WANT_READ ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT;
    } else {
        end_with(handshake, OUTBOUND_TLS_FAILED, failure_words(handshake));
    }
    ERR_clear_error();
}

static void on_connected(struct handshake *handshake)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(handshake->socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error != 0) {
        end_with(handshake, OUTBOUND_UNREACHABLE, strerror(error));
        return;
    }
    handshake->is_connected = true;
    go_on(handshake);
}

static void on_timeout(void *argument)
{
    struct handshake *handshake = argument;
    int64_t before = crash_record_set_owner(handshake->owner);
    end_with(handshake, OUTBOUND_TIMED_OUT, "no answer in time");
    crash_record_set_owner(before);
}

static void on_ready(struct handshake *handshake)
{
    int64_t before = crash_record_set_owner(handshake->owner);
    if (handshake->is_connected)
        go_on(handshake);
    else
        on_connected(handshake);
    crash_record_set_owner(before);
}

/* ---- what the thread calls ---- */

size_t outbound_tls_count(const struct outbound *outbound)
{
    size_t count = 0;
    for (const struct handshake *handshake = outbound->handshakes; handshake != NULL;
         handshake = handshake->next)
        count++;
    return count;
}

void outbound_tls_wait_for(struct outbound *outbound, struct curl_waitfd *fds)
{
    for (struct handshake *handshake = outbound->handshakes; handshake != NULL; handshake = handshake->next) {
        handshake->fd = fds++;
        *handshake->fd = (struct curl_waitfd){handshake->socket, handshake->waits_for, 0};
    }
}

/* A callback may begin another handshake, which is put before the first and has no place in this turn. */
void outbound_tls_process(struct outbound *outbound)
{
    struct handshake *next;
    for (struct handshake *handshake = outbound->handshakes; handshake != NULL && !outbound->stop;
         handshake = next) {
        next = handshake->next;
        bool is_ready = handshake->fd != NULL && handshake->fd->revents != 0;
        handshake->fd = NULL;
        if (is_ready)
            on_ready(handshake);
    }
}

void outbound_tls_drop_all(struct outbound *outbound)
{
    while (outbound->handshakes != NULL)
        release(outbound->handshakes);
    SSL_CTX_free(outbound->tls);
}

/* ---- beginning one ---- */

static int judge(X509_STORE_CTX *verification, void *unused)
{
    (void)unused;
    X509 *certificate = X509_STORE_CTX_get0_cert(verification);
    bool good = certificate != NULL && public_key_is_quick(X509_get0_pubkey(certificate));
    X509_STORE_CTX_set_error(verification, good ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return good;
}

void outbound_tls_trust_anybody(SSL_CTX *context)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, judge, NULL);
}

/* The reader of the certificate checks it (RFC 8737 §3). */
static SSL_CTX *context_of(struct outbound *outbound)
{
    if (outbound->tls != NULL)
        return outbound->tls;
    outbound->tls = SSL_CTX_new(TLS_client_method());
    if (outbound->tls == NULL)
        end_without("memory");
    SSL_CTX_set_min_proto_version(outbound->tls, TLS1_2_VERSION);
    outbound_tls_trust_anybody(outbound->tls);
    return outbound->tls;
}

static bool set_tls_up(struct handshake *handshake, const struct outbound_tls_request *request)
{
    unsigned char alpn[1 + ALPN_MAX_BYTES];
    size_t n = strlen(handshake->alpn);
    alpn[0] = (unsigned char)n;
    memcpy(alpn + 1, handshake->alpn, n);
    handshake->tls = SSL_new(context_of(handshake->outbound));
    return handshake->tls != NULL &&
           SSL_set_tlsext_host_name(handshake->tls, UNCONST(char *, request->server_name)) == 1 &&
           SSL_set_alpn_protos(handshake->tls, alpn, (unsigned)n + 1) == 0 &&
           SSL_set_fd(handshake->tls, handshake->socket) == 1;
}

static const char *dial(struct handshake *handshake, const struct sockaddr_storage *address)
{
    socklen_t length =
        address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    handshake->socket = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (handshake->socket < 0)
        return strerror(errno);
    bool begun =
        connect(handshake->socket, (const struct sockaddr *)address, length) == 0 || errno == EINPROGRESS;
    return begun ? NULL : strerror(errno);
}

/* Reports a failure to begin like any other, after the caller has returned. */
static void on_failed_early(void *argument)
{
    struct handshake *handshake = argument;
    int64_t before = crash_record_set_owner(handshake->owner);
    end_with(handshake, OUTBOUND_UNREACHABLE, handshake->alpn);
    crash_record_set_owner(before);
}

void outbound_tls(struct outbound *outbound, const struct outbound_tls_request *request,
                  void (*done)(void *context, const struct outbound_tls_reply *reply), void *context)
{
    struct handshake *handshake = calloc(1, sizeof *handshake);
    if (handshake == NULL)
        end_without("memory");
    *handshake = (struct handshake){.next = outbound->handshakes,
                                    .link = &outbound->handshakes,
                                    .outbound = outbound,
                                    .owner = crash_record_owner(),
                                    .socket = -1,
                                    .waits_for = CURL_WAIT_POLLOUT,
                                    .timer = {.run = on_timeout, .argument = handshake},
                                    .done = done,
                                    .context = context};
    if (handshake->next != NULL)
        handshake->next->link = &handshake->next;
    outbound->handshakes = handshake;
    snprintf(handshake->alpn, sizeof handshake->alpn, "%s", request->alpn);
    const char *error = dial(handshake, request->address);
    if (error == NULL && !set_tls_up(handshake, request))
        error = "TLS cannot be set up";
    if (error != NULL) {
        snprintf(handshake->alpn, sizeof handshake->alpn, "%s", error);
        handshake->timer.run = on_failed_early;
    }
    outbound_timer_set(outbound, &handshake->timer, error == NULL ? request->timeout_ms : 0);
}
