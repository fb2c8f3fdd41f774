/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "acme/base/time_text.h"
#include "acme/pki/x509_read.h"
#include "gateway/ca/issuer_api.h"
#include "gateway/ca/issuer_signers.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

enum { CALLS_AT_ONCE = 64 };

static atomic_size_t objects;

size_t issuer_objects(void)
{
    return atomic_load_explicit(&objects, memory_order_relaxed);
}

static void leave_list(struct issuer *issuer)
{
    struct issuer_list *list = issuer->list;
    if (list == NULL)
        return;
    pthread_mutex_lock(&list->lock);
    struct issuer **at = &list->first;
    while (*at != issuer)
        at = &(*at)->next;
    *at = issuer->next;
    pthread_mutex_unlock(&list->lock);
}

void issuer_free(struct issuer *issuer)
{
    leave_list(issuer);
    issuer->operations->free(issuer);
}

static void run_free(struct outbound_message *message)
{
    struct issuer *issuer = (struct issuer *)((char *)message - offsetof(struct issuer, free_message));
    if (issuer->ocsp.issuer != NULL)
        issuer_unref(issuer->ocsp.issuer);
    issuer_free(issuer);
}

void issuer_ref(struct issuer *issuer)
{
    atomic_fetch_add(&issuer->references, 1);
}

void issuer_unref(struct issuer *issuer)
{
    if (atomic_fetch_sub(&issuer->references, 1) != 1)
        return;
    issuer->free_message.run = run_free;
    outbound_post(issuer->outbound, &issuer->free_message);
}

static void unref(void *issuer)
{
    issuer_unref(issuer);
}

void issuer_ref_with(struct issuer *issuer, struct arena *arena)
{
    issuer_ref(issuer);
    arena_on_free(arena, unref, issuer);
}

static void run_stop_refreshing(struct outbound_message *message)
{
    struct issuer *issuer = (struct issuer *)((char *)message - offsetof(struct issuer, stop_message));
    if (issuer->ocsp.issuer != NULL)
        issuer->ocsp.issuer->operations->stop_refreshing(issuer->ocsp.issuer);
    issuer->operations->stop_refreshing(issuer);
}

void issuer_stop_refreshing(struct issuer *issuer)
{
    if (issuer->operations->stop_refreshing == NULL)
        return;
    issuer->stop_message.run = run_stop_refreshing;
    outbound_post(issuer->outbound, &issuer->stop_message);
}

/* A request without a permit was prepared without asking. If none is left now, the implementation answers it:
 * the permit allows nothing. */
static void ensure_permit(struct issuer *issuer, enum issuer_work work, struct issuer_permit *permit)
{
    if (permit->granted)
        return;
    pthread_mutex_lock(&issuer->health_mutex);
    permit->granted = issuer_health_admit_unasked(&issuer->health, work, clock_now(), permit);
    pthread_mutex_unlock(&issuer->health_mutex);
}

void issuer_sign(struct issuer *issuer, struct issuer_sign_request *request)
{
    ensure_permit(issuer, ISSUER_WORK_SIGN, &request->permit);
    issuer->operations->sign(issuer, request);
}

const char *issuer_csr_fault(const struct issuer *issuer, struct arena *arena, X509_REQ *csr)
{
    return issuer->operations->csr_fault == NULL ? NULL : issuer->operations->csr_fault(arena, csr);
}

void issuer_revoke(struct issuer *issuer, struct issuer_revoke_request *request)
{
    ensure_permit(issuer, ISSUER_WORK_REVOKE, &request->permit);
    issuer->operations->revoke(issuer, request);
}

const struct issuer_api *issuer_api_of(const struct issuer *issuer)
{
    return issuer->operations->api;
}

void issuer_list(struct issuer *issuer, struct issuer_list_request *request)
{
    issuer->operations->list(issuer, request);
}

void issuer_read_status(struct issuer *issuer, struct issuer_status *out)
{
    int64_t now = clock_now();
    pthread_mutex_lock(&issuer->health_mutex);
    const struct issuer_health *health = &issuer->health;
    *out = (struct issuer_status){
        .limits = health->limits,
        .knowledge = health->knowledge,
        .usable = issuer_health_is_usable(health, now),
        .well = health->state == ISSUER_HEALTHY,
        .state = health->state,
        .failing_since = health->failing_since,
        .last_success_at = issuer->last_success_at,
        .last_failure_at = health->last_failure_at,
        .calls_running = atomic_load_explicit(&issuer->calls_running, memory_order_relaxed),
        .calls_waiting = atomic_load_explicit(&issuer->calls_waiting, memory_order_relaxed),
        .roots = issuer->root_differences,
    };
    snprintf(out->last_error, sizeof out->last_error, "%s", health->last_error);
    snprintf(out->key_id, sizeof out->key_id, "%s", issuer->key_id == NULL ? "" : issuer->key_id);
    pthread_mutex_unlock(&issuer->health_mutex);
}

/* ---- roots ---- */

