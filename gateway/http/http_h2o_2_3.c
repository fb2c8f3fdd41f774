/* SPDX-License-Identifier: Apache-2.0 */
/* For upstream's libh2o, 2.3: see http_h2o.h. */
#include <picohttpparser.h>
#include <sys/socket.h>

#include "gateway/http/http_framing.h"
#include "gateway/http/http_h2o.h"

/* log_state is part of the socket that libh2o does not name otherwise. */
h2o_socket_t *http_h2o_socket(const h2o_req_t *req)
{
    return H2O_STRUCT_FROM_MEMBER(h2o_socket_t, _log_state, req->conn->callbacks->log_state(req->conn));
}

/*
 * ---- the raw head ----
 *
 * libh2o discards the head before it reads a body, and forgets there which lengths it had. So the linker puts
 * __wrap_phr_parse_request where libh2o calls its parser (gateway/CMakeLists.txt). The head travels with the
 * request as a field of its own, in libh2o's memory. A client cannot send that field: its name is no token.
 * Without the wrapper no request has it, and none is answered.
 */
#define RAW_HEAD ":raw-head"

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
int __real_phr_parse_request(const char *input, size_t n, const char **method, size_t *method_n,
                             const char **path, size_t *path_n, int *minor_version,
                             struct phr_header *headers, size_t *header_count, size_t last_n);
int __wrap_phr_parse_request(const char *input, size_t n, const char **method, size_t *method_n,
                             const char **path, size_t *path_n, int *minor_version,
                             struct phr_header *headers, size_t *header_count, size_t last_n);
/* NOLINTEND(bugprone-reserved-identifier) */

static bool is_readable(struct bytes head)
{
    struct http_head read;
    struct http_target target;
    return http_head_read(head, &read) == NULL && http_target_read(read.target, NULL, &target) == NULL;
}

/* Nothing but ends of lines, as some clients send behind their last body: libh2o closes without an answer. */
static bool is_blank(struct bytes input)
{
    size_t i = 0;
    while (i < input.n && (input.p[i] == '\r' || input.p[i] == '\n'))
        i++;
    return i == input.n && i <= 4;
}

int __wrap_phr_parse_request(const char *input, size_t n, const char **method, size_t *method_n,
                             const char **path, size_t *path_n, int *minor_version,
                             struct phr_header *headers, size_t *header_count, size_t last_n)
{
    static __thread char name[] = RAW_HEAD; /* libh2o writes it in lower case where it is */
    const char *head = input;
    --*header_count;
    int taken = __real_phr_parse_request(input, n, method, method_n, path, path_n, minor_version, headers,
                                         header_count, last_n);
    if ((taken == -2 && n < H2O_MAX_REQLEN) || (taken < 0 && is_blank(bytes_of(input, n))))
        return taken;
    if (taken < 0 || !is_readable(bytes_of(input, (size_t)taken))) {
        /* libh2o would read a body of the length that it believes in, or answer in plain text. Nothing is
         * read behind this head: gateway/http refuses the request and closes. */
        if (*method_n == 0 || (*method_n >= 7 && memcmp(*method, "CONNECT", 7) == 0)) {
            *method = "GET"; /* libh2o would take others for the begin of a tunnel */
            *method_n = strlen(*method);
        }
        if (*path_n == 0) {
            *path = "/";
            *path_n = 1;
        }
        *minor_version = 1;
        *header_count = 0;
        head = taken < 0 ? "" : input;
        taken = (int)n;
    }
    headers[*header_count] = (struct phr_header){name, strlen(name), head, head == input ? (size_t)taken : 0};
    ++*header_count;
    return taken;
}

struct bytes http_h2o_head(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header_by_str(&req->headers, H2O_STRLIT(RAW_HEAD), -1);
    if (at == -1)
        return (struct bytes){0};
    return bytes_of(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
}

/* ---- the rest ---- */

void http_h2o_set_request_timeout(h2o_globalconf_t *conf, uint64_t ms)
{
    conf->http1.req_timeout = ms;
    conf->http1.req_io_timeout = ms; /* it would close idle connections too */
}

static int close_idle(h2o_req_t *req, void *data)
{
    (void)data;
    if (req->version == 0)
        shutdown(h2o_socket_get_fd(http_h2o_socket(req)), SHUT_RD);
    return 0;
}

void http_h2o_close_idle(h2o_context_t *context)
{
    h2o_linklist_t *lists[] = {&context->_conns.idle, &context->_conns.active};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (h2o_linklist_t *at = lists[i]->next; at != lists[i]; at = at->next) {
            h2o_conn_t *connection = H2O_STRUCT_FROM_MEMBER(h2o_conn_t, _conns, at);
            connection->callbacks->foreach_request(connection, close_idle, NULL);
        }
}

void http_h2o_add_date(h2o_req_t *req)
{
    h2o_resp_add_date_header(req);
}

int32_t http_h2o_collect(h2o_context_t *context)
{
    return (int32_t)h2o_cleanup_thread(h2o_now(context->loop), context);
}

void http_h2o_dispose(h2o_context_t *context)
{
    h2o_evloop_t *loop = context->loop;
    h2o_context_dispose(context);
    h2o_evloop_destroy(loop);
    /* h2o_cleanup_thread(0, NULL) does this only when it is the thread's first call. */
    h2o_buffer_clear_recycle(1);
    h2o_socket_clear_recycle(1);
    h2o_mem_clear_recycle(&h2o_mem_pool_allocator, 1);
}
