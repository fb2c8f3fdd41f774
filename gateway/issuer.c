#include "gateway/issuer.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <time.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/x509_read.h"
#include "gateway/issuer_api.h"
#include "gateway/issuer_local.h"
#include "gateway/issuer_stepca.h"
#include "gateway/log.h"

enum { CHAIN_FILE_MAX_BYTES = 256 * 1024, CALLS_AT_ONCE = 64 };

static atomic_size_t objects;

size_t issuer_objects(void)
{
    return atomic_load_explicit(&objects, memory_order_relaxed);
}

static struct issuer *open_issuer(const struct issuer_config *config, struct outbound *outbound,
                                  char why[static ISSUER_WHY_BYTES])
{
    switch (config->type) {
    case ISSUER_STEPCA:
        return issuer_stepca_new(config, outbound, why);
    case ISSUER_LOCAL:
        return issuer_local_new(config, outbound, why);
    }
    snprintf(why, ISSUER_WHY_BYTES, "it has no type");
    return NULL;
}

static bool read_chain_file(struct arena *arena, const char *path, struct bytes *pem,
                            char why[static ISSUER_WHY_BYTES])
{
    struct bytes *certificates = NULL;
    size_t count = 0;
    if (!file_read(arena, path, CHAIN_FILE_MAX_BYTES, pem))
        snprintf(why, ISSUER_WHY_BYTES, "alternate_chains %.120s: %s", path, strerror(errno));
    else if (!certificates_from_pem(arena, *pem, &certificates, &count))
        snprintf(why, ISSUER_WHY_BYTES, "alternate_chains %.120s: it holds no certificate, or a broken one",
                 path);
    else
        return true;
    return false;
}

static const char **copy_texts(struct arena *arena, const char *const *texts, size_t count)
{
    const char **copies = arena_alloc_array(arena, count, sizeof(copies[0]));
    for (size_t i = 0; i < count; i++)
        copies[i] = arena_duplicate(arena, texts[i]);
    return copies;
}

static const struct issuer_config *copy_config(struct arena *arena, const struct issuer_config *config)
{
    struct issuer_config *copy = arena_alloc(arena, sizeof(*copy));
    *copy = *config;
    copy->id = arena_duplicate(arena, config->id);
    copy->ca_url = arena_duplicate(arena, config->ca_url);
    copy->provisioner_name = arena_duplicate(arena, config->provisioner_name);
    copy->provisioner_key_path = arena_duplicate(arena, config->provisioner_key_path);
    copy->provisioner_password = copy->key_password = (struct bytes){0};
    copy->ocsp = (struct ocsp_config){0};
    copy->root_cert_path = arena_duplicate(arena, config->root_cert_path);
    copy->alternate_chains = copy_texts(arena, config->alternate_chains, config->alternate_chain_count);
    copy->directory = arena_duplicate(arena, config->directory);
    return copy;
}

/* The files are read first: once there is an issuer, the outbound thread may be at work for it. */
struct issuer *issuer_new(const struct issuer_config *config, struct outbound *outbound,
                          char why[static ISSUER_WHY_BYTES])
{
    struct arena *arena = arena_new();
    struct bytes *alternates = arena_alloc_array(arena, config->alternate_chain_count, sizeof(alternates[0]));
    bool good = true;
    for (size_t i = 0; good && i < config->alternate_chain_count; i++)
        good = read_chain_file(arena, config->alternate_chains[i], &alternates[i], why);
    struct issuer *issuer = good ? open_issuer(config, outbound, why) : NULL;
    if (issuer == NULL) {
        arena_free(arena);
        return NULL;
    }
    issuer->alternates_arena = arena;
    issuer->alternates = alternates;
    issuer->alternate_count = config->alternate_chain_count;
    issuer->config = copy_config(arena, config);
    return issuer;
}

bool issuer_alternate_chain(const struct issuer *issuer, struct bytes leaf, size_t n, struct bytes *chain_pem)
{
    if (n == 0 || n > issuer->alternate_count)
        return false;
    *chain_pem = issuer->alternates[n - 1];
    return certificate_is_signed_along(leaf, *chain_pem);
}

bool issuer_ocsp_config(struct arena *arena, const struct issuer_config *config, struct issuer_config *out)
{
    *out = *config;
    if (config->ocsp.provisioner_name == NULL)
        return false;
    out->id = arena_printf(arena, "%s" ISSUER_OCSP_SUFFIX, config->id);
    out->provisioner_name = config->ocsp.provisioner_name;
    out->provisioner_key_path = config->ocsp.provisioner_key_path;
    out->provisioner_password = config->ocsp.provisioner_password;
    out->validity_s = 0;
    out->ocsp = (struct ocsp_config){0};
    return true;
}

