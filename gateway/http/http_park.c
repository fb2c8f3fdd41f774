/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_internal.h"

static struct http_parked **bucket_of(struct http_loop *loop, int64_t key)
{
    /* Ids carry the time in their upper bits and a short counter below: fold both. */
    uint64_t mixed = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return &loop->parked[mixed >> 56];
}

static void leave(struct http_parked *parked)
{
    *parked->link = parked->next;
    if (parked->next != NULL)
        parked->next->link = parked->link;
    if (h2o_timeout_is_linked(&parked->timer))
        h2o_timeout_unlink(&parked->timer);
}

static void go_on(struct http_parked *parked)
{
    leave(parked);
    parked->resume(parked->request);
}

static void on_park_timeout(h2o_timeout_entry_t *timer)
{
    struct http_parked *parked = H2O_STRUCT_FROM_MEMBER(struct http_parked, timer, timer);
    leave(parked);
    parked->late(parked->request);
}

static void park(struct http_request *request, int64_t key, h2o_timeout_t *time,
                 void (*resume)(struct http_request *request), void (*late)(struct http_request *request))
{
    struct http_loop *loop = request->loop;
    if (loop->draining || request->guard == NULL) {
        resume(request);
        return;
    }
    struct http_parked *parked = arena_alloc(request->arena, sizeof *parked);
    struct http_parked **bucket = bucket_of(loop, key);
    *parked = (struct http_parked){
        .next = *bucket, .link = bucket, .request = request, .key = key, .resume = resume, .late = late};
    if (parked->next != NULL)
        parked->next->link = &parked->next;
    *bucket = parked;
    parked->timer.cb = on_park_timeout;
    h2o_timeout_link(loop->context.loop, time, &parked->timer);
}

void http_park(struct http_request *request, int64_t key, void (*resume)(struct http_request *request))
{
    struct http_loop *loop = request->loop;
    loop->park_timeout.timeout = (uint64_t)atomic_load(&loop->server->hold_ms);
    park(request, key, &loop->park_timeout, resume, resume);
}

void http_park_with_looks(struct http_request *request, int64_t key,
                          void (*resume)(struct http_request *request),
                          void (*look)(struct http_request *request))
{
    park(request, key, &request->loop->look_timeout, resume, look);
}

void http_unpark(struct http_request *request, int64_t key)
{
    struct http_parked *parked = *bucket_of(request->loop, key);
    while (parked != NULL && parked->request != request)
        parked = parked->next;
    if (parked != NULL)
        leave(parked);
}

void http_server_set_hold(struct http_server *server, int64_t hold_ms)
{
    atomic_store(&server->hold_ms, hold_ms);
}

struct wake_message {
    struct http_message message;
    struct http_loop *loop;
    int64_t key;
};

static void run_wake(struct http_message *message)
{
    struct wake_message *wake = (struct wake_message *)message;
    struct http_parked *parked = *bucket_of(wake->loop, wake->key);
    while (parked != NULL) {
        struct http_parked *next = parked->next;
        if (parked->key == wake->key)
            go_on(parked);
        parked = next;
    }
    free(wake);
}

void http_wake(struct http_server *server, int64_t key)
{
    for (size_t i = 0; i < server->loop_count; i++) {
        /* A request that waits, or is about to, is not answered yet. */
        if (atomic_load(&server->loops[i]->requests) == 0)
            continue;
        struct wake_message *wake = h2o_mem_alloc(sizeof *wake);
        *wake = (struct wake_message){{.run = run_wake}, server->loops[i], key};
        http_loop_post(server->loops[i], &wake->message);
    }
}

void http_park_start(struct http_loop *loop)
{
    h2o_timeout_init(loop->context.loop, &loop->park_timeout, (uint64_t)atomic_load(&loop->server->hold_ms));
    h2o_timeout_init(loop->context.loop, &loop->look_timeout, HTTP_LOOK_MS);
}

void http_park_drain(struct http_loop *loop)
{
    for (size_t i = 0; i < HTTP_PARK_BUCKETS; i++)
        while (loop->parked[i] != NULL)
            go_on(loop->parked[i]);
}

void http_park_stop(struct http_loop *loop)
{
    h2o_timeout_dispose(loop->context.loop, &loop->park_timeout);
    h2o_timeout_dispose(loop->context.loop, &loop->look_timeout);
}
