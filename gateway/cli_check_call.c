#include <errno.h>
#include <semaphore.h>

#include "gateway/cli_check.h"

struct call {
    struct outbound_message message; /* first: the message is the call */
    struct check *check;
    const struct outbound_http_request *request;
    struct outbound_http_reply *reply;
    sem_t ended;
};

/* The arena is this thread's for the moment: its owner waits for the semaphore. */
static void call_done(void *context, const struct outbound_http_reply *reply)
{
    struct call *call = context;
    struct arena *arena = call->check->arena;
    *call->reply = *reply;
    call->reply->body = arena_copy(arena, reply->body);
    call->reply->location = NULL;
    if (reply->transport_error != NULL)
        call->reply->transport_error = arena_duplicate(arena, reply->transport_error);
    sem_post(&call->ended);
}

static void call_start(struct outbound_message *message)
{
    struct call *call = (struct call *)(void *)message;
    outbound_http(call->check->outbound, call->request, call_done, call);
}

void check_call(struct check *check, const struct outbound_http_request *request,
                struct outbound_http_reply *reply)
{
    struct call call = {.message = {.run = call_start}, .check = check, .request = request, .reply = reply};
    sem_init(&call.ended, 0, 0);
    outbound_post(check->outbound, &call.message);
    while (sem_wait(&call.ended) != 0 && errno == EINTR)
        continue;
    sem_destroy(&call.ended);
}
