/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outbound/outbound_wait.h"

#include <errno.h>
#include <semaphore.h>

struct call {
    struct outbound_message message; /* first: the message is the call */
    struct outbound *outbound;
    struct arena *arena;
    const struct outbound_http_request *request;
    struct outbound_http_reply *reply;
    sem_t ended;
};

/* The arena is this thread's for the moment: its owner waits for the semaphore. */
static void call_done(void *context, const struct outbound_http_reply *reply)
{
    struct call *call = context;
    *call->reply = *reply;
    call->reply->body = arena_copy(call->arena, reply->body);
    call->reply->location = NULL;
    if (reply->transport_error != NULL)
        call->reply->transport_error = arena_duplicate(call->arena, reply->transport_error);
    sem_post(&call->ended);
}

static void call_start(struct outbound_message *message)
{
    struct call *call = (struct call *)(void *)message;
    struct outbound_http_request request = *call->request;
    request.for_client = true; /* the caller waits */
    outbound_http(call->outbound, &request, call_done, call);
}

void outbound_http_and_wait(struct outbound *outbound, struct arena *arena,
                            const struct outbound_http_request *request, struct outbound_http_reply *reply)
{
    struct call call = {.message = {.run = call_start},
                        .outbound = outbound,
                        .arena = arena,
                        .request = request,
                        .reply = reply};
    sem_init(&call.ended, 0, 0);
    outbound_post(outbound, &call.message);
    while (sem_wait(&call.ended) != 0 && errno == EINTR)
        continue;
    sem_destroy(&call.ended);
}
