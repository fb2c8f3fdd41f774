#include "gateway/http/http_internal.h"

static struct http_held **bucket_of(struct http_loop *loop, int64_t key)
{
    /* Ids carry the time in their upper bits and a short counter below: fold both. */
    uint64_t mixed = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return &loop->held[mixed >> 56];
}

static void go_on(struct http_held *held)
{
    *held->link = held->next;
    if (held->next != NULL)
        held->next->link = held->link;
    if (h2o_timeout_is_linked(&held->timer))
        h2o_timeout_unlink(&held->timer);
    held->resume(held->request);
}

static void on_hold_timeout(h2o_timeout_entry_t *timer)
{
    go_on(H2O_STRUCT_FROM_MEMBER(struct http_held, timer, timer));
}

void http_hold(struct http_request *request, int64_t key, void (*resume)(struct http_request *request))
{
    struct http_loop *loop = request->loop;
    if (loop->draining || request->guard == NULL) {
        resume(request);
        return;
    }
    struct http_held *held = arena_alloc(request->arena, sizeof(*held));
    struct http_held **bucket = bucket_of(loop, key);
    *held =
        (struct http_held){.next = *bucket, .link = bucket, .request = request, .key = key, .resume = resume};
    if (held->next != NULL)
        held->next->link = &held->next;
    *bucket = held;
    held->timer.cb = on_hold_timeout;
    h2o_timeout_link(loop->context.loop, &loop->hold_timeout, &held->timer);
}

struct release_message {
    struct http_message message;
    struct http_loop *loop;
    int64_t key;
};

static void run_release(struct http_message *message)
{
    struct release_message *release = (struct release_message *)message;
    struct http_held *held = *bucket_of(release->loop, release->key);
    while (held != NULL) {
        struct http_held *next = held->next;
        if (held->key == release->key)
            go_on(held);
        held = next;
    }
    free(release);
}

void http_release(struct http_server *server, int64_t key)
{
    for (size_t i = 0; i < server->loop_count; ++i) {
        /* Whoever waits, or is about to, has a request that is not answered. */
        if (atomic_load(&server->loops[i]->requests) == 0)
            continue;
        struct release_message *release = h2o_mem_alloc(sizeof(*release));
        *release = (struct release_message){{.run = run_release}, server->loops[i], key};
        http_loop_post(server->loops[i], &release->message);
    }
}

void http_hold_start(struct http_loop *loop)
{
    h2o_timeout_init(loop->context.loop, &loop->hold_timeout, (uint64_t)loop->server->config.hold_ms);
}

void http_hold_drain(struct http_loop *loop)
{
    for (size_t i = 0; i < HTTP_HOLD_BUCKETS; ++i)
        while (loop->held[i] != NULL)
            go_on(loop->held[i]);
}

void http_hold_stop(struct http_loop *loop)
{
    h2o_timeout_dispose(loop->context.loop, &loop->hold_timeout);
}
