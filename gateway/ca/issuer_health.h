/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a CA fares, and how many calls it may get: one state for everything that is asked of it. Pure: `now` in
 * unix seconds is passed in.
 *
 *   healthy ── failures halve the number of calls at once ──► degraded ── the last one fails ──► down
 *     ▲                                                        │    ▲                              │
 *     └── each success doubles it, up to `most` ───────────────┘    └───────── a probe succeeds ───┘
 *
 * A CA that cannot be reached, names a time (Retry-After) or does not accept us (401) is down at once. Then
 * one probe goes out from time to time, with growing pauses, and everything else waits without being tried.
 *
 * Beside that it tells whether new orders had better not be taken.
 */
#pragma once

#include "acme/ca_knowledge.h"

enum {
    ISSUER_ERROR_BYTES = 256,
    ISSUER_FAILING_IS_DOWN_S = 60,   /* failing for longer means: not usable */
    ISSUER_FAILURE_FADES_S = 60,     /* without a further failure for so long, the next order may try */
    ISSUER_FIRST_PROBE_S = 1,        /* the probes' pause doubles, up to the last */
    ISSUER_LAST_PROBE_S = 10,        /* for a CA that is unreachable or does not work */
    ISSUER_FIRST_UNAUTHORIZED_S = 5, /* for a CA that rejects our credentials */
    ISSUER_LAST_UNAUTHORIZED_S = 300,
    ISSUER_RETRY_AFTER_MOST_S = 300, /* the longest Retry-After of a CA that is honoured */
    ISSUER_REQUESTS_AHEAD = 8, /* requests prepared for each call that may be under way, while healthy */
};

/* The result of a contact with the CA. */
enum issuer_contact {
    ISSUER_CONTACT_READ, /* answered a question, such as GET /provisioners */
    ISSUER_CONTACT_WORK, /* signed, revoked, or refused to with a reason: it accepts us */
};

/* The types of work for an issuer. While it is healthy neither takes the other's room. */
enum issuer_work { ISSUER_WORK_SIGN, ISSUER_WORK_REVOKE, ISSUER_WORK_KINDS };

enum issuer_trouble {
    ISSUER_NOT_REACHED,  /* no connection, or none that is trusted */
    ISSUER_NO_ANSWER,    /* the request may have arrived; nothing came back in time */
    ISSUER_BAD_ANSWER,   /* it replied, but could not do its work */
    ISSUER_UNTRUSTED_US, /* 401 */
};

struct issuer_failure {
    enum issuer_contact contact;
    enum issuer_trouble trouble;
    int64_t retry_after_s; /* requested by the CA; 0: none */
    uint8_t spread;        /* random: lengthens the pause before the next probe by up to a half */
    const char *message;
};

/* A place among the calls; given back with issuer_health_end. All zero: none. */
struct issuer_permit {
    bool granted;
    bool probe;
    enum issuer_work work;
    uint32_t era; /* calls begun before it last went down tell nothing about the issuer now */
};

enum issuer_state { ISSUER_HEALTHY, ISSUER_DEGRADED, ISSUER_DOWN };

struct issuer_health {
    struct validity_limits limits;
    struct ca_knowledge knowledge;
    enum issuer_state state;
    size_t most;                         /* calls at once, of each kind, while healthy */
    size_t window;                       /* calls at once, of both kinds together, while degraded */
    size_t under_way[ISSUER_WORK_KINDS]; /* granted in this era */
    uint32_t era;
    bool probing; /* the one probe is under way */
    bool held;    /* until probe_at, at the CA's own wish */
    int64_t probe_at;
    int64_t probe_delay_s; /* the last pause; 0 once healthy */
    int64_t failing_since; /* 0 while healthy */
    int64_t last_failure_at;
    bool failing_at_work; /* a mere answer does not make it healthy again */
    bool unauthorized;
    char last_error[ISSUER_ERROR_BYTES];
};

void issuer_health_init(struct issuer_health *health, size_t most);

/* Returns how many further requests may be prepared now. */
[[gnu::warn_unused_result]] size_t issuer_health_room(const struct issuer_health *health,
                                                      enum issuer_work work, int64_t now);

/* Grants a place when there is room. */
[[gnu::warn_unused_result]] bool issuer_health_admit(struct issuer_health *health, enum issuer_work work,
                                                     int64_t now, struct issuer_permit *out);

/* Admits a request that was prepared without asking, while the issuer was healthy. It is granted whatever the
 * room, unless the issuer is down by now. */
[[gnu::warn_unused_result]] bool issuer_health_admit_unasked(struct issuer_health *health,
                                                             enum issuer_work work, int64_t now,
                                                             struct issuer_permit *out);

/* False when it went down after the permit was granted: the call is not to be made. */
[[gnu::warn_unused_result]] bool issuer_health_allows(const struct issuer_health *health,
                                                      const struct issuer_permit *permit);

/* Calls of one kind that may be under way at once. */
[[gnu::warn_unused_result]] size_t issuer_health_calls_at_once(const struct issuer_health *health);

/* Reports the result of a call; `permit` is NULL for a query. A call of an earlier era changes nothing. */
void issuer_health_success(struct issuer_health *health, enum issuer_contact contact,
                           const struct issuer_permit *permit, int64_t now);
void issuer_health_failure(struct issuer_health *health, const struct issuer_failure *failure,
                           const struct issuer_permit *permit, int64_t now);

/* Gives the place back, after success or failure was reported, or without a call. */
void issuer_health_end(struct issuer_health *health, const struct issuer_permit *permit, int64_t now);

/* Makes the next probe due at once, because our standing has changed (the CA advertises another kid). */
void issuer_health_probe_now(struct issuer_health *health, int64_t now);

/* Returns whether new orders should be accepted. */
[[gnu::warn_unused_result]] bool issuer_health_is_usable(const struct issuer_health *health, int64_t now);
