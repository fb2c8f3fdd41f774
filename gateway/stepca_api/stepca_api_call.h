/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of step-ca's own API on its way to the CA and back (docs/stepca-api.md), shared by
 * route_read*.c:
 *
 *   prepare (loop) → ask (outbound thread) → the CA → take (outbound thread) → apply (committer) → the answer
 *
 * The exchange, arena and all, belongs to whichever thread is at it. Its answer leaves after the COMMIT.
 */
#pragma once

#include "gateway/ca/issuer_api.h"
#include "gateway/frontend/exchange.h"
#include "stepca/outcome.h"

struct stepca_api_call {
    struct outbound_message message; /* first */
    struct exchange *exchange;
    const struct profile_config *profile;
    struct issuer *issuer; /* the profile's, of now */
    const struct issuer_api *api;
    struct issuer_api_request request; /* method and path set by stepca_api_call_begin, the rest by `ask` */
    struct ca_refusal duration;        /* why the CA refused, by stepca_api_call_outcome */
    void *state;                       /* the route's own */

    /* the write that is under way */
    struct store_operation operation;
    enum store_apply_result (*apply)(struct stepca_api_call *call, struct store_writer *writer);
    const struct problem *problem; /* the exchange's before `apply`, which may run again */
    enum store_outcome outcome;
    struct outbound_timer retry;
    /* Called on the outbound thread before the answer is sent; NULL: nothing to do. */
    void (*committed)(struct stepca_api_call *call);

    /* Fills in the request to the CA; sets exchange->problem to refuse. NULL: there is nothing to fill in. */
    void (*ask)(struct stepca_api_call *call);
    /* The request has ended; calls stepca_api_call_commit or stepca_api_call_answer. */
    void (*take)(struct stepca_api_call *call);
};

/* For `prepare`: makes the call of this exchange, for the profile of the configuration. Sets
 * exchange->problem when there is no CA to ask. */
struct stepca_api_call *stepca_api_call_new(struct exchange *exchange, void *state);

/* At the end of `prepare`: the exchange is away. */
void stepca_api_call_begin(struct stepca_api_call *call, const char *method, const char *path,
                           void (*ask)(struct stepca_api_call *call),
                           void (*take)(struct stepca_api_call *call));

/* Interprets the CA's answer. For every result but STEPCA_OK it sets exchange->problem: the CA's own status
 * and words, or 502, 503, 504 without an answer. */
enum stepca_outcome stepca_api_call_outcome(struct stepca_api_call *call, enum stepca_call kind);

/* True when the CA may have carried out the request although we cannot show its answer: a possible orphan. */
bool stepca_api_call_is_lost(const struct stepca_api_call *call, enum stepca_outcome outcome);

/* Commits `apply`, however often that takes (an outcome, a certificate perhaps, is held until it is stored),
 * then answers. */
void stepca_api_call_commit(struct stepca_api_call *call,
                            enum store_apply_result (*apply)(struct stepca_api_call *call,
                                                             struct store_writer *writer));
void stepca_api_call_answer(struct stepca_api_call *call);

/* Within `apply`: as exchange_record. */
[[gnu::warn_unused_result]] enum store_result stepca_api_call_record(struct stepca_api_call *call,
                                                                     struct store_writer *writer,
                                                                     enum event_type type,
                                                                     int64_t certificate_id,
                                                                     const char *detail);
