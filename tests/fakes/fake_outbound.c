/* SPDX-License-Identifier: Apache-2.0 */
/* The outbound thread: messages and timers turned by the harness, and the world in the place of the network.
 */
#include <stdlib.h>

#include "fakes.h"
#include "surroundings.h"

enum ask { ASK_HTTP, ASK_TLS, ASK_ADDRESSES, ASK_TEXTS, ASK_CAA };

/* Something that was asked outside, its answer on its way. In its own arena. */
struct question {
    struct question *next;
    struct arena *arena;
    enum ask ask;
    bool for_client;
    void *context;
    union {
        void (*http)(void *context, const struct outbound_http_reply *reply);
        void (*tls)(void *context, const struct outbound_tls_reply *reply);
        void (*addresses)(void *context, const struct outbound_addresses *found);
        void (*texts)(void *context, const struct outbound_texts *found);
        void (*caa)(void *context, const struct outbound_caa *found);
    } done;
    union {
        struct outbound_http_reply http;
        struct outbound_tls_reply tls;
        struct outbound_addresses addresses;
        struct outbound_texts texts;
        struct outbound_caa caa;
    } answer;
};

struct outbound {
    struct outbound_message *first, **last;
    struct question *questions;
    bool ending;
};

static struct outbound *running;

/* ---- messages and timers ---- */

size_t fake_outbound_waiting(void)
{
    return running != NULL && running->first != NULL;
}

bool fake_outbound_turn(void)
{
    if (!fake_outbound_waiting())
        return false;
    struct outbound_message *message = running->first;
    running->first = message->next;
    if (running->first == NULL)
        running->last = &running->first;
    message->run(message);
    return true;
}

void outbound_post(struct outbound *outbound, struct outbound_message *message)
{
    if (fake_load_ends_at_once()) {
        message->run(message);
        return;
    }
    message->next = NULL;
    *outbound->last = message;
    outbound->last = &message->next;
    while (outbound->ending && fake_outbound_turn())
        continue;
}

void fake_outbound_post(struct outbound_message *message)
{
    outbound_post(running, message);
}

static void run_timer(void *argument)
{
    struct outbound_timer *timer = argument;
    timer->run(timer->argument);
}

int64_t outbound_now_ms(void)
{
    return fake_clock_steady_ms();
}

void outbound_timer_set(struct outbound *outbound, struct outbound_timer *timer, int64_t delay_ms)
{
    (void)outbound;
    fake_agenda_put(timer, delay_ms, run_timer, timer);
}

void outbound_timer_cancel(struct outbound *outbound, struct outbound_timer *timer)
{
    (void)outbound;
    fake_agenda_drop(timer);
}

/* ---- questions ---- */

static void take_out(struct question *question)
{
    struct question **link = &running->questions;
    while (*link != question)
        link = &(*link)->next;
    *link = question->next;
    fake_agenda_drop(question);
}

static void answer(void *argument)
{
    struct question *question = argument;
    take_out(question);
    switch (question->ask) {
    case ASK_HTTP:
        question->done.http(question->context, &question->answer.http);
        break;
    case ASK_TLS:
        question->done.tls(question->context, &question->answer.tls);
        break;
    case ASK_ADDRESSES:
        question->done.addresses(question->context, &question->answer.addresses);
        break;
    case ASK_TEXTS:
        question->done.texts(question->context, &question->answer.texts);
        break;
    case ASK_CAA:
        question->done.caa(question->context, &question->answer.caa);
        break;
    }
    arena_free(question->arena);
}

static struct question *make_question(struct outbound *outbound, enum ask ask, void *context)
{
    struct arena *arena = arena_new();
    struct question *question = arena_alloc(arena, sizeof *question);
    question->arena = arena;
    question->ask = ask;
    question->context = context;
    question->next = outbound->questions;
    outbound->questions = question;
    return question;
}

static const char ended[] = "the server stops";

static void end_question(struct question *question)
{
    switch (question->ask) {
    case ASK_HTTP:
        question->answer.http = (struct outbound_http_reply){.transport_error = ended, .connected = true};
        break;
    case ASK_TLS:
        question->answer.tls = (struct outbound_tls_reply){.error = ended};
        break;
    case ASK_ADDRESSES:
        question->answer.addresses = (struct outbound_addresses){.error = ended};
        break;
    case ASK_TEXTS:
        question->answer.texts = (struct outbound_texts){.error = ended};
        break;
    case ASK_CAA:
        question->answer.caa = (struct outbound_caa){.error = ended};
        break;
    }
}

static void expect_answer(struct outbound *outbound, struct question *question, int64_t delay_ms)
{
    if (outbound->ending) {
        end_question(question);
        delay_ms = 0;
    }
    fake_agenda_put(question, delay_ms, answer, question);
}

void outbound_http(struct outbound *outbound, const struct outbound_http_request *request,
                   void (*done)(void *context, const struct outbound_http_reply *reply), void *context)
{
    struct question *question = make_question(outbound, ASK_HTTP, context);
    struct outbound_http_reply *reply = &question->answer.http;
    int64_t delay_ms = 1;
    question->done.http = done;
    question->for_client = request->for_client;
    world_answer_http(question->arena, request, reply, &delay_ms);
    if (delay_ms >= request->timeout_ms) {
        *reply = (struct outbound_http_reply){.transport_error = "Timeout was reached", .connected = true};
        delay_ms = request->timeout_ms;
    }
    if (reply->body.n > request->max_body_bytes) {
        reply->body.n = request->max_body_bytes;
        reply->body_cut = true;
    }
    reply->took_us = delay_ms * 1000;
    expect_answer(outbound, question, delay_ms);
}

