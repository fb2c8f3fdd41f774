/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of issuer_stepca. All of it belongs to the outbound thread once the issuer exists. */
#pragma once

#include "gateway/ca/issuer_api.h"
#include "gateway/ca/issuer_stepca.h"
#include "gateway/runtime/version.h"
#include "stepca/messages.h"
#include "stepca/outcome.h"
#include "stepca/provisioner_key.h"

enum {
    STEPCA_REPLY_MAX_BYTES = 1024 * 1024,
    STEPCA_LIST_MAX_BYTES = 16 * 1024 * 1024, /* some 400,000 revocations */
};

#define STEPCA_USER_AGENT "acmegate/" ACMEGATE_VERSION

/* One signature or revocation, in the arena of its request. */
struct remote_call {
    struct outbound_message message; /* first: carries answers that need no call into a later turn */
    struct issuer_stepca *issuer;
    struct call_lane *lane;
    struct arena *arena;
    struct issuer_sign_request *sign; /* one of these two; the other is NULL */
    struct issuer_revoke_request *revoke;
    int64_t entered_at; /* the lane */
    int64_t owner;      /* the object that it works for (crash_record.h): the end of another call may begin
                         * this one */
    struct remote_call *next;
};

/* Signatures and revocations wait in lanes of their own, so that neither starves the other. */
struct call_lane {
    struct remote_call *first, *last;
    size_t running;
};

/* Requests that are passed on. */
struct api_lane {
    struct issuer_api_request *first, *last;
    size_t waiting;
    size_t running;
    size_t max_running;
};

/* The limits that the CA grants one of its JWK provisioners. */
struct provisioner_grant {
    struct provisioner_grant *next;
    const char *name;
    const char *key_id; /* NULL: seen in a token without one */
    struct ca_knowledge knowledge;
    bool seen; /* at work, not only in the list */
};

/* The grants of the last refreshing round, with what was observed since. */
struct provisioner_grants {
    struct arena *arena;
    struct provisioner_grant *first;
    size_t count;
};

enum advertisement {
    ADVERTISEMENT_UNKNOWN,
    ADVERTISEMENT_OURS,
    ADVERTISEMENT_OTHER_KEY,
    ADVERTISEMENT_MISSING
};

/* The findings of a refreshing round so far, in an arena that lives as long as the round. */
struct refresh_round {
    struct arena *arena;
    struct stepca_paging paging;
    enum advertisement advertisement;
    struct stepca_provisioner provisioner; /* unless missing */
    struct provisioner_grants grants;      /* in an arena of their own, which outlives the round */
};

struct issuer_stepca {
    struct issuer base; /* first */
    struct arena *arena;
    struct outbound *outbound;
    const char *ca_url;
    const char *provisioner_name;
    int64_t timeout_ms;
    int64_t preferred_s;
    struct provisioner_key key;
    struct call_lane sign_lane;
    struct call_lane revoke_lane;
    struct api_lane api_lane;
    struct provisioner_grants grants;

    bool refreshing_stopped; /* another issuer has replaced it: no more refreshing */
    struct outbound_message start;
    struct outbound_timer refresh_timer;
    struct refresh_round round;
    size_t refresh_failures; /* failures in a row */
    bool refresh_is_soon;    /* a call was not answered: refresh soon */
    enum advertisement advertisement;
    struct arena *key_id_arena;
    const char *key_id;   /* the advertised one, else the key's own */
    int64_t warned_max_s; /* the maximum that the preferred lifetime was last found to be over */
    bool clock_is_off;
    struct validity_limits limits; /* the chain's end */
    struct ca_knowledge knowledge; /* passed to issuer_set_limits */
    bool tells_intermediates;      /* else signed chains tell when the CA's ends */
};

const struct issuer_permit *issuer_stepca_permit_of(const struct remote_call *call);

/* Makes the call, or posts its answer when none is to be made; issuer_stepca_end_call follows either way. */
void issuer_stepca_begin_call(struct remote_call *call);
void issuer_stepca_end_call(struct remote_call *call);

/* Fills `result` from the CA's reply, in the arena. Pure. */
void issuer_stepca_read_sign_reply(struct arena *arena, const struct outbound_http_reply *reply,
                                   struct issuer_result *result);
void issuer_stepca_read_revoke_reply(struct arena *arena, const struct outbound_http_reply *reply,
                                     struct issuer_result *result);

/* ---- issuer_stepca_knowledge.c: between the CA's words and acme/ca_knowledge.h ---- */

struct ca_claims issuer_stepca_claims(const struct stepca_provisioner *provisioner);
/* The dates of a leaf (DER) into `out`. False: they cannot be read. */
[[gnu::warn_unused_result]] bool issuer_stepca_read_signed(struct bytes leaf, struct ca_signed *out);

/* The CA's certificate does not hold at this time: step-ca renews its own, so a clock is wrong. */
bool issuer_stepca_clock_is_off(const struct outbound_http_reply *reply);

/* Returns why there was no reply, in words for the operator; NULL when there was one. */
const char *issuer_stepca_transport_error(struct arena *arena, const struct outbound_http_reply *reply);

/* Fetches the CA's list. */
void issuer_stepca_list(struct issuer *issuer, struct issuer_list_request *request);

/* Begins a round of refreshing what the CA publishes about our provisioner. Each round sets the timer for the
 * next. */
void issuer_stepca_refresh(struct issuer_stepca *issuer);

/* A call was not answered: the next round is soon, and those after it as long as none is answered, so that it
 * is known whether the CA is there, also when nobody orders. */
void issuer_stepca_refresh_soon(struct issuer_stepca *issuer);

/* Publishes the limits of the last round, with what was observed since, to all readers. */
void issuer_stepca_publish_limits(struct issuer_stepca *issuer);

/* ---- issuer_stepca_api.c ---- */

extern const struct issuer_api issuer_stepca_api;

/* Adds a page's provisioners to those of the round. */
void issuer_stepca_collect_grants(struct refresh_round *round, const struct stepca_provisioner_page *page);
/* Adopts the grants of a successful round, with what was observed of them before. */
void issuer_stepca_adopt_grants(struct issuer_stepca *issuer);
