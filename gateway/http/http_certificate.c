/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_internal.h"

struct certificate_message {
    struct http_message message;
    struct http_loop *loop;
    struct http_tls_certificate *certificate;
};

/* Each loop gets its own parsed certificate, so that no two threads share one. */
struct http_certificate_change {
    size_t count;
    struct certificate_message *messages[];
};

static void run_certificate(struct http_message *message)
{
    struct certificate_message *change = (struct certificate_message *)message;
    http_tls_certificate_free(change->loop->certificate);
    change->loop->certificate = change->certificate;
    http_accept_resume(change->loop);
    free(change);
}

struct http_certificate_change *http_certificate_prepare(struct http_server *server, struct bytes chain_pem,
                                                         struct bytes key_pem, struct fault *fault)
{
    struct http_certificate_change *change =
        h2o_mem_alloc(sizeof *change + sizeof change->messages[0] * server->loop_count);
    change->count = 0;
    while (change->count < server->loop_count) {
        struct http_tls_certificate *certificate = http_tls_certificate_parse(chain_pem, key_pem, fault);
        if (certificate == NULL) {
            http_certificate_discard(change);
            return NULL;
        }
        struct certificate_message *message = h2o_mem_alloc(sizeof *message);
        *message =
            (struct certificate_message){{.run = run_certificate}, server->loops[change->count], certificate};
        change->messages[change->count++] = message;
    }
    return change;
}

void http_certificate_commit(struct http_certificate_change *change)
{
    for (size_t i = 0; i < change->count; i++)
        http_loop_post(change->messages[i]->loop, &change->messages[i]->message);
    free(change);
}

void http_certificate_discard(struct http_certificate_change *change)
{
    for (size_t i = 0; change != NULL && i < change->count; i++) {
        http_tls_certificate_free(change->messages[i]->certificate);
        free(change->messages[i]);
    }
    free(change);
}
