/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/unconst.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"
#include "gateway/http/http_internal.h"

struct http_tls_certificate {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
};

static int install_certificate(SSL *ssl, void *argument)
{
    const struct http_loop *loop = argument;
    const struct http_tls_certificate *certificate = loop->certificate;
    if (certificate == NULL)
        return 0;
    return SSL_use_cert_and_key(ssl, certificate->leaf, certificate->key, certificate->chain, 1);
}

/* A client that offers other protocols only gets an alert (RFC 7301 §3.2). */
static int select_protocol(SSL *ssl, const uint8_t **out, uint8_t *length, const uint8_t *offered,
                           unsigned offered_length, void *argument)
{
    static const uint8_t ours[] = "\x08http/1.1";
    (void)ssl;
    (void)argument;
    return SSL_select_next_proto(UNCONST(uint8_t **, out), length, ours, sizeof ours - 1, offered,
                                 offered_length) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *http_tls_context_new(struct http_loop *loop)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return NULL;
    /* TLS 1.2: forward secrecy and AEAD only (RFC 9325 §4.2). TLS 1.3 has nothing else. */
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    /* No resumption: ticket keys would never rotate in a context that lives as long as the process. */
    SSL_CTX_set_options(context,
                        SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_cert_cb(context, install_certificate, loop);
    /* HTTP/2 is never offered: a client can make libh2o 2.2 abort the process there. */
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    http_tls_watch_handshakes(context);
    return context;
}

struct http_tls_certificate *http_tls_certificate_parse(struct bytes chain_pem, struct bytes key_pem,
                                                        struct fault *fault)
{
    struct http_tls_certificate *certificate = h2o_mem_alloc(sizeof *certificate);
    memset(certificate, 0, sizeof *certificate);
    const char *problem = NULL;
    certificate->chain = certificate_stack_read(chain_pem);
    certificate->leaf = sk_X509_shift(certificate->chain);
    certificate->key = x509_key_read(key_pem);
    if (certificate->leaf == NULL)
        problem = "the certificate file contains no certificate, or a damaged one";
    else if (certificate->key == NULL)
        problem = "the key file contains no unencrypted PEM private key";
    else if (!x509_key_fits(certificate->leaf, certificate->key))
        problem = "the private key does not belong to the certificate";
    if (problem == NULL)
        return certificate;
    fault_set(fault, "%s", problem);
    http_tls_certificate_free(certificate);
    return NULL;
}

void http_tls_certificate_free(struct http_tls_certificate *certificate)
{
    if (certificate == NULL)
        return;
    X509_free(certificate->leaf);
    EVP_PKEY_free(certificate->key);
    openssl_certificates_free(certificate->chain);
    free(certificate);
}
