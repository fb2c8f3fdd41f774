/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the gateways of one database, over the store's channel:
 *
 *   spend TO FROM TOKEN NONCE      FROM got a nonce of TO: spend it, if it is good
 *   spent TO FROM TOKEN good|bad   FROM answers TO
 *   settled ID                     the work for this object has ended; whoever waits for it looks again
 *   revoked                        the CA has confirmed a revocation: what was answered before is old
 *   taken N SECONDS WHAT KEY OWNER a token of a rate limit is taken: of N in so many seconds
 *
 * Gateways are named by their numbers. The texts of a limit are in base64url; "-" stands for no owner. A
 * message may be lost: a question then has no answer, and who waits for an object looks by itself
 * (http_park_with_looks). A message that is none of these is ignored.
 *
 * Threads: peers_tell_settled and peers_tell_taken are for any thread, peers_ask and what follows it are
 * for the loops. But for `others`, the functions in `parts` are called on the channel's thread. They hold it
 * up no longer than a short lock does, and call nothing here. A question is in a table of its own, so that
 * nobody touches a request but its loop.
 */
#pragma once

#include "acme/base/bytes.h"
#include "acme/rate_limiter.h"
#include "store/channel.h"

enum {
    PEERS_QUESTIONS_MAX = 256, /* without an answer yet */
    PEERS_PROBE_MS = 100,      /* between two questions to a gateway that does not answer */
};

struct peers_parts {
    const struct store_location *location;
    unsigned number; /* of this gateway; those that ask each other have different ones. 0: it is alone */
    /* How many others serve the database, as far as is known. Any thread. */
    size_t (*others)(void *context);
    /* Spends a nonce of this gateway. False when it is not good. */
    bool (*spend)(void *context, struct bytes nonce);
    /* The answer to a question is there. */
    void (*answered)(void *context, int64_t key);
    /* Another gateway has ended the work for this object. */
    void (*settled)(void *context, int64_t id);
    /* A CA has confirmed a revocation to another gateway, or that message may have been lost. */
    void (*revoked)(void *context);
    /* Another gateway has taken a token of a rate limit. */
    void (*taken)(void *context, const struct rate_demand *demand);
    void *context;
};

struct peers;

/* Makes it without a connection. NULL for a gateway that is alone. The other functions take NULL, too. */
struct peers *peers_new(const struct peers_parts *parts);
/* Connects: from now on others are heard. False with `fault`. */
[[gnu::warn_unused_result]] bool peers_start(struct peers *peers, struct fault *fault);
/* From now on nothing is heard and nothing asked: what is called for that can be freed. Waits for a call that
 * runs. Others can still be told. Not within such a call. */
void peers_stop(struct peers *peers);
/* Ends the connection and its thread, which waits for a try to connect (store_channel_close). */
void peers_free(struct peers *peers);

/* True while other gateways may work on what this one waits for. Any thread. */
bool peers_are_there(const struct peers *peers);

/* The work for this object has ended, and is committed. */
void peers_tell_settled(struct peers *peers, int64_t id);

/* A CA has confirmed a revocation, and it is committed. Any thread. */
void peers_tell_revoked(struct peers *peers);

/* This gateway has taken a token of a rate limit, and what it was for is committed. Any thread. */
void peers_tell_taken(struct peers *peers, const struct rate_demand *demand);

enum peers_answer {
    PEERS_GOOD, /* the nonce was good, and is spent */
    PEERS_BAD,
    PEERS_SILENT, /* no answer came */
};

/* True when a nonce names another gateway as its own. Nothing is verified. */
[[gnu::warn_unused_result]] bool peers_have_issued(const struct peers *peers, struct bytes nonce);

/* Asks the gateway that owns a nonce to spend it. Returns the question's key, below 0, for `answered` and
 * peers_take_answer, which must follow. 0 when there is no answer to wait for: too many questions have none,
 * the channel is away, or that gateway has not spoken since peers_note_silence. A message still goes
 * to such a one now and then: its answer says that it is back. */
[[gnu::warn_unused_result]] int64_t peers_ask(struct peers *peers, struct bytes nonce);

/* The time for an answer is over. Without one, that gateway is not waited for until it has spoken. */
void peers_note_silence(struct peers *peers, int64_t key);
/* Ends a question, whether it is answered or not. */
enum peers_answer peers_take_answer(struct peers *peers, int64_t key);
