/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "acme/base/monotonic.h"
#include "gateway/metrics/metrics_internal.h"
#include "gateway/runtime/log.h"

/* ---- the table ---- */

/* In microseconds. */
enum { MS = 1000, S = 1000 * MS };

static const struct metric_buckets http_buckets = {{1 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS,
                                                    250 * MS, 500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S,
                                                    30 * S},
                                                   13,
                                                   1e6};
static const struct metric_buckets call_buckets = {{5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
                                                    500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S, 30 * S},
                                                   12,
                                                   1e6};
static const struct metric_buckets commit_buckets = {
    {500, 1 * MS, 2 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S, 5 * S},
    12,
    1e6};
static const struct metric_buckets batch_buckets = {{1, 2, 4, 8, 16, 32, 64}, 7, 1};

#define COUNTER(id, name, help, ...) [METRIC_##id] = {name, METRIC_COUNTER, help, {__VA_ARGS__}, NULL}
#define GAUGE(id, name, help, ...)   [METRIC_##id] = {name, METRIC_GAUGE, help, {__VA_ARGS__}, NULL}
#define HISTOGRAM(id, name, help, buckets, ...) \
    [METRIC_##id] = {name, METRIC_HISTOGRAM, help, {__VA_ARGS__}, buckets}

const struct metric_info metric_infos[METRICS] = {
    GAUGE(BUILD, "acmegate_build_info", "Always 1; the version that runs, and the gateway's name.",
          &metric_label_version, &metric_label_gateway),
    GAUGE(PROCESS_START, "process_start_time_seconds", "When the process began, in unix time."),
    [METRIC_PROCESS_CPU] =
        {"process_cpu_seconds_total", METRIC_COUNTER, "User and system CPU time.", {NULL}, NULL},
    GAUGE(PROCESS_RESIDENT, "process_resident_memory_bytes", "Resident memory."),
    GAUGE(PROCESS_VIRTUAL, "process_virtual_memory_bytes", "Virtual memory."),
    GAUGE(PROCESS_OPEN_FILES, "process_open_fds", "Open file descriptors."),
    GAUGE(PROCESS_MAX_FILES, "process_max_fds", "How many file descriptors may be open."),

    COUNTER(HTTP_REQUESTS, "acmegate_http_requests_total", "Requests answered, by route and class of status.",
            &metric_label_route, &metric_label_class),
    HISTOGRAM(HTTP_DURATION, "acmegate_http_request_duration_seconds",
              "From a whole request to its answer; challenge and finalize may wait for their outcome.",
              &http_buckets, &metric_label_route),
    GAUGE(HTTP_CONNECTIONS, "acmegate_http_connections", "Open connections.", &metric_label_listener),
    GAUGE(HTTP_CONNECTIONS_LIMIT, "acmegate_http_connections_limit",
          "limits.max_connections: at this number, the oldest idle ones are closed."),
    COUNTER(CONNECTIONS_EVICTED, "acmegate_http_connections_evicted_total",
            "Idle connections that were closed to make room for others."),
    COUNTER(HANDSHAKES_FAILED, "acmegate_tls_handshakes_failed_total",
            "TLS handshakes that clients began but did not complete.", &metric_label_handshake),
    COUNTER(PROXIES_REFUSED, "acmegate_http_proxy_connections_refused_total",
            "Connections closed before TLS at listeners for proxies.", &metric_label_proxy),
    COUNTER(OVERLOADED, "acmegate_http_overloaded_total",
            "Requests answered 503 because too many writes or reads were waiting."),
    COUNTER(RATE_LIMITED, "acmegate_rate_limited_total", "Requests refused by a limit of the configuration.",
            &metric_label_limit),
    COUNTER(PROBLEMS, "acmegate_problems_total", "ACME problem documents sent, by type.",
            &metric_label_problem),
    COUNTER(NONCES_REFUSED, "acmegate_nonces_refused_total", "Nonces that were unknown, too old or used."),
    COUNTER(NONCES_FOREIGN, "acmegate_nonces_foreign_total",
            "Nonces that another gateway had issued, by what came of asking it.", &metric_label_foreign),

    COUNTER(ACCOUNTS_CREATED, "acmegate_accounts_created_total", "Accounts made.", &metric_label_endpoint),
    COUNTER(ORDERS_CREATED, "acmegate_orders_created_total", "Orders made.", &metric_label_profile),
    COUNTER(ORDERS_FINALIZED, "acmegate_orders_finalized_total", "Orders that got their CSR.",
            &metric_label_profile),
    COUNTER(ORDERS_VALID, "acmegate_orders_valid_total", "Orders that ended with a certificate.",
            &metric_label_profile),
    COUNTER(ORDERS_INVALID, "acmegate_orders_invalid_total",
            "Orders that failed, by the type of their problem.", &metric_label_reason),
    GAUGE(ORDERS_WAITING, "acmegate_orders_waiting",
          "Orders in processing: finalized, and without a certificate yet.", &metric_label_issuer),
    GAUGE(ORDERS_OLDEST, "acmegate_orders_oldest_waiting_seconds",
          "For how long the oldest order has been in processing; 0 without any.", &metric_label_issuer),
    COUNTER(CERTIFICATES_ISSUED, "acmegate_certificates_issued_total",
            "Certificates signed, checked and stored.", &metric_label_profile, &metric_label_origin),
    COUNTER(
        CERTIFICATES_REJECTED, "acmegate_certificates_rejected_total",
        "Certificates that came from the CA and were not handed out, since they do not fit or came too late.",
        &metric_label_profile, &metric_label_origin),

    COUNTER(VALIDATIONS, "acmegate_validations_total", "Tries to validate a challenge.",
            &metric_label_challenge, &metric_label_result),
    HISTOGRAM(VALIDATION_DURATION, "acmegate_validation_duration_seconds",
              "How long a try took, CAA look-ups included.", &call_buckets, &metric_label_challenge),
    GAUGE(VALIDATIONS_WAITING, "acmegate_validations_waiting", "Challenges in processing."),
    COUNTER(WORK_SET_ASIDE, "acmegate_work_set_aside_total",
            "Validations, orders and revocations that the server crashed on twice, and set aside."),

    GAUGE(CA_UP, "acmegate_ca_up", "1 while new orders are accepted for the issuer.", &metric_label_issuer),
    GAUGE(CA_STATE, "acmegate_ca_state", "1 for the state that the CA is in.", &metric_label_issuer,
          &metric_label_ca_state),
    GAUGE(CA_CIRCUIT, "acmegate_ca_circuit", "As acmegate_ca_state, in old words; removed in 0.3.",
          &metric_label_issuer, &metric_label_circuit),
    GAUGE(CA_FAILING_SINCE, "acmegate_ca_failing_since_timestamp_seconds",
          "Since when the CA has been failing, in unix time; 0 while it works.", &metric_label_issuer),
    GAUGE(CA_LAST_SUCCESS, "acmegate_ca_last_success_timestamp_seconds",
          "The last call that the CA answered well, in unix time; 0 before the first.", &metric_label_issuer),
    GAUGE(CA_LAST_FAILURE, "acmegate_ca_last_failure_timestamp_seconds",
          "The last call that failed, in unix time; 0 before the first.", &metric_label_issuer),
    GAUGE(CA_CALLS_RUNNING, "acmegate_ca_calls_running", "Signatures and revocations in progress at the CA.",
          &metric_label_issuer),
    GAUGE(CA_CALLS_WAITING, "acmegate_ca_calls_waiting",
          "Signatures and revocations that wait for their turn.", &metric_label_issuer),
    HISTOGRAM(CA_CALL_DURATION, "acmegate_ca_call_duration_seconds",
              "Calls to the CA, whatever their outcome.", &call_buckets, &metric_label_issuer,
              &metric_label_call),
    COUNTER(CA_ATTEMPTS, "acmegate_ca_attempts_total", "Attempts to have orders signed, by outcome.",
            &metric_label_issuer, &metric_label_attempt),
    GAUGE(CA_ATTEMPTS_UNKNOWN, "acmegate_ca_attempts_unknown",
          "Recorded attempts with an unknown outcome: the CA may have issued a certificate that nobody has.",
          &metric_label_issuer),
    COUNTER(STEPCA_API_CALLS, "acmegate_stepca_api_calls_total",
            "Requests of step-ca's API that were passed on.", &metric_label_stepca_api),
    COUNTER(NATIVE_CALLS, "acmegate_native_calls_total",
            "As acmegate_stepca_api_calls_total, under its old name; removed in 0.3.",
            &metric_label_stepca_api),

    COUNTER(REVOCATIONS_REQUESTED, "acmegate_revocations_requested_total",
            "Requested revocations, those of rejected certificates included.", &metric_label_issuer),
    COUNTER(REVOCATIONS_CONFIRMED, "acmegate_revocations_confirmed_total",
            "Revocations that the CA has confirmed.", &metric_label_issuer),
    GAUGE(REVOCATIONS_WAITING, "acmegate_revocations_waiting",
          "Requested revocations that the CA has not confirmed yet.", &metric_label_issuer),
    GAUGE(CRL_THIS_UPDATE, "acmegate_crl_this_update_timestamp_seconds",
          "When the revocation list in use was made, in unix time.", &metric_label_issuer),
    GAUGE(CRL_NEXT_UPDATE, "acmegate_crl_next_update_timestamp_seconds",
          "When the revocation list in use ends, in unix time.", &metric_label_issuer),
    GAUGE(CRL_ENTRIES, "acmegate_crl_entries", "Certificates in the revocation list.", &metric_label_issuer),
    GAUGE(OCSP_RESPONDER_END, "acmegate_ocsp_responder_not_after_timestamp_seconds",
          "When the OCSP responder's certificate ends, in unix time.", &metric_label_issuer),

    GAUGE(OWN_CERTIFICATE_END, "acmegate_own_certificate_not_after_timestamp_seconds",
          "When the server's own TLS certificate ends, its intermediates, and its issuer's roots, in unix "
          "time.",
          &metric_label_end),
    GAUGE(ISSUER_CHAIN_END, "acmegate_issuer_chain_not_after_timestamp_seconds",
          "When the issuer's chain ends, in unix time: no certificate outlives it.", &metric_label_issuer),
    GAUGE(ISSUER_ROOT_END, "acmegate_issuer_root_not_after_timestamp_seconds",
          "When the first of the issuer's pinned roots ends, in unix time.", &metric_label_issuer),
    GAUGE(ISSUER_OBJECTS, "acmegate_issuer_objects",
          "Issuers in memory, OCSP responders' provisioners and replaced ones included."),

    GAUGE(GATEWAYS_SERVING, "acmegate_gateways_serving",
          "Gateways that serve the database, this one included."),
    HISTOGRAM(BATCH_OPERATIONS, "acmegate_committer_batch_operations", "Operations in one transaction.",
              &batch_buckets),
    HISTOGRAM(COMMIT_DURATION, "acmegate_committer_commit_duration_seconds",
              "How long a COMMIT took, the disk's flush included.", &commit_buckets),
    COUNTER(BATCHES_FAILED, "acmegate_committer_failed_batches_total",
            "Transactions that were rolled back: disk full, I/O, busy."),
    COUNTER(BATCHES_UNDONE, "acmegate_committer_undone_runs_total",
            "Runs of a transaction that were undone, mostly because another was faster; it then ran again."),
    GAUGE(WRITES_WAITING, "acmegate_committer_waiting_operations", "Operations that wait or run."),
    GAUGE(READS_WAITING, "acmegate_database_waiting_reads",
          "Reads for clients that wait or run, with PostgreSQL; 0 with SQLite, where none waits."),
    COUNTER(DATABASE_ROUND_TRIPS, "acmegate_database_round_trips_total",
            "Waits for an answer of PostgreSQL: one for statements that went together."),
    GAUGE(DATABASE_BYTES, "acmegate_database_size_bytes", "Size of the database's file and of its log.",
          &metric_label_file),
    GAUGE(DATABASE_FREE_BYTES, "acmegate_database_free_bytes", "Room left on the disk of the database."),
};

/* ---- the counts ---- */

static struct {
    const struct config *config;
    const struct metric_routes *routes;
    const char *gateway;
    atomic_uint_fast64_t *cells[METRICS];
} current;

struct metric_names metric_issuer_names, metric_profile_names, metric_endpoint_names;

const struct config *metrics_config(void)
{
    return current.config == NULL ? NULL : config_now(current.config);
}

const struct metric_routes *metrics_routes(void)
{
    return current.routes;
}

const char *metrics_gateway(void)
{
    return current.gateway;
}

size_t metric_series_count(const struct metric_info *info)
{
    size_t count = 1;
    for (size_t i = 0; i < METRIC_MAX_LABELS && info->labels[i] != NULL; i++)
        count *= info->labels[i]->count();
    return count;
}

bool metric_series_place(const struct metric_info *info, const size_t labels[static METRIC_MAX_LABELS],
                         size_t *place)
{
    *place = 0;
    for (size_t i = 0; i < METRIC_MAX_LABELS && info->labels[i] != NULL; i++) {
        size_t count = info->labels[i]->count();
        if (labels[i] >= count)
            return false;
        *place = *place * count + labels[i];
    }
    return true;
}

static size_t cells_of_one(const struct metric_info *info)
{
    return info->buckets == NULL ? 1 : info->buckets->count + 2;
}

/* The names of one kind in a configuration: of structures that begin with their name. */
struct named_items {
    struct metric_names *names;
    const void *first;
    size_t count;
    size_t item_bytes;
};

enum { KINDS_OF_NAMES = 3 };

static void list_names(const struct config *config, struct named_items out[static KINDS_OF_NAMES])
{
    out[0] = (struct named_items){&metric_issuer_names, config->issuers, config->issuer_count,
                                  sizeof *config->issuers};
    out[1] = (struct named_items){&metric_profile_names, config->profiles, config->profile_count,
                                  sizeof *config->profiles};
    out[2] = (struct named_items){&metric_endpoint_names, config->endpoints, config->endpoint_count,
                                  sizeof *config->endpoints};
}

static const char *name_at(const struct named_items *items, size_t i)
{
    const char *name;
    memcpy(&name, (const char *)items->first + i * items->item_bytes, sizeof name);
    return name;
}

static void start_names(const struct named_items *items)
{
    struct metric_names *names = items->names;
    names->capacity = items->count + METRICS_SPARE_NAMES;
    names->names = calloc(names->capacity, sizeof *names->names);
    if (names->names == NULL)
        end_without("memory");
    for (size_t i = 0; i < items->count; i++)
        names->names[i] = name_at(items, i);
    atomic_init(&names->count, items->count);
}

static void add_name(struct metric_names *names, const char *name)
{
    size_t count = atomic_load(&names->count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names->names[i], name) == 0)
            return;
    if (count == names->capacity) {
        log_warning("the metrics count '%s' under " METRICS_NOT_CONFIGURED
                    " until the next restart: %d names were added since the last one",
                    name, METRICS_SPARE_NAMES);
        return;
    }
    names->names[count] = name;
    atomic_store_explicit(&names->count, count + 1, memory_order_release);
}

