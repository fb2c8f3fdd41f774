/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics: counters and histograms of events, incremented where these happen, and gauges that are
 * computed when they are scraped (server/gauges.c). One table names them all; the exposition (Prometheus'
 * text format 0.0.4) follows from it.
 *
 * There is one set a process, like the log. Counting is a relaxed atomic add, on any thread; outside of a
 * server (in commands) it does nothing. An issuer's counters belong to its id: they continue when another
 * issuer replaces it.
 */
#pragma once

#include "acme/objects.h"
#include "acme/problem.h"
#include "gateway/config/config.h"
#include "gateway/http/http.h"

enum metric {
    METRIC_BUILD,
    METRIC_PROCESS_START,
    METRIC_PROCESS_CPU,
    METRIC_PROCESS_RESIDENT,
    METRIC_PROCESS_VIRTUAL,
    METRIC_PROCESS_OPEN_FILES,
    METRIC_PROCESS_MAX_FILES,

    METRIC_HTTP_REQUESTS,
    METRIC_HTTP_DURATION,
    METRIC_HTTP_CONNECTIONS,
    METRIC_HTTP_CONNECTIONS_LIMIT,
    METRIC_CONNECTIONS_EVICTED,
    METRIC_HANDSHAKES_FAILED,
    METRIC_PROXIES_REFUSED,
    METRIC_OVERLOADED,
    METRIC_RATE_LIMITED,
    METRIC_PROBLEMS,
    METRIC_NONCES_REFUSED,
    METRIC_NONCES_FOREIGN,

    METRIC_ACCOUNTS_CREATED,
    METRIC_ORDERS_CREATED,
    METRIC_ORDERS_FINALIZED,
    METRIC_ORDERS_VALID,
    METRIC_ORDERS_INVALID,
    METRIC_ORDERS_WAITING,
    METRIC_ORDERS_OLDEST,
    METRIC_CERTIFICATES_ISSUED,
    METRIC_CERTIFICATES_REJECTED,

    METRIC_VALIDATIONS,
    METRIC_VALIDATION_DURATION,
    METRIC_VALIDATIONS_WAITING,
    METRIC_WORK_SET_ASIDE,

    METRIC_CA_UP,
    METRIC_CA_STATE,
    METRIC_CA_CIRCUIT,
    METRIC_CA_FAILING_SINCE,
    METRIC_CA_LAST_SUCCESS,
    METRIC_CA_LAST_FAILURE,
    METRIC_CA_CALLS_RUNNING,
    METRIC_CA_CALLS_WAITING,
    METRIC_CA_CALL_DURATION,
    METRIC_CA_ATTEMPTS,
    METRIC_CA_ATTEMPTS_UNKNOWN,
    METRIC_STEPCA_API_CALLS,
    METRIC_NATIVE_CALLS,

    METRIC_REVOCATIONS_REQUESTED,
    METRIC_REVOCATIONS_CONFIRMED,
    METRIC_REVOCATIONS_WAITING,
    METRIC_CRL_THIS_UPDATE,
    METRIC_CRL_NEXT_UPDATE,
    METRIC_CRL_ENTRIES,
    METRIC_OCSP_RESPONDER_END,

    METRIC_OWN_CERTIFICATE_END,
    METRIC_ISSUER_CHAIN_END,
    METRIC_ISSUER_ROOT_END,
    METRIC_ISSUER_OBJECTS,

    METRIC_GATEWAYS_SERVING,
    METRIC_BATCH_OPERATIONS,
    METRIC_COMMIT_DURATION,
    METRIC_BATCHES_FAILED,
    METRIC_BATCHES_UNDONE,
    METRIC_WRITES_WAITING,
    METRIC_READS_WAITING,
    METRIC_DATABASE_ROUND_TRIPS,
    METRIC_DATABASE_BYTES,
    METRIC_DATABASE_FREE_BYTES,
    METRICS,
};

enum { METRIC_MAX_LABELS = 2, METRIC_NOTES_MAX = 5, METRICS_MAX_BYTES = 4 * 1024 * 1024 };

/* ---- values of labels, where no other enum has them ---- */

enum metric_listener { METRIC_LISTENER_ACME, METRIC_LISTENER_PKI, METRIC_LISTENER_ADMIN, METRIC_LISTENERS };
enum metric_limit {
    METRIC_LIMIT_ORDERS_PER_ACCOUNT,
    METRIC_LIMIT_ORDERS_PER_NAME,
    METRIC_LIMIT_ACCOUNTS_PER_ADDRESS,
    METRIC_LIMIT_CHANGES_PER_ACCOUNT,
    METRIC_LIMIT_REFUSALS,
    METRIC_LIMITS,
};
enum metric_call {
    METRIC_CALL_SIGN,
    METRIC_CALL_REVOKE,
    METRIC_CALL_STEPCA_API,
    METRIC_CALL_OTHER,
    METRIC_CALLS
};
enum metric_validation {
    METRIC_VALIDATION_VALID,
    METRIC_VALIDATION_INVALID,
    METRIC_VALIDATION_RETRIED,
    METRIC_VALIDATION_RESULTS
};
/* In the order of enum peers_answer, enum issuer_state and enum issuer_api_outcome; the callers check this.
 */
