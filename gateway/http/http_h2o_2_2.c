/* SPDX-License-Identifier: Apache-2.0 */
/* For libh2o 2.2.5: see http_h2o.h. */
#include "gateway/http/http_h2o.h"

#include <sys/socket.h>

h2o_socket_t *http_h2o_socket(const h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn);
}

/* The head stays in front of the connection's input until the answer is sent. */
struct bytes http_h2o_head(const h2o_req_t *req)
{
    const h2o_buffer_t *input = http_h2o_socket(req)->input;
    return bytes_of(input->bytes, input->size);
}

void http_h2o_set_request_timeout(h2o_globalconf_t *conf, uint64_t ms)
{
    conf->http1.req_timeout = ms;
}

static int close_idle(h2o_req_t *req, void *data)
{
    (void)data;
    h2o_socket_t *socket = http_h2o_socket(req);
    if (req->version == 0 && socket != NULL)
        shutdown(h2o_socket_get_fd(socket), SHUT_RD);
    return 0;
}

void http_h2o_close_idle(h2o_context_t *context)
{
    context->globalconf->http1.callbacks.foreach_request(context, close_idle, NULL);
}

void http_h2o_add_date(h2o_req_t *req)
{
    (void)req; /* it has one already */
}

int32_t http_h2o_collect(h2o_context_t *context)
{
    (void)context;
    return INT32_MAX; /* it keeps no more than a fixed number of pieces */
}

void http_h2o_dispose(h2o_context_t *context)
{
    h2o_evloop_t *loop = context->loop;
    if (h2o_timeout_is_linked(&context->http2._graceful_shutdown_timeout))
        h2o_timeout_unlink(&context->http2._graceful_shutdown_timeout);
    h2o_context_dispose(context);
    h2o_evloop_destroy(loop);
}
