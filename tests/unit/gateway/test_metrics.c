/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <pthread.h>

#include "acme/base/buffer.h"
#include "gateway/metrics/metrics.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(metrics);

static const struct issuer_config issuers[] = {{.id = "main"}, {.id = "a \"quoted\" one\\\nand more"}};
static const struct profile_config profiles[] = {{.name = "default"}, {.name = "short"}};
static const struct config config = {
    .issuers = issuers, .issuer_count = 2, .profiles = profiles, .profile_count = 2};

static size_t count_routes(void)
{
    return 2;
}

static const char *label_route(struct arena *arena, const struct config *configuration, size_t i)
{
    (void)arena;
    (void)configuration;
    return i == 0 ? "(none)" : "/directory";
}

static const struct metric_routes routes = {count_routes, label_route};

/* The lines of the metric, as they are shown. */
static const char *shown(struct arena *arena, struct metric_gauges *gauges, const char *name)
{
    struct metric_gauges none = {.arena = arena};
    struct bytes text = metrics_render(arena, gauges == NULL ? &none : gauges);
    struct buffer lines;
    buffer_init(&lines, arena, METRICS_MAX_BYTES);
    cr_assert_gt(text.n, 0);
    for (char *line = strtok((char *)(uintptr_t)text.p, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (line[0] != '#' && strncmp(line, name, strlen(name)) == 0)
            buffer_printf(&lines, "%s\n", line);
    return buffer_string(&lines);
}

static void expect_shown(const char *name, const char *expected)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(shown(arena, NULL, name), expected);
    arena_free(arena);
}

Test(metrics, a_counter_is_shown_from_the_start_for_what_is_configured)
{
    metrics_start(&config, &routes, "edge");
    expect_shown("acmegate_orders_valid_total", "acmegate_orders_valid_total{profile=\"default\"} 0\n"
                                                "acmegate_orders_valid_total{profile=\"short\"} 0\n");
    METRICS_COUNT(METRIC_ORDERS_VALID, metrics_profile("short"));
    METRICS_COUNT(METRIC_ORDERS_VALID, metrics_profile("short"));
    METRICS_COUNT(METRIC_ORDERS_VALID, metrics_profile("gone"));
    expect_shown("acmegate_orders_valid_total",
                 "acmegate_orders_valid_total{profile=\"default\"} 0\n"
                 "acmegate_orders_valid_total{profile=\"short\"} 2\n"
                 "acmegate_orders_valid_total{profile=\"(not configured)\"} 1\n");
    metrics_stop();
}

Test(metrics, routes_have_the_names_that_the_front_end_gives)
{
    metrics_start(&config, &routes, "edge");
    METRICS_COUNT(METRIC_HTTP_REQUESTS, 1, 2);
    METRICS_COUNT(METRIC_HTTP_REQUESTS, 2, 2);
    expect_shown("acmegate_http_requests_total{route=\"/directory\",code=\"2xx\"}",
                 "acmegate_http_requests_total{route=\"/directory\",code=\"2xx\"} 1\n");
    metrics_stop();
}

Test(metrics, values_of_labels_are_escaped)
{
    struct arena *arena = arena_new();
    struct metric_gauges gauges = {.arena = arena};
    metrics_start(&config, &routes, "edge");
    METRICS_SET(&gauges, METRIC_CA_UP, 1, metrics_issuer(issuers[1].id));
    cr_expect_str_eq(shown(arena, &gauges, "acmegate_ca_up"),
                     "acmegate_ca_up{issuer=\"a \\\"quoted\\\" one\\\\\\nand more\"} 1\n");
    metrics_stop();
    arena_free(arena);
}

Test(metrics, a_histogram_is_cumulative)
{
    metrics_start(&config, &routes, "edge");
    const int64_t batches[] = {1, 1, 2, 3, 64, 65, 1000};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        METRICS_OBSERVE(METRIC_BATCH_OPERATIONS, batches[i]);
    expect_shown("acmegate_committer_batch_operations",
                 "acmegate_committer_batch_operations_bucket{le=\"1\"} 2\n"
                 "acmegate_committer_batch_operations_bucket{le=\"2\"} 3\n"
                 "acmegate_committer_batch_operations_bucket{le=\"4\"} 4\n"
                 "acmegate_committer_batch_operations_bucket{le=\"8\"} 4\n"
                 "acmegate_committer_batch_operations_bucket{le=\"16\"} 4\n"
                 "acmegate_committer_batch_operations_bucket{le=\"32\"} 4\n"
                 "acmegate_committer_batch_operations_bucket{le=\"64\"} 5\n"
                 "acmegate_committer_batch_operations_bucket{le=\"+Inf\"} 7\n"
                 "acmegate_committer_batch_operations_sum 1136\n"
                 "acmegate_committer_batch_operations_count 7\n");
    metrics_stop();
}

Test(metrics, durations_are_seconds_and_their_labels_come_before_the_bucket)
{
    struct arena *arena = arena_new();
    metrics_start(&config, &routes, "edge");
    METRICS_CALL("main", METRIC_CALL_SIGN, 5000);
    METRICS_CALL("main (ocsp)", METRIC_CALL_SIGN, 2500001);
    METRICS_CALL("main", METRIC_CALL_SIGN, -1);
    const char *text = shown(arena, NULL, "acmegate_ca_call_duration_seconds");
    const char *const lines[] = {
        "acmegate_ca_call_duration_seconds_bucket{issuer=\"main\",kind=\"sign\",le=\"0.005\"} 2\n",
        "acmegate_ca_call_duration_seconds_bucket{issuer=\"main\",kind=\"sign\",le=\"2.5\"} 2\n",
        "acmegate_ca_call_duration_seconds_bucket{issuer=\"main\",kind=\"sign\",le=\"5\"} 3\n",
        "acmegate_ca_call_duration_seconds_bucket{issuer=\"main\",kind=\"sign\",le=\"+Inf\"} 3\n",
        "acmegate_ca_call_duration_seconds_sum{issuer=\"main\",kind=\"sign\"} 2.505001\n",
        "acmegate_ca_call_duration_seconds_count{issuer=\"main\",kind=\"sign\"} 3\n",
        "acmegate_ca_call_duration_seconds_count{issuer=\"main\",kind=\"revoke\"} 0\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not_null(strstr(text, lines[i]), "%s", lines[i]);
    cr_expect_null(strstr(text, METRICS_NOT_CONFIGURED));
    metrics_stop();
    arena_free(arena);
}

Test(metrics, a_gauge_is_shown_when_it_is_set)
{
    struct arena *arena = arena_new();
    struct metric_gauges gauges = {.arena = arena};
    metrics_start(&config, &routes, "edge");
    cr_expect_str_eq(shown(arena, &gauges, "acmegate_crl_next_update_timestamp_seconds{"), "");
    METRICS_SET(&gauges, METRIC_CRL_NEXT_UPDATE, INT64_C(1780272000), metrics_issuer("main"));
    METRICS_SET(&gauges, METRIC_VALIDATIONS_WAITING, 0);
    cr_expect_str_eq(shown(arena, &gauges, "acmegate_crl_next_update"),
                     "acmegate_crl_next_update_timestamp_seconds{issuer=\"main\"} 1780272000\n");
    cr_expect_str_eq(shown(arena, &gauges, "acmegate_validations_waiting"),
                     "acmegate_validations_waiting 0\n");
    metrics_stop();
    arena_free(arena);
}

Test(metrics, what_has_no_place_is_not_counted)
{
    metrics_start(&config, &routes, "edge");
    METRICS_COUNT(METRIC_ORDERS_VALID, 3);
    METRICS_COUNT(METRIC_ORDERS_VALID, SIZE_MAX);
    expect_shown("acmegate_orders_valid_total", "acmegate_orders_valid_total{profile=\"default\"} 0\n"
                                                "acmegate_orders_valid_total{profile=\"short\"} 0\n");
    metrics_stop();
}

Test(metrics, outside_of_a_server_counting_does_nothing)
{
    METRICS_COUNT(METRIC_ORDERS_VALID, metrics_profile("default"));
    METRICS_CALL("main", METRIC_CALL_SIGN, 1);
    METRICS_COUNT(METRIC_ACCOUNTS_CREATED, metrics_endpoint("acme"));
    metrics_start(&config, &routes, "edge");
    expect_shown("acmegate_orders_valid_total{profile=\"default\"}",
                 "acmegate_orders_valid_total{profile=\"default\"} 0\n");
    metrics_stop();
}

Test(metrics, S1_a_note_for_which_there_is_no_room_is_left_out)
{
    struct metric_notes notes = {0};
    metrics_start(&config, &routes, "edge");
    for (size_t type = 0; type < METRIC_NOTES_MAX + 1; type++)
        METRICS_NOTE(&notes, METRIC_ORDERS_INVALID, type);
    cr_expect_eq(notes.count, METRIC_NOTES_MAX);
    METRICS_NOTE(&notes, METRIC_ORDERS_INVALID, 0);
    cr_expect_eq(notes.note[0].n, 2, "a note that stands is still counted");
}

Test(metrics, notes_are_counted_once)
{
    struct metric_notes notes = {0};
    metrics_start(&config, &routes, "edge");
    for (int i = 0; i < 2 * METRIC_NOTES_MAX; i++)
        METRICS_NOTE(&notes, METRIC_ORDERS_INVALID, PROBLEM_UNAUTHORIZED);
    METRICS_NOTE(&notes, METRIC_ORDERS_INVALID, PROBLEM_DNS);
    expect_shown("acmegate_orders_invalid_total{reason=\"unauthorized\"}",
                 "acmegate_orders_invalid_total{reason=\"unauthorized\"} 0\n");
    metrics_count_notes(&notes);
    metrics_count_notes(&notes);
    expect_shown("acmegate_orders_invalid_total{reason=\"unauthorized\"}",
                 "acmegate_orders_invalid_total{reason=\"unauthorized\"} 10\n");
    expect_shown("acmegate_orders_invalid_total{reason=\"dns\"}",
                 "acmegate_orders_invalid_total{reason=\"dns\"} 1\n");
    metrics_stop();
}

enum { THREADS = 4, ADDS = 10000 };

static void *count_many(void *argument)
{
    for (int i = 0; i < ADDS; i++) {
        METRICS_COUNT(METRIC_NONCES_REFUSED);
        METRICS_OBSERVE(METRIC_COMMIT_DURATION, 1000);
    }
    return argument;
}

Test(metrics, threads_count_together)
{
    pthread_t threads[THREADS];
    metrics_start(&config, &routes, "edge");
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count_many, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    expect_shown("acmegate_nonces_refused_total", "acmegate_nonces_refused_total 40000\n");
    expect_shown("acmegate_committer_commit_duration_seconds_sum",
                 "acmegate_committer_commit_duration_seconds_sum 40\n");
    expect_shown("acmegate_committer_commit_duration_seconds_count",
                 "acmegate_committer_commit_duration_seconds_count 40000\n");
    metrics_stop();
}
