/* SPDX-License-Identifier: Apache-2.0 */
/* The values of labels: enums of the program, and names of the configuration. */
#include "gateway/metrics/metrics_internal.h"
#include "gateway/runtime/version.h"

static const char *pick(const char *const *names, size_t count, size_t i)
{
    return i < count ? names[i] : NULL;
}

/* Defines a label whose values are the words of an array. */
#define WORDS(id, shown, ...) \
    static const char *const id##_words[] = {__VA_ARGS__}; \
    static size_t count_##id(void) \
    { \
        return sizeof id##_words / sizeof *id##_words; \
    } \
    static const char *value_##id(struct arena *arena, size_t i) \
    { \
        (void)arena; \
        return pick(id##_words, count_##id(), i); \
    } \
    const struct metric_label metric_label_##id = {shown, count_##id, value_##id}

WORDS(version, "version", ACMEGATE_VERSION);
WORDS(class, "code", NULL, "1xx", "2xx", "3xx", "4xx", "5xx");
WORDS(listener, "listener", [METRIC_LISTENER_ACME] = "acme", [METRIC_LISTENER_PKI] = "pki",
      [METRIC_LISTENER_ADMIN] = "admin");
WORDS(limit, "limit", [METRIC_LIMIT_ORDERS_PER_ACCOUNT] = "orders_per_account",
      [METRIC_LIMIT_ORDERS_PER_NAME] = "orders_per_name",
      [METRIC_LIMIT_ACCOUNTS_PER_ADDRESS] = "accounts_per_address",
      [METRIC_LIMIT_CHANGES_PER_ACCOUNT] = "changes_per_account", [METRIC_LIMIT_REFUSALS] = "refusals");
WORDS(handshake, "reason", [HTTP_HANDSHAKE_PROTOCOL_VERSION] = "protocol_version",
      [HTTP_HANDSHAKE_NO_SHARED_CIPHER] = "no_shared_cipher",
      [HTTP_HANDSHAKE_NO_APPLICATION_PROTOCOL] = "no_application_protocol",
      [HTTP_HANDSHAKE_REFUSED_BY_CLIENT] = "refused_by_client", [HTTP_HANDSHAKE_OTHER] = "other",
      [HTTP_HANDSHAKE_UNFINISHED] = "unfinished");
WORDS(proxy, "reason", [HTTP_CONNECTION_NOT_FROM_A_PROXY] = "not_from_a_proxy",
      [HTTP_CONNECTION_BAD_PROXY_HEADER] = "bad_header");
WORDS(result, "result", [METRIC_VALIDATION_VALID] = "valid", [METRIC_VALIDATION_INVALID] = "invalid",
      [METRIC_VALIDATION_RETRIED] = "retried");
WORDS(foreign, "result", [METRIC_FOREIGN_SPENT] = "spent", [METRIC_FOREIGN_REFUSED] = "refused",
      [METRIC_FOREIGN_UNANSWERED] = "unanswered");
WORDS(ca_state,
      "state", [METRIC_CA_HEALTHY] = "healthy", [METRIC_CA_DEGRADED] = "degraded", [METRIC_CA_DOWN] = "down");
/* The words of versions until 0.1; they are removed in 0.3. */
WORDS(
    circuit,
    "state", [METRIC_CA_HEALTHY] = "well", [METRIC_CA_DEGRADED] = "recovering", [METRIC_CA_DOWN] = "closed");
WORDS(call, "kind", [METRIC_CALL_SIGN] = "sign", [METRIC_CALL_REVOKE] = "revoke",
      [METRIC_CALL_STEPCA_API] = "stepca_api", [METRIC_CALL_OTHER] = "other");
WORDS(stepca_api, "outcome", [METRIC_STEPCA_API_ANSWERED] = "answered", [METRIC_STEPCA_API_BUSY] = "busy",
      [METRIC_STEPCA_API_FAILED] = "failed", [METRIC_STEPCA_API_LOST] = "lost");
WORDS(end, "part", [METRIC_END_LEAF] = "leaf", [METRIC_END_INTERMEDIATES] = "intermediates",
      [METRIC_END_ROOTS] = "roots");
WORDS(file, "file", [METRIC_FILE_DATABASE] = "database", [METRIC_FILE_WAL] = "wal");

/* ---- enums with their own names ---- */

static size_t count_problems(void)
{
    return PROBLEM_USER_ACTION_REQUIRED + 1;
}

static const char *value_problem(struct arena *arena, size_t i)
{
    (void)arena;
    return i == 0 ? NULL : problem_type_name((enum problem_type)i);
}

const struct metric_label metric_label_problem = {"type", count_problems, value_problem};
const struct metric_label metric_label_reason = {"reason", count_problems, value_problem};

static size_t count_challenges(void)
{
    return CHALLENGE_TYPE_END;
}

static const char *value_challenge(struct arena *arena, size_t i)
{
    (void)arena;
    return i == 0 ? NULL : challenge_type_info((enum challenge_type)i)->name;
}

const struct metric_label metric_label_challenge = {"type", count_challenges, value_challenge};

static size_t count_attempts(void)
{
    return ATTEMPT_REJECTED + 1;
}

/* An attempt that has only begun has no outcome. */
static const char *value_attempt(struct arena *arena, size_t i)
{
    (void)arena;
    return i <= ATTEMPT_STARTED ? NULL : attempt_status_name((enum attempt_status)i);
}

const struct metric_label metric_label_attempt = {"outcome", count_attempts, value_attempt};

static size_t count_origins(void)
{
    return CERTIFICATE_EXTERNAL + 1;
}

/* An imported certificate was not issued here. */
static const char *value_origin(struct arena *arena, size_t i)
{
    (void)arena;
    return i == 0 ? NULL : certificate_origin_name((enum certificate_origin)i);
}

const struct metric_label metric_label_origin = {"origin", count_origins, value_origin};

/* ---- this server ---- */

static size_t count_gateways(void)
{
    return 1;
}

static const char *value_gateway(struct arena *arena, size_t i)
{
    (void)arena, (void)i;
    return metrics_gateway();
}

const struct metric_label metric_label_gateway = {"gateway", count_gateways, value_gateway};

/* ---- routes ---- */

static const char *value_route(struct arena *arena, size_t i)
{
    return metrics_routes()->label(arena, metrics_config(), i);
}

static size_t count_routes(void)
{
    return metrics_routes()->count();
}

const struct metric_label metric_label_route = {"route", count_routes, value_route};

/* ---- names of the configuration, then names that it does not have ---- */

static size_t count_of(const struct metric_names *names)
{
    return names->capacity + 1;
}

static const char *value_of(const struct metric_names *names, size_t i)
{
    if (i == names->capacity)
        return METRICS_NOT_CONFIGURED;
    return i < atomic_load_explicit(&names->count, memory_order_acquire) ? names->names[i] : NULL;
}

/* The number of the first name that `is` the given one; else the last number. */
static size_t find(const struct metric_names *names, const char *name,
                   bool (*is)(const char *given, const char *known))
{
    size_t count = atomic_load_explicit(&names->count, memory_order_acquire);
    for (size_t i = 0; i < count; i++)
        if (is(name, names->names[i]))
            return i;
    return names->capacity;
}

static bool is_same(const char *given, const char *known)
{
    return strcmp(given, known) == 0;
}

static size_t count_issuers(void)
{
    return count_of(&metric_issuer_names);
}

static const char *value_issuer(struct arena *arena, size_t i)
{
    (void)arena;
    return value_of(&metric_issuer_names, i);
}

const struct metric_label metric_label_issuer = {"issuer", count_issuers, value_issuer};

static bool is_of_issuer(const char *id, const char *issuer)
{
    size_t n = strlen(issuer);
    return strncmp(id, issuer, n) == 0 && (id[n] == '\0' || strcmp(id + n, ISSUER_OCSP_SUFFIX) == 0);
}

size_t metrics_issuer(const char *id)
{
    return find(&metric_issuer_names, id, is_of_issuer);
}

static size_t count_profiles(void)
{
    return count_of(&metric_profile_names);
}

static const char *value_profile(struct arena *arena, size_t i)
{
    (void)arena;
    return value_of(&metric_profile_names, i);
}

const struct metric_label metric_label_profile = {"profile", count_profiles, value_profile};

size_t metrics_profile(const char *name)
{
    return find(&metric_profile_names, name, is_same);
}

static size_t count_endpoints(void)
{
    return count_of(&metric_endpoint_names);
}

static const char *value_endpoint(struct arena *arena, size_t i)
{
    (void)arena;
    return value_of(&metric_endpoint_names, i);
}

const struct metric_label metric_label_endpoint = {"endpoint", count_endpoints, value_endpoint};

size_t metrics_endpoint(const char *name)
{
    return find(&metric_endpoint_names, name, is_same);
}
