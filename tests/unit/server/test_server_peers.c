/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server with its threads, among several gateways. The channel is the test's (by --wrap): another
 * thread than the server's calls what the server handed to it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "acme/nonce.h"
#include "store/channel.h"
#include "store/gateways.h"
#include "threads_house.h"

LEAK_CHECKED_SUITE(server_peers);

enum { NUMBER = 3 };

/* The linker's names. */
bool __wrap_store_channel_exists(const struct store_location *location);
struct store_channel *__wrap_store_channel_open(const struct store_location *location,
                                                const struct store_channel_parts *parts, struct fault *fault);
bool __wrap_store_channel_send(struct store_channel *channel, const char *message);
void __wrap_store_channel_close(struct store_channel *channel);
unsigned __wrap_store_gateway_number(const struct store *store);

static bool exists, refuses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_open;
static struct store_channel_parts server_parts;
static char sent[STORE_CHANNEL_MESSAGE_MAX + 1];
static size_t spoken;

unsigned __wrap_store_gateway_number(const struct store *store)
{
    (void)store;
    return exists ? NUMBER : 0;
}

bool __wrap_store_channel_exists(const struct store_location *location)
{
    (void)location;
    return exists;
}

struct store_channel *__wrap_store_channel_open(const struct store_location *location,
                                                const struct store_channel_parts *parts, struct fault *fault)
{
    (void)location;
    if (refuses) {
        fault_set(fault, "too many connections");
        return NULL;
    }
    pthread_mutex_lock(&lock);
    server_parts = *parts;
    is_open = true;
    pthread_mutex_unlock(&lock);
    return (struct store_channel *)&server_parts;
}

/* The server also calls it within `speak`, which holds the lock. */
bool __wrap_store_channel_send(struct store_channel *channel, const char *message)
{
    (void)channel;
    snprintf(sent, sizeof sent, "%s", message);
    return true;
}

void __wrap_store_channel_close(struct store_channel *channel)
{
    if (channel == NULL)
        return;
    pthread_mutex_lock(&lock);
    is_open = false;
    pthread_mutex_unlock(&lock);
}

/* Returns whether somebody heard. */
static bool speak(const char *message)
{
    pthread_mutex_lock(&lock);
    bool hears = is_open;
    if (hears)
        server_parts.heard(server_parts.context, message);
    spoken += hears;
    pthread_mutex_unlock(&lock);
    return hears;
}

static void begin(void)
{
    exists = true;
    house_begin();
    house_start();
}

static void end(void)
{
    server_stop(house.server);
    house_end();
}

static const char *nonce_of(struct client *client)
{
    struct client_reply reply = house_ask(client, "/acme/acme/new-nonce");
    cr_assert_eq(reply.status, 204);
    return client_header(house.arena, &reply, "replay-nonce");
}

Test(server_peers, a_nonce_of_this_gateway_is_spent_for_another_one)
{
    begin();
    struct client *client = house_client();
    const char *nonce = nonce_of(client);
    cr_expect_eq(nonce_home(bytes_from_string(nonce)), NUMBER);
    const char *message = arena_printf(house.arena, "spend %d 2 0123456789abcdef %s", NUMBER, nonce);
    static const char *const answers[] = {"good", "bad"};
    for (size_t i = 0; i < 2; i++) {
        cr_assert(speak(message));
        cr_expect_str_eq(sent,
                         arena_printf(house.arena, "spent 2 %d 0123456789abcdef %s", NUMBER, answers[i]));
    }
    client_close(client);
    end();
}

static void *speak_on(void *message)
{
    while (speak(message))
        continue;
    return NULL;
}

static size_t spoken_so_far(void)
{
    pthread_mutex_lock(&lock);
    size_t count = spoken;
    pthread_mutex_unlock(&lock);
    return count;
}

/* Requests are freed after the stop: the sanitizer notices a message that is heard too late. */
Test(server_peers, a_stop_is_the_end_of_what_is_heard)
{
    static char settled[] = "settled 7",
                forged[] = "spend 3 2 0123456789abcdef DAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    pthread_t speakers[2];
    begin();
    struct client *client = house_client();
    cr_assert_eq(pthread_create(&speakers[0], NULL, speak_on, settled), 0);
    cr_assert_eq(pthread_create(&speakers[1], NULL, speak_on, forged), 0);
    while (spoken_so_far() < 1000)
        nonce_of(client);
    client_close(client);
    end();
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(speakers[i], NULL), 0);
}

Test(server_peers, a_server_without_its_channel_does_not_start)
{
    struct fault fault = {0};
    exists = refuses = true;
    house_begin();
    cr_expect_null(server_start(house_parse(0, "60s"), "test.json", &fault));
    cr_expect_str_eq(fault.message, "too many connections");
    house_end();
}
