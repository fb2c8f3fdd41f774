/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/metrics/ only. */
#pragma once

#include <stdatomic.h>

#include "gateway/metrics/metrics.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_MAX_BOUNDS = 14 };

/* A label: its name, and its values by number. NULL for a number without a value. */
struct metric_label {
    const char *name;
    size_t (*count)(void);
    const char *(*value)(struct arena *arena, size_t i);
};

/* The upper bounds of a histogram's buckets, and the number of observed units in one shown unit. */
struct metric_buckets {
    int64_t bounds[METRIC_MAX_BOUNDS];
    size_t count;
    double unit;
};

struct metric_info {
    const char *name;
    enum metric_type type;
    const char *help;
    const struct metric_label *labels[METRIC_MAX_LABELS]; /* NULL: no more */
    const struct metric_buckets *buckets;                 /* of a histogram */
};

extern const struct metric_info metric_infos[METRICS];

/* Returns the number of combinations of its labels' values. */
size_t metric_series_count(const struct metric_info *info);
/* Finds the place of one combination. False when it does not exist. */
[[gnu::warn_unused_result]] bool metric_series_place(const struct metric_info *info,
                                                     const size_t labels[static METRIC_MAX_LABELS],
                                                     size_t *place);

/* Returns the counts of a series: one, or those of its buckets, then the count over the last bucket, then the
 * sum. NULL: nothing has been started. */
const atomic_uint_fast64_t *metric_cells(enum metric metric, size_t place);

/*
 * The names of issuers, profiles or endpoints, as labels. A name keeps its number for the life of the server:
 * the counters are by number. Names are added by one thread at a time, and read by all without a lock. The
 * last number is for names that the configuration does not have, or that came when there was no room.
 */
enum { METRICS_SPARE_NAMES = 32 };

struct metric_names {
    const char **names; /* borrowed from the configuration */
    size_t capacity;
    atomic_size_t count;
};

/* All empty while nothing has been started. */
extern struct metric_names metric_issuer_names, metric_profile_names, metric_endpoint_names;

/* Returns the configuration that serves. NULL: nothing has been started. */
const struct config *metrics_config(void);
/* Return what metrics_start got. */
const struct metric_routes *metrics_routes(void);
const char *metrics_gateway(void);

/* ---- metrics_labels.c ---- */

extern const struct metric_label metric_label_version, metric_label_gateway, metric_label_route,
    metric_label_class, metric_label_listener, metric_label_limit, metric_label_handshake, metric_label_proxy,
    metric_label_problem, metric_label_reason, metric_label_endpoint, metric_label_profile,
    metric_label_origin, metric_label_challenge, metric_label_result, metric_label_issuer,
    metric_label_ca_state, metric_label_circuit, metric_label_call, metric_label_attempt,
    metric_label_stepca_api, metric_label_end, metric_label_file, metric_label_foreign;
