/* SPDX-License-Identifier: Apache-2.0 */
/* Which series there are: the words of labels, the names of the configuration, and what is in neither. */
#include <stdio.h>

#include "acme/base/buffer.h"
#include "acme/objects.h"
#include "gateway/metrics/metrics.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(metrics_labels);

static const struct issuer_config issuers[] = {{.id = "main"}, {.id = "main2"}, {.id = "ma"}};
static const struct profile_config profiles[] = {{.name = "default"}};
static const struct endpoint_config endpoints[] = {{.name = "acme"}, {.name = "net"}};
static const struct config config = {.issuers = issuers,
                                     .issuer_count = 3,
                                     .profiles = profiles,
                                     .profile_count = 1,
                                     .endpoints = endpoints,
                                     .endpoint_count = 2};

static size_t count_routes(void)
{
    return 3;
}

/* The last one is not served. */
static const char *label_route(struct arena *arena, const struct config *served, size_t i)
{
    cr_expect_eq(served, &config);
    return i == 2 ? NULL : arena_printf(arena, "/route/%zu", i);
}

static const struct metric_routes routes = {count_routes, label_route};

static struct arena *arena;
static struct metric_gauges gauges;

static void begin(void)
{
    arena = arena_new();
    gauges = (struct metric_gauges){.arena = arena};
    metrics_start(&config, &routes, "edge");
}

static void end(void)
{
    metrics_stop();
    arena_free(arena);
}

/* What stands between the braces of each series of the metric and its value, in order: "a=\"b\" 0|…". */
static const char *series_of(const char *name)
{
    char *text = arena_string(arena, metrics_render(arena, &gauges));
    const char *begin_of_line = arena_printf(arena, "%s{", name);
    struct buffer out;
    buffer_init(&out, arena, METRICS_MAX_BYTES);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, begin_of_line, strlen(begin_of_line)) == 0) {
            char *close = strrchr(line, '}');
            *close = '\0';
            buffer_printf(&out, "%s%s%s", out.n == 0 ? "" : "|", line + strlen(begin_of_line), close + 1);
        }
    return buffer_string(&out);
}

static const struct {
    const char *metric, *series;
} counters[] = {
    {"acmegate_tls_handshakes_failed_total",
     "reason=\"protocol_version\" 0|reason=\"no_shared_cipher\" 0|reason=\"no_application_protocol\" 0|"
     "reason=\"refused_by_client\" 0|reason=\"other\" 0|reason=\"unfinished\" 0"},
    {"acmegate_http_proxy_connections_refused_total",
     "reason=\"not_from_a_proxy\" 0|reason=\"bad_header\" 0"},
    {"acmegate_rate_limited_total",
     "limit=\"orders_per_account\" 0|limit=\"orders_per_name\" 0|limit=\"accounts_per_address\" 0|"
     "limit=\"changes_per_account\" 0|limit=\"refusals\" 0"},
    {"acmegate_stepca_api_calls_total",
     "outcome=\"answered\" 0|outcome=\"busy\" 0|outcome=\"failed\" 0|outcome=\"lost\" 0"},
    {"acmegate_native_calls_total",
     "outcome=\"answered\" 0|outcome=\"busy\" 0|outcome=\"failed\" 0|outcome=\"lost\" 0"},
    {"acmegate_accounts_created_total", "endpoint=\"acme\" 0|endpoint=\"net\" 0"},
    {"acmegate_orders_created_total", "profile=\"default\" 0"},
    {"acmegate_revocations_requested_total", "issuer=\"main\" 0|issuer=\"main2\" 0|issuer=\"ma\" 0"},
    {"acmegate_certificates_issued_total",
     "profile=\"default\",origin=\"acme\" 0|profile=\"default\",origin=\"external\" 0"},
    {"acmegate_http_request_duration_seconds_count", "route=\"/route/0\" 0|route=\"/route/1\" 0"},
};

Test(metrics_labels, a_counter_has_a_series_for_each_value)
{
    begin();
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        cr_expect_str_eq(series_of(counters[i].metric), counters[i].series, "%s", counters[i].metric);
    end();
}

Test(metrics_labels, two_labels_have_a_series_for_each_pair)
{
    begin();
    const char *requests = series_of("acmegate_http_requests_total");
    cr_expect_str_eq(requests, "route=\"/route/0\",code=\"1xx\" 0|route=\"/route/0\",code=\"2xx\" 0|"
                               "route=\"/route/0\",code=\"3xx\" 0|route=\"/route/0\",code=\"4xx\" 0|"
                               "route=\"/route/0\",code=\"5xx\" 0|route=\"/route/1\",code=\"1xx\" 0|"
                               "route=\"/route/1\",code=\"2xx\" 0|route=\"/route/1\",code=\"3xx\" 0|"
                               "route=\"/route/1\",code=\"4xx\" 0|route=\"/route/1\",code=\"5xx\" 0");
    const char *attempts = series_of("acmegate_ca_attempts_total");
    cr_expect_eq(strncmp(attempts, "issuer=\"main\",outcome=\"", 23), 0, "%s", attempts);
    cr_expect_null(strstr(attempts, "started"), "what has begun has no outcome");
    cr_expect_not_null(strstr(attempts, "issuer=\"ma\",outcome=\"rejected\" 0"), "%s", attempts);
    end();
}

