#include "gateway/issuer.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <time.h>

#include "acme/base/file.h"
#include "acme/x509_read.h"
#include "gateway/issuer_local.h"
#include "gateway/issuer_stepca.h"
#include "gateway/local_ca_make.h"
#include "gateway/log.h"

enum { CHAIN_FILE_MAX_BYTES = 256 * 1024, CALLS_AT_ONCE = 64 };

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
    return issuer;
}

bool issuer_alternate_chain(const struct issuer *issuer, struct bytes leaf, size_t n, struct bytes *chain_pem)
{
    if (n == 0 || n > issuer->alternate_count)
        return false;
    *chain_pem = issuer->alternates[n - 1];
    return certificate_is_signed_along(leaf, *chain_pem);
}

void issuer_stop(struct issuer *issuer)
{
    issuer->operations->stop(issuer);
}

static void run_retire(struct outbound_message *message)
{
    struct issuer *issuer = (struct issuer *)((char *)message - offsetof(struct issuer, retire_message));
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

void issuer_read_status(struct issuer *issuer, struct issuer_status *out)
{
    int64_t now = time(NULL);
    pthread_mutex_lock(&issuer->health_mutex);
    const struct issuer_health *health = &issuer->health;
    *out = (struct issuer_status){
        .limits = health->limits,
        .usable = issuer_health_is_usable(health, now),
        .well = health->circuit == ISSUER_WELL,
        .failing_since = health->failing_since,
        .roots = issuer->root_differences,
    };
    snprintf(out->last_error, sizeof out->last_error, "%s", health->last_error);
    pthread_mutex_unlock(&issuer->health_mutex);
}

/* ---- roots ---- */

static bool add_root(X509_STORE *roots, struct bytes der)
{
    autofree_x509 X509 *root = x509_read(der);
    return root != NULL && X509_check_ca(root) != 0 && X509_STORE_add_cert(roots, root) == 1;
}

bool issuer_init(struct issuer *issuer, const struct issuer_operations *operations, struct arena *arena,
                 const char *id, struct bytes roots_pem, char why[static ISSUER_WHY_BYTES])
{
    *issuer = (struct issuer){.operations = operations, .id = id, .roots_pem = roots_pem};
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
        if (issuer->roots == NULL || !add_root(issuer->roots, roots[i])) {
            snprintf(why, ISSUER_WHY_BYTES, "certificate %zu in it is not a CA's", i + 1);
            return false;
        }
    }
    issuer->root_fingerprint = certificate_fingerprint(arena, roots[0]);
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

void issuer_set_limits(struct issuer *issuer, const struct validity_limits *limits)
{
    pthread_mutex_lock(&issuer->health_mutex);
    issuer->health.limits = *limits;
    pthread_mutex_unlock(&issuer->health_mutex);
}

/* ---- the CA's list of roots ---- */

static void log_roots(const struct issuer *issuer, const struct issuer_root_differences *differences)
{
    for (size_t i = 0; i < differences->unpinned.told; i++) {
        log_warning("issuer %s: the CA lists a root that root_cert_path does not hold, SHA-256 %s. It is not trusted for "
                    "that; if a rotation is planned, see \"Rotating the root\" in docs/step-ca.md",
                    issuer->id, differences->unpinned.fingerprint[i]);
    }
    for (size_t i = 0; i < differences->unlisted.told; i++) {
        log_info("issuer %s: the CA does not list the pinned root with SHA-256 %s any more", issuer->id,
                 differences->unlisted.fingerprint[i]);
    }
}

void issuer_report_roots(struct issuer *issuer, const struct issuer_root_differences *differences)
{
    pthread_mutex_lock(&issuer->health_mutex);
    bool same = issuer_roots_are_same(&issuer->root_differences, differences);
    issuer->root_differences = *differences;
    pthread_mutex_unlock(&issuer->health_mutex);
    if (!same) {
        log_roots(issuer, differences);
    }
}