void metrics_add_names(const struct config *config)
{
    struct named_items items[KINDS_OF_NAMES];
    list_names(config, items);
    for (size_t kind = 0; kind < KINDS_OF_NAMES; kind++)
        for (size_t i = 0; i < items[kind].count; i++)
            add_name(items[kind].names, name_at(&items[kind], i));
}

static void drop_names(struct metric_names *names)
{
    free(names->names);
    names->names = NULL;
    names->capacity = 0;
    atomic_store(&names->count, 0);
}

void metrics_start(const struct config *config, const struct metric_routes *routes, const char *gateway)
{
    current.config = config;
    current.routes = routes;
    current.gateway = gateway;
    struct named_items items[KINDS_OF_NAMES];
    list_names(config, items);
    for (size_t kind = 0; kind < KINDS_OF_NAMES; kind++)
        start_names(&items[kind]);
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_info *info = &metric_infos[i];
        current.cells[i] = calloc(metric_series_count(info) * cells_of_one(info), sizeof *current.cells[i]);
        if (current.cells[i] == NULL)
            end_without("memory");
    }
}

void metrics_stop(void)
{
    for (size_t i = 0; i < METRICS; i++) {
        free(current.cells[i]);
        current.cells[i] = NULL;
    }
    current.config = NULL;
    drop_names(&metric_issuer_names);
    drop_names(&metric_profile_names);
    drop_names(&metric_endpoint_names);
}