Test(metrics_labels, enums_that_have_names_are_shown_by_them)
{
    struct buffer problems, results;
    begin();
    buffer_init(&problems, arena, METRICS_MAX_BYTES);
    buffer_init(&results, arena, METRICS_MAX_BYTES);
    for (enum problem_type type = 1; type <= PROBLEM_USER_ACTION_REQUIRED; type++)
        buffer_printf(&problems, "%stype=\"%s\" 0", type == 1 ? "" : "|", problem_type_name(type));
    for (enum challenge_type type = 1; type < CHALLENGE_TYPE_END; type++) {
        const char *name = challenge_type_info(type)->name;
        buffer_printf(&results,
                      "%stype=\"%s\",result=\"valid\" 0|type=\"%s\",result=\"invalid\" 0|type=\"%s\","
                      "result=\"retried\" 0",
                      type == 1 ? "" : "|", name, name, name);
    }
    cr_expect_str_eq(series_of("acmegate_problems_total"), buffer_string(&problems));
    cr_expect_str_eq(series_of("acmegate_validations_total"), buffer_string(&results));
    end();
}

static const struct {
    enum metric metric;
    const char *name;
    size_t first_label; /* SIZE_MAX: it has one label */
    size_t count;
    const char *series;
} set_gauges[] = {
    {METRIC_HTTP_CONNECTIONS, "acmegate_http_connections", SIZE_MAX, METRIC_LISTENERS,
     "listener=\"acme\" 1|listener=\"pki\" 2|listener=\"admin\" 3"},
    {METRIC_OWN_CERTIFICATE_END, "acmegate_own_certificate_not_after_timestamp_seconds", SIZE_MAX,
     METRIC_ENDS, "part=\"leaf\" 1|part=\"intermediates\" 2|part=\"roots\" 3"},
    {METRIC_DATABASE_BYTES, "acmegate_database_size_bytes", SIZE_MAX, METRIC_FILES,
     "file=\"database\" 1|file=\"wal\" 2"},
    {METRIC_CA_STATE, "acmegate_ca_state", 1, 3,
     "issuer=\"main2\",state=\"healthy\" 1|issuer=\"main2\",state=\"degraded\" 2|issuer=\"main2\",state="
     "\"down\" 3"},
    {METRIC_CA_CIRCUIT, "acmegate_ca_circuit", 1, 3,
     "issuer=\"main2\",state=\"well\" 1|issuer=\"main2\",state=\"recovering\" 2|issuer=\"main2\",state="
     "\"closed\" 3"},
};

Test(metrics_labels, a_gauge_has_the_series_that_were_set)
{
    begin();
    for (size_t i = 0; i < sizeof set_gauges / sizeof *set_gauges; i++) {
        cr_expect_str_empty(series_of(set_gauges[i].name), "%s", set_gauges[i].name);
        for (size_t n = 0; n < set_gauges[i].count; n++) {
            bool single = set_gauges[i].first_label == SIZE_MAX;
            metrics_set(&gauges, set_gauges[i].metric, (double)(n + 1),
                        (const size_t[METRIC_MAX_LABELS]){single ? n : set_gauges[i].first_label, n});
        }
        cr_expect_str_eq(series_of(set_gauges[i].name), set_gauges[i].series, "%s", set_gauges[i].name);
    }
    end();
}

Test(metrics_labels, a_gauge_without_such_a_series_is_not_set)
{
    begin();
    METRICS_SET(&gauges, METRIC_HTTP_CONNECTIONS, 1, METRIC_LISTENERS);
    METRICS_SET(&gauges, METRIC_CA_STATE, 1, 0, METRIC_CA_DOWN + 1);
    cr_expect_null(gauges.values[METRIC_HTTP_CONNECTIONS]);
    cr_expect_null(gauges.values[METRIC_CA_STATE]);
    end();
}

Test(metrics_labels, names_of_the_configuration_are_found_whole)
{
    enum { SPARE = 32, NONE = 3 + SPARE };
    static const struct {
        const char *id;
        size_t place;
    } ids[] = {{"main", 0},      {"main2", 1}, {"ma", 2},        {"main (ocsp)", 0},     {"main2 (ocsp)", 1},
               {"ma (ocsp)", 2}, {"m", NONE},  {"main22", NONE}, {"main (other)", NONE}, {"", NONE}};
    begin();
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        cr_expect_eq(metrics_issuer(ids[i].id), ids[i].place, "%s: %zu", ids[i].id,
                     metrics_issuer(ids[i].id));
    cr_expect_eq(metrics_endpoint("acme"), 0);
    cr_expect_eq(metrics_endpoint("net"), 1);
    cr_expect_eq(metrics_endpoint("ne"), 2 + SPARE);
    cr_expect_eq(metrics_profile("default"), 0);
    cr_expect_eq(metrics_profile("other"), 1 + SPARE);
    end();
    cr_expect_eq(metrics_issuer("main2"), 0, "nothing is configured before the start");
    cr_expect_eq(metrics_profile("other"), 0);
    cr_expect_eq(metrics_endpoint("net"), 0);
}