bool issuer_open_ocsp(struct issuer *issuer, const struct issuer_config *config, char why[static ISSUER_WHY_BYTES])
{
    struct arena *arena = issuer->alternates_arena;
    struct issuer_config second;
    char reason[ISSUER_WHY_BYTES];
    issuer->ocsp.certificate_path = arena_duplicate(arena, config->ocsp.certificate_path);
    issuer->ocsp.key_path = arena_duplicate(arena, config->ocsp.key_path);
    if (!issuer_ocsp_config(arena, config, &second))
        return true;
    issuer->ocsp.issuer = issuer_new(&second, issuer->outbound, reason);
    if (issuer->ocsp.issuer == NULL)
        snprintf(why, ISSUER_WHY_BYTES, "ocsp.%.240s", reason);
    return issuer->ocsp.issuer != NULL;
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

void issuer_stop(struct issuer *issuer)
{
    leave_list(issuer);
    issuer->operations->stop(issuer);
}

static void run_free(struct outbound_message *message)
{
    struct issuer *issuer = (struct issuer *)((char *)message - offsetof(struct issuer, free_message));
    if (issuer->ocsp.issuer != NULL)
        issuer_let_go(issuer->ocsp.issuer);
    issuer_stop(issuer);
}

void issuer_hold(struct issuer *issuer)
{
    atomic_fetch_add(&issuer->holds, 1);
}

void issuer_let_go(struct issuer *issuer)
{
    if (atomic_fetch_sub(&issuer->holds, 1) != 1)
        return;
    issuer->free_message.run = run_free;
    outbound_post(issuer->outbound, &issuer->free_message);
}

static void let_go(void *issuer)
{
    issuer_let_go(issuer);
}

void issuer_hold_with(struct issuer *issuer, struct arena *arena)
{
    issuer_hold(issuer);
    arena_on_free(arena, let_go, issuer);
}

static void run_retire(struct outbound_message *message)
{
    struct issuer *issuer = (struct issuer *)((char *)message - offsetof(struct issuer, retire_message));
    if (issuer->ocsp.issuer != NULL)
        issuer->ocsp.issuer->operations->retire(issuer->ocsp.issuer);
    issuer->operations->retire(issuer);
}

void issuer_retire(struct issuer *issuer)
{
    if (issuer->operations->retire == NULL)
        return;
    issuer->retire_message.run = run_retire;
    outbound_post(issuer->outbound, &issuer->retire_message);
}

/* A job without a permit was prepared unasked. One that gets none now is answered by the implementation, which finds
 * that the permit allows nothing. */
static void ensure_permit(struct issuer *issuer, enum issuer_work work, struct issuer_permit *permit)
{
    if (permit->granted)
        return;
    pthread_mutex_lock(&issuer->health_mutex);
    permit->granted = issuer_health_admit_unasked(&issuer->health, work, time(NULL), permit);
    pthread_mutex_unlock(&issuer->health_mutex);
}

void issuer_sign(struct issuer *issuer, struct issuer_sign_job *job)
{
    ensure_permit(issuer, ISSUER_WORK_SIGN, &job->permit);
    issuer->operations->sign(issuer, job);
}

void issuer_revoke(struct issuer *issuer, struct issuer_revoke_job *job)
{
    ensure_permit(issuer, ISSUER_WORK_REVOKE, &job->permit);
    issuer->operations->revoke(issuer, job);
}

const struct issuer_api *issuer_api_of(const struct issuer *issuer)
{
    return issuer->operations->api;
}

void issuer_list(struct issuer *issuer, struct issuer_list_job *job)
{
    issuer->operations->list(issuer, job);
}

void issuer_read_status(struct issuer *issuer, struct issuer_status *out)
{
    int64_t now = time(NULL);
    pthread_mutex_lock(&issuer->health_mutex);
    const struct issuer_health *health = &issuer->health;
    *out = (struct issuer_status){
        .limits = health->limits,
        .usable = issuer_health_is_usable(health, now),
        .well = health->circuit == ISSUER_WELL,
        .circuit = health->circuit,
        .failing_since = health->failing_since,
        .last_success_at = issuer->last_success_at,
        .last_failure_at = health->last_failure_at,
        .calls_running = atomic_load_explicit(&issuer->calls_running, memory_order_relaxed),
        .calls_waiting = atomic_load_explicit(&issuer->calls_waiting, memory_order_relaxed),
        .roots = issuer->root_differences,
    };
    snprintf(out->last_error, sizeof out->last_error, "%s", health->last_error);
    snprintf(out->key_id, sizeof out->key_id, "%s", issuer->key_id);
    pthread_mutex_unlock(&issuer->health_mutex);
}

/* ---- roots ---- */

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
                 const char *id, struct bytes roots_pem, char why[static ISSUER_WHY_BYTES])
{
    *issuer = (struct issuer){.operations = operations, .holds = 1, .id = id, .roots_pem = roots_pem, .counted = true};
    atomic_fetch_add_explicit(&objects, 1, memory_order_relaxed);
    pthread_mutex_init(&issuer->health_mutex, NULL);
    issuer_health_init(&issuer->health, CALLS_AT_ONCE);
    issuer->intermediates = certificate_cache_new();
    struct bytes *roots = NULL;
    size_t count = 0;
    if (!certificates_from_pem(arena, roots_pem, &roots, &count) || count == 0) {
        snprintf(why, ISSUER_WHY_BYTES, "it holds no certificate, or a broken one");
        return false;
    }
    issuer->roots = X509_STORE_new();
    for (size_t i = 0; i < count; i++) {
        if (issuer->roots == NULL || !add_root(issuer, roots[i])) {
            snprintf(why, ISSUER_WHY_BYTES, "certificate %zu in it is not a CA's", i + 1);
            return false;
        }
    }
    issuer->root_fingerprints = arena_alloc_array(arena, count, sizeof(issuer->root_fingerprints[0]));
    for (size_t i = 0; i < count; i++)
        issuer->root_fingerprints[i] = certificate_fingerprint(arena, roots[i]);
    issuer->root_fingerprint = issuer->root_fingerprints[0];
    issuer->root_count = count;
    return true;
}

