/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/channel.h"

#include <string.h>

#include "store/sql/engine.h"

bool store_channel_exists(const struct store_location *location)
{
    return location->engine->channel != NULL;
}

struct store_channel *store_channel_open(const struct store_location *location,
                                         const struct store_channel_parts *parts, struct fault *fault)
{
    const struct engine_channel *engine = location->engine->channel;
    if (engine != NULL)
        return engine->open(location, parts, fault);
    fault_set(fault, "%s: one gateway serves it at a time", location->text);
    return NULL;
}

bool store_channel_send(struct store_channel *channel, const char *message)
{
    size_t n = strlen(message);
    bool is_line = n > 0 && n <= STORE_CHANNEL_MESSAGE_MAX && memchr(message, '\n', n) == NULL;
    return is_line && channel->engine->send(channel, message);
}

void store_channel_close(struct store_channel *channel)
{
    if (channel != NULL)
        channel->engine->close(channel);
}