void outbound_tls(struct outbound *outbound, const struct outbound_tls_request *request,
                  void (*done)(void *context, const struct outbound_tls_reply *reply), void *context)
{
    struct question *question = make_question(outbound, ASK_TLS, context);
    int64_t delay_ms = 1;
    question->done.tls = done;
    world_answer_tls(question->arena, request, &question->answer.tls, &delay_ms);
    if (delay_ms > request->timeout_ms)
        delay_ms = request->timeout_ms;
    expect_answer(outbound, question, delay_ms);
}

void outbound_resolve(struct outbound *outbound, const char *host, int64_t timeout_ms,
                      void (*done)(void *context, const struct outbound_addresses *found), void *context)
{
    struct question *question = make_question(outbound, ASK_ADDRESSES, context);
    int64_t delay_ms = 1;
    question->done.addresses = done;
    world_answer_addresses(host, &question->answer.addresses, &delay_ms);
    expect_answer(outbound, question, delay_ms < timeout_ms ? delay_ms : timeout_ms);
}

void outbound_resolve_txt(struct outbound *outbound, const char *name, int64_t timeout_ms,
                          void (*done)(void *context, const struct outbound_texts *found), void *context)
{
    struct question *question = make_question(outbound, ASK_TEXTS, context);
    int64_t delay_ms = 1;
    question->done.texts = done;
    world_answer_texts(question->arena, name, &question->answer.texts, &delay_ms);
    expect_answer(outbound, question, delay_ms < timeout_ms ? delay_ms : timeout_ms);
}

void outbound_resolve_caa(struct outbound *outbound, const char *name, int64_t timeout_ms,
                          void (*done)(void *context, const struct outbound_caa *found), void *context)
{
    struct question *question = make_question(outbound, ASK_CAA, context);
    int64_t delay_ms = 1;
    question->done.caa = done;
    world_answer_caa(question->arena, name, &question->answer.caa, &delay_ms);
    expect_answer(outbound, question, delay_ms < timeout_ms ? delay_ms : timeout_ms);
}

/* ---- name servers ---- */

static const struct outbound_server_report *servers;
static size_t server_count;
static bool host_is_known;

void fake_outbound_set_servers(const struct outbound_server_report *reports, size_t count, bool knows_host)
{
    servers = reports;
    server_count = count;
    host_is_known = knows_host;
}

void outbound_ask_each_server(struct outbound *outbound, const char *name, int64_t timeout_ms,
                              void (*done)(void *context, const struct outbound_server_report *reports,
                                           size_t count),
                              void *context)
{
    (void)outbound;
    (void)name;
    (void)timeout_ms;
    done(context, servers, server_count);
}

bool outbound_knows_host(struct outbound *outbound, const char *host)
{
    (void)outbound;
    (void)host;
    return host_is_known;
}

/* ---- name servers ---- */

struct name_servers {
    int unused;
};

static bool name_servers_fail;
static size_t name_servers_used;

void fake_outbound_fail_name_servers(bool fail)
{
    name_servers_fail = fail;
}

size_t fake_outbound_name_servers_used(void)
{
    return name_servers_used;
}

struct name_servers *outbound_name_servers_open(const struct outbound_config *config, struct fault *fault)
{
    (void)config;
    if (name_servers_fail) {
        fault_set(fault, "the system's name servers cannot be read");
        return NULL;
    }
    return calloc(1, sizeof(struct name_servers));
}

void outbound_name_servers_free(struct name_servers *names)
{
    free(names);
}

void outbound_name_servers_use(struct outbound *outbound, struct name_servers *names)
{
    (void)outbound;
    name_servers_used++;
    free(names);
}

/* ---- life ---- */

struct outbound *outbound_start(const struct outbound_config *config, struct fault *fault)
{
    (void)config;
    (void)fault;
    struct outbound *outbound = calloc(1, sizeof *outbound);
    if (outbound == NULL)
        abort();
    outbound->last = &outbound->first;
    running = outbound;
    return outbound;
}

static int64_t hurried_within_ms;

int64_t fake_outbound_hurried_ms(void)
{
    return hurried_within_ms;
}

void outbound_hurry(struct outbound *outbound, int64_t within_ms)
{
    if (outbound == NULL)
        verdict("nothing is there to be hurried");
    hurried_within_ms = within_ms;
}

void fake_outbound_end_all(void)
{
    fakes_settle();
    running->ending = true;
    while (running->questions != NULL) {
        end_question(running->questions);
        answer(running->questions);
        fakes_settle();
    }
}

/* Work in progress is dropped, as by the real thread. */
void outbound_stop(struct outbound *outbound)
{
    while (outbound->questions != NULL) {
        struct question *question = outbound->questions;
        take_out(question);
        arena_free(question->arena);
    }
    fakes_settle();
    running = NULL;
}

struct outbound_message *outbound_take_left(struct outbound *outbound)
{
    struct outbound_message *message = outbound->first;
    if (message != NULL && (outbound->first = message->next) == NULL)
        outbound->last = &outbound->first;
    return message;
}

void outbound_free(struct outbound *outbound)
{
    free(outbound);
}
