/* SPDX-License-Identifier: Apache-2.0 */
/* How store/sql and an engine meet for store/channel.h. Private to store/. */
#pragma once

#include "store/channel.h"

/* Each does the work of the function of store/channel.h with its name. `send` gets lines of a good length. */
struct engine_channel {
    struct store_channel *(*open)(const struct store_location *location,
                                  const struct store_channel_parts *parts, struct fault *fault);
    bool (*send)(struct store_channel *channel, const char *message);
    void (*close)(struct store_channel *channel);
};

/* An engine's channel begins with it. */
struct store_channel {
    const struct engine_channel *engine;
};
