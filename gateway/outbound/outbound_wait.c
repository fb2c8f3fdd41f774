/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outbound/outbound_wait.h"

#include <errno.h>

void outbound_wait(struct outbound *outbound, struct outbound_errand *errand,
                   void (*run)(struct outbound_message *message))
{
    errand->message.run = run;
    sem_init(&errand->ended, 0, 0);
    outbound_post(outbound, &errand->message);
    while (sem_wait(&errand->ended) != 0 && errno == EINTR)
        continue;
    sem_destroy(&errand->ended);
}

void outbound_errand_end(struct outbound_errand *errand)
{
    sem_post(&errand->ended);
}

struct errand {
    struct outbound_errand errand; /* first */
    void (*run)(void *argument);
    void *argument;
};

static void run_errand(struct outbound_message *message)
{
    struct errand *errand = (struct errand *)(void *)message;
    errand->run(errand->argument);
    outbound_errand_end(&errand->errand);
}

void outbound_run_and_wait(struct outbound *outbound, void (*run)(void *argument), void *argument)
{
    struct errand errand = {.run = run, .argument = argument};
    outbound_wait(outbound, &errand.errand, run_errand);
}

struct call {
    struct outbound_errand errand; /* first */
    struct outbound *outbound;
    struct arena *arena;
    const struct outbound_http_request *request;
    struct outbound_http_reply *reply;
};

/* This thread may use the arena: its owner waits. */
static void call_done(void *context, const struct outbound_http_reply *reply)
{
    struct call *call = context;
    *call->reply = *reply;
    call->reply->body = arena_copy(call->arena, reply->body);
    call->reply->location = NULL;
    if (reply->transport_error != NULL)
        call->reply->transport_error = arena_duplicate(call->arena, reply->transport_error);
    outbound_errand_end(&call->errand);
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
    struct call call = {.outbound = outbound, .arena = arena, .request = request, .reply = reply};
    outbound_wait(outbound, &call.errand, call_start);
}
