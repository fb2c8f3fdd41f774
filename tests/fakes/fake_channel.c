/* SPDX-License-Identifier: Apache-2.0 */
/* The channel between gateways: several of them in this process, and a queue of messages. */
#include <stdlib.h>

#include "fakes.h"
#include "store/channel.h"
#include "surroundings.h"

struct store_channel {
    struct store_channel *next;
    struct store_channel_parts parts;
};

struct message {
    struct message *next;
    struct store_channel *from;
    char text[STORE_CHANNEL_MESSAGE_MAX + 1];
};

static struct store_channel *channels;
static struct message *first, **last = &first;
static bool exist, away;

void fake_channels_exist(bool they_do)
{
    exist = they_do;
    away = false;
}

void fake_channels_miss(void)
{
    for (struct store_channel *channel = channels; channel != NULL; channel = channel->next)
        if (channel->parts.missed != NULL)
            channel->parts.missed(channel->parts.context);
}

void fake_channels_lose(bool lose)
{
    away = lose;
    if (!lose)
        fake_channels_miss();
}

bool store_channel_exists(const struct store_location *location)
{
    (void)location;
    return exist;
}

struct store_channel *store_channel_open(const struct store_location *location,
                                         const struct store_channel_parts *parts, struct fault *fault)
{
    (void)location;
    (void)fault;
    struct store_channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        abort();
    *channel = (struct store_channel){channels, *parts};
    channels = channel;
    return channel;
}

bool store_channel_send(struct store_channel *channel, const char *message)
{
    struct message *sent = calloc(1, sizeof *sent);
    if (sent == NULL)
        abort();
    if (strlen(message) > STORE_CHANNEL_MESSAGE_MAX)
        verdict("a message is too long: %s", message);
    if (away) {
        free(sent);
        return false;
    }
    sent->from = channel;
    memcpy(sent->text, message, strlen(message) + 1);
    *last = sent;
    last = &sent->next;
    return true;
}

static struct message *take(void)
{
    struct message *message = first;
    first = message->next;
    if (first == NULL)
        last = &first;
    return message;
}

void store_channel_close(struct store_channel *channel)
{
    struct store_channel **link = &channels;
    if (channel == NULL)
        return;
    while (*link != channel)
        link = &(*link)->next;
    *link = channel->next;
    while (first != NULL)
        free(take());
    free(channel);
}

size_t fake_channels_waiting(void)
{
    return first != NULL;
}

bool fake_channels_turn(void)
{
    if (first == NULL)
        return false;
    struct message *message = take();
    for (struct store_channel *channel = channels; channel != NULL; channel = channel->next)
        if (channel != message->from)
            channel->parts.heard(channel->parts.context, message->text);
    free(message);
    return true;
}