static atomic_uint_fast64_t *cells_at(enum metric metric, const size_t labels[static METRIC_MAX_LABELS])
{
    size_t place;
    if (current.cells[metric] == NULL || !metric_series_place(&metric_infos[metric], labels, &place))
        return NULL;
    return &current.cells[metric][place * cells_of_one(&metric_infos[metric])];
}

const atomic_uint_fast64_t *metric_cells(enum metric metric, size_t place)
{
    return current.cells[metric] == NULL
               ? NULL
               : &current.cells[metric][place * cells_of_one(&metric_infos[metric])];
}

void metrics_add(enum metric metric, uint64_t n, const size_t labels[static METRIC_MAX_LABELS])
{
    atomic_uint_fast64_t *cell = cells_at(metric, labels);
    if (cell != NULL)
        atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

void metrics_observe(enum metric metric, int64_t value, const size_t labels[static METRIC_MAX_LABELS])
{
    const struct metric_buckets *buckets = metric_infos[metric].buckets;
    atomic_uint_fast64_t *cells = cells_at(metric, labels);
    size_t bucket = 0;
    if (cells == NULL)
        return;
    if (value < 0)
        value = 0;
    while (bucket < buckets->count && value > buckets->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&cells[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cells[buckets->count + 1], (uint64_t)value, memory_order_relaxed);
}

void metrics_count_http_event(enum http_event event)
{
    if (event == HTTP_CONNECTION_EVICTED)
        METRICS_COUNT(METRIC_CONNECTIONS_EVICTED);
    else if (event == HTTP_CONNECTION_NOT_FROM_A_PROXY || event == HTTP_CONNECTION_BAD_PROXY_HEADER)
        METRICS_COUNT(METRIC_PROXIES_REFUSED, event);
    else
        METRICS_COUNT(METRIC_HANDSHAKES_FAILED, event);
}

int64_t metrics_clock_us(void)
{
    return monotonic_us();
}

/* ---- notes ---- */

void metrics_note(struct metric_notes *notes, enum metric metric,
                  const size_t labels[static METRIC_MAX_LABELS])
{
    size_t i = 0;
    while (i < notes->count && (notes->note[i].metric != metric ||
                                memcmp(notes->note[i].labels, labels, sizeof notes->note[i].labels) != 0))
        i++;
    if (i == METRIC_NOTES_MAX) {
        log_error("%s was not counted: more than %d kinds of counts in one operation",
                  metric_infos[metric].name, METRIC_NOTES_MAX);
        return;
    }
    if (i == notes->count) {
        notes->note[notes->count].metric = metric;
        notes->note[notes->count].n = 0;
        memcpy(notes->note[notes->count++].labels, labels, sizeof notes->note[i].labels);
    }
    notes->note[i].n++;
}

void metrics_count_notes(struct metric_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        metrics_add(notes->note[i].metric, notes->note[i].n, notes->note[i].labels);
    notes->count = 0;
}
