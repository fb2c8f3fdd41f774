/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outbound/outbound.h"

#include <stdlib.h>

#include "acme/base/monotonic.h"
#include "acme/base/thread.h"
#include "gateway/outbound/outbound_internal.h"

enum { LONGEST_WAIT_MS = 60 * 1000, FIRST_HEAP_CAPACITY = 64 };

int64_t outbound_now_ms(void)
{
    return monotonic_ms();
}

/* ---- timers: a binary heap, each timer knowing its place ---- */

static void heap_put(struct outbound *outbound, size_t place, struct outbound_timer *timer)
{
    outbound->heap[place] = timer;
    timer->place = place;
}

static void heap_rise(struct outbound *outbound, struct outbound_timer *timer, size_t place)
{
    while (place > 1 && outbound->heap[place / 2]->due_ms > timer->due_ms) {
        heap_put(outbound, place, outbound->heap[place / 2]);
        place /= 2;
    }
    heap_put(outbound, place, timer);
}

static void heap_sink(struct outbound *outbound, struct outbound_timer *timer, size_t place)
{
    for (size_t child; (child = place * 2) <= outbound->timers; place = child) {
        if (child < outbound->timers && outbound->heap[child + 1]->due_ms < outbound->heap[child]->due_ms)
            child++;
        if (outbound->heap[child]->due_ms >= timer->due_ms)
            break;
        heap_put(outbound, place, outbound->heap[child]);
    }
    heap_put(outbound, place, timer);
}

static void heap_reserve(struct outbound *outbound)
{
    if (outbound->timers + 1 < outbound->heap_capacity)
        return;
    size_t capacity = outbound->heap_capacity == 0 ? FIRST_HEAP_CAPACITY : outbound->heap_capacity * 2;
    struct outbound_timer **heap = realloc(outbound->heap, capacity * sizeof(struct outbound_timer *));
    if (heap == NULL)
        end_without("memory");
    outbound->heap = heap;
    outbound->heap_capacity = capacity;
}

void outbound_timer_set(struct outbound *outbound, struct outbound_timer *timer, int64_t delay_ms)
{
    outbound_timer_cancel(outbound, timer);
    timer->due_ms = outbound_now_ms() + delay_ms;
    heap_reserve(outbound);
    heap_rise(outbound, timer, ++outbound->timers);
}

void outbound_timer_cancel(struct outbound *outbound, struct outbound_timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    timer->place = 0;
    struct outbound_timer *moved = outbound->heap[outbound->timers--];
    if (moved == timer)
        return;
    heap_sink(outbound, moved, place);
    heap_rise(outbound, moved, moved->place);
}

static void run_due_timers(struct outbound *outbound)
{
    int64_t now = outbound_now_ms();
    while (outbound->timers != 0 && outbound->heap[1]->due_ms <= now && !outbound->stop) {
        struct outbound_timer *timer = outbound->heap[1];
        outbound_timer_cancel(outbound, timer);
        timer->run(timer->argument);
    }
}

/* ---- messages ---- */

void outbound_post(struct outbound *outbound, struct outbound_message *message)
{
    message->next = NULL;
    pthread_mutex_lock(&outbound->lock);
    *outbound->last = message;
    outbound->last = &message->next;
    pthread_mutex_unlock(&outbound->lock);
    curl_multi_wakeup(outbound->multi);
}

static struct outbound_message *take_messages(struct outbound *outbound)
{
    pthread_mutex_lock(&outbound->lock);
    struct outbound_message *first = outbound->first;
    outbound->first = NULL;
    outbound->last = &outbound->first;
    pthread_mutex_unlock(&outbound->lock);
    return first;
}

/* For outbound_take_left: before those that were posted meanwhile. */
static void put_back(struct outbound *outbound, struct outbound_message *message)
{
    struct outbound_message **end = &message->next;
    while (*end != NULL)
        end = &(*end)->next;
    pthread_mutex_lock(&outbound->lock);
    *end = outbound->first;
    if (outbound->first == NULL)
        outbound->last = end;
    outbound->first = message;
    pthread_mutex_unlock(&outbound->lock);
}

static void run_messages(struct outbound *outbound)
{
    struct outbound_message *message = take_messages(outbound);
    while (message != NULL && !outbound->stop) {
        struct outbound_message *next = message->next;
        message->run(message);
        message = next;
    }
    if (message != NULL)
        put_back(outbound, message);
}

