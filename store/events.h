/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail. Functions that write are called only inside `apply`. */
#pragma once

#include "acme/cause.h"
#include "acme/event.h"
#include "acme/objects.h"
#include "store/store.h"

struct event {
    int64_t at; /* unix seconds */
    enum event_type type;
    int64_t account_id; /* 0 when it does not apply */
    int64_t order_id;
    int64_t authorization_id;
    int64_t certificate_id;
    const char *actor;   /* "client 192.0.2.7", "gateway", "operator" */
    const char *detail;  /* words for people, or NULL */
    enum cause cause;    /* why work stopped; CAUSE_NONE when nothing is wrong */
    const char *names;   /* requested by a refused request, ", " between them; NULL when the ids identify
                          * them */
    const char *request; /* the identifier of the HTTP request that caused it, or NULL */
    /* For the observer alone: the database finds these by the ids. */
    struct {
        const char *names;   /* ", " between them, or NULL */
        const char *serial;  /* of the certificate, or NULL */
        const char *issuer;  /* the issuer's id, or NULL */
        int64_t duration_ms; /* of what ends with this event; 0: unknown */
    } known;
};
[[gnu::warn_unused_result]] enum store_result store_event_insert(struct store_writer *writer,
                                                                 const struct event *event);

/* Events with the ids, and what is known, of their subject. The texts are the arena's or the subject's. */
struct event event_of_order(struct arena *arena, enum event_type type, const struct order *order);
struct event event_of_authorization(struct arena *arena, enum event_type type,
                                    const struct authorization *authorization);
struct event event_of_certificate(enum event_type type, const struct certificate *certificate);

/* Sets the observer of the committer's events: called on its thread with the events of a batch, in their
 * order, once they are committed and their operations answered. Once, before store_open. */
void store_set_event_observer(void (*observer)(const struct event *events, size_t count));

struct event_row {
    int64_t id;
    const char *type_name; /* as stored: other versions have types that this one does not know */
    struct event event;
};
/* Reads the events of an order, its authorizations and its certificate, oldest first. */
[[gnu::warn_unused_result]] enum store_result store_events_of_order(struct store_reader *reader,
                                                                    struct arena *arena, int64_t order_id,
                                                                    struct event_row **out, size_t *count);

/* Returns the cause of a certificate's newest event. STORE_NOT_FOUND: none has a cause. */
[[gnu::warn_unused_result]] enum store_result store_cause_of_certificate(struct store_reader *reader,
                                                                         int64_t certificate_id,
                                                                         enum cause *out);

/* Finds the newest event of a refused request for `name` (as an identifier), with an id above `after`. */
[[gnu::warn_unused_result]] enum store_result store_event_of_name(struct store_reader *reader,
                                                                  struct arena *arena, const char *name,
                                                                  int64_t after, struct event_row *out);

/* Finds the oldest verdict on the server's configuration file (configuration.loaded, configuration.rejected)
 * with an id above `after`. The server alone records these, so the ids are in the order of time. */
[[gnu::warn_unused_result]] enum store_result store_configuration_event(struct store_reader *reader,
                                                                        struct arena *arena, int64_t after,
                                                                        struct event_row *out);

/* Returns the id of the newest one; 0 when there is none. */
[[gnu::warn_unused_result]] enum store_result store_newest_configuration_event(struct store_reader *reader,
                                                                               int64_t *id);

/* Reads ids of orders with `name` (as an identifier), newest first, for `acmegate explain`. */
[[gnu::warn_unused_result]] enum store_result store_orders_of_name(struct store_reader *reader,
                                                                   const char *name, int64_t *ids, size_t max,
                                                                   size_t *count);