enum metric_foreign { METRIC_FOREIGN_SPENT, METRIC_FOREIGN_REFUSED, METRIC_FOREIGN_UNANSWERED };
enum metric_ca_state { METRIC_CA_HEALTHY, METRIC_CA_DEGRADED, METRIC_CA_DOWN };
enum metric_stepca_api {
    METRIC_STEPCA_API_ANSWERED,
    METRIC_STEPCA_API_BUSY,
    METRIC_STEPCA_API_FAILED,
    METRIC_STEPCA_API_LOST
};
enum metric_end { METRIC_END_LEAF, METRIC_END_INTERMEDIATES, METRIC_END_ROOTS, METRIC_ENDS };
enum metric_file { METRIC_FILE_DATABASE, METRIC_FILE_WAL, METRIC_FILES };

/* ---- life ---- */

/* Returns the name of a route by number, those of the front end. NULL for a route that is not served. */
struct metric_routes {
    size_t (*count)(void);
    const char *(*label)(struct arena *arena, const struct config *config, size_t i);
};

/* Before the server's threads; borrows all. `gateway` is the name of this server among those on one database.
 */
void metrics_start(const struct config *config, const struct metric_routes *routes, const char *gateway);
/* Adds the names of a configuration that is about to serve, which must live as long as the server. Those of
 * the former ones stay. Not by two threads at once. */
void metrics_add_names(const struct config *config);
/* After them. */
void metrics_stop(void);

/* ---- counting ---- */

/* METRICS_COUNT(METRIC_ORDERS_VALID, metrics_profile(name)): one more, under the values of the labels that
 * the table names. */
#define METRICS_COUNT(metric, ...)  METRICS_ADD(metric, 1, __VA_ARGS__)
#define METRICS_ADD(metric, n, ...) metrics_add(metric, n, (const size_t[METRIC_MAX_LABELS]){__VA_ARGS__})
void metrics_add(enum metric metric, uint64_t n, const size_t labels[static METRIC_MAX_LABELS]);

/* METRICS_OBSERVE(METRIC_CA_CALL_DURATION, us, …): into a histogram; durations are microseconds. */
#define METRICS_OBSERVE(metric, value, ...) \
    metrics_observe(metric, value, (const size_t[METRIC_MAX_LABELS]){__VA_ARGS__})
void metrics_observe(enum metric metric, int64_t value, const size_t labels[static METRIC_MAX_LABELS]);

/* A name of the configuration as a label's value. A name that is no longer configured counts under
 * METRICS_NOT_CONFIGURED. */
#define METRICS_NOT_CONFIGURED "(not configured)"
size_t metrics_issuer(const char *id); /* an OCSP responder's own provisioner is its issuer's */
size_t metrics_profile(const char *name);
size_t metrics_endpoint(const char *name);

/* A call to the CA has ended. */
#define METRICS_CALL(issuer_id, kind, us) \
    METRICS_OBSERVE(METRIC_CA_CALL_DURATION, us, metrics_issuer(issuer_id), kind)

/* Counts an event of a listener of the HTTP front end: its application's `told`. */
void metrics_count_http_event(enum http_event event);

/* A clock for durations, in microseconds. */
int64_t metrics_clock_us(void);

/* The counts of a committer's operation, added once it is committed. All zeros: nothing. */
struct metric_notes {
    size_t count;
    struct {
        enum metric metric;
        uint64_t n;
        size_t labels[METRIC_MAX_LABELS];
    } note[METRIC_NOTES_MAX];
};
#define METRICS_NOTE(notes, metric, ...) \
    metrics_note(notes, metric, (const size_t[METRIC_MAX_LABELS]){__VA_ARGS__})
void metrics_note(struct metric_notes *notes, enum metric metric,
                  const size_t labels[static METRIC_MAX_LABELS]);
/* Counts them, and forgets them. */
void metrics_count_notes(struct metric_notes *notes);

/* ---- exposition ---- */

/* The gauges of one scrape, in its arena. A gauge that is not set is not shown. */
struct metric_gauges {
    struct arena *arena;
    double *values[METRICS]; /* NAN: not set; NULL: none of this metric is */
};
#define METRICS_SET(gauges, metric, value, ...) \
    metrics_set(gauges, metric, (double)(value), (const size_t[METRIC_MAX_LABELS]){__VA_ARGS__})
void metrics_set(struct metric_gauges *gauges, enum metric metric, double value,
                 const size_t labels[static METRIC_MAX_LABELS]);

/* Returns all metrics, as text; no bytes when they do not fit in METRICS_MAX_BYTES. */
struct bytes metrics_render(struct arena *arena, const struct metric_gauges *gauges);