/* ---- the thread ---- */

static int64_t time_to_wait(struct outbound *outbound)
{
    if (outbound->timers == 0)
        return LONGEST_WAIT_MS;
    int64_t wait = outbound->heap[1]->due_ms - outbound_now_ms();
    return wait < 0 ? 0 : wait > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : wait;
}

static struct curl_waitfd *room_for_fds(struct outbound *outbound, size_t count)
{
    if (count <= outbound->fd_capacity)
        return outbound->fds;
    struct curl_waitfd *fds = realloc(outbound->fds, 2 * count * sizeof *fds);
    if (fds == NULL)
        end_without("memory");
    outbound->fds = fds;
    outbound->fd_capacity = 2 * count;
    return fds;
}

static void run_turn(struct outbound *outbound)
{
    outbound_dns_drop_unused(outbound);
    size_t handshakes = outbound_tls_count(outbound);
    struct curl_waitfd *fds = room_for_fds(outbound, outbound_dns_fds_most(outbound) + handshakes);
    int64_t timeout_ms = time_to_wait(outbound);
    unsigned count = outbound_dns_wait_for(outbound, fds, &timeout_ms);
    int running = 0;
    outbound_tls_wait_for(outbound, fds + count);
    curl_multi_poll(outbound->multi, fds, count + (unsigned)handshakes, (int)timeout_ms, NULL);
    outbound_dns_process(outbound, fds);
    outbound_tls_process(outbound);
    curl_multi_perform(outbound->multi, &running);
    outbound_http_finish(outbound);
}

static void *outbound_main(void *argument)
{
    struct outbound *outbound = argument;
    while (!outbound->stop) {
        run_messages(outbound);
        run_due_timers(outbound);
        if (!outbound->stop)
            run_turn(outbound);
    }
    outbound_http_drop_all(outbound);
    outbound_tls_drop_all(outbound);
    outbound_dns_close(outbound);
    return NULL;
}

struct outbound *outbound_start(const struct outbound_config *config, struct fault *fault)
{
    struct outbound *outbound = calloc(1, sizeof *outbound);
    if (outbound == NULL)
        end_without("memory");
    outbound->last = &outbound->first;
    pthread_mutex_init(&outbound->lock, NULL);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        (outbound->multi = curl_multi_init()) == NULL) {
        fault_set(fault, "libcurl or c-ares could not be initialized");
    } else if ((outbound->names = outbound_name_servers_open(config, fault)) != NULL) {
        if (thread_start(&outbound->thread, outbound_main, outbound) == 0)
            return outbound;
        fault_set(fault, "no thread could be made");
        outbound_dns_close(outbound);
    }
    outbound_free(outbound);
    return NULL;
}

static void run_hurry_timer(void *argument)
{
    outbound_http_end_for_clients(argument);
}

static void run_hurry(struct outbound_message *message)
{
    struct outbound *outbound =
        (struct outbound *)(void *)((char *)message - offsetof(struct outbound, hurry_message));
    outbound->hurry_timer = (struct outbound_timer){.run = run_hurry_timer, .argument = outbound};
    outbound_timer_set(outbound, &outbound->hurry_timer, outbound->hurry_within_ms);
}

void outbound_hurry(struct outbound *outbound, int64_t within_ms)
{
    outbound->hurry_within_ms = within_ms;
    outbound->hurry_message.run = run_hurry;
    outbound_post(outbound, &outbound->hurry_message);
}

struct stop_message {
    struct outbound_message message;
    struct outbound *outbound;
};

static void run_stop(struct outbound_message *message)
{
    ((struct stop_message *)message)->outbound->stop = true;
}

void outbound_stop(struct outbound *outbound)
{
    struct stop_message stop = {{.run = run_stop}, outbound};
    outbound_post(outbound, &stop.message);
    pthread_join(outbound->thread, NULL);
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
    if (outbound == NULL)
        return;
    curl_multi_cleanup(outbound->multi);
    pthread_mutex_destroy(&outbound->lock);
    free(outbound->heap);
    free(outbound->fds);
    free(outbound);
    ares_library_cleanup();
    curl_global_cleanup();
}
