/* SPDX-License-Identifier: Apache-2.0 */
/* Computes the gauges of a scrape, from state that exists for other reasons. */
#include "gateway/server/gauges.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/admin/admin.h"
#include "gateway/ca/issuers.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/loads/readers.h"
#include "gateway/metrics/metrics_process.h"
#include "gateway/status/status.h"
#include "store/gateways.h"

_Static_assert((int)ISSUER_HEALTHY == (int)METRIC_CA_HEALTHY &&
                   (int)ISSUER_DEGRADED == (int)METRIC_CA_DEGRADED && (int)ISSUER_DOWN == (int)METRIC_CA_DOWN,
               "the label has the CA's states");

struct reading {
    const struct server *server;
    struct status_reader *status;
    struct metric_gauges *gauges;
};

/* ---- issuers ---- */

/* Shows only known times. */
static void set_time(struct reading *reading, enum metric metric, int64_t when, size_t label)
{
    if (when != 0)
        METRICS_SET(reading->gauges, metric, when, label);
}

static void read_status(struct reading *reading, struct issuer *issuer, size_t i)
{
    struct metric_gauges *gauges = reading->gauges;
    struct issuer_status status;
    issuer_read_status(issuer, &status);
    METRICS_SET(gauges, METRIC_CA_UP, status.usable, i);
    for (enum issuer_state state = ISSUER_HEALTHY; state <= ISSUER_DOWN; state++) {
        METRICS_SET(gauges, METRIC_CA_STATE, status.state == state, i, state);
        METRICS_SET(gauges, METRIC_CA_CIRCUIT, status.state == state, i, state);
    }
    METRICS_SET(gauges, METRIC_CA_FAILING_SINCE, status.failing_since, i);
    METRICS_SET(gauges, METRIC_CA_LAST_SUCCESS, status.last_success_at, i);
    METRICS_SET(gauges, METRIC_CA_LAST_FAILURE, status.last_failure_at, i);
    METRICS_SET(gauges, METRIC_CA_CALLS_RUNNING, status.calls_running, i);
    METRICS_SET(gauges, METRIC_CA_CALLS_WAITING, status.calls_waiting, i);
    set_time(reading, METRIC_ISSUER_CHAIN_END, status.limits.chain_not_after, i);
    set_time(reading, METRIC_ISSUER_ROOT_END, issuer->roots_first_end, i);
}

static void read_revocation(struct reading *reading, const char *id, size_t i)
{
    const struct status_view *view = status_view(reading->status, bytes_from_string(id));
    if (view != NULL && view->crl != NULL) {
        set_time(reading, METRIC_CRL_THIS_UPDATE, view->crl->this_update, i);
        set_time(reading, METRIC_CRL_NEXT_UPDATE, view->crl->next_update, i);
        METRICS_SET(reading->gauges, METRIC_CRL_ENTRIES, view->crl->count, i);
    }
    if (view != NULL && view->responder != NULL)
        set_time(reading, METRIC_OCSP_RESPONDER_END, view->responder->not_after, i);
}

static void read_issuer(struct reading *reading, const char *id)
{
    struct issuer *issuer = issuers_find(reading->server->issuers, id);
    size_t i = metrics_issuer(id);
    read_status(reading, issuer, i);
    read_revocation(reading, id, i);
}

/* ---- the server ---- */

static void read_front_ends(struct reading *reading)
{
    const struct server *server = reading->server;
    struct metric_gauges *gauges = reading->gauges;
    METRICS_SET(gauges, METRIC_HTTP_CONNECTIONS, http_server_connections(server->http), METRIC_LISTENER_ACME);
    if (server->pki_http != NULL)
        METRICS_SET(gauges, METRIC_HTTP_CONNECTIONS, http_server_connections(server->pki_http),
                    METRIC_LISTENER_PKI);
    if (server->admin != NULL)
        METRICS_SET(gauges, METRIC_HTTP_CONNECTIONS, admin_connections(server->admin), METRIC_LISTENER_ADMIN);
    METRICS_SET(gauges, METRIC_HTTP_CONNECTIONS_LIMIT, config_now(server->config)->max_connections);
}

static void read_own_certificate(struct reading *reading)
{
    struct own_certificate_expiry expiry;
    own_certificate_read_expiry(reading->server->own_certificate, &expiry);
    set_time(reading, METRIC_OWN_CERTIFICATE_END, expiry.leaf, METRIC_END_LEAF);
    set_time(reading, METRIC_OWN_CERTIFICATE_END, expiry.intermediates, METRIC_END_INTERMEDIATES);
    set_time(reading, METRIC_OWN_CERTIFICATE_END, expiry.roots, METRIC_END_ROOTS);
}

struct gauges_reader {
    const struct server *server;
    struct status_reader *status;
};

struct gauges_reader *gauges_reader_new(const struct server *server)
{
    struct gauges_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        end_without("memory");
    reader->server = server;
    reader->status = status_reader_new(server->status);
    return reader;
}

void gauges_reader_free(struct gauges_reader *reader)
{
    if (reader == NULL)
        return;
    status_reader_free(reader->status);
    free(reader);
}

bool gauges_read(struct gauges_reader *reader, struct metric_gauges *gauges)
{
    const struct server *server = reader->server;
    struct reading reading = {server, reader->status, gauges};
    if (!atomic_load(&server->started))
        return false;
    METRICS_SET(gauges, METRIC_BUILD, 1);
    METRICS_SET(gauges, METRIC_ISSUER_OBJECTS, issuer_objects());
    METRICS_SET(gauges, METRIC_GATEWAYS_SERVING, 1 + store_gateways_others(server->store));
    METRICS_SET(gauges, METRIC_WRITES_WAITING, store_backlog(server->store));
    METRICS_SET(gauges, METRIC_READS_WAITING, readers_backlog(server->readers, READERS_CLIENT));
    METRICS_SET(gauges, METRIC_DATABASE_ROUND_TRIPS, (double)store_round_trips(server->store));
    metrics_read_process(gauges);
    read_front_ends(&reading);
    read_own_certificate(&reading);
    const struct config *config = config_now(server->config);
    for (size_t i = 0; i < config->issuer_count; i++)
        read_issuer(&reading, config->issuers[i].id);
    return true;
}