/* As a reload adds them. A name keeps its number and its counts, also when it is gone. */
Test(metrics_labels, names_that_come_later_count_beside_the_others)
{
    enum { MANY = 40, ROOM = 32 };
    static const struct endpoint_config later[] = {{.name = "net"}, {.name = "new"}};
    const struct config second = {.endpoints = later, .endpoint_count = 2};
    struct profile_config many[MANY];
    begin();
    METRICS_COUNT(METRIC_ACCOUNTS_CREATED, metrics_endpoint("acme"));
    METRICS_COUNT(METRIC_ACCOUNTS_CREATED, metrics_endpoint("new"));
    metrics_add_names(&second);
    metrics_add_names(&second);
    METRICS_COUNT(METRIC_ACCOUNTS_CREATED, metrics_endpoint("new"));
    METRICS_COUNT(METRIC_ACCOUNTS_CREATED, metrics_endpoint("acme"));
    cr_expect_str_eq(
        series_of("acmegate_accounts_created_total"),
        "endpoint=\"acme\" 2|endpoint=\"net\" 0|endpoint=\"new\" 1|endpoint=\"(not configured)\" 1");
    for (size_t i = 0; i < MANY; i++)
        many[i] = (struct profile_config){.name = arena_printf(arena, "p%zu", i)};
    metrics_add_names(&(struct config){.profiles = many, .profile_count = MANY});
    cr_expect_eq(metrics_profile("p0"), 1);
    cr_expect_eq(metrics_profile("p31"), ROOM);
    cr_expect_eq(metrics_profile("p32"), ROOM + 1, "there is no room");
    cr_expect_eq(metrics_profile("p39"), ROOM + 1);
    end();
}

Test(metrics_labels, what_is_not_configured_any_more_is_shown_once_it_counts)
{
    begin();
    METRICS_COUNT(METRIC_ACCOUNTS_CREATED, metrics_endpoint("gone"));
    METRICS_COUNT(METRIC_REVOCATIONS_REQUESTED, metrics_issuer("gone"));
    METRICS_COUNT(METRIC_REVOCATIONS_REQUESTED, metrics_issuer("main2"));
    METRICS_CALL("gone", METRIC_CALL_OTHER, 1000);
    cr_expect_str_eq(series_of("acmegate_accounts_created_total"),
                     "endpoint=\"acme\" 0|endpoint=\"net\" 0|endpoint=\"(not configured)\" 1");
    cr_expect_str_eq(series_of("acmegate_revocations_requested_total"),
                     "issuer=\"main\" 0|issuer=\"main2\" 1|issuer=\"ma\" 0|issuer=\"(not configured)\" 1");
    cr_expect_not_null(strstr(series_of("acmegate_ca_call_duration_seconds_count"),
                              "|issuer=\"(not configured)\",kind=\"other\" 1"));
    cr_expect_null(
        strstr(series_of("acmegate_ca_call_duration_seconds_count"), "(not configured)\",kind=\"sign"));
    end();
}

Test(metrics_labels, the_front_end_tells_of_handshakes_evictions_and_refused_proxies)
{
    begin();
    metrics_count_http_event(HTTP_HANDSHAKE_PROTOCOL_VERSION);
    for (int i = 0; i < 2; i++)
        metrics_count_http_event(HTTP_HANDSHAKE_UNFINISHED);
    for (int i = 0; i < 3; i++)
        metrics_count_http_event(HTTP_CONNECTION_EVICTED);
    metrics_count_http_event(HTTP_CONNECTION_NOT_FROM_A_PROXY);
    for (int i = 0; i < 2; i++)
        metrics_count_http_event(HTTP_CONNECTION_BAD_PROXY_HEADER);
    cr_expect_str_eq(series_of("acmegate_http_proxy_connections_refused_total"),
                     "reason=\"not_from_a_proxy\" 1|reason=\"bad_header\" 2");
    cr_expect_str_eq(
        series_of("acmegate_tls_handshakes_failed_total"),
        "reason=\"protocol_version\" 1|reason=\"no_shared_cipher\" 0|reason=\"no_application_protocol\" 0|"
        "reason=\"refused_by_client\" 0|reason=\"other\" 0|reason=\"unfinished\" 2");
    const char *text = arena_string(arena, metrics_render(arena, &gauges));
    cr_expect_not_null(strstr(text, "\nacmegate_http_connections_evicted_total 3\n"));
    end();
}