bool issuer_open_roots(struct issuer *issuer, const struct issuer_config *config, struct arena *arena,
                       char why[static ISSUER_WHY_BYTES])
{
    const char *path = config->type == ISSUER_STEPCA
                           ? config->root_cert_path
                           : arena_printf(arena, "%s/" LOCAL_CA_ROOT, config->directory);
    char reason[ISSUER_WHY_BYTES];
    struct bytes pem;
    if (!file_read(arena, path, CHAIN_FILE_MAX_BYTES, &pem)) {
        snprintf(why, ISSUER_WHY_BYTES, "%.160s: %s", path, strerror(errno));
        return false;
    }
    if (issuer_init(issuer, NULL, arena, config->id, pem, reason))
        return true;
    issuer_release(issuer);
    snprintf(why, ISSUER_WHY_BYTES, "%.120s: %.100s", path, reason);
    return false;
}

void issuer_release(struct issuer *issuer)
{
    if (issuer->counted)
        atomic_fetch_sub_explicit(&objects, 1, memory_order_relaxed);
    issuer->counted = false;
    X509_STORE_free(issuer->roots);
    certificate_cache_free(issuer->intermediates);
    arena_free(issuer->alternates_arena);
    pthread_mutex_destroy(&issuer->health_mutex);
}

int64_t issuer_chain_end(const struct bytes *certificates, size_t count)
{
    int64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        autofree_x509 X509 *certificate = x509_read(certificates[i]);
        struct tm parts;
        if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) {
            return 0;
        }
        int64_t not_after = timegm(&parts);
        end = end == 0 || not_after < end ? not_after : end;
    }
    return end;
}

/* ---- health ---- */

void issuer_report_success(struct issuer *issuer, enum issuer_contact contact, const struct issuer_permit *permit)
{
    int64_t now = time(NULL);
    pthread_mutex_lock(&issuer->health_mutex);
    int64_t failing_since = issuer->health.failing_since;
    issuer->last_success_at = now;
    issuer_health_success(&issuer->health, contact, permit, now);
    bool recovered = failing_since != 0 && issuer->health.failing_since == 0;
    pthread_mutex_unlock(&issuer->health_mutex);
    if (recovered) {
        log_info("issuer %s works again after %lld s", issuer->id, (long long)(now - failing_since));
    }
}

static void log_trouble(const struct issuer *issuer, bool was_well, bool was_authorized,
                        const struct issuer_failure *failure)
{
    if (failure->trouble == ISSUER_UNTRUSTED_US && was_authorized) {
        log_error(
            "issuer %s: the CA does not accept us. Check the provisioner's name and key and both clocks; the "
            "CA's own log has the reason. It says: %s",
            issuer->id, failure->message);
    } else if (was_well) {
        log_warning("issuer %s fails: %s", issuer->id, failure->message);
    }
}

void issuer_report_failure(struct issuer *issuer, struct issuer_failure failure, const struct issuer_permit *permit)
{
    int64_t now = time(NULL);
    uint8_t spread = 0;
    /* Without randomness the pauses are merely alike. */
    if (RAND_bytes(&spread, 1) == 1)
        failure.spread = spread;
    pthread_mutex_lock(&issuer->health_mutex);
    bool was_well = issuer->health.failing_since == 0;
    bool was_authorized = !issuer->health.unauthorized;
    issuer_health_failure(&issuer->health, &failure, permit, now);
    bool counted = issuer->health.failing_since != 0;
    pthread_mutex_unlock(&issuer->health_mutex);
    if (counted)
        log_trouble(issuer, was_well, was_authorized, &failure);
}

