/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the gateways that serve one database. Each gateway hears what the others send, and never
 * what it sent itself. A message may be lost, and then most hearers are told so. Nothing that must be kept
 * travels here.
 *
 * Any role that may connect to the database can read and send messages: a hearer checks what it hears.
 */
#pragma once

#include "acme/base/fault.h"
#include "store/location.h"

enum {
    STORE_CHANNEL_MESSAGE_MAX = 500,     /* octets of a message */
    STORE_CHANNEL_QUEUE_BYTES = 1 << 16, /* messages that wait for their turn, each with one octet more */
    STORE_CHANNEL_PAUSE_MS = 500,        /* between two tries to connect again */
};

struct store_channel;

/* Both are called on the channel's thread, which they must not hold up. They may send, and must not close. */
struct store_channel_parts {
    /* A message of another gateway, or of another session of the database: not empty, one line, at most
     * STORE_CHANNEL_MESSAGE_MAX octets. It lives until the call returns. */
    void (*heard)(void *context, const char *message);
    /* Messages may have been lost: this connection or a sender's was away, or a sender's queue was full. */
    void (*missed)(void *context);
    void *context;
};

/* False when only one gateway at a time can serve the database. */
[[gnu::warn_unused_result]] bool store_channel_exists(const struct store_location *location);

/* Connects, and starts the channel's thread. The location outlives the channel. A connection that is lost
 * later is made again. NULL with `fault`. */
[[gnu::warn_unused_result]] struct store_channel *store_channel_open(const struct store_location *location,
                                                                     const struct store_channel_parts *parts,
                                                                     struct fault *fault);

/* Hands a line over for all others, and never waits. Any thread. False when it is not sent: the queue is
 * full, the connection is away, or the message is no line of 1 to STORE_CHANNEL_MESSAGE_MAX octets. */
bool store_channel_send(struct store_channel *channel, const char *message);

/* Ends the thread. What is not sent yet is dropped. It waits for a try to connect, which takes up to five
 * seconds a host. NULL is ignored. */
void store_channel_close(struct store_channel *channel);
