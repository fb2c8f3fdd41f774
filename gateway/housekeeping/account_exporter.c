/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/housekeeping/account_exporter.h"

#include <pthread.h>
#include <stdlib.h>

#include "acme/base/monotonic.h"
#include "acme/base/thread.h"
#include "gateway/housekeeping/account_export.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

struct account_exporter {
    const struct config *config;
    struct store_reader *reader;        /* belongs to the thread, as do the next three */
    const char *path;                   /* of the last export; NULL: none is wanted */
    struct account_export_summary last; /* of that file */
    bool exported;                      /* `last` is the content of the file */
    int64_t looked_at_ms;
    pthread_t thread;
    pthread_mutex_t mutex; /* protects `stopping` */
    pthread_cond_t changed;
    bool stopping;
};

static void export(struct account_exporter *exporter)
{
    struct fault fault;
    struct account_export_summary now;
    const struct account_export_summary *last = exporter->exported ? &exporter->last : NULL;
    if (!account_export_to_file(exporter->reader, exporter->path, clock_now(), last, &now, &fault)) {
        log_error("the accounts were not exported: %s", fault.message);
        return;
    }
    if (!exporter->exported || memcmp(now.digest, exporter->last.digest, sizeof now.digest) != 0)
        log_info("exported %lld accounts to %s", (long long)now.accounts, exporter->path);
    exporter->last = now;
    exporter->exported = true;
}

static bool has_other_path(const struct account_exporter *exporter)
{
    const char *path = config_now(exporter->config)->account_export_path;
    return exporter->path == NULL || path == NULL ? exporter->path != path
                                                  : strcmp(exporter->path, path) != 0;
}

/* The path of a configuration lives until the server has stopped. */
static void look(struct account_exporter *exporter)
{
    if (has_other_path(exporter)) {
        exporter->path = config_now(exporter->config)->account_export_path;
        exporter->exported = false;
    }
    exporter->looked_at_ms = monotonic_ms();
    if (exporter->path != NULL)
        export(exporter);
}

/* The time until the next look; 0: it is due. */
static int64_t time_left_ms(const struct account_exporter *exporter)
{
    int64_t every_ms = config_now(exporter->config)->account_export_every_s * 1000;
    int64_t left = exporter->looked_at_ms + every_ms - monotonic_ms();
    return left < 0 || has_other_path(exporter) ? 0 : left;
}

/* True when the thread has to stop, false when a look is due. */
static bool wait_for_stop(struct account_exporter *exporter)
{
    pthread_mutex_lock(&exporter->mutex);
    for (int64_t left; !exporter->stopping && (left = time_left_ms(exporter)) > 0;) {
        const struct timespec until = thread_deadline(left);
        (void)!thread_wait_until(&exporter->changed, &exporter->mutex, &until);
    }
    bool stopping = exporter->stopping;
    pthread_mutex_unlock(&exporter->mutex);
    return stopping;
}

static void *run(void *argument)
{
    struct account_exporter *exporter = argument;
    do {
        look(exporter);
    } while (!wait_for_stop(exporter));
    look(exporter);
    return NULL;
}

static void release(struct account_exporter *exporter)
{
    store_reader_close(exporter->reader);
    pthread_cond_destroy(&exporter->changed);
    pthread_mutex_destroy(&exporter->mutex);
    free(exporter);
}

struct account_exporter *account_exporter_start(const struct config *config,
                                                const struct store_location *location, struct fault *fault)
{
    struct account_exporter *exporter = calloc(1, sizeof *exporter);
    if (exporter == NULL)
        end_without("memory");
    exporter->config = config;
    pthread_cond_init(&exporter->changed, NULL);
    pthread_mutex_init(&exporter->mutex, NULL);
    exporter->reader = store_reader_open(location, fault);
    int failed = exporter->reader == NULL ? 0 : thread_start(&exporter->thread, run, exporter);
    if (failed != 0)
        fault_set(fault, "the thread that exports accounts cannot be started: %s", strerror(failed));
    else if (exporter->reader != NULL)
        return exporter;
    release(exporter);
    return NULL;
}

void account_exporter_look_again(struct account_exporter *exporter)
{
    if (exporter == NULL)
        return;
    pthread_mutex_lock(&exporter->mutex);
    pthread_cond_signal(&exporter->changed);
    pthread_mutex_unlock(&exporter->mutex);
}

void account_exporter_stop(struct account_exporter *exporter)
{
    if (exporter == NULL)
        return;
    pthread_mutex_lock(&exporter->mutex);
    exporter->stopping = true;
    pthread_cond_signal(&exporter->changed);
    pthread_mutex_unlock(&exporter->mutex);
    pthread_join(exporter->thread, NULL);
    release(exporter);
}