static enum issuer_trouble trouble_of(const struct issuer_result *result)
{
    if (result->outcome == ISSUER_UNAUTHORIZED)
        return ISSUER_UNTRUSTED_US;
    if (result->not_reached)
        return ISSUER_NOT_REACHED;
    return result->http_status == 0 ? ISSUER_NO_ANSWER : ISSUER_BAD_ANSWER;
}

void issuer_report_result(struct issuer *issuer, const struct issuer_result *result,
                          const struct issuer_permit *permit)
{
    switch (result->outcome) {
    case ISSUER_OK:
    case ISSUER_REFUSED:
    case ISSUER_ALREADY_REVOKED:
        issuer_report_success(issuer, ISSUER_CONTACT_WORK, permit);
        return;
    case ISSUER_UNAUTHORIZED:
    case ISSUER_UNAVAILABLE:
    case ISSUER_UNKNOWN:
        issuer_report_failure(issuer,
                              (struct issuer_failure){.contact = ISSUER_CONTACT_WORK,
                                                      .trouble = trouble_of(result),
                                                      .retry_after_s = result->retry_after_s,
                                                      .message = result->message},
                              permit);
        return;
    case ISSUER_NOT_ASKED:
        return;
    }
}

/* ---- places among the calls ---- */

size_t issuer_room(struct issuer *issuer, enum issuer_work work)
{
    pthread_mutex_lock(&issuer->health_mutex);
    size_t room = issuer_health_room(&issuer->health, work, time(NULL));
    pthread_mutex_unlock(&issuer->health_mutex);
    return room;
}

bool issuer_admit(struct issuer *issuer, enum issuer_work work, struct issuer_permit *out)
{
    pthread_mutex_lock(&issuer->health_mutex);
    bool admitted = issuer_health_admit(&issuer->health, work, time(NULL), out);
    pthread_mutex_unlock(&issuer->health_mutex);
    return admitted;
}

bool issuer_allows(struct issuer *issuer, const struct issuer_permit *permit)
{
    pthread_mutex_lock(&issuer->health_mutex);
    bool allowed = issuer_health_allows(&issuer->health, permit);
    pthread_mutex_unlock(&issuer->health_mutex);
    return allowed;
}

size_t issuer_calls_at_once(struct issuer *issuer)
{
    pthread_mutex_lock(&issuer->health_mutex);
    size_t calls = issuer_health_calls_at_once(&issuer->health);
    pthread_mutex_unlock(&issuer->health_mutex);
    return calls;
}

void issuer_end(struct issuer *issuer, const struct issuer_permit *permit)
{
    pthread_mutex_lock(&issuer->health_mutex);
    issuer_health_end(&issuer->health, permit, time(NULL));
    pthread_mutex_unlock(&issuer->health_mutex);
}

void issuer_set_not_asked(struct issuer *issuer, struct arena *arena, struct issuer_result *result)
{
    struct issuer_status status;
    issuer_read_status(issuer, &status);
    const char *why = status.last_error[0] == '\0' ? "it has recovered a moment ago" : status.last_error;
    *result = (struct issuer_result){.outcome = ISSUER_NOT_ASKED,
                                     .message = arena_printf(arena, "not asked at present: %s", why)};
}

void issuer_probe_now(struct issuer *issuer)
{
    int64_t now = time(NULL);
    pthread_mutex_lock(&issuer->health_mutex);
    issuer_health_probe_now(&issuer->health, now);
    pthread_mutex_unlock(&issuer->health_mutex);
}

void issuer_set_key_id(struct issuer *issuer, const char *key_id)
{
    pthread_mutex_lock(&issuer->health_mutex);
    snprintf(issuer->key_id, sizeof issuer->key_id, "%s", key_id);
    pthread_mutex_unlock(&issuer->health_mutex);
}

void issuer_set_limits(struct issuer *issuer, const struct validity_limits *limits)
{
    pthread_mutex_lock(&issuer->health_mutex);
    issuer->health.limits = *limits;
    int64_t *end = &issuer->health.limits.chain_not_after;
    if (*end == 0 || *end > issuer->roots_last_end) {
        *end = issuer->roots_last_end;
    }
    pthread_mutex_unlock(&issuer->health_mutex);
}

/* ---- ends ---- */

/* The one of DER certificates that ends first; false when there is none or one cannot be read. */
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
    int64_t now = time(NULL);
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
    log_warning("issuer %s: %s ends at %s (%s): no certificate outlives it; see to its successor", issuer->id,
                what, until, left);
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