/* At least one root must sign itself: without it nothing would verify. */
static bool holds_root(struct issuer *issuer)
{
    autofree_certificates STACK_OF(X509) *all = X509_STORE_get1_all_certs(issuer -> roots);
    for (int i = 0; all != NULL && i < sk_X509_num(all); i++) {
        if (X509_self_signed(sk_X509_value(all, i), 1) == 1) {
            return true;
        }
    }
    return false;
}

static bool add_root(struct issuer *issuer, struct bytes der)
{
    autofree_x509 X509 *root = x509_read(der);
    int64_t end = issuer_chain_end(&der, 1);
    int64_t first = issuer->roots_first_end;
    issuer->roots_first_end = first == 0 || end < first ? end : first;
    issuer->roots_last_end = end > issuer->roots_last_end ? end : issuer->roots_last_end;
    return root != NULL && X509_check_ca(root) != 0 && X509_STORE_add_cert(issuer->roots, root) == 1;
}

bool issuer_init(struct issuer *issuer, const struct issuer_operations *operations, struct arena *arena,
                 const char *id, struct bytes roots_pem, struct fault *fault)
{
    *issuer = (struct issuer){
        .operations = operations, .references = 1, .id = id, .roots_pem = roots_pem, .counted = true};
    atomic_fetch_add_explicit(&objects, 1, memory_order_relaxed);
    pthread_mutex_init(&issuer->health_mutex, NULL);
    issuer_health_init(&issuer->health, CALLS_AT_ONCE);
    issuer->intermediates = certificate_cache_new();
    struct bytes *roots = NULL;
    size_t count = 0;
    if (!certificates_from_pem(arena, roots_pem, &roots, &count) || count == 0)
        return fault_set(fault, "it contains no certificate, or a damaged one");
    issuer->roots = X509_STORE_new();
    for (size_t i = 0; i < count; i++) {
        if (issuer->roots == NULL || !add_root(issuer, roots[i]))
            return fault_set(fault, "certificate %zu in it is not a CA certificate", i + 1);
    }
    if (!holds_root(issuer))
        return fault_set(fault, "it contains an intermediate but no root: put the CA's root there");
    issuer->root_fingerprints = arena_alloc_array(arena, count, sizeof issuer->root_fingerprints[0]);
    for (size_t i = 0; i < count; i++)
        issuer->root_fingerprints[i] = certificate_fingerprint(arena, roots[i]);
    issuer->root_fingerprint = issuer->root_fingerprints[0];
    issuer->root_count = count;
    return true;
}

void issuer_clear(struct issuer *issuer)
{
    if (issuer->counted)
        atomic_fetch_sub_explicit(&objects, 1, memory_order_relaxed);
    issuer->counted = false;
    X509_STORE_free(issuer->roots);
    certificate_cache_free(issuer->intermediates);
    arena_free(issuer->alternates_arena);
    issuer_forget_signers(issuer);
    free(issuer->key_id);
    pthread_mutex_destroy(&issuer->health_mutex);
}

int64_t issuer_chain_end(const struct bytes *certificates, size_t count)
{
    int64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        autofree_x509 X509 *certificate = x509_read(certificates[i]);
        int64_t not_after;
        if (certificate == NULL || !x509_read_time(X509_get0_notAfter(certificate), &not_after)) {
            return 0;
        }
        end = end == 0 || not_after < end ? not_after : end;
    }
    return end;
}

/* ---- ends ---- */

/* Returns the DER certificate that ends first; false when there is none or one cannot be read. */
static bool read_first_end(const struct bytes *certificates, size_t count, int64_t *begin, int64_t *end)
{
    *end = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_new();
        struct certificate_facts facts;
        bool read = certificate_read_facts(arena, certificates[i], &facts);
        arena_free(arena);
        if (!read) {
            return false;
        }
        if (facts.not_after < *end) {
            *begin = facts.not_before;
            *end = facts.not_after;
        }
    }
    return count != 0;
}

static void watch(const struct issuer *issuer, struct expiry_watch *watched, const char *what,
                  const struct bytes *certificates, size_t count)
{
    int64_t now = clock_now();
    int64_t begin = 0;
    int64_t end = 0;
    if (!read_first_end(certificates, count, &begin, &end) ||
        !expiry_watch_is_due(watched, begin, end, now)) {
        return;
    }
    char until[TIME_TEXT_BYTES];
    char left[EXPIRY_TEXT_BYTES];
    time_format(until, end);
    expiry_format(left, end, now);
    log_warning("issuer %s: %s ends at %s (%s), and no certificate can outlive it: prepare its successor",
                issuer->id, what, until, left);
}

void issuer_watch_ends(struct issuer *issuer, const struct bytes *intermediates, size_t count)
{
    struct arena *arena = arena_new();
    struct bytes *roots = NULL;
    size_t root_count = 0;
    watch(issuer, &issuer->intermediates_watch, "an intermediate of the CA", intermediates, count);
    if (certificates_from_pem(arena, issuer->roots_pem, &roots, &root_count)) {
        watch(issuer, &issuer->roots_watch, "a root", roots, root_count);
    }
    arena_free(arena);
}
